//! How far each side has read, who types, and what a consumer can ask of a widget.

use serde_json::{Value, json};

use crate::support::consumer::Consumer;
use crate::support::keys::{KeyEndpoint, now, token_of};
use crate::support::setup::{READER, ROUTER, Setup};
use crate::support::usher::Usher;
use crate::support::widget::{Got, Ticket, Widget};
use crate::support::{seconds, until_time};

async fn usher() -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let usher = Usher::start(Setup::new().tenant("contoso", &keys.url())).await;
    (usher, keys)
}

/// Two sockets of a conversation with five messages of the customer's, sequences 2 to 6.
async fn chat(usher: &Usher) -> (Widget, Widget, Ticket) {
    let (mut first, ticket) = Widget::start(usher, "contoso/web").await;
    for number in 2..=6 {
        assert_eq!(first.say(&format!("m{number}"), "Hello").await["sequence"], number);
    }
    let (mut second, _) = Widget::open(usher, "contoso/web", ticket.resume_after(6)).await;
    second.expect_nothing().await;
    (first, second, ticket)
}

fn read(sequence: u64) -> Value {
    json!({ "type": "read", "sequence": sequence })
}

fn told(sequence: u64, by: &str, up_to: u64) -> Value {
    json!({ "type": "read", "sequence": sequence, "by": by, "up_to": up_to })
}

/// Who has read up to where, as it was journaled.
async fn journaled(usher: &Usher, ticket: &Ticket) -> Vec<(Value, Value)> {
    let events = Consumer::new(usher, ROUTER).events_of(&ticket.conversation, "read").await;
    events.iter().map(|event| (event["data"]["by"].clone(), event["data"]["up_to"].clone())).collect()
}

#[tokio::test]
async fn what_the_customer_has_read_is_journaled_and_told_to_every_socket() {
    let (mut usher, _keys) = usher().await;
    let (mut first, mut second, ticket) = chat(&usher).await;
    first.send(read(4)).await;
    for widget in [&mut first, &mut second] {
        assert_eq!(widget.expect("read").await, told(7, "customer", 4));
    }
    let events = Consumer::new(&usher, ROUTER).events(&ticket.conversation).await;
    assert_eq!((events.len(), &events[6]["type"]), (7, &json!("usher.conversation.read")));
    let data =
        json!({ "authentication": { "status": "anonymous" }, "sequence": 7, "by": "customer", "up_to": 4 });
    assert_eq!(events[6]["data"], data);
    usher.restart().await;
    let (mut again, resumed) = Widget::open(&usher, "contoso/web", ticket.resume_after(6)).await;
    assert_eq!(resumed["replayed"], 1);
    assert_eq!(again.expect("read").await, told(7, "customer", 4));
}

#[tokio::test]
async fn only_what_moves_forward_is_journaled() {
    let (usher, _keys) = usher().await;
    let (mut first, mut second, ticket) = chat(&usher).await;
    first.send(read(5)).await;
    assert_eq!(first.expect("read").await, told(7, "customer", 5));
    second.expect("read").await;
    until_time(now() + 1.1).await;
    for behind in [5, 4, 1, 0] {
        first.send(read(behind)).await;
        second.send(read(behind)).await;
    }
    first.expect_nothing().await;
    second.send(read(6)).await;
    for widget in [&mut first, &mut second] {
        assert_eq!(widget.expect("read").await, told(8, "customer", 6));
    }
    first.expect_nothing().await;
    let customer = json!("customer");
    assert_eq!(journaled(&usher, &ticket).await, [(customer.clone(), json!(5)), (customer, json!(6))]);
}

