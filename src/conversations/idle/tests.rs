//! The wheel on a real journal, turned by hand. Its clock goes on with the runtime's time, which is moved in leaps and
//! not stopped: the journal's thread needs it to go on. So what must not happen yet is asked for well before its time.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::config::AuthenticationMode;
use crate::conversations::{
    Claim, CommandError, ConnectionState, Live, NotVisited, Outgoing, Socket, SocketId, Visit,
};
use crate::domain::context::Variables;
use crate::domain::conversation::{
    Author, Credential, DowngradeReason, EndedBy, Event, Fact, IdleAfter, MessageId, MessageText, NewMessage,
    NotAdmitted, Role, Start,
};
use crate::domain::id::Sequence;
use crate::domain::token::VerifiedCustomer;
use crate::journal::{Fault, Journal};
use crate::metrics::Metrics;
use crate::wire::Close;

use super::*;

const NOW: UnixTime = UnixTime::from_seconds(1_760_000_000);
const END: Duration = Duration::from_mins(20);
const DOWNGRADE: Duration = Duration::from_mins(10);
/// What a test's own running may take of the time.
const MARGIN: Duration = Duration::from_mins(1);
const ALMOST_END: Duration = END.saturating_sub(MARGIN);
const ALMOST_DOWNGRADE: Duration = DOWNGRADE.saturating_sub(MARGIN);

struct Node {
    conversations: Conversations,
    idle: Idle,
    journal: Journal,
    metrics: Arc<Metrics>,
    clock: Clock,
    _folder: tempfile::TempDir,
}

/// A widget's end of a socket.
struct Widget {
    live: Arc<Live>,
    id: SocketId,
    told: mpsc::Receiver<Outgoing>,
    _cut: oneshot::Receiver<Close>,
}

impl Node {
    fn start(after: IdleAfter) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (metrics, lifecycle) = (Arc::new(Metrics::new()), Lifecycle::new());
        let clock = Clock::following_runtime(NOW);
        let journal = Journal::open(&folder.path().join("journal"), metrics.clone()).unwrap();
        let projection = Projection::start(&journal, &lifecycle).unwrap();
        let conversations =
            Conversations::idling(journal.clone(), clock, metrics.clone(), lifecycle.clone(), after);
        let idle = Idle { conversations: conversations.clone(), projection, clock, lifecycle };
        Self { conversations, idle, journal, metrics, clock, _folder: folder }
    }

    fn both() -> Self {
        Self::start(IdleAfter { end: Some(END), downgrade: Some(DOWNGRADE) })
    }

    /// Another node on the same journal, as far as conversations go.
    fn neighbour(&self) -> Conversations {
        let after = *self.conversations.idle_after();
        let lifecycle = self.idle.lifecycle.clone();
        Conversations::idling(self.journal.clone(), self.clock, self.metrics.clone(), lifecycle, after)
    }

    fn socket(&self) -> (Socket, mpsc::Receiver<Outgoing>, oneshot::Receiver<Close>) {
        let (queue, told) = mpsc::channel(16);
        let (cutter, cut) = oneshot::channel();
        let state = Arc::new(ConnectionState::new(self.metrics.clone()));
        (Socket::new(SocketId::next(), queue, cutter, state), told, cut)
    }

    async fn begin(&self, customer: Option<VerifiedCustomer>) -> Widget {
        let (socket, told, cut) = self.socket();
        let (id, mut socket) = (socket.id(), Some(socket));
        let start = Start::new(customer, "default".into());
        let (tenant, widget) = ("contoso".parse().unwrap(), "web".parse().unwrap());
        let begun = self.conversations.start(tenant, widget, start, None, &mut socket).await.unwrap();
        Widget { live: begun.live, id, told, _cut: cut }
    }

    /// Moves the time and turns the wheel, once the projection knows everything.
    async fn turn_after(&self, span: Duration) {
        leap(span).await;
        self.idle.projection.caught_up(self.journal.latest()).await.unwrap();
        self.idle.downgrade_unheard().await;
        self.idle.end_abandoned().await;
    }

    async fn facts(&self, id: ConversationId) -> Vec<Fact> {
        let page = self.journal.read(id, Sequence::START, 100).await.unwrap().unwrap();
        page.entries.into_iter().map(|(_, entry)| entry.fact).collect()
    }

    /// Whether it was ended by silence, and by nothing else.
    async fn is_ended(&self, id: ConversationId) -> bool {
        let facts = self.facts(id).await;
        let ended =
            facts.iter().find_map(|fact| if let Fact::Ended(ended) = fact { Some(ended) } else { None });
        ended.is_some_and(|ended| {
            assert_eq!((ended.by, ended.reason.as_deref()), (EndedBy::System, Some("idle")));
            true
        })
    }

    /// How often silence has ended an authentication, and nothing else has.
    async fn downgrades(&self, id: ConversationId) -> usize {
        let facts = self.facts(id).await;
        let downgrades = facts.iter().filter_map(|fact| match fact {
            Fact::Downgraded(downgraded) => Some(downgraded.reason),
            _ => None,
        });
        downgrades.inspect(|reason| assert_eq!(*reason, DowngradeReason::Idle)).count()
    }
}

