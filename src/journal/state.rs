//! Keyed state: small values that are replaced, for what isn't a fact of one conversation.
//!
//! A value's own expiry stands in the value, and its reader judges it.

use super::Journal;
use super::error::JournalError;

/// The most bytes of a key.
pub const KEY_BYTES_MAX: usize = 512;

/// How many deletions a watch may fall behind before it has to begin anew.
pub(super) const DELETIONS_KEPT: i64 = 10_000;

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

/// The keys under a prefix: first as they are, then as they change. Of several changes of one key between two
/// calls, only the last is seen.
#[derive(Debug)]
pub struct Watch {
    pub(super) journal: Journal,
    pub(super) prefix: String,
    pub(super) seen: Option<Revision>,
}

impl Watch {
    /// The next updates, in order of their revisions. The first call returns what is there, be it nothing; each
    /// later one waits until something has changed.
    ///
    /// # Errors
    /// [`JournalError::Lagged`] where the watch fell some 10 000 deletions behind, and the reader's own.
    pub async fn next(&mut self) -> Result<Vec<Update>, JournalError> {
        loop {
            let (updates, up_to) = self.journal.updates(&self.prefix, self.seen).await?;
            let is_first = self.seen.is_none();
            self.seen = Some(up_to);
            if is_first || !updates.is_empty() {
                return Ok(updates);
            }
            self.journal.state_after(up_to).await?;
        }
    }
}
