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
/// From how many commands in one commit the journal is busy.
const BUSY_COMMANDS: usize = 32;

/// How long the log grows until it is copied, in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Checkpoint {
    pages: u32,
}

impl Checkpoint {
    /// Of a connection that is about to write.
    ///
    /// # Errors
    ///
    /// Where SQLite refuses the setting.
    pub(super) fn configure(connection: &Connection) -> rusqlite::Result<Self> {
        let quiet = Self { pages: PAGES_QUIET };
        quiet.set(connection)?;
        Ok(quiet)
    }

    /// What is due after a commit that so many commands have shared.
    fn after(commands: usize) -> Self {
        Self { pages: if commands < BUSY_COMMANDS { PAGES_QUIET } else { PAGES_BUSY } }
    }

    /// Before a commit that so many commands share: SQLite looks at the log's length right after it.
    ///
    /// # Errors
    ///
    /// Where SQLite refuses the setting.
    pub(super) fn adapt(&mut self, commands: usize, connection: &Connection) -> rusqlite::Result<()> {
        let due = Self::after(commands);
        if *self != due {
            due.set(connection)?;
            *self = due;
        }
        Ok(())
    }

    fn set(self, connection: &Connection) -> rusqlite::Result<()> {
        connection.pragma_update_and_check(None, "wal_autocheckpoint", self.pages, |_| Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(connection: &Connection) -> u32 {
        connection.pragma_query_value(None, "wal_autocheckpoint", |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_quiet_journal_is_copied_in_small_parts_and_a_busy_one_in_large() {
        let connection = Connection::open_in_memory().unwrap();
        let mut checkpoint = Checkpoint::configure(&connection).unwrap();
        assert_eq!(pages(&connection), PAGES_QUIET);
        for (commands, expected) in [
            (1, PAGES_QUIET),
            (BUSY_COMMANDS - 1, PAGES_QUIET),
            (BUSY_COMMANDS, PAGES_BUSY),
            (BUSY_COMMANDS + 1, PAGES_BUSY),
            (BUSY_COMMANDS - 1, PAGES_QUIET),
        ] {
            checkpoint.adapt(commands, &connection).unwrap();
            assert_eq!(pages(&connection), expected, "{commands}");
        }
    }
}
