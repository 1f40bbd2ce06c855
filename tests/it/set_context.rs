//! Variables that the page sets during the chat: what is taken, what isn't, and what a token's are worth beside them.

use serde_json::{Map, Value, json};

use crate::support::consumer::Consumer;
use crate::support::keys::{KeyEndpoint, token_of, token_saying};
use crate::support::setup::{ROUTER, Setup};
use crate::support::usher::Usher;
use crate::support::widget::{Ticket, Widget};

const HOUR: f64 = 3600.0;

async fn usher() -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let usher = Usher::start(Setup::new().tenant("contoso", &keys.url())).await;
    (usher, keys)
}

fn set(context: &Value) -> Value {
    json!({ "type": "set_context", "context": context })
}

/// What became of these variables: the names taken, the others with the reason, and the entry's sequence.
async fn answer(widget: &mut Widget, context: &Value) -> (Vec<String>, Vec<(String, String)>, Option<u64>) {
    widget.send(set(context)).await;
    report(&widget.expect("context").await)
}

fn report(frame: &Value) -> (Vec<String>, Vec<(String, String)>, Option<u64>) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut accepted: Vec<_> = frame["context"]["accepted"].as_array().unwrap().iter().map(text).collect();
    let rejected = frame["context"]["rejected"].as_array().unwrap().iter();
    let mut rejected: Vec<_> = rejected.map(|one| (text(&one["name"]), text(&one["reason"]))).collect();
    accepted.sort();
    rejected.sort();
    (accepted, rejected, frame.get("sequence").map(|sequence| sequence.as_u64().unwrap()))
}

async fn variables(usher: &Usher, ticket: &Ticket) -> Value {
    Consumer::new(usher, ROUTER).summary(&ticket.conversation).await["variables"].clone()
}

/// So many variables, named after `kind`.
fn many(kind: &str, numbers: std::ops::Range<usize>) -> Value {
    Value::Object(numbers.map(|number| (format!("{kind}{number}"), json!("x"))).collect::<Map<_, _>>())
}

#[tokio::test]
async fn variables_are_merged_journaled_and_answered_to_the_sender_alone() {
    let (mut usher, _keys) = usher().await;
    let start = json!({ "type": "start", "context": { "page": "/", "kept": "as it was" } });
    let (mut first, started) = Widget::open(&usher, "contoso/web", start).await;
    let ticket = Ticket::of(&started);
    let (mut second, _) = Widget::open(&usher, "contoso/web", ticket.resume()).await;
    let context = json!({ "page": { "value": "/cart", "isDisplayable": true }, "msdyn_cartvalue": "12.50" });
    first.send(set(&context)).await;
    let frame = first.expect("context").await;
    assert_eq!(frame.as_object().unwrap().len(), 3, "{frame}");
    let taken = vec!["msdyn_cartvalue".to_owned(), "page".to_owned()];
    assert_eq!(report(&frame), (taken, vec![], Some(2)));
    second.expect_nothing().await;
    first.expect_nothing().await;
    let events = Consumer::new(&usher, ROUTER).events(&ticket.conversation).await;
    assert_eq!((events.len(), &events[1]["type"]), (2, &json!("usher.conversation.context")));
    let data = &events[1]["data"];
    assert_eq!((&data["changed"], &data["sequence"]), (&json!(["msdyn_cartvalue", "page"]), &json!(2)));
    let text = |raw: &str, displayable: bool| {
        json!({ "raw": raw, "value": raw, "type": "text", "source": "widget", "verified": false,
            "displayable": displayable })
    };
    let cart = json!({ "raw": "12.50", "value": 12.5, "type": "number", "source": "widget", "verified": false,
        "displayable": false });
    let expected =
        json!({ "page": text("/cart", true), "kept": text("as it was", false), "msdyn_cartvalue": cart });
    assert_eq!(data["variables"], expected);
    assert_eq!(variables(&usher, &ticket).await, expected);
    usher.restart().await;
    assert_eq!(variables(&usher, &ticket).await, expected);
    let (mut again, resumed) = Widget::open(&usher, "contoso/web", ticket.resume()).await;
    assert_eq!((&resumed["sequence"], &resumed["replayed"]), (&json!(2), &json!(0)));
    again.expect_nothing().await;
}

