//! The live conversations of this node: decide, store, apply, tell, in this order, for widgets, consumers and time
//! alike.
//!
//! A conversation is loaded from the journal when somebody needs it and forgotten when nobody does. Other nodes may
//! append to it meanwhile: the journal's compare-and-append notices, what is new is read, and the event decided anew.

mod absence;
mod audience;
mod bar;
mod command;
mod expiry;
mod idempotency;
mod idle;
mod in_force;
mod live;
mod paced;
mod presence;
mod rates;
mod reading;
mod remembered;
mod resume_token;
mod routing;
mod set_context;
mod sign_in;
mod sign_out;
mod socket;
mod visit;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::broadcast;

use crate::clock::Clock;
use crate::domain::conversation::{Authentication, Event, IdleAfter, InvalidTransition, Place, Start};
use crate::domain::id::{ConversationId, TenantId, WidgetId};
use crate::domain::queue::Queues;
use crate::domain::time::UnixTime;
use crate::domain::token::Revocations;
use crate::journal::{Journal, Record};
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;

use absence::Awaited;
use in_force::InForce;
use presence::LastSeen;
use rates::Left;
use routing::Routing;

pub use absence::Absence;
pub use expiry::Expiry;
pub use idempotency::IdempotencyKey;
pub use idle::Idle;
pub use live::{Live, Locked};
pub use rates::{Counted, Rates};
pub use resume_token::ResumeTokens;
pub use socket::{ConnectionState, Order, Outgoing, Socket, SocketId};
pub use visit::{Claim, NotVisited, Visit, Visited};

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
    /// Whether the socket gets what follows; if not, something has followed already, and it must read that first.
    pub is_live: bool,
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
    lifecycle: Lifecycle,
    resume_tokens: ResumeTokens,
    in_force: InForce,
    routing: Routing,
    idle_after: IdleAfter,
    last_seen: LastSeen,
    awaited: Awaited,
    live: Mutex<HashMap<ConversationId, Held>>,
    left: Left,
    recent: moka::future::Cache<ConversationId, Arc<Live>>,
    signals: broadcast::Sender<Signal>,
}

/// A conversation that somebody holds, or did just now; its rates outlive it.
#[derive(Debug)]
struct Held {
    live: Weak<Live>,
    rates: Arc<Rates>,
}

impl Conversations {
    /// All conversations of this journal. Silence ends none of them.
    #[must_use]
    pub fn new(journal: Journal, clock: Clock, metrics: Arc<Metrics>, lifecycle: Lifecycle) -> Self {
        Self::idling(journal, clock, metrics, lifecycle, IdleAfter::NEVER)
    }

    /// The same, where silence is borne for this long.
    #[must_use]
    pub fn idling(
        journal: Journal,
        clock: Clock,
        metrics: Arc<Metrics>,
        lifecycle: Lifecycle,
        idle_after: IdleAfter,
    ) -> Self {
        let resume_tokens = ResumeTokens::new(journal.secret());
        let recent = moka::future::Cache::builder().max_capacity(RECENT_MAX).time_to_live(RECENT_FOR).build();
        let (signals, _) = broadcast::channel(SIGNALS_MAX);
        let live = Mutex::default();
        let (in_force, last_seen) = (InForce::default(), LastSeen::new(&idle_after));
        Self {
            shared: Arc::new(Shared {
                journal,
                clock,
                metrics,
                lifecycle,
                resume_tokens,
                in_force,
                routing: Routing::default(),
                idle_after,
                last_seen,
                awaited: Awaited::default(),
                live,
                left: Left::default(),
                recent,
                signals,
            }),
        }
    }

    /// The `resume_token`s of this journal.
    #[must_use]
    pub fn resume_tokens(&self) -> &ResumeTokens {
        &self.shared.resume_tokens
    }

    /// A tenant's revocations as this node knows them at this moment.
    #[must_use]
    pub fn revocations(&self, tenant: &TenantId) -> Arc<Revocations> {
        self.shared.in_force.of(tenant)
    }

