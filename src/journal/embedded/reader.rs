//! Reading, on connections of its own: no reader ever waits for the writer, nor the writer for it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row, Rows, params};
use tokio::sync::Semaphore;

use crate::domain::conversation::{Entry, Place};
use crate::domain::id::{ConversationId, RecordId, Sequence};
use crate::domain::time::UnixTime;

use super::super::append::Head;
use super::super::error::JournalError;
use super::super::state::{Item, Revision, Update};
use super::super::{Page, record};
use super::batch::sequence;
use super::index::Index;
use super::schema;

/// How many reads run at once; the others wait their turn.
const READERS_MAX: usize = 4;
/// Where a batch of the whole journal ends, besides its count of entries: 1 MiB of bodies.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// A bounded pool of connections that only read.
#[derive(Clone)]
pub(in super::super) struct Readers(Arc<Pool>);

struct Pool {
    path: PathBuf,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers").field("path", &self.0.path).finish_non_exhaustive()
    }
}

impl Readers {
    pub(in super::super) fn of(path: &Path) -> Self {
        let permits = Arc::new(Semaphore::new(READERS_MAX));
        Self(Arc::new(Pool { path: path.to_owned(), permits, idle: Mutex::new(Vec::new()) }))
    }

    /// Runs a read where it may block. One that fails takes its connection with it.
    pub(in super::super) async fn run<T, F>(&self, read: F) -> Result<T, JournalError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, JournalError> + Send + 'static,
    {
        let permits = self.0.permits.clone();
        let permit = permits.acquire_owned().await.map_err(|_| JournalError::Closed)?;
        let pool = self.0.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let idle = pool.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match idle {
                Some(connection) => connection,
                None => schema::open_reader(&pool.path).map_err(unavailable)?,
            };
            let answer = read(&connection)?;
            pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            Ok(answer)
        });
        reading.await.map_err(|_| JournalError::Closed)?
    }
}

pub(in super::super) fn unavailable(error: rusqlite::Error) -> JournalError {
    JournalError::Unavailable(error.into())
}

/// An entry of the whole journal, as the engine numbers it.
pub(in super::super) struct Found {
    pub(in super::super) position: i64,
    pub(in super::super) place: Place,
    pub(in super::super) record: RecordId,
    pub(in super::super) entry: Entry,
}

const COLUMNS: &str = "position, conversation, sequence, at, tenant, widget, record, body";

impl Found {
    fn read(row: &Row<'_>) -> Result<Self, JournalError> {
        let text = |column| row.get_ref(column).and_then(|value| Ok(value.as_str()?)).map_err(unavailable);
        let conversation = ConversationId::from_bytes(row.get(1).map_err(unavailable)?);
        let sequence = sequence(row.get(2).map_err(unavailable)?);
        let at = UnixTime::from_millis(row.get(3).map_err(unavailable)?);
        let unreadable = |source| JournalError::Unreadable { conversation, sequence, source };
        let tenant = text(4)?.parse().map_err(|error| unreadable(Box::new(error)))?;
        let widget = text(5)?.parse().map_err(|error| unreadable(Box::new(error)))?;
        Ok(Self {
            position: row.get(0).map_err(unavailable)?,
            place: Place { id: conversation, tenant, widget },
            record: RecordId::from_bytes(row.get(6).map_err(unavailable)?),
            entry: record::decode(sequence, at, text(7)?).map_err(|error| unreadable(Box::new(error)))?,
        })
    }
}

/// Entries of one conversation after a sequence, the oldest first.
pub(super) fn page(
    connection: &Connection,
    index: &Index,
    conversation: ConversationId,
    after: Sequence,
    limit: usize,
) -> Result<Option<Page>, JournalError> {
    let positions = index.after(connection, conversation, after, limit).map_err(unavailable)?;
    let found = entries(connection, &positions, usize::MAX)?;
    if !found.is_empty() {
        return Ok(assemble(found));
    }
    let tail = last_page(connection, index, conversation, 1)?;
    Ok(tail.map(|tail| Page { entries: Vec::new(), ..tail }))
}

/// Entries of one conversation after a sequence, with their places in the whole journal, as many as a batch holds.
pub(super) fn history(
    connection: &Connection,
    index: &Index,
    conversation: ConversationId,
    after: Sequence,
    limit: usize,
) -> Result<Vec<Found>, JournalError> {
    let positions = index.after(connection, conversation, after, limit).map_err(unavailable)?;
    entries(connection, &positions, BATCH_BYTES_MAX)
}

/// The newest entries of one conversation, the oldest of them first.
pub(super) fn last_page(
    connection: &Connection,
    index: &Index,
    conversation: ConversationId,
    limit: usize,
) -> Result<Option<Page>, JournalError> {
    let last = index.last(connection, conversation, limit).map_err(unavailable)?;
    let positions: Vec<i64> = last.into_iter().map(|(_, position)| position).collect();
    entries(connection, &positions, usize::MAX).map(assemble)
}

/// Nothing of no entries.
fn assemble(found: Vec<Found>) -> Option<Page> {
    let last = found.last()?;
    let (place, head) = (last.place.clone(), Head::at(last.entry.sequence));
    let entries = found.into_iter().map(|one| (one.record, one.entry)).collect();
    Some(Page { place, head, entries })
}

