//! Reads what is there through the consumer API and holds it against what was promised.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value, json};

use super::Acknowledged;
use crate::support::consumer::Consumer;
use crate::support::until;

/// Every conversation that the list knows, with its journal, but this last one, which only marks the end.
pub(super) async fn journals(
    consumer: &Consumer,
    begun: &[String],
    last: &str,
) -> BTreeMap<String, Vec<Value>> {
    let items = until("a list that knows of the last one", async || {
        let items = consumer.all("/v1/conversations").await;
        items.iter().any(|item| item["id"] == last).then_some(items)
    })
    .await;
    let mut listed: HashSet<_> = items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed.len(), items.len(), "a conversation is listed twice");
    listed.remove(last);
    for conversation in begun {
        assert!(listed.contains(conversation), "{conversation} was begun and is not listed");
    }
    let mut journals = BTreeMap::new();
    for conversation in listed {
        let events = consumer.events(&conversation).await;
        let summary = consumer.summary(&conversation).await;
        assert_eq!(summary["sequence"], events.len(), "{conversation}: {summary}");
        assert_eq!((&summary["authenticated"], &summary["status"]), (&json!(false), &json!("open")));
        journals.insert(conversation, events);
    }
    journals
}

pub(super) fn check_all(journals: &BTreeMap<String, Vec<Value>>, acknowledged: &[Acknowledged]) {
    for (conversation, events) in journals {
        check_order(conversation, events);
        check_authentication(events);
        check_ids(conversation, events);
    }
    for one in acknowledged {
        let place = usize::try_from(one.sequence).unwrap() - 1;
        let stored = journals[&one.conversation].get(place);
        let data = &stored.unwrap_or_else(|| panic!("{one:?} is lost"))["data"];
        let there = [&data["from"], &data["id"], &data["text"]];
        assert_eq!(there, [one.from, &one.id, &one.text], "{one:?} is lost");
    }
    let ends: usize = journals.values().flatten().filter(|event| is(event, "downgraded")).count();
    assert!(ends > 0, "no authentication has ended: nothing was tried");
}

/// The stream has the same events in each conversation, and no others.
pub(super) fn check_same(
    what: &str,
    seen: &HashMap<String, Vec<Value>>,
    journals: &BTreeMap<String, Vec<Value>>,
) {
    assert_eq!(seen.len(), journals.len(), "{what}");
    for (conversation, events) in journals {
        assert_eq!(seen.get(conversation), Some(events), "{what}: {conversation}");
    }
}

fn is(event: &Value, kind: &str) -> bool {
    event["type"].as_str().and_then(|full| full.strip_prefix("usher.conversation.")) == Some(kind)
}

fn check_order(conversation: &str, events: &[Value]) {
    for (event, sequence) in events.iter().zip(1_u64..) {
        assert_eq!(event["data"]["sequence"], sequence, "{event}");
        assert_eq!(event["sequence"], sequence.to_string());
        assert_eq!(event["id"], format!("{conversation}/{sequence}"));
        assert_eq!(is(event, "started"), sequence == 1, "{event}");
    }
    assert!(events.is_sorted_by_key(|event| event["time"].as_str().unwrap()), "time went back: {events:?}");
}

/// Each authentication ends exactly once, not before its time, and nothing after that time bears it.
fn check_authentication(events: &[Value]) {
    let mut held: Option<&Value> = None;
    for event in events {
        let (data, time) = (&event["data"], event["time"].as_str().unwrap());
        let stands = &data["authentication"];
        if is(event, "downgraded") {
            let ended = held.take().unwrap_or_else(|| panic!("ended though there was none: {event}"));
            assert_eq!(&data["previous"], ended);
            let in_time = data["reason"] == "signed_out" || time >= ended["expires_at"].as_str().unwrap();
            assert!(in_time, "ended too early: {event}");
        } else if is(event, "started") && stands["status"] == "authenticated" {
            held = Some(stands);
        } else if is(event, "authenticated") {
            let refreshed = data["reason"] == "token_refreshed";
            assert_eq!(held.is_some(), refreshed, "{event}");
            held = Some(stands);
        }
        match held {
            Some(held) => {
                assert_eq!(stands, held, "{event}");
                assert!(time < held["expires_at"].as_str().unwrap(), "authenticated after its end: {event}");
            }
            None => assert_eq!(stands, &json!({ "status": "anonymous" }), "{event}"),
        }
        if is(event, "message") && data["from"] == "customer" {
            assert_eq!(data["authenticated"], held.is_some(), "{event}");
        }
    }
    assert_eq!(held, None, "not ended: {:?}", events.last());
}

fn check_ids(conversation: &str, events: &[Value]) {
    let mut seen = HashSet::new();
    for event in events.iter().filter(|event| is(event, "message")) {
        let author = (event["data"]["from"].as_str().unwrap(), event["data"]["id"].as_str().unwrap());
        assert!(seen.insert(author), "{author:?} is doubled in {conversation}");
    }
}