#[tokio::test]
async fn what_changes_nothing_is_answered_without_a_sequence_and_not_journaled() {
    let (usher, _keys) = usher().await;
    let start = json!({ "type": "start", "context": { "page": "/" } });
    let (mut widget, started) = Widget::open(&usher, "contoso/web", start).await;
    for (context, rejected) in [
        (json!({}), None),
        (json!({ "page": "/" }), None),
        (json!({ "page": { "value": "/" } }), None),
        (json!({ "absent": null, "blank": "" }), None),
        (json!({ "portalcontactid": "7" }), Some("signed_only")),
        (json!({ "page": ["/"] }), Some("wrong_type")),
    ] {
        let (_, refused, sequence) = answer(&mut widget, &context).await;
        assert_eq!(sequence, None, "{context}");
        assert_eq!(refused.first().map(|(_, reason)| reason.as_str()), rejected, "{context}");
    }
    assert_eq!(Consumer::new(&usher, ROUTER).kinds(&Ticket::of(&started).conversation).await, ["started"]);
}

#[tokio::test]
async fn null_and_the_empty_text_remove_a_variable() {
    let (usher, _keys) = usher().await;
    let start = json!({ "type": "start", "context": { "a": "1", "b": "2", "c": "3", "d": "4" } });
    let (mut widget, started) = Widget::open(&usher, "contoso/web", start).await;
    let removal = json!({ "a": null, "b": "", "c": { "value": null } });
    let (accepted, rejected, sequence) = answer(&mut widget, &removal).await;
    assert_eq!((accepted, rejected, sequence), (vec!["a".into(), "b".into(), "c".into()], vec![], Some(2)));
    let ticket = Ticket::of(&started);
    let events = Consumer::new(&usher, ROUTER).events_of(&ticket.conversation, "context").await;
    assert_eq!(events[0]["data"]["changed"], json!(["a", "b", "c"]));
    let left = variables(&usher, &ticket).await;
    assert_eq!(left.as_object().unwrap().keys().collect::<Vec<_>>(), ["d"]);
}

#[tokio::test]
async fn each_variable_that_is_not_taken_is_told_with_its_reason_and_the_others_are_taken() {
    let (usher, _keys) = usher().await;
    let token = token_saying("customer-1", 10.0, HOUR, &json!({ "tier": "gold" }));
    let (mut widget, ticket) = Widget::sign_in(&usher, "contoso/web", &token).await;
    let (name, value) = ("n".repeat(100), "v".repeat(4000));
    let context = json!({ "tier": "platinum", "portalcontactid": "7", "msdyn_cartvalue": "much",
        "nested": { "a": 1 }, "list": [], format!("{name}n"): "x", name.clone(): "x", "": "x",
        "control\u{7}": "x", "long": format!("{value}v"), "fits": value, "__proto__": "data" });
    let (accepted, rejected, sequence) = answer(&mut widget, &context).await;
    assert_eq!((accepted, sequence), (vec!["__proto__".to_owned(), "fits".into(), name.clone()], Some(2)));
    let reasons = [
        ("", "name_too_long"),
        ("control\u{7}", "name_too_long"),
        ("list", "wrong_type"),
        ("long", "value_too_long"),
        ("msdyn_cartvalue", "wrong_type"),
        ("nested", "wrong_type"),
        // Told with its first hundred characters.
        (&name, "name_too_long"),
        ("portalcontactid", "signed_only"),
        ("tier", "signed_wins"),
    ];
    let reasons: Vec<_> = reasons.map(|(name, reason)| (name.to_owned(), reason.to_owned())).into();
    assert_eq!(rejected, reasons);
    assert_eq!(variables(&usher, &ticket).await["tier"]["value"], "gold");
}

