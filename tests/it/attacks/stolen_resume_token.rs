use serde_json::{Value, json};

use super::{ADA, BEN, FABRIKAMS_KID, HOUR, LIFETIME, SECRET, World, adas, changed_token, refused_for_now};
use crate::support::keys::{ISSUER, KEY, KID, OTHER_KEY, claims, now, token_of};
use crate::support::widget::{Ticket, Widget};

/// The thief's tries, and what is said to each while the conversation is authenticated.
fn tries() -> Vec<(Value, &'static str)> {
    let theirs = |kid: &str| OTHER_KEY.sign(kid, &claims(ADA, now(), LIFETIME)).into();
    let text = |token: String| Value::from(token);
    vec![
        (Value::Null, "authentication_required"),
        (text(token_of(ADA, HOUR, -60.0)), "expired"),
        (text(token_of(BEN, 0.0, HOUR)), "subject_mismatch"),
        (text(token_of(BEN, HOUR, -60.0)), "subject_mismatch"),
        (text(changed_token(&json!({ "iss": "https://www.fabrikam.com" }))), "subject_mismatch"),
        (text(changed_token(&json!({ "iss": format!("{ISSUER}/") }))), "subject_mismatch"),
        (text(changed_token(&json!({ "sub": ADA.to_uppercase() }))), "subject_mismatch"),
        (text(changed_token(&json!({ "sub": format!("{ADA} ") }))), "subject_mismatch"),
        (theirs(KID), "bad_signature"),
        (theirs(FABRIKAMS_KID), "unknown_kid"),
        (text(KEY.sign("", &claims(ADA, now(), LIFETIME))), "unknown_kid"),
        (text("no token".to_owned()), "malformed"),
        (text(String::new()), "malformed"),
    ]
}

fn resume(ticket: &Ticket, token: &Value) -> Value {
    token.as_str().map_or_else(|| ticket.resume(), |token| ticket.resume_with(token))
}

#[tokio::test]
async fn a_stolen_resume_token_shows_nothing_without_a_token_of_the_owners() {
    let world = World::start().await;
    let (mut adas_socket, ticket) = world.secret_chat("web", &adas(0.0)).await;
    for (token, code) in tries() {
        let mut socket = world.connect("web").await;
        refused_for_now(&mut socket, &resume(&ticket, &token), code).await;
        // How long the conversation is doesn't show either.
        let mut past_the_end = resume(&ticket, &token);
        past_the_end["after"] = 1_000_000.into();
        refused_for_now(&mut socket, &past_the_end, code).await;
        // It is open for another try, this time with what the thief has not.
        socket.send(ticket.resume_with(&adas(60.0))).await;
        assert_eq!(socket.expect("resumed").await["replayed"], 1);
        assert_eq!(socket.expect("message").await["text"], SECRET);
        socket.close().await;
    }
    adas_socket.expect_nothing().await;
    assert_eq!(world.consumer().kinds(&ticket.conversation).await, ["started", "message"]);
}

#[tokio::test]
async fn in_a_widget_that_requires_tokens_the_thief_has_one_try() {
    let world = World::start().await;
    let (_adas_socket, ticket) = world.secret_chat("strict", &adas(0.0)).await;
    for (token, code) in tries() {
        world.refuses("contoso/strict", &resume(&ticket, &token), code).await;
    }
}

#[tokio::test]
async fn after_the_downgrade_only_the_owners_expired_token_opens_it_and_as_anonymous() {
    let world = World::start().await;
    let (mut adas_socket, ticket) = world.secret_chat("web", &token_of(ADA, 10.0, 1.5)).await;
    adas_socket.told("token_expired").await;
    for (token, code) in tries().into_iter().filter(|(_, code)| *code != "expired") {
        let mut thief = world.connect("web").await;
        refused_for_now(&mut thief, &resume(&ticket, &token), code).await;
    }
    let expired = ticket.resume_with(&token_of(ADA, HOUR, -60.0));
    let (mut widget, resumed) = world.open("web", expired).await;
    assert_eq!(resumed["authentication"], json!({ "status": "anonymous" }));
    assert_eq!(widget.expect("message").await["text"], SECRET);
    widget.told("token_expired").await;
    widget.say("m2", "who says this is not known").await;
    let said = world.consumer().events_of(&ticket.conversation, "message").await;
    assert_eq!(said[1]["data"]["authenticated"], false);
}

#[tokio::test]
async fn a_tenant_that_mints_the_same_issuer_and_subject_reaches_nothing_of_anothers() {
    let world = World::start().await;
    let (_adas_socket, ticket) = world.secret_chat("web", &adas(0.0)).await;
    let theirs = OTHER_KEY.sign(KID, &claims(ADA, now(), LIFETIME));
    for resume in [ticket.resume(), ticket.resume_with(&theirs), ticket.resume_with(&adas(0.0))] {
        world.refuses("fabrikam/web", &resume, "unknown_conversation").await;
    }
    let start = json!({ "type": "start", "token": theirs, "continue": true });
    let (mut widget, started) = Widget::open(&world.usher, "fabrikam/web", start).await;
    assert_eq!((&started["type"], &started["sequence"]), (&json!("started"), &json!(1)));
    widget.expect_nothing().await;
}

#[tokio::test]
async fn on_a_socket_that_is_in_it_another_identity_signs_nobody_in_and_nobody_out() {
    let world = World::start().await;
    let (mut adas_socket, ticket) = world.secret_chat("web", &adas(0.0)).await;
    for (token, code) in tries() {
        // Whose a token is that ran out shows on a resume alone.
        let Some(token) = token.as_str() else { continue };
        adas_socket.authenticate(token).await;
        let error = adas_socket.expect("error").await;
        let ran_out = error["code"] == "expired" && code == "subject_mismatch";
        assert!(ran_out || error["code"] == code, "{code}: {error}");
        assert_eq!(error["in_reply_to"], "authenticate");
    }
    adas_socket.say("m2", "still me").await;
    assert_eq!(world.consumer().kinds(&ticket.conversation).await, ["started", "message", "message"]);
    let summary = world.consumer().summary(&ticket.conversation).await;
    assert_eq!(summary["authentication"]["subject"], ADA);
}
