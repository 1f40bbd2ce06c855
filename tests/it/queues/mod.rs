//! Queues' rules: which queue takes a conversation, when they are asked again, and when they are asked no more.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::consumer::Consumer;
use crate::support::keys::{KeyEndpoint, token_saying};
use crate::support::setup::{ROUTER, Setup};
use crate::support::usher::Usher;
use crate::support::widget::{Ticket, Widget};

mod explain;

const HOUR: f64 = 3600.0;

/// The contract's example, a rule that fails where the page names no tier, and a queue for all others.
const QUEUES: &str = r#"[[queue]]
name = "vip"
when = 'authenticated && vars.msdyn_isvip && vars.msdyn_cartvalue > 1000.0'
priority = 10
[[queue]]
name = "gold"
when = 'claimed.tier == "gold"'
priority = -3
[[queue]]
name = "others"
"#;
/// How often that rule failed.
const FAILURES: &str = "usher_queue_rule_failures_total{rule=\"gold\",tenant=\"contoso\"}";

/// A configuration whose tenant has these queues.
fn setup(keys: &KeyEndpoint, queues: &str) -> Setup {
    let mut setup = Setup::new().tenant("contoso", &keys.url());
    let variables = "msdyn_cartvalue = \"number\"\n";
    setup.change("contoso", variables, &format!("{variables}msdyn_isvip = \"boolean\"\ntier = \"text\"\n"));
    setup.change("contoso", "[[queue]]\nname = \"general\"\n[[queue]]\nname = \"vip\"\n", queues);
    setup
}

async fn usher() -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let usher = Usher::start(setup(&keys, QUEUES)).await;
    (usher, keys)
}

/// A token of a customer who is worth so much.
fn worth(issued_ago: f64, left: f64, cart: &Value) -> String {
    let variables = json!({ "msdyn_isvip": { "value": "true" }, "msdyn_cartvalue": { "value": cart } });
    token_saying("ada", issued_ago, left, &variables)
}

/// Each event's kind, and where it says so the queue, the rule and the priority.
async fn story(usher: &Usher, ticket: &Ticket) -> Vec<String> {
    let events = Consumer::new(usher, ROUTER).events(&ticket.conversation).await;
    let one = |event: &Value| {
        let kind = event["type"].as_str().unwrap().replace("usher.conversation.", "");
        let said = ["queue", "rule", "priority"].map(|name| match event["data"].get(name) {
            Some(Value::String(text)) => format!(" {text}"),
            Some(other) => format!(" {other}"),
            None => String::new(),
        });
        kind + &said.concat()
    };
    events.iter().map(one).collect()
}

#[tokio::test]
async fn a_conversation_begins_in_the_queue_whose_rule_is_true() {
    let (usher, _keys) = usher().await;
    let signed_in = |cart: i64| json!({ "type": "start", "token": worth(10.0, HOUR, &cart.into()) });
    let gold = json!({ "type": "start", "context": { "tier": "gold" } });
    let cases = [
        (signed_in(1001), "started vip vip 10"),
        (signed_in(1000), "started others others"),
        (gold, "started gold gold -3"),
        (json!({ "type": "start" }), "started others others"),
    ];
    for (start, expected) in cases {
        let (_widget, started) = Widget::open(&usher, "contoso/web", start).await;
        assert_eq!(story(&usher, &Ticket::of(&started)).await, [expected]);
        let queue = expected.split(' ').nth(1).unwrap();
        assert_eq!((&started["queue"], &started["sequence"]), (&json!(queue), &json!(1)));
        for unknown in ["rule", "priority"] {
            assert_eq!(started.get(unknown), None, "a widget has no use for it");
        }
        let summary = Consumer::new(&usher, ROUTER).summary(started["conversation"].as_str().unwrap()).await;
        assert_eq!(summary["queue"], queue);
        assert_eq!(summary.get("rule"), None);
    }
}

