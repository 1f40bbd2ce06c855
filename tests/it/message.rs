//! What a customer says is durable before it is accepted, stored once, and seen by everyone else.

use serde_json::{Value, json};

use crate::support::consumer::Consumer;
use crate::support::keys::{KeyEndpoint, token};
use crate::support::setup::{ROUTER, Setup};
use crate::support::usher::Usher;
use crate::support::widget::Widget;

async fn usher() -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let usher = Usher::start(Setup::new().tenant("contoso", &keys.url())).await;
    (usher, keys)
}

fn message(id: &str, text: &str) -> Value {
    json!({ "type": "message", "id": id, "text": text })
}

/// The messages of a conversation's journal.
async fn journaled(usher: &Usher, conversation: &str) -> Vec<Value> {
    let events = Consumer::new(usher, ROUTER).events(conversation).await;
    events.into_iter().filter(|event| event["type"] == "usher.conversation.message").collect()
}

#[tokio::test]
async fn what_is_accepted_stands_in_the_journal_with_its_sequence() {
    let (mut usher, _keys) = usher().await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    let accepted = widget.say("m1", "Hello, is it «blue»? 🦆").await;
    assert_eq!(accepted["sequence"], 2);
    // A power failure right after the acknowledgement takes nothing back.
    usher.restart().await;
    let messages = journaled(&usher, &ticket.conversation).await;
    assert_eq!(messages.len(), 1);
    let data = &messages[0]["data"];
    assert_eq!((&data["text"], &data["id"]), (&json!("Hello, is it «blue»? 🦆"), &json!("m1")));
    assert_eq!((&data["from"], &data["authenticated"]), (&json!("customer"), &json!(false)));
    assert_eq!(data["sequence"], accepted["sequence"]);
    assert_eq!(messages[0]["time"], accepted["at"]);
}

#[tokio::test]
async fn the_other_sockets_see_the_message_with_its_id_and_the_sender_does_not() {
    let (usher, _keys) = usher().await;
    let (mut first, ticket) = Widget::start(&usher, "contoso/web").await;
    let (mut second, resumed) = Widget::open(&usher, "contoso/web", ticket.resume()).await;
    assert_eq!((&resumed["type"], &resumed["replayed"]), (&json!("resumed"), &json!(0)));
    let accepted = first.say("m1", "Hello").await;
    let seen = second.expect("message").await;
    assert_eq!(
        seen,
        json!({ "type": "message", "sequence": 2, "at": accepted["at"], "from": "customer", "text": "Hello",
            "id": "m1", "authenticated": false })
    );
    let answer = second.say("m2", "Hello back").await;
    assert_eq!(first.expect("message").await["sequence"], answer["sequence"]);
    first.expect_nothing().await;
    second.expect_nothing().await;
}

#[tokio::test]
async fn the_same_id_again_is_accepted_again_and_stored_once() {
    let (mut usher, _keys) = usher().await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    let first = widget.say("m1", "Hello").await;
    widget.say("m2", "in between").await;
    assert_eq!(widget.say("m1", "Hello").await, first);
    let (mut other, _) = Widget::open(&usher, "contoso/web", ticket.resume()).await;
    assert_eq!(other.expect("message").await["id"], "m1");
    assert_eq!(other.expect("message").await["id"], "m2");
    assert_eq!(other.say("m1", "Hello").await, first);
    usher.restart().await;
    let (mut widget, _) = Widget::open(&usher, "contoso/web", {
        let mut resume = ticket.resume();
        resume["after"] = 3.into();
        resume
    })
    .await;
    assert_eq!(widget.say("m1", "Hello").await, first);
    assert_eq!(journaled(&usher, &ticket.conversation).await.len(), 2);
}

#[tokio::test]
async fn the_same_id_with_other_text_is_a_conflict_and_stores_nothing() {
    let (usher, _keys) = usher().await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    widget.say("m1", "Hello").await;
    for other in ["hello", "Hello ", "Hello\u{200b}"] {
        widget.send(message("m1", other)).await;
        assert_eq!(widget.expect_error("id_conflict").await["in_reply_to"], "m1");
    }
    assert_eq!(journaled(&usher, &ticket.conversation).await.len(), 1);
    // The connection is as good as before, and another conversation's ids are its own.
    widget.say("m2", "hello").await;
    let (mut elsewhere, _) = Widget::start(&usher, "contoso/web").await;
    elsewhere.say("m1", "hello").await;
}

