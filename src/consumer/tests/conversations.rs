//! The list, the summary, and the journal of one conversation.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::conversations::{ConnectionState, Socket, SocketId};
use crate::domain::conversation::{Authentication, EndedBy, Event, Fact, Place};
use crate::domain::id::Sequence;

use super::{ALPHA, Answer, Node, ROOT, at, authenticated, said};

const HOUR: Duration = Duration::from_hours(1);

impl Node {
    async fn list(&self, query: &str) -> Answer {
        let answer = self.get(ROOT, &format!("/v1/conversations?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        answer
    }

    async fn finish(&self, place: &Place) {
        let answer = self.send(Method::POST, ROOT, &at(place, "/end"), "{}").await;
        assert_eq!(answer.status, 204);
    }
}

fn ids(places: &[&Place]) -> Vec<String> {
    places.iter().map(|place| place.id.to_string()).collect()
}

#[tokio::test]
async fn a_summary_shows_the_conversation_as_it_stands() {
    let node = Node::start();
    let until = node.clock.now().plus(HOUR);
    let place = node.begin("alpha", authenticated("ada", until)).await;
    let answer = node.get(ALPHA, &at(&place, "")).await;
    assert_eq!(answer.status, 200);
    let started_at = answer.body["started_at"].clone();
    assert_eq!(
        answer.body,
        json!({
            "id": place.id.to_string(), "tenant": "alpha", "widget": "web", "status": "open",
            "authenticated": true,
            "authentication": {
                "status": "authenticated", "subject": "ada", "issuer": "https://shop.example",
                "expires_at": until.to_string(), "refresh_by": until.minus(Duration::from_secs(15)).to_string(),
            },
            "authentication_changed": {"reason": "token_presented", "at": started_at},
            "variables": {"vip": {
                "raw": "true", "value": true, "type": "boolean", "source": "token", "verified": true,
                "displayable": false,
            }},
            "queue": "default", "agent": null, "connected": true, "sequence": 1,
            "started_at": started_at, "updated_at": started_at,
        })
    );
}

#[tokio::test]
async fn the_list_and_the_single_call_show_the_same() {
    let node = Node::start();
    let until = node.clock.now().plus(HOUR);
    let places = [
        node.begin("alpha", authenticated("ada", until)).await,
        node.anonymous("beta").await,
        node.begin("alpha", authenticated("bo", until)).await,
    ];
    node.send(Method::PUT, ROOT, &at(&places[1], "/assignment"), r#"{"agent":"ada"}"#).await;
    node.finish(&places[2]).await;
    let listed = node.list("").await;
    for (item, place) in listed.items().iter().zip(places.iter().rev()) {
        assert_eq!(*item, node.get(ROOT, &at(place, "")).await.body);
    }
    assert_eq!(listed.items().len(), 3);
    assert_eq!(listed.body.get("cursor"), None);
    assert_eq!(listed.items()[0]["ended_at"], listed.items()[0]["updated_at"]);
}

#[tokio::test]
async fn each_filter_restricts_the_list() {
    let node = Node::start();
    let until = node.clock.now().plus(HOUR);
    let known = node.begin("alpha", authenticated("ada", until)).await;
    let vip = node.anonymous("alpha").await;
    node.send(Method::PUT, ROOT, &at(&vip, "/assignment"), r#"{"queue":"vip & co"}"#).await;
    let over = node.anonymous("alpha").await;
    node.finish(&over).await;
    let beta = node.anonymous("beta").await;
    for (query, expected) in [
        ("", &[&beta, &over, &vip, &known][..]),
        ("tenant=alpha", &[&over, &vip, &known]),
        ("tenant=beta", &[&beta]),
        ("status=open", &[&beta, &vip, &known]),
        ("status=ended", &[&over]),
        ("authenticated=true", &[&known]),
        ("authenticated=false", &[&beta, &over, &vip]),
        ("queue=vip+%26%20co", &[&vip]),
        ("subject=ada", &[&known]),
        ("subject=Ada", &[]),
        ("tenant=alpha&status=open&authenticated=false&queue=default", &[]),
    ] {
        assert_eq!(node.list(query).await.each("id"), ids(expected), "{query}");
    }
    let own = node.get(ALPHA, "/v1/conversations").await;
    assert_eq!(own.each("id"), ids(&[&over, &vip, &known]), "a client sees its own tenants alone");
}

#[tokio::test]
async fn a_faulty_query_is_refused_by_the_parameters_name() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    let list = "/v1/conversations".to_owned();
    let (one, events) = (at(&place, ""), at(&place, "/events"));
    for (path, query, part) in [
        (&list, "statuss=open", "\"statuss\" is unknown"),
        (&list, "status=closed", "status must be open or ended"),
        (&list, "authenticated=yes", "authenticated must be true or false"),
        (&list, "limit=0", "limit must be a whole number from 1 to 500"),
        (&list, "limit=501", "limit"),
        (&list, "limit=%2B5", "limit"),
        (&list, "limit=", "limit"),
        (&list, "limit=1&limit=2", "\"limit\" is given more than once"),
        (&list, "cursor=rubbish", "cursor"),
        (&list, &"a&".repeat(33), "more than 32"),
        (&one, "verbose=1", "no query parameters"),
        (&events, "from=1", "\"from\" is unknown"),
        (&events, "after=-1", "after must be a whole number"),
        (&events, "after=9007199254740993", "after"),
        (&events, "limit=501", "limit"),
        (&events, "cursor=rubbish", "cursor"),
        (&events, "cursor=AAAAAAAAAAE&after=1", "not both"),
    ] {
        let answer = node.get(ALPHA, &format!("{path}?{query}")).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_request"), "{path}?{query}");
        assert!(answer.detail().contains(part), "{path}?{query}: {}", answer.detail());
    }
    for limit in [1, 499, 500] {
        assert_eq!(node.get(ALPHA, &format!("{list}?limit={limit}")).await.status, 200, "{limit}");
        assert_eq!(node.get(ALPHA, &format!("{events}?limit={limit}")).await.status, 200, "{limit}");
    }
}

#[tokio::test]
async fn pages_miss_and_repeat_nothing_while_others_write() {
    let node = Node::start();
    let mut places = Vec::new();
    for _ in 0..5 {
        places.push(node.anonymous("alpha").await);
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for size in [2, 2, 1] {
        let page = node.list(&format!("limit=2{cursor}")).await;
        assert_eq!(page.items().len(), size);
        seen.extend(page.each("id").into_iter().map(str::to_owned));
        // A new one, and an old one that changes: neither moves the place at which the list goes on.
        node.anonymous("alpha").await;
        node.send(
            Method::PUT,
            ROOT,
            &at(&places[0], "/assignment"),
            &json!({"queue": size.to_string()}).to_string(),
        )
        .await;
        cursor = page.body["cursor"].as_str().map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        assert_eq!(cursor.is_empty(), size == 1, "the last page has no cursor");
    }
    assert_eq!(seen, ids(&places.iter().rev().collect::<Vec<_>>()));
}

#[tokio::test]
async fn nobody_sees_a_conversation_authenticated_past_its_end() {
    let node = Node::start();
    let now = node.clock.now();
    let ran_out = node.begin("alpha", authenticated("ada", now)).await;
    let stands = node.begin("alpha", authenticated("bo", now.plus(HOUR))).await;
    assert_eq!(node.list("authenticated=true").await.each("id"), ids(&[&stands]));
    let listed = node.list("authenticated=false").await;
    assert_eq!(listed.each("id"), ids(&[&ran_out]));
    let item = &listed.items()[0];
    assert_eq!(
        (&item["authenticated"], &item["authentication"]),
        (&json!(false), &json!({"status": "anonymous"}))
    );
    assert_eq!(item["variables"]["vip"]["verified"], false);
    assert_eq!(item["sequence"], 1, "the downgrade is not stored yet");

    let summary = node.get(ALPHA, &at(&ran_out, "")).await.body;
    assert_eq!((&summary["authenticated"], &summary["sequence"]), (&json!(false), &json!(2)));
    assert_eq!(summary["authentication_changed"]["reason"], "token_expired");
    let tail = node.journal.read_last(ran_out.id, 1).await.unwrap().unwrap();
    assert!(matches!(tail.entries[0].1.fact, Fact::Downgraded(_)), "it was stored before it was shown");
    assert_eq!(node.list("subject=ada").await.items(), [summary]);
}

#[tokio::test]
async fn an_ended_conversation_stays_as_it_was_when_it_ended() {
    let node = Node::start();
    let until = node.clock.now().plus(Duration::from_millis(50));
    let place = node.begin("alpha", authenticated("ada", node.clock.now().plus(HOUR))).await;
    let early = node.begin("alpha", authenticated("bo", until)).await;
    node.finish(&place).await;
    let before = node.get(ALPHA, &at(&place, "")).await.body;
    assert_eq!((&before["authenticated"], &before["status"]), (&json!(true), &json!("ended")));
    // One that ran out before it ended was downgraded first.
    tokio::time::sleep_until(tokio::time::Instant::now() + node.clock.until(until)).await;
    node.finish(&early).await;
    let after = node.get(ALPHA, &at(&early, "")).await.body;
    assert_eq!((&after["authenticated"], &after["sequence"]), (&json!(false), &json!(3)));
    assert_eq!(node.list("status=ended&authenticated=true").await.each("id"), ids(&[&place]));
}

#[tokio::test]
async fn a_conversation_is_connected_while_a_socket_is_in_it() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    let connected = async || {
        let listed = node.list("").await.items()[0]["connected"].clone();
        assert_eq!(listed, node.get(ALPHA, &at(&place, "")).await.body["connected"]);
        listed
    };
    // Another node has begun it, and says nothing of its having been left.
    assert_eq!(connected().await, true);
    let id = SocketId::next();
    let (queue, _frames) = mpsc::channel(8);
    let (cut, _cut) = oneshot::channel();
    let live = node.conversations.get(place.id);
    let state = Arc::new(ConnectionState::new(node.metrics.clone()));
    live.lock().await.unwrap().unwrap().join(Socket::new(id, queue, cut, state));
    assert_eq!(connected().await, true);
    live.leave(id).await;
    assert_eq!(connected().await, false);
    live.lock().await.unwrap().unwrap().execute(&Event::Disconnect, None).await.unwrap();
    assert_eq!(connected().await, false);
    live.lock().await.unwrap().unwrap().execute(&Event::Reconnect, None).await.unwrap();
    node.finish(&place).await;
    assert_eq!(connected().await, false, "nobody is in what has ended");
}

#[tokio::test]
async fn what_a_conversation_is_ended_with_cuts_its_sockets() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    let (queue, _frames) = mpsc::channel(8);
    let (cut, _cut) = oneshot::channel();
    let live = node.conversations.get(place.id);
    let state = Arc::new(ConnectionState::new(node.metrics.clone()));
    let mut locked = live.lock().await.unwrap().unwrap();
    locked.join(Socket::new(SocketId::next(), queue, cut, state).live_after(Sequence::new(1)));
    locked.execute(&Event::End { by: EndedBy::Customer, reason: None }, None).await.unwrap();
    drop(locked);
    assert!(!node.conversations.is_connected(place.id));
}

#[tokio::test]
async fn a_conversations_journal_is_read_in_pages_of_whole_events() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    for number in 2..=5 {
        let after = Sequence::new(number - 1);
        node.store(&place, after, vec![said(&number.to_string(), "hello")]).await;
    }
    let path = at(&place, "/events");
    let whole = node.get(ALPHA, &path).await;
    assert_eq!(whole.each("sequence"), ["1", "2", "3", "4", "5"]);
    assert_eq!(whole.body.get("cursor"), None);
    let second = &whole.items()[1];
    assert_eq!(second["id"], format!("{}/2", place.id));
    assert_eq!(second["type"], "usher.conversation.message");
    assert_eq!(second["data"]["text"], "hello");
    assert!(second["position"].is_string());

    let (mut seen, mut query) = (Vec::<Value>::new(), "?limit=2&after=1".to_owned());
    loop {
        let page = node.get(ALPHA, &format!("{path}{query}")).await;
        seen.extend_from_slice(page.items());
        let Some(cursor) = page.body["cursor"].as_str() else { break };
        assert_eq!(page.items().len(), 2);
        query = format!("?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, whole.items()[1..]);
    for after in [5_u64, 6, 1 << 53] {
        assert!(node.get(ALPHA, &format!("{path}?after={after}")).await.items().is_empty());
    }
}

#[tokio::test]
async fn a_page_of_long_events_ends_early_and_goes_on() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    let text = "x".repeat(300_000);
    for number in 2..=6 {
        node.store(&place, Sequence::new(number - 1), vec![said(&number.to_string(), &text)]).await;
    }
    let (mut seen, mut pages, mut query) = (Vec::new(), 0, String::new());
    loop {
        let page = node.get(ALPHA, &at(&place, &format!("/events{query}"))).await;
        seen.extend(page.each("sequence").into_iter().map(str::to_owned));
        pages += 1;
        let Some(cursor) = page.body["cursor"].as_str() else { break };
        query = format!("?cursor={cursor}");
    }
    assert_eq!((seen.join(""), pages), ("123456".to_owned(), 2));
}

#[tokio::test]
async fn an_anonymous_conversation_names_no_change_of_its_authentication() {
    let node = Node::start();
    let place = node.begin("alpha", Authentication::Anonymous).await;
    let summary = node.get(ALPHA, &at(&place, "")).await.body;
    assert_eq!(summary.get("authentication_changed"), None);
    assert_eq!(summary["variables"]["vip"]["verified"], false);
}
