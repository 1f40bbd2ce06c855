//! A `start` that begins nothing new: with `continue`, or with an `idempotency_key` that came before.

use serde_json::{Value, json};

use crate::support::consumer::Consumer;
use crate::support::keys::{ISSUER, KEY, KID, KeyEndpoint, now, token_of};
use crate::support::setup::{ROUTER, Setup};
use crate::support::usher::Usher;
use crate::support::widget::{Ticket, Widget};

const HOUR: f64 = 3600.0;
const IDEMPOTENCY_KEY: &str = "T0eVxR5kq8ZsYc2uNn1bHw";

async fn usher() -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let setup = Setup::new().tenant("contoso", &keys.url()).tenant("fabrikam", &keys.url());
    (Usher::start(setup).await, keys)
}

fn token() -> String {
    token_of("customer-1", 10.0, HOUR)
}

/// Begins with `continue` and this token.
fn continuing(token: &str) -> Value {
    json!({ "type": "start", "token": token, "continue": true })
}

/// Begins with this key.
fn keyed(key: &str) -> Value {
    json!({ "type": "start", "idempotency_key": key })
}

async fn open(usher: &Usher, first: Value) -> (Widget, Value) {
    Widget::open(usher, "contoso/web", first).await
}

/// A conversation began, and nothing of another one follows.
async fn assert_started(widget: &mut Widget, answer: &Value) {
    assert_eq!((&answer["type"], &answer["sequence"]), (&json!("started"), &json!(1)), "{answer}");
    widget.expect_nothing().await;
}

#[tokio::test]
async fn continue_takes_up_the_newest_open_conversation_of_the_identity() {
    let (mut usher, _keys) = usher().await;
    let mut begun = Vec::new();
    for number in 0..3 {
        let (mut widget, ticket) = Widget::sign_in(&usher, "contoso/web", &token()).await;
        widget.say("m1", &format!("conversation {number}")).await;
        begun.push((widget, ticket));
    }
    for restarted in [false, true] {
        if restarted {
            usher.restart().await;
        }
        let (mut widget, resumed) = open(&usher, continuing(&token_of("customer-1", 20.0, HOUR))).await;
        assert_eq!(resumed["type"], "resumed");
        assert_eq!(resumed["conversation"], begun[2].1.conversation);
        assert_eq!(resumed["resume_token"], begun[2].1.resume_token);
        assert_eq!((&resumed["sequence"], &resumed["replayed"]), (&json!(2), &json!(1)));
        assert_eq!(resumed["authentication"]["status"], "authenticated");
        assert_eq!(widget.expect("message").await["text"], "conversation 2");
        widget.expect_nothing().await;
    }
    for left in [2, 1, 0] {
        let (mut widget, resumed) = open(&usher, continuing(&token_of("customer-1", 20.0, HOUR))).await;
        assert_eq!(resumed["conversation"], begun[left].1.conversation);
        widget.expect("message").await;
        widget.send(json!({ "type": "end" })).await;
        widget.expect("ended").await;
    }
    let (mut widget, started) = open(&usher, continuing(&token())).await;
    assert_started(&mut widget, &started).await;
    let (_widget, resumed) = open(&usher, continuing(&token_of("customer-1", 20.0, HOUR))).await;
    assert_eq!((&resumed["type"], &resumed["conversation"]), (&json!("resumed"), &started["conversation"]));
}

#[tokio::test]
async fn what_is_not_the_identitys_own_here_is_not_taken_up() {
    let (usher, _keys) = usher().await;
    let (_web, _) = Widget::sign_in(&usher, "contoso/web", &token()).await;
    let (_anonymous, _) = Widget::start(&usher, "contoso/web").await;
    let claims =
        json!({ "iss": format!("{ISSUER}/"), "sub": "customer-1", "iat": now(), "exp": now() + HOUR });
    for (path, token) in [
        ("contoso/web", token_of("customer-2", 10.0, HOUR)),
        ("contoso/web", token_of("Customer-1", 10.0, HOUR)),
        ("contoso/web", KEY.sign(KID, &claims)),
        ("contoso/second", token()),
        ("contoso/strict", token()),
        ("contoso/lenient", token()),
        ("fabrikam/web", token()),
    ] {
        let (mut widget, started) = Widget::open(&usher, path, continuing(&token)).await;
        assert_started(&mut widget, &started).await;
        assert_eq!(started["authentication"]["status"], "authenticated", "{path}");
        let (_widget, resumed) = Widget::open(&usher, path, continuing(&token)).await;
        assert_eq!(
            (&resumed["type"], &resumed["conversation"]),
            (&json!("resumed"), &started["conversation"])
        );
    }
}

