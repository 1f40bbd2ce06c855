//! What is posted, and to whom.

use serde_json::json;

use super::posting_to;
use super::receiver::{OLD_SECRET, Receiver, Reply, SECRET};
use crate::support::consumer::Consumer;
use crate::support::keys::{KeyEndpoint, now};
use crate::support::setup::{ROUTER, Setup};
use crate::support::until;
use crate::support::usher::Usher;
use crate::support::widget::Widget;

#[tokio::test]
async fn every_event_is_posted_signed_in_order_and_as_the_stream_tells_it() {
    let receiver = Receiver::start().await;
    let (usher, _keys) = posting_to(&receiver, "").await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    for number in 1..=5 {
        widget.say(&format!("m{number}"), &format!("message {number}")).await;
    }
    receiver.takes_text("message 5").await;
    let taken = receiver.taken();
    let events: Vec<_> = taken.iter().map(|delivery| delivery.event.clone()).collect();
    assert_eq!(events, Consumer::new(&usher, ROUTER).events(&ticket.conversation).await);
    for (delivery, sequence) in taken.iter().zip(1..) {
        assert_eq!(delivery.id, format!("{}/{sequence}", ticket.conversation));
        assert_eq!(delivery.event["id"], delivery.id);
        assert_eq!(delivery.header("content-type"), "application/cloudevents+json");
        assert_eq!(delivery.header("webhook-signature"), delivery.signed_with(SECRET));
        let timestamp: f64 = delivery.header("webhook-timestamp").parse().unwrap();
        assert!((now() - timestamp).abs() < 60.0, "{timestamp}");
    }
    let delivered = "usher_webhook_deliveries_total{endpoint=\"crm\",result=\"delivered\"}";
    until("the count", async || (usher.metric(delivered).await == Some(6.0)).then_some(())).await;
}

#[tokio::test]
async fn during_a_rotation_a_delivery_bears_a_signature_of_each_secret() {
    let receiver = Receiver::start().await;
    let keys = KeyEndpoint::start().await;
    let setup = Setup::new()
        .tenant("contoso", &keys.url())
        .variable("ROTATED", format!("{OLD_SECRET}\n"))
        .webhook(&receiver.url(), &format!("secret = [\"{SECRET}\", {{ env = \"ROTATED\" }}]"));
    let usher = Usher::start(setup).await;
    let (_widget, _) = Widget::start(&usher, "contoso/web").await;
    let delivery = receiver.takes(|_| true).await;
    let both = [SECRET, OLD_SECRET].map(|secret| delivery.signed_with(secret));
    assert_eq!(delivery.header("webhook-signature"), both.join(" "));
}

#[tokio::test]
async fn types_and_tenants_choose_what_is_posted() {
    let receiver = Receiver::start().await;
    let keys = KeyEndpoint::start().await;
    let lines = format!(
        "secret = \"{SECRET}\"\ntypes = [\"usher.conversation.message\", \"usher.conversation.ended\"]\n\
         tenants = [\"fabrikam\"]"
    );
    let setup = Setup::new()
        .tenant("contoso", &keys.url())
        .tenant("fabrikam", &keys.url())
        .webhook(&receiver.url(), &lines);
    let usher = Usher::start(setup).await;
    let (mut other, _) = Widget::start(&usher, "contoso/web").await;
    other.say("m1", "not for you").await;
    let (mut widget, ticket) = Widget::start(&usher, "fabrikam/web").await;
    widget.say("m1", "for you").await;
    let consumer = Consumer::new(&usher, ROUTER);
    let assignment = format!("/v1/conversations/{}/assignment", ticket.conversation);
    let assigned = consumer.call(reqwest::Method::PUT, &assignment, &json!({ "queue": "vip" })).await;
    assert_eq!(assigned.status, 204);
    assert_eq!(consumer.tell(&ticket.conversation, "end", &json!({})).await.status, 204);
    receiver.takes(|delivery| delivery.event["type"] == "usher.conversation.ended").await;
    let kinds: Vec<_> = receiver.taken().iter().map(|one| one.event["type"].clone()).collect();
    assert_eq!(kinds, ["usher.conversation.message", "usher.conversation.ended"]);
}

#[tokio::test]
async fn a_new_endpoint_begins_at_the_present() {
    let receiver = Receiver::start().await;
    let keys = KeyEndpoint::start().await;
    let mut usher = Usher::start(Setup::new().tenant("contoso", &keys.url())).await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    widget.say("m1", "before").await;
    let (url, secret) = (receiver.url(), format!("secret = \"{SECRET}\""));
    usher
        .restart_with(|setup| {
            let changed = std::mem::replace(setup, Setup::new());
            *setup = changed.webhook(&url, &secret);
        })
        .await;
    Consumer::new(&usher, ROUTER).say(&ticket.conversation, "a1", "after").await;
    receiver.takes_text("after").await;
    assert!(receiver.deliveries().iter().all(|delivery| delivery.text() != "before"));
}

#[tokio::test]
async fn a_stalled_conversation_holds_no_other() {
    let receiver = Receiver::start().await;
    receiver.play(|delivery| match delivery.text() {
        "stall" => Reply::Never,
        _ => Reply::Status(200),
    });
    let (usher, _keys) = posting_to(&receiver, "timeout = \"60s\"").await;
    let (mut stalled, _) = Widget::start(&usher, "contoso/web").await;
    stalled.say("m1", "stall").await;
    let (mut other, _) = Widget::start(&usher, "contoso/web").await;
    for number in 1..=50 {
        other.say(&format!("m{number}"), &format!("message {number}")).await;
    }
    receiver.takes_text("message 50").await;
    assert!(receiver.deliveries().iter().any(|delivery| delivery.text() == "stall"));
}
