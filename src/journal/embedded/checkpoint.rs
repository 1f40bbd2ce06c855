//! When what lies in the log of writes is copied into the file.
//!
//! The writer does it itself, between two commits, and whoever waits for the next one waits for it: 10 to 25 ms for
//! 4096 pages. Small copies hold it up for 2 to 5 ms, but what changes again and again is copied more often, which
//! costs a busy journal a fifth of its throughput. So a quiet journal, where one late answer is seen, makes small ones;
//! one that shares each commit among many makes large ones.

use rusqlite::Connection;

/// How long the log grows where few share a commit, in pages: 2 MiB.
const PAGES_QUIET: u32 = 512;
/// How long the log grows where many share a commit, in pages: 16 MiB.
const PAGES_BUSY: u32 = 4096;
/// From how many commands in a commit, in the mean, the journal is busy.
const BUSY_COMMANDS: usize = 32;
/// Over how many commits the mean is taken: a small one among large ones changes nothing.
const COMMITS: usize = 16;

/// How long the log grows until it is copied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checkpoint {
    pages: u32,
    /// The mean of the commands that have shared a commit, times [`COMMITS`]: older ones count less and less.
    shared: usize,
}

impl Checkpoint {
    /// Of a connection that is about to write.
    ///
    /// # Errors
    ///
    /// Where SQLite refuses the setting.
    pub(super) fn configure(connection: &Connection) -> rusqlite::Result<Self> {
        let quiet = Self { pages: PAGES_QUIET, shared: 0 };
        quiet.set(connection)?;
        Ok(quiet)
    }

    /// What is due once a commit that so many commands share is made.
    fn after(self, commands: usize) -> Self {
        let shared = self.shared - self.shared / COMMITS + commands;
        Self { pages: if shared < BUSY_COMMANDS * COMMITS { PAGES_QUIET } else { PAGES_BUSY }, shared }
    }

    /// Before a commit that so many commands share: SQLite looks at the log's length right after it.
    ///
    /// # Errors
    ///
    /// Where SQLite refuses the setting.
    pub(super) fn adapt(&mut self, commands: usize, connection: &Connection) -> rusqlite::Result<()> {
        let due = self.after(commands);
        if self.pages != due.pages {
            due.set(connection)?;
        }
        *self = due;
        Ok(())
    }

    fn set(self, connection: &Connection) -> rusqlite::Result<()> {
        connection.pragma_update_and_check(None, "wal_autocheckpoint", self.pages, |_| Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long the log grows after many commits of so many commands, and one of so many more.
    fn pages(connection: &Connection, commands: usize, last: usize) -> u32 {
        let mut checkpoint = Checkpoint::configure(connection).unwrap();
        for commands in std::iter::repeat_n(commands, 1000).chain([last]) {
            checkpoint.adapt(commands, connection).unwrap();
        }
        connection.pragma_query_value(None, "wal_autocheckpoint", |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_quiet_journal_is_copied_in_small_parts_and_a_busy_one_in_large() {
        let connection = Connection::open_in_memory().unwrap();
        for (commands, expected) in [
            (1, PAGES_QUIET),
            (BUSY_COMMANDS - 1, PAGES_QUIET),
            (BUSY_COMMANDS, PAGES_BUSY),
            (BUSY_COMMANDS + 1, PAGES_BUSY),
        ] {
            assert_eq!(pages(&connection, commands, commands), expected, "{commands}");
        }
    }

    #[test]
    fn one_commit_unlike_the_others_changes_nothing() {
        let connection = Connection::open_in_memory().unwrap();
        assert_eq!(pages(&connection, 2 * BUSY_COMMANDS, 1), PAGES_BUSY);
        assert_eq!(pages(&connection, 1, 2 * BUSY_COMMANDS), PAGES_QUIET);
    }
}
