//! Giving up the authentication: everyone is told, everyone has to come back, and it is journaled once.

use serde_json::{Value, json};

use crate::support::consumer::Consumer;
use crate::support::keys::{KeyEndpoint, token_of, token_saying};
use crate::support::setup::{ROUTER, Setup};
use crate::support::usher::Usher;
use crate::support::widget::{Got, Ticket, Widget};

const HOUR: f64 = 3600.0;

async fn usher() -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let usher = Usher::start(Setup::new().tenant("contoso", &keys.url())).await;
    (usher, keys)
}

fn sign_out() -> Value {
    json!({ "type": "sign_out" })
}

async fn expect_signed_out(widget: &mut Widget) {
    assert_eq!(widget.expect_close(4504).await, "signed_out");
    assert_eq!(widget.next().await, Got::Gone);
}

#[tokio::test]
async fn every_socket_is_told_first_and_closed_then() {
    let (usher, _keys) = usher().await;
    let token = token_saying("customer-1", 10.0, HOUR, &json!({ "tier": "gold" }));
    let start = json!({ "type": "start", "token": token, "context": { "page": "/cart" } });
    let (first, started) = Widget::open(&usher, "contoso/web", start).await;
    let ticket = Ticket::of(&started);
    let mut sockets = vec![first];
    for _ in 0..2 {
        let (mut socket, _) = Widget::open(&usher, "contoso/web", ticket.resume_with(&token)).await;
        socket.expect_nothing().await;
        sockets.push(socket);
    }
    sockets[1].send(sign_out()).await;
    let nothing = json!({ "accepted": [], "rejected": [] });
    let expected = json!({ "type": "authentication", "authentication": { "status": "anonymous" },
        "reason": "signed_out", "sequence": 2, "context": nothing });
    for socket in &mut sockets {
        assert_eq!(socket.expect("authentication").await, expected);
        expect_signed_out(socket).await;
    }
    let events = Consumer::new(&usher, ROUTER).events(&ticket.conversation).await;
    assert_eq!((events.len(), &events[1]["type"]), (2, &json!("usher.conversation.downgraded")));
    let data = &events[1]["data"];
    assert_eq!((&data["reason"], &data["previous"]), (&json!("signed_out"), &started["authentication"]));
    assert_eq!(data["authentication"], json!({ "status": "anonymous" }));
    let variable = |text: &str, source: &str| {
        json!({ "raw": text, "value": text, "type": "text", "source": source, "verified": false,
            "displayable": false })
    };
    assert_eq!(
        data["variables"],
        json!({ "tier": variable("gold", "token"), "page": variable("/cart", "widget") })
    );
    let summary = Consumer::new(&usher, ROUTER).summary(&ticket.conversation).await;
    assert_eq!((&summary["authenticated"], &summary["status"]), (&json!(false), &json!("open")));
}

#[tokio::test]
async fn two_tabs_that_sign_out_at_once_sign_out_once() {
    let (usher, _keys) = usher().await;
    for _ in 0..10 {
        let token = token_of("customer-1", 10.0, HOUR);
        let (mut first, ticket) = Widget::sign_in(&usher, "contoso/web", &token).await;
        let (mut second, _) = Widget::open(&usher, "contoso/web", ticket.resume_with(&token)).await;
        second.expect_nothing().await;
        let frame = sign_out();
        // The first to be served may have closed the other already.
        let ((), sent) = tokio::join!(first.send(sign_out()), second.try_send(&frame));
        assert!(sent);
        for socket in [&mut first, &mut second] {
            socket.told("signed_out").await;
            socket.expect_close(4504).await;
        }
        let kinds = Consumer::new(&usher, ROUTER).kinds(&ticket.conversation).await;
        assert_eq!(kinds, ["started", "downgraded"]);
    }
}

