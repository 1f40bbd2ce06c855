//! The event stream, as a reader on the other end of the connection sees it.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Response, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::domain::conversation::{Author, Place};
use crate::domain::id::Sequence;

use super::{ALPHA, Node, ROOT, authenticated, request, said};

/// One record of the stream: its `id:` and its event, where it has them.
#[derive(Debug, Clone, PartialEq)]
struct Record {
    id: Option<String>,
    event: Option<Value>,
}

/// A reader that takes one piece at a time.
struct Reading {
    body: Body,
    text: String,
    pieces: Vec<usize>,
}

impl Reading {
    /// The next whole record; nothing at the stream's end.
    async fn next(&mut self) -> Option<Record> {
        loop {
            if let Some((record, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| record.lines().find_map(|line| line.strip_prefix(name));
                let known = record.lines().all(|line| line.starts_with("id: ") || line.starts_with("data: "));
                assert!(known, "{record:?}");
                let event = field("data: ").map(|data| serde_json::from_str(data).unwrap());
                let record = Record { id: field("id: ").map(str::to_owned), event };
                self.text = rest.to_owned();
                return Some(record);
            }
            let piece = self.body.frame().await?.unwrap().into_data().unwrap();
            self.pieces.push(piece.len());
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    /// The next events, each as `{conversation}/{sequence}`.
    async fn take(&mut self, count: usize) -> Vec<String> {
        let mut taken = Vec::new();
        while taken.len() < count {
            let Record { id, event: Some(event) } = self.next().await.unwrap() else { continue };
            assert_eq!(id.as_deref(), event["position"].as_str(), "a record's id is its event's position");
            taken.push(event["id"].as_str().unwrap().to_owned());
        }
        taken
    }
}

impl Node {
    async fn open(&self, key: &str, query: &str, headers: &[(&str, &str)]) -> Response<Body> {
        let mut request = request(Method::GET, key, &format!("/v1/events{query}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.respond(request.body(Body::empty()).unwrap()).await
    }

    async fn read(&self, key: &str, query: &str) -> Reading {
        self.read_on(key, query, &[]).await
    }

    async fn read_on(&self, key: &str, query: &str, headers: &[(&str, &str)]) -> Reading {
        let response = self.open(key, query, headers).await;
        assert_eq!(response.status(), 200, "{query}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        Reading { body: response.into_body(), text: String::new(), pieces: Vec::new() }
    }

    /// Journals `count` messages of a conversation that has `after` entries; what their events are called.
    pub(super) async fn talk(&self, place: &Place, after: u64, count: u64, text: &str) -> Vec<String> {
        let numbers: Vec<u64> = (after + 1..=after + count).collect();
        for run in numbers.chunks(16) {
            let messages = run.iter().map(|number| said(&number.to_string(), text)).collect();
            self.store(place, Sequence::new(run[0] - 1), messages).await;
        }
        numbers.into_iter().map(|number| format!("{}/{number}", place.id)).collect()
    }
}

#[tokio::test]
async fn without_a_place_a_reader_begins_at_the_oldest_and_goes_on_live() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    let mut expected = vec![format!("{}/1", place.id)];
    expected.extend(node.talk(&place, 1, 3, "before").await);
    let mut reading = node.read(ALPHA, "").await;
    assert_eq!(reading.take(4).await, expected);
    let live = node.talk(&place, 4, 2, "after").await;
    assert_eq!(reading.take(2).await, live);
}

#[tokio::test]
async fn a_reader_that_resumes_misses_and_repeats_nothing() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    let mut expected = vec![format!("{}/1", place.id)];
    expected.extend(node.talk(&place, 1, 40, "x").await);
    let (mut seen, mut last) = (Vec::new(), None::<String>);
    while seen.len() < expected.len() {
        let headers: Vec<_> = last.iter().map(|last| ("last-event-id", last.as_str())).collect();
        // `Last-Event-ID` wins: an `EventSource` goes on with the URL that it was made with.
        let query = if headers.is_empty() { "" } else { "?after=latest" };
        let mut reading = node.read_on(ALPHA, query, &headers).await;
        for _ in 0..7.min(expected.len() - seen.len()) {
            let record = reading.next().await.unwrap();
            seen.push(record.event.unwrap()["id"].as_str().unwrap().to_owned());
            last = record.id;
        }
    }
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn after_names_the_place_to_go_on_from_and_latest_means_now() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    node.talk(&place, 1, 2, "x").await;
    let history = node.get(ALPHA, &super::at(&place, "/events")).await;
    let position = history.items()[1]["position"].as_str().unwrap();
    let mut reading = node.read_on(ALPHA, &format!("?after={position}"), &[("last-event-id", "")]).await;
    assert_eq!(reading.take(1).await, [format!("{}/3", place.id)]);

    let mut latest = node.read(ALPHA, "?after=latest").await;
    let told = latest.next().await.unwrap();
    let end = history.items()[2]["position"].as_str().unwrap().to_owned();
    assert_eq!(told, Record { id: Some(end), event: None }, "it learns at once where it stands");
    let new = node.talk(&place, 3, 1, "x").await;
    assert_eq!(latest.take(1).await, new);
}

#[tokio::test]
async fn a_reader_gets_the_tenants_and_types_that_it_may_see_and_asks_for() {
    let node = Node::start();
    let (alpha, beta) = (node.anonymous("alpha").await, node.anonymous("beta").await);
    node.talk(&alpha, 1, 1, "x").await;
    node.talk(&beta, 1, 1, "x").await;
    let last = node.anonymous("alpha").await;
    node.talk(&last, 1, 1, "x").await;
    let named = |place: &Place, sequence: u64| format!("{}/{sequence}", place.id);
    let types = "types=usher.conversation.message,usher.conversation.ended";
    for (key, query, expected) in [
        (ALPHA, String::new(), vec![named(&alpha, 1), named(&alpha, 2), named(&last, 1), named(&last, 2)]),
        (ROOT, "?tenant=beta".to_owned(), vec![named(&beta, 1), named(&beta, 2)]),
        (ROOT, format!("?{types}"), vec![named(&alpha, 2), named(&beta, 2), named(&last, 2)]),
        (ROOT, format!("?{types}&tenant=alpha"), vec![named(&alpha, 2), named(&last, 2)]),
    ] {
        let mut reading = node.read(key, &query).await;
        assert_eq!(reading.take(expected.len()).await, expected, "{key} {query}");
    }
}

#[tokio::test]
async fn a_place_that_is_none_is_refused_and_one_that_is_gone_names_the_oldest() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    let events = node.get(ALPHA, &super::at(&place, "/events")).await;
    let position = events.items()[0]["position"].as_str().unwrap();
    let beyond = position.strip_suffix("-1").unwrap().to_owned() + "-2";
    for bad in ["", "42", "rubbish", "Latest", beyond.as_str()] {
        let answer = node.get(ALPHA, &format!("/v1/events?after={bad}")).await;
        assert_eq!((answer.status, answer.code()), (400, "bad_position"), "{bad}");
    }
    for gone in ["e1-0123456789abcdef-1", "n1-0123456789abcdef-1"] {
        let answer = node.get(ALPHA, &format!("/v1/events?after={gone}")).await;
        assert_eq!((answer.status, answer.code()), (410, "position_gone"), "{gone}");
        let oldest = answer.body["oldest"].as_str().unwrap();
        let mut reading = node.read(ALPHA, &format!("?after={oldest}")).await;
        assert_eq!(reading.take(1).await, [format!("{}/1", place.id)], "the oldest can be begun at");
    }
    for last in ["latest", "rubbish"] {
        let response = node.open(ALPHA, &format!("?after={position}"), &[("last-event-id", last)]).await;
        assert_eq!(response.status(), 400, "Last-Event-ID wins, be it good or not: {last}");
    }
}

#[tokio::test]
async fn an_unknown_type_or_parameter_is_refused_by_name() {
    let node = Node::start();
    for (query, part) in [
        ("types=usher.conversation.message,started", "\"started\" is no event's type"),
        ("types=", "\"\" is no event's type"),
        ("limit=5", "\"limit\" is unknown"),
        ("after=latest&after=latest", "\"after\" is given more than once"),
    ] {
        let answer = node.get(ALPHA, &format!("/v1/events?{query}")).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_request"), "{query}");
        assert!(answer.detail().contains(part), "{query}: {}", answer.detail());
    }
    assert_eq!(node.metrics.event_readers.get(), 0, "who is refused is no reader");
}

#[tokio::test]
async fn events_come_as_lines_of_json_where_asked_for() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    node.talk(&place, 1, 1, "two\nlines").await;
    for (accept, media_type) in [
        ("application/x-ndjson", "application/x-ndjson"),
        ("application/x-ndjson, text/event-stream;q=0.5", "application/x-ndjson"),
        ("text/event-stream, application/x-ndjson", "text/event-stream"),
        ("*/*", "text/event-stream"),
    ] {
        let response = node.open(ALPHA, "", &[("accept", accept)]).await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], media_type, "{accept}");
    }
    let mut body = node.open(ALPHA, "", &[("accept", "application/x-ndjson")]).await.into_body();
    let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
    let lines: Vec<Value> = std::str::from_utf8(&piece)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["data"]["text"], "two\nlines");
}

