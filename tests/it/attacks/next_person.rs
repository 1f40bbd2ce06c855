use serde_json::{Value, json};

use super::{ADA, BEN, HOUR, SECRET, World, adas, refused_for_now};
use crate::support::keys::token_of;
use crate::support::widget::{Ticket, Widget};

const ADAS_KEY: &str = "Q9dV3mKc2RkTnL0xWb7eHw";
const BENS_KEY: &str = "b5Jt8sYpZ1uXfG4oCq6aMg";

/// What the page kept in the browser's storage.
struct Storage {
    ticket: Ticket,
    token: String,
}

fn start(token: Option<&str>, key: &str) -> Value {
    let mut start = json!({ "type": "start", "idempotency_key": key });
    if let Some(token) = token {
        start["token"] = token.into();
    }
    start
}

async fn ada_chats_and_signs_out(world: &World) -> Storage {
    let token = adas(10.0);
    let (mut widget, started) = world.open("web", start(None, ADAS_KEY)).await;
    let told = widget.authenticated(&token, "token_presented").await;
    widget.say("m1", SECRET).await;
    widget.send(json!({ "type": "sign_out" })).await;
    widget.told("signed_out").await;
    widget.expect_close(4504).await;
    Storage { ticket: Ticket::of(&started).renewed_by(&told), token }
}

async fn ben_tries_what_he_finds(world: &World, found: &Storage, bens: &str) {
    let mut socket = world.connect("web").await;
    for (frame, code) in [
        (found.ticket.resume(), "authentication_required"),
        (found.ticket.resume_with(&found.token), "authentication_required"),
        (found.ticket.resume_with(bens), "subject_mismatch"),
        (start(None, ADAS_KEY), "authentication_required"),
        (start(Some(&found.token), ADAS_KEY), "authentication_required"),
        (start(Some(bens), ADAS_KEY), "subject_mismatch"),
    ] {
        refused_for_now(&mut socket, &frame, code).await;
    }
}

/// With her cached token he can be Ada, as anyone with a valid token can, and still has nothing of her past.
async fn ben_uses_adas_cached_token(world: &World, found: &Storage) {
    let continuing = json!({ "type": "start", "token": found.token, "continue": true });
    let (mut socket, started) = world.open("web", continuing).await;
    assert_eq!((&started["type"], &started["sequence"]), (&json!("started"), &json!(1)));
    assert_ne!(started["conversation"], found.ticket.conversation);
    socket.expect_nothing().await;
    socket.send(json!({ "type": "end" })).await;
    socket.expect("ended").await;
    socket.expect_close(1000).await;
}

async fn ben_chats(world: &World, found: &Storage, bens: &str) -> Ticket {
    let mut frame = start(Some(bens), BENS_KEY);
    frame["continue"] = true.into();
    let (mut socket, started) = world.open("web", frame).await;
    assert_eq!((&started["type"], &started["sequence"]), (&json!("started"), &json!(1)));
    assert_eq!(started["authentication"]["subject"], BEN);
    assert_ne!(started["conversation"], found.ticket.conversation);
    socket.authenticate(&found.token).await;
    socket.expect_error("subject_mismatch").await;
    socket.say("m1", "I am Ben").await;
    Ticket::of(&started)
}

async fn ada_comes_back(world: &World, hers: &Ticket, bens: &Ticket) {
    let fresh = adas(0.0);
    let start = json!({ "type": "start", "token": fresh, "continue": true });
    let (mut widget, resumed) = world.open("web", start).await;
    assert_eq!((&resumed["type"], &resumed["conversation"]), (&json!("resumed"), &json!(hers.conversation)));
    assert_eq!(resumed["authentication"]["subject"], ADA);
    assert_eq!(widget.told("token_presented").await["sequence"], 2);
    assert_eq!(widget.expect("message").await["text"], SECRET);
    assert_eq!(widget.told("signed_out").await["sequence"], 4);
    assert_eq!(widget.told("token_presented").await["sequence"], 5);
    widget.expect_nothing().await;
    let mut socket = world.connect("web").await;
    refused_for_now(&mut socket, &bens.resume_with(&fresh), "subject_mismatch").await;
}

#[tokio::test]
async fn the_next_person_at_a_shared_browser_sees_nothing_of_the_one_before() {
    let world = World::start().await;
    let found = ada_chats_and_signs_out(&world).await;
    let bens = token_of(BEN, 0.0, HOUR);
    ben_tries_what_he_finds(&world, &found, &bens).await;
    ben_uses_adas_cached_token(&world, &found).await;
    let ben = ben_chats(&world, &found, &bens).await;
    let journal = world.consumer().kinds(&found.ticket.conversation).await;
    assert_eq!(journal, ["started", "authenticated", "message", "downgraded"]);
    ada_comes_back(&world, &found.ticket, &ben).await;
    assert_eq!(world.consumer().kinds(&ben.conversation).await, ["started", "message"]);
}

/// She walked away without signing out; the page has forgotten her token, and not the rest.
#[tokio::test]
async fn without_a_sign_out_the_next_person_needs_her_token_all_the_same() {
    let world = World::start().await;
    let (mut widget, started) = world.open("web", start(Some(&adas(10.0)), ADAS_KEY)).await;
    widget.say("m1", SECRET).await;
    widget.close().await;
    let (ticket, bens) = (Ticket::of(&started), token_of(BEN, 0.0, HOUR));
    let mut socket = world.connect("web").await;
    for (frame, code) in [
        (ticket.resume(), "authentication_required"),
        (ticket.resume_with(&bens), "subject_mismatch"),
        (start(None, ADAS_KEY), "authentication_required"),
        (start(Some(&bens), ADAS_KEY), "subject_mismatch"),
    ] {
        refused_for_now(&mut socket, &frame, code).await;
    }
    let (mut own, _) = Widget::sign_in(&world.usher, "contoso/web", &bens).await;
    own.expect_nothing().await;
}
