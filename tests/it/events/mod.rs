//! The event stream loses nothing: 50 000 events, readers that stall, break off and come back, and a crash in between.

mod journal;
mod reader;
mod writer;

use std::cell::{Cell, RefCell};
use std::time::Duration;

use fastrand::Rng;
use futures_util::future::join_all;
use serde_json::json;

use self::journal::Stored;
use self::reader::{Format, Reader, Wish};
use self::writer::{Agent, Customer};
use crate::support::keys::KeyEndpoint;
use crate::support::setup::{FABRIKAMS, READER, ROUTER, Setup};
use crate::support::until;
use crate::support::usher::Usher;
use crate::support::widget::Widget;

/// Written to the journal's file before the gateway starts: what a reader reads that comes late.
const EARLIER: usize = 20_000;
/// Said while the readers read.
const LIVE: usize = 30_000;
/// Customers, in each tenant half of them.
const CUSTOMERS: usize = 20;
/// Events behind readers that stall, and how many those are.
const UNREAD: usize = 50_000;
const STALLED: usize = 20;
/// What all of those may cost together, in bytes. Kept for them, what they have not read would be 25 MB for each.
const MEMORY_FOR_STALLED: u64 = 64 << 20;
/// How long all of it may take; what takes longer hangs.
const LASTS_AT_MOST: Duration = Duration::from_mins(4);
/// A run is repeated with the seed that it printed.
const SEED_VARIABLE: &str = "USHER_EVENTS_SEED";

/// What everybody knows of a run.
#[derive(Default)]
struct Progress {
    /// Messages that were acknowledged.
    acknowledged: Cell<usize>,
    /// Where they are, each as an event's `id`.
    said: RefCell<Vec<String>>,
    /// Conversations that were begun live.
    conversations: RefCell<Vec<String>>,
    /// Whether the gateway was killed; until it is back, nothing more happens.
    is_down: Cell<bool>,
    /// The last conversation of each tenant, once there is nothing else to come.
    last: RefCell<Vec<String>>,
}

fn readers(rng: &mut Rng) -> Vec<Reader> {
    let types = "types=usher.conversation.started,usher.conversation.ended";
    let messages = "tenant=contoso&types=usher.conversation.message";
    [
        Wish { key: ROUTER, query: "", format: Format::EventStream, is_steady: true },
        Wish { key: READER, query: "", format: Format::EventStream, is_steady: false },
        Wish { key: ROUTER, query: "", format: Format::NdJson, is_steady: false },
        Wish { key: FABRIKAMS, query: "", format: Format::EventStream, is_steady: false },
        Wish { key: ROUTER, query: messages, format: Format::NdJson, is_steady: false },
        Wish { key: ROUTER, query: types, format: Format::EventStream, is_steady: false },
    ]
    .into_iter()
    .map(|wish| Reader::new(wish, rng.fork()))
    .collect()
}

#[tokio::test]
async fn readers_that_stall_and_break_off_see_every_event_once_and_in_order() {
    let seed = std::env::var(SEED_VARIABLE).map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("{SEED_VARIABLE}={seed}");
    let whole = everything(Rng::with_seed(seed));
    tokio::time::timeout(LASTS_AT_MOST, whole).await.expect("it should have come to its end by now");
}

async fn everything(mut rng: Rng) {
    let keys = KeyEndpoint::start().await;
    let setup = Setup::new().tenant("contoso", &keys.url()).tenant("fabrikam", &keys.url());
    journal::write(&setup.journal(), EARLIER, "said before").await;
    let mut usher = Usher::start(setup).await;
    let progress = Progress::default();
    let mut customers: Vec<_> = (0..CUSTOMERS)
        .map(|number| Customer::new(["contoso/web", "fabrikam/web"][number % 2], LIVE / CUSTOMERS))
        .collect();
    let (mut agent, mut readers) = (Agent::new(rng.fork()), readers(&mut rng));
    let dies_at = LIVE / 4 + rng.usize(..LIVE / 4);
    for is_killed in [true, false] {
        progress.is_down.set(false);
        let writing = async {
            let everybody = join_all(customers.iter_mut().map(|customer| customer.talk(&usher, &progress)));
            tokio::join!(everybody, agent.answer(&usher, &progress, LIVE));
            if !is_killed {
                end(&usher, &progress).await;
            }
        };
        let reading = join_all(readers.iter_mut().map(|reader| reader.live(&usher, &progress)));
        let killing = async {
            if is_killed {
                while progress.acknowledged.get() < dies_at {
                    tokio::task::yield_now().await;
                }
                usher.kill_now();
                progress.is_down.set(true);
            }
        };
        tokio::join!(writing, reading, killing);
        if is_killed {
            usher.killed().await;
            usher.start_again().await;
            usher.ready().await;
        }
    }
    usher.kill().await;
    let stored = journal::read(&usher.setup().journal()).await;
    assert!(stored.len() >= EARLIER + LIVE, "{} are too few", stored.len());
    journal::check_all_are_there(&stored, &progress.said.borrow());
    for reader in &readers {
        reader.check(&stored);
    }
    let log = usher.log();
    assert!(!log.contains("panic"), "{log}");
    println!("{} events; {}", stored.len(), readers.iter().map(Reader::told).collect::<Vec<_>>().join("; "));
}

/// One last conversation in each tenant, with every type of event that a reader here asks for.
async fn end(usher: &Usher, progress: &Progress) {
    for path in ["fabrikam/web", "contoso/web"] {
        let (mut widget, ticket) = Widget::start(usher, path).await;
        progress.last.borrow_mut().push(ticket.conversation);
        widget.say("last", "the last words").await;
        widget.send(json!({ "type": "end" })).await;
        widget.expect("ended").await;
    }
}

#[tokio::test]
async fn readers_that_stall_behind_50_000_events_cost_no_memory() {
    let keys = KeyEndpoint::start().await;
    let setup = Setup::new().tenant("contoso", &keys.url()).tenant("fabrikam", &keys.url());
    journal::write(&setup.journal(), UNREAD, "what nobody has read").await;
    let usher = Usher::start(setup).await;
    let wish = Wish { key: ROUTER, query: "", format: Format::EventStream, is_steady: true };
    // One that reads all first: what any reader costs, be it stalled or not, is not what is asked.
    let count = async || {
        let mut reader = Reader::new(wish, Rng::with_seed(0));
        reader.read_some(&usher, UNREAD).await;
    };
    count().await;
    let before = usher.resident_bytes();
    let mut stalled = Vec::new();
    for _ in 0..STALLED {
        stalled.push(Reader::stalled(wish, &usher).await);
    }
    until("every reader", async || {
        let readers = usher.metric("usher_event_readers").await.unwrap();
        (readers.to_string() == STALLED.to_string()).then_some(())
    })
    .await;
    // Meanwhile all of it was written once more: whoever wanted to buffer for the stalled had the time to.
    count().await;
    let grown = usher.resident_bytes().saturating_sub(before);
    println!("{STALLED} stalled readers: {grown} bytes more");
    assert!(grown < MEMORY_FOR_STALLED, "{STALLED} stalled readers cost {grown} bytes");
}

/// What a reader may see of it.
fn visible<'a>(stored: &'a [Stored], wish: &'a Wish) -> impl Iterator<Item = (usize, &'a Stored)> {
    stored.iter().enumerate().filter(|(_, one)| wish.may_see(one))
}
