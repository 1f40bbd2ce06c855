//! How a conversation begins: anonymous, with a token, and what each kind of widget makes of a bad one.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::keys::{KEY, KID, KeyEndpoint, OTHER_KEY, claims, expired_token, now, token};
use crate::support::setup::Setup;
use crate::support::usher::Usher;
use crate::support::widget::{Ticket, Widget};

const HOUR: Duration = Duration::from_hours(1);

async fn usher() -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let usher = Usher::start(Setup::new().tenant("contoso", &keys.url())).await;
    (usher, keys)
}

fn names(frame: &Value) -> Vec<&str> {
    frame.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The first frame that comes after this one was sent.
async fn answer(usher: &Usher, path: &str, first: Value) -> (Widget, Value) {
    Widget::open(usher, path, first).await
}

#[tokio::test]
async fn an_anonymous_start_is_answered_with_all_that_a_widget_needs() {
    let (usher, _keys) = usher().await;
    let start = json!({ "type": "start", "context": { "msdyn_cartvalue": "12.50", "portalcontactid": "x" },
        "locale": "de-CH", "something_new": [1, 2] });
    let (_widget, started) = answer(&usher, "contoso/web", start).await;
    assert_eq!(
        names(&started),
        ["authentication", "context", "conversation", "limits", "queue", "resume_token", "sequence", "type"]
    );
    assert_eq!(started["type"], "started");
    assert_eq!(started["sequence"], 1);
    assert_eq!(started["queue"], "general");
    assert_eq!(started["authentication"], json!({ "status": "anonymous" }));
    let rejected = json!([{ "name": "portalcontactid", "reason": "signed_only" }]);
    assert_eq!(started["context"], json!({ "accepted": ["msdyn_cartvalue"], "rejected": rejected }));
    let limits = json!({ "message_characters": 6000, "frame_bytes": 98_304, "messages_per_minute": 0,
        "ping_seconds": 25 });
    assert_eq!(started["limits"], limits);
    let Ticket { conversation, resume_token } = Ticket::of(&started);
    let id = uuid::Uuid::parse_str(&conversation).unwrap();
    assert_eq!((id.get_version_num(), id.to_string()), (7, conversation));
    // 256 bits in base64url without padding.
    assert_eq!(resume_token.len(), 43);
    assert!(
        resume_token.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'),
        "{resume_token}"
    );
}

#[tokio::test]
async fn a_start_with_a_token_is_authenticated_until_its_exp() {
    let (usher, _keys) = usher().await;
    let issued_at = now().floor();
    let mut claims = claims("customer-1", issued_at, HOUR);
    claims["lwicontexts"] = json!({ "portalcontactid": "7", "msdyn_cartvalue": 1000.5 });
    let token = KEY.sign(KID, &claims);
    let context = json!({ "msdyn_cartvalue": 1, "page": "/cart" });
    let start = json!({ "type": "start", "token": token, "context": context });
    let (_widget, started) = answer(&usher, "contoso/web", start).await;
    assert_eq!((&started["type"], &started["sequence"]), (&json!("started"), &json!(1)));
    let authentication = &started["authentication"];
    assert_eq!(names(authentication), ["expires_at", "issuer", "refresh_by", "status", "subject"]);
    assert_eq!(authentication["status"], "authenticated");
    assert_eq!(authentication["subject"], "customer-1");
    assert_eq!(authentication["issuer"], crate::support::keys::ISSUER);
    let at = |seconds: f64| {
        let since = jiff::SignedDuration::try_from_secs_f64(seconds).unwrap();
        json!(format!("{:.3}", jiff::Timestamp::from_duration(since).unwrap()))
    };
    assert_eq!(authentication["expires_at"], at(issued_at + 3600.0));
    assert_eq!(authentication["refresh_by"], at(issued_at + 2700.0));
    let rejected = json!([{ "name": "msdyn_cartvalue", "reason": "signed_wins" }]);
    let accepted: std::collections::BTreeSet<_> =
        started["context"]["accepted"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(accepted.into_iter().collect::<Vec<_>>(), ["msdyn_cartvalue", "page", "portalcontactid"]);
    assert_eq!(started["context"]["rejected"], rejected);
}

#[tokio::test]
async fn a_start_with_a_faulty_token_is_refused_with_its_reason_and_closed_with_4500() {
    let (usher, _keys) = usher().await;
    let valid = token("customer-1", HOUR);
    let future = KEY.sign(KID, &claims("customer-1", now() + 600.0, HOUR));
    let mut anonymous = claims("customer-1", now(), HOUR);
    anonymous.as_object_mut().unwrap().remove("sub");
    for (faulty, code) in [
        (expired_token("customer-1", HOUR), "expired"),
        (future, "issued_in_future"),
        (KEY.sign(KID, &anonymous), "missing_claim"),
        (OTHER_KEY.sign(KID, &claims("customer-1", now(), HOUR)), "bad_signature"),
        (valid.rsplit_once('.').unwrap().0.to_owned(), "malformed"),
        ("x".repeat(16_385), "too_large"),
        (String::new(), "malformed"),
    ] {
        let mut widget = Widget::connect(&usher, "contoso/web").await;
        widget.send(json!({ "type": "start", "token": faulty })).await;
        let error = widget.expect_error(code).await;
        assert_eq!((&error["in_reply_to"], &error["temporary"]), (&json!("start"), &json!(false)));
        assert_eq!(widget.expect_close(4500).await, "token_refused");
    }
}

#[tokio::test]
async fn a_kid_that_the_set_lacks_is_unknown_kid_after_a_refetch() {
    let (usher, _keys) = usher().await;
    let unknown = KEY.sign("another", &claims("customer-1", now(), HOUR));
    let mut widget = Widget::connect(&usher, "contoso/web").await;
    widget.send(json!({ "type": "start", "token": unknown })).await;
    widget.expect_error("unknown_kid").await;
    widget.expect_close(4500).await;
}

#[tokio::test]
async fn without_any_keys_a_token_is_keys_unavailable_and_the_widget_comes_again() {
    let (usher, keys) = usher().await;
    keys.fail();
    let mut widget = Widget::connect(&usher, "contoso/web").await;
    widget.send(json!({ "type": "start", "token": token("customer-1", HOUR) })).await;
    let error = widget.expect_error("keys_unavailable").await;
    assert_eq!(error["temporary"], true);
    assert!(error["retry_after_ms"].as_u64().is_some(), "{error}");
    let reason = widget.expect_close(4005).await;
    assert!(reason.starts_with("try_again;retry_after_ms="), "{reason}");
}

#[tokio::test]
async fn a_widget_that_takes_bad_tokens_as_anonymous_says_what_was_wrong_first() {
    let (usher, _keys) = usher().await;
    let mut widget = Widget::connect(&usher, "contoso/lenient").await;
    widget.send(json!({ "type": "start", "token": expired_token("customer-1", HOUR) })).await;
    widget.expect_error("expired").await;
    let started = widget.expect("started").await;
    assert_eq!(started["authentication"], json!({ "status": "anonymous" }));
    let (_widget, _) = Widget::sign_in(&usher, "contoso/lenient", &token("customer-1", HOUR)).await;
}

#[tokio::test]
async fn a_widget_that_requires_tokens_starts_with_a_valid_one_only() {
    let (usher, _keys) = usher().await;
    for (first, code) in [
        (json!({ "type": "start" }), "authentication_required"),
        (json!({ "type": "start", "token": expired_token("customer-1", HOUR) }), "expired"),
    ] {
        let mut widget = Widget::connect(&usher, "contoso/strict").await;
        widget.send(first).await;
        widget.expect_error(code).await;
        assert_eq!(widget.expect_close(4500).await, "token_refused");
    }
    let (mut widget, _) = Widget::sign_in(&usher, "contoso/strict", &token("customer-1", HOUR)).await;
    widget.say("m1", "signed in").await;
}

#[tokio::test]
async fn a_widget_without_authentication_ignores_tokens() {
    let (usher, keys) = usher().await;
    keys.fail();
    for ignored in [token("customer-1", HOUR), "no token at all".to_owned()] {
        let start = json!({ "type": "start", "token": ignored });
        let (_widget, started) = answer(&usher, "contoso/open", start).await;
        assert_eq!(started["type"], "started");
        assert_eq!(started["authentication"], json!({ "status": "anonymous" }));
    }
}

#[tokio::test]
async fn one_tenants_token_says_nothing_to_another() {
    let (mine, others) = (KeyEndpoint::start().await, json!([OTHER_KEY.entry(KID, None)]));
    let others = KeyEndpoint::publishing(&others).await;
    let setup = Setup::new().tenant("contoso", &mine.url()).tenant("fabrikam", &others.url());
    let usher = Usher::start(setup).await;
    let mut widget = Widget::connect(&usher, "fabrikam/web").await;
    widget.send(json!({ "type": "start", "token": token("customer-1", HOUR) })).await;
    widget.expect_error("bad_signature").await;
    widget.expect_close(4500).await;
}

#[tokio::test]
async fn the_longest_token_that_a_tenant_takes_fits_into_a_frame() {
    let keys = KeyEndpoint::start().await;
    let tenant = format!(
        "[authentication]\npublic_key_url = \"{}\"\nmax_token_bytes = 65536\n\
         [widgets.web]\nauthentication = \"optional\"\nallowed_origins = [\"*\"]\n",
        keys.url()
    );
    let usher = Usher::start(Setup::new().tenant_file("contoso", tenant)).await;
    let (_widget, started) = answer(&usher, "contoso/web", json!({ "type": "start" })).await;
    assert_eq!((&started["limits"]["frame_bytes"], &started["queue"]), (&json!(98_304), &json!("default")));
    for (length, code) in [(65_535, "malformed"), (65_536, "malformed"), (65_537, "too_large")] {
        let mut widget = Widget::connect(&usher, "contoso/web").await;
        widget.send(json!({ "type": "start", "token": "x".repeat(length) })).await;
        widget.expect_error(code).await;
        widget.expect_close(4500).await;
    }
}
