//! Signing in during a conversation, or bringing a fresher token.

use crate::domain::conversation::{Event, InvalidTransition};
use crate::domain::token::VerifiedCustomer;
use crate::wire::{AuthenticationView, ContextView, NOTHING, ServerFrame};

use super::live::Locked;
use super::{CommandError, SocketId};

impl Locked<'_> {
    /// Signs the customer in. Where the token is no fresher than the one that stands, the socket alone is told that
    /// nothing has changed: two tabs that refresh at once can't undo each other.
    ///
    /// # Errors
    /// The rules' refusal, or that the journal doesn't answer. The conversation is as it was.
    pub async fn sign_in(
        &mut self,
        customer: Box<VerifiedCustomer>,
        socket: SocketId,
    ) -> Result<(), CommandError> {
        // Before anything is told: should another socket be the first to sign in as the same customer, this one stays.
        self.presented(socket, customer.identity());
        // Another node may have signed the customer out, and no token from before that is taken.
        self.catch_up_with_journal().await?;
        match self.execute(&Event::SignIn(customer), Some(socket)).await {
            Ok(_) => Ok(()),
            Err(CommandError::Refused(InvalidTransition::Unchanged)) => {
                self.tell_unchanged(socket);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn tell_unchanged(&mut self, socket: SocketId) {
        let conversation = self.conversation();
        let authentication = conversation.authentication().clone();
        let unchanged = ServerFrame::Authentication {
            authentication: AuthenticationView::from(&authentication),
            reason: "unchanged",
            sequence: conversation.sequence().get(),
            context: ContextView(&NOTHING),
            resume_token: None,
        };
        self.answer(socket, &unchanged);
    }
}
