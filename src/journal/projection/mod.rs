//! The projection: what lists, filters, counts and deadlines are answered from.
//!
//! It follows the journal and stands some milliseconds behind it. It can be thrown away at any time, for nothing is
//! right because of it: whoever acts on it appends against the journal's head.

mod apply;
mod query;
mod schema;
mod summary;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::conversation::{Authenticated, Fact};
use crate::domain::id::{ConversationId, TenantId, WidgetId};
use crate::domain::time::UnixTime;
use crate::domain::token::Identity;
use crate::lifecycle::Lifecycle;

use super::checkpoint::Checkpoint;
use super::embedded::{Readers, unavailable};
use super::{Follow, Followed, Journal, JournalError, OpenError, Position};

pub use summary::{BadCursor, Cursor, Filter, OpenCounts, Summary};

/// How long somebody who asks waits for what was stored before.
const NEARLY_WITHIN: Duration = Duration::from_millis(500);
/// A batch is taken at most this often: what a busy journal stores meanwhile is written at once, and each conversation
/// in it once. A quiet journal's next entry is not kept waiting.
const BATCH_EVERY: Duration = Duration::from_millis(50);
/// How often where batches are long to write, as when thousands of conversations change, each once: in parts that short
/// nobody's message waits for the core.
const LONG_BATCH_EVERY: Duration = Duration::from_millis(20);
/// From how long on a batch is long.
const LONG_BATCH: Duration = Duration::from_millis(2);
/// The most entries in a batch.
const BATCH_MAX: usize = 4096;
/// How long a follower waits after a failure before it tries again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The handle: cheap to clone.
#[derive(Clone)]
pub struct Projection {
    readers: Readers,
    progress: watch::Receiver<Progress>,
    next_deadline: watch::Receiver<Option<UnixTime>>,
    writable: watch::Receiver<bool>,
    disconnections: broadcast::Sender<ConversationId>,
    failed: CancellationToken,
}

/// How far the projection has come, as the journal numbers its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress(i64);

impl fmt::Debug for Projection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Projection").field("progress", &*self.progress.borrow()).finish_non_exhaustive()
    }
}

impl Projection {
    /// Opens the projection beside the journal and follows it from where it stood, until the journal is closed or
    /// the process stops. Blocks while it opens: call it at the start.
    ///
    /// # Errors
    /// Its file can't be made.
    pub fn start(journal: &Journal, lifecycle: &Lifecycle) -> Result<Self, OpenError> {
        let path = journal.0.beside(".projection");
        let (mut connection, number) = schema::open(&path, journal.latest())?;
        let not_writable =
            |error: rusqlite::Error| OpenError::NotWritable { path: path.clone(), source: error.into() };
        let next = apply::next_deadline(&connection).map_err(not_writable)?;
        let checkpoint = Checkpoint::of(&mut connection).map_err(not_writable)?;
        let (progress, progress_seen) = watch::channel(Progress(number));
        let (next_deadline, next_deadline_seen) = watch::channel(next);
        let (writable, writable_seen) = watch::channel(true);
        let (disconnections, _) = broadcast::channel(BATCH_MAX);
        let failed = CancellationToken::new();
        let projector = Projector {
            follow: journal.follow(journal.0.position(number)),
            file: Some(ProjectedFile { connection, checkpoint }),
            path: path.clone(),
            progress,
            next_deadline,
            writable,
            disconnections: disconnections.clone(),
        };
        let (stop, alarm) = (lifecycle.clone(), failed.clone());
        lifecycle.spawn(async move {
            // Dropped on any end but a wanted one, a panic included.
            let alarm = alarm.drop_guard();
            let is_wanted = tokio::select! {
                () = stop.stopped() => true,
                is_wanted = projector.run() => is_wanted,
            };
            if is_wanted {
                alarm.disarm();
            }
        });
        let readers = Readers::of(&path);
        let (progress, next_deadline, writable) = (progress_seen, next_deadline_seen, writable_seen);
        Ok(Self { readers, progress, next_deadline, writable, disconnections, failed })
    }

    /// Completes when everything up to `position` is in the projection.
    ///
    /// # Errors
    /// [`JournalError::Closed`] where it no longer follows.
    pub async fn caught_up(&self, position: Position) -> Result<(), JournalError> {
        let mut progress = self.progress.clone();
        let there = progress.wait_for(|progress| progress.0 >= position.number).await;
        there.map(drop).map_err(|_| JournalError::Closed)
    }

