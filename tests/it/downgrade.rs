//! The end of an authentication: at its instant, exactly once, whatever crashes, and the chat goes on.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::consumer::Consumer;
use crate::support::keys::{ISSUER, KEY, KID, KeyEndpoint, claims, expired_token, now, token};
use crate::support::setup::{ROUTER, Setup};
use crate::support::until;
use crate::support::usher::Usher;
use crate::support::widget::{Got, Ticket, Widget};

const DOWNGRADED: &str = "usher.conversation.downgraded";

async fn usher() -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let usher = Usher::start(Setup::new().tenant("contoso", &keys.url())).await;
    (usher, keys)
}

fn brief() -> String {
    token("customer-1", Duration::from_millis(2500))
}

async fn events(usher: &Usher, ticket: &Ticket) -> Vec<Value> {
    Consumer::new(usher, ROUTER).events(&ticket.conversation).await
}

fn downgrades(events: &[Value]) -> Vec<&Value> {
    events.iter().filter(|event| event["type"] == DOWNGRADED).collect()
}

/// The events, once there are this many downgrades among them.
async fn events_with(usher: &Usher, ticket: &Ticket, count: usize) -> Vec<Value> {
    until("a downgrade", async || {
        let events = events(usher, ticket).await;
        (downgrades(&events).len() >= count).then_some(events)
    })
    .await
}

/// The clock is the real process's own.
async fn wait_past(frame: &Value) {
    let end: jiff::Timestamp = frame["authentication"]["expires_at"].as_str().unwrap().parse().unwrap();
    let end = end.duration_since(jiff::Timestamp::UNIX_EPOCH).as_secs_f64();
    until("the token's end", async || (now() > end).then_some(())).await;
}

#[tokio::test]
async fn at_the_tokens_end_widgets_and_consumers_are_told_and_the_chat_goes_on() {
    let (usher, _keys) = usher().await;
    let start = json!({ "type": "start", "token": brief() });
    let (mut widget, started) = Widget::open(&usher, "contoso/web", start).await;
    let ticket = Ticket::of(&started);
    widget.say("m1", "signed in").await;
    let told = widget.expect("authentication").await;
    let nothing = json!({ "accepted": [], "rejected": [] });
    let expected = json!({ "type": "authentication", "authentication": { "status": "anonymous" },
        "reason": "token_expired", "sequence": 3, "context": nothing });
    assert_eq!(told, expected);
    widget.say("m2", "still here").await;

    let events = events(&usher, &ticket).await;
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let message = "usher.conversation.message";
    assert_eq!(types, ["usher.conversation.started", message, DOWNGRADED, message]);
    let downgraded = &events[2];
    assert_eq!(downgraded["data"]["reason"], "token_expired");
    assert_eq!(downgraded["data"]["previous"], started["authentication"]);
    assert_eq!(downgraded["data"]["authentication"], json!({ "status": "anonymous" }));
    assert!(downgraded["time"].as_str() >= started["authentication"]["expires_at"].as_str(), "{downgraded}");
    let authenticated: Vec<_> = events.iter().map(|event| &event["data"]["authenticated"]).collect();
    assert_eq!(authenticated, [&Value::Null, &json!(true), &Value::Null, &json!(false)]);
    let summary = Consumer::new(&usher, ROUTER).summary(&ticket.conversation).await;
    assert_eq!(summary["authenticated"], false);
}

#[tokio::test]
async fn it_happens_without_a_widget_and_once_across_restarts() {
    let (mut usher, _keys) = usher().await;
    let (widget, ticket) = Widget::sign_in(&usher, "contoso/web", &brief()).await;
    widget.close().await;
    let before = events_with(&usher, &ticket, 1).await;
    for _ in 0..2 {
        usher.restart().await;
        assert_eq!(events(&usher, &ticket).await, before);
    }
    assert_eq!(downgrades(&before).len(), 1);
    assert_eq!(before.len(), 2);
}

#[tokio::test]
async fn what_ran_out_while_no_process_was_up_ends_at_the_next_start_once() {
    let (mut usher, _keys) = usher().await;
    let start = json!({ "type": "start", "token": brief() });
    let mut conversations = Vec::new();
    for _ in 0..3 {
        let (_widget, started) = Widget::open(&usher, "contoso/web", start.clone()).await;
        conversations.push(started);
    }
    usher.kill().await;
    wait_past(&conversations[2]).await;
    usher.start_again().await;
    usher.ready().await;
    for started in &conversations {
        let events = events_with(&usher, &Ticket::of(started), 1).await;
        let downgraded = &events[1];
        assert_eq!(downgraded["data"]["previous"], started["authentication"]);
        assert!(downgraded["time"].as_str() >= started["authentication"]["expires_at"].as_str());
    }
    usher.restart().await;
    for started in &conversations {
        let events = events(&usher, &Ticket::of(started)).await;
        assert_eq!((downgrades(&events).len(), events.len()), (1, 2));
    }
}

