//! Appends that meet another node's, and appends of which nobody can tell what became.

use super::state::{Doing, No};
use super::translate::{event, no};
use super::*;
use crate::domain::context::Variables;
use crate::domain::conversation::{Fact, SignInReason};

const HELLO: Doing = Doing::Say { by_customer: true, id: "1", text: "hello", required: false };

/// A conversation that began anonymous on node 0, with its socket; node 1 knows it as well.
struct Chat {
    world: World,
    here: Arc<Live>,
    there: Arc<Live>,
    client: Widget,
}

impl Chat {
    async fn begin() -> Self {
        let world = World::open();
        let (socket, client) = world.socket(false);
        let start = Start::new(None, "default".into());
        let (tenant, widget) = ("contoso".parse().unwrap(), "web".parse().unwrap());
        let begun = world.nodes[0].start(tenant, widget, start, None, &mut Some(socket)).await.unwrap();
        let there = world.nodes[1].get(begun.live.id());
        drop(there.lock().await.unwrap().unwrap());
        Self { world, here: begun.live, there, client }
    }

    /// What its socket does, on node 0.
    async fn here(&self, event: &Event) -> Result<Option<Arc<Record>>, No> {
        self.here.lock().await.unwrap().unwrap().execute(event, Some(self.client.id)).await.map_err(no)
    }

    async fn there(&self, event: &Event) {
        self.there.lock().await.unwrap().unwrap().execute(event, None).await.unwrap();
    }

    /// Kinds and sequences of the frames that its socket has got so far.
    async fn shown(&mut self) -> Vec<(String, u64)> {
        self.client.take(&self.world.journal, &self.here).await;
        self.client.shown.iter().map(|one| (one.kind.clone(), one.sequence)).collect()
    }

    async fn stored(&self) -> usize {
        let page = self.world.journal.read(self.here.id(), Sequence::START, 100).await.unwrap();
        page.unwrap().entries.len()
    }
}

fn shown(frames: &[(&str, u64)]) -> Vec<(String, u64)> {
    frames.iter().map(|(kind, sequence)| ((*kind).to_owned(), *sequence)).collect()
}

fn sign_in(subject: &str, issued: i64) -> Event {
    let (issued, ends) = (time(at(issued)), time(at(1000)));
    Event::SignIn(Box::new(VerifiedCustomer::for_tests(subject, issued, ends, Variables::new())))
}

#[tokio::test]
async fn a_message_that_meets_another_nodes_comes_behind_it_and_each_is_shown_once() {
    let mut chat = Chat::begin().await;
    chat.there(&event(&Doing::Say { by_customer: false, id: "1", text: "hello", required: false })).await;
    let record = chat.here(&event(&HELLO)).await.unwrap().unwrap();
    assert_eq!(record.entries()[0].sequence.get(), 3);
    assert_eq!(chat.shown().await, shown(&[("message", 2), ("accepted", 3)]));
}

#[tokio::test]
async fn a_message_that_another_node_has_stored_is_not_stored_again() {
    let mut chat = Chat::begin().await;
    chat.there(&event(&HELLO)).await;
    assert_eq!(chat.here(&event(&HELLO)).await, Err(No::Stored));
    assert_eq!((chat.stored().await, chat.shown().await), (2, shown(&[("message", 2)])));
}

#[tokio::test]
async fn a_sign_in_that_meets_another_identitys_is_refused() {
    let chat = Chat::begin().await;
    chat.there(&sign_in("bob", 0)).await;
    assert_eq!(chat.here(&sign_in("ada", 0)).await, Err(No::SubjectMismatch));
    assert_eq!(chat.stored().await, 2);
}

#[tokio::test]
async fn a_sign_in_that_meets_one_of_the_same_identity_refreshes_it_or_changes_nothing() {
    let chat = Chat::begin().await;
    chat.there(&sign_in("ada", 10)).await;
    for same_or_older in [9, 10] {
        assert_eq!(chat.here(&sign_in("ada", same_or_older)).await, Err(No::Unchanged));
    }
    let chat = Chat::begin().await;
    chat.there(&sign_in("ada", 10)).await;
    let record = chat.here(&sign_in("ada", 11)).await.unwrap().unwrap();
    let Fact::Authenticated(signed_in) = &record.entries()[0].fact else { panic!("{record:?}") };
    assert_eq!(signed_in.reason, SignInReason::TokenRefreshed);
}

#[tokio::test]
async fn a_message_whose_answer_is_lost_is_stored_and_accepted_once() {
    let mut chat = Chat::begin().await;
    chat.world.journal.provoke(Fault::AnswerLost).await;
    assert!(chat.here(&event(&HELLO)).await.unwrap().is_some());
    assert_eq!((chat.stored().await, chat.shown().await), (2, shown(&[("accepted", 2)])));
}

#[tokio::test]
async fn a_message_that_met_another_nodes_and_whose_answer_is_lost_is_not_said_to_be_stored() {
    let mut chat = Chat::begin().await;
    chat.there(&event(&Doing::Assign { queue: Some("vip"), agent: None })).await;
    chat.world.journal.provoke(Fault::AnswerLost).await;
    assert_eq!(chat.here(&event(&HELLO)).await, Err(No::Unavailable));
    assert_eq!(chat.shown().await, shown(&[("assigned", 2)]));
    assert!(chat.here(&event(&HELLO)).await.unwrap().is_some(), "the same again is safe");
    assert_eq!(chat.shown().await, shown(&[("assigned", 2), ("accepted", 3)]));
}

#[tokio::test]
async fn a_first_sign_in_whose_answer_is_lost_gives_the_new_resume_token_once() {
    let mut chat = Chat::begin().await;
    chat.world.journal.provoke(Fault::AnswerLost).await;
    let Event::SignIn(ada) = sign_in("ada", 0) else { panic!("it is a sign-in") };
    let mut locked = chat.here.lock().await.unwrap().unwrap();
    locked.sign_in(ada, chat.client.id).await.unwrap();
    drop(locked);
    assert_eq!(chat.shown().await, shown(&[("authentication", 2)]));
    let new = chat.world.nodes[0].resume_tokens().derive(chat.here.id(), 1);
    assert_eq!(chat.client.shown[0].frame["resume_token"], new);
}

#[tokio::test]
async fn what_was_not_stored_is_told_to_nobody_and_taken_when_it_comes_again() {
    let mut chat = Chat::begin().await;
    chat.world.journal.provoke(Fault::CommitsFail).await;
    assert_eq!(chat.here(&event(&HELLO)).await, Err(No::Unavailable));
    assert_eq!((chat.stored().await, chat.shown().await), (1, Vec::new()));
    chat.world.journal.provoke(Fault::Mended).await;
    chat.world.journal.writable_changes().wait_for(|writable| *writable).await.unwrap();
    assert!(chat.here(&event(&HELLO)).await.unwrap().is_some());
    assert_eq!((chat.stored().await, chat.shown().await), (2, shown(&[("accepted", 2)])));
}
