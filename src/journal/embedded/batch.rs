//! One transaction for everything that was queued.

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use crate::domain::id::{ConversationId, Sequence};

use super::super::append::{Appended, Head};
use super::super::state::{Change, DELETIONS_KEPT, Expected, Revision, Written};
use super::command::{Append, Command};
use super::index::{Index, Key};
use super::writer::{Committed, Heads};

/// What a command is to be told.
pub(super) enum Outcome {
    Append(Appended),
    State(Written),
}

/// What was committed.
pub(super) struct Batch {
    /// What each command is to be told, in their order.
    pub(super) outcomes: Vec<Outcome>,
    /// Where each entry lies.
    pub(super) stored: Vec<(Key, i64)>,
}

/// Writes a batch durably. On an error nothing of it may be told: the caller rolls back and forgets the heads.
pub(super) fn write(
    connection: &Connection,
    heads: &mut Heads,
    index: &Index,
    committed: &mut Committed,
    commands: &[Command],
    fails: bool,
) -> rusqlite::Result<Batch> {
    let mut outcomes = Vec::with_capacity(commands.len());
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let mut records = Records {
        insert: connection.prepare_cached(
            "INSERT INTO entry (conversation, sequence, at, tenant, widget, record, type, body) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?,
        connection,
        index,
        heads,
        stored: Vec::with_capacity(commands.len()),
    };
    for command in commands {
        match command {
            Command::Append(append) => {
                outcomes.push(Outcome::Append(records.append(append, committed)?));
            }
            Command::State(change, _) => {
                outcomes.push(Outcome::State(change_state(connection, change, committed)?));
            }
            Command::Provoke(..) | Command::Close(_) => unreachable!("the writer keeps these to itself"),
        }
    }
    if fails {
        return Err(failure_on_command());
    }
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(Batch { outcomes, stored: records.stored })
}

pub(super) fn failure_on_command() -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR);
    rusqlite::Error::SqliteFailure(code, Some("a failure on command".to_owned()))
}

struct Records<'a> {
    insert: CachedStatement<'a>,
    connection: &'a Connection,
    index: &'a Index,
    heads: &'a mut Heads,
    stored: Vec<(Key, i64)>,
}

impl Records<'_> {
    fn append(&mut self, append: &Append, committed: &mut Committed) -> rusqlite::Result<Appended> {
        if self.last(append.place.id)? != append.expected {
            return Ok(Appended::Conflict);
        }
        let mut last = append.expected;
        for line in &append.lines {
            committed.position = self.insert.insert(params![
                append.place.id.as_bytes(),
                number(line.sequence),
                line.at,
                append.place.tenant.as_str(),
                append.place.widget.as_str(),
                append.record.as_bytes(),
                line.kind,
                line.body,
            ])?;
            last = line.sequence;
            self.stored.push(((append.place.id, last), committed.position));
        }
        self.heads.insert(append.place.id, last);
        Ok(Appended::Stored(Head::at(last)))
    }

    fn last(&mut self, conversation: ConversationId) -> rusqlite::Result<Sequence> {
        if let Some(last) = self.heads.get(&conversation) {
            return Ok(*last);
        }
        let last = self.index.last(self.connection, conversation, 1)?;
        let last = last.last().map_or(Sequence::START, |(sequence, _)| *sequence);
        self.heads.insert(conversation, last);
        Ok(last)
    }
}

fn change_state(
    connection: &Connection,
    change: &Change,
    committed: &mut Committed,
) -> rusqlite::Result<Written> {
    let there: Option<(i64, bool)> = connection
        .prepare_cached("SELECT revision, value IS NULL FROM state WHERE key = ?1")?
        .query_row([&change.key], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let live = there.filter(|(_, deleted)| !deleted).map(|(revision, _)| Revision(revision));
    let holds = match change.expected {
        Expected::Absent => live.is_none(),
        Expected::Revision(expected) => live == Some(expected),
        Expected::Anything => true,
    };
    if !holds {
        return Ok(Written::Conflict);
    }
    if change.value.is_none() && live.is_none() {
        // Deleting what isn't there changes nothing.
        return Ok(Written::Stored(Revision(committed.revision)));
    }
    put_state(connection, change, committed)
}

/// The replaced row goes and a new one comes, so that its revision is the greatest.
fn put_state(
    connection: &Connection,
    change: &Change,
    committed: &mut Committed,
) -> rusqlite::Result<Written> {
    committed.revision = connection
        .prepare_cached("INSERT OR REPLACE INTO state (key, value) VALUES (?1, ?2)")?
        .insert(params![change.key, change.value])?;
    let forgettable = committed.revision - DELETIONS_KEPT;
    if change.value.is_none() && forgettable >= committed.forgotten + DELETIONS_KEPT {
        connection.execute("DELETE FROM state WHERE value IS NULL AND revision <= ?1", [forgettable])?;
        // In the same transaction, so that whoever misses a deletion sees that it may have.
        connection.execute(
            "INSERT OR REPLACE INTO meta (key, value) VALUES ('forgotten', ?1)",
            [forgettable.to_be_bytes()],
        )?;
        committed.forgotten = forgettable;
    }
    Ok(Written::Stored(Revision(committed.revision)))
}

/// As the engine holds it. A sequence never comes near the end of its type.
pub(super) fn number(sequence: Sequence) -> i64 {
    i64::try_from(sequence.get()).unwrap_or(i64::MAX)
}

pub(super) fn sequence(number: i64) -> Sequence {
    Sequence::new(u64::try_from(number).unwrap_or(0))
}