    /// Puts a tenant's revocations in the place of those before. From now on nothing is decided without them; the
    /// authentications that stand are for the caller to look through.
    pub fn replace_revocations(&self, tenant: TenantId, revocations: Revocations) {
        self.shared.in_force.replace(tenant, revocations);
    }

    /// Puts a tenant's queues in the place of those before. What is decided from now on goes by their rules.
    pub fn replace_queues(&self, tenant: TenantId, queues: Arc<Queues>) {
        for queue in queues.listed().iter().filter(|queue| queue.when.is_some()) {
            self.shared.metrics.announce_queue_rule(&tenant, &queue.name);
        }
        self.shared.routing.replace(tenant, queues);
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

    /// Begins a conversation, stores its first entry and lets the socket in: it is taken out of `socket` then, and
    /// only then. With a key it begins once.
    ///
    /// # Errors
    /// [`CommandError::Refused`] where the token's time ran out meanwhile or it was revoked, with
    /// [`InvalidTransition::AlreadyStarted`] where another start with the same key came first, or the journal's
    /// failure.
    pub async fn start(
        &self,
        tenant: TenantId,
        widget: WidgetId,
        start: Start,
        key: Option<&IdempotencyKey>,
        socket: &mut Option<Socket>,
    ) -> Result<Begun, CommandError> {
        let id = match key {
            Some(key) => self.claim(key).await?,
            None => ConversationId::new(self.shared.clock.now(), random()),
        };
        let live = self.get(id);
        let mut locked = live.lock_to_begin(Place { id, tenant, widget }, key.is_none()).await?;
        // Whoever begins it may be gone before it is stored; then nobody would ever leave it.
        self.shared.awaited.left(id, self.shared.clock.elapsed());
        let record = locked.execute(&Event::Start(Box::new(start)), None).await?;
        let record = record.ok_or(CommandError::StorageUnavailable)?;
        let resume_token = self.shared.resume_tokens.derive(id, locked.conversation().generation());
        let socket = socket.take().ok_or(CommandError::Refused(InvalidTransition::AlreadyStarted))?;
        // What followed at once, a revocation for one, is in the journal and not among what was started.
        let (last, seen) = (locked.conversation().sequence(), record.entries()[0].sequence);
        locked.join(if last == seen { socket.live_after(seen) } else { socket });
        drop(locked);
        Ok(Begun { live, record, resume_token, is_live: last == seen })
    }

    /// The conversation with this id, loaded when it is first locked.
    #[must_use]
    pub fn get(&self, id: ConversationId) -> Arc<Live> {
        let mut map = self.live();
        let held = map.get(&id);
        if let Some(live) = held.and_then(|held| held.live.upgrade()) {
            return live;
        }
        // One that is just being forgotten still stands there.
        let rates = held.map_or_else(|| self.shared.left.take(id), |held| held.rates.clone());
        let live = Arc::new(Live::unloaded(self.clone(), id, rates.clone()));
        map.insert(id, Held { live: Arc::downgrade(&live), rates });
        live
    }

    /// Whether a socket of this node is in the conversation. It loads nothing and waits for nobody.
    #[must_use]
    pub fn is_connected(&self, id: ConversationId) -> bool {
        self.loaded(id).is_some_and(|live| live.is_connected())
    }

    fn loaded(&self, id: ConversationId) -> Option<Arc<Live>> {
        self.live().get(&id).and_then(|held| held.live.upgrade())
    }

    /// Forgets a conversation that nobody holds any more, but for what is left of its rates.
    fn forget(&self, id: ConversationId) {
        let mut map = self.live();
        if map.get(&id).is_some_and(|held| held.live.strong_count() == 0)
            && let Some(Held { rates, .. }) = map.remove(&id)
        {
            self.shared.left.keep(id, rates, self.shared.clock.elapsed());
        }
    }

    /// Locked for a lookup or an insertion only, never across an await: a panic can't leave it half-changed. No cache
    /// is asked meanwhile: one that tidies up drops conversations, which are forgotten under this very lock.
    fn live(&self) -> std::sync::MutexGuard<'_, HashMap<ConversationId, Held>> {
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
