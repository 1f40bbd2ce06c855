use serde_json::json;

use super::{CUSTOMER, HOUR, events, join, nothing, usher};
use crate::support::keys::{now, token_of, token_saying};
use crate::support::seconds;
use crate::support::widget::{Ticket, Widget};

#[tokio::test]
async fn a_sign_in_during_the_chat_is_told_journaled_and_marks_what_follows() {
    let (usher, _keys) = usher().await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    widget.say("m1", "nobody knows me").await;
    let token = token_saying(CUSTOMER, 10.0, HOUR, &json!({ "tier": "gold" }));
    let told = widget.authenticated(&token, "token_presented").await;
    let names: Vec<_> = told.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["authentication", "context", "reason", "resume_token", "sequence", "type"]);
    assert_eq!(told["sequence"], 3);
    assert_eq!(told["context"], json!({ "accepted": ["tier"], "rejected": [] }));
    let authentication = &told["authentication"];
    assert_eq!(
        (&authentication["status"], &authentication["subject"]),
        (&json!("authenticated"), &json!(CUSTOMER))
    );
    assert!((seconds(&authentication["expires_at"]) - now() - HOUR).abs() < 60.0, "{told}");
    widget.say("m2", "now they do").await;
    let events = events(&usher, &ticket).await;
    let signed_in = &events[2];
    assert_eq!(signed_in["type"], "usher.conversation.authenticated");
    assert_eq!(signed_in["data"]["reason"], "token_presented");
    assert_eq!(&signed_in["data"]["authentication"], authentication);
    assert_eq!(signed_in["data"]["changed"], json!(["tier"]));
    assert_eq!(signed_in["data"]["variables"]["tier"]["verified"], true);
    let marks: Vec<_> = [&events[1], &events[3]].map(|event| event["data"]["authenticated"].clone()).into();
    assert_eq!(marks, [false, true]);

    let (mut again, resumed) =
        Widget::open(&usher, "contoso/web", ticket.renewed_by(&told).resume_with(&token)).await;
    assert_eq!(resumed["resume_token"], told["resume_token"]);
    assert_eq!(again.expect("message").await["authenticated"], false);
    let mut replayed = told.clone();
    replayed.as_object_mut().unwrap().remove("resume_token");
    assert_eq!(again.expect("authentication").await, replayed);
    assert_eq!(again.expect("message").await["authenticated"], true);
}

#[tokio::test]
async fn after_the_time_has_run_out_any_valid_token_of_the_identity_signs_in_again() {
    let (usher, _keys) = usher().await;
    let brief = token_of(CUSTOMER, 10.0, 2.0);
    let (mut first, ticket) = Widget::sign_in(&usher, "contoso/web", &brief).await;
    let mut second = join(&usher, "contoso/web", &ticket, 1, &brief).await;
    for widget in [&mut first, &mut second] {
        assert_eq!(widget.told("token_expired").await["sequence"], 2);
    }
    first.say("m1", "in between").await;
    second.expect("message").await;
    first.authenticate(&token_of("customer-2", 0.0, HOUR)).await;
    first.expect_error("subject_mismatch").await;
    first.authenticate(&brief).await;
    first.expect_error("expired").await;
    // Issued before the one that ran out.
    let told = first.authenticated(&token_of(CUSTOMER, 1000.0, HOUR), "token_presented").await;
    assert_eq!((&told["sequence"], told.get("resume_token")), (&json!(4), None));
    assert_eq!(told["context"], nothing());
    assert_eq!(second.expect("authentication").await, told);
    // Among those that live the order of their times holds again.
    let unchanged = second.authenticated(&token_of(CUSTOMER, 2000.0, HOUR), "unchanged").await;
    assert_eq!(unchanged["sequence"], 4);
    second.authenticated(&token_of(CUSTOMER, 500.0, HOUR), "token_refreshed").await;
    first.told("token_refreshed").await;
    let kinds: Vec<_> =
        events(&usher, &ticket).await.iter().map(|event| event["data"]["reason"].clone()).collect();
    let expected = json!([null, "token_expired", null, "token_presented", "token_refreshed"]);
    assert_eq!(json!(kinds), expected);
}

