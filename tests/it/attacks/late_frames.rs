use serde_json::{Value, json};

use super::{ADA, HOUR, World, refused_for_now};
use crate::support::keys::{ISSUER, KEY, KID, now, token_of, token_saying};
use crate::support::widget::{Ticket, Widget};
use crate::support::{seconds, until_time};

/// Signs in until soon, then sends these frames while the process stands still until after the end.
async fn late(world: &World, frames: &[Value]) -> (Widget, Ticket, String) {
    late_with(world, &token_saying(ADA, 10.0, 2.5, &json!({ "tier": "gold" })), frames).await
}

/// The same with this token.
async fn late_with(world: &World, token: &str, frames: &[Value]) -> (Widget, Ticket, String) {
    let (mut widget, started) = world.open("web", json!({ "type": "start", "token": token })).await;
    world.usher.freeze().await;
    for frame in frames {
        widget.send(frame.clone()).await;
    }
    let end = &started["authentication"]["expires_at"];
    until_time(seconds(end)).await;
    world.usher.thaw();
    (widget, Ticket::of(&started), end.as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_message_and_variables_sent_before_the_timer_and_after_the_end_are_not_authenticated() {
    let world = World::start().await;
    let message = json!({ "type": "message", "id": "m1", "text": "pay it out" });
    let set = json!({ "type": "set_context", "context": { "page": "/pay", "tier": "platinum" } });
    let (mut widget, ticket, end) = late(&world, &[message, set]).await;
    assert_eq!(widget.told("token_expired").await["sequence"], 2);
    assert_eq!(widget.expect("accepted").await["sequence"], 3);
    let rejected = json!([{ "name": "tier", "reason": "signed_wins" }]);
    let context = json!({ "accepted": ["page"], "rejected": rejected });
    assert_eq!(
        widget.expect("context").await,
        json!({ "type": "context", "context": context, "sequence": 4 })
    );
    let events = world.consumer().events(&ticket.conversation).await;
    assert_eq!(
        world.consumer().kinds(&ticket.conversation).await,
        ["started", "downgraded", "message", "context"]
    );
    for event in &events[1..] {
        assert!(event["time"].as_str().unwrap() >= &*end, "{event}");
        assert_eq!(event["data"]["authentication"], json!({ "status": "anonymous" }), "{event}");
    }
    assert_eq!(events[2]["data"]["authenticated"], false);
    let variables = events[3]["data"]["variables"].as_object().unwrap();
    assert!(variables.values().all(|variable| variable["verified"] == false), "{variables:?}");
    assert_eq!(variables["tier"]["value"], "gold");
}

#[tokio::test]
async fn variables_alone_meet_the_downgrade_first() {
    let world = World::start().await;
    let set = json!({ "type": "set_context", "context": { "page": "/pay" } });
    let (mut widget, ticket, _) = late(&world, &[set]).await;
    assert_eq!(widget.told("token_expired").await["sequence"], 2);
    assert_eq!(widget.expect("context").await["sequence"], 3);
    assert_eq!(world.consumer().kinds(&ticket.conversation).await, ["started", "downgraded", "context"]);
}

#[tokio::test]
async fn a_sign_out_meets_the_downgrade_first_and_is_one_all_the_same() {
    let mut world = World::start().await;
    let at = now();
    let ends = |left: f64| {
        let claims = json!({ "iss": ISSUER, "sub": ADA, "iat": at - 10.0, "exp": at + left });
        KEY.sign(KID, &claims)
    };
    let sign_out = json!({ "type": "sign_out" });
    let (mut widget, ticket, _) = late_with(&world, &ends(2.5), &[sign_out]).await;
    assert_eq!(widget.told("token_expired").await["sequence"], 2);
    widget.expect_close(4504).await;
    assert_eq!(world.consumer().kinds(&ticket.conversation).await, ["started", "downgraded"]);
    // What the page still has is a token of the same instant that lives longer.
    for restarted in [false, true] {
        if restarted {
            world.usher.restart().await;
        }
        let mut second_tab = world.connect("web").await;
        let cached = ticket.resume_with(&ends(HOUR));
        refused_for_now(&mut second_tab, &cached, "authentication_required").await;
    }
}

#[tokio::test]
async fn a_refresh_with_the_token_that_has_just_died_is_refused() {
    let world = World::start().await;
    let dead = json!({ "type": "authenticate", "token": token_of(ADA, 5.0, 2.0) });
    let (mut widget, ticket, _) = late(&world, &[dead]).await;
    // The refusal and the downgrade have nothing to do with each other.
    let mut frames = [widget.frame().await, widget.frame().await];
    frames.sort_by_key(|frame| frame["type"].as_str().map(str::to_owned));
    assert_eq!((&frames[0]["reason"], &frames[0]["sequence"]), (&json!("token_expired"), &json!(2)));
    assert_eq!(frames[1]["code"], "expired");
    assert_eq!(widget.say("m1", "still here").await["sequence"], 3);
    assert_eq!(world.consumer().kinds(&ticket.conversation).await, ["started", "downgraded", "message"]);
}

/// In many conversations at once, so that most of them hear of the token before the timer comes to them.
#[tokio::test]
async fn a_refresh_with_a_good_token_signs_in_again_after_exactly_one_downgrade() {
    let world = World::start().await;
    let token = token_of(ADA, 10.0, 4.0);
    let mut chats = Vec::new();
    for _ in 0..20 {
        chats.push(world.open("web", json!({ "type": "start", "token": token })).await);
    }
    world.usher.freeze().await;
    let good = token_of(ADA, 5.0, HOUR);
    for (widget, _) in &mut chats {
        widget.authenticate(&good).await;
    }
    let end = chats[0].1["authentication"]["expires_at"].clone();
    until_time(seconds(&end)).await;
    world.usher.thaw();
    for (widget, started) in &mut chats {
        let downgraded = widget.told("token_expired").await;
        assert_eq!(downgraded["authentication"], json!({ "status": "anonymous" }));
        let told = widget.told("token_presented").await;
        assert_eq!((&downgraded["sequence"], &told["sequence"]), (&json!(2), &json!(3)));
        assert_eq!(told.get("resume_token"), None);
        let events = world.consumer().events(&Ticket::of(started).conversation).await;
        let reasons: Vec<_> = events.iter().map(|event| event["data"]["reason"].clone()).collect();
        assert_eq!(json!(reasons), json!([null, "token_expired", "token_presented"]));
        assert!(events[1]["time"].as_str() >= end.as_str(), "{events:?}");
    }
}
