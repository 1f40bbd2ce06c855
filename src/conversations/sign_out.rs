//! Signing out: the authentication ends, every socket is closed, and the tokens accepted so far are taken no more.
//!
//! Where the conversation is anonymous already there is nothing to journal, and still a token that was cached in
//! another tab must not sign in again. So a note is kept beside the journal's entries, and read with them.

use crate::domain::conversation::{Conversation, DowngradeReason, Entry, Event, Fact};
use crate::domain::id::ConversationId;
use crate::domain::time::UnixTime;
use crate::journal::{Journal, Written};
use crate::wire::Close;

use super::CommandError;
use super::live::Locked;

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
            note(&journal, self.live.id(), accepted).await?;
            self.state_mut().conversation.bar(accepted);
        }
        Ok(())
    }
}

/// Reads the note of a conversation that was once authenticated.
pub(super) async fn recall(journal: &Journal, conversation: &mut Conversation) -> Result<(), CommandError> {
    if conversation.identity().is_some() {
        let item = journal.get(&key(conversation.place().id)).await;
        let item = item.map_err(|_| CommandError::StorageUnavailable)?;
        if let Some(until) = item.and_then(|item| read(&item.value)) {
            conversation.bar(until);
        }
    }
    Ok(())
}

/// Keeps the note: no token that was issued until then is taken any more.
async fn note(journal: &Journal, id: ConversationId, until: UnixTime) -> Result<(), CommandError> {
    let (key, value) = (key(id), until.millis().to_string().into_bytes());
    loop {
        let item = journal.get(&key).await.map_err(|_| CommandError::StorageUnavailable)?;
        let written = match &item {
            Some(item) if read(&item.value) >= Some(until) => return Ok(()),
            Some(item) => journal.put(&key, value.clone(), item.revision).await,
            None => journal.create(&key, value.clone()).await,
        };
        match written {
            Written::Stored(_) => return Ok(()),
            Written::Unknown => return Err(CommandError::StorageUnavailable),
            // Another node signs the same customer out; the greatest instant is reached after as many turns.
            Written::Conflict => {}
        }
    }
}

fn key(id: ConversationId) -> String {
    format!("sign_out/{id}")
}

fn read(value: &[u8]) -> Option<UnixTime> {
    std::str::from_utf8(value).ok()?.parse().ok().map(UnixTime::from_millis)
}
