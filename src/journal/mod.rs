//! The journal: what was stored stays stored.
//!
//! One contract that more than one engine can keep. Callers know heads, positions and revisions as opaque values;
//! that the engine at hand is one SQLite file is known in `embedded/` and in the projection alone.
//!
//! The order is always: decide, store, apply, tell. Whoever appends names the head that it decided on, and is told
//! [`Appended::Conflict`] where something else came first, or [`Appended::Unknown`] where nobody can tell.

mod append;
mod checkpoint;
mod embedded;
mod error;
mod failure;
mod follow;
mod position;
pub mod projection;
mod record;
mod state;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;

use crate::domain::conversation::{Entry, Place};
use crate::domain::id::{ConversationId, RecordId, Sequence};
use crate::metrics::Metrics;

pub use append::{Appended, Head, RECORD_ENTRIES_MAX, Record, RecordRefused};
use embedded::Embedded;
pub use error::{JournalError, OpenError};
#[doc(hidden)]
pub use failure::Fault;
pub use follow::{FOLLOW_BATCH_MAX, Follow, Followed};
pub use position::{Position, PositionRefused};
use state::{Change, Expected};
pub use state::{Item, KEY_BYTES_MAX, KeepsUp, Revision, Seen, Update, Watch, Written};

/// The handle: cheap to clone, shared by everything that writes or reads.
#[derive(Clone)]
pub struct Journal(Arc<Embedded>);

/// Some entries of one conversation, the oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Where the conversation belongs.
    pub place: Place,
    /// The head after the last entry here; the conversation's own where there is none.
    pub head: Head,
    /// The entries and the records they were stored in.
    pub entries: Vec<(RecordId, Entry)>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("latest", &self.latest().to_string()).finish_non_exhaustive()
    }
}

impl Journal {
    /// Opens the journal in the file at `path`, and makes it where there is none. Blocks: call it at the start.
    ///
    /// # Errors
    /// What keeps it from being opened, and what to do.
    pub fn open(path: &Path, metrics: Arc<Metrics>) -> Result<Self, OpenError> {
        Embedded::open(path, metrics).map(Arc::new).map(Self)
    }

    /// Stores a record behind `head`, whole or not at all. Once it is [`Appended::Stored`], it is durable.
    ///
    /// A record that doesn't begin just after `head` is a [`Appended::Conflict`]. Waits at most 10 s. Dropping the
    /// future takes nothing back: the record may be stored all the same.
    pub async fn append(&self, place: &Place, head: Head, record: &Record) -> Appended {
        self.0.append(place, head, record).await
    }

    /// The first `limit` entries of a conversation after `after`; nothing where there is no such conversation.
    pub async fn read(
        &self,
        conversation: ConversationId,
        after: Sequence,
        limit: usize,
    ) -> Result<Option<Page>, JournalError> {
        self.0.page(conversation, after, limit).await
    }

    /// The newest `count` entries of a conversation; nothing where there is no such conversation.
    pub async fn read_last(
        &self,
        conversation: ConversationId,
        count: usize,
    ) -> Result<Option<Page>, JournalError> {
        self.0.last_page(conversation, count).await
    }

    /// The first entries of a conversation after `after`, each with its place in the whole journal: up to `limit`,
    /// fewer where they are long, and at least one where there is any. None too where there is no such conversation.
    pub async fn history(
        &self,
        conversation: ConversationId,
        after: Sequence,
        limit: usize,
    ) -> Result<Vec<Followed>, JournalError> {
        self.0.history(conversation, after, limit).await
    }

    /// Every entry after `from` in the order stored, going on live.
    #[must_use]
    pub fn follow(&self, from: Position) -> Follow {
        Follow { journal: self.clone(), position: from }
    }

    /// The end of what is stored.
    #[must_use]
    pub fn latest(&self) -> Position {
        self.0.latest()
    }

    /// The oldest place that can be read from.
    pub async fn oldest(&self) -> Result<Position, JournalError> {
        self.0.oldest().await
    }

    /// Reads a position's text and says whether it can be read from.
    pub async fn locate(&self, text: &str) -> Result<Result<Position, PositionRefused>, JournalError> {
        self.0.locate(text).await
    }

    /// The value under a key.
    pub async fn get(&self, key: &str) -> Result<Option<Item>, JournalError> {
        self.0.item(key.to_owned()).await
    }

    /// Stores a value under a key that has none.
    pub async fn create(&self, key: &str, value: Vec<u8>) -> Written {
        self.change(key, Some(value), Expected::Absent).await
    }

    /// Replaces the value that has this revision.
    pub async fn put(&self, key: &str, value: Vec<u8>, revision: Revision) -> Written {
        self.change(key, Some(value), Expected::Revision(revision)).await
    }

    /// Deletes the value, if it has this revision where one is given. Deleting what isn't there changes nothing.
    pub async fn delete(&self, key: &str, revision: Option<Revision>) -> Written {
        self.change(key, None, revision.map_or(Expected::Anything, Expected::Revision)).await
    }

    async fn change(&self, key: &str, value: Option<Vec<u8>>, expected: Expected) -> Written {
        debug_assert!((1..=KEY_BYTES_MAX).contains(&key.len()), "keys are made by usher, and short");
        self.0.change(Change { key: key.to_owned(), value, expected }).await
    }

    /// Up to `limit` values whose keys begin with `prefix`, in the order of their keys, after the key `after`.
    pub async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Item>, JournalError> {
        self.0.items(prefix.to_owned(), after.unwrap_or_default().to_owned(), limit).await
    }

    /// The values whose keys begin with `prefix`, as they are and as they change.
    #[must_use]
    pub fn watch(&self, prefix: &str) -> Watch {
        Watch { journal: self.clone(), prefix: prefix.to_owned(), seen: None }
    }

    async fn updates(
        &self,
        prefix: &str,
        seen: Option<Revision>,
    ) -> Result<(Vec<Update>, Revision), JournalError> {
        self.0.updates(prefix.to_owned(), seen).await
    }

    async fn state_after(&self, seen: Revision) -> Result<(), JournalError> {
        self.0.state_after(seen).await
    }

    /// Whether no other process can use this journal while this one does: so it is with one file.
    #[must_use]
    pub const fn is_exclusive(&self) -> bool {
        true
    }

    /// 256 random bits made with the journal and kept in it, for what must stay valid as long as it does.
    #[must_use]
    pub fn secret(&self) -> &[u8; 32] {
        self.0.secret()
    }

    /// Whether the last write held. Not after a failed one, until a probe that is made every 500 ms has succeeded.
    #[must_use]
    pub fn writable(&self) -> bool {
        self.0.is_writable()
    }

    /// [`Journal::writable`] as it changes; closed when the writer has ended.
    #[must_use]
    pub fn writable_changes(&self) -> watch::Receiver<bool> {
        self.0.writable_changes()
    }

    /// Takes nothing more, stores all that was taken, and lets the file go. Later appends are
    /// [`Appended::Unknown`].
    pub async fn close(&self) {
        self.0.close().await;
    }

    /// Completes when the writer has died: the process must stop, for nothing can be stored any more. Never
    /// completes for a journal that was closed.
    pub async fn failed(&self) {
        self.0.failed().await;
    }

    /// Makes the engine fail. For tests alone.
    #[doc(hidden)]
    pub async fn provoke(&self, fault: Fault) {
        self.0.provoke(fault).await;
    }
}
