//! A drain of a node that is full: everybody leaves at a moment of their own, and takes nothing along that was
//! acknowledged.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::crowd::{Told, gather, live_through};
use super::usher;
use crate::support::consumer::Consumer;
use crate::support::raw::{exchange, handshake};
use crate::support::setup::ROUTER;
use crate::support::usher::Usher;
use crate::support::{allow_descriptors, soon, until};

/// Widgets of the full node.
const CROWD: usize = 5000;
/// Over how long they are sent away, in seconds.
const DRAIN_SECONDS: u64 = 4;
/// What the process may take beyond the drain itself.
const STOP_GRACE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn five_thousand_widgets_leave_evenly_and_nothing_acknowledged_is_lost() {
    allow_descriptors();
    let (mut usher, _keys) = usher(&format!("{DRAIN_SECONDS}s")).await;
    let members = gather(&usher, CROWD).await;
    let asked_at = Instant::now();
    usher.terminate();
    let (told, ()) = tokio::join!(live_through(members), refuses_the_new(&usher));
    assert_eq!(usher.exit_code().await, Some(0));
    let took = asked_at.elapsed();
    assert!(took < Duration::from_secs(DRAIN_SECONDS) + STOP_GRACE, "{took:?}");

    check_waits(&told);
    check_closes(&told, asked_at);
    check_journal(&mut usher, &told).await;
}

#[tokio::test]
async fn a_second_sigterm_sends_everybody_away_at_once_and_nothing_acknowledged_is_lost() {
    allow_descriptors();
    let (mut usher, _keys) = usher("1h").await;
    let members = gather(&usher, CROWD / 5).await;
    let asked_at = Instant::now();
    usher.terminate();
    let in_a_hurry = async {
        refuses_the_new(&usher).await;
        let series = "usher_messages_total{authenticated=\"false\",from=\"customer\"}";
        until("some messages", async || (usher.metric(series).await? >= 200.0).then_some(())).await;
        usher.terminate();
    };
    let (told, ()) = tokio::join!(live_through(members), in_a_hurry);
    assert_eq!(usher.exit_code().await, Some(0));
    let took = asked_at.elapsed();
    assert!(took < STOP_GRACE, "{took:?}");
    assert!(told.iter().all(|told| told.close == (1012, "draining".to_owned())));
    check_journal(&mut usher, &told).await;
}

/// Once it drains, it takes nobody and says so.
async fn refuses_the_new(usher: &Usher) {
    until("the drain", async || (usher.ops("/readyz").await.0 == 503).then_some(())).await;
    let refused = exchange(usher.at().public, &handshake("/chat/contoso/web", "")).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.head.contains("\r\nretry-after: "), "{refused:?}");
}

/// Each widget's wait is drawn by itself, evenly over the drain.
///
/// Of 5000 even draws, a tenth of the window holds less than 5 % with a chance of e^-83 at most, and more than 15 %
/// with one of e^-61 (Chernoff's bound). Of its 4000 milliseconds they hit 2854 on average, and fewer than 2500 with a
/// chance of e^-50 (the bound of bounded differences).
fn check_waits(told: &[Told]) {
    let window = DRAIN_SECONDS * 1000;
    let mut tenths = [0; 10];
    for told in told {
        assert!(told.reconnect_after_ms <= window, "{}", told.reconnect_after_ms);
        tenths[usize::try_from(told.reconnect_after_ms * 10 / window).unwrap().min(9)] += 1;
    }
    let share = |percent: usize| told.len() * percent / 100;
    assert!(tenths.iter().all(|tenth| (share(5)..=share(15)).contains(tenth)), "{tenths:?}");
    let different: HashSet<_> = told.iter().map(|told| told.reconnect_after_ms).collect();
    assert!(different.len() >= 2500, "{} different waits", different.len());
}

/// Nobody is closed before the moment that it was told, and nearly all whose moment is in the first quarter are closed
/// before the first of the last quarter: nothing piles up.
fn check_closes(told: &[Told], asked_at: Instant) {
    let window = DRAIN_SECONDS * 1000;
    for told in told {
        assert_eq!(told.close, (1012, "draining".to_owned()));
        let moment = Duration::from_millis(told.reconnect_after_ms);
        assert!(told.closed_at - asked_at >= moment, "{:?} is before {moment:?}", told.closed_at - asked_at);
    }
    let last_quarter = told.iter().filter(|told| told.reconnect_after_ms >= window * 3 / 4);
    let first_of_the_last = last_quarter.map(|told| told.closed_at).min().unwrap();
    let first_quarter: Vec<_> = told.iter().filter(|told| told.reconnect_after_ms < window / 4).collect();
    let late = first_quarter.iter().filter(|told| told.closed_at > first_of_the_last).count();
    assert!(late * 10 < first_quarter.len(), "{late} of {} were closed late", first_quarter.len());
}

/// Every conversation and every message that was acknowledged is there after a restart, in its place.
async fn check_journal(usher: &mut Usher, told: &[Told]) {
    usher.start_again().await;
    usher.ready().await;
    let mut missing = HashMap::new();
    for told in told {
        missing.insert((told.conversation.clone(), 1), None);
        let accepted = told
            .accepted
            .iter()
            .map(|(id, sequence)| ((told.conversation.clone(), *sequence), Some(id.clone())));
        missing.extend(accepted);
    }
    let acknowledged = missing.len() - told.len();
    assert!(acknowledged > 100, "only {acknowledged} messages were acknowledged");
    soon("everything that was acknowledged", see_all(usher, missing)).await;
}

/// Reads the stream from its beginning until each of these was seen at its place.
async fn see_all(usher: &Usher, mut missing: HashMap<(String, u64), Option<String>>) {
    let mut stream = Consumer::new(usher, ROUTER).stream("").await;
    while !missing.is_empty() {
        let event = stream.next().await.expect("the stream goes on").event;
        let place =
            (event["subject"].as_str().unwrap().to_owned(), event["data"]["sequence"].as_u64().unwrap());
        if let Some(Some(id)) = missing.remove(&place) {
            assert_eq!(event["data"]["id"], id, "{event}");
        }
    }
}
