//! Widgets and consumers of one gateway: what one side does, the other sees, in order and as it was.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::consumer::{Consumer, answer};
use crate::support::keys::{KEY, KID, KeyEndpoint, claims, now};
use crate::support::setup::{FABRIKAMS, READER, ROUTER, Setup};
use crate::support::usher::Usher;
use crate::support::widget::{Ticket, Widget};

const HOUR: Duration = Duration::from_hours(1);

async fn usher() -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let setup = Setup::new().tenant("contoso", &keys.url()).tenant("fabrikam", &keys.url());
    (Usher::start(setup).await, keys)
}

fn path(ticket: &Ticket, rest: &str) -> String {
    format!("/v1/conversations/{}{rest}", ticket.conversation)
}

#[tokio::test]
async fn a_chat_with_an_agent_is_the_same_for_both_and_in_the_stream() {
    let (usher, _keys) = usher().await;
    let consumer = Consumer::new(&usher, ROUTER);
    let mut stream = consumer.stream("?after=latest").await;
    let mut claims = claims("customer-1", now(), HOUR);
    claims["lwicontexts"] = json!({ "msdyn_cartvalue": "99.5", "portalcontactid": "7" });
    let start = json!({ "type": "start", "token": KEY.sign(KID, &claims), "locale": "de",
        "context": { "page": { "value": "/cart", "isDisplayable": true } } });
    let (mut widget, started) = Widget::open(&usher, "contoso/web", start).await;
    let ticket = Ticket::of(&started);
    widget.say("m1", "Where is my order?").await;
    let body = json!({ "text": "Let me look", "id": "a1", "name": "Ada", "from": "agent" });
    let said = consumer.post(&path(&ticket, "/messages"), &body).await;
    assert_eq!((said.status, &said.body["sequence"]), (201, &json!(3)));
    let seen = widget.expect("message").await;
    assert_eq!(
        seen,
        json!({ "type": "message", "sequence": 3, "at": said.body["at"], "from": "agent", "text": "Let me look",
            "name": "Ada" })
    );
    // The same again says nothing twice.
    assert_eq!(consumer.post(&path(&ticket, "/messages"), &body).await.body, said.body);
    let other = json!({ "text": "Something else", "id": "a1", "name": "Ada" });
    let conflict = consumer.post(&path(&ticket, "/messages"), &other).await;
    assert_eq!((conflict.status, &conflict.body["code"]), (409, &json!("id_conflict")));
    let assignment = json!({ "queue": "vip", "agent": "ada" });
    let assigned = consumer.call(Method::PUT, &path(&ticket, "/assignment"), &assignment).await;
    assert_eq!(assigned.status, 204);
    let frame = json!({ "type": "assigned", "sequence": 4, "queue": "vip", "agent": "ada" });
    assert_eq!(widget.expect("assigned").await, frame);
    widget.send(json!({ "type": "end" })).await;
    widget.expect("ended").await;
    widget.expect_close(1000).await;

    let journal = consumer.events(&ticket.conversation).await;
    let variables = &journal[0]["data"]["variables"];
    let cart = json!({ "raw": "99.5", "value": 99.5, "type": "number", "source": "token", "verified": true,
        "displayable": variables["msdyn_cartvalue"]["displayable"] });
    assert_eq!(variables["msdyn_cartvalue"], cart);
    let page = json!({ "raw": "/cart", "value": "/cart", "type": "text", "source": "widget", "verified": false,
        "displayable": true });
    assert_eq!(variables["page"], page);
    assert_eq!(journal[0]["data"]["locale"], "de");
    assert_eq!(journal[0]["data"]["origin"], crate::support::setup::ORIGIN);
    for (event, kind) in journal.iter().zip(["started", "message", "message", "assigned", "ended"]) {
        let streamed = stream.expect(&format!("usher.conversation.{kind}")).await;
        assert_eq!(&streamed, event);
        assert_eq!(event["source"], "/tenants/contoso/widgets/web");
    }
    assert_eq!(journal.len(), 5);
    for (to, body) in [("/messages", json!({ "text": "late", "id": "a2" })), ("/end", json!({}))] {
        let late = consumer.post(&path(&ticket, to), &body).await;
        assert_eq!((late.status, &late.body["code"]), (409, &json!("conversation_ended")));
    }
}

