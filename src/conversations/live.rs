//! One live conversation: loaded when somebody needs it, locked by whoever acts on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use tokio::sync::{Mutex, MutexGuard};

use crate::domain::context::Offered;
use crate::domain::conversation::{Author, Conversation, Place};
use crate::domain::id::{ConversationId, Sequence};
use crate::domain::time::UnixTime;
use crate::domain::token::Identity;
use crate::journal::Head;
use crate::wire::{Close, ServerFrame, role_name};

use super::audience::Audience;
use super::{CommandError, Conversations, Rates, Shared, Signal, Socket, SocketId, bar};

/// Entries read from the journal at once.
pub(super) const PAGE: usize = 512;

/// A conversation on this node. Whoever acts on it locks it first.
#[derive(Debug)]
pub struct Live {
    id: ConversationId,
    conversations: Conversations,
    /// Whether there were sockets when it was last locked.
    connected: AtomicBool,
    /// When a widget of this node last sent a frame, in milliseconds since the epoch.
    heard: AtomicI64,
    rates: Arc<Rates>,
    state: Mutex<Option<State>>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) conversation: Conversation,
    pub(super) head: Head,
    pub(super) audience: Audience,
    pub(super) waiting: Waiting,
    /// What a page offers at this moment, and the socket that is to be told what became of it.
    pub(super) offering: Option<Box<(SocketId, Offered)>>,
}

/// The newest reading of each side that waits for its second.
#[derive(Debug, Default)]
pub(super) struct Waiting(pub(super) [Option<Sequence>; 2]);

impl State {
    fn of(conversation: Conversation, head: Head) -> Self {
        Self {
            conversation,
            head,
            audience: Audience::default(),
            waiting: Waiting::default(),
            offering: None,
        }
    }
}

impl Live {
    pub(super) fn unloaded(conversations: Conversations, id: ConversationId, rates: Arc<Rates>) -> Self {
        let (connected, heard) = (AtomicBool::new(false), AtomicI64::new(0));
        Self { id, conversations, connected, heard, rates, state: Mutex::new(None) }
    }

    pub(super) const fn shared(&self) -> &Arc<Shared> {
        &self.conversations.shared
    }

    /// The conversation's id.
    #[must_use]
    pub const fn id(&self) -> ConversationId {
        self.id
    }

    /// What is left of the rates of its widgets.
    #[must_use]
    pub fn rates(&self) -> &Rates {
        &self.rates
    }

    /// Locks the conversation, loading it where need be; none where there is no such conversation.
    ///
    /// # Errors
    /// [`CommandError::StorageUnavailable`] where it can't be read.
    pub async fn lock(self: &Arc<Self>) -> Result<Option<Locked<'_>>, CommandError> {
        let mut state = self.state.lock().await;
        if state.is_none() {
            *state = load(&self.conversations, self.id).await?;
            if state.is_none() {
                return Ok(None);
            }
            // Only what exists is kept: made-up ids push nothing out.
            self.conversations.shared.recent.insert(self.id, self.clone()).await;
        }
        Ok(Some(Locked { live: self, state }))
    }

    /// Locks a conversation that is about to begin under this id, unless somebody else has begun it. One whose id is
    /// `fresh` is nobody else's, and is not looked for.
    pub(super) async fn lock_to_begin(
        self: &Arc<Self>,
        place: Place,
        fresh: bool,
    ) -> Result<Locked<'_>, CommandError> {
        let mut state = self.state.lock().await;
        if state.is_none() && !fresh {
            *state = load(&self.conversations, self.id).await?;
        }
        state.get_or_insert_with(|| State::of(Conversation::unborn(place), Head::EMPTY));
        Ok(Locked { live: self, state })
    }

    /// Notes that a widget has sent a frame.
    pub(super) fn hear(&self, now: UnixTime) {
        self.heard.store(now.millis(), Ordering::Relaxed);
    }

    /// When a widget of this node last sent a frame, as far as this node remembers.
    #[must_use]
    pub fn heard_at(&self) -> UnixTime {
        UnixTime::from_millis(self.heard.load(Ordering::Relaxed))
    }

    /// Takes a socket out; it hears nothing more.
    pub async fn leave(&self, socket: SocketId) {
        if let Some(state) = self.state.lock().await.as_mut() {
            state.audience.leave(socket);
            self.note_presence(state);
        }
    }

    /// Whether a socket of this node is there, as far as can be told without waiting.
    pub(super) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    pub(super) fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Ordering::Relaxed);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.conversations.forget(self.id);
    }
}

