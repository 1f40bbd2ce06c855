//! The wheel on a real journal. Its clock goes on with the runtime's time, which is moved in leaps and not stopped: the
//! journal's thread needs it to go on. The instants themselves are judged in `awaited`.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::config::AuthenticationMode;
use crate::conversations::{Begun, Claim, ConnectionState, Live, Outgoing, Socket, SocketId, Visit, Visited};
use crate::domain::conversation::{Credential, EndedBy, Fact, Start};
use crate::domain::id::Sequence;
use crate::domain::time::UnixTime;
use crate::journal::Fault;
use crate::metrics::Metrics;
use crate::wire::Close;

use super::*;

const NOW: UnixTime = UnixTime::from_seconds(1_760_000_000);
/// What a test's own running may take of the time.
const MARGIN: Duration = Duration::from_secs(2);
const ALMOST_GONE: Duration = DISCONNECTED_AFTER.saturating_sub(MARGIN);

struct Node {
    absence: Absence,
    metrics: Arc<Metrics>,
    folder: Arc<tempfile::TempDir>,
}

/// A widget's end of a socket.
struct Widget {
    live: Arc<Live>,
    id: SocketId,
    _told: mpsc::Receiver<Outgoing>,
    _cut: oneshot::Receiver<Close>,
}

impl Node {
    fn start() -> Self {
        let (metrics, lifecycle) = (Arc::new(Metrics::new()), Lifecycle::new());
        let (folder, clock) = (Arc::new(tempfile::tempdir().unwrap()), Clock::following_runtime(NOW));
        let journal = Journal::open(&folder.path().join("journal"), metrics.clone()).unwrap();
        let projection = Projection::start(&journal, &lifecycle).unwrap();
        let conversations = Conversations::new(journal.clone(), clock, metrics.clone(), lifecycle.clone());
        let absence = Absence { conversations, projection, journal, clock, lifecycle };
        Self { absence, metrics, folder }
    }

    /// Another node on the same journal, or this one after its process was killed.
    fn again(&self) -> Self {
        let Absence { projection, journal, clock, .. } = self.absence.clone();
        let (metrics, lifecycle) = (self.metrics.clone(), Lifecycle::new());
        let conversations = Conversations::new(journal.clone(), clock, metrics.clone(), lifecycle.clone());
        let absence = Absence { conversations, projection, journal, clock, lifecycle };
        Self { absence, metrics, folder: self.folder.clone() }
    }

    fn socket(&self) -> (Socket, mpsc::Receiver<Outgoing>, oneshot::Receiver<Close>) {
        let (queue, told) = mpsc::channel(16);
        let (cutter, cut) = oneshot::channel();
        let state = Arc::new(ConnectionState::new(self.metrics.clone()));
        (Socket::new(SocketId::next(), queue, cutter, state), told, cut)
    }

    async fn begin(&self) -> (Widget, String) {
        let (socket, told, cut) = self.socket();
        let (id, mut socket) = (socket.id(), Some(socket));
        let start = Start::new(None, "default".into());
        let (tenant, widget) = ("contoso".parse().unwrap(), "web".parse().unwrap());
        let begun = self.absence.conversations.start(tenant, widget, start, None, &mut socket);
        let Begun { live, resume_token, .. } = begun.await.unwrap();
        (Widget { live, id, _told: told, _cut: cut }, resume_token)
    }

    /// Comes into a conversation; where it stands then.
    async fn resume(&self, id: ConversationId, resume_token: &str) -> (Widget, u64) {
        let (socket, told, cut) = self.socket();
        let (conversations, live) = (&self.absence.conversations, self.absence.conversations.get(id));
        let visit = Visit {
            conversations,
            live: &live,
            tenant: &"contoso".parse().unwrap(),
            widget: &"web".parse().unwrap(),
            mode: AuthenticationMode::Optional,
            expired_for: Duration::ZERO,
            claim: Claim::ResumeToken(resume_token),
        };
        let visited = visit.enter(Credential::Absent, None, &mut Some(socket)).await.unwrap();
        let Visited { live, socket: id, sequence, .. } = visited;
        (Widget { live, id, _told: told, _cut: cut }, sequence.get())
    }

