//! One wheel for all silence: it ends conversations that everybody has left, and authentications that nobody uses.
//!
//! It keeps nothing of its own: the projection tells who was silent for long enough as far as the journal knows, and
//! the conversation itself, under its lock, whether anybody was there or was heard since. Sockets of other nodes are
//! not known here; where nobody says anything for so long, a conversation ends although one of them holds it.

#[cfg(test)]
mod tests;

use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::domain::id::ConversationId;
use crate::domain::time::UnixTime;
use crate::journal::projection::Projection;
use crate::lifecycle::Lifecycle;

use super::Conversations;

/// Conversations acted on at once: enough that the journal commits many together.
const CONCURRENT: usize = 256;
/// Conversations taken from the projection at once.
const PAGE: usize = 4096;
/// The wheel turns this often within the shortest time that is set, and so is late by that part of it at most.
const TURNS: u32 = 10;
/// The shortest and the longest pause between two turns.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));
/// How long the widgets have at most to come back after a start, before a conversation may end without them.
const RETURN_WITHIN: Duration = Duration::from_mins(1);

/// What the wheel needs.
#[derive(Debug, Clone)]
pub struct Idle {
    /// Acts on them, and knows how long silence is borne.
    pub conversations: Conversations,
    /// Knows who was silent.
    pub projection: Projection,
    /// The time.
    pub clock: Clock,
    /// The stop.
    pub lifecycle: Lifecycle,
}

/// What silence ends.
#[derive(Debug, Clone, Copy)]
enum What {
    Authentication,
    Conversation,
}

impl Idle {
    /// Ends what was silent for too long, until the process stops. It ends at once where nothing is set.
    pub async fn run(self) {
        let Some(shortest) = self.conversations.idle_after().shortest() else { return };
        let pause = (shortest / TURNS).clamp(PAUSE.0, PAUSE.1);
        tokio::select! {
            () = self.lifecycle.stopped() => {}
            () = self.turn(pause) => {}
        }
    }

    async fn turn(&self, pause: Duration) {
        let end_after = self.conversations.idle_after().end.unwrap_or(RETURN_WITHIN);
        let ends_from = Instant::now() + end_after.min(RETURN_WITHIN);
        loop {
            tokio::time::sleep(pause).await;
            self.downgrade_unheard().await;
            if Instant::now() >= ends_from {
                self.end_abandoned().await;
            }
        }
    }

    /// Downgrades every conversation whose customer was not heard of for too long.
    async fn downgrade_unheard(&self) {
        if let Some(after) = self.conversations.idle_after().downgrade {
            self.end_silent(What::Authentication, after).await;
        }
    }

    /// Ends every conversation that everybody has left for too long.
    async fn end_abandoned(&self) {
        if let Some(after) = self.conversations.idle_after().end {
            self.end_silent(What::Conversation, after).await;
        }
    }

    /// What is not stored now is found again at the next turn. Who is there, or was a short while ago, is passed over
    /// without being loaded or locked.
    async fn end_silent(&self, what: What, after: Duration) {
        let now = self.clock.now();
        let (until, mut last) = (now.minus(after), None);
        loop {
            let page = match what {
                What::Authentication => self.projection.unheard_since(until, last, PAGE).await,
                What::Conversation => self.projection.silent_since(until, last, PAGE).await,
            };
            let Ok(page) = page else { return };
            last = page.last().copied();
            if last.is_none() {
                return;
            }
            let silent = page.into_iter().filter(|(at, id)| self.is_silent(what, now, *at, *id));
            let ends = stream::iter(silent).map(|(_, id)| self.end(what, id)).buffer_unordered(CONCURRENT);
            ends.collect::<()>().await;
        }
    }

    fn is_silent(&self, what: What, now: UnixTime, since: UnixTime, id: ConversationId) -> bool {
        let (presence, after) = (self.conversations.presence(id), self.conversations.idle_after());
        match what {
            What::Authentication => after.downgrades(now, since, &presence),
            What::Conversation => after.ends(now, since, &presence),
        }
    }

    async fn end(&self, what: What, id: ConversationId) {
        let live = self.conversations.get(id);
        let locked = live.lock().await;
        let outcome = match (locked, what) {
            (Ok(Some(mut locked)), What::Authentication) => locked.downgrade_if_unheard().await,
            (Ok(Some(mut locked)), What::Conversation) => locked.end_if_abandoned().await,
            (Ok(None), _) => Ok(()),
            (Err(error), _) => Err(error),
        };
        if let Err(error) = outcome {
            tracing::warn!(conversation = %id, %error, "an end by silence is not stored yet; it is tried again");
        }
    }
}