#[tokio::test]
async fn continue_without_a_valid_token_takes_nothing_up() {
    let (usher, _keys) = usher().await;
    let (_widget, ticket) = Widget::sign_in(&usher, "contoso/web", &token()).await;
    let (mut widget, started) = open(&usher, json!({ "type": "start", "continue": true })).await;
    assert_started(&mut widget, &started).await;
    assert_eq!(started["authentication"], json!({ "status": "anonymous" }));
    for (faulty, code) in [(token_of("customer-1", HOUR, -1.0), "expired"), ("x".to_owned(), "malformed")] {
        let mut widget = Widget::connect(&usher, "contoso/web").await;
        widget.send(continuing(&faulty)).await;
        assert_eq!(widget.expect_error(code).await["in_reply_to"], "start");
        assert_eq!(widget.expect_close(4500).await, "token_refused");
    }
    let mut declining = continuing(&token());
    declining["continue"] = false.into();
    let (mut widget, started) = open(&usher, declining).await;
    assert_started(&mut widget, &started).await;
    assert_ne!(started["conversation"], ticket.conversation);
    let mut off = Widget::connect(&usher, "contoso/open").await;
    off.send(continuing(&token())).await;
    assert_eq!(off.expect("started").await["authentication"], json!({ "status": "anonymous" }));
    let mut widget = Widget::connect(&usher, "contoso/web").await;
    widget.send(json!({ "type": "start", "continue": "yes" })).await;
    assert_eq!(widget.expect_error("bad_frame").await["in_reply_to"], "start");
}

#[tokio::test]
async fn continue_signs_in_again_what_has_been_downgraded_meanwhile() {
    let (usher, _keys) = usher().await;
    let (mut widget, ticket) =
        Widget::sign_in(&usher, "contoso/web", &token_of("customer-1", 10.0, 1.5)).await;
    widget.told("token_expired").await;
    widget.say("m1", "anonymous for now").await;
    let (mut second, resumed) = open(&usher, continuing(&token_of("customer-1", 5.0, HOUR))).await;
    assert_eq!((&resumed["conversation"], &resumed["sequence"]), (&json!(ticket.conversation), &json!(4)));
    assert_eq!(widget.told("token_presented").await["authentication"], resumed["authentication"]);
    second.told("token_expired").await;
    assert_eq!(second.expect("message").await["authenticated"], false);
    second.told("token_presented").await;
}

#[tokio::test]
async fn a_fresher_token_with_continue_refreshes() {
    let (usher, _keys) = usher().await;
    let (mut widget, _) = Widget::sign_in(&usher, "contoso/web", &token()).await;
    let (_second, resumed) = open(&usher, continuing(&token_of("customer-1", 5.0, HOUR))).await;
    assert_eq!((&resumed["type"], &resumed["sequence"]), (&json!("resumed"), &json!(2)));
    assert_eq!(widget.told("token_refreshed").await["authentication"], resumed["authentication"]);
}

#[tokio::test]
async fn continue_replays_the_newest_1000_frames() {
    let (usher, _keys) = usher().await;
    let (mut widget, _) = Widget::sign_in(&usher, "contoso/web", &token()).await;
    for number in 1..=1001 {
        widget.send(json!({ "type": "message", "id": format!("m{number}"), "text": "x" })).await;
    }
    for _ in 1..=1001 {
        widget.expect("accepted").await;
    }
    let (mut again, resumed) = open(&usher, continuing(&token_of("customer-1", 20.0, HOUR))).await;
    assert_eq!((&resumed["replayed"], &resumed["truncated"]), (&json!(1000), &json!(true)));
    assert_eq!(again.expect("message").await["id"], "m2");
}

