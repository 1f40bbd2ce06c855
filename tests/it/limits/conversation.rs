//! Rates that a conversation has, however many sockets it has and however often they come back.

use std::time::Duration;

use serde_json::json;

use super::{message, usher, wait};
use crate::support::consumer::Consumer;
use crate::support::keys::{token, token_of};
use crate::support::setup::ROUTER;
use crate::support::widget::{Ticket, Widget};

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_minutes_messages_are_taken_and_the_next_is_refused_with_a_wait_and_not_stored() {
    let (usher, _keys) = usher(&["messages_per_minute = 3"]).await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    for id in 1..=3 {
        widget.say(&id.to_string(), "Hello").await;
    }
    widget.send(message(4)).await;
    let refused = widget.expect_error("rate_limited").await;
    wait(&refused, MINUTE / 3);
    assert_eq!(refused["in_reply_to"], "4");
    assert!(refused["message"].as_str().unwrap().contains("messages_per_minute"), "{refused}");
    // What stores nothing is served all the same.
    widget.send(json!({ "type": "ping" })).await;
    widget.expect("pong").await;
    let stored = Consumer::new(&usher, ROUTER).events_of(&ticket.conversation, "message").await;
    assert_eq!(stored.len(), 3, "{stored:?}");
    let series = "usher_rate_limited_total{limit=\"messages_per_minute\"}";
    assert_eq!(usher.metric(series).await, Some(1.0));
}

#[tokio::test]
async fn after_the_wait_that_was_named_the_same_message_is_taken() {
    let (usher, _keys) = usher(&["messages_per_minute = 120"]).await;
    let (mut widget, _) = Widget::start(&usher, "contoso/web").await;
    let mut id = 0;
    let refused = loop {
        id += 1;
        widget.send(message(id)).await;
        let answer = widget.frame().await;
        if answer["type"] != "accepted" {
            break answer;
        }
    };
    assert!(id > 120, "{id}: {refused}");
    tokio::time::sleep(wait(&refused, MINUTE / 120)).await;
    widget.say(&id.to_string(), "Hello").await;
}

#[tokio::test]
async fn neither_a_second_socket_nor_a_reconnect_gets_more() {
    let (usher, _keys) = usher(&["messages_per_minute = 2"]).await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    widget.say("1", "Hello").await;
    let (mut second, _) = Widget::open(&usher, "contoso/web", ticket.resume_after(2)).await;
    second.say("2", "Hello").await;
    widget.expect("message").await;
    for socket in [&mut widget, &mut second] {
        socket.send(message(3)).await;
        wait(&socket.expect_error("rate_limited").await, MINUTE / 2);
    }
    widget.close().await;
    second.close().await;
    let (mut back, _) = Widget::open(&usher, "contoso/web", ticket.resume_after(3)).await;
    back.send(message(3)).await;
    wait(&back.expect_error("rate_limited").await, MINUTE / 2);
    // Another conversation has its own.
    let (mut other, _) = Widget::start(&usher, "contoso/web").await;
    other.say("1", "Hello").await;
}

#[tokio::test]
async fn every_frame_counts_whether_it_stores_anything_or_is_understood() {
    let (usher, _keys) = usher(&["frames_per_minute = 5"]).await;
    let (mut widget, _) = Widget::start(&usher, "contoso/web").await;
    widget.send(json!({ "type": "ping" })).await;
    widget.expect("pong").await;
    widget.send(json!({ "type": "typing" })).await;
    widget.say("1", "Hello").await;
    widget.send(json!({ "type": "read" })).await;
    widget.expect_error("bad_frame").await;
    widget.send(json!({ "type": "dance" })).await;
    widget.expect_error("unsupported_frame").await;
    for (frame, about) in [(json!({ "type": "ping" }), "ping"), (json!({ "type": "dance" }), "dance")] {
        widget.send(frame).await;
        let refused = widget.expect_error("rate_limited").await;
        wait(&refused, MINUTE / 5);
        assert_eq!(refused["in_reply_to"], about);
        assert!(refused["message"].as_str().unwrap().contains("frames_per_minute"), "{refused}");
    }
}

#[tokio::test]
async fn tokens_count_and_those_beyond_the_rate_are_not_even_judged() {
    let (usher, _keys) = usher(&["authentications_per_minute = 2"]).await;
    let (mut widget, ticket) = Widget::sign_in(&usher, "contoso/web", &token("ada", MINUTE)).await;
    let judged = async || usher.metric("usher_token_verify_seconds_count").await;
    widget.authenticated(&token_of("ada", -1.0, 90.0), "token_refreshed").await;
    widget.authenticate("nonsense").await;
    widget.expect_error("malformed").await;
    let before = judged().await;
    widget.authenticate(&token_of("ada", -2.0, 120.0)).await;
    let refused = widget.expect_error("rate_limited").await;
    wait(&refused, MINUTE / 2);
    assert_eq!(refused["in_reply_to"], "authenticate");
    // Coming back with a token is presenting one; the conversation is found first.
    let resume = ticket.resume_with(&token_of("ada", -3.0, 150.0));
    let (mut back, refused) = Widget::open(&usher, "contoso/web", resume).await;
    let told = wait(&refused, MINUTE / 2);
    assert_eq!(back.expect_close(4005).await, format!("try_again;retry_after_ms={}", told.as_millis()));
    assert_eq!(judged().await, before);
    let elsewhere = Ticket { resume_token: "another".to_owned(), ..ticket };
    let stolen = elsewhere.resume_with(&token_of("ada", -3.0, 150.0));
    let (_, refused) = Widget::open(&usher, "contoso/web", stolen).await;
    assert_eq!(refused["code"], "unknown_conversation", "whose it isn't learns nothing of its rates");
}

#[tokio::test]
async fn the_tenth_refusal_for_the_rate_within_a_minute_closes_and_the_ninth_does_not() {
    let (usher, _keys) = usher(&["messages_per_minute = 1"]).await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    widget.say("1", "Hello").await;
    for id in 2..=10 {
        widget.send(message(id)).await;
        widget.expect_error("rate_limited").await;
    }
    widget.send(json!({ "type": "ping" })).await;
    widget.expect("pong").await;
    widget.send(message(11)).await;
    let told = wait(&widget.expect_error("rate_limited").await, MINUTE);
    let reason = widget.expect_close(4003).await;
    assert_eq!(reason, format!("rate_limited;retry_after_ms={}", told.as_millis()));
    // It may come back, and finds its conversation.
    let (mut back, resumed) = Widget::open(&usher, "contoso/web", ticket.resume_after(2)).await;
    assert_eq!(resumed["type"], "resumed");
    back.send(json!({ "type": "ping" })).await;
    back.expect("pong").await;
}
