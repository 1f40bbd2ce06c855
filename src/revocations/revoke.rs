//! Making a revocation, and lifting one.

use std::sync::Arc;

use crate::conversations::{CommandError, random};
use crate::domain::conversation::InvalidTransition;
use crate::domain::digest;
use crate::domain::id::{ClientId, ConversationId, TenantId};
use crate::domain::token::Revocation;
use crate::journal::{JournalError, Written};

use super::book::Change;
use super::stored::{self, Kept};
use super::{IN_FORCE_MAX, Revocations};

/// How often a deletion is tried anew because another node came between.
const CONFLICTS_MAX: usize = 8;

/// A revocation that somebody asks for.
#[derive(Debug, Clone)]
pub struct Order {
    /// Who asks.
    pub client: ClientId,
    /// The id of the caller's own, by which a repetition is known.
    pub own_id: Option<String>,
    /// Whose tokens are taken back.
    pub tenant: TenantId,
    /// What is taken back.
    pub revocation: Revocation,
    /// Whether the caller gave the instant.
    pub instant_given: bool,
}

/// Why nothing was revoked, or nobody knows.
#[derive(Debug, thiserror::Error)]
pub enum NotRevoked {
    /// The caller has used the id for something else.
    #[error("the id stands for another revocation")]
    IdConflict,
    /// There are [`IN_FORCE_MAX`] already.
    #[error("{IN_FORCE_MAX} revocations are in force")]
    TooMany,
    /// The conversation's rules, or the journal.
    #[error(transparent)]
    Command(#[from] CommandError),
}

impl From<JournalError> for NotRevoked {
    fn from(_: JournalError) -> Self {
        Self::Command(CommandError::StorageUnavailable)
    }
}

impl Order {
    /// The same order has the same id, where the caller gave one; it tells nothing of it.
    fn id(&self) -> String {
        let Some(own_id) = &self.own_id else { return digest::hex(&random::<16>()) };
        digest::hex(&digest::of_parts(&[self.client.as_str(), own_id])[..16])
    }

    /// Whether this was asked for when `kept` was made: an instant that nobody gave is no difference.
    fn asks_for(&self, kept: &Kept) -> bool {
        let mut asked = self.revocation.clone();
        if let Some(instant) = kept.revocation.issued_before().filter(|_| !self.instant_given) {
            asked = asked.with_issued_before(instant);
        }
        self.tenant == kept.tenant
            && self.client == kept.client
            && self.instant_given == kept.instant_given
            && asked == kept.revocation
    }
}

/// A place among those in force, given back when it is dropped: by then the revocation has one of its own, or none.
struct Reserved<'a>(&'a Revocations);

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.0.book().release();
    }
}

impl Revocations {
    /// Revokes: durable and in force on this node when it returns, the authentications that stand ended soon after.
    /// Run it to its end: one that is dropped half way may be in force and never answered.
    ///
    /// # Errors
    /// Why nothing was revoked. Where the journal doesn't answer nobody knows; asking again is safe.
    pub async fn revoke(&self, order: Order) -> Result<Arc<Kept>, NotRevoked> {
        let id = order.id();
        if let Some(kept) = self.known(&id, &order).await? {
            return Ok(kept);
        }
        if !self.book().reserve(IN_FORCE_MAX) {
            return Err(NotRevoked::TooMany);
        }
        let _reserved = Reserved(self);
        let matched = match order.revocation {
            Revocation::Conversation(conversation) => u64::from(self.end(conversation).await?),
            _ => self.count(&order.tenant, &order.revocation).await?,
        };
        let kept = Arc::new(Kept {
            id: id.clone(),
            tenant: order.tenant.clone(),
            revocation: order.revocation.clone(),
            instant_given: order.instant_given,
            created_at: self.0.clock.now(),
            matched,
            client: order.client.clone(),
        });
        match self.0.journal.create(&stored::key(&id), stored::encode(&kept)).await {
            Written::Stored(revision) => {
                let reaches = self.adopt(vec![Change::Kept(kept.clone(), revision)]);
                self.sweep_soon(reaches);
                Ok(kept)
            }
            // The same order came twice at once, or it is stored though nobody could tell.
            Written::Conflict | Written::Unknown => {
                let known = self.known(&id, &order).await?;
                known.ok_or(NotRevoked::Command(CommandError::StorageUnavailable))
            }
        }
    }

    /// What is stored under the id of an order, adopted: whoever is answered finds it in force.
    async fn known(&self, id: &str, order: &Order) -> Result<Option<Arc<Kept>>, NotRevoked> {
        let key = stored::key(id);
        let Some(item) = self.0.journal.get(&key).await? else { return Ok(None) };
        let kept = stored::decode(&key, &item.value).ok_or(NotRevoked::IdConflict)?;
        if !order.asks_for(&kept) {
            return Err(NotRevoked::IdConflict);
        }
        let kept = Arc::new(kept);
        let reaches = self.adopt(vec![Change::Kept(kept.clone(), item.revision)]);
        self.sweep_soon(reaches);
        Ok(Some(kept))
    }

    /// Ends the authentication that stands in a conversation; whether one did.
    async fn end(&self, conversation: ConversationId) -> Result<bool, CommandError> {
        let live = self.0.conversations.get(conversation);
        let locked = live.lock().await?;
        let mut locked = locked.ok_or(CommandError::Refused(InvalidTransition::NotStarted))?;
        locked.revoke().await
    }

    /// Lifts one, if its tenant is among those that `admit` lets through; whether there was one. It brings no
    /// authentication back.
    ///
    /// # Errors
    /// The journal doesn't answer.
    pub async fn lift(
        &self,
        id: &str,
        admit: impl Fn(&TenantId) -> bool + Send,
    ) -> Result<bool, CommandError> {
        let key = stored::key(id);
        for _ in 0..CONFLICTS_MAX {
            let item = self.0.journal.get(&key).await.map_err(|_| CommandError::StorageUnavailable)?;
            let Some(item) = item else { return Ok(false) };
            if !stored::decode(&key, &item.value).is_some_and(|kept| admit(&kept.tenant)) {
                return Ok(false);
            }
            match self.0.journal.delete(&key, Some(item.revision)).await {
                Written::Stored(revision) => {
                    self.adopt(vec![Change::Gone(id.to_owned(), revision)]);
                    return Ok(true);
                }
                Written::Conflict => {}
                Written::Unknown => break,
            }
        }
        Err(CommandError::StorageUnavailable)
    }
}
