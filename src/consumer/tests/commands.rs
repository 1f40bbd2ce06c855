//! Saying something, putting a conversation somewhere, ending it.

use axum::body::Body;
use axum::http::{Method, header};
use serde_json::{Value, json};

use crate::domain::conversation::{Author, EndedBy, Fact, Place, Role};
use crate::domain::id::Sequence;
use crate::journal::Fault;

use super::{ALPHA, Answer, CHARACTERS, Node, at, request};

impl Node {
    async fn say(&self, key: &str, place: &Place, body: &Value) -> Answer {
        self.send(Method::POST, key, &at(place, "/messages"), &body.to_string()).await
    }

    async fn assign(&self, place: &Place, body: &str) -> Answer {
        self.send(Method::PUT, ALPHA, &at(place, "/assignment"), body).await
    }

    async fn end(&self, place: &Place, body: &str) -> Answer {
        self.send(Method::POST, ALPHA, &at(place, "/end"), body).await
    }

    /// What is stored of a conversation after its beginning.
    async fn facts(&self, place: &Place) -> Vec<Fact> {
        let page = self.journal.read(place.id, Sequence::new(1), 1000).await.unwrap().unwrap();
        page.entries.into_iter().map(|(_, entry)| entry.fact).collect()
    }
}

#[tokio::test]
async fn a_message_is_stored_before_it_is_answered() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    let answer = node.say(ALPHA, &place, &json!({"id": "m1", "text": "hello", "name": "Ada"})).await;
    assert_eq!(answer.status, 201);
    let page = node.journal.read_last(place.id, 1).await.unwrap().unwrap();
    let (_, entry) = &page.entries[0];
    assert_eq!(answer.body, json!({"sequence": 2, "at": entry.at.to_string()}));
    let Fact::Message(message) = &entry.fact else { panic!("{entry:?}") };
    assert_eq!(message.author, Author::consumer("alpha".parse().unwrap(), Role::Agent));
    assert_eq!((message.id.as_str(), message.text.as_str()), ("m1", "hello"));
    assert_eq!(message.name.as_deref(), Some("Ada"));
}

#[tokio::test]
async fn the_same_message_again_gives_the_same_answer_and_another_one_conflicts() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    let first = node.say(ALPHA, &place, &json!({"id": "m1", "text": "hello"})).await;
    let again = node.say(ALPHA, &place, &json!({"id": "m1", "text": "hello", "from": "agent"})).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    for other in [
        json!({"id": "m1", "text": "hello!"}),
        json!({"id": "m1", "text": "hello", "name": "Ada"}),
        json!({"id": "m1", "text": "hello", "from": "bot"}),
    ] {
        let answer = node.say(ALPHA, &place, &other).await;
        assert_eq!((answer.status, answer.code()), (409, "id_conflict"), "{other}");
    }
    assert_eq!(node.facts(&place).await.len(), 1);
}

#[tokio::test]
async fn ids_of_different_clients_and_conversations_are_apart() {
    let node = Node::start();
    let (one, two) = (node.anonymous("alpha").await, node.anonymous("alpha").await);
    for (key, place, sequence) in [(ALPHA, &one, 2), ("other.first", &one, 3), (ALPHA, &two, 2)] {
        let answer = node.say(key, place, &json!({"id": "m1", "text": format!("from {key}")})).await;
        assert_eq!((answer.status, &answer.body["sequence"]), (201, &json!(sequence)), "{key}");
    }
}

