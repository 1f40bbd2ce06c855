use serde_json::{Value, json};

use super::{ADA, HOUR, SECRET, World, adas, refused_for_now};
use crate::support::keys::{ISSUER, KEY, KID, now, token_of};
use crate::support::widget::{Ticket, Widget};

/// Ada's token with exactly these times.
fn between(issued_at: f64, end: f64) -> String {
    KEY.sign(KID, &json!({ "iss": ISSUER, "sub": ADA, "iat": issued_at, "exp": end }))
}

async fn sign_out(widget: &mut Widget) {
    widget.send(json!({ "type": "sign_out" })).await;
    widget.told("signed_out").await;
    assert_eq!(widget.expect_close(4504).await, "signed_out");
}

/// A resume with any of these is not let in, and may try again.
async fn refuses_each(world: &World, ticket: &Ticket, tokens: &[&str]) {
    let mut socket = world.connect("web").await;
    for token in tokens {
        refused_for_now(&mut socket, &ticket.resume_with(token), "authentication_required").await;
    }
    refused_for_now(&mut socket, &ticket.resume(), "authentication_required").await;
}

#[tokio::test]
async fn a_second_tabs_cached_token_does_not_resume_what_was_signed_out() {
    let mut world = World::start().await;
    let cached = adas(10.0);
    let (mut widget, ticket) = world.secret_chat("web", &cached).await;
    let mut second_tab = world.join(&ticket, &cached).await;
    sign_out(&mut widget).await;
    second_tab.told("signed_out").await;
    second_tab.expect_close(4504).await;
    for restarted in [false, true] {
        if restarted {
            world.usher.restart().await;
        }
        let expired = token_of(ADA, HOUR, -60.0);
        refuses_each(&world, &ticket, &[&cached, &adas(20.0), &adas(1000.0), &expired]).await;
    }
    let (_widget, resumed) = world.open("web", ticket.resume_with(&adas(0.0))).await;
    assert_eq!(resumed["authentication"]["status"], "authenticated");
    assert_eq!(resumed["resume_token"], ticket.resume_token);
    let kinds = world.consumer().kinds(&ticket.conversation).await;
    assert_eq!(kinds, ["started", "message", "downgraded", "authenticated"]);
}

#[tokio::test]
async fn the_barrier_lies_at_the_greatest_iat_that_was_accepted_and_not_at_the_last() {
    let world = World::start().await;
    let at = now();
    let refreshed = between(at - 10.0, at + 60.0);
    let (mut widget, ticket) = world.secret_chat("web", &between(at - 20.0, at + 3600.0)).await;
    widget.authenticated(&refreshed, "token_refreshed").await;
    sign_out(&mut widget).await;
    for issued_at in [at - 20.0, at - 10.001, at - 10.0] {
        refuses_each(&world, &ticket, &[&between(issued_at, at + 7200.0)]).await;
    }
    let (_widget, resumed) = world.open("web", ticket.resume_with(&between(at - 9.0, at + 3600.0))).await;
    assert_eq!(resumed["authentication"]["status"], "authenticated");
}

#[tokio::test]
async fn the_barrier_does_not_move_with_a_later_sign_in() {
    let mut world = World::start().await;
    let at = now();
    let (mut widget, ticket) = world.secret_chat("web", &between(at - 100.0, at + 3600.0)).await;
    sign_out(&mut widget).await;
    let brief = between(at - 20.0, at + 4.0);
    let mut widget = world.join(&ticket, &brief).await;
    let last = widget.authenticated(&brief, "unchanged").await["sequence"].clone();
    for cached in [between(at - 100.0, at + 3600.0), between(at - 200.0, at + 7200.0)] {
        widget.authenticate(&cached).await;
        assert_eq!(widget.expect_error("revoked").await["in_reply_to"], "authenticate");
    }
    let older = between(at - 99.0, at + 3600.0);
    assert_eq!(widget.authenticated(&older, "unchanged").await["sequence"], last);
    widget.told("token_expired").await;
    world.usher.restart().await;
    let cached = between(at - 100.0, at + 3600.0);
    refuses_each(&world, &ticket, &[&cached]).await;
    let (mut widget, resumed) = world.open("web", ticket.resume_with(&brief)).await;
    assert_eq!(resumed["authentication"], json!({ "status": "anonymous" }));
    for _ in 0..resumed["replayed"].as_u64().unwrap() {
        widget.frame().await;
    }
    widget.authenticate(&cached).await;
    widget.expect_error("revoked").await;
    // After the time has run out any token beyond the barrier will do.
    widget.authenticated(&older, "token_presented").await;
}

