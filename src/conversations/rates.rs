//! How often a conversation's widgets may do something, counted over all its sockets: a reconnect resets nothing.
//!
//! Each node counts for itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::domain::id::ConversationId;
use crate::domain::rate::{Bucket, Rate};

use super::remembered::Remembered;

/// After this time every bucket is full again.
const FULL_AFTER: Duration = Duration::from_mins(1);
/// Conversations that nobody holds any more and whose buckets aren't full yet, some 20 MiB of them. The one that is
/// forgotten first has least to forget.
const REMEMBERED_MAX: usize = 100_000;

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
pub(super) struct Left(Remembered<Arc<Rates>>);

impl Left {
    /// Remembers them for a minute, unless they are as good as new.
    pub(super) fn keep(&self, id: ConversationId, rates: Arc<Rates>, now: Duration) {
        if !rates.is_full(now) {
            self.0.keep(id, rates, now);
        }
    }

    pub(super) fn take(&self, id: ConversationId) -> Arc<Rates> {
        self.0.take(id).unwrap_or_default()
    }
}

impl Default for Left {
    fn default() -> Self {
        Self(Remembered::new(FULL_AFTER, REMEMBERED_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::UnixTime;

    #[test]
    fn who_has_all_of_its_rates_has_nothing_to_remember() {
        let (left, rate) = (Left::default(), Rate::per_minute(2).unwrap());
        let id = ConversationId::new(UnixTime::EPOCH, [0; 10]);
        let used_at = Duration::from_secs(100);
        for (later, is_as_new) in [
            ((FULL_AFTER / 2).saturating_sub(Duration::from_millis(1)), false),
            (FULL_AFTER / 2, true),
            (FULL_AFTER / 2 + Duration::from_millis(1), true),
        ] {
            let rates = Arc::new(Rates::default());
            rates.take(Counted::Messages, rate, used_at).unwrap();
            left.keep(id, rates.clone(), used_at + later);
            assert_eq!(!Arc::ptr_eq(&left.take(id), &rates), is_as_new, "{later:?}");
        }
    }
}
