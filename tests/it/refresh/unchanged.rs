use serde_json::json;

use super::{CUSTOMER, HOUR, events, join, nothing, usher};
use crate::support::keys::{ISSUER, KEY, KID, now, token_saying};
use crate::support::seconds;
use crate::support::widget::{Ticket, Widget};

/// The customer's token with exactly these times.
fn between(issued_at: f64, end: f64) -> String {
    KEY.sign(KID, &json!({ "iss": ISSUER, "sub": CUSTOMER, "iat": issued_at, "exp": end }))
}

#[tokio::test]
async fn a_token_that_is_no_fresher_changes_nothing_and_is_answered_on_its_socket_alone() {
    let (usher, _keys) = usher().await;
    let at = now();
    let first_token = between(at - 100.0, at + HOUR);
    let (mut first, started) =
        Widget::open(&usher, "contoso/web", json!({ "type": "start", "token": first_token })).await;
    let ticket = Ticket::of(&started);
    first.say("m1", "Hello").await;
    let mut second = join(&usher, "contoso/web", &ticket, 2, &first_token).await;
    let before = events(&usher, &ticket).await;
    let expected = json!({ "type": "authentication", "authentication": started["authentication"],
        "reason": "unchanged", "sequence": 2, "context": nothing() });
    for (what, token) in [
        ("the same again", first_token),
        ("an older iat", between(at - 101.0, at + HOUR)),
        ("an older iat and a later end", between(at - 101.0, at + 2.0 * HOUR)),
        ("the same iat and an earlier end", between(at - 100.0, at + HOUR - 1.0)),
    ] {
        second.authenticate(&token).await;
        assert_eq!(second.expect("authentication").await, expected, "{what}");
    }
    first.expect_nothing().await;
    assert_eq!(events(&usher, &ticket).await, before);
}

#[tokio::test]
async fn a_greater_iat_or_an_equal_one_and_a_later_end_refreshes() {
    let (usher, _keys) = usher().await;
    let at = now();
    let first_token = between(at - 100.0, at + HOUR);
    let (mut first, ticket) = Widget::sign_in(&usher, "contoso/web", &first_token).await;
    let mut second = join(&usher, "contoso/web", &ticket, 1, &first_token).await;
    for (sequence, issued_at, end) in
        [(2, at - 100.0, at + HOUR + 1.0), (3, at - 99.0, at + 600.0), (4, at - 98.0, at + HOUR)]
    {
        let told = first.authenticated(&between(issued_at, end), "token_refreshed").await;
        assert_eq!((&told["sequence"], told.get("resume_token")), (&json!(sequence), None));
        assert_eq!(second.expect("authentication").await, told);
        assert!((seconds(&told["authentication"]["expires_at"]) - end).abs() < 0.01, "{told}");
    }
    let refreshed = &events(&usher, &ticket).await[1..];
    assert_eq!(refreshed.len(), 3);
    for event in refreshed {
        assert_eq!(event["type"], "usher.conversation.authenticated");
        assert_eq!(event["data"]["reason"], "token_refreshed");
        assert_eq!(event["data"]["changed"], json!([]));
    }
}

#[tokio::test]
async fn a_refreshed_tokens_variables_replace_the_former_tokens() {
    let (usher, _keys) = usher().await;
    let first = json!({ "msdyn_cartvalue": 10, "portalcontactid": "7", "tier": "gold" });
    let second = json!({ "msdyn_cartvalue": 20, "portalcontactid": "7", "account": "A-1" });
    let start = json!({ "type": "start", "token": token_saying(CUSTOMER, 20.0, HOUR, &first),
        "context": { "page": "/cart", "account": "claimed" } });
    let (mut widget, started) = Widget::open(&usher, "contoso/web", start).await;
    let ticket = Ticket::of(&started);
    let refreshed = token_saying(CUSTOMER, 10.0, HOUR, &second);
    let told = widget.authenticated(&refreshed, "token_refreshed").await;
    let mut accepted: Vec<_> = told["context"]["accepted"].as_array().unwrap().clone();
    accepted.sort_by_key(ToString::to_string);
    assert_eq!(accepted, ["account", "msdyn_cartvalue", "portalcontactid"]);
    assert_eq!(told["context"]["rejected"], json!([]));
    let events = events(&usher, &ticket).await;
    let data = &events[1]["data"];
    assert_eq!(data["changed"], json!(["account", "msdyn_cartvalue", "tier"]));
    let variables: Vec<_> = data["variables"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, variable)| (name.as_str(), &variable["raw"], variable["verified"].as_bool().unwrap()))
        .collect();
    let (account, cart, page, contact) = (json!("A-1"), json!(20), json!("/cart"), json!("7"));
    assert_eq!(
        variables,
        [
            ("account", &account, true),
            ("msdyn_cartvalue", &cart, true),
            ("page", &page, false),
            ("portalcontactid", &contact, true)
        ]
    );
}

#[tokio::test]
async fn a_tokens_variables_that_are_not_taken_are_told_and_do_not_hinder_the_refresh() {
    let (usher, _keys) = usher().await;
    let (mut widget, _) =
        Widget::sign_in(&usher, "contoso/web", &token_saying(CUSTOMER, 20.0, HOUR, &json!({}))).await;
    let variables = json!({ "msdyn_cartvalue": "much", "nested": { "a": 1 }, "tier": "gold" });
    let told = widget.authenticated(&token_saying(CUSTOMER, 10.0, HOUR, &variables), "token_refreshed").await;
    assert_eq!(told["context"]["accepted"], json!(["tier"]));
    let mut rejected = told["context"]["rejected"].as_array().unwrap().clone();
    rejected.sort_by_key(ToString::to_string);
    let wrong = |name: &str| json!({ "name": name, "reason": "wrong_type" });
    assert_eq!(rejected, [wrong("msdyn_cartvalue"), wrong("nested")]);
}
