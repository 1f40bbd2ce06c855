//! What is asked of the writer.

use tokio::sync::oneshot;

use crate::domain::conversation::Place;
use crate::domain::id::{RecordId, Sequence};

use super::super::append::Appended;
use super::super::failure::Fault;
use super::super::state::{Change, Written};

/// One thing to write, and where the answer goes. A dropped answer means that nobody can tell.
pub(super) enum Command {
    Append(Append),
    State(Change, oneshot::Sender<Written>),
    Provoke(Fault, oneshot::Sender<()>),
    Close(oneshot::Sender<()>),
}

/// A record, already in the form in which it is stored.
pub(super) struct Append {
    pub(super) place: Place,
    pub(super) record: RecordId,
    /// The conversation's last sequence, as whoever appends knows it.
    pub(super) expected: Sequence,
    pub(super) lines: Vec<Line>,
    pub(super) answer: oneshot::Sender<Appended>,
}

/// One entry.
pub(super) struct Line {
    pub(super) sequence: Sequence,
    pub(super) at: i64,
    pub(super) kind: &'static str,
    pub(super) body: String,
}
