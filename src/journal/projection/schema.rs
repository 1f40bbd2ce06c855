//! The projection's own file. Nothing in it is worth keeping: what doesn't fit is thrown away and built again.

use std::fs;
use std::io;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};

use super::super::Position;
use super::super::embedded;
use super::super::error::{Cause, OpenError};

/// The form of the tables below and of what stands in them: raise it with every change.
const FORM: i64 = 5;

/// A beginning conversation is written into every index, so there are few, and some end in columns that are only looked
/// at: what doesn't fit is passed over without a look into the table.
pub(super) const TABLES: &str = "
CREATE TABLE place (incarnation BLOB NOT NULL, position INTEGER NOT NULL) STRICT;
CREATE TABLE conversation (
  id BLOB PRIMARY KEY,
  tenant TEXT NOT NULL,
  widget TEXT NOT NULL,
  open INTEGER NOT NULL,
  authenticated INTEGER NOT NULL,
  authentication TEXT NOT NULL,
  deadline INTEGER,
  changed_by TEXT,
  changed_at INTEGER,
  issuer TEXT,
  subject TEXT,
  variables TEXT NOT NULL,
  queue TEXT NOT NULL,
  agent TEXT,
  sequence INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  heard_at INTEGER NOT NULL,
  active_at INTEGER NOT NULL,
  ended TEXT,
  ended_at INTEGER,
  connected INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX conversation_tenant ON conversation (tenant, id);
CREATE INDEX conversation_subject ON conversation (subject, tenant, id, open, widget, issuer) WHERE subject IS NOT NULL;
CREATE INDEX conversation_open ON conversation (tenant, id, authenticated, open) WHERE open;
CREATE INDEX conversation_deadline ON conversation (deadline, id) WHERE deadline IS NOT NULL;
CREATE INDEX conversation_heard ON conversation (heard_at, id) WHERE open AND authenticated;
CREATE INDEX conversation_active ON conversation (active_at, id) WHERE open;
";

/// Opens the projection and says how far it has come; begins it anew where it is of another journal or form.
pub(super) fn open(path: &Path, latest: Position) -> Result<(Connection, i64), OpenError> {
    if path.exists()
        && let Ok((connection, number)) = reopen(path, latest)
    {
        return Ok((connection, number));
    }
    remove(path).map_err(|source| OpenError::Io { doing: "remove", path: path.to_owned(), source })?;
    embedded::private().open(path).map_err(|source| OpenError::Io {
        doing: "make",
        path: path.to_owned(),
        source,
    })?;
    let connection = make(path, latest)
        .map_err(|error| OpenError::NotWritable { path: path.to_owned(), source: error.into() })?;
    Ok((connection, 0))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = embedded::connect(path, flags)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // A loss of power may lose the last transactions, which are then followed again; it damages nothing.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update_and_check(None, "journal_size_limit", 64 << 20, |_| Ok(()))?;
    Ok(connection)
}

fn make(path: &Path, latest: Position) -> rusqlite::Result<Connection> {
    let connection = connect(path)?;
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(TABLES)?;
    let incarnation = latest.incarnation.to_be_bytes();
    transaction.execute("INSERT INTO place (incarnation, position) VALUES (?1, 0)", params![incarnation])?;
    transaction.pragma_update(None, "user_version", FORM)?;
    transaction.commit()?;
    Ok(connection)
}

fn reopen(path: &Path, latest: Position) -> Result<(Connection, i64), Cause> {
    let connection = connect(path)?;
    let form: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let (incarnation, number): ([u8; 8], i64) =
        connection
            .query_row("SELECT incarnation, position FROM place", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    // Further than the journal itself: that was restored from a backup.
    let fits = form == FORM && incarnation == latest.incarnation.to_be_bytes() && number <= latest.number;
    if fits { Ok((connection, number)) } else { Err("of another journal or form".into()) }
}

/// Takes the file away, with its companions.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
