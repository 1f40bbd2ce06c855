//! Silence: a conversation that everybody has left ends, a customer who sends nothing is downgraded, and neither
//! happens to whoever is there or is heard.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::consumer::Consumer;
use crate::support::keys::{KeyEndpoint, now, token};
use crate::support::setup::{ROUTER, Setup};
use crate::support::until;
use crate::support::usher::Usher;
use crate::support::widget::{Got, Ticket, Widget};

/// As the tests below set `end_after`, in seconds.
const END_AFTER: f64 = 2.0;
/// As they set `downgrade_idle_after`.
const DOWNGRADE_AFTER: f64 = 2.0;
const DOWNGRADING: &str = "downgrade_idle_after = \"2s\"";
const ENDED: &str = "usher.conversation.ended";
const DOWNGRADED: &str = "usher.conversation.downgraded";

async fn usher(setup: Setup) -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let usher = Usher::start(setup.tenant("contoso", &keys.url())).await;
    (usher, keys)
}

async fn ending() -> (Usher, KeyEndpoint) {
    usher(Setup::new().conversations("end_after = \"2s\"")).await
}

async fn downgrading() -> (Usher, KeyEndpoint) {
    usher(Setup::new().conversations(DOWNGRADING)).await
}

fn signed_in() -> String {
    token("customer-1", Duration::from_hours(1))
}

async fn events_of(usher: &Usher, ticket: &Ticket, kind: &str) -> Vec<Value> {
    let events = Consumer::new(usher, ROUTER).events(&ticket.conversation).await;
    events.into_iter().filter(|event| event["type"] == kind).collect()
}

/// The first event of this kind, once it is there.
async fn event(usher: &Usher, ticket: &Ticket, kind: &str) -> Value {
    until(kind, async || events_of(usher, ticket, kind).await.into_iter().next()).await
}

async fn is_open(usher: &Usher, ticket: &Ticket) -> bool {
    events_of(usher, ticket, ENDED).await.is_empty()
}

fn instant(time: &Value) -> f64 {
    let time: jiff::Timestamp = time.as_str().unwrap().parse().unwrap();
    time.duration_since(jiff::Timestamp::UNIX_EPOCH).as_secs_f64()
}

/// That an event came so long after an instant, not earlier. The journal's times are whole milliseconds.
#[track_caller]
fn assert_after(event: &Value, since: f64, span: f64) {
    let after = instant(&event["time"]) - since;
    assert!(after >= span - 0.001, "it came after {after} s: {event}");
}

async fn wait_until(time: f64) {
    until("an instant", async || (now() >= time).then_some(())).await;
}

async fn say_as_agent(usher: &Usher, ticket: &Ticket) -> f64 {
    let path = format!("/v1/conversations/{}/messages", ticket.conversation);
    let said =
        Consumer::new(usher, ROUTER).post(&path, &json!({ "text": "Are you there?", "id": "a1" })).await;
    assert_eq!(said.status, 201, "{said:?}");
    instant(&said.body["at"])
}

#[tokio::test]
async fn a_conversation_ends_when_nobody_is_in_it_and_not_before() {
    let (usher, _keys) = ending().await;
    let consumer = Consumer::new(&usher, ROUTER);
    let mut stream = consumer.stream("?types=usher.conversation.ended").await;
    let (widget, ticket) = Widget::start(&usher, "contoso/web").await;
    let (other, left) = Widget::start(&usher, "contoso/web").await;
    other.close().await;
    let ended = stream.expect(ENDED).await;
    assert_eq!(ended["subject"], left.conversation, "the one that was left ends first");
    assert_eq!((&ended["data"]["by"], &ended["data"]["reason"]), (&json!("system"), &json!("idle")));
    // Long enough for another turn of the wheel: this one was silent for as long, and has a socket.
    let (third, later) = Widget::start(&usher, "contoso/web").await;
    third.close().await;
    event(&usher, &later, ENDED).await;
    assert!(is_open(&usher, &ticket).await);
    let before = now();
    widget.close().await;
    assert_after(&event(&usher, &ticket, ENDED).await, before, END_AFTER);

    let (mut back, _) = Widget::open(&usher, "contoso/web", ticket.resume()).await;
    assert_eq!(back.expect("ended").await["by"], "system");
    back.expect_close(1000).await;
}

#[tokio::test]
async fn a_message_of_an_agent_puts_the_end_off() {
    let (usher, _keys) = ending().await;
    let (widget, ticket) = Widget::start(&usher, "contoso/web").await;
    widget.close().await;
    wait_until(now() + END_AFTER / 2.0).await;
    let said_at = say_as_agent(&usher, &ticket).await;
    assert_after(&event(&usher, &ticket, ENDED).await, said_at, END_AFTER);
}

#[tokio::test]
async fn after_a_start_the_widgets_have_time_to_come_back() {
    let (mut usher, _keys) = ending().await;
    let (_lost, ticket) = Widget::start(&usher, "contoso/web").await;
    let (_gone, never) = Widget::start(&usher, "contoso/web").await;
    usher.kill().await;
    wait_until(now() + END_AFTER).await;
    let started = now();
    usher.start_again().await;
    usher.ready().await;
    let (mut back, resumed) = Widget::open(&usher, "contoso/web", ticket.resume()).await;
    assert_eq!(resumed["type"], "resumed");
    back.expect_nothing().await;
    assert_after(&event(&usher, &never, ENDED).await, started, END_AFTER);
    assert!(is_open(&usher, &ticket).await);
    back.say("m1", "Here I am again").await;
}

