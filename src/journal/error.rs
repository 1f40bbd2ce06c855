//! Why the journal can't be opened or read, in words for whoever operates it.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use crate::domain::id::{ConversationId, Sequence};

/// What lies under an error, for the log. Which engine it comes from is nobody's affair.
pub(super) type Cause = Box<dyn Error + Send + Sync>;

/// Why a journal can't be opened. Each is for an operator to mend; none goes away by trying again at once.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or file can't be made or read.
    #[error("can't {doing} {}: check that the path and its permissions let this user write there", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process has it.
    #[error(
        "the journal {} is in use by another process: stop that one first, or give this one a path of its own",
        path.display()
    )]
    InUse {
        /// The journal.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{} is not a journal of usher: move it away, or set another path", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer usher wrote it.
    #[error(
        "the journal {} has format {found}, and this version of usher reads up to {supported}: run the newer version \
         that wrote it, or restore a backup from before the upgrade",
        path.display()
    )]
    Newer {
        /// The journal.
        path: PathBuf,
        /// The format it has.
        found: i64,
        /// The newest that this binary knows.
        supported: i64,
    },
    /// Nothing can be written to it.
    #[error(
        "the journal {} can't be written: check that the disk is neither full nor read-only and that the file \
         belongs to this user",
        path.display()
    )]
    NotWritable {
        /// The journal.
        path: PathBuf,
        /// What the engine says.
        source: Cause,
    },
    /// It can't be read, or not as a journal.
    #[error("the journal {} is damaged: restore it from a backup", path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// What the engine says.
        source: Cause,
    },
}

/// Why something can't be read. The journal's own fault, never the caller's.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The engine failed; trying again later may help.
    #[error("the journal can't be read")]
    Unavailable(#[source] Cause),
    /// An entry that this version of usher doesn't understand, or a damaged one; trying again doesn't help.
    #[error("entry {sequence} of conversation {conversation} can't be understood by this version of usher")]
    Unreadable {
        /// Whose entry.
        conversation: ConversationId,
        /// Which.
        sequence: Sequence,
        /// Why.
        source: Cause,
    },
    /// The journal is closed, or its writer is gone.
    #[error("the journal is closed")]
    Closed,
    /// A watch fell so far behind that it missed deletions: begin it anew.
    #[error("the watch fell too far behind")]
    Lagged,
}
