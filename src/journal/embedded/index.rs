//! Where the entries of each conversation lie: the newest in memory, all others in the table `conversation_index`.
//!
//! Entries are stored as they come, page after page; by conversation they have another order. A table that is kept up
//! with every commit changes a page for nearly every message, more than the entries themselves. So the newest are held
//! in memory, and moved into the table in its own order, many of one conversation together. Those that were in memory
//! alone are found again by the next start: `meta` tells up to where all have moved.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::domain::id::{ConversationId, Sequence};

use super::batch::{number, sequence};
use super::reader::count;

/// How many entries stay in memory, the newest: some 50 bytes each.
const HELD: usize = 8192;
/// How many beyond them are moved at once: in the worst case each changes a page, which takes a few ms.
const MOVED: usize = 512;
/// How many a start moves at once.
const RECOVERED: usize = 65_536;

/// An entry, in the order of the table.
pub(super) type Key = (ConversationId, Sequence);

/// Positions of entries by conversation, for the writer and all readers.
#[derive(Debug, Clone, Default)]
pub(super) struct Index(Arc<RwLock<BTreeMap<Key, i64>>>);

impl Index {
    /// Of a journal that nobody writes to yet: everything is in the table.
    pub(super) fn open(connection: &Connection) -> rusqlite::Result<Self> {
        loop {
            let found = unmoved(connection)?;
            let Some(last) = found.values().max() else { return Ok(Self::default()) };
            let transaction = connection.unchecked_transaction()?;
            put(connection, found.iter())?;
            note_moved(connection, *last)?;
            transaction.commit()?;
        }
    }

    /// Holds what was committed, before anybody is told of it.
    pub(super) fn hold(&self, stored: Vec<(Key, i64)>) {
        self.write().extend(stored);
    }

    /// Where up to `limit` entries of a conversation after `after` lie, the oldest first.
    pub(super) fn after(
        &self,
        connection: &Connection,
        conversation: ConversationId,
        after: Sequence,
        limit: usize,
    ) -> rusqlite::Result<Vec<i64>> {
        // Memory first: what is moved meanwhile is then found twice, and not passed over.
        let newest: Vec<_> =
            self.read().range(following(conversation, after)).take(limit).map(held).collect();
        let mut found = connection
            .prepare_cached(
                "SELECT sequence, position FROM conversation_index WHERE conversation = ?1 AND sequence > ?2 \
                 ORDER BY sequence LIMIT ?3",
            )?
            .query_map(params![conversation.as_bytes(), number(after), count(limit)], located)?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let last = found.last().map_or(after, |(sequence, _)| *sequence);
        found.extend(newest.into_iter().filter(|(sequence, _)| *sequence > last));
        found.truncate(limit);
        Ok(found.into_iter().map(|(_, position)| position).collect())
    }

    /// The last `limit` entries of a conversation and where they lie, the oldest first.
    pub(super) fn last(
        &self,
        connection: &Connection,
        conversation: ConversationId,
        limit: usize,
    ) -> rusqlite::Result<Vec<(Sequence, i64)>> {
        let all = following(conversation, Sequence::START);
        let mut found: Vec<_> = self.read().range(all).rev().take(limit).map(held).collect();
        let before = found.last().map_or(i64::MAX, |(sequence, _)| number(*sequence));
        let rest = connection
            .prepare_cached(
                "SELECT sequence, position FROM conversation_index WHERE conversation = ?1 AND sequence < ?2 \
                 ORDER BY sequence DESC LIMIT ?3",
            )?
            .query_map(params![conversation.as_bytes(), before, count(limit - found.len())], located)?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        found.extend(rest);
        found.reverse();
        Ok(found)
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<Key, i64>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<Key, i64>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Moves entries from memory into the table, in rounds through the table's order.
pub(super) struct Mover {
    index: Index,
    /// The last one moved in this round.
    at: Option<Key>,
    /// What was stored when this round began: when it ends, all up to there have moved.
    began: i64,
}

impl Mover {
    /// Of an index that holds nothing in memory yet, in a journal that ends at `latest`.
    pub(super) const fn of(index: Index, latest: i64) -> Self {
        Self { index, at: None, began: latest }
    }

    /// Moves some where memory holds more than it should, in a transaction of their own, after a commit up to
    /// `latest`. After an error nothing has moved, and the caller rolls back.
    pub(super) fn after(&mut self, connection: &Connection, latest: i64) -> rusqlite::Result<()> {
        let beyond = self.index.read().len().saturating_sub(HELD);
        if beyond < MOVED {
            return Ok(());
        }
        let rest = (self.at.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let some: Vec<(Key, i64)> =
            self.index.read().range(rest).take(beyond).map(|(key, position)| (*key, *position)).collect();
        let ends = some.len() < beyond;
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        put(connection, some.iter().map(|(key, position)| (key, position)))?;
        if ends {
            note_moved(connection, self.began)?;
        }
        connection.prepare_cached("COMMIT")?.execute([])?;
        let mut held = self.index.write();
        for (key, _) in &some {
            held.remove(key);
        }
        self.at = some.last().map(|(key, _)| *key).filter(|_| !ends);
        if ends {
            self.began = latest;
        }
        Ok(())
    }
}

/// The keys of a conversation after a sequence.
const fn following(conversation: ConversationId, after: Sequence) -> (Bound<Key>, Bound<Key>) {
    (Bound::Excluded((conversation, after)), Bound::Included((conversation, Sequence::new(u64::MAX))))
}

const fn held((key, position): (&Key, &i64)) -> (Sequence, i64) {
    (key.1, *position)
}

/// One that is there stays: nobody can tell whether a commit that failed has moved it.
fn put<'a>(
    connection: &Connection,
    mut entries: impl Iterator<Item = (&'a Key, &'a i64)>,
) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO conversation_index (conversation, sequence, position) VALUES (?1, ?2, ?3)",
    )?;
    entries.try_for_each(|(key, position)| {
        insert.execute(params![key.0.as_bytes(), number(key.1), position]).map(drop)
    })
}

/// The first entries of which nobody knows that they have moved.
fn unmoved(connection: &Connection) -> rusqlite::Result<BTreeMap<Key, i64>> {
    let moved: Option<[u8; 8]> = connection
        .query_row("SELECT value FROM meta WHERE key = 'indexed'", [], |row| row.get(0))
        .optional()?;
    connection
        .prepare(
            "SELECT conversation, sequence, position FROM entry WHERE position > ?1 ORDER BY position LIMIT ?2",
        )?
        .query_map(params![moved.map_or(0, i64::from_be_bytes), count(RECOVERED)], |row| {
            Ok(((ConversationId::from_bytes(row.get(0)?), sequence(row.get(1)?)), row.get(2)?))
        })?
        .collect()
}

fn note_moved(connection: &Connection, position: i64) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO meta (key, value) VALUES ('indexed', ?1)";
    connection.execute(sql, [position.to_be_bytes()]).map(drop)
}

fn located(row: &Row<'_>) -> rusqlite::Result<(Sequence, i64)> {
    Ok((sequence(row.get(0)?), row.get(1)?))
}
