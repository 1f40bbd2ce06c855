//! The file and its tables.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, params};

use super::super::error::OpenError;

/// `usjr` in ASCII: marks the file as a journal of usher.
const APPLICATION_ID: i64 = 0x7573_6a72;
/// The format that this version writes, and the newest that it reads.
pub(super) const FORMAT: i64 = 1;
/// How long a statement waits for another program that has the file, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Whoever opens the file with a tool reads `readable_entry`. Positions and revisions are never used twice.
const TABLES: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE entry (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  conversation BLOB NOT NULL,
  sequence INTEGER NOT NULL,
  at INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  widget TEXT NOT NULL,
  record BLOB NOT NULL,
  type TEXT NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE TABLE state (
  revision INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  value BLOB
) STRICT;
CREATE TABLE probe (id INTEGER PRIMARY KEY, filling BLOB NOT NULL) STRICT;
CREATE VIEW readable_entry AS SELECT
  position,
  lower(substr(hex(conversation), 1, 8) || '-' || substr(hex(conversation), 9, 4) || '-' ||
    substr(hex(conversation), 13, 4) || '-' || substr(hex(conversation), 17, 4) || '-' ||
    substr(hex(conversation), 21)) AS conversation,
  sequence,
  strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') AS at,
  tenant, widget, lower(hex(record)) AS record, type, body
FROM entry;
";
/// Derived from `entry`, and therefore made where it is missing.
const INDEX: &str = "
CREATE TABLE IF NOT EXISTS conversation_index (
  conversation BLOB NOT NULL,
  sequence INTEGER NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (conversation, sequence)
) STRICT, WITHOUT ROWID;
";

/// What a journal was born with.
#[derive(Clone)]
pub(super) struct Birthmarks {
    pub(super) incarnation: u64,
    pub(super) secret: [u8; 32],
}

/// An open journal file that no other process writes to.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) birthmarks: Birthmarks,
    /// Held for as long as the connection writes.
    pub(super) lock: File,
}

/// Opens the journal at `path` for writing; makes it, and its folder, where there is none.
pub(super) fn open(path: &Path) -> Result<Opened, OpenError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        make_folder(folder)?;
    }
    let lock = take_lock(path)?;
    make_file(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags).map_err(|error| classify(path, error))?;
    let birthmarks = prepare(&connection, path)?;
    Ok(Opened { connection, birthmarks, lock })
}

/// A connection that only reads.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// A connection whose statements are planned once: SQLite would look at what a parameter of `LIMIT` is, and so plan
/// each statement that has one anew at every execution (QPSG in <https://sqlite.org/c3ref/c_dbconfig_defensive.html>).
pub(in super::super) fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

/// `path` with `suffix` behind its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn make_folder(folder: &Path) -> Result<(), OpenError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(io_error("make the folder", folder))
}

/// For files that nobody else may read.
pub(in super::super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The lock lies beside the journal: closing any handle to the journal itself would drop the engine's own locks.
fn take_lock(path: &Path) -> Result<File, OpenError> {
    let name = beside(path, ".lock");
    let file = private().open(&name).map_err(io_error("open", &name))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(fs::TryLockError::Error(source)) => Err(io_error("lock", &name)(source)),
    }
}

/// Makes the file before the engine does, so that nobody else can read it: its companions take its permissions.
fn make_file(path: &Path) -> Result<(), OpenError> {
    if path.exists() {
        return Ok(());
    }
    private().open(path).map_err(io_error("make", path))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A file is safe only when the folder that names it is.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_error("sync the folder of", path))
}

fn io_error<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> OpenError + 'a {
    move |source| OpenError::Io { doing, path: path.to_owned(), source }
}

/// What a failure to open or to write the file says of it.
pub(super) fn classify(path: &Path, error: rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::Foreign { path },
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged { path, source: error.into() },
        _ => OpenError::NotWritable { path, source: error.into() },
    }
}

fn prepare(connection: &Connection, path: &Path) -> Result<Birthmarks, OpenError> {
    let or_classified = |error| classify(path, error);
    connection.busy_timeout(BUSY_TIMEOUT).map_err(or_classified)?;
    let application: i64 =
        connection.pragma_query_value(None, "application_id", get).map_err(or_classified)?;
    let found: i64 = connection.pragma_query_value(None, "user_version", get).map_err(or_classified)?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], get).map_err(or_classified)?;
    if application != APPLICATION_ID && (application != 0 || tables != 0) {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    if application == APPLICATION_ID && found > FORMAT {
        return Err(OpenError::Newer { path: path.to_owned(), found, supported: FORMAT });
    }
    configure(connection, tables == 0).map_err(or_classified)?;
    if application != APPLICATION_ID {
        create(connection).map_err(or_classified)?;
    }
    connection.execute_batch(INDEX).map_err(or_classified)?;
    // Nobody watches yet: what was deleted need not be told.
    connection.execute("DELETE FROM state WHERE value IS NULL", []).map_err(or_classified)?;
    probe(connection).map_err(or_classified)?;
    birthmarks(connection).map_err(|error| OpenError::Damaged { path: path.to_owned(), source: error.into() })
}

fn get<T: rusqlite::types::FromSql>(row: &rusqlite::Row<'_>) -> rusqlite::Result<T> {
    row.get(0)
}

fn configure(connection: &Connection, fresh: bool) -> rusqlite::Result<()> {
    if fresh {
        // Only before the first table, and before the log of writes.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update_and_check(None, "journal_size_limit", 64 << 20, |_| Ok(()))?;
    // Negative: KiB.
    connection.pragma_update(None, "cache_size", -16 * 1024)
}

/// One transaction: a journal is there whole or not at all, whatever happens while it is made.
fn create(connection: &Connection) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(TABLES)?;
    let (mut incarnation, mut secret) = ([0; 8], [0; 32]);
    aws_lc_rs::rand::fill(&mut incarnation)
        .and_then(|()| aws_lc_rs::rand::fill(&mut secret))
        .map_err(|_| rusqlite::Error::ToSqlConversionFailure("the system gives no random numbers".into()))?;
    let insert = "INSERT INTO meta (key, value) VALUES (?1, ?2)";
    transaction.execute(insert, params!["incarnation", incarnation])?;
    transaction.execute(insert, params!["secret", secret])?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}

fn birthmarks(connection: &Connection) -> rusqlite::Result<Birthmarks> {
    let select = "SELECT value FROM meta WHERE key = ?1";
    let incarnation = connection.query_row(select, ["incarnation"], get)?;
    let secret = connection.query_row(select, ["secret"], get)?;
    Ok(Birthmarks { incarnation: u64::from_be_bytes(incarnation), secret })
}

/// Writes as much as a few entries take, durably, and takes it away again.
pub(super) fn probe(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("INSERT INTO probe (filling) VALUES (zeroblob(65536))", [])?;
    connection.execute("DELETE FROM probe", []).map(drop)
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_statement_is_planned_once_whatever_limit_it_is_given() {
        let connection = connect(Path::new(":memory:"), OpenFlags::default()).unwrap();
        connection.execute_batch("CREATE TABLE numbers (number INTEGER PRIMARY KEY)").unwrap();
        let mut statement = connection.prepare("SELECT number FROM numbers LIMIT ?1").unwrap();
        for limit in [1, 10, 100] {
            statement.query_row([limit], get::<i64>).unwrap_err();
        }
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}
