//! Nodes that share a journal, and what each knows of what was revoked.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::conversations::{CommandError, Conversations};
use crate::domain::context::Variables;
use crate::domain::conversation::{DowngradeReason, Fact, InvalidTransition, Start};
use crate::domain::id::TenantId;
use crate::domain::keys::Fingerprint;
use crate::domain::time::UnixTime;
use crate::domain::token::{Identity, Revocation, VerifiedCustomer};
use crate::journal::projection::Projection;
use crate::journal::{Journal, Revision, Written};
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;

use super::book::{Book, Change};
use super::stored::{self, Kept};
use super::{IN_FORCE_MAX, LoadError, NotRevoked, Order, Revocations, Setup};

const KEPT_FOR: Duration = Duration::from_hours(48);
/// Far beyond what anything here takes.
const TOO_LONG: Duration = Duration::from_secs(30);

struct Disk {
    journal: Journal,
    projection: Projection,
    lifecycle: Lifecycle,
    folder: tempfile::TempDir,
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(&folder.path().join("journal"), Arc::new(Metrics::new())).unwrap();
        let lifecycle = Lifecycle::new();
        let projection = Projection::start(&journal, &lifecycle).unwrap();
        Self { journal, projection, lifecycle, folder }
    }

    /// The facts of the only conversation.
    async fn facts(&self) -> Vec<Fact> {
        let from = self.journal.oldest().await.unwrap();
        let all = self.journal.follow(from).next().await.unwrap();
        all.into_iter().map(|one| one.entry.fact).collect()
    }

    /// A node as it is before it has loaded anything.
    fn node(&self) -> Node {
        let (journal, metrics, clock) = (self.journal.clone(), Arc::new(Metrics::new()), Clock::system());
        let conversations =
            Conversations::new(journal.clone(), clock, metrics.clone(), self.lifecycle.clone());
        let revocations = Revocations::new(Setup {
            kept_for: HashMap::from([(contoso(), KEPT_FOR)]),
            conversations: conversations.clone(),
            journal,
            projection: self.projection.clone(),
            clock,
            metrics: metrics.clone(),
            lifecycle: self.lifecycle.clone(),
        });
        Node { revocations, conversations, metrics }
    }

    async fn create(&self, kept: &Kept) -> Revision {
        match self.journal.create(&stored::key(&kept.id), stored::encode(kept)).await {
            Written::Stored(revision) => revision,
            other => panic!("it was not stored: {other:?}"),
        }
    }
}

struct Node {
    revocations: Revocations,
    conversations: Conversations,
    metrics: Arc<Metrics>,
}

impl Node {
    /// Whether a token of this key's name is refused here.
    fn refuses(&self, kid: &str) -> bool {
        let identity = Identity { issuer: "contosohelp.com".into(), subject: "alice".into() };
        let in_force = self.conversations.revocations(&contoso());
        in_force.cover(&identity, UnixTime::MAX, Some(kid), Fingerprint([7; 32]))
    }

    /// Begins a conversation by a token of the key `a`. Nobody is there to see it.
    async fn begin(&self) {
        let now = Clock::system().now();
        let (end, nothing) = (now.plus(Duration::from_hours(1)), Variables::new());
        let customer = VerifiedCustomer::for_tests("alice", now, end, nothing);
        let start = Start::new(Some(customer), "general".into());
        let widget = "web".parse().unwrap();
        let begun = self.conversations.start(contoso(), widget, start, None, &mut None).await;
        assert_eq!(begun.err(), Some(CommandError::Refused(InvalidTransition::AlreadyStarted)));
    }

