//! The conversations that go on.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    HOUR, WITHIN, ago, consumer, downgrades, is_authenticated, issued, lift, of, refusal, revoke, told, usher,
};
use crate::support::consumer::Consumer;
use crate::support::keys::{ISSUER, KEY, KID, claims, now};
use crate::support::setup::FABRIKAMS;
use crate::support::usher::Usher;
use crate::support::widget::Widget;

/// Signs three customers in, revokes, and looks at who is reached.
async fn reaches(usher: &Usher, target: &Value, reached: [bool; 3]) {
    let token = issued("customer-1", 30.0);
    let (one, first) = Widget::sign_in(usher, "contoso/web", &token).await;
    let (two, second) = Widget::sign_in(usher, "contoso/strict", &issued("customer-2", 30.0)).await;
    let (three, third) = Widget::sign_in(usher, "fabrikam/web", &token).await;
    let mut chats = [(one, first), (two, second), (three, third)];
    let (id, matched) = revoke(usher, target).await;
    assert_eq!(matched, reached.iter().filter(|reached| **reached).count() as u64, "{target}");
    for ((widget, ticket), reached) in chats.iter_mut().zip(reached) {
        if reached {
            assert_eq!(told(widget).await["sequence"], 2, "{target}");
            assert_eq!(downgrades(usher, &ticket.conversation).await, ["revoked"]);
        }
        assert_eq!(is_authenticated(usher, &ticket.conversation).await, !reached, "{target}");
        widget.send(json!({ "type": "ping" })).await;
        widget.expect("pong").await;
    }
    for ((path, subject), reached) in
        [("contoso/web", "customer-1"), ("contoso/web", "customer-2"), ("fabrikam/web", "customer-1")]
            .into_iter()
            .zip(reached)
    {
        let refused = refusal(usher, path, &issued(subject, 20.0)).await;
        assert_eq!(refused.as_deref(), reached.then_some("revoked"), "{target} {path} {subject}");
    }
    lift(usher, &id).await;
    assert_eq!(refusal(usher, "contoso/web", &token).await, None, "{target} was lifted");
    // Lifting brings nothing back.
    assert_eq!(is_authenticated(usher, &chats[0].1.conversation).await, !reached[0]);
    for (widget, _) in &mut chats {
        widget.send(json!({ "type": "end" })).await;
        widget.expect("ended").await;
    }
}

#[tokio::test]
async fn a_customers_conversations_are_downgraded_within_a_second_and_no_others() {
    let (usher, _keys) = usher().await;
    reaches(&usher, &of("customer-1"), [true, false, false]).await;
}

#[tokio::test]
async fn everyones_are() {
    let (usher, _keys) = usher().await;
    reaches(&usher, &json!({ "tenant": "contoso", "everyone": true }), [true, true, false]).await;
}

#[tokio::test]
async fn those_of_a_keys_name_are() {
    let (usher, _keys) = usher().await;
    reaches(&usher, &json!({ "tenant": "contoso", "kid": KID }), [true, true, false]).await;
}

#[tokio::test]
async fn those_of_a_key_are() {
    let (usher, _keys) = usher().await;
    reaches(&usher, &json!({ "tenant": "contoso", "fingerprint": KEY.fingerprint() }), [true, true, false])
        .await;
}

#[tokio::test]
async fn one_conversation_is_and_its_customers_others_are_not() {
    let (usher, _keys) = usher().await;
    let old = issued("customer-1", 60.0);
    let (mut widget, ticket) = Widget::sign_in(&usher, "contoso/web", &old).await;
    let (_other, others) = Widget::sign_in(&usher, "contoso/web", &old).await;
    let target = json!({ "conversation": ticket.conversation });
    assert_eq!(revoke(&usher, &target).await.1, 1);
    assert_eq!(told(&mut widget).await["sequence"], 2);
    assert!(is_authenticated(&usher, &others.conversation).await);
    assert_eq!(refusal(&usher, "contoso/web", &old).await, None);
    let listed = consumer(&usher).all("/v1/revocations").await;
    assert_eq!((listed.len(), &listed[0]["conversation"]), (1, &json!(ticket.conversation)));
    assert_eq!((&listed[0]["tenant"], &listed[0]["client"]), (&json!("contoso"), &json!("router")));
    assert_eq!(revoke(&usher, &target).await.1, 0);
    assert_eq!(downgrades(&usher, &ticket.conversation).await, ["revoked"]);
}

