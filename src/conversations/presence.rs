//! When the widgets of a conversation were there, and when one was last heard: what silence is measured by beyond the
//! journal, which knows neither sockets nor frames that store nothing.
//!
//! Each node knows its own sockets alone: to the others, a widget that says nothing is not there.

use std::sync::Arc;

use crate::domain::conversation::{Conversation, EndedBy, Event, IdleAfter, Presence};
use crate::domain::id::ConversationId;
use crate::domain::time::UnixTime;

use super::live::{Live, Locked, State};
use super::remembered::Remembered;
use super::{CommandError, Conversations};

/// Conversations whose widgets have left that are remembered, some 20 MiB of them. Of those that left before them,
/// and those of the process before this one, what is journaled has to do.
const REMEMBERED_MAX: usize = 100_000;
/// What a conversation says that ends because nobody is there any more.
const IDLE: &str = "idle";

/// What is remembered of conversations that every widget of this node has left.
#[derive(Debug)]
pub(super) struct LastSeen(Remembered<Presence>);

impl LastSeen {
    /// Remembers each for as long as it may matter.
    pub(super) fn new(after: &IdleAfter) -> Self {
        Self(Remembered::new(after.longest().unwrap_or_default(), REMEMBERED_MAX))
    }

    fn of(&self, id: ConversationId) -> Presence {
        self.0.get(id).unwrap_or(Presence::UNKNOWN)
    }
}

impl Conversations {
    /// How long silence is borne here.
    #[must_use]
    pub fn idle_after(&self) -> &IdleAfter {
        &self.shared.idle_after
    }

    /// What is known of a conversation's widgets, as far as can be told without waiting.
    pub(super) fn presence(&self, id: ConversationId) -> Presence {
        self.loaded(id).map_or_else(|| self.shared.last_seen.of(id), |live| live.presence())
    }
}

impl Live {
    fn presence(&self) -> Presence {
        let (is_connected, heard_at) = (self.is_connected(), self.heard_at());
        let seen = if is_connected { Presence::UNKNOWN } else { self.shared().last_seen.of(self.id()) };
        Presence { is_connected, heard_at: seen.heard_at.max(heard_at), ..seen }
    }

    /// Notes whether a widget is there; when the last one leaves, that it was. For whoever holds the lock.
    pub(super) fn note_presence(&self, state: &State) {
        let is_connected = !state.audience.is_empty();
        if self.is_connected() && !is_connected && state.conversation.is_open() {
            let left_at = self.shared().clock.now();
            let presence = Presence { is_connected, left_at, heard_at: self.heard_at() };
            let now = self.shared().clock.elapsed();
            self.shared().last_seen.0.keep(self.id(), presence, now);
            self.shared().awaited.left(self.id(), now);
        }
        if is_connected && !self.is_connected() {
            self.shared().awaited.came(self.id());
        }
        self.set_connected(is_connected);
    }

    /// Notes a widget's frame, before it is served. Where none came for as long as an authentication may wait, that
    /// ends first, whether or not anybody has noticed yet.
    ///
    /// # Errors
    /// The journal doesn't answer: then the frame must not be served.
    pub async fn take_frame(self: &Arc<Self>) -> Result<(), CommandError> {
        let shared = self.shared();
        let Some(after) = shared.idle_after.downgrade else { return Ok(()) };
        let now = shared.clock.now();
        if now.since(self.heard_at()) < after {
            self.hear(now);
            return Ok(());
        }
        // Boxed, for it is rare and every session would hold the room for it.
        Box::pin(self.take_late_frame()).await
    }

    async fn take_late_frame(self: &Arc<Self>) -> Result<(), CommandError> {
        if let Some(mut locked) = self.lock().await? {
            locked.downgrade_if_unheard().await?;
            // Under the lock: until the downgrade is stored, every other frame comes here too.
            self.hear(self.shared().clock.now());
        }
        Ok(())
    }
}

impl Locked<'_> {
    /// Ends the authentication whose customer was not heard of for as long as it may wait.
    ///
    /// # Errors
    /// The journal doesn't answer.
    pub async fn downgrade_if_unheard(&mut self) -> Result<(), CommandError> {
        self.execute_while(&Event::Idle, Conversation::is_unheard).await
    }

    /// Ends the conversation in which nobody has said anything, nor was there, for as long as it may wait.
    ///
    /// # Errors
    /// The journal doesn't answer.
    pub(super) async fn end_if_abandoned(&mut self) -> Result<(), CommandError> {
        let end = Event::End { by: EndedBy::System, reason: Some(IDLE.to_owned()) };
        self.execute_while(&end, Conversation::is_abandoned).await
    }

    /// Executes the event unless what it is for does not hold, or no longer: another node may have heard of someone.
    async fn execute_while(
        &mut self,
        event: &Event,
        holds: fn(&Conversation, UnixTime, &Presence, &IdleAfter) -> bool,
    ) -> Result<(), CommandError> {
        let shared = self.live.shared().clone();
        let presence = Presence { is_connected: self.is_connected(), ..self.live.presence() };
        let holds = |conversation: &Conversation| {
            holds(conversation, shared.clock.now(), &presence, &shared.idle_after)
        };
        self.carry_out(event, None, holds).await.map(drop)
    }
}