/// The entries at these positions, up to the one with which the bodies reach `bytes_max`.
fn entries(connection: &Connection, positions: &[i64], bytes_max: usize) -> Result<Vec<Found>, JournalError> {
    let sql = format!("SELECT {COLUMNS} FROM entry WHERE position = ?1");
    let mut statement = connection.prepare_cached(&sql).map_err(unavailable)?;
    let (mut found, mut bytes) = (Vec::with_capacity(positions.len()), 0);
    for position in positions {
        if bytes >= bytes_max {
            break;
        }
        let mut rows = statement.query([position]).map_err(unavailable)?;
        bytes += gather(&mut rows, &mut found)?.unwrap_or(0);
    }
    Ok(found)
}

/// The next entries of the whole journal, up to the one with which the bodies reach [`BATCH_BYTES_MAX`].
pub(super) fn batch(connection: &Connection, after: i64, limit: usize) -> Result<Vec<Found>, JournalError> {
    let sql = format!("SELECT {COLUMNS} FROM entry WHERE position > ?1 ORDER BY position LIMIT ?2");
    let mut statement = connection.prepare_cached(&sql).map_err(unavailable)?;
    let mut rows = statement.query(params![after, count(limit)]).map_err(unavailable)?;
    let (mut found, mut bytes) = (Vec::new(), 0);
    while bytes < BATCH_BYTES_MAX
        && let Some(more) = gather(&mut rows, &mut found)?
    {
        bytes += more;
    }
    Ok(found)
}

/// Takes the next row, where there is one; how long its body is.
fn gather(rows: &mut Rows<'_>, found: &mut Vec<Found>) -> Result<Option<usize>, JournalError> {
    let Some(row) = rows.next().map_err(unavailable)? else { return Ok(None) };
    let bytes = row.get_ref(7).and_then(|body| Ok(body.as_str()?.len())).map_err(unavailable)?;
    found.push(Found::read(row)?);
    Ok(Some(bytes))
}

/// The oldest place that can be read from: 0, or just before the first entry kept. One statement sees one state: an
/// entry that is stored meanwhile is not passed over.
pub(super) fn oldest(connection: &Connection) -> rusqlite::Result<i64> {
    let sql = "SELECT COALESCE((SELECT MIN(position) - 1 FROM entry), \
               (SELECT seq FROM sqlite_sequence WHERE name = 'entry'), 0)";
    connection.prepare_cached(sql)?.query_row([], |row| row.get(0))
}

/// The greatest number that the engine has given out for a table, deleted rows included.
pub(super) fn issued(connection: &Connection, table: &str) -> rusqlite::Result<i64> {
    let issued: Option<i64> = connection
        .prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = ?1")?
        .query_row([table], |row| row.get(0))
        .optional()?;
    Ok(issued.unwrap_or(0))
}

/// The value under a key.
pub(super) fn item(connection: &Connection, key: &str) -> rusqlite::Result<Option<Item>> {
    connection
        .prepare_cached("SELECT key, value, revision FROM state WHERE key = ?1 AND value IS NOT NULL")?
        .query_row([key], |row| {
            Ok(Item { key: row.get(0)?, value: row.get(1)?, revision: Revision(row.get(2)?) })
        })
        .optional()
}

/// Live values under a prefix in the order of their keys, after `after`.
pub(super) fn items(
    connection: &Connection,
    prefix: &str,
    after: &str,
    limit: usize,
) -> rusqlite::Result<Vec<Item>> {
    connection
        .prepare_cached(
            "SELECT key, value, revision FROM state WHERE key >= ?1 AND key < ?1 || char(0x10FFFF) AND key > ?2 \
             AND substr(key, 1, length(?1)) = ?1 AND value IS NOT NULL ORDER BY key LIMIT ?3",
        )?
        .query_map(params![prefix, after, count(limit)], |row| {
            Ok(Item { key: row.get(0)?, value: row.get(1)?, revision: Revision(row.get(2)?) })
        })?
        .collect()
}

/// What changed under a prefix after a revision, deletions included unless everything is asked for; nothing where
/// deletions after that revision are forgotten.
pub(super) fn updates(
    connection: &Connection,
    prefix: &str,
    seen: Option<Revision>,
) -> rusqlite::Result<Option<(Vec<Update>, Revision)>> {
    // One transaction: the updates and how far they go must fit together.
    let transaction = connection.unchecked_transaction()?;
    let updates = transaction
        .prepare_cached(
            "SELECT key, value, revision FROM state WHERE revision > ?1 AND substr(key, 1, length(?2)) = ?2 \
             ORDER BY revision",
        )?
        .query_map(params![seen.map_or(0, |seen| seen.0), prefix], |row| {
            let (key, revision) = (row.get(0)?, Revision(row.get(2)?));
            Ok(match row.get(1)? {
                Some(value) => Update::Put(Item { key, value, revision }),
                None => Update::Deleted { key, revision },
            })
        })?
        .filter(|update| seen.is_some() || !matches!(update, Ok(Update::Deleted { .. })))
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let forgotten: Option<[u8; 8]> = transaction
        .prepare_cached("SELECT value FROM meta WHERE key = 'forgotten'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let forgotten = Revision(forgotten.map_or(0, i64::from_be_bytes));
    if seen.is_some_and(|seen| seen < forgotten) {
        return Ok(None);
    }
    let up_to = Revision(issued(&transaction, "state")?);
    Ok(Some((updates, up_to)))
}

pub(super) fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