#[tokio::test]
async fn every_15_s_a_quiet_reader_is_told_its_place_though_nothing_was_for_it() {
    let node = Node::start();
    let place = node.anonymous("beta").await;
    let mut reading = node.read(ALPHA, "").await;
    let mut lines = node.open(ALPHA, "", &[("accept", "application/x-ndjson")]).await.into_body();
    node.talk(&place, 1, 2, "x").await;
    let end = node.journal.latest().to_string();
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let told = Record { id: Some(end), event: None };
    for number in 1..=2 {
        assert_eq!(reading.next().await, Some(told.clone()));
        let elapsed = began.elapsed();
        let expected = Duration::from_secs(15 * number);
        assert!(elapsed.abs_diff(expected) < Duration::from_secs(1), "{elapsed:?}");
    }
    let piece = lines.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(&piece[..], b"\n");
    tokio::time::resume();
    assert_eq!(node.read(ROOT, "").await.take(3).await.len(), 3);
}

#[tokio::test]
async fn a_reader_goes_on_through_a_drain_and_ends_with_the_stop() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    let mut reading = node.read(ALPHA, "").await;
    assert_eq!(node.metrics.event_readers.get(), 1);
    reading.take(1).await;
    node.lifecycle.drain();
    let late = node.talk(&place, 1, 1, "x").await;
    assert_eq!(reading.take(1).await, late);
    node.lifecycle.stop();
    assert_eq!(reading.next().await, None);
    drop(reading);
    assert_eq!(node.metrics.event_readers.get(), 0);
}

