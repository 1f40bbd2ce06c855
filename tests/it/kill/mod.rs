//! `kill -9` under load, again and again: nothing acknowledged is lost, nothing doubled, no gap in any sequence, and
//! every authentication ends exactly once. What is there is read from the consumer API alone.

mod agent;
mod checker;
mod customer;
mod follower;

use std::cell::{Cell, RefCell};
use std::time::Duration;

use fastrand::Rng;
use futures_util::future::join_all;

use self::agent::Agent;
use self::customer::Customer;
use self::follower::Follower;
use crate::support::consumer::Consumer;
use crate::support::keys::{KeyEndpoint, now};
use crate::support::setup::{ROUTER, Setup};
use crate::support::usher::Usher;
use crate::support::widget::Widget;
use crate::support::{soon, until};

/// How often the process is killed.
const ROUNDS: usize = 24;
/// Customers, every third of them without a token.
const CUSTOMERS: usize = 9;
/// A run is repeated with the seed that it printed.
const SEED_VARIABLE: &str = "USHER_KILL_SEED";
/// After every so many kills, the process stays away until an authentication has run out.
const LONG_ABSENCE_EVERY: usize = 5;

/// What the customers and agents of one round share.
struct Load {
    /// Acknowledged in this round.
    acknowledged: Cell<usize>,
    /// Conversations that were begun.
    conversations: RefCell<Vec<String>>,
    /// The latest instant until which a token was good, in Unix seconds.
    last_end: Cell<f64>,
}

/// A message that was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Acknowledged {
    conversation: String,
    from: &'static str,
    id: String,
    text: String,
    sequence: u64,
}

fn seed() -> u64 {
    let given = std::env::var_os(SEED_VARIABLE);
    let seed = given.map(|seed| seed.to_str().unwrap().parse().expect("a seed is a number"));
    seed.unwrap_or_else(|| fastrand::u64(..))
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_or_doubled_however_often_the_process_is_killed() {
    let seed = seed();
    println!("{SEED_VARIABLE}={seed}");
    let mut rng = Rng::with_seed(seed);
    let keys = KeyEndpoint::start().await;
    let mut usher = Usher::start(Setup::new().tenant("contoso", &keys.url())).await;
    let load =
        Load { acknowledged: Cell::default(), conversations: RefCell::default(), last_end: Cell::new(now()) };
    let mut customers: Vec<_> = (0..CUSTOMERS).map(|number| Customer::new(number, rng.fork())).collect();
    let mut agent = Agent::new(rng.fork());
    let mut follower = Follower::default();
    for round in 1..=ROUNDS {
        load.acknowledged.set(0);
        let everybody = join_all(customers.iter_mut().map(|customer| customer.live(&usher, &load)));
        let killer = kill(&usher, &load, &mut rng);
        let all = async { tokio::join!(everybody, agent.live(&usher, &load), follower.live(&usher), killer) };
        soon("the end of a round", all).await;
        usher.killed().await;
        if round % LONG_ABSENCE_EVERY == 0 {
            until("the last token's end", async || (now() > load.last_end.get()).then_some(())).await;
        }
        usher.start_again().await;
        usher.ready().await;
    }
    let consumer = Consumer::new(&usher, ROUTER);
    until("the end of every authentication", async || {
        (now() > load.last_end.get() && all_are_downgraded(&consumer).await).then_some(())
    })
    .await;
    // Whoever has seen the last conversation's beginning has seen everything.
    let (_widget, last) = Widget::start(&usher, "contoso/web").await;
    let acknowledged: Vec<_> =
        customers.iter().flat_map(Customer::acknowledged).chain(agent.acknowledged()).cloned().collect();
    let begun = load.conversations.into_inner();
    let journals = checker::journals(&consumer, &begun, &last.conversation).await;
    checker::check_all(&journals, &acknowledged);
    follower.read_until(&usher, &last.conversation).await;
    checker::check_same("the stream read across the kills", follower.events(), &journals);
    let mut from_the_beginning = Follower::default();
    from_the_beginning.read_until(&usher, &last.conversation).await;
    checker::check_same("the stream from the beginning", from_the_beginning.events(), &journals);
    let log = usher.log();
    assert!(!log.contains("panic"), "{log}");
    println!("{ROUNDS} kills, {} conversations, {} acknowledged", journals.len(), acknowledged.len());
}

/// Whether the last entry of every conversation is anonymous. A list alone can't tell: it shows an authentication
/// that is past its end as ended, whether or not the downgrade is stored.
async fn all_are_downgraded(consumer: &Consumer) -> bool {
    for conversation in consumer.all("/v1/conversations").await {
        let (id, before) =
            (conversation["id"].as_str().unwrap(), conversation["sequence"].as_u64().unwrap() - 1);
        let last = consumer.all(&format!("/v1/conversations/{id}/events?after={before}")).await;
        if last.last().unwrap()["data"]["authentication"]["status"] != "anonymous" {
            return false;
        }
    }
    true
}

/// Kills the process at some moment after it has acknowledged some messages.
async fn kill(usher: &Usher, load: &Load, rng: &mut Rng) {
    let enough = rng.usize(1..80);
    until("some load", async || (load.acknowledged.get() >= enough).then_some(())).await;
    tokio::time::sleep(Duration::from_micros(rng.u64(0..30_000))).await;
    usher.kill_now();
}