    /// Moves the time and tells of those who are due then.
    async fn turn_after(&self, span: Duration) {
        leap(span).await;
        assert_eq!(self.absence.tell_due(Vec::new()).await, []);
    }

    /// What came after the beginning.
    async fn facts(&self, id: ConversationId) -> Vec<Fact> {
        let page = self.absence.journal.read(id, Sequence::new(1), 100).await.unwrap().unwrap();
        page.entries.into_iter().map(|(_, entry)| entry.fact).collect()
    }

    /// Waits until so many entries came after the beginning.
    async fn has_facts(&self, id: ConversationId, expected: &[Fact]) {
        let mut follow = self.absence.journal.follow(self.absence.journal.oldest().await.unwrap());
        let mut found = Vec::new();
        while found.len() <= expected.len() {
            let more = follow.next_up_to(100).await.unwrap();
            found.extend(more.into_iter().filter(|one| one.place.id == id).map(|one| one.entry.fact));
        }
        assert_eq!(found[1..], *expected);
    }

    fn shows_connected(&self, id: ConversationId, journaled: bool) -> bool {
        self.absence.conversations.shows_connected(id, journaled)
    }
}

impl Widget {
    async fn leave(self) -> ConversationId {
        self.live.leave(self.id).await;
        self.live.id()
    }
}

async fn leap(span: Duration) {
    tokio::time::pause();
    tokio::time::advance(span).await;
    tokio::time::resume();
}

#[tokio::test]
async fn who_is_gone_for_five_seconds_is_told_to_be_once_and_then_to_be_back() {
    let node = Node::start();
    let (widget, token) = node.begin().await;
    let id = widget.leave().await;
    assert!(!node.shows_connected(id, true), "it has just left");
    node.turn_after(ALMOST_GONE).await;
    assert_eq!(node.facts(id).await, []);
    node.turn_after(MARGIN).await;
    node.turn_after(DISCONNECTED_AFTER).await;
    assert_eq!(node.facts(id).await, [Fact::Disconnected]);
    let (_widget, sequence) = node.resume(id, &token).await;
    assert_eq!(sequence, 3, "the return is what `resumed` shows");
    assert_eq!(node.facts(id).await, [Fact::Disconnected, Fact::Reconnected]);
    assert!(node.shows_connected(id, false), "it is here, whatever the journal says");
}

#[tokio::test]
async fn who_is_back_in_time_costs_nothing() {
    let node = Node::start();
    let (widget, token) = node.begin().await;
    let id = widget.leave().await;
    node.turn_after(ALMOST_GONE).await;
    let (back, sequence) = node.resume(id, &token).await;
    node.turn_after(DISCONNECTED_AFTER).await;
    assert_eq!((node.facts(id).await, sequence), (vec![], 1));
    // The five seconds begin anew.
    back.leave().await;
    node.turn_after(ALMOST_GONE).await;
    assert_eq!(node.facts(id).await, []);
}

#[tokio::test]
async fn while_one_of_two_sockets_is_there_nobody_is_gone() {
    let node = Node::start();
    let (widget, token) = node.begin().await;
    let (other, _) = node.resume(widget.live.id(), &token).await;
    let id = widget.leave().await;
    node.turn_after(DISCONNECTED_AFTER).await;
    // Whoever was found to be gone a moment ago may have come since.
    assert!(node.absence.conversations.disconnect_if_gone(id).await);
    assert_eq!(node.facts(id).await, []);
    other.leave().await;
    node.turn_after(DISCONNECTED_AFTER).await;
    assert_eq!(node.facts(id).await, [Fact::Disconnected]);
}

#[tokio::test]
async fn nobody_is_told_to_have_left_what_has_ended() {
    let node = Node::start();
    let (widget, _) = node.begin().await;
    let (open, _) = node.begin().await;
    let end = Event::End { by: EndedBy::Customer, reason: None };
    let (ended, left) = (widget.live.id(), open.leave().await);
    widget.live.lock().await.unwrap().unwrap().execute(&end, Some(widget.id)).await.unwrap();
    node.absence.conversations.get(left).lock().await.unwrap().unwrap().execute(&end, None).await.unwrap();
    node.turn_after(DISCONNECTED_AFTER).await;
    for id in [ended, left] {
        assert!(matches!(node.facts(id).await[..], [Fact::Ended(_)]));
    }
}