/// The process sleeps through the end of many authentications, with a message in each of their sockets.
#[tokio::test]
async fn however_late_the_timer_is_no_message_overtakes_the_downgrade_that_is_due() {
    let (usher, _keys) = usher().await;
    let token = token("customer-1", Duration::from_secs(5));
    let start = json!({ "type": "start", "token": token });
    let mut chats = Vec::new();
    for _ in 0..20 {
        chats.push(Widget::open(&usher, "contoso/web", start.clone()).await);
    }
    for (widget, _) in &mut chats {
        widget.say("before", "in time").await;
    }
    usher.freeze().await;
    for (widget, _) in &mut chats {
        widget.send(json!({ "type": "message", "id": "after", "text": "too late" })).await;
    }
    wait_past(&chats[0].1).await;
    usher.thaw();
    for (widget, started) in &mut chats {
        assert_eq!(widget.expect("authentication").await["sequence"], 3);
        assert_eq!(widget.expect("accepted").await["sequence"], 4);
        let end = started["authentication"]["expires_at"].as_str().unwrap();
        let events = events(&usher, &Ticket::of(started)).await;
        assert_eq!((events.len(), downgrades(&events).len()), (4, 1));
        for event in &events {
            let before = event["time"].as_str().unwrap() < end;
            assert_eq!(
                event["data"]["authentication"]["status"] == "authenticated",
                before,
                "{end}: {event}"
            );
            if let Some(authenticated) = event["data"]["authenticated"].as_bool() {
                assert_eq!(authenticated, before, "{end}: {event}");
            }
        }
    }
}

#[tokio::test]
async fn the_keys_expiry_ends_it_where_that_is_earlier() {
    #[expect(clippy::cast_possible_truncation, reason = "seconds of this century")]
    let expiry = now().ceil() as i64 + 1;
    let keys = KeyEndpoint::publishing(&json!([KEY.entry(KID, Some(expiry))])).await;
    let usher = Usher::start(Setup::new().tenant("contoso", &keys.url())).await;
    let token = token("customer-1", Duration::from_hours(1));
    let start = json!({ "type": "start", "token": token });
    let (mut widget, started) = Widget::open(&usher, "contoso/web", start.clone()).await;
    let end = jiff::Timestamp::from_second(expiry).unwrap();
    assert_eq!(started["authentication"]["expires_at"], format!("{end:.3}"));
    let told = widget.expect("authentication").await;
    assert_eq!((&told["reason"], &told["sequence"]), (&json!("key_expired"), &json!(2)));
    let events = events(&usher, &Ticket::of(&started)).await;
    assert_eq!(downgrades(&events)[0]["data"]["reason"], "key_expired");
    let mut late = Widget::connect(&usher, "contoso/web").await;
    late.send(start).await;
    late.expect_error("key_expired").await;
    late.expect_close(4500).await;
}

#[tokio::test]
async fn a_grace_moves_the_end() {
    let keys = KeyEndpoint::start().await;
    let tenant = format!(
        "[authentication]\npublic_key_url = \"{}\"\nexpiry_grace = \"2s\"\n\
         [widgets.web]\nauthentication = \"optional\"\nallowed_origins = [\"*\"]\n",
        keys.url()
    );
    let usher = Usher::start(Setup::new().tenant_file("contoso", tenant)).await;
    let issued_at = now().floor() - 10.0;
    let token = KEY.sign(KID, &claims("customer-1", issued_at, Duration::from_secs(10)));
    let start = json!({ "type": "start", "token": token });
    let (mut widget, started) = Widget::open(&usher, "contoso/web", start).await;
    #[expect(clippy::cast_possible_truncation, reason = "seconds of this century")]
    let end = jiff::Timestamp::from_second(issued_at as i64 + 12).unwrap();
    assert_eq!(started["authentication"]["expires_at"], format!("{end:.3}"));
    assert_eq!(widget.expect("authentication").await["reason"], "token_expired");
}

