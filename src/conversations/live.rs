//! One live conversation and the order in which everything happens to it: decide, store, apply, tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Mutex, MutexGuard};

use crate::domain::conversation::{Author, Conversation, Entry, Event, Fact};
use crate::domain::id::{ConversationId, RecordId, Sequence};
use crate::journal::{Appended, Head, Record};
use crate::metrics::Metrics;
use crate::wire::{downgrade_reason, role_name, sign_in_reason};

use super::audience::Audience;
use super::{CommandError, Conversations, Signal, Socket, SocketId, random};

/// How often an event is decided anew because another node appended first. Each time somebody made progress.
const CONFLICTS_MAX: usize = 32;
/// Entries read from the journal at once.
const PAGE: usize = 512;

/// A conversation on this node. Whoever acts on it locks it first.
#[derive(Debug)]
pub struct Live {
    id: ConversationId,
    conversations: Conversations,
    /// Whether there were sockets when it was last locked.
    connected: AtomicBool,
    state: Mutex<Option<State>>,
}

#[derive(Debug)]
struct State {
    conversation: Conversation,
    head: Head,
    audience: Audience,
}

impl Live {
    pub(super) fn unborn(conversations: Conversations, conversation: Conversation, head: Head) -> Self {
        let id = conversation.place().id;
        let state = Mutex::new(Some(State { conversation, head, audience: Audience::default() }));
        Self { id, conversations, connected: AtomicBool::new(false), state }
    }

    pub(super) fn unloaded(conversations: Conversations, id: ConversationId) -> Self {
        Self { id, conversations, connected: AtomicBool::new(false), state: Mutex::new(None) }
    }

    /// The conversation's id.
    #[must_use]
    pub const fn id(&self) -> ConversationId {
        self.id
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

    /// Takes a socket out; it hears nothing more.
    pub async fn leave(&self, socket: SocketId) {
        if let Some(state) = self.state.lock().await.as_mut() {
            state.audience.leave(socket);
            self.connected.store(!state.audience.is_empty(), Ordering::Relaxed);
        }
    }

    /// Whether a socket of this node is there, as far as can be told without waiting.
    pub(super) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
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
        let state = state.get_or_insert_with(|| State {
            conversation: Conversation::unborn(page.place.clone()),
            head: page.head,
            audience: Audience::default(),
        });
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
    Ok(state)
}

/// A conversation that nobody else on this node touches meanwhile.
#[derive(Debug)]
pub struct Locked<'a> {
    live: &'a Live,
    state: MutexGuard<'a, Option<State>>,
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.live.connected.store(self.is_connected(), Ordering::Relaxed);
    }
}

