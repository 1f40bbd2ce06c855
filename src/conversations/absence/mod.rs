//! One wheel for all absences: a conversation that every socket has left for five seconds is told to be disconnected,
//! and where one is there again, that too. Who comes back sooner was never gone, and costs nothing.
//!
//! What this node's sockets leave stands in one line. What those of the process before left is found in the projection,
//! five seconds after the start: who came back until then is passed over without being loaded. A drain says nothing of
//! those whom it sends away: whoever starts next does, here or elsewhere.
//!
//! Each node knows its own sockets alone, and may say of a conversation that it is disconnected while another holds it.
//! So each listens for what the others say, and whoever has a socket there says that it is connected. They agree, for
//! nobody says the contrary again before a socket has left.

mod awaited;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::domain::conversation::{DISCONNECTED_AFTER, Event};
use crate::domain::id::ConversationId;
use crate::journal::Journal;
use crate::journal::projection::Projection;
use crate::lifecycle::Lifecycle;

use super::live::Locked;
use super::paced::paced;
use super::{CommandError, Conversations};

pub(super) use awaited::Awaited;

/// Conversations taken from the projection at once.
const PAGE: usize = 4096;
/// The pause before what was not stored is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What the wheel needs.
#[derive(Debug, Clone)]
pub struct Absence {
    /// Acts on them, and knows who is there.
    pub conversations: Conversations,
    /// Knows who was there when the process before this one ended, and what other nodes say.
    pub projection: Projection,
    /// What the projection follows.
    pub journal: Journal,
    /// The time.
    pub clock: Clock,
    /// The drain.
    pub lifecycle: Lifecycle,
}

impl Absence {
    /// Tells who has left and who is back, until this node itself goes.
    pub async fn run(self) {
        tokio::select! {
            () = self.lifecycle.drained() => {}
            _ = async { tokio::join!(self.look_back(), self.let_go(), self.object()) } => {}
        }
    }

    /// Tells of those who were there before this start and did not come back.
    async fn look_back(&self) {
        let until = Instant::now() + DISCONNECTED_AFTER;
        if self.projection.caught_up(self.journal.latest()).await.is_ok() {
            tokio::time::sleep_until(until).await;
            self.look_through(true).await;
        }
    }

    /// Tells of those whom every socket of this node has left for long enough.
    async fn let_go(&self) {
        let awaited = self.conversations.awaited();
        let mut undone = Vec::new();
        loop {
            if undone.is_empty() {
                let next = awaited.next().await;
                tokio::time::sleep(next.saturating_sub(self.clock.elapsed())).await;
            } else {
                tokio::time::sleep(RETRY_AFTER).await;
            }
            undone = self.tell_due(undone).await;
        }
    }

    /// Tells of those who are due now, and of those of whom it was not stored before; whom to try again.
    async fn tell_due(&self, mut undone: Vec<ConversationId>) -> Vec<ConversationId> {
        undone.extend(self.conversations.awaited().take_due(self.clock.elapsed()));
        paced(undone, None, |id| self.conversations.disconnect_if_gone(id)).await
    }

    /// Says of those who are here that they are, where another node said that nobody is.
    async fn object(&self) {
        let mut disconnections = self.projection.disconnections();
        loop {
            let mut said = match disconnections.recv().await {
                Ok(id) => vec![id],
                Err(RecvError::Lagged(_)) => Vec::new(),
                Err(RecvError::Closed) => return,
            };
            let mut missed = said.is_empty();
            loop {
                match disconnections.try_recv() {
                    Ok(id) => said.push(id),
                    Err(TryRecvError::Lagged(_)) => missed = true,
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                }
            }
            if missed {
                self.look_through(false).await;
            } else {
                self.settle(false, said).await;
            }
        }
    }

    /// Sees to every open conversation that the journal says to be connected, or not to be.
    async fn look_through(&self, connected: bool) {
        let mut after = None;
        loop {
            match self.projection.connected(connected, after.clone(), PAGE).await {
                Ok(page) if page.is_empty() => return,
                Ok(page) => {
                    after = page.last().cloned();
                    self.settle(connected, page.into_iter().map(|(_, id)| id).collect()).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "who is connected can't be read yet; it is tried again");
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            }
        }
    }

    /// Has the journal say what is so on this node, where it says the contrary of these; until it is stored.
    async fn settle(&self, connected: bool, mut all: Vec<ConversationId>) {
        loop {
            all.retain(|id| self.conversations.is_connected(*id) != connected);
            all = if connected {
                paced(all, None, |id| self.conversations.disconnect_if_gone(id)).await
            } else {
                paced(all, None, |id| self.conversations.reconnect_if_here(id)).await
            };
            if all.is_empty() {
                return;
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }
}

impl Conversations {
    pub(super) fn awaited(&self) -> &Awaited {
        &self.shared.awaited
    }

    /// Whether a socket is in the conversation: one of this node, or, where none has just left here, one that the
    /// journal tells of. It loads nothing and waits for nobody.
    #[must_use]
    pub fn shows_connected(&self, id: ConversationId, journaled: bool) -> bool {
        self.is_connected(id) || (journaled && !self.awaited().awaits(id))
    }

    /// Journals that every socket has left, unless one is here or still awaited; whether that is done.
    pub(super) async fn disconnect_if_gone(&self, id: ConversationId) -> bool {
        let live = self.get(id);
        let outcome = match live.lock().await {
            Ok(Some(locked)) if locked.is_connected() || self.awaited().awaits(id) => Ok(()),
            Ok(Some(mut locked)) => locked.carry_out(&Event::Disconnect, None, |_| true).await.map(drop),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        is_done(id, outcome)
    }

    /// Journals that a socket is here, where one is and the journal says that none is; whether that is done.
    pub(super) async fn reconnect_if_here(&self, id: ConversationId) -> bool {
        let live = self.get(id);
        let outcome = match live.lock().await {
            Ok(Some(mut locked)) if locked.is_connected() => locked.reconnect_as_journaled().await,
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        is_done(id, outcome)
    }
}

impl Locked<'_> {
    /// [`Conversations::shows_connected`] of the conversation at hand.
    #[must_use]
    pub fn shows_connected(&self) -> bool {
        let awaits = || self.live.shared().awaited.awaits(self.live.id());
        self.is_connected() || (self.conversation().is_connected() && !awaits())
    }

    /// Journals that a socket is there again, where the journal says that none is. For whoever is about to join: until
    /// then somebody is awaited, for whoever it is may be gone before.
    ///
    /// # Errors
    /// The journal doesn't answer.
    pub(super) async fn reconnect(&mut self) -> Result<(), CommandError> {
        if self.conversation().is_open() && !self.conversation().is_connected() {
            let shared = self.live.shared();
            shared.awaited.left(self.live.id(), shared.clock.elapsed());
            self.carry_out(&Event::Reconnect, None, |_| true).await?;
        }
        Ok(())
    }

    async fn reconnect_as_journaled(&mut self) -> Result<(), CommandError> {
        self.catch_up_with_journal().await?;
        // What was read may have put the last socket out.
        if self.is_connected() {
            self.carry_out(&Event::Reconnect, None, |_| true).await?;
        }
        Ok(())
    }
}

/// What the rules refuse is over: there is no such conversation.
fn is_done(id: ConversationId, outcome: Result<(), CommandError>) -> bool {
    if outcome == Err(CommandError::StorageUnavailable) {
        tracing::warn!(conversation = %id, "who left or came back is not stored yet; it is tried again");
    }
    outcome != Err(CommandError::StorageUnavailable)
}
