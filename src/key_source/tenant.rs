//! One tenant's place in the key source: its URL, its cache, and the fetch in flight.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use url::Url;

use super::cache::{Cache, Freshness};
use crate::domain::id::TenantId;
use crate::domain::keys::KeyDocument;

/// What the key source needs to know of a tenant.
#[derive(Debug, Clone)]
pub struct TenantKeys {
    /// Whose keys.
    pub tenant: TenantId,
    /// Where they are published.
    pub url: Url,
    /// The largest RSA modulus taken, in bits.
    pub max_key_bits: u32,
}

/// State is held per tenant and never per URL: tenants that name one URL share nothing.
#[derive(Debug)]
pub(super) struct Tenant {
    pub(super) keys: TenantKeys,
    slot: Mutex<Slot>,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) cache: Cache<KeyDocument>,
    flight: Option<watch::Receiver<()>>,
}

/// Held by the fetch in flight: dropping it, however the fetch ends, wakes everyone who waits.
#[derive(Debug)]
pub(super) struct Flight {
    _landed: watch::Sender<()>,
}

/// Waits for the fetch in flight.
#[derive(Debug)]
pub(super) struct Landing(watch::Receiver<()>);

impl Tenant {
    pub(super) fn new(keys: TenantKeys, freshness: Freshness) -> Self {
        Self { keys, slot: Mutex::new(Slot { cache: Cache::new(freshness), flight: None }) }
    }

    /// The lock is held for a few comparisons, never over an await.
    pub(super) fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    pub(super) fn in_flight(&self) -> bool {
        self.flight.as_ref().is_some_and(|flight| flight.has_changed().is_ok())
    }

    /// The landing of the fetch in flight, and the flight itself where it is for the caller to begin.
    pub(super) fn board(&mut self) -> (Landing, Option<Flight>) {
        if let Some(flight) = self.flight.as_ref().filter(|flight| flight.has_changed().is_ok()) {
            return (Landing(flight.clone()), None);
        }
        let (landed, flight) = watch::channel(());
        self.flight = Some(flight.clone());
        (Landing(flight), Some(Flight { _landed: landed }))
    }
}

impl Landing {
    /// Completes when the fetch has ended. Whoever drops this leaves the fetch to the others.
    pub(super) async fn landed(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}