#[tokio::test]
async fn of_many_within_a_second_the_first_and_then_the_newest_is_journaled() {
    let (usher, _keys) = usher().await;
    let (mut first, mut second, ticket) = chat(&usher).await;
    usher.freeze().await;
    for sequence in 2..=6 {
        first.send(read(sequence)).await;
    }
    usher.thaw();
    for widget in [&mut first, &mut second] {
        assert_eq!(widget.expect("read").await, told(7, "customer", 2));
        assert_eq!(widget.expect("read").await, told(8, "customer", 6));
        widget.expect_nothing().await;
    }
    let events = Consumer::new(&usher, ROUTER).events_of(&ticket.conversation, "read").await;
    assert_eq!(events.len(), 2);
    let between = seconds(&events[1]["time"]) - seconds(&events[0]["time"]);
    assert!(between >= 0.999, "{between} s");
}

#[tokio::test]
async fn what_waits_for_its_second_is_not_lost_to_an_older_one_that_comes_just_then() {
    let (usher, _keys) = usher().await;
    let mut chats = Vec::new();
    for _ in 0..30 {
        chats.push(chat(&usher).await);
    }
    for (first, second, _) in &mut chats {
        first.send(read(2)).await;
        assert_eq!(second.expect("read").await["up_to"], 2);
        first.expect("read").await;
        first.send(read(6)).await;
        first.expect_nothing().await;
    }
    usher.freeze().await;
    for (_, second, _) in &mut chats {
        second.send(read(4)).await;
    }
    until_time(now() + 1.1).await;
    usher.thaw();
    // Twice the time after which the last of them has to be journaled.
    until_time(now() + 2.0).await;
    for (_, _, ticket) in &chats {
        let journaled = journaled(&usher, ticket).await;
        assert_eq!(journaled.last().unwrap().1, 6, "{journaled:?}");
    }
}

#[tokio::test]
async fn each_side_has_a_second_of_its_own() {
    let (usher, _keys) = usher().await;
    let (mut first, _second, ticket) = chat(&usher).await;
    let consumer = Consumer::new(&usher, ROUTER);
    first.send(read(6)).await;
    assert_eq!(first.expect("read").await, told(7, "customer", 6));
    let answer = consumer.tell(&ticket.conversation, "read", &json!({ "up_to": 3 })).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(first.expect("read").await, told(8, "agent", 3));
    let events = consumer.events_of(&ticket.conversation, "read").await;
    let between = seconds(&events[1]["time"]) - seconds(&events[0]["time"]);
    assert!(between < 1.0, "{between} s");
    for up_to in [3, 2, 5] {
        assert_eq!(consumer.tell(&ticket.conversation, "read", &json!({ "up_to": up_to })).await.status, 204);
    }
    assert_eq!(first.expect("read").await, told(9, "agent", 5));
    first.expect_nothing().await;
}

#[tokio::test]
async fn past_the_end_is_a_bad_frame() {
    let (usher, _keys) = usher().await;
    let (mut first, mut second, ticket) = chat(&usher).await;
    for frame in [
        read(7),
        json!({ "type": "read" }),
        json!({ "type": "read", "sequence": "6" }),
        json!({ "type": "read", "sequence": -1 }),
        json!({ "type": "read", "sequence": 1.5 }),
    ] {
        first.send(frame).await;
        assert_eq!(first.expect_error("bad_frame").await["in_reply_to"], "read");
    }
    first.send(read(6)).await;
    assert_eq!(first.expect("read").await, told(7, "customer", 6));
    second.expect("read").await;
    assert_eq!(journaled(&usher, &ticket).await.len(), 1);
}

#[tokio::test]
async fn a_consumers_read_that_makes_no_sense_is_refused() {
    let (usher, _keys) = usher().await;
    let (mut first, _second, ticket) = chat(&usher).await;
    let consumer = Consumer::new(&usher, ROUTER);
    for body in [
        json!({}),
        json!({ "up_to": "6" }),
        json!({ "up_to": -1 }),
        json!({ "up_to": 1.5 }),
        json!({ "up_to": 7 }),
        json!({ "up_to": 6, "by": "customer" }),
    ] {
        let answer = consumer.tell(&ticket.conversation, "read", &body).await;
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!("invalid_request")), "{body}");
    }
    let reader = Consumer::new(&usher, READER);
    assert_eq!(reader.tell(&ticket.conversation, "read", &json!({ "up_to": 6 })).await.status, 403);
    first.expect_nothing().await;
    assert_eq!(journaled(&usher, &ticket).await, []);
}

