//! Signing out: the authentication ends, every socket is closed, and the tokens accepted so far are taken no more.
//! A revocation of the authentication that stands does the same to it, and leaves the sockets.

use crate::domain::conversation::{DowngradeReason, Entry, Event, Fact};
use crate::wire::Close;

use super::live::Locked;
use super::{CommandError, bar};

impl Locked<'_> {
    /// Signs the customer out and closes every socket.
    ///
    /// # Errors
    /// The rules' refusal, or that the journal doesn't answer: then nobody was signed out.
    pub async fn sign_out(&mut self) -> Result<(), CommandError> {
        self.end_wanted(&Event::SignOut, DowngradeReason::SignedOut).await?;
        self.close_all(Close::SignedOut);
        Ok(())
    }

    /// Ends the authentication that stands, whatever its token; whether one did. The tokens accepted so far are taken
    /// no more, also where one has just ended by itself.
    ///
    /// # Errors
    /// The rules' refusal, or that the journal doesn't answer.
    pub async fn revoke(&mut self) -> Result<bool, CommandError> {
        self.end_wanted(&Event::Revoke, DowngradeReason::Revoked).await
    }

    /// Whether the event ended an authentication for this reason. A downgrade that was due is none that somebody
    /// wanted, and bars nothing by itself.
    async fn end_wanted(&mut self, event: &Event, reason: DowngradeReason) -> Result<bool, CommandError> {
        let stored = self.execute(event, None).await?;
        let is_wanted =
            |entry: &Entry| matches!(&entry.fact, Fact::Downgraded(ended) if ended.reason == reason);
        let did = stored.is_some_and(|record| record.entries().iter().any(is_wanted));
        if !did {
            self.bar_accepted().await?;
        }
        Ok(did)
    }

    /// Takes no more the tokens accepted so far, where no entry says so.
    async fn bar_accepted(&mut self) -> Result<(), CommandError> {
        if let Some(accepted) = self.conversation().accepted_until() {
            let journal = self.live.shared().journal.clone();
            bar::note(&journal, self.live.id(), accepted).await?;
            self.state_mut().conversation.bar(accepted);
        }
        Ok(())
    }
}
