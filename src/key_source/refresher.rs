//! The background's work: documents in use are fetched again before they cease to be fresh.

use std::sync::Arc;
use std::time::Duration;

use super::cache::{RefreshAhead, Trigger};
use super::source::Inner;

/// The ages in the metrics are no older than this.
const GAUGE_EVERY: Duration = Duration::from_secs(15);

/// Begins refreshes ahead as they fall due, and shows the documents' ages, until the stop.
pub(super) async fn refresh_ahead(inner: Arc<Inner>) {
    loop {
        let wait = refresh_due(&inner).min(GAUGE_EVERY);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = inner.changed.notified() => {}
            () = inner.lifecycle.stopped() => return,
        }
    }
}

/// Begins what is due and tells how long until there is more to do.
fn refresh_due(inner: &Arc<Inner>) -> Duration {
    let mut wait = Duration::MAX;
    for tenant in inner.tenants.values() {
        let now = inner.clock.now();
        let mut slot = tenant.slot();
        if let Some(held) = slot.cache.held() {
            let age = now.since(held.fetched_at).as_secs_f64();
            inner.metrics.key_set_age(&tenant.keys.tenant).set(age);
        }
        match slot.cache.refresh_ahead(now) {
            RefreshAhead::AskAt(at) => wait = wait.min(at.since(now)),
            RefreshAhead::Now => drop(inner.board(tenant, &mut slot, Trigger::RefreshAhead)),
            RefreshAhead::No => {}
        }
    }
    wait
}
