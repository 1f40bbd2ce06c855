//! Keyed state: small values that are replaced, for what isn't a fact of one conversation.
//!
//! A value's own expiry stands in the value, and its reader judges it.

use std::time::Duration;

use super::Journal;
use super::error::JournalError;

/// The most bytes of a key.
pub const KEY_BYTES_MAX: usize = 512;

/// How many deletions a watch may fall behind before it has to begin anew.
pub(super) const DELETIONS_KEPT: i64 = 10_000;

/// The pause of a watch after a failure.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// A version of a value. A greater one is later; none is ever used twice, whatever is deleted between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub(super) i64);

/// A value under its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Vec<u8>,
    /// Which version of it.
    pub revision: Revision,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a write that isn't stored must be decided again"]
pub enum Written {
    /// Durable, with this revision.
    Stored(Revision),
    /// Something else is there: read it and decide again.
    Conflict,
    /// Nobody can tell: read it.
    Unknown,
}

/// Something to write.
pub(super) struct Change {
    pub(super) key: String,
    /// The new value; none deletes.
    pub(super) value: Option<Vec<u8>>,
    pub(super) expected: Expected,
}

/// What has to be there for a write to hold.
pub(super) enum Expected {
    Absent,
    Revision(Revision),
    Anything,
}

/// What a watch has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// A value is new or was replaced.
    Put(Item),
    /// It was deleted.
    Deleted {
        /// Its key.
        key: String,
        /// The revision of the deletion.
        revision: Revision,
    },
}

/// What a watch has seen since it was last asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// In order of their revisions. Of several changes of one key only the last.
    pub updates: Vec<Update>,
    /// Whether they are all that is there, and not only what has changed: what was known before and is not among them
    /// has been deleted meanwhile.
    pub is_everything: bool,
}

impl Seen {
    /// The keys that have a value.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.updates.iter().filter_map(|update| match update {
            Update::Put(item) => Some(item.key.as_str()),
            Update::Deleted { .. } => None,
        })
    }
}

/// Who keeps up with a prefix: what it knows is then what the journal holds.
pub trait KeepsUp: Sync {
    /// What it is that it knows, for the log.
    const WHAT: &str;

    /// Adopts what a watch has seen.
    ///
    /// # Errors
    /// Where it had to read the journal besides and couldn't: everything is handed over once more.
    fn take(&self, seen: Seen) -> impl Future<Output = Result<(), JournalError>> + Send;
}

/// The keys under a prefix: first as they are, then as they change.
#[derive(Debug)]
pub struct Watch {
    pub(super) journal: Journal,
    pub(super) prefix: String,
    pub(super) seen: Option<Revision>,
}

impl Watch {
    /// The next updates. The first call returns what is there, be it nothing; each later one waits until something
    /// has changed. A watch that fell some 10 000 deletions behind begins anew.
    ///
    /// # Errors
    /// Where the journal can't be read, or is closed.
    pub async fn next(&mut self) -> Result<Seen, JournalError> {
        loop {
            let is_everything = self.seen.is_none();
            let (updates, up_to) = match self.journal.updates(&self.prefix, self.seen).await {
                Err(JournalError::Lagged) => {
                    self.seen = None;
                    continue;
                }
                read => read?,
            };
            self.seen = Some(up_to);
            if is_everything || !updates.is_empty() {
                return Ok(Seen { updates, is_everything });
            }
            self.journal.state_after(up_to).await?;
        }
    }

    /// Hands everything to `reader`, and then every change, until the journal is closed. After a failure, which is
    /// logged, and a pause the reader gets everything once more.
    pub async fn keep_up<Reader: KeepsUp>(mut self, reader: &Reader) {
        loop {
            let taken = match self.next().await {
                Ok(seen) => reader.take(seen).await,
                Err(error) => Err(error),
            };
            match taken {
                Ok(()) => {}
                Err(JournalError::Closed) => return,
                Err(error) => {
                    tracing::warn!(%error, "{} of other nodes can't be read; it is tried again", Reader::WHAT);
                    tokio::time::sleep(RETRY_AFTER).await;
                    self.seen = None;
                }
            }
        }
    }
}