#[tokio::test]
async fn a_name_twice_is_a_duplicate_for_all_its_values() {
    let (usher, _keys) = usher().await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    widget.send_text(r#"{"type":"set_context","context":{"page":"/a","other":"x","page":"/b"}}"#).await;
    let (accepted, rejected, _) = report(&widget.expect("context").await);
    assert_eq!(accepted, ["other"]);
    assert!(rejected.iter().all(|one| *one == ("page".to_owned(), "duplicate".to_owned())), "{rejected:?}");
    assert!(!rejected.is_empty());
    assert_eq!(variables(&usher, &ticket).await.get("page"), None);
}

#[tokio::test]
async fn a_tenant_may_take_declared_names_alone() {
    let keys = KeyEndpoint::start().await;
    let tenant = format!(
        "[authentication]\npublic_key_url = \"{}\"\n[context]\nundeclared = \"reject\"\n\
         [context.variables]\nmsdyn_isvip = \"boolean\"\n\
         [widgets.web]\nauthentication = \"optional\"\nallowed_origins = [\"*\"]\n",
        keys.url()
    );
    let usher = Usher::start(Setup::new().tenant_file("contoso", tenant)).await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    let (accepted, rejected, _) = answer(&mut widget, &json!({ "msdyn_isvip": "true", "page": "/" })).await;
    assert_eq!(accepted, ["msdyn_isvip"]);
    assert_eq!(rejected, [("page".to_owned(), "undeclared".to_owned())]);
    let held = json!({ "raw": "true", "value": true, "type": "boolean", "source": "widget", "verified": false,
        "displayable": false });
    assert_eq!(variables(&usher, &ticket).await, json!({ "msdyn_isvip": held }));
}

#[tokio::test]
async fn a_hundred_unsigned_ones_are_held_beside_a_hundred_signed_ones() {
    let (usher, _keys) = usher().await;
    let token = token_saying("customer-1", 10.0, HOUR, &many("signed", 0..100));
    let start = json!({ "type": "start", "token": token, "context": many("page", 0..98) });
    let (mut widget, started) = Widget::open(&usher, "contoso/web", start).await;
    assert_eq!(report(&started).0.len(), 198);
    for number in [98, 99] {
        let (accepted, rejected, _) = answer(&mut widget, &many("page", number..number + 1)).await;
        assert_eq!((accepted.len(), rejected), (1, vec![]), "{number}");
    }
    let (accepted, rejected, sequence) = answer(&mut widget, &json!({ "page100": "x" })).await;
    assert_eq!((accepted.len(), sequence), (0, None));
    assert_eq!(rejected, [("page100".to_owned(), "too_many".to_owned())]);
    // A name that is held is not a new one, and one that is gone makes room.
    let (accepted, rejected, _) = answer(&mut widget, &json!({ "page0": "y" })).await;
    assert_eq!((accepted.len(), rejected), (1, vec![]));
    answer(&mut widget, &json!({ "page1": null })).await;
    let (accepted, rejected, _) = answer(&mut widget, &json!({ "page100": "x" })).await;
    assert_eq!((accepted.len(), rejected), (1, vec![]));
    let held = variables(&usher, &Ticket::of(&started)).await;
    assert_eq!(held.as_object().unwrap().len(), 200);
}

#[tokio::test]
async fn of_a_tokens_variables_a_hundred_are_taken() {
    let (usher, _keys) = usher().await;
    for (offered, taken) in [(99, 99), (100, 100), (101, 100)] {
        let (mut widget, _) = Widget::start(&usher, "contoso/web").await;
        let token = token_saying("customer-1", 10.0, HOUR, &many("signed", 0..offered));
        let (accepted, rejected, _) = report(&widget.authenticated(&token, "token_presented").await);
        assert_eq!((accepted.len(), rejected.len()), (taken, offered - taken));
        assert!(rejected.iter().all(|(_, reason)| reason == "too_many"), "{rejected:?}");
        let (accepted, _, _) = answer(&mut widget, &many("page", 0..100)).await;
        assert_eq!(accepted.len(), 100);
    }
}

#[tokio::test]
async fn a_signed_variable_replaces_an_unsigned_one_and_its_name_is_signed_for_good() {
    let (mut usher, _keys) = usher().await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    answer(&mut widget, &json!({ "tier": "claimed", "page": "/" })).await;
    let first = token_saying("customer-1", 20.0, HOUR, &json!({ "tier": "gold" }));
    let told = widget.authenticated(&first, "token_presented").await;
    assert_eq!(told["context"], json!({ "accepted": ["tier"], "rejected": [] }));
    let ticket = ticket.renewed_by(&told);
    let held = variables(&usher, &ticket).await;
    assert_eq!((&held["tier"]["value"], &held["tier"]["source"]), (&json!("gold"), &json!("token")));
    assert_eq!((&held["tier"]["verified"], &held["page"]["verified"]), (&json!(true), &json!(false)));
    // A token that no longer says it takes it away; the page still can't say it.
    let second = token_saying("customer-1", 10.0, HOUR, &json!({}));
    widget.authenticated(&second, "token_refreshed").await;
    assert_eq!(variables(&usher, &ticket).await.get("tier"), None);
    for restarted in [false, true] {
        if restarted {
            usher.restart().await;
            widget = Widget::open(&usher, "contoso/web", {
                let mut resume = ticket.resume_after(4);
                resume["token"] = second.clone().into();
                resume
            })
            .await
            .0;
        }
        for value in [json!("claimed again"), json!(null)] {
            let (accepted, rejected, sequence) = answer(&mut widget, &json!({ "tier": value })).await;
            assert_eq!((accepted.len(), sequence), (0, None));
            assert_eq!(rejected, [("tier".to_owned(), "signed_wins".to_owned())]);
        }
    }
}

#[tokio::test]
async fn after_the_downgrade_a_signed_variable_stays_unverified_and_out_of_the_pages_reach() {
    let (usher, _keys) = usher().await;
    let token = token_saying("customer-1", 10.0, 2.0, &json!({ "tier": "gold" }));
    let (mut widget, ticket) = Widget::sign_in(&usher, "contoso/web", &token).await;
    assert_eq!(variables(&usher, &ticket).await["tier"]["verified"], true);
    widget.told("token_expired").await;
    let tier = json!({ "raw": "gold", "value": "gold", "type": "text", "source": "token", "verified": false,
        "displayable": false });
    assert_eq!(variables(&usher, &ticket).await["tier"], tier);
    let (accepted, rejected, sequence) = answer(&mut widget, &json!({ "tier": "x", "page": "/" })).await;
    assert_eq!((accepted, sequence), (vec!["page".to_owned()], Some(3)));
    assert_eq!(rejected, [("tier".to_owned(), "signed_wins".to_owned())]);
    let events = Consumer::new(&usher, ROUTER).events(&ticket.conversation).await;
    for event in &events[1..] {
        assert_eq!(event["data"]["variables"]["tier"], tier, "{event}");
    }
    widget
        .authenticated(&token_saying("customer-1", 5.0, HOUR, &json!({ "tier": "gold" })), "token_presented")
        .await;
    assert_eq!(variables(&usher, &ticket).await["tier"]["verified"], true);
}

#[tokio::test]
async fn a_frame_without_a_proper_context_is_a_bad_frame() {
    let (usher, _keys) = usher().await;
    let (mut widget, _) = Widget::start(&usher, "contoso/web").await;
    for frame in [
        json!({ "type": "set_context" }),
        set(&json!(null)),
        set(&json!("{}")),
        set(&json!([])),
        set(&json!(7)),
    ] {
        widget.send(frame).await;
        assert_eq!(widget.expect_error("bad_frame").await["in_reply_to"], "set_context");
    }
    let mut early = Widget::connect(&usher, "contoso/web").await;
    early.send(set(&json!({ "page": "/" }))).await;
    assert_eq!(early.expect_error("out_of_order").await["in_reply_to"], "set_context");
    assert_eq!(answer(&mut widget, &json!({ "page": "/" })).await.2, Some(2));
}

#[tokio::test]
async fn in_a_widget_that_requires_tokens_variables_are_taken_while_signed_in() {
    let (usher, _keys) = usher().await;
    let (mut widget, _) =
        Widget::sign_in(&usher, "contoso/strict", &token_of("customer-1", 10.0, HOUR)).await;
    assert_eq!(answer(&mut widget, &json!({ "page": "/" })).await.2, Some(2));
}
