//! Access tokens: what `POST /oauth/token` gives out and refuses, and for how long what it gave is good.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use serde_json::Value;

use crate::clock::Clock;
use crate::config::{Client, Scope};
use crate::domain::id::Sequence;
use crate::journal::Fault;

use super::{Answer, ConsumerLimits, Node, client, clients, request};

const FORM: &str = "application/x-www-form-urlencoded";
const GRANT: &str = "grant_type=client_credentials";
const LIST: &str = "/v1/conversations";
/// The shortest lifetime that can be configured, as [`client`] has it.
const LIFETIME: Duration = Duration::from_secs(300);
const MILLISECOND: Duration = Duration::from_millis(1);

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

/// A request for a token with these credentials in the header, where there are some.
fn asking(authorization: &str, form: &str) -> Request<Body> {
    let mut request = Request::post("/oauth/token").header(header::CONTENT_TYPE, FORM);
    if !authorization.is_empty() {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    request.body(form.to_owned().into()).unwrap()
}

impl Node {
    async fn ask(&self, pair: &str, form: &str) -> Answer {
        self.answer(asking(&basic(pair), form)).await
    }

    /// A token for this client, with all its scopes.
    async fn token(&self, pair: &str) -> String {
        let answer = self.ask(pair, GRANT).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["access_token"].as_str().unwrap().to_owned()
    }

    async fn status(&self, key: &str) -> u16 {
        self.get(key, LIST).await.status
    }

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
async fn a_token_is_given_for_basic_credentials_or_for_a_form_and_is_kept_by_nobody() {
    let node = Node::start();
    let in_form = format!("{GRANT}&client_id=alpha&client_secret=second&unknown=1");
    for request in [asking(&basic("alpha:first"), GRANT), asking("", &in_form)] {
        let answer = node.answer(request).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(answer.headers[header::PRAGMA], "no-cache");
        let all = Scope::ALL.map(Scope::as_str).join(" ");
        let rest = (&answer.body["token_type"], &answer.body["expires_in"], &answer.body["scope"]);
        assert_eq!(rest, (&"Bearer".into(), &300.into(), &all.into()));
        assert_eq!(answer.body.as_object().unwrap().len(), 4);
        let token = answer.body["access_token"].as_str().unwrap();
        assert_eq!(token.len(), "usher_at_".len() + 43);
        assert_eq!(node.status(token).await, 200);
        let kept = node.journal.list("", None, 100).await.unwrap();
        assert!(kept.iter().all(|item| {
            let value = String::from_utf8_lossy(&item.value);
            !value.contains(token) && !item.key.contains(token)
        }));
    }
    assert_ne!(node.token("alpha:first").await, node.token("alpha:first").await);
}

#[tokio::test]
async fn every_refusal_has_the_form_of_rfc_6749() {
    let node = Node::start();
    let form = |form: &str| asking(&basic("events:first"), form);
    let typed = |media_type: &str| {
        let request = Request::post("/oauth/token").header(header::AUTHORIZATION, basic("events:first"));
        request.header(header::CONTENT_TYPE, media_type).body(GRANT.into()).unwrap()
    };
    let long = format!("{GRANT}&x={}", "x".repeat(8192 - GRANT.len() - 3));
    assert_eq!(node.answer(form(&long)).await.status, 200, "8192 bytes are taken");
    let in_url =
        Request::post("/oauth/token?client_id=events&client_secret=first").header(header::CONTENT_TYPE, FORM);
    let cases = [
        ("another content type", typed("application/json"), 400, "invalid_request"),
        ("a body too long", form(&format!("{long}x")), 413, "invalid_request"),
        ("a parameter twice", form(&format!("{GRANT}&{GRANT}")), 400, "invalid_request"),
        (
            "credentials twice",
            form(&format!("{GRANT}&client_id=events&client_secret=first")),
            400,
            "invalid_request",
        ),
        ("a secret in the URL", in_url.body(GRANT.into()).unwrap(), 400, "invalid_request"),
        ("no grant", form("scope=events:read"), 400, "invalid_request"),
        ("an empty grant", form("grant_type="), 400, "invalid_request"),
        ("another grant", form("grant_type=password"), 400, "unsupported_grant_type"),
        ("no credentials", asking("", GRANT), 401, "invalid_client"),
        ("half of them", asking("", &format!("{GRANT}&client_id=events")), 401, "invalid_client"),
        ("a wrong secret", asking(&basic("events:third"), GRANT), 401, "invalid_client"),
        ("an unknown client", asking(&basic("nobody:first"), GRANT), 401, "invalid_client"),
        ("another scheme", asking("Bearer events.first", GRANT), 401, "invalid_client"),
        ("a wrong secret and no grant", asking(&basic("events:third"), ""), 401, "invalid_client"),
        ("an unknown scope", form(&format!("{GRANT}&scope=events:write")), 400, "invalid_scope"),
        ("all scopes by a star", form(&format!("{GRANT}&scope=*")), 400, "invalid_scope"),
        ("only blanks", form(&format!("{GRANT}&scope=+")), 400, "invalid_scope"),
        ("a scope not granted", form(&format!("{GRANT}&scope=events:read+keys:read")), 400, "invalid_scope"),
        (
            "another method",
            request(Method::GET, "", "/oauth/token").body(Body::empty()).unwrap(),
            405,
            "invalid_request",
        ),
    ];
    for (what, request, status, error) in cases {
        let answer = node.answer(request).await;
        assert_eq!(
            (answer.status, &answer.body["error"]),
            (status, &Value::from(error)),
            "{what}: {answer:?}"
        );
        let description = answer.body["error_description"].as_str().unwrap();
        let is_taken = |c: char| matches!(c, ' ' | '!' | '#'..='[' | ']'..='~');
        assert!(!description.is_empty() && description.chars().all(is_taken), "{description}");
        assert!(answer.body["correlation_id"].is_string(), "{what}");
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json", "{what}");
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store", "{what}");
        let challenge = answer.headers.get(header::WWW_AUTHENTICATE).map(|value| value.to_str().unwrap());
        assert_eq!(challenge.is_some_and(|value| value.starts_with("Basic realm=")), status == 401, "{what}");
        if status == 405 {
            assert_eq!(answer.headers.get_all(header::ALLOW).iter().collect::<Vec<_>>(), ["POST"]);
        }
    }
    let unknown = node.answer(asking(&basic("nobody:first"), GRANT)).await;
    let wrong = node.answer(asking(&basic("events:third"), GRANT)).await;
    assert_eq!(
        unknown.body["error_description"], wrong.body["error_description"],
        "nobody learns which ids there are"
    );
}

#[tokio::test]
async fn without_a_journal_no_token_is_given_and_it_is_said_so() {
    let node = Node::start();
    let token = node.token("alpha:first").await;
    node.journal.provoke(Fault::CommitsFail).await;
    let answer = node.ask("alpha:first", GRANT).await;
    assert_eq!(
        (answer.status, &answer.body["error"]),
        (503, &"temporarily_unavailable".into()),
        "{answer:?}"
    );
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");
    assert_eq!(node.status(&token).await, 200, "a token that was given is good");
}

#[tokio::test]
async fn a_token_has_the_scopes_that_were_asked_for_and_no_other() {
    let node = Node::start();
    let asked = format!("{GRANT}&scope=events:read+conversations:read+events:read");
    let answer = node.ask("alpha:first", &asked).await;
    assert_eq!(answer.body["scope"], "events:read conversations:read");
    let token = answer.body["access_token"].as_str().unwrap();
    assert_eq!(node.status(token).await, 200);
    let refused = node.send(Method::POST, token, "/v1/conversations/none/end", "{").await;
    assert_eq!((refused.status, refused.code()), (403, "insufficient_scope"));
    assert!(refused.detail().contains("access token lacks the scope conversations:write"), "{refused:?}");
    assert!(
        refused.headers[header::WWW_AUTHENTICATE].to_str().unwrap().contains("scope=\"conversations:write\"")
    );
}

#[tokio::test]
async fn a_token_is_good_until_its_lifetime_is_over_and_not_at_its_end() {
    let (clock, go_on) = standing();
    let node = Node::start_with(clients(), clock, ConsumerLimits::default());
    let token = node.token("alpha:first").await;
    go_on(LIFETIME - MILLISECOND);
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
        go_on(idle - MILLISECOND);
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
    go_on(idle - MILLISECOND);
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
    let idle = Duration::from_secs(600);
    let node = Node::start_with(idling(idle), clock, ConsumerLimits::default());
    let token = node.token("alpha:first").await;
    let issued_at = stored_use(&node, 0).await;
    go_on(Duration::from_secs(60) - MILLISECOND);
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
    go_on(Duration::from_secs(541) - MILLISECOND);
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
    let open = request(Method::GET, &token, "/v1/events").body(Body::empty()).unwrap();
    let mut stream = node.respond(open).await.into_body();
    assert!(stream.frame().await.unwrap().is_ok());
    go_on(LIFETIME);
    node.store(&place, Sequence::new(1), vec![super::said("1", "too late")]).await;
    assert!(stream.frame().await.is_none());
}

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
        let service = super::super::called_from(node.router.clone(), peer);
        tower::ServiceExt::oneshot(service, request).await.unwrap().status().as_u16()
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
