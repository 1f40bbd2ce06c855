//! Reading the whole journal in the order in which it was stored, and going on as it grows.

use crate::domain::conversation::{Entry, Place};
use crate::domain::id::RecordId;

use super::error::JournalError;
use super::{Journal, Position};

/// The most entries in a batch.
pub const FOLLOW_BATCH_MAX: usize = 512;

/// An entry with its place in the whole journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Followed {
    /// The place just after it: whoever goes on from here has seen it.
    pub position: Position,
    /// The conversation it belongs to.
    pub place: Place,
    /// The record it was stored in.
    pub record: RecordId,
    /// What happened.
    pub entry: Entry,
}

/// A reader of the whole journal. It holds nothing but its place: a slow one costs no memory.
#[derive(Debug)]
pub struct Follow {
    pub(super) journal: Journal,
    pub(super) position: Position,
}

impl Follow {
    /// Where it stands: everything up to here was returned.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// The next 1 to [`FOLLOW_BATCH_MAX`] entries, at most about 1 MiB; waits where there are none yet. Dropping
    /// the future loses nothing.
    ///
    /// # Errors
    /// The journal can't be read, an entry can't be understood, or the journal was closed and all of it is read.
    pub async fn next(&mut self) -> Result<Vec<Followed>, JournalError> {
        self.next_up_to(FOLLOW_BATCH_MAX).await
    }

    /// The same with so many entries at most.
    ///
    /// # Errors
    /// As [`Follow::next`].
    pub async fn next_up_to(&mut self, entries_max: usize) -> Result<Vec<Followed>, JournalError> {
        loop {
            let found = self.journal.0.batch(self.position.number, entries_max).await?;
            let batch: Vec<Followed> =
                found.into_iter().map(|found| self.journal.0.followed(found)).collect();
            if let Some(last) = batch.last() {
                self.position = last.position;
                return Ok(batch);
            }
            self.journal.0.stored_after(self.position.number).await?;
        }
    }
}
