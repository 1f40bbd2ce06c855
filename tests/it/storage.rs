//! A journal that can't be written or opened: said clearly, nothing acknowledged that isn't stored.

use serde_json::{Value, json};

use crate::support::consumer::Consumer;
use crate::support::keys::KeyEndpoint;
use crate::support::setup::{ROUTER, Setup};
use crate::support::until;
use crate::support::usher::{Usher, failing_start};
use crate::support::widget::{Got, Widget};

async fn usher() -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let usher = Usher::start(Setup::new().tenant("contoso", &keys.url())).await;
    (usher, keys)
}

fn message(id: &str) -> Value {
    json!({ "type": "message", "id": id, "text": "Hello" })
}

async fn message_ids(usher: &Usher, conversation: &str) -> Vec<Value> {
    let events = Consumer::new(usher, ROUTER).events(conversation).await;
    let messages = events.iter().filter(|event| event["type"] == "usher.conversation.message");
    messages.map(|event| event["data"]["id"].clone()).collect()
}

#[tokio::test]
async fn while_nothing_can_be_written_nothing_is_accepted_and_the_node_is_unready() {
    let (usher, _keys) = usher().await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    let (mut other, _) = Widget::open(&usher, "contoso/web", ticket.resume()).await;
    widget.say("m1", "stored").await;
    other.expect("message").await;

    usher.limit_files(Some(0));
    for _ in 0..3 {
        widget.send(message("m2")).await;
        let error = widget.expect_error("storage_unavailable").await;
        assert_eq!((&error["in_reply_to"], &error["temporary"]), (&json!("m2"), &json!(true)));
        assert!(error["retry_after_ms"].as_u64().is_some(), "{error}");
    }
    let (status, reason) = usher.ops("/readyz").await;
    assert_eq!((status, reason.split(':').next()), (503, Some("journal_unwritable")));
    assert_eq!(usher.ops("/healthz").await.0, 200);
    let mut stranger = Widget::connect(&usher, "contoso/web").await;
    stranger.send(json!({ "type": "start" })).await;
    stranger.expect_error("storage_unavailable").await;
    stranger.expect_close(4005).await;
    let path = format!("/v1/conversations/{}/messages", ticket.conversation);
    let consumer = Consumer::new(&usher, ROUTER);
    let answer = consumer.post(&path, &json!({ "text": "Hi", "id": "a1" })).await;
    assert_eq!((answer.status, &answer.body["code"]), (503, &json!("storage_unavailable")));
    // What was stored can still be read.
    assert_eq!(message_ids(&usher, &ticket.conversation).await, ["m1"]);
    other.expect_nothing().await;

    usher.limit_files(None);
    usher.ready().await;
    let accepted = widget.say("m2", "Hello").await;
    assert_eq!(accepted["sequence"], 3);
    assert_eq!(other.expect("message").await["sequence"], 3);
    assert_eq!(message_ids(&usher, &ticket.conversation).await, ["m1", "m2"]);
}

/// The limit is hit somewhere in the middle of a record; whatever was accepted before is there after a crash.
#[tokio::test]
async fn a_disk_that_fills_up_under_load_and_a_crash_lose_nothing_that_was_accepted() {
    let (mut usher, _keys) = usher().await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    let log = std::fs::metadata(usher.setup().journal().with_extension("db-wal")).unwrap().len();
    usher.limit_files(Some(log + 1_000_001));
    let mut accepted = Vec::new();
    for number in 0.. {
        let id = format!("m{number}");
        widget.send(json!({ "type": "message", "id": id, "text": "x".repeat(3000) })).await;
        let frame = widget.frame().await;
        if frame["type"] == "error" {
            assert_eq!(frame["code"], "storage_unavailable");
            break;
        }
        assert_eq!(frame["sequence"], number + 2);
        accepted.push(json!(id));
    }
    assert!(accepted.len() > 3, "{accepted:?}");
    usher.restart().await;
    let stored = message_ids(&usher, &ticket.conversation).await;
    assert_eq!(stored[..accepted.len()], accepted);
    assert!(stored.len() <= accepted.len() + 1, "{stored:?}");
    let (mut widget, _) = Widget::open(&usher, "contoso/web", {
        let mut resume = ticket.resume();
        resume["after"] = json!(stored.len() + 1);
        resume
    })
    .await;
    widget
        .send(json!({ "type": "message", "id": format!("m{}", accepted.len()), "text": "x".repeat(3000) }))
        .await;
    assert_eq!(widget.expect("accepted").await["sequence"], accepted.len() + 2);
}

#[tokio::test]
async fn a_downgrade_that_cannot_be_stored_is_stored_once_it_can() {
    let (usher, _keys) = usher().await;
    let token = crate::support::keys::token("customer-1", std::time::Duration::from_millis(1500));
    let (mut widget, ticket) = Widget::sign_in(&usher, "contoso/web", &token).await;
    let consumer = Consumer::new(&usher, ROUTER);
    until("a list that knows of it", async || {
        let list = consumer.read("/v1/conversations?authenticated=true").await;
        (list["items"].as_array().unwrap().len() == 1).then_some(())
    })
    .await;
    usher.limit_files(Some(0));
    until("a downgrade that fails", async || {
        let unready = usher.ops("/readyz").await.0 == 503;
        unready.then_some(())
    })
    .await;
    widget.send(message("m1")).await;
    widget.expect_error("storage_unavailable").await;
    usher.limit_files(None);
    usher.ready().await;
    assert_eq!(widget.expect("authentication").await["sequence"], 2);
    assert_eq!(widget.say("m1", "Hello").await["sequence"], 3);
    let events = Consumer::new(&usher, ROUTER).events(&ticket.conversation).await;
    assert_eq!(events.len(), 3);
    assert_eq!(events[2]["data"]["authenticated"], false);
}

#[tokio::test]
async fn a_journal_of_a_newer_version_is_refused_and_left_alone() {
    let (mut usher, _keys) = usher().await;
    let journal = usher.setup().journal();
    usher.terminate();
    assert_eq!(usher.exit_code().await, Some(0));
    let connection = rusqlite::Connection::open(&journal).unwrap();
    connection.pragma_update(None, "user_version", 4711).unwrap();
    connection.close().unwrap();
    let before = std::fs::read(&journal).unwrap();
    let (code, said) = failing_start(usher.setup()).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("4711") && said.contains("usher.db"), "{said}");
    assert_eq!(std::fs::read(&journal).unwrap(), before);
}

#[tokio::test]
async fn a_journal_in_use_is_refused_and_its_user_goes_on() {
    let (usher, _keys) = usher().await;
    let (mut widget, _) = Widget::start(&usher, "contoso/web").await;
    let (code, said) = failing_start(usher.setup()).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("usher.db"), "{said}");
    widget.say("m1", "still here").await;
    assert_eq!(widget.try_next(), None::<Got>);
}
