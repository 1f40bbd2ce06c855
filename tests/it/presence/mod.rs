//! Who is there: consumers are told that no socket has been in a conversation for five seconds, and that one is there
//! again; never of those who come back in time.

mod restarts;

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::consumer::Consumer;
use crate::support::keys::{KeyEndpoint, now, token};
use crate::support::seconds;
use crate::support::setup::{ROUTER, Setup};
use crate::support::usher::Usher;
use crate::support::widget::{Ticket, Widget};

const DISCONNECTED: &str = "usher.conversation.disconnected";
const RECONNECTED: &str = "usher.conversation.reconnected";
/// Absences alone.
const ABSENCES: &str = "?types=usher.conversation.disconnected";
/// How long nobody is missed.
const DISCONNECTED_AFTER: f64 = 5.0;

async fn usher() -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let usher = Usher::start(Setup::new().tenant("contoso", &keys.url())).await;
    (usher, keys)
}

/// Begins a conversation and leaves it.
async fn left(usher: &Usher) -> Ticket {
    let (widget, ticket) = Widget::start(usher, "contoso/web").await;
    widget.close().await;
    ticket
}

/// Comes back; the `resumed` frame.
async fn back(usher: &Usher, ticket: &Ticket) -> (Widget, Value) {
    let (widget, resumed) = Widget::open(usher, "contoso/web", ticket.resume()).await;
    assert_eq!(resumed["type"], "resumed", "{resumed}");
    (widget, resumed)
}

#[tokio::test]
async fn who_is_gone_for_five_seconds_is_told_to_be_and_nobody_else() {
    let (usher, _keys) = usher().await;
    let consumer = Consumer::new(&usher, ROUTER);
    let mut stream = consumer.stream(ABSENCES).await;

    let (_stays, there) = Widget::start(&usher, "contoso/web").await;
    let (mut ends, ended) = Widget::start(&usher, "contoso/web").await;
    ends.send(json!({ "type": "end" })).await;
    ends.expect("ended").await;
    let (one, shared) = Widget::start(&usher, "contoso/web").await;
    let (_other, _) = back(&usher, &shared).await;
    one.close().await;
    let returned = left(&usher).await;
    let (_widget, resumed) = back(&usher, &returned).await;
    assert_eq!(resumed["sequence"], 1, "coming back in time costs nothing");
    let (widget, vanished) = Widget::start(&usher, "contoso/web").await;
    drop(widget.into_tcp());
    let before = now();
    let gone = left(&usher).await;
    assert_eq!(consumer.summary(&gone.conversation).await["connected"], false, "it has left already");

    // All the others left before this one: what they were told came before this.
    let mut absences = [stream.expect(DISCONNECTED).await, stream.expect(DISCONNECTED).await];
    absences.sort_by_key(|event| event["subject"] == gone.conversation);
    assert_eq!(
        absences.each_ref().map(|event| &event["subject"]),
        [&vanished, &gone].map(|one| &one.conversation)
    );
    for ticket in [&there, &shared, &returned] {
        assert_eq!(consumer.kinds(&ticket.conversation).await, ["started"]);
        assert_eq!(consumer.summary(&ticket.conversation).await["connected"], true);
    }
    assert_eq!(consumer.kinds(&ended.conversation).await, ["started", "ended"]);
    let [_, event] = absences;
    let after = seconds(&event["time"]) - before;
    assert!(after >= DISCONNECTED_AFTER, "it came after {after} s: {event}");
    let data = json!({ "sequence": 2, "authentication": { "status": "anonymous" } });
    assert_eq!((&event["data"], &event["sequence"]), (&data, &json!("2")));
    assert_eq!(event["id"], format!("{}/2", gone.conversation));

    let mut stream = consumer.stream("?types=usher.conversation.reconnected&after=latest").await;
    let (_back, resumed) = back(&usher, &gone).await;
    assert_eq!(
        (&resumed["sequence"], &resumed["replayed"]),
        (&json!(3), &json!(0)),
        "widgets see none of it"
    );
    let event = stream.expect(RECONNECTED).await;
    assert_eq!((&event["subject"], &event["data"]["sequence"]), (&json!(gone.conversation), &json!(3)));
    let (_second, resumed) = back(&usher, &gone).await;
    assert_eq!(resumed["sequence"], 3, "somebody is there already");
    assert_eq!(consumer.kinds(&gone.conversation).await, ["started", "disconnected", "reconnected"]);
    assert_eq!(consumer.summary(&gone.conversation).await["connected"], true);
}

#[tokio::test]
async fn an_absence_is_journaled_with_the_authentication_that_stands_and_a_visitor_who_stays_out_ends_none() {
    let (usher, _keys) = usher().await;
    let consumer = Consumer::new(&usher, ROUTER);
    let mut stream = consumer.stream(ABSENCES).await;
    let token = token("customer-1", Duration::from_hours(1));
    let (widget, ticket) = Widget::sign_in(&usher, "contoso/web", &token).await;
    widget.close().await;
    let event = stream.expect(DISCONNECTED).await;
    assert_eq!(event["data"]["authentication"]["subject"], "customer-1", "{event}");
    let (_refused, error) = Widget::open(&usher, "contoso/web", ticket.resume()).await;
    assert_eq!(error["code"], "authentication_required");
    assert_eq!(consumer.kinds(&ticket.conversation).await, ["started", "disconnected"]);
    let (_back, resumed) = Widget::open(&usher, "contoso/web", ticket.resume_with(&token)).await;
    assert_eq!((&resumed["type"], &resumed["sequence"]), (&json!("resumed"), &json!(3)));
}
