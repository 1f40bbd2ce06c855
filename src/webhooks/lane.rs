//! One conversation on its way to one endpoint: a pure state, moved by what was seen, posted and kept.
//!
//! A lane is there only while its conversation has something to deliver. It knows sequences and no events: those lie in
//! the journal, but for the one that began it.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::id::Sequence;
use crate::domain::time::UnixTime;
use crate::journal::{Followed, Revision};

use super::kept::Held;
use super::post::Failed;
use super::schedule::{Next, Tried, after_failure};

/// A conversation whose delivery takes longer than this is kept, so that the endpoint's place can go on without it.
const KEPT_AFTER: Duration = Duration::from_secs(2);

/// How long a journal that can't be read is left alone.
pub(super) const READ_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// What a lane is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waits for its turn.
    Ready,
    /// An event is being posted.
    Running,
    /// Waits for its next attempt.
    Waiting,
    /// Everything that was seen is delivered.
    Idle,
    /// To be parked, once that is durable.
    Parking,
}

/// What the journal holds of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) revision: Revision,
    /// Whether it says what the lane would say now.
    pub(super) is_current: bool,
}

/// What has to be written of a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Write {
    Put(Held),
    Delete,
}

/// What a run of a lane came to.
#[derive(Debug)]
pub(super) enum End {
    /// Everything that was asked for is delivered, or there is nothing left to read.
    Through,
    /// There may be more.
    More,
    /// An attempt failed that was made then.
    Failed(Failed, UnixTime),
    /// The journal can't be read.
    Unread,
    /// The node stops.
    Interrupted,
}

#[derive(Debug)]
pub(super) struct Lane {
    /// The first event that is not delivered.
    pub(super) next: Sequence,
    /// The last event that the endpoint's reader has seen of this conversation.
    seen: Sequence,
    /// Whether the conversation is to be read to its end: what the reader saw of it earlier is forgotten.
    pub(super) to_end: bool,
    /// Whether the reader may still come to events that were delivered here.
    pub(super) is_ahead: bool,
    pub(super) phase: Phase,
    /// The batch of the reader in which the oldest undelivered event stands.
    pub(super) batch: u64,
    /// Since when there is something to deliver.
    busy_since: Instant,
    /// When the oldest undelivered event happened, as far as that is known.
    pub(super) oldest_at: UnixTime,
    pub(super) tried: Option<Tried>,
    pub(super) failure: Option<Failed>,
    /// The event that began it, where it was worth keeping.
    pub(super) event: Option<Box<Followed>>,
    pub(super) kept: Option<Kept>,
}

impl Lane {
    /// The reader has seen this event of a conversation that had nothing to deliver.
    pub(super) fn begun_by(event: Followed, batch: u64, keep_event: bool) -> Self {
        let (sequence, at) = (event.entry.sequence, event.entry.at);
        Self {
            next: sequence,
            seen: sequence,
            to_end: false,
            is_ahead: false,
            phase: Phase::Ready,
            batch,
            busy_since: Instant::now(),
            oldest_at: at,
            tried: None,
            failure: None,
            event: keep_event.then(|| Box::new(event)),
            kept: None,
        }
    }

    /// From what was kept by an earlier process, or released by an operator.
    pub(super) fn held(held: &Held, now: UnixTime) -> Self {
        let tried_at = held.tried_at.map(UnixTime::from_millis);
        Self {
            next: held.next(),
            seen: Sequence::START,
            to_end: true,
            is_ahead: true,
            phase: Phase::Ready,
            batch: 0,
            busy_since: Instant::now(),
            oldest_at: tried_at.unwrap_or(now),
            tried: tried_at.map(|first| Tried { first, failures: 0 }),
            failure: None,
            event: None,
            kept: None,
        }
    }

    pub(super) fn has_work(&self) -> bool {
        self.to_end || self.seen >= self.next
    }

