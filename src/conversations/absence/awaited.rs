//! Conversations of this node that every socket has left a moment ago, until somebody is back or the time is up.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::domain::conversation::DISCONNECTED_AFTER;
use crate::domain::id::ConversationId;

/// Those who are awaited. All are awaited for the same time, so they are in order as they come.
///
/// It is no larger than what leaves within that time, which the connections bound: who is back, and leaves again, is
/// in line once more, and the places before that come to nothing.
#[derive(Debug, Default)]
pub(in super::super) struct Awaited {
    inner: Mutex<Inner>,
    first: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    line: VecDeque<(Duration, ConversationId)>,
    left: HashMap<ConversationId, Duration>,
}

impl Awaited {
    /// Awaits somebody from `now` on, by the time that no clock's setting changes.
    pub(in super::super) fn left(&self, id: ConversationId, now: Duration) {
        let is_first = self.locked(|inner| {
            inner.left.insert(id, now);
            inner.line.push_back((now, id));
            inner.line.len() == 1
        });
        if is_first {
            self.first.notify_one();
        }
    }

    /// Somebody is there.
    pub(in super::super) fn came(&self, id: ConversationId) {
        self.locked(|inner| {
            inner.left.remove(&id);
        });
    }

    /// Whether somebody is still awaited.
    pub(in super::super) fn awaits(&self, id: ConversationId) -> bool {
        self.locked(|inner| inner.left.contains_key(&id))
    }

    /// When the next one was awaited for long enough. Completes once there is any.
    pub(super) async fn next(&self) -> Duration {
        loop {
            let next = self.locked(|inner| inner.line.front().map(|(left, _)| *left + DISCONNECTED_AFTER));
            if let Some(next) = next {
                return next;
            }
            self.first.notified().await;
        }
    }

    /// Takes out all who were awaited for long enough: nobody is back there.
    pub(super) fn take_due(&self, now: Duration) -> Vec<ConversationId> {
        self.locked(|inner| {
            let mut due = Vec::new();
            while let Some((left, id)) =
                inner.line.pop_front_if(|(left, _)| *left + DISCONNECTED_AFTER <= now)
            {
                if inner.left.get(&id) == Some(&left) {
                    inner.left.remove(&id);
                    due.push(id);
                }
            }
            due
        })
    }

    /// Locked for a lookup or an insertion only, never across an await.
    fn locked<T>(&self, of: impl FnOnce(&mut Inner) -> T) -> T {
        of(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: Duration = Duration::from_secs(100);
    const MILLI: Duration = Duration::from_millis(1);

    fn id(number: u8) -> ConversationId {
        ConversationId::from_bytes([number; 16])
    }

    /// Who is due just before five seconds have passed since `LEFT`, then, and just after.
    fn around(awaited: impl Fn() -> Awaited) -> [Vec<ConversationId>; 3] {
        let due = LEFT + Duration::from_secs(5);
        [due.saturating_sub(MILLI), due, due + MILLI].map(|now| awaited().take_due(now))
    }

    #[test]
    fn somebody_is_due_after_five_seconds_and_not_a_millisecond_sooner() {
        let awaited = || {
            let awaited = Awaited::default();
            awaited.left(id(1), LEFT);
            awaited
        };
        assert_eq!(around(awaited), [vec![], vec![id(1)], vec![id(1)]]);
    }

    #[test]
    fn who_is_back_is_not_due_and_who_leaves_again_is_due_from_then_on() {
        let back = || {
            let awaited = Awaited::default();
            awaited.left(id(1), LEFT);
            awaited.came(id(1));
            awaited
        };
        assert_eq!(around(back), [vec![], vec![], vec![]]);
        let again = || {
            let awaited = back();
            awaited.left(id(2), LEFT);
            awaited.left(id(1), LEFT + MILLI);
            awaited
        };
        assert_eq!(around(again), [vec![], vec![id(2)], vec![id(2), id(1)]]);
    }

    #[test]
    fn each_is_due_once_and_awaited_until_then() {
        let awaited = Awaited::default();
        awaited.left(id(1), LEFT);
        assert!(awaited.awaits(id(1)) && !awaited.awaits(id(2)));
        assert_eq!(awaited.take_due(LEFT + DISCONNECTED_AFTER), [id(1)]);
        assert!(!awaited.awaits(id(1)));
        assert_eq!(awaited.take_due(LEFT + 2 * DISCONNECTED_AFTER), []);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_to_leave_wakes_whoever_waits_for_the_next() {
        let awaited = Awaited::default();
        let next = tokio::join!(awaited.next(), async {
            tokio::time::sleep(MILLI).await;
            awaited.left(id(1), LEFT);
            awaited.left(id(2), LEFT + MILLI);
        });
        assert_eq!(next.0, LEFT + DISCONNECTED_AFTER);
        awaited.take_due(LEFT + DISCONNECTED_AFTER);
        assert_eq!(awaited.next().await, LEFT + MILLI + DISCONNECTED_AFTER);
    }
}