#[tokio::test]
async fn continue_with_the_cached_token_begins_a_new_conversation() {
    let world = World::start().await;
    let cached = adas(10.0);
    let (mut widget, ticket) = world.secret_chat("web", &cached).await;
    sign_out(&mut widget).await;
    for token in [&cached, &adas(20.0)] {
        let again = json!({ "type": "start", "token": token, "continue": true });
        let (mut widget, started) = world.open("web", again).await;
        assert_eq!((&started["type"], &started["sequence"]), (&json!("started"), &json!(1)));
        assert_ne!(started["conversation"], ticket.conversation);
        widget.expect_nothing().await;
        widget.send(json!({ "type": "end" })).await;
        widget.expect("ended").await;
    }
    let fresh = json!({ "type": "start", "token": adas(0.0), "continue": true });
    let (_widget, resumed) = world.open("web", fresh).await;
    assert_eq!(
        (&resumed["type"], &resumed["conversation"]),
        (&json!("resumed"), &json!(ticket.conversation))
    );
}

/// Its time had run out; what the page still has is a token of the same instant that lives longer.
#[tokio::test]
async fn a_sign_out_after_the_downgrade_journals_nothing_and_its_barrier_holds_all_the_same() {
    let mut world = World::start().await;
    let at = now();
    let (brief, sibling) = (between(at - 10.0, at + 2.5), between(at - 10.0, at + 3600.0));
    let (mut widget, ticket) = world.secret_chat("web", &brief).await;
    let mut second_tab = world.join(&ticket, &brief).await;
    widget.told("token_expired").await;
    second_tab.told("token_expired").await;
    let events = world.consumer().events(&ticket.conversation).await;
    widget.send(json!({ "type": "sign_out" })).await;
    for socket in [&mut widget, &mut second_tab] {
        assert_eq!(socket.expect_close(4504).await, "signed_out");
    }
    assert_eq!(world.consumer().events(&ticket.conversation).await, events);
    for restarted in [false, true] {
        if restarted {
            world.usher.restart().await;
        }
        refuses_each(&world, &ticket, &[&sibling, &brief, &between(at - 11.0, at + 3600.0)]).await;
        assert_eq!(world.consumer().events(&ticket.conversation).await, events);
        assert_new(&world.open("web", continuing(&sibling)).await.1, &ticket);
    }
    let (_widget, resumed) = world.open("web", ticket.resume_with(&adas(0.0))).await;
    assert_eq!(resumed["authentication"]["status"], "authenticated");
}

fn continuing(token: &str) -> Value {
    json!({ "type": "start", "token": token, "continue": true })
}

/// A conversation began; where one had begun by this before, that one is taken up.
fn assert_new(answer: &Value, ticket: &Ticket) {
    assert_ne!(answer["conversation"], ticket.conversation);
    assert_eq!(answer["authentication"]["subject"], ADA);
}

#[tokio::test]
async fn in_a_widget_that_requires_tokens_the_cached_one_closes() {
    let world = World::start().await;
    let cached = adas(10.0);
    let (mut widget, ticket) = world.secret_chat("strict", &cached).await;
    sign_out(&mut widget).await;
    let resume = ticket.resume_with(&cached);
    world.refuses("contoso/strict", &resume, "authentication_required").await;
    let (mut widget, _) = world.open("strict", ticket.resume_with(&adas(0.0))).await;
    assert_eq!(widget.expect("message").await["text"], SECRET);
}