    /// Up to where a run goes; none: to the conversation's end.
    pub(super) fn through(&self) -> Option<Sequence> {
        (!self.to_end).then_some(self.seen)
    }

    pub(super) fn is_retry(&self) -> bool {
        self.tried.is_some_and(|tried| tried.failures > 0)
    }

    /// The reader has seen an event of this conversation; whether that makes the lane ready.
    pub(super) fn saw(&mut self, sequence: Sequence, at: UnixTime, batch: u64) -> bool {
        if sequence < self.next {
            return false;
        }
        self.seen = self.seen.max(sequence);
        let wakes = self.phase == Phase::Idle;
        if wakes {
            self.phase = Phase::Ready;
            self.batch = batch;
            self.busy_since = Instant::now();
            self.oldest_at = at;
            // What is kept of it says an older place, which would only be delivered again.
            self.stale();
        }
        wakes
    }

    fn stale(&mut self) {
        if let Some(kept) = &mut self.kept {
            kept.is_current = false;
        }
    }

    /// A run has ended, with everything before `next` delivered. What is left to wait for, if anything.
    pub(super) fn ran(
        &mut self,
        next: Sequence,
        at: Option<UnixTime>,
        end: End,
        judge: impl FnOnce(Tried, Option<Duration>) -> Next,
    ) -> Option<Duration> {
        if next > self.next {
            (self.next, self.tried, self.failure) = (next, None, None);
            self.stale();
        }
        self.oldest_at = at.unwrap_or(self.oldest_at);
        self.phase = Phase::Ready;
        match end {
            End::Through => {
                self.to_end = false;
                if !self.has_work() {
                    self.phase = Phase::Idle;
                }
                None
            }
            End::More | End::Interrupted => None,
            End::Unread => {
                self.phase = Phase::Waiting;
                Some(READ_AGAIN_AFTER)
            }
            End::Failed(failed, tried_at) => {
                let tried = self.tried.get_or_insert(Tried { first: tried_at, failures: 0 });
                let is_first = tried.failures == 0;
                tried.failures = tried.failures.saturating_add(1);
                let next = judge(*tried, failed.retry_after);
                self.failure = Some(failed);
                if is_first {
                    // When it was first tried has to be known after a restart, too.
                    self.stale();
                }
                match next {
                    Next::Retry(wait) => {
                        self.phase = Phase::Waiting;
                        Some(wait)
                    }
                    Next::Park => {
                        self.phase = Phase::Parking;
                        None
                    }
                }
            }
        }
    }

    /// Whether the endpoint's place has to stay before this lane's oldest event.
    pub(super) fn holds_place(&self) -> bool {
        self.kept.is_none() && self.has_work()
    }

    /// What has to be written now.
    pub(super) fn due_write(&self, at: Instant, now: UnixTime) -> Option<Write> {
        if self.phase == Phase::Idle {
            return self.kept.map(|_| Write::Delete);
        }
        let parks = self.phase == Phase::Parking;
        let is_due = match self.kept {
            Some(kept) => !kept.is_current,
            None => self.is_retry() || at >= self.busy_since + KEPT_AFTER,
        };
        (parks || is_due).then(|| {
            Write::Put(Held {
                next: self.next.get(),
                tried_at: self.tried.map(|tried| tried.first.millis()),
                parked_at: parks.then(|| now.millis()),
                failure: self.failure.as_ref().map(|failed| failed.result.to_owned()),
            })
        })
    }

    /// Whether nothing of it has to be remembered. `caught_up`: the reader has seen all there is.
    pub(super) fn is_over(&self, caught_up: bool) -> bool {
        self.phase == Phase::Idle && self.kept.is_none() && (caught_up || !self.is_ahead)
    }
}

/// Judges a failed attempt with this draw.
pub(super) fn judge(
    retry_for: Duration,
    now: UnixTime,
    drawn: f64,
) -> impl FnOnce(Tried, Option<Duration>) -> Next {
    move |tried, asked| after_failure(tried, retry_for, asked, now, drawn)
}