#[tokio::test]
async fn a_repeated_key_is_answered_as_a_resume_from_the_start() {
    let (mut usher, _keys) = usher().await;
    let (mut first, started) = open(&usher, keyed(IDEMPOTENCY_KEY)).await;
    assert_eq!(started["type"], "started");
    first.say("m1", "Hello").await;
    for restarted in [false, true] {
        if restarted {
            usher.restart().await;
        }
        let (mut again, resumed) = open(&usher, keyed(IDEMPOTENCY_KEY)).await;
        assert_eq!(resumed["type"], "resumed");
        for name in ["conversation", "resume_token", "authentication", "queue", "limits"] {
            assert_eq!(resumed[name], started[name], "{name}");
        }
        assert_eq!((&resumed["sequence"], &resumed["replayed"]), (&json!(2), &json!(1)));
        assert_eq!(again.expect("message").await["id"], "m1");
        again.expect_nothing().await;
    }
    let (_other, other) = open(&usher, keyed(&IDEMPOTENCY_KEY.to_lowercase())).await;
    assert_eq!(other["type"], "started");
    assert_ne!(other["conversation"], started["conversation"]);
}

#[tokio::test]
async fn a_repeated_key_with_a_token_signs_in() {
    let (usher, _keys) = usher().await;
    let (mut first, started) = open(&usher, keyed(IDEMPOTENCY_KEY)).await;
    first.say("m1", "Hello").await;
    let mut again = keyed(IDEMPOTENCY_KEY);
    again["token"] = token().into();
    let (mut second, resumed) = open(&usher, again.clone()).await;
    assert_eq!((&resumed["type"], &resumed["sequence"]), (&json!("resumed"), &json!(3)));
    assert_ne!(resumed["resume_token"], started["resume_token"]);
    assert_eq!(first.expect_close(4004).await, "reconnect");
    assert_eq!(second.expect("message").await["authenticated"], false);
    second.told("token_presented").await;
    let (_third, resumed_again) = open(&usher, again).await;
    assert_eq!(resumed_again["resume_token"], resumed["resume_token"]);
}

#[tokio::test]
async fn a_key_has_22_to_64_characters() {
    let (usher, _keys) = usher().await;
    for (length, good) in [(21, false), (22, true), (23, true), (63, true), (64, true), (65, false)] {
        for character in ["k", "ü"] {
            let mut widget = Widget::connect(&usher, "contoso/web").await;
            widget.send(keyed(&character.repeat(length))).await;
            if good {
                widget.expect("started").await;
            } else {
                assert_eq!(widget.expect_error("bad_frame").await["in_reply_to"], "start", "{length}");
                widget.send(json!({ "type": "start" })).await;
                widget.expect("started").await;
            }
        }
    }
    let mut widget = Widget::connect(&usher, "contoso/web").await;
    for faulty in [json!(null), json!(7), json!("")] {
        widget.send(json!({ "type": "start", "idempotency_key": faulty })).await;
        assert_eq!(widget.expect_error("bad_frame").await["in_reply_to"], "start");
    }
}

#[tokio::test]
async fn starts_at_once_with_one_key_make_one_conversation() {
    let (usher, _keys) = usher().await;
    for round in 0..5 {
        let key = format!("{IDEMPOTENCY_KEY}{round}");
        let mut widgets = Vec::new();
        for _ in 0..8 {
            widgets.push(Widget::connect(&usher, "contoso/web").await);
        }
        // All of them lie there when it goes on.
        usher.freeze().await;
        for widget in &mut widgets {
            widget.send(keyed(&key)).await;
        }
        usher.thaw();
        let mut answers = Vec::new();
        for widget in &mut widgets {
            answers.push(widget.frame().await);
        }
        let of = |kind: &str| answers.iter().filter(|answer| answer["type"] == kind).count();
        assert_eq!((of("started"), of("resumed")), (1, 7), "{answers:?}");
        for answer in &answers {
            assert_eq!(answer["conversation"], answers[0]["conversation"]);
            assert_eq!(
                (&answer["resume_token"], &answer["sequence"]),
                (&answers[0]["resume_token"], &json!(1))
            );
        }
        let said = widgets[0].say("m1", "all of us").await;
        for widget in &mut widgets[1..] {
            assert_eq!(widget.expect("message").await["sequence"], said["sequence"]);
        }
    }
}

