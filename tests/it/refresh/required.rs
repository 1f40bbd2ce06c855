use serde_json::json;

use super::{CUSTOMER, HOUR, events, join, usher};
use crate::support::consumer::Consumer;
use crate::support::keys::token_of;
use crate::support::setup::ROUTER;
use crate::support::usher::Usher;
use crate::support::widget::{Ticket, Widget};

/// Two sockets of a conversation in the widget that requires tokens, whose time has run out.
async fn downgraded(usher: &Usher) -> ([Widget; 2], Ticket) {
    let brief = token_of(CUSTOMER, 10.0, 2.0);
    let (mut first, ticket) = Widget::sign_in(usher, "contoso/strict", &brief).await;
    let mut second = join(usher, "contoso/strict", &ticket, 1, &brief).await;
    for widget in [&mut first, &mut second] {
        assert_eq!(widget.told("token_expired").await["sequence"], 2);
    }
    ([first, second], ticket)
}

#[tokio::test]
async fn the_downgraded_may_type_and_read_and_neither_talk_nor_set_variables() {
    let (usher, _keys) = usher().await;
    let ([mut first, mut second], ticket) = downgraded(&usher).await;
    first.send(json!({ "type": "message", "id": "m1", "text": "Hello?" })).await;
    assert_eq!(first.expect_error("authentication_required").await["in_reply_to"], "m1");
    first.send(json!({ "type": "set_context", "context": { "page": "/cart" } })).await;
    assert_eq!(first.expect_error("authentication_required").await["in_reply_to"], "set_context");
    first.send(json!({ "type": "typing" })).await;
    assert_eq!(second.expect("typing").await["from"], "customer");
    first.send(json!({ "type": "read", "sequence": 2 })).await;
    for widget in [&mut first, &mut second] {
        let read = json!({ "type": "read", "sequence": 3, "by": "customer", "up_to": 2 });
        assert_eq!(widget.expect("read").await, read);
    }
    first.send(json!({ "type": "ping" })).await;
    first.expect("pong").await;
    let events = events(&usher, &ticket).await;
    assert_eq!((events.len(), &events[2]["type"]), (3, &json!("usher.conversation.read")));
}

#[tokio::test]
async fn agents_messages_are_delivered_before_the_sign_in_that_lets_them_through() {
    let (usher, _keys) = usher().await;
    let ([mut first, mut second], ticket) = downgraded(&usher).await;
    let consumer = Consumer::new(&usher, ROUTER);
    for (id, sequence) in [("a1", 3), ("a2", 4)] {
        assert_eq!(consumer.say(&ticket.conversation, id, "your account").await, sequence);
    }
    first.expect_nothing().await;
    second.expect_nothing().await;
    first.authenticate(&token_of("customer-2", 0.0, HOUR)).await;
    first.expect_error("subject_mismatch").await;
    first.expect_nothing().await;
    first.authenticate(&token_of(CUSTOMER, 5.0, HOUR)).await;
    for widget in [&mut first, &mut second] {
        for sequence in [3, 4] {
            let message = widget.expect("message").await;
            assert_eq!((&message["sequence"], &message["from"]), (&json!(sequence), &json!("agent")));
            assert_eq!(message["text"], "your account");
        }
        assert_eq!(widget.told("token_presented").await["sequence"], 5);
    }
    consumer.say(&ticket.conversation, "a3", "from now on at once").await;
    for widget in [&mut first, &mut second] {
        assert_eq!(widget.expect("message").await["sequence"], 6);
    }
    assert_eq!(first.say("m1", "and back").await["sequence"], 7);
    assert_eq!(second.expect("message").await["sequence"], 7);
    first.expect_nothing().await;
    second.expect_nothing().await;
}

#[tokio::test]
async fn what_is_said_right_behind_the_token_is_accepted_after_what_was_withheld() {
    let (usher, _keys) = usher().await;
    let ([mut first, mut second], ticket) = downgraded(&usher).await;
    assert_eq!(Consumer::new(&usher, ROUTER).say(&ticket.conversation, "a1", "your account").await, 3);
    usher.freeze().await;
    first.authenticate(&token_of(CUSTOMER, 5.0, HOUR)).await;
    for id in ["m1", "m2"] {
        first.send(json!({ "type": "message", "id": id, "text": "thank you" })).await;
    }
    usher.thaw();
    for widget in [&mut first, &mut second] {
        assert_eq!(widget.expect("message").await["sequence"], 3);
        assert_eq!(widget.told("token_presented").await["sequence"], 4);
    }
    for (id, sequence) in [("m1", 5), ("m2", 6)] {
        let accepted = first.expect("accepted").await;
        assert_eq!((&accepted["id"], &accepted["sequence"]), (&json!(id), &json!(sequence)));
        assert_eq!(second.expect("message").await["sequence"], sequence);
    }
    first.expect_nothing().await;
}

#[tokio::test]
async fn a_second_downgrade_withholds_again() {
    let (usher, _keys) = usher().await;
    let ([mut first, mut second], ticket) = downgraded(&usher).await;
    let consumer = Consumer::new(&usher, ROUTER);
    for (round, sequence) in [(0, 3), (1, 6)] {
        assert_eq!(consumer.say(&ticket.conversation, &format!("a{round}"), "wait").await, sequence);
        first.expect_nothing().await;
        first.authenticate(&token_of(CUSTOMER, 5.0, 1.5)).await;
        for widget in [&mut first, &mut second] {
            assert_eq!(widget.expect("message").await["sequence"], sequence);
            assert_eq!(widget.told("token_presented").await["sequence"], sequence + 1);
            assert_eq!(widget.told("token_expired").await["sequence"], sequence + 2);
        }
    }
}

#[tokio::test]
async fn what_was_withheld_is_not_lost_where_the_downgraded_ends_it_or_leaves() {
    let (usher, _keys) = usher().await;
    let ([mut first, mut second], ticket) = downgraded(&usher).await;
    Consumer::new(&usher, ROUTER).say(&ticket.conversation, "a1", "your account").await;
    first.send(json!({ "type": "end" })).await;
    for widget in [&mut first, &mut second] {
        assert_eq!(widget.expect("ended").await["sequence"], 4);
        widget.expect_close(1000).await;
    }
    let resume = ticket.resume_with(&token_of(CUSTOMER, 5.0, HOUR));
    let (mut again, _) = Widget::open(&usher, "contoso/strict", resume).await;
    again.told("token_expired").await;
    assert_eq!(again.expect("message").await["text"], "your account");
    again.expect("ended").await;
}