    /// Waits a short while for everything up to `position`: whoever has just done something finds it. A projection
    /// that is far behind is no reason to fail.
    pub async fn nearly_caught_up(&self, position: Position) {
        let _ = tokio::time::timeout(NEARLY_WITHIN, self.caught_up(position)).await;
    }

    /// Whether the last write held, as it changes: while it doesn't, deadlines and lists fall behind.
    #[must_use]
    pub fn writable_changes(&self) -> watch::Receiver<bool> {
        self.writable.clone()
    }

    /// Completes when the projection can't go on: the process must stop, and the next start builds it anew.
    pub async fn failed(&self) {
        self.failed.cancelled().await;
    }

    /// Up to `limit` conversations, fewer where they have a great deal of variables, the newest first; and where the
    /// list goes on.
    pub async fn list(
        &self,
        filter: Filter,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<Summary>, Option<Cursor>), JournalError> {
        self.readers.run(move |connection| query::list(connection, &filter, limit, after)).await
    }

    /// One conversation.
    pub async fn summary(&self, conversation: ConversationId) -> Result<Option<Summary>, JournalError> {
        self.readers.run(move |connection| query::summary(connection, conversation)).await
    }

    /// Up to `limit` open conversations whose authentication ends at `until` or before, the earliest first, after
    /// the one named: so a great many can be paged through without waiting for the projection to see them end.
    pub async fn deadlines(
        &self,
        until: UnixTime,
        after: Option<(UnixTime, ConversationId)>,
        limit: usize,
    ) -> Result<Vec<(UnixTime, ConversationId)>, JournalError> {
        self.query(move |connection| query::deadlines(connection, until, after, limit)).await
    }

    /// Up to `limit` open conversations in which nobody has said anything since `until`, the longest silent first,
    /// after the one named. Who is connected now is not known here, and what was said in the second after something
    /// else may not be: the conversation itself tells.
    pub async fn silent_since(
        &self,
        until: UnixTime,
        after: Option<(UnixTime, ConversationId)>,
        limit: usize,
    ) -> Result<Vec<(UnixTime, ConversationId)>, JournalError> {
        self.query(move |connection| query::silent_since(connection, until, after, limit)).await
    }

    /// The same of those whose customer is signed in and was not heard of since.
    pub async fn unheard_since(
        &self,
        until: UnixTime,
        after: Option<(UnixTime, ConversationId)>,
        limit: usize,
    ) -> Result<Vec<(UnixTime, ConversationId)>, JournalError> {
        self.query(move |connection| query::unheard_since(connection, until, after, limit)).await
    }

    /// The earliest deadline of all, as it changes. One wheel needs no more: it sleeps until then, pages through
    /// [`Projection::deadlines`], waits until the projection has [caught up](Projection::caught_up) with what it
    /// appended, and looks here again. Memory does not grow with the number of conversations.
    #[must_use]
    pub fn next_deadline(&self) -> watch::Receiver<Option<UnixTime>> {
        self.next_deadline.clone()
    }

    /// Up to `limit` open conversations that are connected as far as the journal tells, or that are not, in one order
    /// after the one named. Who is there now is not known here.
    pub async fn connected(
        &self,
        connected: bool,
        after: Option<(TenantId, ConversationId)>,
        limit: usize,
    ) -> Result<Vec<(TenantId, ConversationId)>, JournalError> {
        self.readers
            .run(move |connection| query::connected(connection, connected, after.as_ref(), limit))
            .await
    }

    /// The conversations that any node says to be disconnected, from now on. A reader that is more than a batch behind
    /// misses some, and [is told so](broadcast::error::RecvError::Lagged).
    #[must_use]
    pub fn disconnections(&self) -> broadcast::Receiver<ConversationId> {
        self.disconnections.subscribe()
    }

    /// How many conversations are open.
    pub async fn open_counts(&self) -> Result<OpenCounts, JournalError> {
        self.query(query::open_counts).await
    }

    /// The newest open conversation of this identity with this widget.
    pub async fn newest_open(
        &self,
        tenant: TenantId,
        widget: WidgetId,
        identity: Identity,
    ) -> Result<Option<ConversationId>, JournalError> {
        self.query(move |connection| query::newest_open(connection, &tenant, &widget, &identity)).await
    }

    /// Up to `limit` open conversations of a tenant whose authentication is not known to have ended, and that
    /// authentication: only this identity's where one is given; in the order of their ids, after `after`.
    pub async fn authenticated(
        &self,
        tenant: TenantId,
        identity: Option<Identity>,
        after: Option<ConversationId>,
        limit: usize,
    ) -> Result<Vec<(ConversationId, Authenticated)>, JournalError> {
        self.readers
            .run(move |connection| query::authenticated(connection, &tenant, identity.as_ref(), after, limit))
            .await
    }

