//! For how long an access token is good, and for what.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, header};
use http_body_util::BodyExt as _;
use serde_json::Value;

use crate::clock::Clock;
use crate::config::{Client, Scope};
use crate::domain::id::Sequence;

use super::{ConsumerLimits, Node, client, clients, request};

const LIST: &str = "/v1/conversations";
/// The shortest lifetime that can be configured, as [`client`] has it.
const LIFETIME: Duration = Duration::from_mins(5);
const MILLISECOND: Duration = Duration::from_millis(1);

fn just_before(span: Duration) -> Duration {
    span.saturating_sub(MILLISECOND)
}

impl Node {
    /// The same journal and clock under another configuration.
    fn again(mut self, clients: Vec<Client>) -> Self {
        self.router = self.router(clients, ConsumerLimits::default());
        self
    }
}

/// A clock that stands until it is set, and how to set it.
fn standing() -> (Clock, impl Fn(Duration)) {
    let millis: &'static AtomicI64 = Box::leak(Box::new(AtomicI64::new(1_760_000_000_000)));
    let go_on = |by: Duration| {
        millis.fetch_add(by.as_millis().try_into().unwrap(), Ordering::Relaxed);
    };
    (Clock::set_by(millis), go_on)
}

fn idling(idle_timeout: Duration) -> Vec<Client> {
    vec![Client {
        idle_timeout: Some(idle_timeout),
        token_lifetime: Duration::from_hours(48),
        ..client("alpha", &Scope::ALL, &["alpha"])
    }]
}

#[tokio::test]
async fn a_token_is_good_until_its_lifetime_is_over_and_not_at_its_end() {
    let (clock, go_on) = standing();
    let node = Node::start_with(clients(), clock, ConsumerLimits::default());
    let token = node.token("alpha:first").await;
    go_on(just_before(LIFETIME));
    assert_eq!(node.status(&token).await, 200);
    go_on(MILLISECOND);
    let refused = node.get(&token, LIST).await;
    assert_eq!((refused.status, refused.code()), (401, "unauthorized"));
    assert!(refused.detail().contains("has expired: get a new one from POST /oauth/token"), "{refused:?}");
    let challenge = refused.headers[header::WWW_AUTHENTICATE].to_str().unwrap();
    assert!(
        challenge
            .starts_with("Bearer realm=\"usher\", error=\"invalid_token\", error_description=\"The access")
    );
}

#[tokio::test]
async fn a_token_that_nobody_uses_stops_working_and_one_in_use_does_not() {
    let (clock, go_on) = standing();
    let idle = Duration::from_mins(10);
    let node = Node::start_with(idling(idle), clock, ConsumerLimits::default());
    let token = node.token("alpha:first").await;
    for _ in 0..5 {
        go_on(just_before(idle));
        assert_eq!(node.status(&token).await, 200);
    }
    go_on(idle);
    let refused = node.get(&token, LIST).await;
    assert_eq!(refused.status, 401);
    assert!(refused.detail().contains("not used for too long"), "{refused:?}");
    assert_eq!(node.status(&token).await, 401, "to try it is no use of it");
}

#[tokio::test]
async fn an_open_stream_is_a_use_of_its_token() {
    let (clock, go_on) = standing();
    let idle = Duration::from_mins(10);
    let node = Node::start_with(idling(idle), clock, ConsumerLimits::default());
    let token = node.token("alpha:first").await;
    let open = request(Method::GET, &token, "/v1/events").body(Body::empty()).unwrap();
    let stream = node.respond(open).await;
    go_on(idle * 3);
    assert_eq!(node.status(&token).await, 200);
    go_on(idle * 3);
    drop(stream);
    go_on(just_before(idle));
    assert_eq!(node.status(&token).await, 200, "its end was a use too");
    go_on(idle);
    assert_eq!(node.status(&token).await, 401);
}

