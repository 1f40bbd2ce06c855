//! One tenant's place in the key source: its URL, its cache, and the fetch in flight.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, watch};
use url::Url;

use super::cache::{Cache, Freshness};
use crate::domain::id::TenantId;
use crate::domain::keys::KeyDocument;

/// How many of those who waited for a fetch go on at once. Thousands may wait for an endpoint that hangs: what they do
/// next would else keep every other tenant's customers waiting.
const GOING_ON_MAX: usize = 16;

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
    going_on: Arc<Semaphore>,
}

/// Held by the fetch in flight: dropping it, however the fetch ends, wakes everyone who waits.
#[derive(Debug)]
pub(super) struct Flight {
    _landed: watch::Sender<()>,
}

/// Waits for the fetch in flight.
#[derive(Debug)]
pub(super) struct Landing {
    flight: watch::Receiver<()>,
    going_on: Arc<Semaphore>,
}

impl Tenant {
    pub(super) fn new(keys: TenantKeys, freshness: Freshness) -> Self {
        let (cache, going_on) = (Cache::new(freshness), Arc::new(Semaphore::new(GOING_ON_MAX)));
        Self { keys, slot: Mutex::new(Slot { cache, flight: None, going_on }) }
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
        let going_on = self.going_on.clone();
        if let Some(flight) = self.flight.clone().filter(|flight| flight.has_changed().is_ok()) {
            return (Landing { flight, going_on }, None);
        }
        let (landed, flight) = watch::channel(());
        self.flight = Some(flight.clone());
        (Landing { flight, going_on }, Some(Flight { _landed: landed }))
    }
}

impl Landing {
    /// Completes when the fetch has ended, for a few of those who wait at a time. Whoever drops this leaves the fetch to
    /// the others.
    pub(super) async fn landed(mut self) {
        while self.flight.changed().await.is_ok() {}
        let turn = self.going_on.acquire().await;
        // To the end of the runtime's queue, behind everybody else who has something to do.
        tokio::task::yield_now().await;
        drop(turn);
    }
}