#[tokio::test]
async fn a_consumer_asks_the_widget_to_sign_in_once_for_each_id() {
    let (usher, _keys) = usher().await;
    let (mut first, mut second, ticket) = chat(&usher).await;
    let consumer = Consumer::new(&usher, ROUTER);
    let ask = async |body: Value| consumer.tell(&ticket.conversation, "authentication-request", &body).await;
    let asked = ask(json!({ "id": "r1", "message": "Please sign in" })).await;
    assert_eq!((asked.status, &asked.body["sequence"]), (201, &json!(7)));
    assert_eq!(asked.body.as_object().unwrap().len(), 2, "{asked:?}");
    let frame = json!({ "type": "authentication_requested", "sequence": 7, "message": "Please sign in" });
    for widget in [&mut first, &mut second] {
        assert_eq!(widget.expect("authentication_requested").await, frame);
    }
    let again = ask(json!({ "id": "r1", "message": "Please sign in" })).await;
    assert_eq!((again.status, &again.body), (201, &asked.body));
    for other in [json!({ "id": "r1", "message": "Sign in!" }), json!({ "id": "r1" })] {
        let conflict = ask(other).await;
        assert_eq!((conflict.status, &conflict.body["code"]), (409, &json!("id_conflict")));
    }
    assert_eq!(ask(json!({ "id": "r2" })).await.body["sequence"], 8);
    let bare = json!({ "type": "authentication_requested", "sequence": 8 });
    assert_eq!(first.expect("authentication_requested").await, bare);
    let events = consumer.events_of(&ticket.conversation, "authentication_requested").await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["time"], asked.body["at"]);
    let data = &events[0]["data"];
    assert_eq!((&data["message"], &data["by"]), (&json!("Please sign in"), &json!("agent")));
    assert_eq!(events[1]["data"].get("message"), None);

    let (mut late, resumed) = Widget::open(&usher, "contoso/web", ticket.resume_after(6)).await;
    assert_eq!(resumed["replayed"], 2);
    assert_eq!(late.expect("authentication_requested").await, frame);
    assert_eq!(late.expect("authentication_requested").await, bare);
}

#[tokio::test]
async fn a_clients_id_stands_for_one_thing_whatever_kind_it_is() {
    let (usher, _keys) = usher().await;
    let (mut first, _second, ticket) = chat(&usher).await;
    let consumer = Consumer::new(&usher, ROUTER);
    let post = async |what: &str, body: Value| consumer.tell(&ticket.conversation, what, &body).await;
    consumer.say(&ticket.conversation, "one", "Please sign in").await;
    assert_eq!(post("authentication-request", json!({ "id": "two" })).await.body["sequence"], 8);
    let requested = json!({ "id": "one", "message": "Please sign in" });
    for conflict in [
        post("authentication-request", requested).await,
        post("messages", json!({ "id": "two", "text": "Please sign in" })).await,
    ] {
        assert_eq!((conflict.status, &conflict.body["code"]), (409, &json!("id_conflict")));
    }
    // The customer's ids are the customer's.
    assert_eq!(post("authentication-request", json!({ "id": "m2" })).await.body["sequence"], 9);
    for kind in ["message", "authentication_requested", "authentication_requested"] {
        first.expect(kind).await;
    }
    first.expect_nothing().await;
}

