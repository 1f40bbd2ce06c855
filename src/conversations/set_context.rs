//! The page's own variables, during the conversation.

use crate::domain::conversation::{Event, SetContext};
use crate::domain::id::Sequence;
use crate::wire::{ContextView, ServerFrame};

use super::live::{Locked, State};
use super::{CommandError, SocketId};

impl Locked<'_> {
    /// Merges what a page offers, and tells its socket alone what became of each variable.
    ///
    /// # Errors
    /// The rules' refusal, or that the journal doesn't answer.
    pub async fn set_context(&mut self, set: SetContext, socket: SocketId) -> Result<(), CommandError> {
        self.state_mut().offering = Some(Box::new((socket, set.offered.clone())));
        let outcome = self.carry_out(&Event::SetContext(set), Some(socket), |_| true).await;
        let state = self.state_mut();
        if outcome.is_ok() {
            state.answer_offer(None);
        }
        state.offering = None;
        outcome.map(drop)
    }
}

impl State {
    /// Tells what became of an offer, where that has not been told: as the entry is told that it led to, before any
    /// that follows. What is taken depends on what is held just before it.
    pub(super) fn answer_offer(&mut self, entry: Option<Sequence>) {
        if let Some((socket, offered)) = self.offering.take().map(|offering| *offering) {
            let report = self.conversation.merge(&offered).report;
            let sequence = entry.map(Sequence::get);
            self.audience.answer(socket, &ServerFrame::Context { context: ContextView(&report), sequence });
        }
    }
}
