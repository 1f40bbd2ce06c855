//! One tenant's place in the key source: its URL, its cache, and the fetch in flight.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};
use tokio::time::sleep;
use url::Url;

use super::cache::{Cache, Freshness};
use crate::domain::id::TenantId;
use crate::domain::keys::KeyDocument;

/// How many of those who waited for a fetch go on between two looks at the sockets. Thousands may wait for an endpoint
/// that hangs: what they do next would else keep every other tenant's customers waiting.
const GOING_ON_MAX: usize = 1;
/// How many of them go on between two pauses where the fetch has failed: half a millisecond's work.
const BETWEEN_PAUSES: usize = 8;
/// How long the processor is then left to whoever else needs it, the journal's writer above all.
const PAUSE: Duration = Duration::from_millis(1);
/// How many pauses a crowd makes at most: a second or two, so that even the largest is through before its tokens end.
const PAUSES_MAX: usize = 1024;

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
    flight: Option<Arc<Gate>>,
}

/// Where those wait who need the fetch in flight. It opens once.
#[derive(Debug)]
struct Gate {
    is_open: AtomicBool,
    /// None before the gate opens. Whoever has gone on makes way for the next.
    going_on: Semaphore,
    /// How many have had their turn in vain.
    turns: AtomicUsize,
}

/// Held by the fetch in flight: dropping it, however the fetch ends, lets everyone go on who waits.
#[derive(Debug)]
pub(super) struct Flight(Arc<Gate>);

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.is_open.store(true, Ordering::Relaxed);
        self.0.going_on.add_permits(GOING_ON_MAX);
    }
}

/// Waits for the fetch in flight.
#[derive(Debug)]
pub(super) struct Landing(Arc<Gate>);

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
        self.flight.as_ref().is_some_and(|gate| !gate.is_open.load(Ordering::Relaxed))
    }

    /// The landing of the fetch in flight, and the flight itself where it is for the caller to begin.
    pub(super) fn board(&mut self) -> (Landing, Option<Flight>) {
        if let Some(gate) = self.flight.as_ref().filter(|_| self.in_flight()) {
            return (Landing(gate.clone()), None);
        }
        let gate = Arc::new(Gate {
            is_open: AtomicBool::new(false),
            going_on: Semaphore::new(0),
            turns: AtomicUsize::new(0),
        });
        self.flight = Some(gate.clone());
        (Landing(gate.clone()), Some(Flight(gate)))
    }
}

/// Whoever holds it goes on; the next one does when it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    gate: &'a Gate,
    /// Nobody closes the semaphore: an error can't be.
    _permit: Result<SemaphorePermit<'a>, AcquireError>,
}

impl Landing {
    /// Completes when the fetch has ended, for a few of those who wait at a time. Whoever drops this leaves the fetch
    /// to the others.
    pub(super) async fn landed(&self) -> Turn<'_> {
        let permit = self.0.going_on.acquire().await;
        // To the end of the runtime's queue, behind everybody else who has something to do.
        tokio::task::yield_now().await;
        Turn { gate: &self.0, _permit: permit }
    }
}

impl Turn<'_> {
    /// Goes on with nothing in hand. Refusals are all that a crowd has to be told then, and nobody waits for them.
    pub(super) async fn in_vain(self) {
        let nth = self.gate.turns.fetch_add(1, Ordering::Relaxed) + 1;
        if nth.is_multiple_of(BETWEEN_PAUSES) && nth <= BETWEEN_PAUSES * PAUSES_MAX {
            sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinHandle;
    use tokio::time::Instant;

    use super::*;
    use crate::lifecycle::Lifecycle;

    /// So many who wait for a fetch that ends at once; each tells when it went on.
    async fn crowd(count: usize) -> Vec<JoinHandle<Instant>> {
        let mut slot = Slot { cache: Cache::new(Freshness::default()), flight: None };
        let (lifecycle, (_, flight)) = (Lifecycle::new(), slot.board());
        let wait = |landing: Landing| async move {
            landing.landed().await.in_vain().await;
            Instant::now()
        };
        let waiting = (0..count).map(|_| lifecycle.spawn(wait(slot.board().0))).collect();
        tokio::task::yield_now().await;
        drop(flight);
        waiting
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_that_waited_in_vain_leaves_pauses_to_the_others() {
        let began = Instant::now();
        let mut went_on = Vec::new();
        for waiting in crowd(3 * BETWEEN_PAUSES).await {
            went_on.push(waiting.await.unwrap() - began);
        }
        let before = |pauses: u32| went_on.iter().filter(|after| **after < PAUSE * pauses).count();
        let expected = [0, BETWEEN_PAUSES - 1, 2 * BETWEEN_PAUSES - 1, 3 * BETWEEN_PAUSES - 1];
        assert_eq!([before(0), before(1), before(2), before(3)], expected, "{went_on:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_largest_crowd_makes_so_many_pauses_and_no_more() {
        for (count, pauses) in [
            (PAUSES_MAX * BETWEEN_PAUSES - 1, PAUSES_MAX - 1),
            (PAUSES_MAX * BETWEEN_PAUSES, PAUSES_MAX),
            ((PAUSES_MAX + 1) * BETWEEN_PAUSES, PAUSES_MAX),
        ] {
            let began = Instant::now();
            let last = crowd(count).await.pop().unwrap().await.unwrap();
            assert_eq!((last - began).as_millis(), PAUSE.as_millis() * pauses as u128, "{count}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_in_a_pause_keeps_nobody_waiting() {
        let mut crowd = crowd(2 * BETWEEN_PAUSES).await;
        let pausing = crowd.remove(BETWEEN_PAUSES - 1);
        for before in crowd.drain(..BETWEEN_PAUSES - 1) {
            before.await.unwrap();
        }
        pausing.abort();
        assert!(pausing.await.unwrap_err().is_cancelled());
        for after in crowd {
            after.await.unwrap();
        }
    }
}