    async fn refuses_soon(&self, kid: &str, expected: bool) {
        let look = async {
            while self.refuses(kid) != expected {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(TOO_LONG, look).await.expect("it should be known by now");
    }

    fn ids(&self) -> Vec<String> {
        let all = self.revocations.list(&|_| true, None, usize::MAX);
        all.iter().map(|kept| kept.id.clone()).collect()
    }
}

fn contoso() -> TenantId {
    "contoso".parse().unwrap()
}

fn kid(name: &str) -> Revocation {
    Revocation::Kid(name.into())
}

fn order(revocation: Revocation) -> Order {
    Order {
        client: "router".parse().unwrap(),
        own_id: None,
        tenant: contoso(),
        revocation,
        instant_given: false,
    }
}

fn kept(id: &str, revocation: Revocation, created_at: UnixTime) -> Kept {
    Kept {
        id: id.to_owned(),
        tenant: contoso(),
        revocation,
        instant_given: true,
        created_at,
        matched: 0,
        client: "router".parse().unwrap(),
    }
}

#[tokio::test]
async fn what_one_node_stores_and_lifts_the_others_follow() {
    let disk = Disk::new();
    let (one, two) = (disk.node(), disk.node());
    disk.lifecycle.spawn(two.revocations.clone().run());
    let made = one.revocations.revoke(order(kid("a"))).await.unwrap();
    assert!(one.refuses("a"), "the node that was asked has it in force when it answers");
    two.refuses_soon("a", true).await;
    assert_eq!((two.ids(), two.metrics.revocations.get()), (vec![made.id.clone()], 1));
    assert!(one.revocations.lift(&made.id, |_| true).await.unwrap());
    assert!(!one.refuses("a"));
    two.refuses_soon("a", false).await;
    assert_eq!(two.metrics.revocations.get(), 0);
    disk.lifecycle.stop();
    disk.lifecycle.finished().await;
}

#[tokio::test]
async fn a_node_that_begins_has_all_in_force_once_it_has_loaded() {
    let disk = Disk::new();
    let one = disk.node();
    for name in ["a", "b"] {
        one.revocations.revoke(order(kid(name))).await.unwrap();
    }
    let late = disk.node();
    late.revocations.load().await.unwrap();
    assert!(late.refuses("a") && late.refuses("b") && !late.refuses("c"));
    assert_eq!(late.ids(), one.ids());
}

#[tokio::test]
async fn what_was_deleted_before_the_watch_began_is_dropped_and_nothing_else() {
    let disk = Disk::new();
    let node = disk.node();
    for name in ["a", "b"] {
        disk.create(&kept(name, kid(name), UnixTime::EPOCH)).await;
    }
    node.revocations.load().await.unwrap();
    assert!(matches!(disk.journal.delete(&stored::key("a"), None).await, Written::Stored(_)));
    disk.lifecycle.spawn(node.revocations.clone().run());
    node.refuses_soon("a", false).await;
    assert_eq!(node.ids(), ["b"]);
    disk.lifecycle.stop();
    disk.lifecycle.finished().await;
}

fn is_revoked(fact: &Fact) -> bool {
    matches!(fact, Fact::Downgraded(ended) if ended.reason == DowngradeReason::Revoked)
}

/// The first half runs up to the journal's answer, then the second to its end.
#[tokio::test]
async fn what_was_being_stored_when_its_token_was_revoked_is_downgraded_by_whoever_stored_it() {
    let disk = Disk::new();
    let node = disk.node();
    let in_force = [&kid("a")].into_iter().collect();
    tokio::join!(node.begin(), async { node.conversations.replace_revocations(contoso(), in_force) });
    let facts = disk.facts().await;
    assert!(matches!(&facts[..], [Fact::Started(_), last] if is_revoked(last)), "{facts:?}");
}

#[tokio::test]
async fn a_sweep_waits_for_what_the_projection_has_not_seen() {
    let disk = Disk::new();
    let node = disk.node();
    disk.projection.caught_up(disk.journal.latest()).await.unwrap();
    // Another program that holds the file keeps the projection behind.
    let other = rusqlite::Connection::open(disk.folder.path().join("journal.projection")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    node.begin().await;
    let made = node.revocations.revoke(order(kid("a"))).await.unwrap();
    assert_eq!((made.matched, disk.facts().await.len()), (0, 1), "the projection knows of nobody yet");
    other.execute_batch("ROLLBACK").unwrap();
    let look = async {
        while disk.facts().await.len() == 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(TOO_LONG, look).await.expect("it should be downgraded by now");
    assert!(is_revoked(&disk.facts().await[1]));
}

#[tokio::test]
async fn what_can_not_matter_any_more_is_forgotten_and_keys_are_not() {
    let disk = Disk::new();
    let node = disk.node();
    let (now, second) = (Clock::system().now(), Duration::from_secs(1));
    let over = now.minus(KEPT_FOR).minus(second);
    // A minute in hand: the test may take its time.
    let not_over = now.minus(KEPT_FOR).plus(Duration::from_mins(1));
    let everyone = |issued_before| Revocation::Everyone { issued_before };
    disk.create(&kept("over", everyone(over), over)).await;
    disk.create(&kept("not-over", everyone(not_over), over)).await;
    disk.create(&kept("key", kid("a"), UnixTime::EPOCH)).await;
    let elsewhere = Kept { tenant: "gone".parse().unwrap(), ..kept("of-nobody", everyone(over), over) };
    disk.create(&elsewhere).await;
    node.revocations.load().await.unwrap();
    node.revocations.forget().await;
    let mut ids = node.ids();
    ids.sort();
    assert_eq!(ids, ["key", "not-over", "of-nobody"]);
    assert_eq!(disk.journal.get(&stored::key("over")).await.unwrap(), None);
    assert!(disk.journal.get(&stored::key("not-over")).await.unwrap().is_some());
    assert_eq!(node.metrics.revocations.get(), 3);
}

#[tokio::test]
async fn no_more_are_taken_than_may_be_in_force() {
    let disk = Disk::new();
    let node = disk.node();
    let revision = disk.create(&kept("first", kid("first"), UnixTime::EPOCH)).await;
    let all = (0..IN_FORCE_MAX - 1).map(|number| {
        let id = number.to_string();
        Change::Kept(Arc::new(kept(&id, kid(&id), UnixTime::EPOCH)), revision)
    });
    node.revocations.adopt(all.collect());
    let last = node.revocations.revoke(order(kid("last"))).await.unwrap();
    let refused = node.revocations.revoke(order(kid("one too many"))).await;
    assert!(matches!(refused, Err(NotRevoked::TooMany)), "{refused:?}");
    assert!(!node.refuses("one too many"));
    assert!(node.revocations.lift(&last.id, |_| true).await.unwrap());
    node.revocations.revoke(order(kid("room for one"))).await.unwrap();
}

#[tokio::test]
async fn one_that_is_not_understood_keeps_a_node_from_beginning() {
    let disk = Disk::new();
    let written = disk.journal.create("revocations/odd", b"{}".to_vec()).await;
    assert!(matches!(written, Written::Stored(_)));
    let refused = disk.node().revocations.load().await;
    assert!(
        matches!(&refused, Err(LoadError::Unreadable { key }) if key == "revocations/odd"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn news_that_come_too_late_change_nothing() {
    let disk = Disk::new();
    let (older, newer) = (kept("a", kid("older"), UnixTime::EPOCH), kept("b", kid("newer"), UnixTime::EPOCH));
    let (first, second) = (disk.create(&older).await, disk.create(&newer).await);
    let of =
        |kept: &Kept, revision| Change::Kept(Arc::new(Kept { id: "x".to_owned(), ..kept.clone() }), revision);
    let mut book = Book::default();
    assert!(book.take(of(&newer, second)).is_some());
    assert!(book.take(of(&newer, second)).is_none(), "the same twice is no news");
    assert!(book.take(of(&older, first)).is_none());
    assert!(book.take(Change::Gone("x".to_owned(), first)).is_none());
    assert_eq!(book.len(), 1);
    assert!(book.take(Change::Gone("x".to_owned(), second)).is_some());
    assert!(book.take(Change::Gone("x".to_owned(), second)).is_none());
    assert_eq!((book.len(), book.page(&|_| true, None, 9)), (0, vec![]));
}

#[test]
fn places_are_taken_up_to_the_most_and_given_back() {
    let mut book = Book::default();
    assert!(book.reserve(2) && book.reserve(2));
    assert!(!book.reserve(2));
    book.release();
    assert!(book.reserve(2) && !book.reserve(2));
}
