use serde_json::{Value, json};

use super::{ADA, BEN, HOUR, LIFETIME, SECRET, World, adas, refused, refused_for_now};
use crate::support::keys::{KEY, KID, OTHER_KEY, claims, now, token_of};
use crate::support::widget::{Ticket, Widget};

const IDEMPOTENCY_KEY: &str = "vXy2Qh7nS0aKq1mZ4tLr9w";

fn start(token: Option<&str>) -> Value {
    let mut start = json!({ "type": "start", "idempotency_key": IDEMPOTENCY_KEY });
    if let Some(token) = token {
        start["token"] = token.into();
    }
    start
}

#[tokio::test]
async fn a_key_replayed_after_the_sign_in_shows_nothing_and_begins_nothing() {
    let mut world = World::start().await;
    let (mut adas_socket, started) = world.open("web", start(None)).await;
    adas_socket.authenticated(&adas(10.0), "token_presented").await;
    adas_socket.say("m1", SECRET).await;
    for restarted in [false, true] {
        if restarted {
            world.usher.restart().await;
        }
        let mut thief = world.connect("web").await;
        let refusals = [
            (start(None), "authentication_required"),
            (start(Some(&token_of(BEN, 0.0, HOUR))), "subject_mismatch"),
            (start(Some(&token_of(ADA, HOUR, -60.0))), "expired"),
            (start(Some("no token")), "malformed"),
        ];
        for (again, code) in refusals {
            refused_for_now(&mut thief, &again, code).await;
        }
        let mut continued = start(None);
        continued["continue"] = true.into();
        refused_for_now(&mut thief, &continued, "authentication_required").await;
        thief.send(start(Some(&adas(10.0)))).await;
        assert_eq!(thief.expect("resumed").await["conversation"], started["conversation"]);
    }
    assert_eq!(world.begun().await, [started["conversation"].clone()]);
}

#[tokio::test]
async fn a_widget_that_takes_bad_tokens_as_anonymous_shows_a_signed_in_conversation_to_none() {
    let world = World::start().await;
    let (mut adas_socket, started) = world.open("lenient", start(Some(&adas(0.0)))).await;
    adas_socket.say("m1", SECRET).await;
    for (again, code) in [(start(None), "authentication_required"), (start(Some("no token")), "malformed")] {
        let mut thief = world.connect("lenient").await;
        refused_for_now(&mut thief, &again, code).await;
    }
    assert_eq!(world.begun().await, [started["conversation"].clone()]);
}

#[tokio::test]
async fn in_a_widget_that_requires_tokens_the_replay_of_a_key_closes() {
    let world = World::start().await;
    let (_adas_socket, started) = world.open("strict", start(Some(&adas(0.0)))).await;
    for (again, code) in [
        (start(None), "authentication_required"),
        (start(Some(&token_of(BEN, 0.0, HOUR))), "subject_mismatch"),
    ] {
        let mut thief = world.connect("strict").await;
        assert_eq!(refused(&mut thief, &again, code).await["in_reply_to"], "start");
        assert_eq!(thief.expect_close(4500).await, "token_refused");
    }
    assert_eq!(world.begun().await, [started["conversation"].clone()]);
}

#[tokio::test]
async fn the_same_key_from_another_widget_or_tenant_begins_a_conversation_of_its_own() {
    let world = World::start().await;
    let (mut adas_socket, started) = world.open("web", start(Some(&adas(0.0)))).await;
    adas_socket.say("m1", SECRET).await;
    let mut conversations = vec![started["conversation"].clone()];
    let theirs = OTHER_KEY.sign(KID, &claims(ADA, now(), LIFETIME));
    let mine = KEY.sign(KID, &claims(ADA, now(), LIFETIME));
    for (path, token) in [
        ("contoso/second", Some(&mine)),
        ("contoso/lenient", None),
        ("contoso/open", None),
        ("contoso/strict", Some(&mine)),
        ("fabrikam/web", Some(&theirs)),
    ] {
        let again = start(token.map(String::as_str));
        let (mut widget, other) = Widget::open(&world.usher, path, again.clone()).await;
        assert_eq!((&other["type"], &other["sequence"]), (&json!("started"), &json!(1)), "{path}");
        widget.expect_nothing().await;
        assert!(!conversations.contains(&other["conversation"]), "{path}");
        let (_, repeated) = Widget::open(&world.usher, path, again).await;
        assert_eq!(repeated["conversation"], other["conversation"], "{path}");
        conversations.push(other["conversation"].clone());
    }
    let summary = world.consumer().summary(&Ticket::of(&started).conversation).await;
    assert_eq!(summary["sequence"], 2);
}
