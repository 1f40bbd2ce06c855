//! `POST /oauth/token`: what it gives out and what it refuses.

use axum::body::Body;
use axum::http::{Method, Request, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::config::Scope;
use crate::journal::Fault;

use super::{Answer, Node, request};

const FORM: &str = "application/x-www-form-urlencoded";
pub(super) const GRANT: &str = "grant_type=client_credentials";

pub(super) fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

/// A request for a token with these credentials in the header, where there are some.
pub(super) fn asking(authorization: &str, form: &str) -> Request<Body> {
    let mut request = Request::post("/oauth/token").header(header::CONTENT_TYPE, FORM);
    if !authorization.is_empty() {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    request.body(form.to_owned().into()).unwrap()
}

impl Node {
    pub(super) async fn ask(&self, pair: &str, form: &str) -> Answer {
        self.answer(asking(&basic(pair), form)).await
    }

    /// A token for this client, with all its scopes.
    pub(super) async fn token(&self, pair: &str) -> String {
        let answer = self.ask(pair, GRANT).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["access_token"].as_str().unwrap().to_owned()
    }

    pub(super) async fn status(&self, key: &str) -> u16 {
        self.get(key, "/v1/conversations").await.status
    }
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