#[tokio::test]
async fn after_it_the_expired_token_resumes_as_anonymous_and_a_fresh_one_signs_in_again() {
    let (mut usher, _keys) = usher().await;
    let expired = brief();
    let (mut widget, ticket) = Widget::sign_in(&usher, "contoso/web", &expired).await;
    assert_eq!(widget.expect("authentication").await["sequence"], 2);
    usher.restart().await;
    let mut widget = Widget::connect(&usher, "contoso/web").await;
    widget.send(ticket.resume()).await;
    widget.expect_error("authentication_required").await;
    widget.send(ticket.resume_with(&expired_token("customer-1", Duration::from_hours(25)))).await;
    widget.expect_error("expired").await;
    widget.send(ticket.resume_with(&expired_token("customer-2", Duration::from_mins(1)))).await;
    widget.expect_error("subject_mismatch").await;
    widget.send(ticket.resume_with(&expired)).await;
    let resumed = widget.expect("resumed").await;
    assert_eq!(resumed["authentication"], json!({ "status": "anonymous" }));
    assert_eq!(resumed["resume_token"], ticket.resume_token);
    assert_eq!(widget.expect("authentication").await["reason"], "token_expired");
    assert_eq!(widget.say("m1", "anonymous").await["sequence"], 3);

    let (mut second, resumed) = Widget::open(&usher, "contoso/web", ticket.resume_with(&brief())).await;
    assert_eq!(resumed["authentication"]["status"], "authenticated");
    assert_eq!(resumed["resume_token"], ticket.resume_token, "only the first sign-in replaces it");
    let told = widget.expect("authentication").await;
    assert_eq!((&told["reason"], &told["sequence"]), (&json!("token_presented"), &json!(4)));
    for _ in 0..3 {
        second.frame().await;
    }
    second.say("m2", "signed in again").await;
    assert_eq!(widget.expect("message").await["authenticated"], true);
    assert_eq!(widget.expect("authentication").await["reason"], "token_expired");
    let events = events(&usher, &ticket).await;
    assert_eq!(downgrades(&events).len(), 2);
    assert_eq!(downgrades(&events)[1]["data"]["previous"]["issuer"], ISSUER);
}

#[tokio::test]
async fn in_a_widget_that_requires_tokens_the_downgraded_may_end_and_not_talk() {
    let (usher, _keys) = usher().await;
    let (mut widget, ticket) = Widget::sign_in(&usher, "contoso/strict", &brief()).await;
    assert_eq!(widget.expect("authentication").await["reason"], "token_expired");
    widget.send(json!({ "type": "message", "id": "m1", "text": "Hello?" })).await;
    assert_eq!(widget.expect_error("authentication_required").await["in_reply_to"], "m1");
    widget.send(json!({ "type": "end" })).await;
    assert_eq!(widget.expect("ended").await["sequence"], 3);
    widget.expect_close(1000).await;
    assert_eq!(widget.next().await, Got::Gone);
    assert_eq!(events(&usher, &ticket).await.len(), 3);
}

#[tokio::test]
async fn there_an_agents_message_waits_for_the_next_sign_in() {
    let (usher, _keys) = usher().await;
    let (mut widget, ticket) = Widget::sign_in(&usher, "contoso/strict", &brief()).await;
    let consumer = Consumer::new(&usher, ROUTER);
    let messages = format!("/v1/conversations/{}/messages", ticket.conversation);
    let say = async |id: &str| {
        let said = consumer.post(&messages, &json!({ "text": "your account", "id": id })).await;
        assert_eq!(said.status, 201, "{said:?}");
    };
    say("a1").await;
    assert_eq!(widget.expect("message").await["sequence"], 2);
    assert_eq!(widget.expect("authentication").await["reason"], "token_expired");
    say("a2").await;
    let assignment = format!("/v1/conversations/{}/assignment", ticket.conversation);
    let assigned = consumer.call(reqwest::Method::PUT, &assignment, &json!({ "queue": "vip" })).await;
    assert_eq!(assigned.status, 204);
    widget.expect_nothing().await;
    let fresh = token("customer-1", Duration::from_hours(1));
    let (_other, resumed) = Widget::open(&usher, "contoso/strict", ticket.resume_with(&fresh)).await;
    assert_eq!(resumed["replayed"], 5);
    // The socket that waited stays, and sees it all in its order.
    assert_eq!(widget.expect("message").await["sequence"], 4);
    assert_eq!(widget.expect("assigned").await["sequence"], 5);
    assert_eq!(widget.expect("authentication").await["reason"], "token_presented");
    say("a3").await;
    assert_eq!(widget.expect("message").await["sequence"], 7);
}
