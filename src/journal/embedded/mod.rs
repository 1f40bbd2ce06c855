//! The embedded engine: one SQLite file, a thread that writes it, and connections that read it.
//!
//! A commit is durable before anybody is told, and before any reader can see it: in WAL mode with
//! `synchronous=FULL` SQLite flushes the log first, and publishes the commit after (<https://sqlite.org/wal.html>).

mod batch;
mod command;
mod index;
mod reader;
mod schema;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::domain::conversation::Place;
use crate::domain::id::{ConversationId, Sequence};
use crate::metrics::Metrics;

use super::append::{Appended, Head, Record};
use super::checkpoint::Checkpoint;
use super::error::{JournalError, OpenError};
use super::failure::Fault;
use super::position::{Position, PositionRefused, Written as WrittenPosition};
use super::state::{Change, Item, Revision, Update, Written};
use super::{Followed, Page, record};
use command::{Append, Command, Line};
use index::{Index, Mover};
use writer::{Committed, Heads, Writer};

pub(super) use reader::{Found, Readers, unavailable};
pub(super) use schema::{connect, private};

/// How many commands may wait for the writer; whoever comes then waits for a place.
const COMMANDS_QUEUED_MAX: usize = 4096;
/// How long an append waits, for a place in the queue and for its commit, until nobody can tell.
const APPEND_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct Embedded {
    commands: mpsc::Sender<Command>,
    readers: Readers,
    index: Index,
    committed: watch::Receiver<Committed>,
    writable: watch::Receiver<bool>,
    failed: CancellationToken,
    birthmarks: schema::Birthmarks,
    metrics: Arc<Metrics>,
    path: PathBuf,
}

impl Embedded {
    pub(super) fn open(path: &Path, metrics: Arc<Metrics>) -> Result<Self, OpenError> {
        let schema::Opened { mut connection, birthmarks, lock } = schema::open(path)?;
        let damaged =
            |source: rusqlite::Error| OpenError::Damaged { path: path.to_owned(), source: source.into() };
        let committed = Committed {
            position: reader::issued(&connection, "entry").map_err(damaged)?,
            revision: reader::issued(&connection, "state").map_err(damaged)?,
            forgotten: 0,
        };
        let index = Index::open(&connection).map_err(|error| schema::classify(path, error))?;
        let checkpoint = Checkpoint::of(&mut connection).map_err(damaged)?;
        let (commands, receiver) = mpsc::channel(COMMANDS_QUEUED_MAX);
        let mover = Mover::of(index.clone(), committed.position);
        let (committed, committed_seen) = watch::channel(committed);
        let (writable, writable_seen) = watch::channel(true);
        let failed = CancellationToken::new();
        let writer = Writer {
            connection,
            index: index.clone(),
            mover,
            checkpoint,
            lock,
            commands: receiver,
            committed,
            writable,
            metrics: metrics.clone(),
            heads: Heads::new(),
            probed_at: None,
            provoked: None,
        };
        let alarm = failed.clone().drop_guard();
        std::thread::Builder::new()
            .name("journal-writer".to_owned())
            .spawn(move || {
                // A panic unwinds through here, and the alarm is raised when all that the writer held is let go.
                writer.run();
                alarm.disarm();
            })
            .map_err(|source| OpenError::Io {
                doing: "start the writer of",
                path: path.to_owned(),
                source,
            })?;
        Ok(Self {
            commands,
            readers: Readers::of(path),
            index,
            committed: committed_seen,
            writable: writable_seen,
            failed,
            birthmarks,
            metrics,
            path: path.to_owned(),
        })
    }

    pub(super) async fn append(&self, place: &Place, head: Head, record: &Record) -> Appended {
        if !record.continues(head) {
            return Appended::Conflict;
        }
        let began = Instant::now();
        let (answer, answered) = oneshot::channel();
        let line = |entry| Line::of(entry);
        let command = Command::Append(Append {
            place: place.clone(),
            record: record.id(),
            expected: head.sequence(),
            lines: record.entries().iter().map(line).collect(),
            answer,
        });
        let appended = self.ask(command, answered).await.unwrap_or(Appended::Unknown);
        if let Appended::Stored(head) = appended {
            debug_assert_eq!(head, record.head(), "what is stored is what was given");
            self.metrics.journal_appended(began.elapsed());
        }
        appended
    }

    /// Nothing where the writer is gone, drops the answer, or takes too long.
    async fn ask<T>(&self, command: Command, answered: oneshot::Receiver<T>) -> Option<T> {
        let asked = async {
            self.commands.send(command).await.ok()?;
            answered.await.ok()
        };
        timeout(APPEND_TIMEOUT, asked).await.ok().flatten()
    }