#[tokio::test]
async fn a_message_holds_up_to_6000_characters_however_many_bytes() {
    let (usher, _keys) = usher().await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    for (id, character, count) in
        [("a", "x", 5999), ("b", "x", 6000), ("c", "🦆", 6000), ("d", "e\u{301}", 3000), ("e", "x", 1)]
    {
        widget.say(id, &character.repeat(count)).await;
    }
    for (id, character, count) in [("f", "x", 6001), ("g", "🦆", 6001), ("h", "e\u{301}", 3001)] {
        widget.send(message(id, &character.repeat(count))).await;
        let error = widget.expect_error("message_too_long").await;
        assert_eq!((&error["in_reply_to"], &error["temporary"]), (&json!(id), &json!(false)));
    }
    assert_eq!(journaled(&usher, &ticket.conversation).await.len(), 5);
}

#[tokio::test]
async fn a_lower_limit_of_characters_is_told_and_kept() {
    let keys = KeyEndpoint::start().await;
    let setup = Setup::new().tenant("contoso", &keys.url()).limit("message_characters = 10");
    let usher = Usher::start(setup).await;
    let (mut widget, started) = Widget::open(&usher, "contoso/web", json!({ "type": "start" })).await;
    assert_eq!(started["limits"]["message_characters"], 10);
    widget.say("a", "0123456789").await;
    widget.send(message("b", "0123456789a")).await;
    widget.expect_error("message_too_long").await;
}

#[tokio::test]
async fn a_text_that_says_nothing_is_a_bad_frame() {
    let (usher, _keys) = usher().await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    for text in ["", " ", "\t\r\n \u{a0}\u{2003}"] {
        widget.send(message("m", text)).await;
        assert_eq!(widget.expect_error("bad_frame").await["in_reply_to"], "m");
    }
    assert!(journaled(&usher, &ticket.conversation).await.is_empty());
    widget.say("m", " \u{a0}.").await;
}

#[tokio::test]
async fn an_id_has_1_to_64_characters() {
    let (usher, _keys) = usher().await;
    let (mut widget, _) = Widget::start(&usher, "contoso/web").await;
    for id in ["x".to_owned(), "x".repeat(63), "x".repeat(64), "ß".repeat(64)] {
        widget.say(&id, "Hello").await;
    }
    for id in [String::new(), "x".repeat(65)] {
        widget.send(message(&id, "Hello")).await;
        widget.expect_error("bad_frame").await;
    }
}

#[tokio::test]
async fn a_customers_message_is_marked_with_the_state_when_it_was_journaled() {
    let (usher, _keys) = usher().await;
    let token = token("customer-1", std::time::Duration::from_hours(1));
    let (mut first, ticket) = Widget::sign_in(&usher, "contoso/web", &token).await;
    let (mut second, _) = Widget::open(&usher, "contoso/web", ticket.resume_with(&token)).await;
    first.say("m1", "signed in").await;
    assert_eq!(second.expect("message").await["authenticated"], true);
    assert_eq!(journaled(&usher, &ticket.conversation).await[0]["data"]["authenticated"], true);
}

#[tokio::test]
async fn typing_reaches_the_other_socket_and_is_not_stored() {
    let (usher, _keys) = usher().await;
    let (mut first, ticket) = Widget::start(&usher, "contoso/web").await;
    let (mut second, _) = Widget::open(&usher, "contoso/web", ticket.resume()).await;
    // Typing is for those who are there; this one is once it is served.
    second.expect_nothing().await;
    first.send(json!({ "type": "typing" })).await;
    assert_eq!(second.expect("typing").await, json!({ "type": "typing", "from": "customer" }));
    assert_eq!(first.say("m1", "done").await["sequence"], 2);
    assert_eq!(Consumer::new(&usher, ROUTER).events(&ticket.conversation).await.len(), 2);
}
