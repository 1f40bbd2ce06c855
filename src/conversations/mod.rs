//! The live conversations of this node: decide, store, apply, tell, in this order, for widgets, consumers and time
//! alike.
//!
//! A conversation is loaded from the journal when somebody needs it and forgotten when nobody does. Other nodes may
//! append to it meanwhile: the journal's compare-and-append notices, what is new is read, and the event decided anew.

mod audience;
mod expiry;
mod live;
mod resume_token;
mod socket;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::broadcast;

use crate::clock::Clock;
use crate::domain::conversation::{Authentication, Conversation, Event, InvalidTransition, Place, Start};
use crate::domain::id::{ConversationId, TenantId, WidgetId};
use crate::domain::time::UnixTime;
use crate::journal::{Head, Journal, Record};
use crate::metrics::Metrics;

pub use expiry::Expiry;
pub use live::{Live, Locked};
pub use resume_token::ResumeTokens;
pub use socket::{ConnectionState, Outgoing, Socket, SocketId};

/// Conversations kept in memory after they were loaded, so that a bot's next command finds them.
const RECENT_MAX: u64 = 4096;
/// How long they are kept where nobody holds them.
const RECENT_FOR: Duration = Duration::from_mins(1);
/// Signals that a reader of the live stream may lag behind before it misses some; they are best effort.
const SIGNALS_MAX: usize = 1024;

/// What happens in a conversation and is never stored.
#[derive(Debug, Clone)]
pub enum Signal {
    /// Somebody types.
    Typing {
        /// Where.
        place: Place,
        /// The role of whoever types.
        from: &'static str,
        /// When.
        at: UnixTime,
        /// The state of authentication at that moment.
        authentication: Authentication,
    },
}

/// Why a command on a conversation did not do what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The rules say no.
    #[error("the conversation's rules refuse it: {0:?}")]
    Refused(InvalidTransition),
    /// Not known to be stored. Whoever asked may ask again.
    #[error("the journal does not answer")]
    StorageUnavailable,
}

/// A conversation that has just begun.
#[derive(Debug)]
pub struct Begun {
    /// The conversation.
    pub live: Arc<Live>,
    /// Its first record: the entry `started`.
    pub record: Arc<Record>,
    /// What it is resumed with.
    pub resume_token: String,
}

/// The handle to all conversations; cheap to clone.
#[derive(Debug, Clone)]
pub struct Conversations {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    journal: Journal,
    clock: Clock,
    metrics: Arc<Metrics>,
    resume_tokens: ResumeTokens,
    live: Mutex<HashMap<ConversationId, Weak<Live>>>,
    recent: moka::future::Cache<ConversationId, Arc<Live>>,
    signals: broadcast::Sender<Signal>,
}

impl Conversations {
    /// All conversations of this journal.
    #[must_use]
    pub fn new(journal: Journal, clock: Clock, metrics: Arc<Metrics>) -> Self {
        let resume_tokens = ResumeTokens::new(journal.secret());
        let recent = moka::future::Cache::builder().max_capacity(RECENT_MAX).time_to_live(RECENT_FOR).build();
        let (signals, _) = broadcast::channel(SIGNALS_MAX);
        let live = Mutex::default();
        Self { shared: Arc::new(Shared { journal, clock, metrics, resume_tokens, live, recent, signals }) }
    }

    /// The `resume_token`s of this journal.
    #[must_use]
    pub fn resume_tokens(&self) -> &ResumeTokens {
        &self.shared.resume_tokens
    }

    /// A reader of what is never stored.
    #[must_use]
    pub fn signals(&self) -> broadcast::Receiver<Signal> {
        self.shared.signals.subscribe()
    }

    /// How many listen for what is never stored.
    #[cfg(test)]
    pub(crate) fn listeners(&self) -> usize {
        self.shared.signals.receiver_count()
    }

    /// Begins a conversation under a new id, stores its first entry and lets the socket in.
    ///
    /// # Errors
    /// [`CommandError::Refused`] where the token's time ran out meanwhile, or the journal's failure.
    pub async fn start(
        &self,
        tenant: TenantId,
        widget: WidgetId,
        start: Start,
        socket: Socket,
    ) -> Result<Begun, CommandError> {
        let id = ConversationId::new(self.shared.clock.now(), random());
        let place = Place { id, tenant, widget };
        let live = Arc::new(Live::unborn(self.clone(), Conversation::unborn(place), Head::EMPTY));
        self.live().insert(id, Arc::downgrade(&live));
        let mut locked = live.lock().await?.ok_or(CommandError::StorageUnavailable)?;
        let record = locked.execute(&Event::Start(Box::new(start)), None).await?;
        let record = record.ok_or(CommandError::StorageUnavailable)?;
        let resume_token = self.shared.resume_tokens.derive(id, locked.conversation().generation());
        locked.join(socket.live_after(locked.conversation().sequence()));
        drop(locked);
        Ok(Begun { live, record, resume_token })
    }

    /// The conversation with this id, loaded when it is first locked.
    #[must_use]
    pub fn get(&self, id: ConversationId) -> Arc<Live> {
        let mut map = self.live();
        if let Some(live) = map.get(&id).and_then(Weak::upgrade) {
            return live;
        }
        let live = Arc::new(Live::unloaded(self.clone(), id));
        map.insert(id, Arc::downgrade(&live));
        live
    }

    /// Whether a socket of this node is in the conversation. It loads nothing and waits for nobody.
    #[must_use]
    pub fn is_connected(&self, id: ConversationId) -> bool {
        let live = self.live().get(&id).and_then(Weak::upgrade);
        live.is_some_and(|live| live.is_connected())
    }

    /// Forgets a conversation that nobody holds any more.
    fn forget(&self, id: ConversationId) {
        let mut map = self.live();
        if map.get(&id).is_some_and(|weak| weak.strong_count() == 0) {
            map.remove(&id);
        }
    }

    /// Locked for a lookup or an insertion only, never across an await: a panic can't leave it half-changed.
    fn live(&self) -> std::sync::MutexGuard<'_, HashMap<ConversationId, Weak<Live>>> {
        self.shared.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Random bytes from the one provider.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes)
        .expect("the operating system's random source works once it has been seeded");
    bytes
}