async fn load(conversations: &Conversations, id: ConversationId) -> Result<Option<State>, CommandError> {
    let journal = &conversations.shared.journal;
    let mut state: Option<State> = None;
    loop {
        let after = state.as_ref().map_or(Sequence::START, |state| state.conversation.sequence());
        let page = journal.read(id, after, PAGE).await.map_err(|_| CommandError::StorageUnavailable)?;
        let Some(page) = page else { return Ok(state) };
        let count = page.entries.len();
        let state =
            state.get_or_insert_with(|| State::of(Conversation::unborn(page.place.clone()), page.head));
        for (_, entry) in &page.entries {
            state.conversation.apply(entry);
        }
        // The head of an empty page is the conversation's own, and may be later than what was read here.
        if count > 0 {
            state.head = page.head;
        }
        if count < PAGE {
            break;
        }
    }
    if let Some(state) = &mut state {
        bar::recall(journal, &mut state.conversation).await?;
    }
    Ok(state)
}

/// A conversation that nobody else on this node touches meanwhile.
#[derive(Debug)]
pub struct Locked<'a> {
    pub(super) live: &'a Arc<Live>,
    state: MutexGuard<'a, Option<State>>,
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.live.note_presence(self.state());
    }
}

impl Locked<'_> {
    pub(super) fn state(&self) -> &State {
        self.state.as_ref().expect("a lock is handed out for a loaded conversation only")
    }

    pub(super) fn state_mut(&mut self) -> &mut State {
        self.state.as_mut().expect("a lock is handed out for a loaded conversation only")
    }

    /// The conversation as it stands.
    #[must_use]
    pub fn conversation(&self) -> &Conversation {
        &self.state().conversation
    }

    /// Whether this socket is in the conversation still. A frame may have waited for the lock while its socket was
    /// cut.
    #[must_use]
    pub fn has(&self, socket: SocketId) -> bool {
        self.state().audience.has(socket)
    }

    /// Whether a socket of this node is there.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        !self.state().audience.is_empty()
    }

    /// Lets a socket in. Beyond eight, the oldest has to go.
    pub fn join(&mut self, socket: Socket) {
        let state = self.state_mut();
        socket.state.set(state.conversation.authentication().is_authenticated());
        state.audience.join(socket);
        self.live.hear(self.live.shared().clock.now());
    }

    /// Notes that a socket has presented a token of this identity.
    pub(super) fn presented(&mut self, socket: SocketId, identity: &Identity) {
        self.state_mut().audience.presented(socket, identity);
    }

    /// Queues a frame for one socket, behind all that it was told.
    pub fn answer(&mut self, socket: SocketId, frame: &ServerFrame<'_>) {
        self.state_mut().audience.answer(socket, frame);
    }

    /// Ends every socket of this node in the conversation, each behind all that it was told.
    pub fn close_all(&mut self, close: Close) {
        self.state_mut().audience.close_all(close);
    }

    /// Sends a socket every entry after `seen`, if it is still there. `seen` must be this conversation's last entry.
    pub fn go_live(&mut self, socket: SocketId, seen: Sequence) {
        self.state_mut().audience.go_live(socket, seen, None);
    }

    /// Has a socket wait for the next sign-in: it has seen the entries up to `seen`, and the next one is
    /// [withheld](Conversation::withholds).
    pub fn wait_for_sign_in(&mut self, socket: SocketId, seen: Sequence) {
        let last = self.conversation().sequence();
        self.state_mut().audience.go_live(socket, last, Some(seen));
    }

    /// Tells the other sockets and the live stream that somebody types. Nothing is stored.
    pub fn typing(&mut self, author: &Author, from: Option<SocketId>) {
        let role = role_name(author);
        let shared = self.live.shared().clone();
        let place = self.conversation().place().clone();
        let authentication = self.conversation().authentication().clone();
        self.state_mut().audience.typing(role, from);
        let signal = Signal::Typing { place, from: role, at: shared.clock.now(), authentication };
        // Nobody may listen; that is no failure.
        let _ = shared.signals.send(signal);
    }
}
