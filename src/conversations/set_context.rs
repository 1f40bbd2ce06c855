//! The page's own variables, during the conversation.

use crate::domain::context::ContextReport;
use crate::domain::conversation::{Conversation, Event, Fact, SetContext};
use crate::wire::{ContextView, ServerFrame};

use super::live::Locked;
use super::{CommandError, SocketId};

impl Locked<'_> {
    /// Merges what a page offers, and tells its socket alone what became of each variable.
    ///
    /// # Errors
    /// The rules' refusal, or that the journal doesn't answer.
    pub async fn set_context(&mut self, set: SetContext, socket: SocketId) -> Result<(), CommandError> {
        let offered = set.offered.clone();
        let mut report = ContextReport::default();
        // What is taken depends on what is held at the very decision that is stored.
        let merge = |conversation: &Conversation| {
            report = conversation.merge(&offered).report;
            true
        };
        let record = self.carry_out(&Event::SetContext(set), None, merge).await?;
        let entries = record.as_ref().map(|record| record.entries()).unwrap_or_default();
        let changed = entries.iter().find(|entry| matches!(entry.fact, Fact::Context(_)));
        let sequence = changed.map(|entry| entry.sequence.get());
        self.answer(socket, &ServerFrame::Context { context: ContextView(&report), sequence });
        Ok(())
    }
}