#[tokio::test]
async fn a_reader_that_stalls_is_not_buffered_for_and_misses_nothing() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    let mut reading = node.read(ALPHA, "").await;
    reading.take(1).await;
    let said = node.talk(&place, 1, 1_200, &"x".repeat(1_000)).await;
    assert_eq!(reading.pieces.len(), 1, "nothing is produced that nobody asked for");
    assert_eq!(reading.take(said.len()).await, said);
    let largest = reading.pieces.iter().max().unwrap();
    assert!(*largest < 65_536 + 4_096, "a piece of {largest} bytes");
}

#[tokio::test]
async fn a_live_reader_is_told_who_types_without_a_place_and_nothing_is_stored() {
    let node = Node::start();
    let (alpha, beta) =
        (node.begin("alpha", authenticated("ada", node.clock.now())).await, node.anonymous("beta").await);
    let mut reading = node.read(ALPHA, "").await;
    reading.take(1).await;
    let types = async |place: &Place| {
        let live = node.conversations.get(place.id);
        live.lock().await.unwrap().unwrap().typing(&Author::Customer, None);
    };
    let typing = async {
        // Nobody is told until the reader listens, which it does once it has nothing else to read.
        while node.conversations.listeners() == 0 {
            tokio::task::yield_now().await;
        }
        types(&beta).await;
        types(&alpha).await;
    };
    let (record, ()) = tokio::join!(reading.next(), typing);
    let Record { id: None, event: Some(event) } = record.unwrap() else {
        panic!("a place for what is not stored")
    };
    assert_eq!(event["type"], "usher.conversation.typing");
    assert_eq!(event["subject"], alpha.id.to_string(), "another tenant's is not told");
    assert_eq!(event["data"]["from"], "customer");
    assert_eq!(event["data"]["authentication"]["status"], "anonymous", "its time has run out");
    assert!(event.get("sequence").is_none() && event.get("position").is_none(), "{event}");
    let expected = node.talk(&alpha, 1, 1, "x").await;
    assert_eq!(reading.take(1).await, expected);
}

#[tokio::test]
async fn on_a_socket_a_quiet_reader_is_answered_at_once_and_forgotten_when_it_leaves() {
    let node = Node::start();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = node.router.clone();
    let server = node.lifecycle.spawn(async move { axum::serve(listener, router).await });
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ALPHA}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut head = String::new();
    while !head.contains("\r\n\r\n") {
        let mut bytes = [0; 512];
        let count = socket.read(&mut bytes).await.unwrap();
        assert!(count > 0, "the connection broke off after {head:?}");
        head.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
    }
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(node.metrics.event_readers.get(), 1);
    drop(socket);
    while node.metrics.event_readers.get() > 0 {
        tokio::task::yield_now().await;
    }
    server.abort();
}