#[tokio::test]
async fn a_request_to_sign_in_needs_an_id_and_survives_a_restart() {
    let (mut usher, _keys) = usher().await;
    let (_first, _second, ticket) = chat(&usher).await;
    let body = json!({ "id": "r1", "message": "Please sign in" });
    let ask = async |usher: &Usher, body: &Value| {
        let consumer = Consumer::new(usher, ROUTER);
        consumer.tell(&ticket.conversation, "authentication-request", body).await
    };
    for faulty in
        [json!({}), json!({ "id": "" }), json!({ "id": "x".repeat(65) }), json!({ "id": "r", "x": 1 })]
    {
        let answer = ask(&usher, &faulty).await;
        assert_eq!((answer.status, &answer.body["code"]), (400, &json!("invalid_request")), "{faulty}");
    }
    let asked = ask(&usher, &body).await;
    usher.restart().await;
    assert_eq!(ask(&usher, &body).await.body, asked.body);
    let said = Consumer::new(&usher, ROUTER).say(&ticket.conversation, "a1", "Hi").await;
    assert_eq!(said, 8);
}

#[tokio::test]
async fn an_agents_typing_reaches_the_sockets_and_the_live_readers() {
    let (usher, _keys) = usher().await;
    let (mut first, mut second, ticket) = chat(&usher).await;
    let consumer = Consumer::new(&usher, ROUTER);
    let mut stream = consumer.stream("?after=latest").await;
    let typing = consumer.tell(&ticket.conversation, "typing", &json!({})).await;
    assert_eq!(typing.status, 202, "{typing:?}");
    for widget in [&mut first, &mut second] {
        assert_eq!(widget.expect("typing").await, json!({ "type": "typing", "from": "agent" }));
    }
    let heard = stream.expect("usher.conversation.typing").await;
    assert_eq!(heard["data"]["from"], "agent");
    assert_eq!(first.say("m7", "Yes?").await["sequence"], 7);
}

#[tokio::test]
async fn a_reconnect_closes_the_sockets_and_they_come_back() {
    let (usher, _keys) = usher().await;
    let token = token_of("customer-1", 10.0, 3600.0);
    let (mut first, ticket) = Widget::sign_in(&usher, "contoso/web", &token).await;
    let (mut second, _) = Widget::open(&usher, "contoso/web", ticket.resume_with(&token)).await;
    let (mut others, _) = Widget::start(&usher, "contoso/web").await;
    let consumer = Consumer::new(&usher, ROUTER);
    let answer = consumer.tell(&ticket.conversation, "reconnect", &json!({})).await;
    assert!((200..300).contains(&answer.status), "{answer:?}");
    for widget in [&mut first, &mut second] {
        assert_eq!(widget.expect_close(4004).await, "reconnect");
        assert_eq!(widget.next().await, Got::Gone);
    }
    others.expect_nothing().await;
    let (_widget, resumed) = Widget::open(&usher, "contoso/web", ticket.resume_with(&token)).await;
    assert_eq!((&resumed["sequence"], &resumed["resume_token"]), (&json!(1), &json!(ticket.resume_token)));
    assert_eq!(resumed["authentication"]["status"], "authenticated");
}

#[tokio::test]
async fn nothing_of_it_is_taken_for_an_ended_conversation() {
    let (usher, _keys) = usher().await;
    let (mut first, _second, ticket) = chat(&usher).await;
    first.send(json!({ "type": "end" })).await;
    first.expect("ended").await;
    let consumer = Consumer::new(&usher, ROUTER);
    for (what, body) in [("read", json!({ "up_to": 6 })), ("authentication-request", json!({ "id": "r1" }))] {
        let late = consumer.tell(&ticket.conversation, what, &body).await;
        assert_eq!((late.status, &late.body["code"]), (409, &json!("conversation_ended")), "{what}");
    }
}

#[tokio::test]
async fn a_ping_is_answered_by_a_pong_once_the_widget_is_in() {
    let (usher, _keys) = usher().await;
    let mut widget = Widget::connect(&usher, "contoso/web").await;
    widget.send(json!({ "type": "ping" })).await;
    assert_eq!(widget.expect_error("out_of_order").await["in_reply_to"], "ping");
    widget.send(json!({ "type": "start" })).await;
    widget.expect("started").await;
    for _ in 0..3 {
        widget.send(json!({ "type": "ping" })).await;
        assert_eq!(widget.expect("pong").await, json!({ "type": "pong" }));
    }
    assert_eq!(widget.say("m1", "Hello").await["sequence"], 2);
}
