use serde_json::json;

use super::{CUSTOMER, HOUR, events, usher};
use crate::support::keys::{KEY, KID, OTHER_KEY, claims, now, token_of};
use crate::support::widget::Widget;

/// Tokens that are refused whatever the state, each with its reason.
fn faulty() -> Vec<(String, &'static str)> {
    let hour = std::time::Duration::from_hours(1);
    let mut nobodys = claims(CUSTOMER, now(), hour);
    nobodys.as_object_mut().unwrap().remove("sub");
    vec![
        (String::new(), "malformed"),
        ("no token".to_owned(), "malformed"),
        ("x".repeat(16_385), "too_large"),
        (OTHER_KEY.sign(KID, &claims(CUSTOMER, now(), hour)), "bad_signature"),
        (KEY.sign("another", &claims(CUSTOMER, now(), hour)), "unknown_kid"),
        (KEY.sign(KID, &nobodys), "missing_claim"),
        (KEY.sign(KID, &claims(CUSTOMER, now() + 600.0, hour)), "issued_in_future"),
        (token_of(CUSTOMER, HOUR, -1.0), "expired"),
    ]
}

#[tokio::test]
async fn a_failed_authenticate_changes_neither_the_state_nor_the_connection() {
    let (usher, _keys) = usher().await;
    let (mut signed_in, hers) = Widget::sign_in(&usher, "contoso/web", &token_of(CUSTOMER, 60.0, HOUR)).await;
    let (mut anonymous, nobodys) = Widget::start(&usher, "contoso/web").await;
    let (mut lenient, lenients) = Widget::start(&usher, "contoso/lenient").await;
    let tokens = faulty();
    for (token, code) in &tokens {
        for widget in [&mut signed_in, &mut anonymous, &mut lenient] {
            widget.authenticate(token).await;
            let error = widget.expect_error(code).await;
            assert_eq!(error["in_reply_to"], "authenticate");
            assert!(token.is_empty() || !error.to_string().contains(token), "{error}");
        }
    }
    signed_in.authenticate(&token_of("customer-2", 0.0, HOUR)).await;
    signed_in.expect_error("subject_mismatch").await;
    for (widget, ticket, authenticated) in
        [(&mut signed_in, &hers, true), (&mut anonymous, &nobodys, false), (&mut lenient, &lenients, false)]
    {
        widget.say("m1", "as before").await;
        let events = events(&usher, ticket).await;
        assert_eq!((events.len(), &events[1]["data"]["authenticated"]), (2, &json!(authenticated)));
    }
    let log = usher.log();
    for (token, _) in tokens.iter().filter(|(token, _)| token.len() > 10) {
        assert!(!log.contains(&token[..token.len() / 2]), "a token stands in the log");
    }
    // All of them are as good as before.
    anonymous.authenticated(&token_of("customer-2", 0.0, HOUR), "token_presented").await;
}

#[tokio::test]
async fn without_any_keys_it_is_temporary_and_the_connection_stays() {
    let (usher, keys) = usher().await;
    keys.fail();
    let (mut widget, _) = Widget::start(&usher, "contoso/web").await;
    widget.authenticate(&token_of(CUSTOMER, 0.0, HOUR)).await;
    let error = widget.expect_error("keys_unavailable").await;
    assert_eq!(error["temporary"], true);
    assert!(error["retry_after_ms"].as_u64().is_some(), "{error}");
    widget.say("m1", "still here").await;
}

#[tokio::test]
async fn before_a_first_frame_authenticate_is_out_of_order() {
    let (usher, _keys) = usher().await;
    let mut widget = Widget::connect(&usher, "contoso/web").await;
    widget.authenticate(&token_of(CUSTOMER, 0.0, HOUR)).await;
    assert_eq!(widget.expect_error("out_of_order").await["in_reply_to"], "authenticate");
    widget.send(json!({ "type": "start" })).await;
    assert_eq!(widget.expect("started").await["authentication"]["status"], "anonymous");
}

#[tokio::test]
async fn an_authenticate_without_a_token_is_a_bad_frame() {
    let (usher, _keys) = usher().await;
    let (mut widget, _) = Widget::start(&usher, "contoso/web").await;
    for frame in [
        json!({ "type": "authenticate" }),
        json!({ "type": "authenticate", "token": null }),
        json!({ "type": "authenticate", "token": 7 }),
        json!({ "type": "authenticate", "token": {} }),
    ] {
        widget.send(frame).await;
        assert_eq!(widget.expect_error("bad_frame").await["in_reply_to"], "authenticate");
    }
    widget.say("m1", "still here").await;
}
