//! What could not be delivered for too long waits for an operator.

use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tokio::process::Command;

use super::posting_to;
use super::receiver::{Delivery, Receiver, Reply};
use crate::support::consumer::{Consumer, answer};
use crate::support::setup::ROUTER;
use crate::support::usher::Usher;
use crate::support::widget::Widget;
use crate::support::{soon, until};

/// `usher webhook` with these arguments, for this gateway.
async fn webhook(usher: &Usher, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
    command.arg("webhook").args(arguments).arg("--config").arg(usher.setup().path().join("usher.toml"));
    command.env("USHER_LISTEN_OPS", usher.at().ops.to_string()).stdin(Stdio::null());
    soon("the command", command.output()).await.unwrap()
}

async fn listed(usher: &Usher) -> Value {
    let output = webhook(usher, &["list", "--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    list["items"][0].clone()
}

/// Waits until so many conversations are parked.
async fn parked(usher: &Usher, count: u32) {
    let series = "usher_webhook_parked{endpoint=\"crm\"}";
    until("parked", async || (usher.metric(series).await == Some(count.into())).then_some(())).await;
}

/// Takes nothing that begins like this.
fn refuse(start: &'static str) -> impl FnMut(&Delivery) -> Reply + Send + 'static {
    move |delivery| if delivery.text().starts_with(start) { Reply::Status(500) } else { Reply::Status(200) }
}

#[tokio::test]
async fn after_retry_for_a_conversation_is_parked_with_what_follows_until_it_is_replayed() {
    let receiver = Receiver::playing(refuse("poison")).await;
    let (mut usher, _keys) = posting_to(&receiver, "retry_for = \"2s\"").await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    widget.say("m1", "poison").await;
    widget.say("m2", "behind").await;
    parked(&usher, 1).await;
    let attempts = receiver.deliveries().iter().filter(|one| one.text() == "poison").count();
    let (mut other, _) = Widget::start(&usher, "contoso/web").await;
    other.say("m1", "other").await;
    receiver.takes_text("other").await;
    widget.say("m3", "further behind").await;
    other.say("m2", "later").await;
    receiver.takes_text("later").await;
    // It stays parked over a restart, and is not tried.
    usher.restart().await;
    parked(&usher, 1).await;
    let (mut other, _) = Widget::start(&usher, "contoso/web").await;
    other.say("m1", "after the restart").await;
    receiver.takes_text("after the restart").await;
    assert!(receiver.deliveries().iter().all(|one| !one.text().contains("behind")));
    assert_eq!(receiver.deliveries().iter().filter(|one| one.text() == "poison").count(), attempts);
    let item = listed(&usher).await;
    let waiting = &item["parked_conversations"][0];
    assert_eq!((&item["id"], &item["parked"]), (&json!("crm"), &json!(1)));
    assert_eq!(waiting["conversation"], *ticket.conversation);
    assert_eq!((&waiting["sequence"], &waiting["failure"]), (&json!(2), &json!("http_status")));
    receiver.play(|_| Reply::Status(200));
    let replayed =
        webhook(&usher, &["replay", "--endpoint", "crm", "--conversation", &ticket.conversation]).await;
    assert_eq!(replayed.status.code(), Some(0), "{replayed:?}");
    receiver.takes_text("further behind").await;
    assert_eq!(receiver.sequences()[&ticket.conversation], [1, 2, 3, 4]);
    parked(&usher, 0).await;
    Consumer::new(&usher, ROUTER).say(&ticket.conversation, "a1", "live again").await;
    receiver.takes_text("live again").await;
    assert_eq!(receiver.sequences()[&ticket.conversation], [1, 2, 3, 4, 5]);
    let log = usher.log();
    assert_eq!(log.matches("a conversation is parked").count(), 1, "{log}");
}

#[tokio::test]
async fn everything_that_is_parked_is_replayed_at_once_and_what_fails_again_is_parked_again() {
    let receiver = Receiver::playing(refuse("poison")).await;
    let (usher, _keys) = posting_to(&receiver, "retry_for = \"1s\"").await;
    let mut conversations = Vec::new();
    for number in 1..=3 {
        let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
        widget.say("m1", &format!("poison {number}")).await;
        conversations.push(ticket.conversation);
    }
    parked(&usher, 3).await;
    receiver.play(refuse("poison 2"));
    let replayed = webhook(&usher, &["replay", "--endpoint", "crm", "--all", "--json"]).await;
    assert_eq!(replayed.status.code(), Some(0), "{replayed:?}");
    assert_eq!(serde_json::from_slice::<Value>(&replayed.stdout).unwrap(), json!({ "replayed": 3 }));
    receiver.takes_text("poison 1").await;
    receiver.takes_text("poison 3").await;
    until("parked again", async || {
        let item = listed(&usher).await;
        (item["parked"] == 1 && item["parked_conversations"][0]["conversation"] == *conversations[1])
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_command_that_can_not_be_done_says_why_and_ends_with_1() {
    let receiver = Receiver::start().await;
    let (mut usher, _keys) = posting_to(&receiver, "").await;
    let id = "0198f0de-0000-7000-8000-000000000000";
    for (arguments, code, why) in [
        (&["replay", "--endpoint", "erp", "--all"][..], 1, "there is no such endpoint"),
        (&["replay", "--endpoint", "crm", "--conversation", id], 1, "not parked"),
        (&["replay", "--endpoint", "crm"], 2, "--conversation"),
        (&["replay", "--endpoint", "crm", "--all", "--conversation", id], 2, "cannot be used with"),
        (&["replay", "--endpoint", "crm", "--conversation", "x"], 2, "conversation's id"),
    ] {
        let output = webhook(&usher, arguments).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(why), "{said}");
    }
    let output = webhook(&usher, &["list"]).await;
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("crm  http://127.0.0.1:") && !said.contains("/hook"), "{said}");
    usher.kill().await;
    let output = webhook(&usher, &["list"]).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("no gateway answers at"), "{said}");
}

#[tokio::test]
async fn a_replay_can_not_be_asked_for_by_a_form_of_a_web_page() {
    let receiver = Receiver::start().await;
    let (usher, _keys) = posting_to(&receiver, "").await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/webhooks/crm/replay", usher.at().ops);
    for (media_type, body, status) in [
        ("text/plain", "{\"all\": true}", 415),
        ("application/x-www-form-urlencoded", "{\"all\": true}", 415),
        ("application/json", "{\"all\": true}", 200),
        ("application/json", "{}", 400),
        ("application/json", "{\"all\": true, \"more\": 1}", 400),
        ("application/json", "{\"conversation\": \"x\"}", 400),
    ] {
        let request = client.post(&url).header("content-type", media_type).body(body);
        assert_eq!(answer(request).await.status, status, "{media_type} {body}");
    }
}
