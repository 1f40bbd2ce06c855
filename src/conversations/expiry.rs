//! One wheel for all conversations: at each authentication's end, exactly one downgrade.
//!
//! The wheel reads what is due from the projection, which the journal rebuilds: a conversation whose authentication
//! ran out while no process was up is due at the next start. Every node's wheel may fire; one append wins.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Clock;
use crate::domain::conversation::Event;
use crate::domain::id::ConversationId;
use crate::journal::Journal;
use crate::journal::projection::Projection;
use crate::lifecycle::Lifecycle;

use super::Conversations;
use super::paced::paced;

/// Conversations taken from the projection at once.
const PAGE: usize = 4096;
/// The longest sleep, so that a stepped clock is noticed; also the pause after a failure.
const NAP: Duration = Duration::from_secs(1);
/// How long many that are due at once make way for everybody else. The last of 10 000 is to be told within two seconds.
const PATIENCE: Duration = Duration::from_millis(500);

/// What the wheel needs.
#[derive(Debug, Clone)]
pub struct Expiry {
    /// Downgrades them.
    pub conversations: Conversations,
    /// Knows what is due.
    pub projection: Projection,
    /// What the projection follows.
    pub journal: Journal,
    /// The time.
    pub clock: Clock,
    /// The stop.
    pub lifecycle: Lifecycle,
}

impl Expiry {
    /// Downgrades what is due, until the process stops.
    pub async fn run(self) {
        tokio::select! {
            () = self.lifecycle.stopped() => {}
            () = self.turn() => {}
        }
    }

    async fn turn(&self) {
        let mut next = self.projection.next_deadline();
        loop {
            let all_done = self.downgrade_due().await;
            // Only what is appended leaves the projection: without this the same conversations would be due again.
            let seen = self.projection.caught_up(self.journal.latest()).await.is_ok();
            let deadline = *next.borrow_and_update();
            let nap = match deadline {
                Some(deadline) if all_done && seen => self.clock.until(deadline).min(NAP),
                _ => NAP,
            };
            tokio::select! {
                () = tokio::time::sleep(nap) => {}
                Ok(()) = next.changed() => {}
            }
        }
    }

    /// Downgrades what is due now; whether all of it is done. What isn't is tried again by [`Expiry::run`].
    pub async fn downgrade_due(&self) -> bool {
        let (now, late_from) = (self.clock.now(), Instant::now() + PATIENCE);
        let (mut after, mut all_done) = (None, true);
        loop {
            let Ok(due) = self.projection.deadlines(now, after, PAGE).await else { return false };
            let Some(last) = due.last() else { return all_done };
            after = Some(*last);
            let undone = paced(due, Some(late_from), |(_, id)| self.conversations.downgrade_if_due(id)).await;
            all_done &= undone.is_empty();
        }
    }
}

impl Conversations {
    /// Downgrades one conversation where that is due; whether it is done. What isn't is for the caller to try again.
    pub async fn downgrade_if_due(&self, id: ConversationId) -> bool {
        let live = self.get(id);
        let locked = live.lock().await;
        let outcome = match locked {
            Ok(Some(mut locked)) => locked.execute(&Event::Deadline, None).await.map(|_| ()),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = &outcome {
            tracing::warn!(conversation = %id, %error, "a downgrade that is due is not stored yet; it is tried again");
        }
        outcome.is_ok()
    }
}
