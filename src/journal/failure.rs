//! Faults on command: the real engine made to fail as disks and threads do, so that what follows can be tested.

/// A way for the journal to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The disk is full from now on.
    DiskFull,
    /// Every commit fails from now on, after everything was written, and nothing of it is stored.
    CommitsFail,
    /// The disk has space and commits hold again.
    Mended,
    /// The next batch is stored, and nobody is told so.
    AnswerLost,
    /// The writer dies.
    WriterDies,
}
