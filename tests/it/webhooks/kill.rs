//! `kill -9` of usher while it delivers to an endpoint that fails now and then: nothing is lost, the order holds.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::posting_to;
use super::receiver::{Receiver, Reply};
use crate::support::consumer::Consumer;
use crate::support::setup::ROUTER;
use crate::support::until;
use crate::support::widget::{Ticket, Widget};

const ROUNDS: usize = 5;
const CONVERSATIONS: usize = 6;
const MESSAGES_A_ROUND: usize = 10;

#[tokio::test]
async fn nothing_is_lost_and_the_order_holds_however_often_usher_is_killed() {
    let mut rng = Rng::with_seed(fastrand::u64(..));
    println!("seed {}", rng.get_seed());
    let mut dice = rng.fork();
    let receiver = Receiver::playing(move |_| match dice.u8(..20) {
        0 => Reply::Status(500),
        1 => Reply::With(503, "retry-after", "0".to_owned()),
        _ => Reply::Status(200),
    })
    .await;
    let (mut usher, _keys) = posting_to(&receiver, "").await;
    let mut tickets: Vec<Ticket> = Vec::new();
    for _ in 0..CONVERSATIONS {
        tickets.push(Widget::start(&usher, "contoso/web").await.1);
    }
    for round in 0..ROUNDS {
        let enough = receiver.taken().len() + rng.usize(1..CONVERSATIONS * MESSAGES_A_ROUND / 2);
        let consumer = Consumer::new(&usher, ROUTER);
        for number in 0..MESSAGES_A_ROUND {
            for ticket in &tickets {
                consumer.say(&ticket.conversation, &format!("r{round}m{number}"), "words").await;
            }
        }
        until("some deliveries", async || (receiver.taken().len() >= enough).then_some(())).await;
        usher.restart().await;
    }
    let consumer = Consumer::new(&usher, ROUTER);
    let mut journaled = BTreeMap::new();
    for ticket in &tickets {
        let length = consumer.events(&ticket.conversation).await.len();
        journaled.insert(ticket.conversation.clone(), length);
    }
    until("every event", async || {
        let sequences = receiver.sequences();
        // More may come meanwhile: that nobody is there any more.
        let all_there =
            journaled.iter().all(|(id, length)| sequences.get(id).is_some_and(|got| got.len() >= *length));
        all_there.then_some(())
    })
    .await;
    for (id, got) in receiver.sequences() {
        let without_gaps: Vec<_> = (1..=got.len() as u64).collect();
        assert_eq!(got, without_gaps, "{id}: the first time that each came was in order");
    }
}
