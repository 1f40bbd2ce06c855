//! An endpoint on a real journal, with a receiver that does as it is told.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;

use super::*;
use crate::config::AllowedTenants;
use crate::domain::conversation::{Authentication, Entry, Fact, Place as Where, Read, Reader};
use crate::domain::id::{ConversationId, RecordId, Sequence};
use crate::domain::time::UnixTime;
use crate::journal::{Appended, Head, Record};
use crate::wire::EVENT_TYPES;

use super::lane::{End, Lane, Phase};
use super::post::Failed;
use super::schedule::Next;

/// Far beyond what anything here takes.
const TOO_LONG: Duration = Duration::from_secs(30);

/// Every attempt's id, and whether it was taken.
#[derive(Default)]
struct Fake {
    attempts: Mutex<Vec<(String, bool)>>,
    refuses: AtomicBool,
}

impl Fake {
    fn attempts(&self) -> Vec<(String, bool)> {
        self.attempts.lock().unwrap().clone()
    }

    /// The conversations that were tried, each with the sequences that were taken.
    fn by_conversation(&self) -> BTreeMap<String, Vec<u64>> {
        let mut found: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (id, taken) in self.attempts() {
            let (conversation, sequence) = id.split_once('/').unwrap();
            let seen = found.entry(conversation.to_owned()).or_default();
            seen.extend(taken.then(|| sequence.parse::<u64>().unwrap()));
        }
        found
    }
}

impl Post for Fake {
    fn post<'a>(&'a self, id: &'a str, _: String) -> BoxFuture<'a, Result<(), Failed>> {
        let taken = !self.refuses.load(Ordering::Relaxed);
        self.attempts.lock().unwrap().push((id.to_owned(), taken));
        let failed = Failed { result: "connect", message: "It is down.".to_owned(), retry_after: None };
        Box::pin(std::future::ready(if taken { Ok(()) } else { Err(failed) }))
    }
}

struct World {
    journal: Journal,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(&folder.path().join("journal"), Arc::default()).unwrap();
        Self { journal, folder }
    }

    /// A conversation with so many entries.
    async fn conversation(&self, number: u64, entries: u64) -> ConversationId {
        let now = Clock::system().now();
        let id = ConversationId::new(UnixTime::from_millis(1), [u8::try_from(number).unwrap(); 10]);
        let place = Where { id, tenant: "contoso".parse().unwrap(), widget: "web".parse().unwrap() };
        let mut head = Head::EMPTY;
        for sequence in 1..=entries {
            let fact = Fact::Read(Read { by: Reader::Agent, up_to: Sequence::new(sequence) });
            let authentication = Authentication::Anonymous;
            let entry = Entry { sequence: Sequence::new(sequence), at: now, authentication, fact };
            let random = u128::from(number * 1000 + sequence).to_be_bytes();
            let record = Record::new(RecordId::new(random), vec![entry]).unwrap();
            let Appended::Stored(next) = self.journal.append(&place, head, &record).await else {
                panic!("it was not stored")
            };
            head = next;
        }
        id
    }

    fn node(&self, name: &str, alone: bool, bounds: Bounds) -> (Shared, Arc<Fake>) {
        let fake = Arc::new(Fake::default());
        let webhook = Webhook {
            id: "crm".parse().unwrap(),
            url: "https://crm.test/".parse().unwrap(),
            types: EVENT_TYPES.into(),
            tenants: AllowedTenants::Any,
            secrets: Vec::new(),
            retry_for: Duration::from_hours(1),
            timeout: TOO_LONG,
            allow_http_hosts: Vec::new(),
            allow_networks: Vec::new(),
        };
        let shared = Shared {
            post: fake.clone(),
            webhook: Arc::new(webhook),
            journal: self.journal.clone(),
            alone,
            node: name.to_owned(),
            clock: Clock::system(),
            jitter: Jitter::fixed(0.002),
            metrics: Arc::default(),
            lifecycle: Lifecycle::new(),
            wake: Arc::default(),
            standing: watch::Sender::default(),
            bounds,
        };
        (shared, fake)
    }

    /// Ends what runs, so that the journal can go.
    async fn end(self, shared: &Shared) {
        stop(shared).await;
        self.journal.close().await;
        drop(self.folder);
    }
}

async fn stop(shared: &Shared) {
    shared.lifecycle.stop();
    tokio::time::timeout(TOO_LONG, shared.lifecycle.finished()).await.expect("it ends");
}