#[tokio::test]
async fn it_ends_once_although_its_time_runs_out_and_the_process_restarts() {
    let (mut usher, _keys) = usher().await;
    let token = token_of("customer-1", 10.0, 2.0);
    let (mut widget, started) =
        Widget::open(&usher, "contoso/web", json!({ "type": "start", "token": token })).await;
    widget.send(sign_out()).await;
    widget.told("signed_out").await;
    expect_signed_out(&mut widget).await;
    let ticket = Ticket::of(&started);
    let before = Consumer::new(&usher, ROUTER).events(&ticket.conversation).await;
    crate::support::until_time(crate::support::seconds(&started["authentication"]["expires_at"])).await;
    usher.restart().await;
    let fresh = token_of("customer-1", 0.0, HOUR);
    let (_widget, resumed) = Widget::open(&usher, "contoso/web", ticket.resume_with(&fresh)).await;
    assert_eq!(resumed["sequence"], 3);
    let after = Consumer::new(&usher, ROUTER).events(&ticket.conversation).await;
    assert_eq!((&after[..2], after.len()), (&before[..], 3));
    assert_eq!(after[2]["data"]["reason"], "token_presented");
}

#[tokio::test]
async fn who_was_never_signed_in_is_closed_and_may_come_back() {
    let (usher, _keys) = usher().await;
    for path in ["contoso/web", "contoso/open"] {
        let (mut first, ticket) = Widget::start(&usher, path).await;
        first.say("m1", "anonymous").await;
        let (mut second, _) = Widget::open(&usher, path, ticket.resume_after(2)).await;
        first.send(sign_out()).await;
        expect_signed_out(&mut first).await;
        expect_signed_out(&mut second).await;
        let kinds = Consumer::new(&usher, ROUTER).kinds(&ticket.conversation).await;
        assert_eq!(kinds, ["started", "message"]);
        let (_widget, resumed) = Widget::open(&usher, path, ticket.resume()).await;
        assert_eq!((&resumed["type"], &resumed["sequence"]), (&json!("resumed"), &json!(2)));
    }
}

#[tokio::test]
async fn who_was_never_signed_in_may_sign_in_afterwards_with_any_token() {
    let (usher, _keys) = usher().await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    widget.send(sign_out()).await;
    expect_signed_out(&mut widget).await;
    let token = token_of("customer-1", 1000.0, HOUR);
    let (_widget, resumed) = Widget::open(&usher, "contoso/web", ticket.resume_with(&token)).await;
    assert_eq!(resumed["authentication"]["status"], "authenticated");
}

#[tokio::test]
async fn in_a_widget_that_requires_tokens_the_downgraded_may_sign_out() {
    let (usher, _keys) = usher().await;
    let (mut widget, ticket) =
        Widget::sign_in(&usher, "contoso/strict", &token_of("customer-1", 10.0, 1.5)).await;
    widget.told("token_expired").await;
    widget.send(sign_out()).await;
    expect_signed_out(&mut widget).await;
    let kinds = Consumer::new(&usher, ROUTER).kinds(&ticket.conversation).await;
    assert_eq!(kinds, ["started", "downgraded"]);
}

#[tokio::test]
async fn before_a_first_frame_there_is_nothing_to_sign_out_of() {
    let (usher, _keys) = usher().await;
    let mut widget = Widget::connect(&usher, "contoso/web").await;
    widget.send(sign_out()).await;
    assert_eq!(widget.expect_error("out_of_order").await["in_reply_to"], "sign_out");
    widget.send(json!({ "type": "start" })).await;
    widget.expect("started").await;
}

#[tokio::test]
async fn it_is_counted_as_a_transition_and_as_a_close() {
    let (usher, _keys) = usher().await;
    let (mut widget, _) = Widget::sign_in(&usher, "contoso/web", &token_of("customer-1", 10.0, HOUR)).await;
    widget.send(sign_out()).await;
    widget.told("signed_out").await;
    expect_signed_out(&mut widget).await;
    let transitions = "usher_authentication_transitions_total{reason=\"signed_out\",to=\"anonymous\"}";
    let closed = "usher_connections_closed_total{code=\"4504\"}";
    for series in [transitions, closed] {
        crate::support::until(series, async || (usher.metric(series).await == Some(1.0)).then_some(())).await;
    }
}