#[tokio::test]
async fn an_authentication_that_a_refresh_prolonged_ends_at_its_new_time_once() {
    let (usher, _keys) = usher().await;
    let (mut widget, ticket) = Widget::sign_in(&usher, "contoso/web", &token_of(CUSTOMER, 10.0, 1.5)).await;
    let told = widget.authenticated(&token_of(CUSTOMER, 5.0, 3.0), "token_refreshed").await;
    assert_eq!(widget.told("token_expired").await["sequence"], 3);
    assert!(now() >= seconds(&told["authentication"]["expires_at"]));
    let events = events(&usher, &ticket).await;
    assert_eq!((events.len(), &events[2]["data"]["previous"]), (3, &told["authentication"]));
}

#[tokio::test]
async fn a_refresh_can_bring_the_end_forward() {
    let (usher, _keys) = usher().await;
    let (mut widget, ticket) = Widget::sign_in(&usher, "contoso/web", &token_of(CUSTOMER, 10.0, HOUR)).await;
    let told = widget.authenticated(&token_of(CUSTOMER, 1.0, 2.0), "token_refreshed").await;
    assert_eq!(widget.told("token_expired").await["sequence"], 3);
    let events = events(&usher, &ticket).await;
    assert_eq!(events[2]["data"]["previous"], told["authentication"]);
}

#[tokio::test]
async fn a_refresh_outlives_a_crash() {
    let (mut usher, _keys) = usher().await;
    let (mut widget, started) = Widget::open(
        &usher,
        "contoso/web",
        json!({ "type": "start", "token": token_of(CUSTOMER, 10.0, 3.0) }),
    )
    .await;
    let fresh = token_of(CUSTOMER, 5.0, HOUR);
    let told = widget.authenticated(&fresh, "token_refreshed").await;
    usher.restart().await;
    crate::support::until_time(seconds(&started["authentication"]["expires_at"])).await;
    let (_widget, resumed) =
        Widget::open(&usher, "contoso/web", Ticket::of(&started).resume_with(&fresh)).await;
    assert_eq!((&resumed["sequence"], &resumed["authentication"]), (&json!(2), &told["authentication"]));
    assert_eq!(events(&usher, &Ticket::of(&started)).await.len(), 2);
}

#[tokio::test]
async fn each_change_is_counted_and_so_are_the_sockets_under_what_stands() {
    let (usher, _keys) = usher().await;
    let (mut first, ticket) = Widget::start(&usher, "contoso/web").await;
    let told = first.authenticated(&token_of(CUSTOMER, 100.0, 600.0), "token_presented").await;
    let token = token_of(CUSTOMER, 10.0, 3.0);
    let ticket = ticket.renewed_by(&told);
    let mut second = join(&usher, "contoso/web", &ticket, 2, &token_of(CUSTOMER, 200.0, 600.0)).await;
    second.authenticated(&token, "token_refreshed").await;
    let count = async |series: &str| usher.metric(series).await.unwrap();
    let (authenticated, anonymous) = (
        "usher_connections{authentication=\"authenticated\"}",
        "usher_connections{authentication=\"anonymous\"}",
    );
    assert_eq!((count(authenticated).await, count(anonymous).await), (2.0, 0.0));
    for widget in [&mut first, &mut second] {
        while widget.expect("authentication").await["reason"] != "token_expired" {}
    }
    assert_eq!((count(authenticated).await, count(anonymous).await), (0.0, 2.0));
    for (to, reason, times) in [
        ("authenticated", "token_presented", 1.0),
        ("authenticated", "token_refreshed", 1.0),
        ("anonymous", "token_expired", 1.0),
    ] {
        let series = format!("usher_authentication_transitions_total{{reason=\"{reason}\",to=\"{to}\"}}");
        assert_eq!(usher.metric(&series).await, Some(times), "{series}");
    }
}
