use serde_json::{Value, json};

use super::usher;
use crate::support::consumer::Consumer;
use crate::support::setup::ROUTER;
use crate::support::usher::Usher;
use crate::support::widget::{Ticket, Widget};

fn after(ticket: &Ticket, sequence: u64) -> Value {
    let mut resume = ticket.resume();
    resume["after"] = sequence.into();
    resume
}

/// A conversation with this many messages, `m1` with sequence 2 and so on.
async fn chat(usher: &Usher, messages: usize) -> (Widget, Ticket) {
    let (mut widget, ticket) = Widget::start(usher, "contoso/web").await;
    say(&mut widget, 1..=messages).await;
    (widget, ticket)
}

/// Many at once, so that they share commits.
async fn say(widget: &mut Widget, numbers: std::ops::RangeInclusive<usize>) {
    for number in numbers.clone() {
        widget.send(json!({ "type": "message", "id": format!("m{number}"), "text": "x" })).await;
    }
    for number in numbers {
        assert_eq!(widget.expect("accepted").await["id"], format!("m{number}"));
    }
}

/// The ids of this many messages that come next.
async fn ids(widget: &mut Widget, count: u64) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(widget.expect("message").await["id"].as_str().unwrap().to_owned());
    }
    ids
}

fn numbered(numbers: std::ops::RangeInclusive<u64>) -> Vec<String> {
    numbers.map(|number| format!("m{number}")).collect()
}

#[tokio::test]
async fn a_resume_replays_what_came_after_the_last_sequence_seen() {
    let (usher, _keys) = usher().await;
    let (_first, ticket) = chat(&usher, 5).await;
    for (seen, replayed) in [(0, 1..=5), (1, 1..=5), (2, 2..=5), (5, 5..=5)] {
        let (mut widget, resumed) = Widget::open(&usher, "contoso/web", after(&ticket, seen)).await;
        assert_eq!((&resumed["sequence"], &resumed["queue"]), (&json!(6), &json!("general")));
        let count = resumed["replayed"].as_u64().unwrap();
        assert_eq!(ids(&mut widget, count).await, numbered(replayed), "after {seen}");
        widget.expect_nothing().await;
        widget.close().await;
    }
    let (mut widget, resumed) = Widget::open(&usher, "contoso/web", after(&ticket, 6)).await;
    assert_eq!((&resumed["replayed"], resumed.get("truncated")), (&json!(0), None));
    widget.expect_nothing().await;
}

#[tokio::test]
async fn after_the_end_of_the_journal_is_a_bad_frame_and_the_socket_may_try_again() {
    let (usher, _keys) = usher().await;
    let (_first, ticket) = chat(&usher, 1).await;
    let mut widget = Widget::connect(&usher, "contoso/web").await;
    widget.send(after(&ticket, 3)).await;
    assert_eq!(widget.expect_error("bad_frame").await["in_reply_to"], "resume");
    widget.send(after(&ticket, 2)).await;
    assert_eq!(widget.expect("resumed").await["replayed"], 0);
}

#[tokio::test]
async fn resumed_shows_the_state_at_this_instant() {
    let (usher, _keys) = usher().await;
    let (_first, ticket) = chat(&usher, 1).await;
    let assignment = json!({ "queue": "vip", "agent": "ada" });
    let path = format!("/v1/conversations/{}/assignment", ticket.conversation);
    let put = Consumer::new(&usher, ROUTER).call(reqwest::Method::PUT, &path, &assignment).await;
    assert_eq!(put.status, 204);
    let (mut widget, resumed) = Widget::open(&usher, "contoso/web", ticket.resume()).await;
    let limits = json!({ "message_characters": 6000, "frame_bytes": 98_304, "messages_per_minute": 0,
        "ping_seconds": 25 });
    let expected = json!({ "type": "resumed", "conversation": ticket.conversation,
        "resume_token": ticket.resume_token, "sequence": 3, "authentication": { "status": "anonymous" },
        "queue": "vip", "agent": "ada", "context": { "accepted": [], "rejected": [] }, "limits": limits,
        "replayed": 2 });
    assert_eq!(resumed, expected);
    widget.expect("message").await;
    let assigned = json!({ "type": "assigned", "sequence": 3, "queue": "vip", "agent": "ada" });
    assert_eq!(widget.expect("assigned").await, assigned);
}

#[tokio::test]
async fn a_replayed_message_is_the_live_one_word_for_word() {
    let (mut usher, _keys) = usher().await;
    let (mut first, ticket) = Widget::start(&usher, "contoso/web").await;
    let (mut second, _) = Widget::open(&usher, "contoso/web", ticket.resume()).await;
    first.say("m1", "Hello \"quoted\" \u{2028} 🦆").await;
    let live = second.expect("message").await;
    let body = json!({ "text": "Hi, I'm Ada", "id": "a1", "name": "Ada" });
    let path = format!("/v1/conversations/{}/messages", ticket.conversation);
    assert_eq!(Consumer::new(&usher, ROUTER).post(&path, &body).await.status, 201);
    let from_agent = second.expect("message").await;
    assert_eq!((&from_agent["from"], &from_agent["name"]), (&json!("agent"), &json!("Ada")));
    assert!(from_agent.get("authenticated").is_none() && from_agent.get("id").is_none(), "{from_agent}");
    usher.restart().await;
    let (mut widget, _) = Widget::open(&usher, "contoso/web", ticket.resume()).await;
    assert_eq!(widget.expect("message").await, live);
    assert_eq!(widget.expect("message").await, from_agent);
}

#[tokio::test]
async fn without_after_the_newest_1000_frames_are_replayed_and_more_are_told() {
    let (usher, _keys) = usher().await;
    let (mut first, ticket) = chat(&usher, 999).await;
    for (messages, replayed, truncated) in
        [(999, 1..=999, false), (1000, 1..=1000, false), (1001, 2..=1001, true)]
    {
        if messages > 999 {
            say(&mut first, messages..=messages).await;
        }
        let (mut widget, resumed) = Widget::open(&usher, "contoso/web", ticket.resume()).await;
        let count = replayed.clone().count();
        assert_eq!(resumed["replayed"], count);
        assert_eq!(resumed.get("truncated"), truncated.then_some(&json!(true)), "{messages}");
        assert_eq!(ids(&mut widget, count as u64).await, numbered(replayed));
        widget.expect_nothing().await;
    }
    // With `after` there is no such bound.
    let (mut widget, resumed) = Widget::open(&usher, "contoso/web", after(&ticket, 0)).await;
    assert_eq!((&resumed["replayed"], resumed.get("truncated")), (&json!(1001), None));
    assert_eq!(ids(&mut widget, 1001).await, numbered(1..=1001));
}

#[tokio::test]
async fn what_happens_during_the_replay_follows_it_each_once() {
    let (usher, _keys) = usher().await;
    let (mut first, ticket) = chat(&usher, 600).await;
    let mut widgets = Vec::new();
    for number in 601..=621 {
        if number % 3 == 0 {
            let mut widget = Widget::connect(&usher, "contoso/web").await;
            widget.send(after(&ticket, 0)).await;
            widgets.push(widget);
        }
        first.send(json!({ "type": "message", "id": format!("m{number}"), "text": "meanwhile" })).await;
    }
    assert_eq!(widgets.len(), 7);
    for mut widget in widgets {
        widget.expect("resumed").await;
        assert_eq!(ids(&mut widget, 621).await, numbered(1..=621));
        widget.expect_nothing().await;
    }
}
