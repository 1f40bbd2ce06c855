//! Access tokens of the real program.

use futures_util::stream::{self, StreamExt as _};
use serde_json::json;
use usher::consumer::TOKENS_PER_CLIENT_MAX;

use crate::support::consumer::{Consumer, answer};
use crate::support::keys::now;
use crate::support::setup::{ROUTER, Setup};
use crate::support::usher::Usher;
use crate::support::widget::Widget;
use crate::support::{soon, until, until_time};

use super::{GRANT, LIST, ask, asking, plain, status, token};

#[tokio::test]
async fn a_token_does_what_the_key_does_and_outlives_a_restart() {
    let mut usher = plain().await;
    let token = token(&usher, ROUTER).await;
    let (_widget, started) = Widget::open(&usher, "contoso/open", json!({ "type": "start" })).await;
    let conversation = started["conversation"].as_str().unwrap().to_owned();
    let consumer = Consumer::new(&usher, &token);
    consumer.say(&conversation, "m1", "hello").await;
    let mut stream = consumer.stream("").await;
    stream.expect("usher.conversation.started").await;
    drop(stream);
    usher.restart().await;
    assert_eq!(status(&usher, &token).await, 200);
    assert_eq!(Consumer::new(&usher, &token).kinds(&conversation).await, ["started", "message"]);
    assert_eq!(usher.metric("usher_access_tokens").await, Some(1.0));
    assert!(!usher.log().contains(&token), "no token stands in the log");
}

#[tokio::test]
async fn the_lifetime_is_told_from_the_shortest_to_the_longest_that_can_be_configured() {
    let setup = Setup::new()
        .client("brief.s3cr3t", "token_lifetime = \"300s\"")
        .client("long.s3cr3t", "token_lifetime = \"172800s\"\nidle_timeout = \"15m\"");
    let usher = Usher::start(setup).await;
    assert_eq!(ask(&usher, "brief.s3cr3t", GRANT).await.body["expires_in"], 300);
    assert_eq!(ask(&usher, "long.s3cr3t", GRANT).await.body["expires_in"], 172_800);
    assert_eq!(ask(&usher, ROUTER, GRANT).await.body["expires_in"], 3600, "an hour where nothing is said");
}

#[tokio::test]
async fn an_unused_token_stops_working_and_one_whose_stream_is_open_does_not() {
    let usher = Usher::start(Setup::new().client("idler.s3cr3t", "idle_timeout = \"1s\"")).await;
    let (unused, used) = (token(&usher, "idler.s3cr3t").await, token(&usher, "idler.s3cr3t").await);
    let stream = Consumer::new(&usher, &used).stream("?after=latest").await;
    until_time(now() + 1.1).await;
    assert_eq!(status(&usher, &unused).await, 401, "a second has passed since its issue");
    assert_eq!(status(&usher, &used).await, 200);
    drop(stream);
    let refused = until("an unused token's end", async || {
        // Longer than the timeout between two looks, for a look is a use.
        until_time(now() + 1.1).await;
        let answer = Consumer::new(&usher, &used).get(LIST).await;
        (answer.status == 401).then_some(answer)
    })
    .await;
    assert!(refused.body["detail"].as_str().unwrap().contains("not used for too long"), "{refused:?}");
}

#[tokio::test]
async fn a_token_over_the_bound_puts_out_the_one_issued_first_and_ends_its_stream() {
    let usher = Usher::start(Setup::new().client("hoarder.s3cr3t", "")).await;
    let first = token(&usher, "hoarder.s3cr3t").await;
    let second = token(&usher, "hoarder.s3cr3t").await;
    let mut reading = Consumer::new(&usher, &first).stream("?after=latest").await;
    let others = (2..TOKENS_PER_CLIENT_MAX).map(|_| token(&usher, "hoarder.s3cr3t"));
    stream::iter(others).buffer_unordered(32).for_each(async |_| {}).await;
    assert_eq!(status(&usher, &first).await, 200, "so many are taken");
    let last = token(&usher, "hoarder.s3cr3t").await;
    assert!(soon("the end of its stream", reading.next()).await.is_none());
    for (token, expected) in [(&first, 401), (&second, 200), (&last, 200)] {
        assert_eq!(status(&usher, token).await, expected);
    }
}

#[tokio::test]
async fn a_narrowed_client_narrows_its_tokens_and_a_removed_one_takes_them_with_it() {
    let mut usher = Usher::start(Setup::new().client("helper.s3cr3t", "")).await;
    let token = token(&usher, "helper.s3cr3t").await;
    usher.restart_with(|setup| setup.change_clients("scopes = [\"*\"]", "scopes = [\"events:read\"]")).await;
    assert_eq!(status(&usher, &token).await, 403);
    usher.restart_with(|setup| setup.change_clients("helper", "helped")).await;
    assert_eq!(status(&usher, &token).await, 401);
}

#[tokio::test]
async fn a_client_over_its_rate_is_answered_429_and_counted() {
    let usher = Usher::start(Setup::new().limit("consumer_requests_per_minute = 2")).await;
    let codes = [status(&usher, ROUTER).await, status(&usher, ROUTER).await, status(&usher, ROUTER).await];
    assert_eq!(codes, [200, 200, 429]);
    let series = "usher_rate_limited_total{limit=\"consumer_requests_per_minute\"}";
    assert_eq!(usher.metric(series).await, Some(1.0));
}

#[tokio::test]
async fn an_address_with_too_many_wrong_keys_is_answered_429_and_its_right_ones_are_taken() {
    let usher = Usher::start(Setup::new().limit("wrong_keys_per_address_per_minute = 1")).await;
    assert_eq!(status(&usher, "router.wrong").await, 401);
    assert_eq!(status(&usher, "router.wrong").await, 429);
    assert_eq!(answer(asking(&usher, GRANT).basic_auth("router", Some("wrong"))).await.status, 429);
    assert_eq!(status(&usher, ROUTER).await, 200);
}
