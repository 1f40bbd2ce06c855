//! What an operator sees of a tenant's keys, and a fetch because one asks.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::cache::{Served, Trigger};
use super::failure::FetchError;
use super::flight::restore;
use super::source::KeySource;
use super::tenant::Tenant;
use crate::domain::id::TenantId;
use crate::domain::keys::KeyDocument;
use crate::domain::time::UnixTime;

/// What is known of a tenant's keys.
#[derive(Debug, Clone)]
pub struct Status {
    /// Where they are published; its query may hold what is nobody's business.
    pub url: Url,
    /// The document held, be it fresh, stale or past even that.
    pub document: Option<Served<KeyDocument>>,
    /// Until when it needs no fetch.
    pub fresh_until: Option<UnixTime>,
    /// Until when it serves where fetches fail.
    pub stale_until: Option<UnixTime>,
    /// The last fetch, where it failed, and when.
    pub last_failure: Option<(UnixTime, FetchError)>,
    /// Before this instant no token causes a fetch, for the last one failed.
    pub next_try_at: Option<UnixTime>,
    /// Whether a fetch is in flight.
    pub is_fetching: bool,
}

/// The tenant has no key endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no key endpoint is configured for this tenant")]
pub struct NoEndpoint;

/// Why a fetch that an operator asked for brought nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotRefreshed {
    /// There is nothing to fetch from.
    #[error(transparent)]
    NoEndpoint(#[from] NoEndpoint),
    /// One was asked for a moment ago.
    #[error("the tenant's keys were fetched a moment ago")]
    Throttled {
        /// When one may be asked for again.
        retry_after: Duration,
    },
    /// The fetch failed: what was held stays. The status holds the failure.
    #[error("the tenant's keys could not be fetched")]
    Failed(Box<Status>),
    /// Usher is stopping.
    #[error("usher is stopping")]
    Stopping,
}

impl KeySource {
    /// What is known of a tenant's keys. What was kept before this start, and is not needed yet, is looked up; nothing
    /// is fetched. Waits at most 2 s.
    ///
    /// # Errors
    /// The tenant has no key endpoint.
    pub async fn status(&self, tenant: &TenantId) -> Result<Status, NoEndpoint> {
        let tenant = self.published(tenant)?;
        let is_unknown = {
            let slot = tenant.slot();
            slot.cache.held().is_none() && !slot.in_flight()
        };
        if is_unknown {
            restore(&self.0, tenant).await;
        }
        Ok(self.known(tenant))
    }

    /// Fetches because an operator asks, whatever is held and however the last fetch ended. The fetch begins after the
    /// call: one in flight, which may have read an older document, is waited for first. One fetch is had in
    /// [`FORCED_EVERY`](super::cache::FORCED_EVERY).
    ///
    /// # Errors
    /// No fetch is had, or it failed.
    pub async fn refresh(&self, tenant: &TenantId) -> Result<Status, NotRefreshed> {
        let tenant = self.published(tenant)?;
        let before = {
            let mut slot = tenant.slot();
            let asked = slot.cache.on_forced(self.0.clock.now());
            asked.map_err(|retry_after| NotRefreshed::Throttled { retry_after })?;
            slot.in_flight().then(|| slot.board().0)
        };
        if let Some(before) = before {
            before.landed().await;
        }
        let (landing, generation) = {
            let mut slot = tenant.slot();
            let generation = slot.cache.generation();
            (self.0.board(tenant, &mut slot, Trigger::Admin), generation)
        };
        landing.landed().await;
        let status = self.known(tenant);
        match &status {
            Status { last_failure: Some(_), .. } => Err(NotRefreshed::Failed(Box::new(status))),
            Status { document: Some(served), .. } if served.generation > generation => Ok(status),
            Status { .. } => Err(NotRefreshed::Stopping),
        }
    }

    fn known(&self, tenant: &Tenant) -> Status {
        let (slot, now) = (tenant.slot(), self.0.clock.now());
        let held = slot.cache.held();
        Status {
            url: tenant.keys.url.clone(),
            document: held.map(|held| held.serve(now)),
            fresh_until: held.map(|held| held.fresh_until),
            stale_until: held.map(|held| held.stale_until),
            last_failure: slot.cache.last_failure().cloned(),
            next_try_at: slot.cache.backoff(now).map(|left| now.plus(left)),
            is_fetching: slot.in_flight(),
        }
    }

    fn published(&self, tenant: &TenantId) -> Result<&Arc<Tenant>, NoEndpoint> {
        self.0.tenants.get(tenant).ok_or(NoEndpoint)
    }
}
