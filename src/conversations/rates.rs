//! How often a conversation's widgets may do something, counted over all its sockets: a reconnect resets nothing.
//!
//! Each node counts for itself.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::id::ConversationId;
use crate::domain::rate::{Bucket, Rate};

/// After this time every bucket is full again.
const FULL_AFTER: Duration = Duration::from_mins(1);
/// Conversations that nobody holds any more and whose buckets aren't full yet, some 20 MiB of them. The one that was
/// left longest ago is forgotten first, and has least to forget.
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
///
/// A plain map and no cache: a cache that tidies up drops what other caches have put off dropping, conversations among
/// it, and this is asked under the very lock under which those are forgotten.
#[derive(Debug, Default)]
pub(super) struct Left(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    /// With the time at which it was left.
    rates: HashMap<ConversationId, (Duration, Arc<Rates>)>,
    /// Who was left longest ago stands first. Some have been taken up since, and left again.
    order: VecDeque<(Duration, ConversationId)>,
}

impl Left {
    /// Remembers them for a minute, unless they are as good as new.
    pub(super) fn keep(&self, id: ConversationId, rates: Arc<Rates>, now: Duration) {
        if !rates.is_full(now) {
            let mut book = self.book();
            book.make_room(now);
            book.rates.insert(id, (now, rates));
            book.order.push_back((now, id));
        }
    }

    pub(super) fn take(&self, id: ConversationId) -> Arc<Rates> {
        self.book().rates.remove(&id).map(|(_, rates)| rates).unwrap_or_default()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// Forgets those whose buckets are full by now, and one more where there is no room.
    fn make_room(&mut self, now: Duration) {
        while let Some(&(at, id)) = self.order.front() {
            if now.saturating_sub(at) < FULL_AFTER && self.order.len() < REMEMBERED_MAX {
                break;
            }
            self.order.pop_front();
            if self.rates.get(&id).is_some_and(|(left, _)| *left == at) {
                self.rates.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::UnixTime;

    fn id(number: usize) -> ConversationId {
        ConversationId::new(UnixTime::from_millis(i64::try_from(number).unwrap()), [0; 10])
    }

    fn used(now: Duration) -> Arc<Rates> {
        let rates = Arc::new(Rates::default());
        rates.take(Counted::Messages, Rate::per_minute(2).unwrap(), now).unwrap();
        rates
    }

    #[test]
    fn what_is_left_is_remembered_until_it_is_full_again() {
        let (left, start) = (Left::default(), Duration::from_secs(100));
        left.keep(id(1), used(start), start);
        left.keep(id(2), Arc::default(), start);
        assert_eq!(left.book().rates.len(), 1, "who has all of its rates has nothing to remember");
        let nearly = start + Duration::from_nanos(59_999_999_999);
        left.keep(id(3), used(nearly), nearly);
        assert!(left.book().rates.contains_key(&id(1)));
        left.keep(id(4), used(start + FULL_AFTER), start + FULL_AFTER);
        assert!(!left.book().rates.contains_key(&id(1)));
        assert_eq!(left.book().rates.len(), 2);
    }

    #[test]
    fn who_was_left_again_is_remembered_from_then_on() {
        let (left, start) = (Left::default(), Duration::from_secs(100));
        left.keep(id(1), used(start), start);
        let rates = left.take(id(1));
        let later = start + FULL_AFTER / 2;
        rates.take(Counted::Messages, Rate::per_minute(2).unwrap(), later).unwrap();
        left.keep(id(1), rates, later);
        left.keep(id(2), used(start + FULL_AFTER), start + FULL_AFTER);
        assert!(left.book().rates.contains_key(&id(1)));
    }

    #[test]
    fn the_one_that_was_left_longest_ago_makes_room_for_the_next() {
        let (left, start) = (Left::default(), Duration::from_secs(100));
        let rates = used(start);
        for number in 0..REMEMBERED_MAX {
            left.keep(id(number), rates.clone(), start);
        }
        assert_eq!(left.book().rates.len(), REMEMBERED_MAX);
        left.keep(id(REMEMBERED_MAX), rates, start);
        let book = left.book();
        assert_eq!((book.rates.len(), book.order.len()), (REMEMBERED_MAX, REMEMBERED_MAX));
        assert!(!book.rates.contains_key(&id(0)) && book.rates.contains_key(&id(1)));
    }
}
