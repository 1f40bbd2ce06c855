//! How often somebody may call.

use axum::body::Body;
use axum::http::{Method, Request, header};
use tower::ServiceExt as _;

use crate::clock::Clock;
use crate::consumer::called_from;

use super::oauth::{GRANT, asking, basic};
use super::{ConsumerLimits, Node, clients, request};

const LIST: &str = "/v1/conversations";

#[tokio::test]
async fn a_client_calls_so_often_and_is_told_when_to_call_again() {
    let limits = ConsumerLimits { requests_per_minute: 3, ..ConsumerLimits::default() };
    let node = Node::start_with(clients(), Clock::system(), limits);
    let token = node.token("alpha:first").await;
    assert_eq!((node.status(&token).await, node.status("alpha.second").await), (200, 200));
    let refused = node.get("alpha.first", "/v1/events?tenant=beta").await;
    assert_eq!((refused.status, refused.code()), (429, "rate_limited"), "before anything else is looked at");
    let wait: u64 = refused.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!(refused.body["temporary"], true);
    let no_token = node.ask("alpha:first", GRANT).await;
    assert_eq!((no_token.status, &no_token.body["error"]), (429, &"temporarily_unavailable".into()));
    assert!(no_token.headers.contains_key(header::RETRY_AFTER));
    assert_eq!(node.status("alpha.wrong").await, 401, "who is nobody has no rate");
    assert_eq!(node.status("other.first").await, 200, "another client has its own");
    let counted = "usher_rate_limited_total{limit=\"consumer_requests_per_minute\"} 2";
    assert!(node.metrics.render().contains(counted));
}

#[tokio::test]
async fn an_address_with_many_wrong_keys_is_told_so_and_right_ones_are_taken_from_it() {
    let limits = ConsumerLimits { wrong_keys_per_address_per_minute: 3, ..ConsumerLimits::default() };
    let node = Node::start_with(clients(), Clock::system(), limits);
    let from = async |address: &str, request: Request<Body>| {
        let peer = format!("{address}:1234").parse().unwrap();
        let service = called_from(node.router.clone(), peer);
        service.oneshot(request).await.unwrap().status().as_u16()
    };
    let list = |key: &str| request(Method::GET, key, LIST).body(Body::empty()).unwrap();
    let wrong_token = format!("usher_at_{}", "A".repeat(43));
    assert_eq!(from("192.0.2.1", list("alpha.wrong")).await, 401);
    assert_eq!(from("192.0.2.1", list(&wrong_token)).await, 401);
    assert_eq!(from("192.0.2.1", asking(&basic("alpha:wrong"), GRANT)).await, 401);
    for request in [list("alpha.wrong"), list(&wrong_token), asking(&basic("nobody:first"), GRANT)] {
        assert_eq!(from("192.0.2.1", request).await, 429);
    }
    assert_eq!(from("192.0.2.1", list("")).await, 401, "who shows no key has none wrong");
    assert_eq!(from("192.0.2.1", list("alpha.first")).await, 200);
    assert_eq!(from("192.0.2.2", list("alpha.wrong")).await, 401);
}