/// The server's pings come as often as they may, and are answered: a pong is no frame.
#[tokio::test]
async fn a_customer_who_is_there_and_silent_is_downgraded_and_everybody_told() {
    let setup = Setup::new().limit("ping = \"1s\"").conversations(DOWNGRADING);
    let (usher, _keys) = usher(setup).await;
    let before = now();
    let (mut widget, ticket) = Widget::sign_in(&usher, "contoso/web", &signed_in()).await;
    wait_until(before + DOWNGRADE_AFTER / 2.0).await;
    let said_at = say_as_agent(&usher, &ticket).await;
    widget.expect("message").await;
    let told = widget.expect("authentication").await;
    assert_eq!((&told["reason"], &told["sequence"]), (&json!("idle"), &json!(3)));
    assert_eq!(told["authentication"], json!({ "status": "anonymous" }));
    let downgraded = event(&usher, &ticket, DOWNGRADED).await;
    assert_eq!(downgraded["data"]["reason"], "idle");
    assert_eq!(downgraded["data"]["previous"]["status"], "authenticated");
    assert_after(&downgraded, before, DOWNGRADE_AFTER);
    let after_said = instant(&downgraded["time"]) - said_at;
    assert!(after_said < DOWNGRADE_AFTER, "what the agent said has put it off by {after_said} s");
}

#[tokio::test]
async fn typing_and_pings_keep_a_customer_signed_in() {
    let (usher, _keys) = downgrading().await;
    let (mut typing, typing_ticket) = Widget::sign_in(&usher, "contoso/web", &signed_in()).await;
    let (mut pinging, pinging_ticket) = Widget::sign_in(&usher, "contoso/web", &signed_in()).await;
    let (enough, mut last) = (now() + DOWNGRADE_AFTER * 1.5, 0.0);
    until("frames for long enough", async || {
        last = now();
        typing.send(json!({ "type": "typing" })).await;
        pinging.send(json!({ "type": "ping" })).await;
        pinging.expect("pong").await;
        (last > enough).then_some(())
    })
    .await;
    for (widget, ticket) in [(&mut typing, typing_ticket), (&mut pinging, pinging_ticket)] {
        assert_eq!(widget.expect("authentication").await["reason"], "idle");
        assert_after(&event(&usher, &ticket, DOWNGRADED).await, last, DOWNGRADE_AFTER);
    }
}

#[tokio::test]
async fn after_it_the_same_token_signs_in_again_on_the_socket_and_by_a_resume() {
    let (usher, _keys) = downgrading().await;
    let token = signed_in();
    let (mut widget, ticket) = Widget::sign_in(&usher, "contoso/web", &token).await;
    assert_eq!(widget.expect("authentication").await["reason"], "idle");
    widget.send(json!({ "type": "authenticate", "token": token })).await;
    let told = widget.expect("authentication").await;
    assert_eq!((&told["reason"], &told["sequence"]), (&json!("token_presented"), &json!(3)));
    assert_eq!(widget.expect("authentication").await["reason"], "idle");
    widget.close().await;

    let mut back = Widget::connect(&usher, "contoso/web").await;
    back.send(ticket.resume()).await;
    back.expect_error("authentication_required").await;
    back.send(ticket.resume_with(&token)).await;
    let resumed = back.expect("resumed").await;
    assert_eq!(
        (&resumed["authentication"]["status"], &resumed["sequence"]),
        (&json!("authenticated"), &json!(5))
    );
    assert_eq!(events_of(&usher, &ticket, DOWNGRADED).await.len(), 2);
}

/// The process sleeps through the idle time, so that what wakes it is a frame as often as its own timer.
#[tokio::test]
async fn a_message_that_comes_too_late_is_no_signed_in_customers() {
    let (usher, _keys) = downgrading().await;
    let token = signed_in();
    let mut chats = Vec::new();
    for _ in 0..20 {
        chats.push(Widget::sign_in(&usher, "contoso/web", &token).await);
    }
    let before = now();
    for (widget, _) in &mut chats {
        widget.say("before", "in time").await;
    }
    usher.freeze().await;
    for (widget, _) in &mut chats {
        widget.send(json!({ "type": "message", "id": "after", "text": "too late" })).await;
    }
    wait_until(before + DOWNGRADE_AFTER * 2.0).await;
    usher.thaw();
    for (widget, ticket) in &mut chats {
        let told = widget.expect("authentication").await;
        assert_eq!((&told["reason"], &told["sequence"]), (&json!("idle"), &json!(3)));
        assert_eq!(widget.expect("accepted").await["sequence"], 4);
        let said = events_of(&usher, ticket, "usher.conversation.message").await;
        let authenticated: Vec<_> = said.iter().map(|event| &event["data"]["authenticated"]).collect();
        assert_eq!(authenticated, [true, false]);
    }
}

#[tokio::test]
async fn what_is_not_set_downgrades_nobody() {
    let (usher, _keys) = ending().await;
    let (mut widget, ticket) = Widget::sign_in(&usher, "contoso/web", &signed_in()).await;
    let (other, left) = Widget::start(&usher, "contoso/web").await;
    other.close().await;
    event(&usher, &left, ENDED).await;
    widget.say("m1", "still signed in").await;
    assert_eq!(widget.try_next(), None::<Got>);
    assert_eq!(events_of(&usher, &ticket, DOWNGRADED).await, Vec::<Value>::new());
}