    async fn query<T, F>(&self, query: F) -> Result<T, JournalError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.readers.run(move |connection| query(connection).map_err(unavailable)).await
    }
}

/// What is written, and its log's length.
struct ProjectedFile {
    connection: Connection,
    checkpoint: Checkpoint,
}

/// The task that follows.
struct Projector {
    follow: Follow,
    /// Out while a batch is written.
    file: Option<ProjectedFile>,
    path: PathBuf,
    progress: watch::Sender<Progress>,
    next_deadline: watch::Sender<Option<UnixTime>>,
    writable: watch::Sender<bool>,
    disconnections: broadcast::Sender<ConversationId>,
}

impl Projector {
    /// Whether it ended because the journal was closed.
    async fn run(mut self) -> bool {
        let mut next = Instant::now();
        loop {
            tokio::time::sleep_until(next).await;
            match self.follow.next_up_to(BATCH_MAX).await {
                Ok(batch) => {
                    let (taken, is_behind) = (Instant::now(), batch.len() == BATCH_MAX);
                    let Some(took) = self.apply(batch.into()).await else { return false };
                    next = if is_behind { taken } else { taken + pause(took) };
                }
                Err(JournalError::Closed) => return true,
                Err(JournalError::Unavailable(error)) => {
                    tracing::warn!(%error, "the projection can't read the journal and tries again");
                    tokio::time::sleep(RETRY_AFTER).await;
                }
                Err(error @ (JournalError::Unreadable { .. } | JournalError::Lagged)) => {
                    tracing::error!(%error, "the projection can't go on");
                    return false;
                }
            }
        }
    }

    /// Tries until it holds, and says how long it took; gives up only where the file is damaged.
    async fn apply(&mut self, batch: Arc<[Followed]>) -> Option<Duration> {
        loop {
            let mut file = self.file.take()?;
            let (entries, journal) = (batch.clone(), self.follow.journal.clone());
            let applying = tokio::task::spawn_blocking(move || {
                let began = Instant::now();
                let applied = apply::apply(&file.connection, &entries).map(|next| (next, began.elapsed()));
                if applied.is_ok() {
                    file.checkpoint.after(entries.len(), &file.connection, journal.0.metrics());
                }
                (file, applied)
            });
            let (file, applied) = applying.await.ok()?;
            self.file = Some(file);
            match applied {
                Ok((next, took)) => {
                    self.note_writable(true);
                    self.progress.send_replace(Progress(self.follow.position().number));
                    self.next_deadline.send_if_modified(|last| std::mem::replace(last, next) != next);
                    self.tell_disconnections(&batch);
                    return Some(took);
                }
                Err(error) => {
                    self.follow.journal.0.metrics().journal_failed("project");
                    if is_damaged(&error) {
                        tracing::error!(%error, "the projection is damaged; the next start builds it anew");
                        throw_away(&self.path);
                        return None;
                    }
                    tracing::warn!(%error, "the projection can't be written and tries again");
                    self.note_writable(false);
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            }
        }
    }
}

impl Projector {
    fn tell_disconnections(&self, batch: &[Followed]) {
        for followed in batch.iter().filter(|followed| matches!(followed.entry.fact, Fact::Disconnected)) {
            // Nobody may listen; that is no failure.
            let _ = self.disconnections.send(followed.place.id);
        }
    }

    fn note_writable(&self, holds: bool) {
        self.writable.send_if_modified(|last| std::mem::replace(last, holds) != holds);
    }
}

/// From the taking of one batch to that of the next, where writing it took so long.
const fn pause(took: Duration) -> Duration {
    if took.as_nanos() < LONG_BATCH.as_nanos() { BATCH_EVERY } else { LONG_BATCH_EVERY }
}

fn is_damaged(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::ConstraintViolation)
    )
}

fn throw_away(path: &Path) {
    if let Err(error) = schema::remove(path) {
        tracing::error!(%error, "the damaged projection can't be removed: remove {} by hand", path.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_batch_that_was_long_to_write_the_next_comes_sooner() {
        let nanosecond = Duration::from_nanos(1);
        for (took, expected) in [
            (LONG_BATCH.saturating_sub(nanosecond), BATCH_EVERY),
            (LONG_BATCH, LONG_BATCH_EVERY),
            (LONG_BATCH + nanosecond, LONG_BATCH_EVERY),
        ] {
            assert_eq!(pause(took), expected, "{took:?}");
        }
    }
}
