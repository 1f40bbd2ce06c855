//! How often a conversation's widgets may do something, counted over all its sockets: a reconnect resets nothing.
//!
//! Each node counts for itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::domain::id::ConversationId;
use crate::domain::rate::{Bucket, Rate};

/// After this time every bucket is full again.
const FULL_AFTER: Duration = Duration::from_mins(1);
/// Conversations that nobody holds any more and whose buckets aren't full yet, some 20 MiB of them. The one that was
/// left longest ago is forgotten first, and has least to forget.
const REMEMBERED_MAX: u64 = 100_000;

/// What is left to a conversation of its rates.
#[derive(Debug, Default)]
pub struct Rates {
    frames: AtomicU64,
    messages: AtomicU64,
    authentications: AtomicU64,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Frames of any kind.
    Frames,
    /// Messages.
    Messages,
    /// Tokens presented.
    Authentications,
}

impl Rates {
    /// Takes one, or says how long to wait for it.
    pub fn take(&self, counted: Counted, rate: Rate, now: Duration) -> Result<(), Duration> {
        let mut refused = None;
        let taken = self.of(counted).fetch_update(Ordering::Relaxed, Ordering::Relaxed, |bits| {
            let mut bucket = Bucket::from_bits(bits);
            refused = bucket.take(rate, now).err();
            refused.is_none().then(|| bucket.to_bits())
        });
        taken.map(drop).map_err(|_| refused.unwrap_or_default())
    }

    fn is_full(&self, now: Duration) -> bool {
        [&self.frames, &self.messages, &self.authentications]
            .iter()
            .all(|bits| Bucket::from_bits(bits.load(Ordering::Relaxed)).is_full(now))
    }

    const fn of(&self, counted: Counted) -> &AtomicU64 {
        match counted {
            Counted::Frames => &self.frames,
            Counted::Messages => &self.messages,
            Counted::Authentications => &self.authentications,
        }
    }
}

/// The rates of conversations that nobody holds.
#[derive(Debug)]
pub(super) struct Left(Cache<ConversationId, Arc<Rates>>);

impl Left {
    pub(super) fn new() -> Self {
        let cache = Cache::builder()
            .max_capacity(REMEMBERED_MAX)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(FULL_AFTER);
        Self(cache.build())
    }

    /// Remembers them, unless they are as good as new.
    pub(super) fn keep(&self, id: ConversationId, rates: Arc<Rates>, now: Duration) {
        if !rates.is_full(now) {
            self.0.insert(id, rates);
        }
    }

    pub(super) fn take(&self, id: ConversationId) -> Arc<Rates> {
        self.0.remove(&id).unwrap_or_default()
    }
}
