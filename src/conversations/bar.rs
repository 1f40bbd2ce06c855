//! The bar of a conversation that was anonymous already when its customer signed out: then there is nothing to journal,
//! and still a token that was cached in another tab must not sign in again. So a note is kept beside the journal's
//! entries, and read with them.

use crate::domain::conversation::Conversation;
use crate::domain::id::ConversationId;
use crate::domain::time::UnixTime;
use crate::journal::{Journal, Written};

use super::CommandError;

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
pub(super) async fn note(journal: &Journal, id: ConversationId, until: UnixTime) -> Result<(), CommandError> {
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