#[tokio::test]
async fn a_key_is_looked_up_before_continue() {
    let (usher, _keys) = usher().await;
    let mut start = keyed(IDEMPOTENCY_KEY);
    start["token"] = token().into();
    let (_first, older) = open(&usher, start.clone()).await;
    let (_second, newer) = Widget::sign_in(&usher, "contoso/web", &token()).await;
    start["continue"] = true.into();
    let (_widget, resumed) = open(&usher, start.clone()).await;
    assert_eq!((&resumed["type"], &resumed["conversation"]), (&json!("resumed"), &older["conversation"]));
    start["idempotency_key"] = format!("{IDEMPOTENCY_KEY}x").into();
    let (_widget, resumed) = open(&usher, start).await;
    assert_eq!((&resumed["type"], &resumed["conversation"]), (&json!("resumed"), &json!(newer.conversation)));
}

#[tokio::test]
async fn the_key_of_an_ended_conversation_begins_anew_and_is_the_new_ones_from_then_on() {
    let (usher, _keys) = usher().await;
    let (mut widget, first) = open(&usher, keyed(IDEMPOTENCY_KEY)).await;
    widget.send(json!({ "type": "end" })).await;
    widget.expect("ended").await;
    let (mut widget, second) = open(&usher, keyed(IDEMPOTENCY_KEY)).await;
    assert_started(&mut widget, &second).await;
    assert_ne!(second["conversation"], first["conversation"]);
    let (_widget, third) = open(&usher, keyed(IDEMPOTENCY_KEY)).await;
    assert_eq!((&third["type"], &third["conversation"]), (&json!("resumed"), &second["conversation"]));
}

#[tokio::test]
async fn neither_the_key_nor_anything_derived_of_it_is_shown_to_anyone() {
    let (usher, _keys) = usher().await;
    let (mut widget, started) = open(&usher, keyed(IDEMPOTENCY_KEY)).await;
    widget.say("m1", "Hello").await;
    let consumer = Consumer::new(&usher, ROUTER);
    let ticket = Ticket::of(&started);
    let shown = [
        json!(consumer.events(&ticket.conversation).await).to_string(),
        consumer.summary(&ticket.conversation).await.to_string(),
        usher.log(),
    ];
    for shown in shown {
        assert!(!shown.contains(IDEMPOTENCY_KEY) && !shown.contains("idempotency"), "{shown}");
    }
}

#[tokio::test]
async fn where_faulty_tokens_begin_anonymously_a_repeated_start_does_as_the_first_did() {
    let (usher, _keys) = usher().await;
    let mut start = keyed(IDEMPOTENCY_KEY);
    start["token"] = "no token".into();
    let mut begun = Vec::new();
    for answer in ["started", "resumed"] {
        let mut widget = Widget::connect(&usher, "contoso/lenient").await;
        widget.send(start.clone()).await;
        widget.expect_error("malformed").await;
        begun.push((widget.expect(answer).await["conversation"].clone(), widget));
    }
    assert_eq!(begun[0].0, begun[1].0);
    // Once somebody has signed in, a faulty token opens it no more.
    begun[0].1.authenticated(&token(), "token_presented").await;
    let mut widget = Widget::connect(&usher, "contoso/lenient").await;
    widget.send(start).await;
    assert_eq!(widget.expect_error("malformed").await["in_reply_to"], "start");
    widget.send(json!({ "type": "message", "id": "m1", "text": "x" })).await;
    widget.expect_error("out_of_order").await;
}