#[tokio::test]
async fn nobody_sees_more_than_a_client_may() {
    let (usher, _keys) = usher().await;
    let (mut contosos, ticket) = Widget::start(&usher, "contoso/web").await;
    let (mut fabrikams, others) = Widget::start(&usher, "fabrikam/web").await;
    contosos.say("m1", "contoso's").await;
    fabrikams.say("m1", "fabrikam's").await;
    let client = Consumer::new(&usher, FABRIKAMS);
    let (hidden, absent) = (
        client.get(&path(&ticket, "")).await,
        client.get("/v1/conversations/0199c0de-0000-7000-8000-000000000000").await,
    );
    assert_eq!((hidden.status, absent.status), (404, 404));
    for name in ["code", "detail", "title"] {
        assert_eq!(hidden.body[name], absent.body[name]);
    }
    assert_eq!(hidden.content_type, "application/problem+json");
    for tenant in ["contoso", "nobody"] {
        assert_eq!(client.get(&format!("/v1/conversations?tenant={tenant}")).await.status, 403);
        assert_eq!(client.get(&format!("/v1/events?tenant={tenant}")).await.status, 403);
    }
    let mut stream = client.stream("").await;
    for kind in ["started", "message"] {
        let event = stream.expect(&format!("usher.conversation.{kind}")).await;
        assert_eq!((&event["tenant"], &event["subject"]), (&json!("fabrikam"), &json!(others.conversation)));
    }
    let reader = Consumer::new(&usher, READER);
    assert_eq!(reader.summary(&ticket.conversation).await["connected"], true);
    let refused = reader.post(&path(&ticket, "/messages"), &json!({ "text": "Hi", "id": "a1" })).await;
    assert_eq!(refused.status, 403);
    for key in ["", "router", "router.", "nobody.secret", &format!("{ROUTER}x")] {
        let refused = Consumer::new(&usher, key).get("/v1/conversations").await;
        assert_eq!((refused.status, &refused.body["code"]), (401, &json!("unauthorized")), "{key:?}");
    }
    contosos.expect_nothing().await;
}

#[tokio::test]
async fn a_live_reader_hears_typing_which_no_journal_keeps() {
    let (usher, _keys) = usher().await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    let consumer = Consumer::new(&usher, ROUTER);
    let mut stream = consumer.stream("").await;
    stream.expect("usher.conversation.started").await;
    widget.send(json!({ "type": "typing" })).await;
    let heard = stream.next().await.unwrap();
    assert_eq!((heard.id, &heard.event["type"]), (None, &json!("usher.conversation.typing")));
    assert_eq!(
        (&heard.event["data"]["from"], &heard.event["subject"]),
        (&json!("customer"), &json!(ticket.conversation))
    );
    assert_eq!((heard.event.get("sequence"), heard.event.get("position")), (None, None));
    widget.say("m1", "Hello").await;
    assert_eq!(stream.expect("usher.conversation.message").await["data"]["sequence"], 2);
    assert_eq!(consumer.events(&ticket.conversation).await.len(), 2);
}

#[tokio::test]
async fn a_reader_that_comes_back_after_a_crash_goes_on_where_it_was() {
    let (mut usher, _keys) = usher().await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    widget.say("m1", "one").await;
    let mut stream = Consumer::new(&usher, ROUTER).stream("").await;
    let first = stream.next().await.unwrap();
    widget.say("m2", "two").await;
    usher.restart().await;
    let consumer = Consumer::new(&usher, ROUTER);
    let mut stream = consumer.resume_stream(first.id.as_deref()).await.unwrap();
    for id in ["m1", "m2"] {
        assert_eq!(stream.expect("usher.conversation.message").await["data"]["id"], id);
    }
    let body = json!({ "text": "three", "id": "a1" });
    assert_eq!(consumer.post(&path(&ticket, "/messages"), &body).await.status, 201);
    assert_eq!(stream.expect("usher.conversation.message").await["data"]["id"], "a1");
    let request = consumer.request(Method::GET, "/v1/events").header("last-event-id", "nowhere");
    let bad = answer(request).await;
    assert_eq!((bad.status, &bad.body["code"]), (400, &json!("bad_position")));
}

#[tokio::test]
async fn an_open_stream_holds_no_drain_up() {
    let (mut usher, _keys) = usher().await;
    let (widget, _) = Widget::start(&usher, "contoso/web").await;
    let mut stream = Consumer::new(&usher, ROUTER).stream("").await;
    stream.expect("usher.conversation.started").await;
    widget.close().await;
    usher.terminate();
    while stream.next().await.is_some() {}
    assert_eq!(usher.exit_code().await, Some(0));
}

#[tokio::test]
async fn the_list_tells_who_is_authenticated_and_connected() {
    let (usher, _keys) = usher().await;
    let token = crate::support::keys::token("customer-1", HOUR);
    let (signed_in, ticket) = Widget::sign_in(&usher, "contoso/web", &token).await;
    let (_anonymous, other) = Widget::start(&usher, "contoso/web").await;
    let consumer = Consumer::new(&usher, ROUTER);
    let ids = async |query: &str| -> Vec<Value> {
        let list = consumer.all(&format!("/v1/conversations{query}")).await;
        list.into_iter().map(|item| item["id"].clone()).collect()
    };
    crate::support::until("both in the list", async || (ids("").await.len() == 2).then_some(())).await;
    assert_eq!(ids("?authenticated=true").await, [json!(ticket.conversation)]);
    assert_eq!(ids("?authenticated=false&status=open&tenant=contoso").await, [json!(other.conversation)]);
    assert_eq!(ids("?subject=customer-1").await, [json!(ticket.conversation)]);
    let summary = consumer.summary(&ticket.conversation).await;
    assert_eq!((&summary["authenticated"], &summary["connected"]), (&json!(true), &json!(true)));
    assert_eq!((&summary["tenant"], &summary["widget"]), (&json!("contoso"), &json!("web")));
    assert_eq!((&summary["queue"], &summary["status"]), (&json!("general"), &json!("open")));
    signed_in.close().await;
    crate::support::until("the socket's end", async || {
        (consumer.summary(&ticket.conversation).await["connected"] == false).then_some(())
    })
    .await;
}
