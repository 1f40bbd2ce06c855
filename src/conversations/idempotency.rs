//! Beginning a conversation once, however often it is asked for: a page's `idempotency_key` stands for one conversation
//! for ten minutes.
//!
//! The key is claimed with the conversation's id before the conversation begins. Whoever finds a claim whose
//! conversation isn't there (the node died between the two, or another start is just under way) begins it under that
//! very id: one append wins, and the other comes in.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::conversation::Status;
use crate::domain::digest;
use crate::domain::id::{ConversationId, TenantId, WidgetId};
use crate::domain::time::UnixTime;
use crate::journal::{Item, Written};

use super::live::Live;
use super::{CommandError, Conversations, random};

/// How long a key stands for its conversation.
const KEPT_FOR: Duration = Duration::from_mins(10);
/// How often keys whose time is up are deleted.
pub(super) const REAPED_EVERY: Duration = Duration::from_mins(1);
/// Keys looked at together while they are reaped.
const REAPED_AT_ONCE: usize = 500;
/// How often a claim is tried anew because another one came between. Each time somebody made progress.
const CONFLICTS_MAX: usize = 8;
const PREFIX: &str = "idempotency/";

/// A page's secret, as a name of keyed state: hashed, and apart for each widget.
#[derive(Debug, Clone)]
pub struct IdempotencyKey(String);

/// What a key stands for.
#[derive(Debug, Serialize, Deserialize)]
struct Claimed {
    conversation: String,
    /// Milliseconds since the epoch.
    at: i64,
}

impl IdempotencyKey {
    /// The key as a page of this widget gave it.
    #[must_use]
    pub fn new(tenant: &TenantId, widget: &WidgetId, key: &str) -> Self {
        let hash = digest::of_parts(&[tenant.as_str(), widget.as_str(), key]);
        Self(format!("{PREFIX}{}", digest::hex(&hash)))
    }
}

impl Conversations {
    /// The open conversation that was begun with this key in the last ten minutes, if there is one.
    ///
    /// # Errors
    /// The journal can't be read.
    pub async fn begun_with(&self, key: &IdempotencyKey) -> Result<Option<Arc<Live>>, CommandError> {
        let item = self.item(key).await?;
        let Some(id) = item.as_ref().and_then(|item| self.claimed(item)) else { return Ok(None) };
        let live = self.get(id);
        let goes_on = live.lock().await?.is_some_and(|locked| locked.conversation().is_open());
        Ok(goes_on.then_some(live))
    }

    /// Takes the key for a conversation that is about to begin: its id, which another start may hold as well.
    pub(super) async fn claim(&self, key: &IdempotencyKey) -> Result<ConversationId, CommandError> {
        let shared = &self.shared;
        for _ in 0..CONFLICTS_MAX {
            let item = self.item(key).await?;
            if let Some(id) = item.as_ref().and_then(|item| self.claimed(item))
                && !self.has_ended(id).await?
            {
                return Ok(id);
            }
            let now = shared.clock.now();
            let id = ConversationId::new(now, random());
            let claimed = Claimed { conversation: id.to_string(), at: now.millis() };
            let value = serde_json::to_vec(&claimed).expect("a claim has string keys");
            let written = match item {
                Some(item) => shared.journal.put(&key.0, value, item.revision).await,
                None => shared.journal.create(&key.0, value).await,
            };
            match written {
                Written::Stored(_) => return Ok(id),
                Written::Conflict => {}
                Written::Unknown => return Err(CommandError::StorageUnavailable),
            }
        }
        Err(CommandError::StorageUnavailable)
    }

    /// Deletes the keys whose time is up, until the process stops.
    pub async fn reap_idempotency_keys(self) {
        let lifecycle = self.shared.lifecycle.clone();
        while !lifecycle.is_stopping() {
            // What can't be read or deleted now is deleted in a minute.
            let _ = self.reap().await;
            tokio::select! {
                () = lifecycle.stopped() => {}
                () = tokio::time::sleep(REAPED_EVERY) => {}
            }
        }
    }

    pub(super) async fn reap(&self) -> Result<(), CommandError> {
        let journal = &self.shared.journal;
        let mut after: Option<String> = None;
        loop {
            let items = journal.list(PREFIX, after.as_deref(), REAPED_AT_ONCE).await;
            let items = items.map_err(|_| CommandError::StorageUnavailable)?;
            for item in &items {
                if self.claimed(item).is_none() {
                    // Somebody who has just claimed it anew keeps it.
                    let _ = journal.delete(&item.key, Some(item.revision)).await;
                }
            }
            match items.into_iter().last() {
                Some(last) => after = Some(last.key),
                None => return Ok(()),
            }
        }
    }

    async fn item(&self, key: &IdempotencyKey) -> Result<Option<Item>, CommandError> {
        self.shared.journal.get(&key.0).await.map_err(|_| CommandError::StorageUnavailable)
    }

    /// The conversation that a key stands for, where its time is not up.
    fn claimed(&self, item: &Item) -> Option<ConversationId> {
        let claimed: Claimed = serde_json::from_slice(&item.value).ok()?;
        let until = UnixTime::from_millis(claimed.at).plus(KEPT_FOR);
        if self.shared.clock.now() < until { claimed.conversation.parse().ok() } else { None }
    }

    async fn has_ended(&self, id: ConversationId) -> Result<bool, CommandError> {
        let live = self.get(id);
        let locked = live.lock().await?;
        Ok(locked.is_some_and(|locked| matches!(locked.conversation().status(), Status::Ended(_))))
    }
}