#[tokio::test]
async fn a_beginning_whose_widget_went_while_it_was_stored_is_left_all_the_same() {
    let node = Node::start();
    let (tenant, widget) = ("contoso".parse().unwrap(), "web".parse().unwrap());
    let conversations = &node.absence.conversations;
    // Nobody takes the socket's place: that is what a session leaves behind which is dropped meanwhile.
    let begun =
        conversations.start(tenant, widget, Start::new(None, "default".into()), None, &mut None).await;
    assert!(begun.is_err());
    let follow =
        node.absence.journal.follow(node.absence.journal.oldest().await.unwrap()).next_up_to(1).await;
    let id = follow.unwrap()[0].place.id;
    node.turn_after(DISCONNECTED_AFTER).await;
    assert_eq!(node.facts(id).await, [Fact::Disconnected]);
}

#[tokio::test]
async fn after_a_start_those_who_came_back_are_passed_over_and_the_others_are_told_to_be_gone() {
    let before = Node::start();
    let ((gone, _), (back, token)) = (before.begin().await, before.begin().await);
    let (gone, back) = (gone.live.id(), back.live.id());
    let node = before.again();
    let running = node.absence.lifecycle.spawn(node.absence.clone().run());
    let (_widget, _) = node.resume(back, &token).await;
    tokio::task::yield_now().await;
    leap(DISCONNECTED_AFTER).await;
    node.has_facts(gone, &[Fact::Disconnected]).await;
    // One turn later nothing else has come.
    node.absence.look_through(true).await;
    assert_eq!((node.facts(gone).await, node.facts(back).await), (vec![Fact::Disconnected], vec![]));
    node.absence.lifecycle.drain();
    running.await.unwrap();
}

#[tokio::test]
async fn a_node_that_holds_a_socket_objects_to_another_that_says_nobody_is_there() {
    let here = Node::start();
    let (widget, _) = here.begin().await;
    let running = here.absence.lifecycle.spawn(here.absence.clone().run());
    tokio::task::yield_now().await;
    let there = here.again();
    assert!(there.absence.conversations.disconnect_if_gone(widget.live.id()).await);
    here.has_facts(widget.live.id(), &[Fact::Disconnected, Fact::Reconnected]).await;
    here.absence.lifecycle.drain();
    running.await.unwrap();
}

#[tokio::test]
async fn what_was_missed_of_other_nodes_is_found_in_the_projection() {
    let here = Node::start();
    let ((widget, _), (left, _)) = (here.begin().await, here.begin().await);
    let (there, left) = (here.again(), left.leave().await);
    for id in [widget.live.id(), left] {
        assert!(there.absence.conversations.disconnect_if_gone(id).await);
    }
    here.absence.projection.caught_up(here.absence.journal.latest()).await.unwrap();
    here.absence.look_through(false).await;
    assert_eq!(here.facts(widget.live.id()).await, [Fact::Disconnected, Fact::Reconnected]);
    assert_eq!(here.facts(left).await, [Fact::Disconnected]);
}

#[tokio::test]
async fn what_is_not_stored_is_tried_again() {
    let node = Node::start();
    let (widget, _) = node.begin().await;
    let id = widget.leave().await;
    leap(DISCONNECTED_AFTER).await;
    node.absence.journal.provoke(Fault::CommitsFail).await;
    let undone = node.absence.tell_due(Vec::new()).await;
    assert_eq!(undone, [id]);
    node.absence.journal.provoke(Fault::Mended).await;
    node.absence.journal.writable_changes().wait_for(|holds| *holds).await.unwrap();
    assert_eq!(node.absence.tell_due(undone).await, []);
    assert_eq!(node.facts(id).await, [Fact::Disconnected]);
}