    async fn read<T, F>(&self, read: F) -> Result<T, JournalError>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Connection) -> Result<T, JournalError> + Send + 'static,
    {
        let answer = self.readers.run(read).await;
        if answer.is_err() {
            self.metrics.journal_failed("read");
        }
        answer
    }

    pub(super) async fn page(
        &self,
        conversation: ConversationId,
        after: Sequence,
        limit: usize,
    ) -> Result<Option<Page>, JournalError> {
        let index = self.index.clone();
        self.read(move |connection| reader::page(connection, &index, conversation, after, limit)).await
    }

    pub(super) async fn last_page(
        &self,
        conversation: ConversationId,
        limit: usize,
    ) -> Result<Option<Page>, JournalError> {
        let index = self.index.clone();
        self.read(move |connection| reader::last_page(connection, &index, conversation, limit)).await
    }

    pub(super) async fn history(
        &self,
        conversation: ConversationId,
        after: Sequence,
        limit: usize,
    ) -> Result<Vec<Followed>, JournalError> {
        let index = self.index.clone();
        let found = self
            .read(move |connection| reader::history(connection, &index, conversation, after, limit))
            .await?;
        Ok(found.into_iter().map(|found| self.followed(found)).collect())
    }

    pub(super) fn followed(&self, found: Found) -> Followed {
        let Found { position, place, record, entry } = found;
        Followed { position: self.position(position), place, record, entry }
    }

    pub(super) async fn batch(&self, after: i64, limit: usize) -> Result<Vec<Found>, JournalError> {
        self.read(move |connection| reader::batch(connection, after, limit)).await
    }

    pub(super) fn position(&self, number: i64) -> Position {
        Position { incarnation: self.birthmarks.incarnation, number }
    }

    pub(super) fn latest(&self) -> Position {
        self.position(self.committed.borrow().position)
    }

    pub(super) async fn oldest(&self) -> Result<Position, JournalError> {
        let number = self.read(|connection| reader::oldest(connection).map_err(unavailable)).await?;
        Ok(self.position(number))
    }

    pub(super) async fn locate(&self, text: &str) -> Result<Result<Position, PositionRefused>, JournalError> {
        let Ok(written) = text.parse() else { return Ok(Err(PositionRefused::Bad)) };
        let oldest = self.oldest().await?;
        Ok(match written {
            WrittenPosition::Ours(position) if position.incarnation == self.birthmarks.incarnation => {
                if position.number > self.latest().number {
                    Err(PositionRefused::Bad)
                } else if position.number < oldest.number {
                    Err(PositionRefused::Gone { oldest })
                } else {
                    Ok(position)
                }
            }
            WrittenPosition::Ours(_) | WrittenPosition::Foreign => Err(PositionRefused::Gone { oldest }),
        })
    }

    /// Completes when something was stored after `number`.
    pub(super) async fn stored_after(&self, number: i64) -> Result<(), JournalError> {
        let mut committed = self.committed.clone();
        let more = committed.wait_for(|committed| committed.position > number).await;
        more.map(drop).map_err(|_| JournalError::Closed)
    }

    pub(super) async fn state_after(&self, seen: Revision) -> Result<(), JournalError> {
        let mut committed = self.committed.clone();
        let more = committed.wait_for(|committed| committed.revision > seen.0).await;
        more.map(drop).map_err(|_| JournalError::Closed)
    }

    pub(super) async fn item(&self, key: String) -> Result<Option<Item>, JournalError> {
        self.read(move |connection| reader::item(connection, &key).map_err(unavailable)).await
    }

    pub(super) async fn items(
        &self,
        prefix: String,
        after: String,
        limit: usize,
    ) -> Result<Vec<Item>, JournalError> {
        self.read(move |connection| reader::items(connection, &prefix, &after, limit).map_err(unavailable))
            .await
    }

    pub(super) async fn updates(
        &self,
        prefix: String,
        seen: Option<Revision>,
    ) -> Result<(Vec<Update>, Revision), JournalError> {
        let read = move |connection: &rusqlite::Connection| {
            reader::updates(connection, &prefix, seen).map_err(unavailable)
        };
        self.read(read).await?.ok_or(JournalError::Lagged)
    }

    pub(super) async fn change(&self, change: Change) -> Written {
        let (answer, answered) = oneshot::channel();
        self.ask(Command::State(change, answer), answered).await.unwrap_or(Written::Unknown)
    }

    pub(super) const fn secret(&self) -> &[u8; 32] {
        &self.birthmarks.secret
    }

    pub(super) const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Where a file that belongs to the journal lies.
    pub(super) fn beside(&self, suffix: &str) -> PathBuf {
        schema::beside(&self.path, suffix)
    }

    pub(super) fn is_writable(&self) -> bool {
        *self.writable.borrow() && !self.failed.is_cancelled()
    }

    pub(super) fn writable_changes(&self) -> watch::Receiver<bool> {
        self.writable.clone()
    }

    pub(super) async fn failed(&self) {
        self.failed.cancelled().await;
    }

    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        // Where the writer is gone there is nothing left to wait for.
        if self.commands.send(Command::Close(done)).await.is_ok() {
            drop(closed.await);
        }
    }

    pub(super) async fn provoke(&self, fault: Fault) {
        let (done, provoked) = oneshot::channel();
        if self.commands.send(Command::Provoke(fault, done)).await.is_ok() {
            drop(provoked.await);
        }
    }
}

impl Line {
    fn of(entry: &crate::domain::conversation::Entry) -> Self {
        Self {
            sequence: entry.sequence,
            at: entry.at.millis(),
            kind: record::type_of(&entry.fact),
            body: record::encode(entry),
        }
    }
}