#[tokio::test]
async fn a_sign_in_and_its_end_ask_the_rules_again() {
    let (usher, _keys) = usher().await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    let token = worth(10.0, 3.0, &json!(5000));
    let signed_in = widget.authenticated(&token, "token_presented").await;
    let assigned = widget.expect("assigned").await;
    assert_eq!(assigned, json!({ "type": "assigned", "sequence": 3, "queue": "vip" }));
    widget.told("token_expired").await;
    assert_eq!(
        widget.expect("assigned").await,
        json!({ "type": "assigned", "sequence": 5, "queue": "others" })
    );
    let expected = [
        "started others others",
        "authenticated",
        "assigned vip vip 10",
        "downgraded",
        "assigned others others",
    ];
    assert_eq!(story(&usher, &ticket).await, expected);
    let listed = |queue: &str| format!("/v1/conversations?tenant=contoso&queue={queue}");
    let consumer = Consumer::new(&usher, ROUTER);
    consumer.summary(&ticket.conversation).await;
    assert_eq!(consumer.all(&listed("others")).await.len(), 1);
    assert_eq!(consumer.all(&listed("vip")).await.len(), 0);
    let (_again, resumed) =
        Widget::open(&usher, "contoso/web", ticket.renewed_by(&signed_in).resume_with(&token)).await;
    assert_eq!((&resumed["queue"], resumed.get("rule")), (&json!("others"), None));
}

#[tokio::test]
async fn signing_out_and_a_revocation_ask_the_rules_again() {
    let (usher, _keys) = usher().await;
    let (mut widget, ticket) = Widget::sign_in(&usher, "contoso/web", &worth(10.0, HOUR, &json!(5000))).await;
    let revocation = json!({ "conversation": ticket.conversation });
    let revoked = Consumer::new(&usher, ROUTER).post("/v1/revocations", &revocation).await;
    assert_eq!(revoked.status, 201, "{revoked:?}");
    widget.told("revoked").await;
    assert_eq!(widget.expect("assigned").await["queue"], "others");
    widget.authenticated(&worth(5.0, HOUR, &json!(5000)), "token_presented").await;
    assert_eq!(widget.expect("assigned").await["queue"], "vip");
    widget.send(json!({ "type": "sign_out" })).await;
    widget.told("signed_out").await;
    widget.expect_close(4504).await;
    let (down, up) = (["downgraded", "assigned others others"], ["authenticated", "assigned vip vip 10"]);
    let expected = [&["started vip vip 10"][..], &down, &up, &down].concat();
    assert_eq!(story(&usher, &ticket).await, expected);
}

#[tokio::test]
async fn the_pages_variables_ask_the_rules_again_and_the_answer_comes_first() {
    let (usher, _keys) = usher().await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    widget.send(json!({ "type": "set_context", "context": { "tier": "gold" } })).await;
    assert_eq!(widget.expect("context").await["sequence"], 2);
    assert_eq!(widget.expect("assigned").await["sequence"], 3);
    widget.send(json!({ "type": "set_context", "context": { "tier": "gold", "msdyn_cartvalue": 1 } })).await;
    assert_eq!(widget.expect("context").await["sequence"], 4);
    widget.expect_nothing().await;
    widget.send(json!({ "type": "set_context", "context": { "tier": "gold" } })).await;
    assert_eq!(widget.expect("context").await.get("sequence"), None, "nothing has changed");
    let expected = ["started others others", "context", "assigned gold gold -3", "context"];
    assert_eq!(story(&usher, &ticket).await, expected);
}

#[tokio::test]
async fn a_fresher_token_asks_the_rules_again() {
    let (usher, _keys) = usher().await;
    let (mut widget, ticket) = Widget::sign_in(&usher, "contoso/web", &worth(10.0, HOUR, &json!(1))).await;
    widget.authenticated(&worth(5.0, HOUR, &json!(2000)), "token_refreshed").await;
    assert_eq!(widget.expect("assigned").await["queue"], "vip");
    assert_eq!(
        story(&usher, &ticket).await,
        ["started others others", "authenticated", "assigned vip vip 10"]
    );
}