#[tokio::test]
async fn after_it_only_a_later_token_signs_in_again() {
    let (usher, _keys) = usher().await;
    let (old, later) = (issued("customer-1", 60.0), issued("customer-1", 59.0));
    let (mut widget, ticket) = Widget::sign_in(&usher, "contoso/web", &old).await;
    revoke(&usher, &json!({ "conversation": ticket.conversation })).await;
    told(&mut widget).await;
    widget.send(json!({ "type": "authenticate", "token": old })).await;
    widget.expect_error("revoked").await;
    let mut second = Widget::connect(&usher, "contoso/web").await;
    second.send(ticket.resume_with(&old)).await;
    second.expect_error("authentication_required").await;
    second.send(ticket.resume_with(&later)).await;
    assert_eq!(second.expect("resumed").await["authentication"]["status"], "authenticated");
    widget.told("token_presented").await;
}

#[tokio::test]
async fn an_authentication_that_ended_by_itself_is_barred_too() {
    let (usher, _keys) = usher().await;
    let token = |ago: f64, lifetime| KEY.sign(KID, &claims("customer-1", now() - ago, lifetime));
    let brief = token(10.0, Duration::from_millis(11_500));
    let (mut widget, ticket) = Widget::sign_in(&usher, "contoso/web", &brief).await;
    widget.told("token_expired").await;
    assert_eq!(revoke(&usher, &json!({ "conversation": ticket.conversation })).await.1, 0);
    widget.send(json!({ "type": "authenticate", "token": token(20.0, HOUR) })).await;
    widget.expect_error("revoked").await;
    widget.send(json!({ "type": "authenticate", "token": token(0.0, HOUR) })).await;
    widget.told("token_presented").await;
    assert_eq!(downgrades(&usher, &ticket.conversation).await, ["token_expired"]);
}

#[tokio::test]
async fn a_conversation_without_a_widget_is_downgraded_as_well() {
    let (usher, _keys) = usher().await;
    let (widget, ticket) = Widget::sign_in(&usher, "contoso/web", &issued("customer-1", 30.0)).await;
    widget.close().await;
    let mut stream = consumer(&usher).stream("?after=latest").await;
    revoke(&usher, &of("customer-1")).await;
    let event = tokio::time::timeout(WITHIN, stream.expect("usher.conversation.downgraded")).await;
    let event = event.expect("consumers are told within a second");
    assert_eq!(
        (&event["subject"], &event["data"]["reason"]),
        (&json!(ticket.conversation), &json!("revoked"))
    );
    assert_eq!(event["data"]["previous"]["subject"], "customer-1");
}

#[tokio::test]
async fn tokens_issued_since_keep_their_conversations() {
    let (usher, _keys) = usher().await;
    let (mut older, _) = Widget::sign_in(&usher, "contoso/web", &issued("customer-1", 61.0)).await;
    let (mut newer, ticket) = Widget::sign_in(&usher, "contoso/web", &issued("customer-1", 10.0)).await;
    let mut target = of("customer-1");
    target["issued_before"] = ago(30.0).into();
    assert_eq!(revoke(&usher, &target).await.1, 1);
    told(&mut older).await;
    newer.say("m1", "still signed in").await;
    assert!(is_authenticated(&usher, &ticket.conversation).await);
}

#[tokio::test]
async fn an_anonymous_conversation_of_the_same_customer_is_left_alone() {
    let (usher, _keys) = usher().await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    assert_eq!(revoke(&usher, &of("customer-1")).await.1, 0);
    widget.send(json!({ "type": "authenticate", "token": issued("customer-1", 30.0) })).await;
    widget.expect_error("revoked").await;
    widget.say("m1", "anonymous").await;
    assert_eq!(consumer(&usher).events(&ticket.conversation).await.len(), 2);
}

#[tokio::test]
async fn another_tenants_client_revokes_nothing_here() {
    let (usher, _keys) = usher().await;
    let (_widget, ticket) = Widget::sign_in(&usher, "contoso/web", &issued("customer-1", 30.0)).await;
    let stranger = Consumer::new(&usher, FABRIKAMS);
    for (target, status) in [
        (json!({ "tenant": "contoso", "everyone": true }), 403),
        (json!({ "tenant": "contoso", "subject": "customer-1", "issuer": ISSUER }), 403),
        (json!({ "conversation": ticket.conversation }), 404),
    ] {
        assert_eq!(stranger.post("/v1/revocations", &target).await.status, status, "{target}");
    }
    assert!(is_authenticated(&usher, &ticket.conversation).await);
}