#[tokio::test]
async fn a_consumer_speaks_as_agent_bot_or_system_and_never_as_the_customer() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    for (from, status) in
        [("agent", 201), ("bot", 201), ("system", 201), ("customer", 400), ("Agent", 400), ("", 400)]
    {
        let answer =
            node.say(ALPHA, &place, &json!({"id": from.to_owned() + "x", "text": "x", "from": from})).await;
        assert_eq!(answer.status, status, "{from}: {}", answer.body);
        assert!(status == 201 || answer.code() == "invalid_request" && answer.detail().contains("from"));
    }
    let roles: Vec<Role> = node
        .facts(&place)
        .await
        .into_iter()
        .map(|fact| match fact {
            Fact::Message(message) => match message.author {
                Author::Consumer { role, .. } => role,
                Author::Customer => panic!("a consumer spoke as the customer"),
            },
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(roles, [Role::Agent, Role::Bot, Role::System]);
}

#[tokio::test]
async fn every_fault_of_a_body_is_named() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    for (body, named) in [
        ("", &["id is missing", "text is missing"][..]),
        ("{}", &["id is missing", "text is missing"]),
        ("[]", &["object", "an array"]),
        ("{\"id\":", &["not JSON", "line 1"]),
        ("\u{feff}{}", &["not JSON"]),
        (r#"{"id":"m","text":"x","foo":1,"Text":2}"#, &["\"foo\"", "\"Text\""]),
        (r#"{"id":"m","id":"m","text":"x"}"#, &["\"id\" is given more than once"]),
        (
            r#"{"id":7,"text":null}"#,
            &["id must be a string, not a number", "text must be a string, not null"],
        ),
        (r#"{"id":"","text":" \n"}"#, &["id must have 1 to 64", "text must say something"]),
        (r#"{"id":"m","text":"x","name":""}"#, &["name must have 1 to 100"]),
        (r#"{"id":"m","text":"x","name":"a\nb"}"#, &["name", "control"]),
        (r#"{"id":"m","text":"x","from":["bot"]}"#, &["from must be a string"]),
    ] {
        let answer = node.send(Method::POST, ALPHA, &at(&place, "/messages"), body).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_request"), "{body}");
        for part in named {
            assert!(answer.detail().contains(part), "{body}: {}", answer.detail());
        }
    }
    assert!(node.facts(&place).await.is_empty());
}

#[tokio::test]
async fn texts_and_names_are_limited_in_characters() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    for (text, name, id, status) in [
        (CHARACTERS - 1, 99, 63, 201),
        (CHARACTERS, 100, 64, 201),
        (CHARACTERS + 1, 1, 1, 400),
        (1, 101, 1, 400),
        (1, 1, 65, 400),
    ] {
        let body = json!({"text": "ä".repeat(text), "name": "ä".repeat(name), "id": "ä".repeat(id)});
        assert_eq!(node.say(ALPHA, &place, &body).await.status, status, "{text} {name} {id}");
    }
}

#[tokio::test]
async fn a_body_is_json_of_at_most_64_kib() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    let padded = |bytes: usize| {
        let body = r#"{"id":"m","text":"x"}"#;
        body.to_owned() + &" ".repeat(bytes - body.len())
    };
    for (bytes, status) in [(65_535, 201), (65_536, 201), (65_537, 413)] {
        let answer = node.send(Method::POST, ALPHA, &at(&place, "/messages"), &padded(bytes)).await;
        assert_eq!(answer.status, status, "{bytes}");
        assert!(status == 201 || answer.code() == "body_too_large");
    }
    for (media_type, status) in [
        (Some("application/json; charset=utf-8"), 201),
        (Some("Application/JSON"), 201),
        (Some("text/plain"), 415),
        (Some("application/x-www-form-urlencoded"), 415),
        (None, 415),
    ] {
        let mut call = request(Method::POST, ALPHA, &at(&place, "/messages"));
        if let Some(media_type) = media_type {
            call = call.header(header::CONTENT_TYPE, media_type);
        }
        let answer = node.answer(call.body(Body::from(padded(30))).unwrap()).await;
        assert_eq!(answer.status, status, "{media_type:?}");
        assert!(status == 201 || answer.code() == "unsupported_media_type");
    }
}

#[tokio::test]
async fn an_assignment_changes_what_it_names_and_nothing_else() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    let mut seen = Vec::new();
    for body in
        [r#"{"queue":"vip"}"#, r#"{"agent":"ada"}"#, r#"{"queue":"vip"}"#, r#"{"queue":"q","agent":"bo"}"#]
    {
        let answer = node.assign(&place, body).await;
        assert_eq!((answer.status, &answer.body), (204, &Value::Null), "{body}");
        let summary = node.get(ALPHA, &at(&place, "")).await.body;
        seen.push((summary["queue"].clone(), summary["agent"].clone()));
    }
    assert_eq!(json!(seen), json!([["vip", null], ["vip", "ada"], ["vip", "ada"], ["q", "bo"]]),);
    assert_eq!(node.facts(&place).await.len(), 3, "what changes nothing is not journaled");
}

#[tokio::test]
async fn an_assignment_to_nothing_is_refused_with_what_is_wrong() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    let (fits, long) = ("x".repeat(100), "x".repeat(101));
    assert_eq!(node.assign(&place, &json!({"queue": fits, "agent": fits}).to_string()).await.status, 204);
    for (body, part) in [
        ("{}".to_owned(), "queue or agent"),
        (json!({"agent": null}).to_string(), "agent must be a string, not null; leave it out"),
        (json!({"queue": ""}).to_string(), "queue must have 1 to 100"),
        (json!({"queue": "  "}).to_string(), "queue must have"),
        (json!({"queue": long}).to_string(), "queue must have"),
        (json!({"agent": long}).to_string(), "agent must have"),
        (json!({"queue": "q", "rule": "r"}).to_string(), "\"rule\""),
    ] {
        let answer = node.assign(&place, &body).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_request"), "{body}");
        assert!(answer.detail().contains(part), "{body}: {}", answer.detail());
    }
}

#[tokio::test]
async fn an_ended_conversation_takes_nothing_more_and_still_repeats_its_answers() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    let said = json!({"id": "m1", "text": "hello"});
    let first = node.say(ALPHA, &place, &said).await;
    assert_eq!(node.end(&place, r#"{"reason":"solved"}"#).await.status, 204);
    let Some(Fact::Ended(ended)) = node.facts(&place).await.pop() else { panic!("no end") };
    assert_eq!((ended.by, ended.reason.as_deref()), (EndedBy::Agent, Some("solved")));
    let late = [
        node.say(ALPHA, &place, &json!({"id": "m2", "text": "late"})).await,
        node.assign(&place, r#"{"queue":"vip"}"#).await,
        node.end(&place, "{}").await,
    ];
    for answer in &late {
        assert_eq!((answer.status, answer.code()), (409, "conversation_ended"));
    }
    let again = node.say(ALPHA, &place, &said).await;
    assert_eq!((again.status, again.body), (201, first.body));
}

#[tokio::test]
async fn an_end_needs_no_body_and_takes_a_short_reason() {
    let node = Node::start();
    for (body, status) in [(String::new(), 204), (json!({"reason": "x".repeat(200)}).to_string(), 204)] {
        let place = node.anonymous("alpha").await;
        assert_eq!(node.end(&place, &body).await.status, status, "{body}");
    }
    let place = node.anonymous("alpha").await;
    for reason in [json!("x".repeat(201)), json!(""), json!(7)] {
        let answer = node.end(&place, &json!({"reason": reason}).to_string()).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_request"), "{reason}");
    }
    let place = node.anonymous("alpha").await;
    let bare = request(Method::POST, ALPHA, &at(&place, "/end")).body(Body::empty()).unwrap();
    assert_eq!(node.answer(bare).await.status, 204);
}

#[tokio::test]
async fn what_cannot_be_stored_is_503_and_worth_trying_again() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    node.journal.provoke(Fault::DiskFull).await;
    let text = json!({"id": "m1", "text": "x".repeat(CHARACTERS)});
    // The file's last page may have room for some more.
    let mut answers = Vec::new();
    for id in 0..500 {
        let answer = node.say(ALPHA, &place, &json!({"id": id.to_string(), "text": text["text"]})).await;
        let is_over = answer.status != 201;
        answers.push(answer);
        if is_over {
            break;
        }
    }
    let refused = answers.pop().unwrap();
    assert_eq!((refused.status, refused.code()), (503, "storage_unavailable"));
    assert_eq!(refused.headers[header::RETRY_AFTER], "1");
    assert_eq!(refused.body["temporary"], true);
    assert_eq!(node.facts(&place).await.len(), answers.len(), "what was not acknowledged is not there");
}

#[tokio::test]
async fn a_caller_that_leaves_half_way_leaves_nothing_stored_and_untold() {
    let node = Node::start();
    let body = json!({"id": "m1", "text": "hello"});
    let (mut left, mut polls) = (0, 1);
    loop {
        let place = node.anonymous("alpha").await;
        let live = node.conversations.get(place.id);
        let mut call = Box::pin(node.say(ALPHA, &place, &body));
        let mut answered = false;
        for _ in 0..polls {
            answered = futures_util::poll!(&mut call).is_ready();
            if answered {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(call);
        // Behind the command in the line, where there is one.
        let known = live.lock().await.unwrap().unwrap().conversation().sequence();
        let stored = node.journal.read_last(place.id, 1).await.unwrap().unwrap().head.sequence();
        assert_eq!(known, stored, "after {polls} polls");
        if answered {
            break;
        }
        (left, polls) = (left + 1, polls * 2);
    }
    assert!(left > 0, "somebody left before the answer");
}