/// The stored uses of the only token there is, waited for until one lies after `after`.
async fn stored_use(node: &Node, after: i64) -> i64 {
    loop {
        let items = node.journal.list("access_tokens/", None, 10).await.unwrap();
        let value: Value = serde_json::from_slice(&items[0].value).unwrap();
        match value["used_at"].as_i64().unwrap() {
            used_at if used_at > after => return used_at,
            _ => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test]
async fn a_use_is_stored_once_a_tenth_of_the_idle_timeout_so_that_it_outlives_the_node() {
    let (clock, go_on) = standing();
    let idle = Duration::from_mins(10);
    let node = Node::start_with(idling(idle), clock, ConsumerLimits::default());
    let token = node.token("alpha:first").await;
    let issued_at = stored_use(&node, 0).await;
    go_on(just_before(Duration::from_mins(1)));
    assert_eq!(node.status(&token).await, 200);
    go_on(MILLISECOND);
    assert_eq!(node.status(&token).await, 200);
    assert_eq!(
        stored_use(&node, issued_at).await,
        issued_at + 60_000,
        "the first was too early to be stored"
    );
    go_on(Duration::from_secs(59));
    assert_eq!(node.status(&token).await, 200);
    let node = node.again(idling(idle));
    go_on(just_before(Duration::from_secs(541)));
    assert_eq!(node.status(&token).await, 200, "never earlier than nine tenths after the last use");
    let node = node.again(idling(idle));
    go_on(idle);
    assert_eq!(node.status(&token).await, 401);
}

#[tokio::test]
async fn a_token_carries_never_more_than_its_client_has_now() {
    let node = Node::start();
    let token = node.token("root:first").await;
    assert_eq!(node.get(&token, "/v1/conversations?tenant=beta").await.status, 200);
    // Another node, or this one after a restart, with a narrower configuration.
    let node = node.again(vec![client("root", &[Scope::ConversationsRead], &["alpha"])]);
    assert_eq!(node.get(&token, "/v1/conversations?tenant=alpha").await.status, 200);
    assert_eq!(node.get(&token, "/v1/conversations?tenant=beta").await.status, 403);
    assert_eq!(node.get(&token, "/v1/events").await.code(), "insufficient_scope");
    let shorter = Client { token_lifetime: Duration::ZERO, ..client("root", &Scope::ALL, &["*"]) };
    let node = node.again(vec![shorter]);
    assert_eq!(node.status(&token).await, 401, "a shorter lifetime holds at once");
    let mut replaced = client("root", &Scope::ALL, &["*"]);
    replaced.secrets.remove(0);
    let node = node.again(vec![replaced]);
    assert!(node.get(&token, LIST).await.detail().contains("got with a secret that was replaced"));
    let node = node.again(vec![client("alpha", &Scope::ALL, &["*"])]);
    assert_eq!(node.status(&token).await, 401, "its client is gone");
    let node = node.again(clients());
    assert_eq!(node.status(&token).await, 200);
}

#[tokio::test]
async fn what_only_looks_like_a_token_is_refused_as_one() {
    let node = Node::start();
    let token = node.token("alpha:first").await;
    let other = format!("{}{}", &token[..token.len() - 1], if token.ends_with('A') { "B" } else { "A" });
    for key in [&other, &format!("{token}A"), &token[1..], "usher_at_", &format!("alpha.{token}")] {
        let refused = node.get(key, LIST).await;
        assert_eq!((refused.status, refused.code()), (401, "unauthorized"), "{key}");
        assert!(
            refused.headers[header::WWW_AUTHENTICATE].to_str().unwrap().contains("error=\"invalid_token\"")
        );
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_token_in_a_clean_end_of_its_body() {
    let lifetime = Duration::from_secs(1);
    let brief = Client { token_lifetime: lifetime, ..client("alpha", &Scope::ALL, &["alpha"]) };
    let node = Node::start_with(vec![brief], Clock::system(), ConsumerLimits::default());
    node.anonymous("alpha").await;
    let asked_at = tokio::time::Instant::now();
    let token = node.token("alpha:first").await;
    let open = |key: &str| request(Method::GET, key, "/v1/events?after=latest").body(Body::empty()).unwrap();
    let mut by_key = node.respond(open("alpha.first")).await.into_body();
    let stream = node.respond(open(&token)).await;
    assert_eq!(stream.status(), 200);
    let read = tokio::time::timeout(Duration::from_secs(20), stream.into_body().collect()).await;
    let all = read.expect("it ends").expect("it ends cleanly").to_bytes();
    assert!(asked_at.elapsed() >= lifetime, "not before its time");
    assert!(all.starts_with(b"id: "), "{all:?}");
    assert_eq!(node.status(&token).await, 401);
    assert!(by_key.frame().await.unwrap().is_ok());
    let next = tokio::time::timeout(Duration::from_millis(50), by_key.frame()).await;
    assert!(next.is_err(), "the key has no end, and neither has its stream");
}

#[tokio::test]
async fn a_stream_that_is_behind_tells_nothing_past_its_tokens_end() {
    let (clock, go_on) = standing();
    let node = Node::start_with(clients(), clock, ConsumerLimits::default());
    let token = node.token("alpha:first").await;
    let place = node.anonymous("alpha").await;
    // More than goes out in one piece: the reader has the rest at hand.
    let long = |number: u64| super::said(&number.to_string(), &"x".repeat(6000));
    node.store(&place, Sequence::new(1), (0..16).map(long).collect()).await;
    let open = request(Method::GET, &token, "/v1/events").body(Body::empty()).unwrap();
    let mut stream = node.respond(open).await.into_body();
    assert!(stream.frame().await.unwrap().is_ok());
    go_on(LIFETIME);
    assert!(stream.frame().await.is_none());
}
