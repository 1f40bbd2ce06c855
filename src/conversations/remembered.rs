//! What is remembered of conversations that nobody holds any more: for a while, and of so many at most.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::id::ConversationId;

/// One thing about each of many conversations. The one that was left longest ago is forgotten first.
///
/// A plain map and no cache: a cache that tidies up drops what other caches have put off dropping, conversations among
/// it, and this is asked under the very lock under which those are forgotten.
#[derive(Debug)]
pub(super) struct Remembered<V> {
    /// By the time that no clock's setting changes. What is older may be there still, until the next one comes.
    keep_for: Duration,
    most: usize,
    book: Mutex<Book<V>>,
}

#[derive(Debug)]
struct Book<V> {
    /// With the time at which it was left.
    known: HashMap<ConversationId, (Duration, V)>,
    /// The same ones: who was left longest ago stands first.
    order: BTreeSet<(Duration, ConversationId)>,
}

impl<V> Remembered<V> {
    pub(super) fn new(keep_for: Duration, most: usize) -> Self {
        Self { keep_for, most, book: Mutex::new(Book { known: HashMap::new(), order: BTreeSet::new() }) }
    }

    /// Remembers it from `now` on, in the place of what was known.
    pub(super) fn keep(&self, id: ConversationId, value: V, now: Duration) {
        let mut book = self.book();
        book.forget(id);
        book.make_room(now, self.keep_for, self.most);
        book.known.insert(id, (now, value));
        book.order.insert((now, id));
    }

    /// What is known, which is forgotten with it.
    pub(super) fn take(&self, id: ConversationId) -> Option<V> {
        self.book().forget(id)
    }

    pub(super) fn get(&self, id: ConversationId) -> Option<V>
    where
        V: Clone,
    {
        self.book().known.get(&id).map(|(_, value)| value.clone())
    }

    /// Locked for a lookup or an insertion only.
    fn book(&self) -> MutexGuard<'_, Book<V>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Book<V> {
    fn forget(&mut self, id: ConversationId) -> Option<V> {
        let (at, value) = self.known.remove(&id)?;
        self.order.remove(&(at, id));
        Some(value)
    }

    /// Forgets those that were left so long ago, and one more where there is no room.
    fn make_room(&mut self, now: Duration, keep_for: Duration, most: usize) {
        while let Some(&(at, id)) = self.order.first() {
            if now.saturating_sub(at) < keep_for && self.known.len() < most {
                break;
            }
            self.forget(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::UnixTime;

    const KEEP_FOR: Duration = Duration::from_mins(1);
    const MOST: usize = 4;
    const START: Duration = Duration::from_secs(100);

    fn id(number: i64) -> ConversationId {
        ConversationId::new(UnixTime::from_millis(number), [0; 10])
    }

    impl Remembered<i64> {
        fn lengths(&self) -> (usize, usize) {
            let book = self.book();
            (book.known.len(), book.order.len())
        }
    }

    fn remembered() -> Remembered<i64> {
        Remembered::new(KEEP_FOR, MOST)
    }

    #[test]
    fn it_is_known_until_its_time_is_up() {
        let nanosecond = Duration::from_nanos(1);
        for start in [Duration::ZERO, START] {
            for (later, known) in [
                (nanosecond, Some(1)),
                (KEEP_FOR.saturating_sub(nanosecond), Some(1)),
                (KEEP_FOR, None),
                (KEEP_FOR + nanosecond, None),
            ] {
                let remembered = remembered();
                remembered.keep(id(1), 1, start);
                remembered.keep(id(2), 2, start + later);
                let found = (remembered.get(id(1)), remembered.get(id(2)));
                assert_eq!(found, (known, Some(2)), "{start:?} and {later:?}");
            }
        }
    }

    #[test]
    fn what_was_left_again_is_known_from_then_on() {
        let remembered = remembered();
        remembered.keep(id(1), 1, START);
        assert_eq!(remembered.take(id(1)), Some(1));
        assert_eq!(remembered.take(id(1)), None, "who takes it up holds it alone");
        remembered.keep(id(1), 10, START + KEEP_FOR / 2);
        remembered.keep(id(2), 2, START + KEEP_FOR);
        assert_eq!(remembered.get(id(1)), Some(10));
    }

    #[test]
    fn the_one_that_was_left_longest_ago_makes_room_for_the_next() {
        let remembered = remembered();
        for number in 1..=5 {
            remembered.keep(id(number), number, START);
        }
        assert_eq!([1, 2, 5].map(|number| remembered.get(id(number))), [None, Some(2), Some(5)]);
        assert_eq!(remembered.lengths(), (MOST, MOST));
    }

    #[test]
    fn one_that_is_left_again_and_again_takes_nobody_elses_room() {
        let remembered = remembered();
        remembered.keep(id(1), 1, START);
        for number in 1..=10_u8 {
            remembered.keep(id(2), number.into(), START + Duration::from_secs(number.into()));
        }
        assert_eq!((remembered.get(id(1)), remembered.get(id(2))), (Some(1), Some(10)));
        assert_eq!(remembered.lengths(), (2, 2));
        remembered.take(id(2));
        assert_eq!(remembered.lengths(), (1, 1));
    }
}
