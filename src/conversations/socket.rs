//! A widget's socket as its conversation sees it: a bounded queue, and a way to cut it when that is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::domain::conversation::Notices;
use crate::domain::id::Sequence;
use crate::domain::token::Identity;
use crate::metrics::Metrics;
use crate::wire::Close;

/// Tells sockets apart, on this node, for the life of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SocketId(u64);

impl SocketId {
    /// A number that no socket had before.
    #[must_use]
    pub fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// What goes to a widget. As large as a frame alone: each socket's queue has room for 32 from the start.
#[derive(Debug)]
pub enum Outgoing {
    /// A frame.
    Frame(Utf8Bytes),
    /// What is rarer.
    Order(Box<Order>),
}

/// What a socket's session has to do besides sending frames.
#[derive(Debug)]
pub enum Order {
    /// Nothing yet: what to announce of the authentication that stands from now on.
    Notices(Option<Notices>),
    /// What the journal has after this entry, up to now: the socket had to wait for it.
    Replay {
        /// The last entry that it has seen.
        after: Sequence,
    },
    /// The close, after everything before it.
    Close(Close),
}

/// A socket in a conversation.
#[derive(Debug)]
pub struct Socket {
    pub(super) id: SocketId,
    pub(super) queue: mpsc::Sender<Outgoing>,
    pub(super) cut: oneshot::Sender<Close>,
    pub(super) state: Arc<ConnectionState>,
    /// The identity of a token that this socket itself has presented.
    pub(super) presented: Option<Identity>,
    /// Whether its widget shows consumers' messages to signed-in customers only.
    pub(super) for_signed_in: bool,
    /// The last entry before one that was withheld from it: it gets no later one either, and reads them all after
    /// the next sign-in.
    pub(super) behind: Option<Sequence>,
    /// It gets entries beyond this as they are stored; none, while it still reads them from the journal.
    pub(super) live_after: Option<Sequence>,
}

impl From<Order> for Outgoing {
    fn from(order: Order) -> Self {
        Self::Order(Box::new(order))
    }
}

impl Socket {
    /// A socket that does not get entries yet.
    #[must_use]
    pub const fn new(
        id: SocketId,
        queue: mpsc::Sender<Outgoing>,
        cut: oneshot::Sender<Close>,
        state: Arc<ConnectionState>,
    ) -> Self {
        Self { id, queue, cut, state, presented: None, for_signed_in: false, behind: None, live_after: None }
    }

    /// The same, of a widget that shows consumers' messages to signed-in customers only.
    #[must_use]
    pub const fn for_signed_in(mut self, only: bool) -> Self {
        self.for_signed_in = only;
        self
    }

    /// The same, having presented a token of this identity, where it has.
    #[must_use]
    pub fn having_presented(self, presented: Option<Identity>) -> Self {
        Self { presented, ..self }
    }

    /// The same, getting every entry after this one.
    #[must_use]
    pub const fn live_after(mut self, seen: Sequence) -> Self {
        self.live_after = Some(seen);
        self
    }

    /// Its number.
    #[must_use]
    pub const fn id(&self) -> SocketId {
        self.id
    }

    /// Queues a frame; false where the queue is full, and the socket has to go.
    pub(super) fn tell(&self, outgoing: Outgoing) -> bool {
        !matches!(self.queue.try_send(outgoing), Err(mpsc::error::TrySendError::Full(_)))
    }

    /// Ends the socket now, whatever is queued.
    pub(super) fn cut(self, close: Close) {
        // An error means that the session has ended by itself.
        let _ = self.cut.send(close);
    }
}

/// Under which label a connection is counted: it is anonymous until its conversation is authenticated.
#[derive(Debug)]
pub struct ConnectionState {
    authenticated: AtomicBool,
    metrics: Arc<Metrics>,
}

impl ConnectionState {
    /// Counts a new connection, until this is dropped.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        metrics.connections(false).inc();
        Self { authenticated: AtomicBool::new(false), metrics }
    }

    /// Counts it under its conversation's state.
    pub fn set(&self, authenticated: bool) {
        let before = self.authenticated.swap(authenticated, Ordering::Relaxed);
        if before != authenticated {
            self.metrics.connections(before).dec();
            self.metrics.connections(authenticated).inc();
        }
    }
}

impl Drop for ConnectionState {
    fn drop(&mut self) {
        self.metrics.connections(self.authenticated.load(Ordering::Relaxed)).dec();
    }
}