async fn until(what: &str, seen: impl Fn() -> bool) {
    let look = async {
        while !seen() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(TOO_LONG, look).await.unwrap_or_else(|_| panic!("{what} should be by now"));
}

#[tokio::test]
async fn a_dead_endpoint_takes_up_no_more_conversations_than_its_bound_and_loses_none() {
    let world = World::new();
    let bounds = Bounds { lanes: 4, taken_up: 2, runs: 2, retries: 1, batch: 1 };
    let (shared, fake) = world.node("a", true, bounds);
    shared.kept_place().await.unwrap();
    fake.refuses.store(true, Ordering::Relaxed);
    shared.lifecycle.spawn(shared.clone().run());
    for number in 0..20 {
        world.conversation(number, 3).await;
    }
    until("retries", || shared.standing.borrow().retrying == 4 && fake.attempts().len() > 40).await;
    assert_eq!(fake.by_conversation().len(), 4);
    fake.refuses.store(false, Ordering::Relaxed);
    until("everything", || fake.by_conversation().values().map(Vec::len).sum::<usize>() >= 60).await;
    assert_eq!(fake.by_conversation().len(), 20);
    assert!(fake.by_conversation().values().all(|sequences| *sequences == [1, 2, 3]));
    world.end(&shared).await;
}

#[tokio::test]
async fn of_two_nodes_one_posts_and_the_other_goes_on_where_it_stopped() {
    let world = World::new();
    let (first, fakes_first) = world.node("a", false, Bounds::default());
    let (second, fakes_second) = world.node("b", false, Bounds::default());
    first.kept_place().await.unwrap();
    first.lifecycle.spawn(first.clone().run());
    world.conversation(1, 3).await;
    until("the first's deliveries", || fakes_first.attempts().len() == 3).await;
    second.lifecycle.spawn(second.clone().run());
    world.conversation(2, 3).await;
    until("the first's deliveries", || fakes_first.attempts().len() == 6).await;
    stop(&first).await;
    world.conversation(3, 3).await;
    until("the second's deliveries", || fakes_second.attempts().len() >= 3).await;
    let third = fakes_second.by_conversation();
    assert_eq!(third.into_values().collect::<Vec<_>>(), [[1, 2, 3]], "and nothing that was delivered");
    world.end(&second).await;
}

#[tokio::test]
async fn a_node_whose_endpoint_was_taken_over_finds_out_before_it_moves_the_place() {
    let world = World::new();
    let (shared, _) = world.node("a", false, Bounds::default());
    let (place, revision, position) = shared.try_take_over().await.unwrap().unwrap();
    let runner = Runner {
        webhook: shared.webhook.clone(),
        post: shared.post.clone(),
        journal: shared.journal.clone(),
        clock: shared.clock,
        metrics: shared.metrics.clone(),
        cut: CancellationToken::new(),
    };
    let follow = world.journal.follow(position);
    let mut endpoint = Endpoint::new(shared.clone(), runner, follow, place.clone(), revision);
    assert!(endpoint.checkpoint().await);
    let (other, _) = world.node("b", true, Bounds::default());
    let (taken, ..) = other.try_take_over().await.unwrap().unwrap();
    assert_eq!(taken.holder, "b");
    endpoint.reached = "e1-0000000000000000-7".to_owned();
    assert!(!endpoint.checkpoint().await);
    let (kept, _) = shared.kept_place().await.unwrap().unwrap();
    assert_eq!(kept, taken);
    world.journal.close().await;
}

fn held(next: u64) -> Lane {
    let held = kept::Held { next, tried_at: None, parked_at: None, failure: None };
    let mut lane = Lane::held(&held, UnixTime::EPOCH);
    lane.phase = Phase::Running;
    lane
}

const fn at(sequence: u64) -> Sequence {
    Sequence::new(sequence)
}

fn ran(lane: &mut Lane, next: u64, end: End) {
    lane.ran(at(next), None, end, |_, _| Next::Park);
}

#[test]
fn what_is_delivered_ahead_of_the_reader_is_not_delivered_again_when_it_comes_by() {
    let mut lane = held(3);
    assert_eq!(lane.through(), None, "to the conversation's end");
    ran(&mut lane, 6, End::Through);
    assert_eq!(lane.phase, Phase::Idle);
    for sequence in 1..=5 {
        assert!(!lane.saw(at(sequence), UnixTime::EPOCH, 1), "{sequence}");
    }
    assert!(!lane.is_over(false), "the reader may still come by");
    assert!(lane.saw(at(6), UnixTime::EPOCH, 1));
    assert_eq!((lane.next, lane.through()), (at(6), Some(at(6))));
    ran(&mut lane, 7, End::Through);
    assert!(lane.is_over(true));
}

#[test]
fn what_is_stored_while_a_lane_reads_the_conversations_end_is_delivered_too() {
    let mut lane = held(3);
    assert!(!lane.saw(at(5), UnixTime::EPOCH, 1), "it is running");
    // It had read the end before the event was stored.
    ran(&mut lane, 5, End::Through);
    assert_eq!((lane.phase, lane.through()), (Phase::Ready, Some(at(5))));
}