impl Widget {
    fn conversation(&self) -> ConversationId {
        self.live.id()
    }

    /// Leaves; the conversation that nobody holds any more.
    async fn leave(self) -> ConversationId {
        self.live.leave(self.id).await;
        self.live.id()
    }

    async fn is_authenticated(&self) -> bool {
        self.live.lock().await.unwrap().unwrap().conversation().authentication().is_authenticated()
    }
}

async fn leap(span: Duration) {
    tokio::time::pause();
    tokio::time::advance(span).await;
    tokio::time::resume();
}

fn ada() -> VerifiedCustomer {
    VerifiedCustomer::for_tests("ada", NOW, NOW.plus(Duration::from_hours(10)), Variables::new())
}

fn said_by_an_agent() -> Event {
    Event::Message(NewMessage {
        author: Author::consumer("desk".parse().unwrap(), Role::Agent),
        id: MessageId::new("a1").unwrap(),
        text: MessageText::new("Are you there?", 100).unwrap(),
        name: None,
        must_be_authenticated: false,
    })
}

#[tokio::test]
async fn a_conversation_ends_that_long_after_the_last_socket_has_left_it() {
    let node = Node::both();
    let widget = node.begin(None).await;
    node.turn_after(END * 3).await;
    assert!(!node.is_ended(widget.conversation()).await, "a socket was there");
    let id = widget.leave().await;
    node.turn_after(ALMOST_END).await;
    assert!(!node.is_ended(id).await, "it was left a short while ago");
    node.turn_after(MARGIN).await;
    assert!(node.is_ended(id).await);
}

#[tokio::test]
async fn when_it_was_left_is_known_although_it_is_forgotten_and_it_is_not_loaded_to_see() {
    let node = Node::both();
    let widget = node.begin(None).await;
    leap(END * 3).await;
    let id = widget.leave().await;
    node.conversations.shared.recent.invalidate(&id).await;
    assert!(node.conversations.loaded(id).is_none());
    node.turn_after(ALMOST_END).await;
    assert!(!node.is_ended(id).await);
    assert!(!node.conversations.shared.recent.contains_key(&id), "it was loaded in vain");
    node.turn_after(MARGIN).await;
    assert!(node.is_ended(id).await);
}

#[tokio::test]
async fn a_socket_that_comes_in_between_keeps_it_open() {
    let node = Node::both();
    let id = node.begin(None).await.leave().await;
    leap(END * 2).await;
    let live = node.conversations.get(id);
    let mut locked = live.lock().await.unwrap().unwrap();
    let (socket, _told, _cut) = node.socket();
    locked.join(socket);
    locked.end_if_abandoned().await.unwrap();
    assert!(locked.conversation().is_open());
}

#[tokio::test]
async fn what_another_node_has_heard_meanwhile_keeps_it_open() {
    let node = Node::both();
    let id = node.begin(None).await.leave().await;
    let (live, neighbour) = (node.conversations.get(id), node.neighbour());
    assert!(live.lock().await.unwrap().is_some(), "it is loaded before the neighbour hears");
    leap(END * 2).await;
    let there = neighbour.get(id);
    there.lock().await.unwrap().unwrap().execute(&said_by_an_agent(), None).await.unwrap();
    let mut locked = live.lock().await.unwrap().unwrap();
    locked.end_if_abandoned().await.unwrap();
    assert!(locked.conversation().is_open());
    assert_eq!(locked.conversation().sequence(), Sequence::new(2), "it has read what the neighbour stored");
}

