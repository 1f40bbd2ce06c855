//! What is appended, and what became of it.

use crate::domain::conversation::Entry;
use crate::domain::id::{RecordId, Sequence};

/// The most entries that a record may hold.
pub const RECORD_ENTRIES_MAX: usize = 16;

/// The end of a conversation as its writer knows it: an append holds only while nothing was stored after it.
///
/// It comes from the journal and goes back to it; what is in it besides the sequence is the engine's affair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    sequence: Sequence,
}

impl Head {
    /// The head of a conversation that has no entry yet.
    pub const EMPTY: Self = Self { sequence: Sequence::START };

    pub(super) const fn at(sequence: Sequence) -> Self {
        Self { sequence }
    }

    /// The last entry's place in the conversation.
    #[must_use]
    pub const fn sequence(self) -> Sequence {
        self.sequence
    }
}

/// Entries of one conversation that are stored whole or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    id: RecordId,
    entries: Vec<Entry>,
}

/// Entries that can't be one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordRefused {
    /// None, or more than [`RECORD_ENTRIES_MAX`].
    #[error("a record holds 1 to {RECORD_ENTRIES_MAX} entries, not {0}")]
    Count(usize),
    /// Their sequences have a gap or go backwards.
    #[error("the entries of a record follow one another without a gap")]
    Gap,
}

impl Record {
    /// Puts 1 to [`RECORD_ENTRIES_MAX`] entries that follow one another under one id.
    ///
    /// # Errors
    /// What keeps them from being a record.
    pub fn new(id: RecordId, entries: Vec<Entry>) -> Result<Self, RecordRefused> {
        if !(1..=RECORD_ENTRIES_MAX).contains(&entries.len()) {
            return Err(RecordRefused::Count(entries.len()));
        }
        if entries.windows(2).any(|pair| pair[1].sequence != pair[0].sequence.next()) {
            return Err(RecordRefused::Gap);
        }
        Ok(Self { id, entries })
    }

    /// The record's own id: minted once, kept over every retry.
    #[must_use]
    pub const fn id(&self) -> RecordId {
        self.id
    }

    /// The entries, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether the record goes on where `head` ends.
    pub(super) fn continues(&self, head: Head) -> bool {
        self.entries.first().is_some_and(|first| first.sequence == head.sequence.next())
    }

    /// The head after the record is stored.
    pub(super) fn head(&self) -> Head {
        Head::at(self.entries.last().map_or(Sequence::START, |last| last.sequence))
    }
}

/// What became of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "an append that isn't stored must be decided again"]
pub enum Appended {
    /// Durable: it survives a loss of power. The conversation's new head.
    Stored(Head),
    /// Something else was stored after the head: read on from there and decide again. Not a fault.
    Conflict,
    /// Nobody can tell: a commit failed, or took too long. Read the conversation's tail and look for the record's
    /// id before anything is said to anyone. Appending the same record again is safe: it is stored at most once.
    Unknown,
}
