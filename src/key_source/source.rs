//! The handle that the rest of usher holds: keys for a token, and newer ones where a token needs them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::cache::{Freshness, Refetch, Served, Trigger, Use};
use super::fetch::Fetch;
use super::flight::fly;
use super::jitter::Jitter;
use super::refresher::refresh_ahead;
use super::store::DocumentStore;
use super::tenant::{Landing, Slot, Tenant, TenantKeys};
use crate::clock::Clock;
use crate::domain::id::TenantId;
use crate::domain::keys::KeyDocument;
use crate::domain::time::UnixTime;
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;

/// What a key source is made of.
#[derive(Debug)]
pub struct Setup {
    /// Whose keys. A tenant named twice is taken as it is named last.
    pub tenants: Vec<TenantKeys>,
    /// How long documents serve.
    pub freshness: Freshness,
    /// Fetches them.
    pub fetcher: Arc<dyn Fetch>,
    /// Keeps them.
    pub store: Arc<dyn DocumentStore>,
    /// Tells the time.
    pub clock: Clock,
    /// Spreads refreshes and backoffs.
    pub jitter: Jitter,
    /// Counts fetches.
    pub metrics: Arc<Metrics>,
    /// Ends the background's work.
    pub lifecycle: Lifecycle,
}

/// Every tenant's keys. A clone is another handle on the same.
#[derive(Debug, Clone)]
pub struct KeySource(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) tenants: HashMap<TenantId, Arc<Tenant>>,
    pub(super) fetcher: Arc<dyn Fetch>,
    pub(super) store: Arc<dyn DocumentStore>,
    pub(super) clock: Clock,
    pub(super) jitter: Jitter,
    pub(super) metrics: Arc<Metrics>,
    pub(super) lifecycle: Lifecycle,
    pub(super) changed: Notify,
}

/// There are no keys to judge by. Always temporary; the message may be shown to a customer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct KeysUnavailable {
    /// What happened, as a clause, without names or addresses of the tenant's network.
    pub message: String,
    /// When to try again.
    pub retry_after: Duration,
}

/// Why there is no newer document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoNewer {
    /// The throttle or the backoff refuses another fetch, or the fetch failed: what a token was judged by stands,
    /// for the time being.
    #[error("the tenant's keys are not fetched again for now")]
    Throttled {
        /// When to try again.
        retry_after: Duration,
    },
    /// There is no document at all.
    #[error(transparent)]
    Unavailable(#[from] KeysUnavailable),
}

/// Why a token needs a newer document than it was judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It names a `kid` that the set lacks.
    UnknownKid,
    /// Its signature fails against a single PEM, which may have been replaced.
    Signature,
}

impl KeySource {
    /// Begins with what the store has kept; nothing is fetched before it is needed.
    ///
    /// Must be called within the runtime.
    #[must_use]
    pub fn start(setup: Setup) -> Self {
        let tenants = setup.tenants.into_iter().map(|keys| {
            let id = keys.tenant.clone();
            (id, Arc::new(Tenant::new(keys, setup.freshness)))
        });
        let inner = Arc::new(Inner {
            tenants: tenants.collect(),
            fetcher: setup.fetcher,
            store: setup.store,
            clock: setup.clock,
            jitter: setup.jitter,
            metrics: setup.metrics,
            lifecycle: setup.lifecycle,
            changed: Notify::new(),
        });
        inner.lifecycle.spawn(refresh_ahead(Arc::clone(&inner)));
        Self(inner)
    }

    /// The keys to judge a token by: at once where they are fresh, else after the fetch that this begins or joins.
    /// Dropping the future cancels nothing for others.
    ///
    /// # Errors
    /// There is no document, and the endpoint gives none.
    pub async fn keys(&self, tenant: &TenantId) -> Result<Served<KeyDocument>, KeysUnavailable> {
        let tenant = self.tenant(tenant)?;
        let landing = {
            let mut slot = tenant.slot();
            let in_flight = slot.in_flight();
            match slot.cache.on_use(self.0.clock.now(), in_flight) {
                Use::Serve { served, refresh } => {
                    if refresh {
                        self.0.board(tenant, &mut slot, Trigger::RefreshAhead);
                    }
                    return Ok(served);
                }
                Use::Unavailable { retry_after } => return Err(unavailable(&slot, retry_after)),
                Use::Wait(trigger) => self.0.board(tenant, &mut slot, trigger),
            }
        };
        let turn = landing.landed().await;
        let found = self.found(tenant);
        if found.is_err() {
            turn.in_vain().await;
        }
        found
    }

    /// What there is after a fetch.
    fn found(&self, tenant: &Tenant) -> Result<Served<KeyDocument>, KeysUnavailable> {
        let mut slot = tenant.slot();
        let now = self.0.clock.now();
        slot.cache.after_wait(now).map_err(|retry_after| unavailable(&slot, retry_after))
    }

    /// A newer document than the one of generation `seen`, by which a token was judged in vain: two fetches are in
    /// hand, one more every 30 s. Whoever comes while one is in flight shares it.
    ///
    /// # Errors
    /// The throttle or the backoff refuses, or the fetch failed; both are temporary.
    pub async fn refetch(
        &self,
        tenant: &TenantId,
        seen: u64,
        reason: Reason,
    ) -> Result<Served<KeyDocument>, NoNewer> {
        let tenant = self.tenant(tenant)?;
        let trigger = match reason {
            Reason::UnknownKid => Trigger::UnknownKid,
            Reason::Signature => Trigger::Signature,
        };
        let landing = {
            let mut slot = tenant.slot();
            let in_flight = slot.in_flight();
            match slot.cache.on_refetch(self.0.clock.now(), seen, in_flight) {
                Refetch::Serve(served) => return Ok(served),
                Refetch::Throttled { retry_after } => {
                    self.0.metrics.key_fetch_throttled.inc();
                    return Err(NoNewer::Throttled { retry_after });
                }
                Refetch::Wait => self.0.board(tenant, &mut slot, trigger),
            }
        };
        drop(landing.landed().await);
        let (slot, now) = (tenant.slot(), self.0.clock.now());
        let retry_after = slot.cache.retry_after(now);
        slot.cache.newer_than(seen, now).ok_or_else(|| match slot.cache.held() {
            Some(_) => NoNewer::Throttled { retry_after },
            None => unavailable(&slot, retry_after).into(),
        })
    }

    pub(super) fn now(&self) -> UnixTime {
        self.0.clock.now()
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    fn tenant(&self, tenant: &TenantId) -> Result<&Arc<Tenant>, KeysUnavailable> {
        self.0.tenants.get(tenant).ok_or_else(|| KeysUnavailable {
            message: "no key endpoint is configured for this tenant".to_owned(),
            retry_after: Duration::from_mins(1),
        })
    }
}

impl Inner {
    /// Joins the fetch in flight, or begins one.
    pub(super) fn board(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        slot: &mut Slot,
        trigger: Trigger,
    ) -> Landing {
        let (landing, flight) = slot.board();
        if let Some(flight) = flight {
            self.lifecycle.spawn(fly(Arc::clone(self), Arc::clone(tenant), trigger, flight));
        }
        landing
    }

    pub(super) fn wake_refresher(&self) {
        self.changed.notify_one();
    }
}

fn unavailable(slot: &Slot, retry_after: Duration) -> KeysUnavailable {
    let reason =
        slot.cache.last_failure().map_or("usher is stopping", |(_, error)| error.kind.public_reason());
    KeysUnavailable {
        message: format!("the tenant's public keys can't be had at the moment: {reason}"),
        retry_after,
    }
}
