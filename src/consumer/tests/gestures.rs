//! Reading, typing, asking for a sign-in, having the widgets connect anew.

use axum::http::Method;
use serde_json::json;

use crate::conversations::Signal;
use crate::domain::conversation::{Fact, Reader};
use crate::domain::id::Sequence;

use super::{ALPHA, Answer, Node, Place, at};

impl Node {
    async fn gesture(&self, place: &Place, what: &str, body: &str) -> Answer {
        self.send(Method::POST, ALPHA, &at(place, &format!("/{what}")), body).await
    }

    async fn last(&self, place: &Place) -> Fact {
        let page = self.journal.read_last(place.id, 1).await.unwrap().unwrap();
        page.entries.into_iter().next().unwrap().1.fact
    }
}

#[tokio::test]
async fn an_agents_reading_is_journaled_where_it_moves_forward() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    assert_eq!(node.gesture(&place, "read", r#"{"up_to":1}"#).await.status, 204);
    let Fact::Read(read) = node.last(&place).await else { panic!("no reading was journaled") };
    assert_eq!((read.by, read.up_to), (Reader::Agent, Sequence::new(1)));
    assert_eq!(node.gesture(&place, "read", r#"{"up_to":1}"#).await.status, 204);
    let page = node.journal.read_last(place.id, 9).await.unwrap().unwrap();
    assert_eq!(page.head.sequence(), Sequence::new(2), "it did not move forward");
    for (body, says) in [
        (r#"{"up_to":3}"#, "past the conversation's last entry"),
        (r#"{"up_to":0}"#, "from 1 to"),
        (r#"{"up_to":1.5}"#, "whole number"),
        (r#"{"up_to":"1"}"#, "whole number"),
        ("{}", "up_to is missing"),
        (r#"{"up_to":1,"by":"agent"}"#, "\"by\""),
    ] {
        let answer = node.gesture(&place, "read", body).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_request"), "{body}");
        assert!(answer.detail().contains(says), "{body}: {}", answer.detail());
    }
}

#[tokio::test]
async fn the_same_request_to_sign_in_is_made_once() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    let ask = async |body| node.gesture(&place, "authentication-request", body).await;
    let first = ask(r#"{"id":"r1","message":"Please sign in"}"#).await;
    assert_eq!((first.status, &first.body["sequence"]), (201, &json!(2)));
    let again = ask(r#"{"id":"r1","message":"Please sign in"}"#).await;
    assert_eq!((again.status, again.body), (201, first.body));
    for other in [r#"{"id":"r1"}"#, r#"{"id":"r1","message":"Now"}"#] {
        assert_eq!(ask(other).await.code(), "id_conflict", "{other}");
    }
    let said = node.gesture(&place, "messages", r#"{"id":"r1","text":"Please sign in"}"#).await;
    assert_eq!(said.code(), "id_conflict", "a client has one space of ids in a conversation");
    assert_eq!(ask(r#"{"message":"x"}"#).await.code(), "invalid_request");
    let Fact::AuthenticationRequested(request) = node.last(&place).await else { panic!("not journaled") };
    assert_eq!(request.message.as_deref(), Some("Please sign in"));
}

#[tokio::test]
async fn typing_is_told_and_never_stored() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    let mut signals = node.conversations.signals();
    assert_eq!(node.gesture(&place, "typing", "").await.status, 202);
    let Signal::Typing { place: where_, from, .. } = signals.recv().await.unwrap();
    assert_eq!((where_.id, from), (place.id, "agent"));
    assert!(matches!(node.last(&place).await, Fact::Started(_)));
}

#[tokio::test]
async fn an_ended_conversation_takes_no_gesture() {
    let node = Node::start();
    let place = node.anonymous("alpha").await;
    node.gesture(&place, "end", "").await;
    for (what, body) in [
        ("typing", ""),
        ("reconnect", ""),
        ("read", r#"{"up_to":1}"#),
        ("authentication-request", r#"{"id":"r1"}"#),
    ] {
        let answer = node.gesture(&place, what, body).await;
        assert_eq!((answer.status, answer.code()), (409, "conversation_ended"), "{what}");
    }
}
