//! Limits that an address has: how many connections, how often it connects, and all that comes before there is a
//! conversation.

use std::time::Duration;

use serde_json::{Value, json};

use super::{dial, usher, wait};
use crate::support::keys::{KEY, KID, OTHER_KEY, claims, now, token};
use crate::support::until;
use crate::support::usher::Usher;
use crate::support::widget::Widget;

const HERE: &str = "127.0.0.1";
const ELSEWHERE: &str = "127.0.0.2";
const MINUTE: Duration = Duration::from_mins(1);

async fn first(usher: &Usher, from: &str, frame: Value) -> (Widget, Value) {
    let mut widget = dial(usher, from, &[]).await.unwrap();
    widget.send(frame).await;
    let answer = widget.frame().await;
    (widget, answer)
}

/// A first frame that is refused for the rate, and the close that follows.
async fn refused_for_rate(usher: &Usher, from: &str, frame: Value) {
    let kind = frame["type"].as_str().unwrap().to_owned();
    let (mut widget, refused) = first(usher, from, frame).await;
    let told = wait(&refused, MINUTE);
    assert_eq!(refused["in_reply_to"], kind);
    assert_eq!(widget.expect_close(4005).await, format!("try_again;retry_after_ms={}", told.as_millis()));
}

#[tokio::test]
async fn an_address_holds_as_many_connections_as_it_may_and_another_when_one_has_ended() {
    let (usher, _keys) = usher(&["connections_per_address = 2"]).await;
    let (one, _other) = (dial(&usher, HERE, &[]).await.unwrap(), dial(&usher, HERE, &[]).await.unwrap());
    let refused = dial(&usher, HERE, &[]).await.err();
    assert_eq!(refused, Some(("too_many_connections_of_address".to_owned(), Some(5))));
    dial(&usher, ELSEWHERE, &[]).await.unwrap();
    one.close().await;
    let _again = until("room", async || dial(&usher, HERE, &[]).await.ok()).await;
    assert!(dial(&usher, HERE, &[]).await.is_err());
    let series = "usher_connections_refused_total{reason=\"too_many_connections_of_address\"}";
    assert!(usher.metric(series).await >= Some(2.0));
}

#[tokio::test]
async fn the_address_is_judged_before_the_node() {
    let (usher, _keys) = usher(&["connections_per_address = 1", "connections = 1"]).await;
    let _held = dial(&usher, HERE, &[]).await.unwrap();
    let code = async |from| dial(&usher, from, &[]).await.err().map(|(code, _)| code);
    assert_eq!(code(HERE).await.as_deref(), Some("too_many_connections_of_address"));
    assert_eq!(code(ELSEWHERE).await.as_deref(), Some("too_many_connections"));
}

#[tokio::test]
async fn an_address_that_connects_too_often_is_let_in_after_the_wait_that_it_was_told() {
    let (usher, _keys) = usher(&["connects_per_address_per_second = 2"]).await;
    dial(&usher, HERE, &[]).await.unwrap();
    dial(&usher, HERE, &[]).await.unwrap();
    // Half a second refills one: whoever is slow needs a few more to be too fast.
    let (code, wait) = until("a refusal", async || dial(&usher, HERE, &[]).await.err()).await;
    assert_eq!((code.as_str(), wait), ("too_many_attempts", Some(1)));
    dial(&usher, ELSEWHERE, &[]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(wait.unwrap())).await;
    dial(&usher, HERE, &[]).await.unwrap();
}

#[tokio::test]
async fn an_address_begins_so_many_conversations_and_comes_back_to_them_as_it_likes() {
    let (usher, _keys) = usher(&["starts_per_address_per_minute = 2"]).await;
    let keyed = json!({ "type": "start", "idempotency_key": "0123456789abcdef012345" });
    first(&usher, HERE, json!({ "type": "start" })).await;
    let (_, started) = first(&usher, HERE, keyed.clone()).await;
    refused_for_rate(&usher, HERE, json!({ "type": "start" })).await;
    let (_, again) = first(&usher, HERE, keyed).await;
    assert_eq!((&again["type"], &again["conversation"]), (&json!("resumed"), &started["conversation"]));
    let (_, started) = first(&usher, ELSEWHERE, json!({ "type": "start" })).await;
    assert_eq!(started["type"], "started");
    let series = "usher_rate_limited_total{limit=\"starts_per_address_per_minute\"}";
    assert_eq!(usher.metric(series).await, Some(1.0));
}

#[tokio::test]
async fn tokens_that_are_refused_count_for_their_address_and_those_that_are_taken_do_not() {
    let (usher, _keys) = usher(&["authentications_per_minute = 2"]).await;
    let start = |token: &str| json!({ "type": "start", "token": token });
    for customer in ["ada", "bob", "eve"] {
        let (_, started) = first(&usher, HERE, start(&token(customer, MINUTE))).await;
        assert_eq!(started["type"], "started", "{started}");
    }
    let forged = OTHER_KEY.sign(KID, &claims("ada", now(), MINUTE));
    for _ in 0..2 {
        let (_, refused) = first(&usher, HERE, start(&forged)).await;
        assert_eq!(refused["code"], "bad_signature");
    }
    let verified = usher.metric("usher_token_verify_seconds_count").await;
    refused_for_rate(&usher, HERE, start(&forged)).await;
    assert_eq!(usher.metric("usher_token_verify_seconds_count").await, verified, "it was judged");
    let (_, started) = first(&usher, HERE, json!({ "type": "start" })).await;
    assert_eq!(started["type"], "started", "without a token anybody may");
    let (_, started) = first(&usher, ELSEWHERE, start(&token("ada", MINUTE))).await;
    assert_eq!(started["type"], "started");
}

#[tokio::test]
async fn that_keys_cannot_be_had_is_not_the_addresss_fault() {
    let (usher, keys) = usher(&["authentications_per_minute = 1"]).await;
    keys.fail();
    let token = KEY.sign(KID, &claims("ada", now(), MINUTE));
    for _ in 0..3 {
        let (_, refused) = first(&usher, HERE, json!({ "type": "start", "token": token })).await;
        assert_eq!(refused["code"], "keys_unavailable");
    }
}

#[tokio::test]
async fn frames_before_there_is_a_conversation_count_for_their_address() {
    let (usher, _keys) = usher(&["frames_per_minute = 3"]).await;
    let mut widget = dial(&usher, HERE, &[]).await.unwrap();
    for _ in 0..2 {
        widget.send(json!({ "type": "typing" })).await;
        widget.expect_error("out_of_order").await;
    }
    // What is counted is the address, whichever connection it speaks on.
    first(&usher, HERE, json!({ "type": "start" })).await;
    refused_for_rate(&usher, HERE, json!({ "type": "start" })).await;
    widget.send(json!({ "type": "typing" })).await;
    widget.expect_error("rate_limited").await;
    widget.expect_close(4005).await;
    let (_, started) = first(&usher, ELSEWHERE, json!({ "type": "start" })).await;
    assert_eq!(started["type"], "started");
}