#[tokio::test]
async fn where_no_rule_matches_a_conversation_begins_in_the_default_queue_and_stays_where_it_is() {
    let keys = KeyEndpoint::start().await;
    let (rules, _) = QUEUES.split_once("[[queue]]\nname = \"others\"").unwrap();
    let usher = Usher::start(setup(&keys, rules)).await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    for context in [json!({ "tier": "gold" }), json!({ "tier": "silver" })] {
        widget.send(json!({ "type": "set_context", "context": context })).await;
    }
    widget.expect("context").await;
    widget.expect("assigned").await;
    widget.expect("context").await;
    let expected = ["started default", "context", "assigned gold gold -3", "context"];
    assert_eq!(story(&usher, &ticket).await, expected);
}

#[tokio::test]
async fn once_a_consumer_has_assigned_it_the_rules_leave_it_alone_also_after_a_restart() {
    let (mut usher, _keys) = usher().await;
    for body in [json!({ "queue": "others" }), json!({ "queue": "desk" }), json!({ "agent": "kim" })] {
        let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
        let path = format!("/v1/conversations/{}/assignment", ticket.conversation);
        for _ in 0..2 {
            let assigned = Consumer::new(&usher, ROUTER).call(Method::PUT, &path, &body).await;
            assert_eq!(assigned.status, 204, "{assigned:?}");
        }
        let queue = body["queue"].as_str().unwrap_or("others");
        assert_eq!(widget.expect("assigned").await["queue"], queue);
        widget.send(json!({ "type": "set_context", "context": { "tier": "gold" } })).await;
        widget.expect("context").await;
        usher.restart().await;
        let token = worth(10.0, HOUR, &json!(5000));
        let (_widget, resumed) = Widget::open(&usher, "contoso/web", ticket.resume_with(&token)).await;
        assert_eq!(resumed["queue"], queue);
        let expected = ["started others others", &format!("assigned {queue}"), "context", "authenticated"];
        assert_eq!(story(&usher, &ticket).await, expected);
    }
}

#[tokio::test]
async fn rules_go_on_after_a_restart_until_a_consumer_assigns() {
    let (mut usher, _keys) = usher().await;
    let (_widget, ticket) = Widget::start(&usher, "contoso/web").await;
    usher.restart().await;
    let token = worth(10.0, HOUR, &json!(5000));
    let (_widget, resumed) = Widget::open(&usher, "contoso/web", ticket.resume_with(&token)).await;
    assert_eq!(resumed["queue"], "vip", "the token is judged first, and `resumed` shows the state after it");
    assert_eq!(
        story(&usher, &ticket).await,
        ["started others others", "authenticated", "assigned vip vip 10"]
    );
}

#[tokio::test]
async fn a_rule_that_fails_does_not_match_and_is_counted() {
    let (usher, _keys) = usher().await;
    assert_eq!(usher.metric(FAILURES).await, Some(0.0), "its series is there before it fails");
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    assert_eq!(usher.metric(FAILURES).await, Some(1.0), "there is no tier");
    widget.say("m1", "hello").await;
    assert_eq!(usher.metric(FAILURES).await, Some(1.0), "nothing asks the rules");
    widget.send(json!({ "type": "set_context", "context": { "tier": "silver" } })).await;
    widget.expect("context").await;
    assert_eq!(usher.metric(FAILURES).await, Some(1.0), "false is no failure");
    widget.send(json!({ "type": "set_context", "context": { "tier": null } })).await;
    widget.expect("context").await;
    assert_eq!(usher.metric(FAILURES).await, Some(2.0));
    assert_eq!(story(&usher, &ticket).await, ["started others others", "message", "context", "context"]);
}
