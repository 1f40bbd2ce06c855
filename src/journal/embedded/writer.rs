//! The one thread that writes: it takes all that is queued, commits once, then answers all.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::domain::id::{ConversationId, Sequence};
use crate::metrics::Metrics;

use super::super::checkpoint::Checkpoint;
use super::super::failure::Fault;
use super::batch::{Batch, Outcome};
use super::command::Command;
use super::index::{Index, Mover};
use super::{batch, schema};

/// The most commands that share a commit: what one waits for at the worst.
const BATCH_COMMANDS_MAX: usize = 1024;
/// How often a journal that can't write tries to.
const PROBE_INTERVAL: Duration = Duration::from_millis(500);
/// How many conversations' last sequences are held in memory: some 3 MiB.
const HEADS_MAX: usize = 65_536;

/// How far the journal is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Committed {
    pub(super) position: i64,
    pub(super) revision: i64,
    /// Deletions up to here are no longer told.
    pub(super) forgotten: i64,
}

/// The last sequence of each conversation written to of late. The file has one writer, so it can't be wrong.
pub(super) type Heads = HashMap<ConversationId, Sequence>;

pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) index: Index,
    pub(super) mover: Mover,
    pub(super) checkpoint: Checkpoint,
    /// Let go when the thread ends, and not before.
    pub(super) lock: File,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) committed: watch::Sender<Committed>,
    pub(super) writable: watch::Sender<bool>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) heads: Heads,
    pub(super) probed_at: Option<Instant>,
    pub(super) provoked: Option<Fault>,
}

/// Whoever has stopped waiting reads the tail when it needs to.
fn answer(command: Command, outcome: Outcome) {
    match (command, outcome) {
        (Command::Append(append), Outcome::Append(appended)) => drop(append.answer.send(appended)),
        (Command::State(_, to), Outcome::State(written)) => drop(to.send(written)),
        _ => unreachable!("a batch's outcomes are in the order of its commands"),
    }
}

impl Writer {
    /// Runs until it is told to close, or until nobody is left to tell it anything.
    pub(super) fn run(mut self) {
        let idle = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime with only timers takes nothing that can be refused");
        let mut queued = Vec::with_capacity(BATCH_COMMANDS_MAX);
        let mut closing = Vec::new();
        while self.take(&idle, &mut queued) {
            let mut batch = Vec::with_capacity(queued.len());
            for command in queued.drain(..) {
                match command {
                    Command::Provoke(fault, done) => {
                        self.commit(std::mem::take(&mut batch));
                        self.provoke(fault);
                        tell(done);
                    }
                    Command::Close(done) => {
                        self.commands.close();
                        closing.push(done);
                    }
                    command => batch.push(command),
                }
            }
            self.commit(batch);
        }
        self.writable.send_replace(false);
        let ended = self.connection.pragma_update_and_check(None, "wal_checkpoint", "TRUNCATE", |_| Ok(()));
        if let Err(error) = ended {
            self.metrics.journal_failed("checkpoint");
            tracing::warn!(%error, "the journal's last checkpoint failed; nothing is lost, the next start repeats it");
        }
        drop(self.connection);
        drop(self.lock);
        closing.into_iter().for_each(tell);
    }

    /// Waits for commands; while nothing can be written, also tries to every now and then.
    fn take(&mut self, idle: &tokio::runtime::Runtime, queued: &mut Vec<Command>) -> bool {
        loop {
            if *self.writable.borrow() {
                return self.commands.blocking_recv_many(queued, BATCH_COMMANDS_MAX) > 0;
            }
            let more = async {
                tokio::time::timeout(PROBE_INTERVAL, self.commands.recv_many(queued, BATCH_COMMANDS_MAX))
                    .await
            };
            match idle.block_on(more) {
                Ok(count) => return count > 0,
                Err(_) => self.probe(),
            }
        }
    }

    fn commit(&mut self, batch: Vec<Command>) {
        if batch.is_empty() {
            return;
        }
        let is_due = self.probed_at.is_none_or(|at| at.elapsed() >= PROBE_INTERVAL);
        if !*self.writable.borrow() && is_due {
            self.probe();
        }
        if !*self.writable.borrow() {
            // Dropped unanswered, each is told that nobody can tell.
            self.metrics.journal_failed("append");
            return;
        }
        let mut committed = *self.committed.borrow();
        let fails = self.provoked == Some(Fault::CommitsFail);
        let shared = batch.len();
        let written =
            batch::write(&self.connection, &mut self.heads, &self.index, &mut committed, &batch, fails);
        match written {
            Ok(Batch { outcomes, stored }) => {
                self.index.hold(stored);
                self.committed.send_if_modified(|last| std::mem::replace(last, committed) != committed);
                if self.provoked.take_if(|fault| *fault == Fault::AnswerLost).is_none() {
                    batch.into_iter().zip(outcomes).for_each(|(command, outcome)| answer(command, outcome));
                }
                if self.heads.len() > HEADS_MAX {
                    self.heads.clear();
                }
                if let Err(error) = self.mover.after(&self.connection, committed.position) {
                    self.failed_to_write("index", &error);
                }
                self.checkpoint.after(shared, &self.connection, &self.metrics);
            }
            // Before the batch is dropped, and with it every answer: who learns that nobody can tell must be able to
            // see that nothing can be written.
            Err(error) => self.failed_to_write("append", &error),
        }
    }

    fn failed_to_write(&mut self, operation: &'static str, error: &rusqlite::Error) {
        self.metrics.journal_failed(operation);
        self.heads.clear();
        tracing::error!(%error, operation, "the journal can't write; nothing is acknowledged that isn't stored");
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "the journal's transaction can't be rolled back");
        }
        // A clash of sequences is no fault of the disk: the next batch reads the heads anew.
        if error.sqlite_error_code() != Some(rusqlite::ErrorCode::ConstraintViolation) {
            self.probed_at = Some(Instant::now());
            self.writable.send_replace(false);
        }
    }

    fn probe(&mut self) {
        self.probed_at = Some(Instant::now());
        let probed = match self.provoked {
            Some(Fault::CommitsFail) => Err(batch::failure_on_command()),
            _ => schema::probe(&self.connection),
        };
        match probed {
            Ok(()) => {
                tracing::info!("the journal can write again");
                self.writable.send_replace(true);
            }
            Err(error) => {
                self.metrics.journal_failed("probe");
                tracing::warn!(%error, "the journal still can't write");
            }
        }
    }

    fn provoke(&mut self, fault: Fault) {
        let pages = match fault {
            // As many as there are: the file can't grow.
            Fault::DiskFull => 1,
            Fault::Mended => {
                self.provoked = None;
                4_294_967_294_i64
            }
            Fault::CommitsFail | Fault::AnswerLost => {
                self.provoked = Some(fault);
                return;
            }
            Fault::WriterDies => panic!("the journal's writer was told to die"),
        };
        self.connection
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .expect("a limit can always be set");
    }
}

/// Whoever has stopped waiting needs no answer.
fn tell(done: oneshot::Sender<()>) {
    done.send(()).unwrap_or_default();
}
