//! When what lies in a file's log of writes is copied into the file.
//!
//! Whoever writes does it, between two commits: the next commit waits for it, so nobody is left to be told of the last.
//! It takes 5 ms for 512 pages and 10 to 25 ms for 4096, most of it for the disk to be done. Small copies are less in
//! the way, but what changes again and again is copied more often, which costs a busy journal a fifth of its
//! throughput. So a quiet file, where one late answer is seen, is copied in small parts; one whose commits are each
//! shared among many, in large ones.

use std::ffi::c_int;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, DEFAULT_NAME};

use crate::metrics::Metrics;

/// How long the log grows where few share a commit, in pages: 2 MiB.
const PAGES_QUIET: u32 = 512;
/// How long the log grows where many share a commit, in pages: 16 MiB.
const PAGES_BUSY: u32 = 4096;
/// From how many commands or entries in a commit, in the mean, a file is busy.
const BUSY_SHARED: usize = 32;
/// Over how many commits the mean is taken: a small one among large ones changes nothing.
const COMMITS: usize = 16;

/// Copies a connection's log when it has grown enough.
#[derive(Debug)]
pub(super) struct Checkpoint {
    /// The log's length after the last commit.
    pages: Arc<AtomicU32>,
    pace: Pace,
}

/// What is known of a log, and of those who share commits.
#[derive(Debug, Clone, Copy, Default)]
struct Pace {
    /// The log's length when it was last copied. It goes on from there while a reader still looks at what is older, and
    /// begins anew otherwise.
    copied: u32,
    /// The mean of those who have shared a commit, times [`COMMITS`]: older ones count less and less.
    shared: usize,
}

impl Pace {
    /// Notes a commit that so many share, after which the log is so many pages long. Whether it is to be copied.
    const fn is_due(&mut self, shared: usize, pages: u32) -> bool {
        self.shared = self.shared - self.shared / COMMITS + shared;
        let grows = if self.shared < BUSY_SHARED * COMMITS { PAGES_QUIET } else { PAGES_BUSY };
        if pages < self.copied {
            self.copied = 0;
        }
        let is_due = pages - self.copied >= grows;
        if is_due {
            self.copied = pages;
        }
        is_due
    }
}

impl Checkpoint {
    /// Of a connection that is about to write. SQLite itself copies nothing from now on.
    ///
    /// # Errors
    ///
    /// Where SQLite refuses the setting.
    pub(super) fn of(connection: &mut Connection) -> rusqlite::Result<Self> {
        let pages = Arc::new(AtomicU32::new(0));
        let noted = pages.clone();
        connection.wal_hook(Some(move |_: &mut _, length: c_int| {
            noted.store(length.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self { pages, pace: Pace::default() })
    }

    /// Copies the log where it is due, after a commit that so many shared and of which they have been told. Where that
    /// fails nothing is lost, and it is tried again when the log has grown by as much once more.
    pub(super) fn after(&mut self, shared: usize, connection: &Connection, metrics: &Metrics) {
        if !self.pace.is_due(shared, self.pages.load(Ordering::Relaxed)) {
            return;
        }
        if let Err(error) = connection.wal_checkpoint_v2(DEFAULT_NAME, CheckpointMode::PASSIVE) {
            metrics.journal_failed("checkpoint");
            tracing::warn!(%error, "a log of writes can't be copied into its file, and grows; nothing is lost");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long a log is when it is copied, where each commit adds one page and so many share it.
    fn copied_at(pace: &mut Pace, shared: usize) -> u32 {
        (1..=PAGES_BUSY).find(|&pages| pace.is_due(shared, pages)).unwrap()
    }

    #[test]
    fn a_quiet_log_is_copied_in_small_parts_and_a_busy_one_in_large() {
        for (shared, expected) in [
            (1, PAGES_QUIET),
            (BUSY_SHARED - 1, PAGES_QUIET),
            (BUSY_SHARED, PAGES_BUSY),
            (BUSY_SHARED + 1, PAGES_BUSY),
        ] {
            let mut pace = Pace { copied: 0, shared: shared * COMMITS };
            assert_eq!(copied_at(&mut pace, shared), expected, "{shared}");
        }
    }

    #[test]
    fn one_commit_unlike_the_others_changes_nothing() {
        let mut busy = Pace { copied: 0, shared: 2 * BUSY_SHARED * COMMITS };
        assert!(!busy.is_due(1, PAGES_QUIET) && busy.is_due(1, PAGES_BUSY));
        let mut quiet = Pace::default();
        assert!(quiet.is_due(2 * BUSY_SHARED, PAGES_QUIET));
    }

    #[test]
    fn a_log_that_begins_anew_or_goes_on_grows_by_as_much_again() {
        let mut pace = Pace::default();
        assert!(!pace.is_due(1, PAGES_QUIET - 1) && pace.is_due(1, PAGES_QUIET));
        assert!(!pace.is_due(1, 2 * PAGES_QUIET - 1), "a reader held it");
        assert!(pace.is_due(1, 2 * PAGES_QUIET));
        assert!(!pace.is_due(1, 3), "it began anew");
        assert!(!pace.is_due(1, PAGES_QUIET - 1) && pace.is_due(1, PAGES_QUIET));
    }

    /// Bytes of a file, in pages of SQLite.
    fn pages(path: &std::path::Path) -> u64 {
        std::fs::metadata(path).unwrap().len() / 4096
    }

    #[test]
    fn a_log_is_copied_into_its_file_and_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (file, log) = (folder.path().join("file"), folder.path().join("file-wal"));
        let mut connection = Connection::open(&file).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        let (mut checkpoint, metrics) = (Checkpoint::of(&mut connection).unwrap(), Metrics::new());
        connection.execute_batch("CREATE TABLE said (text TEXT)").unwrap();
        for _ in 0..3 * PAGES_QUIET {
            connection.execute("INSERT INTO said VALUES (?1)", ["m".repeat(4096)]).unwrap();
            checkpoint.after(1, &connection, &metrics);
        }
        assert!(pages(&file) > u64::from(2 * PAGES_QUIET), "{}", pages(&file));
        assert!(pages(&log) < u64::from(2 * PAGES_QUIET), "{}", pages(&log));
    }
}