impl Locked<'_> {
    fn state(&self) -> &State {
        self.state.as_ref().expect("a lock is handed out for a loaded conversation only")
    }

    fn state_mut(&mut self) -> &mut State {
        self.state.as_mut().expect("a lock is handed out for a loaded conversation only")
    }

    /// The conversation as it stands.
    #[must_use]
    pub fn conversation(&self) -> &Conversation {
        &self.state().conversation
    }

    /// Whether a socket of this node is there.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        !self.state().audience.is_empty()
    }

    /// Decides, stores, applies and tells. `from` is the socket that asked: it gets `accepted` where others get the
    /// message. A downgrade that is due is stored even where the event itself is refused. Nothing is returned where
    /// nothing changed.
    ///
    /// # Errors
    /// The rules' refusal, or that the journal doesn't answer: then nobody was told anything.
    pub async fn execute(
        &mut self,
        event: &Event,
        from: Option<SocketId>,
    ) -> Result<Option<Arc<Record>>, CommandError> {
        for _ in 0..CONFLICTS_MAX {
            let now = self.live.conversations.shared.clock.now();
            let decided = self.conversation().decide(now, event);
            let refused = decided.as_ref().err().copied();
            let entries =
                decided.or_else(|_| self.conversation().decide(now, &Event::Deadline)).unwrap_or_default();
            let stored = if entries.is_empty() {
                None
            } else {
                let Some(record) = self.store(entries, from).await? else { continue };
                Some(record)
            };
            return match refused {
                Some(refusal) => Err(CommandError::Refused(refusal)),
                None => Ok(stored),
            };
        }
        Err(CommandError::StorageUnavailable)
    }

    /// Stores entries as one record, then applies and tells them. Nothing is returned after a conflict: the state
    /// is then that of the journal, and the event has to be decided anew.
    async fn store(
        &mut self,
        entries: Vec<Entry>,
        from: Option<SocketId>,
    ) -> Result<Option<Arc<Record>>, CommandError> {
        let record =
            Record::new(RecordId::new(random()), entries).expect("a decision is 1 or 2 entries in a row");
        let record = Arc::new(record);
        let (place, head) = (self.conversation().place().clone(), self.state().head);
        let journal = self.live.conversations.shared.journal.clone();
        match journal.append(&place, head, &record).await {
            Appended::Stored(head) => {
                self.take(record.entries(), head, from);
                Ok(Some(record))
            }
            Appended::Conflict => {
                self.catch_up(None, from).await?;
                Ok(None)
            }
            Appended::Unknown => {
                // Nobody is told anything before the tail was read: the record may lie there or not.
                let found = self.catch_up(Some(record.id()), from).await?;
                if found { Ok(Some(record)) } else { Err(CommandError::StorageUnavailable) }
            }
        }
    }

    /// Reads, applies and tells what the journal has beyond this state; whether a record of this id is among it.
    async fn catch_up(
        &mut self,
        record: Option<RecordId>,
        from: Option<SocketId>,
    ) -> Result<bool, CommandError> {
        let journal = self.live.conversations.shared.journal.clone();
        let mut found = false;
        loop {
            let after = self.conversation().sequence();
            let page = journal
                .read(self.live.id, after, PAGE)
                .await
                .map_err(|_| CommandError::StorageUnavailable)?;
            let Some(page) = page else { return Ok(found) };
            for (id, entry) in &page.entries {
                let ours = Some(*id) == record;
                found |= ours;
                self.take(std::slice::from_ref(entry), page.head, from.filter(|_| ours));
            }
            if page.entries.len() < PAGE {
                return Ok(found);
            }
        }
    }

    /// Applies stored entries and tells the sockets.
    fn take(&mut self, entries: &[Entry], head: Head, from: Option<SocketId>) {
        let shared = self.live.conversations.shared.clone();
        let state = self.state_mut();
        state.head = head;
        for entry in entries {
            let generation = state.conversation.generation();
            state.conversation.apply(entry);
            count(&shared.metrics, entry);
            let fresh_token = (state.conversation.generation() != generation)
                .then(|| shared.resume_tokens.derive(state.conversation.place().id, generation + 1));
            state.audience.tell(entry, from, fresh_token.as_deref());
        }
    }

    /// Lets a socket in. Beyond eight, the oldest has to go.
    pub fn join(&mut self, socket: Socket) {
        let state = self.state_mut();
        socket.state.set(state.conversation.authentication().is_authenticated());
        state.audience.join(socket);
    }

    /// Sends a socket every entry after `seen`, if it is still there. `seen` must be this conversation's last entry.
    pub fn go_live(&mut self, socket: SocketId, seen: Sequence) {
        self.state_mut().audience.go_live(socket, seen);
    }

    /// Tells the other sockets and the live stream that somebody types. Nothing is stored.
    pub fn typing(&mut self, author: &Author, from: Option<SocketId>) {
        let role = role_name(author);
        let shared = self.live.conversations.shared.clone();
        let place = self.conversation().place().clone();
        let authentication = self.conversation().authentication().clone();
        self.state_mut().audience.typing(role, from);
        let signal = Signal::Typing { place, from: role, at: shared.clock.now(), authentication };
        // Nobody may listen; that is no failure.
        let _ = shared.signals.send(signal);
    }
}

fn count(metrics: &Metrics, entry: &Entry) {
    match &entry.fact {
        Fact::Started(_) if entry.authentication.is_authenticated() => {
            metrics.authentication_changed(true, "token_presented");
        }
        Fact::Authenticated(signed_in) => {
            metrics.authentication_changed(true, sign_in_reason(signed_in.reason));
        }
        Fact::Downgraded(downgraded) => {
            metrics.authentication_changed(false, downgrade_reason(downgraded.reason));
        }
        Fact::Message(message) => {
            metrics.message_journaled(role_name(&message.author), message.authenticated);
        }
        _ => {}
    }
}