#[tokio::test]
async fn a_customer_who_is_silent_is_downgraded_and_told_and_any_frame_puts_it_off() {
    let node = Node::both();
    let mut widget = node.begin(Some(ada())).await;
    leap(ALMOST_DOWNGRADE).await;
    widget.live.take_frame().await.unwrap();
    node.turn_after(ALMOST_DOWNGRADE).await;
    assert!(widget.is_authenticated().await, "a frame came a short while ago");
    let said = said_by_an_agent();
    widget.live.lock().await.unwrap().unwrap().execute(&said, None).await.unwrap();
    node.turn_after(MARGIN).await;
    assert!(!widget.is_authenticated().await, "what an agent says puts nothing off");
    node.turn_after(DOWNGRADE * 2).await;
    assert_eq!(node.downgrades(widget.conversation()).await, 1);
    assert!(matches!(widget.told.recv().await, Some(Outgoing::Frame(frame)) if frame.contains("message")));
    let told = widget.told.recv().await;
    assert!(
        matches!(&told, Some(Outgoing::Frame(frame)) if frame.contains(r#""reason":"idle""#)),
        "{told:?}"
    );
}

#[tokio::test]
async fn the_last_frame_is_remembered_when_the_widget_has_left() {
    let node = Node::both();
    let widget = node.begin(Some(ada())).await;
    leap(ALMOST_DOWNGRADE).await;
    widget.live.take_frame().await.unwrap();
    let id = widget.leave().await;
    node.conversations.shared.recent.invalidate(&id).await;
    node.turn_after(ALMOST_DOWNGRADE).await;
    assert_eq!(node.downgrades(id).await, 0);
    node.turn_after(MARGIN).await;
    assert_eq!(node.downgrades(id).await, 1);
}

#[tokio::test]
async fn a_frame_that_is_late_finds_the_downgrade_done_before_the_wheel_has_turned() {
    let node = Node::both();
    let widget = node.begin(Some(ada())).await;
    leap(ALMOST_DOWNGRADE).await;
    widget.live.take_frame().await.unwrap();
    assert!(widget.is_authenticated().await);
    leap(DOWNGRADE).await;
    widget.live.take_frame().await.unwrap();
    assert!(!widget.is_authenticated().await);
    assert_eq!(node.downgrades(widget.conversation()).await, 1);
}

#[tokio::test]
async fn while_the_journal_fails_a_late_frame_is_not_taken_and_the_wheel_tries_again() {
    let node = Node::both();
    let (one, two) = (node.begin(Some(ada())).await, node.begin(Some(ada())).await);
    leap(DOWNGRADE).await;
    node.journal.provoke(Fault::CommitsFail).await;
    for _ in 0..2 {
        assert_eq!(one.live.take_frame().await, Err(CommandError::StorageUnavailable));
    }
    node.turn_after(Duration::ZERO).await;
    node.journal.provoke(Fault::Mended).await;
    let mut writable = node.journal.writable_changes();
    writable.wait_for(|holds| *holds).await.unwrap();
    assert_eq!(node.downgrades(two.conversation()).await, 0);
    one.live.take_frame().await.unwrap();
    node.turn_after(Duration::ZERO).await;
    for widget in [one, two] {
        assert!(!widget.is_authenticated().await);
        assert_eq!(node.downgrades(widget.conversation()).await, 1);
    }
}

#[tokio::test]
async fn a_visitor_who_is_late_finds_the_downgrade_done_and_signs_in_again_with_the_same_token() {
    let node = Node::both();
    let widget = node.begin(Some(ada())).await;
    let id = widget.leave().await;
    leap(DOWNGRADE).await;
    let live = node.conversations.get(id);
    let (tenant, name) = ("contoso".parse().unwrap(), "web".parse().unwrap());
    let visit = Visit {
        conversations: &node.conversations,
        live: &live,
        tenant: &tenant,
        widget: &name,
        mode: AuthenticationMode::Optional,
        expired_for: Duration::ZERO,
        claim: Claim::Identity,
    };
    let (socket, _told, _cut) = node.socket();
    let mut socket = Some(socket);
    let refused = visit.enter(Credential::Absent, None, &mut socket).await;
    let Err(NotVisited::NotAdmitted { why: NotAdmitted::AuthenticationRequired, .. }) = refused else {
        panic!("without a token nobody comes in: {refused:?}");
    };
    assert_eq!(node.downgrades(id).await, 1);
    let visited = visit.enter(Credential::Valid(Box::new(ada())), None, &mut socket).await.unwrap();
    assert!(visited.authentication.is_authenticated());
    assert!(matches!(node.facts(id).await[2], Fact::Authenticated(_)));
    node.turn_after(ALMOST_DOWNGRADE).await;
    assert_eq!(node.downgrades(id).await, 1, "coming in was a sign of life");
}

#[tokio::test]
async fn where_nothing_is_set_the_wheel_ends_at_once_and_silence_ends_nothing() {
    let node = Node::start(IdleAfter::NEVER);
    let widget = node.begin(Some(ada())).await;
    let ran = tokio::time::timeout(MARGIN, node.idle.clone().run()).await;
    assert!(ran.is_ok(), "it goes on");
    leap(Duration::from_hours(9)).await;
    widget.live.take_frame().await.unwrap();
    assert!(widget.is_authenticated().await);
    let id = widget.leave().await;
    node.turn_after(Duration::ZERO).await;
    assert_eq!(node.facts(id).await.len(), 1);
}
