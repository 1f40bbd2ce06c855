//! Every type of event as the real gateway tells it: valid by the schema of CloudEvents 1.0, and as `docs/events` shows
//! it to those who write a consumer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use boon::{Compiler, SchemaIndex, Schemas};
use reqwest::Method;
use serde_json::{Value, json};
use usher::wire::{EVENT_TYPES, TYPING_TYPE};

use crate::support::consumer::{Consumer, Stream};
use crate::support::keys::{KEY, KID, KeyEndpoint, claims, now};
use crate::support::setup::{ROUTER, Setup};
use crate::support::tools::root;
use crate::support::usher::Usher;
use crate::support::widget::{Ticket, Widget};

/// Members whose values differ from run to run.
const VOLATILE: [&str; 6] = ["id", "subject", "time", "position", "expires_at", "refresh_by"];

/// The schema that the CloudEvents project publishes.
struct Schema(Schemas, SchemaIndex);

impl Schema {
    fn read() -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.enable_format_assertions();
        let text = include_str!("../vectors/public/cloudevents.json");
        compiler.add_resource("cloudevents.json", serde_json::from_str(text).unwrap()).unwrap();
        let index = compiler.compile("cloudevents.json", &mut schemas).unwrap();
        Self(schemas, index)
    }

    fn judge(&self, event: &Value) -> Result<(), String> {
        self.0.validate(event, self.1).map_err(|error| error.to_string())
    }
}

/// A chat in which everything happens that can, and the events of it in order.
async fn story() -> Vec<Value> {
    let keys = KeyEndpoint::start().await;
    let usher = Usher::start(Setup::new().tenant("contoso", &keys.url())).await;
    let consumer = Consumer::new(&usher, ROUTER);
    let mut stream = consumer.stream("").await;
    let mut seen = Vec::new();
    let (token, fresh) = (token(60.0), token(10.0));
    let context = json!({ "page": { "value": "/cart", "isDisplayable": true } });
    let start = json!({ "type": "start", "token": token, "locale": "en-GB", "context": context });
    let (mut widget, started) = Widget::open(&usher, "contoso/web", start).await;
    let mut ticket = Ticket::of(&started);
    heard(&mut stream, "started", &mut seen).await;
    widget.say("m1", "Where is my order?").await;
    heard(&mut stream, "message", &mut seen).await;
    widget.send(json!({ "type": "set_context", "context": { "page": "/orders" } })).await;
    heard(&mut stream, "context", &mut seen).await;
    // A reader that has seen all there is hears who types.
    widget.send(json!({ "type": "typing" })).await;
    heard(&mut stream, "typing", &mut seen).await;
    let to = |what: &str| format!("/v1/conversations/{}/{what}", ticket.conversation);
    let place = json!({ "queue": "vip", "agent": "ada" });
    assert_eq!(consumer.call(Method::PUT, &to("assignment"), &place).await.status, 204);
    heard(&mut stream, "assigned", &mut seen).await;
    assert_eq!(consumer.post(&to("read"), &json!({ "up_to": 2 })).await.status, 204);
    heard(&mut stream, "read", &mut seen).await;
    let answer = json!({ "text": "Let me look.", "id": "a1", "name": "Ada" });
    assert_eq!(consumer.post(&to("messages"), &answer).await.status, 201);
    heard(&mut stream, "message", &mut seen).await;
    widget.authenticate(&fresh).await;
    heard(&mut stream, "authenticated", &mut seen).await;
    widget.send(json!({ "type": "sign_out" })).await;
    heard(&mut stream, "downgraded", &mut seen).await;
    let request = json!({ "message": "Please sign in again.", "id": "r1" });
    assert_eq!(consumer.post(&to("authentication-request"), &request).await.status, 201);
    heard(&mut stream, "authentication_requested", &mut seen).await;
    let conversation = std::mem::take(&mut ticket.conversation);
    let end = consumer.tell(&conversation, "end", &json!({ "reason": "solved" })).await;
    assert_eq!(end.status, 204);
    heard(&mut stream, "ended", &mut seen).await;
    seen
}

async fn heard(stream: &mut Stream, kind: &str, seen: &mut Vec<Value>) {
    seen.push(stream.expect(&format!("usher.conversation.{kind}")).await);
}

fn token(issued_ago: f64) -> String {
    let mut claims = claims("customer-1", now() - issued_ago, Duration::from_hours(1));
    claims["lwicontexts"] = json!({ "msdyn_cartvalue": "129.50", "portalcontactid": "c-17" });
    KEY.sign(KID, &claims)
}

/// The event with what differs from run to run blotted out.
fn settled(event: &Value) -> Value {
    match event {
        Value::Object(members) => {
            let settle = |(name, value): (&String, &Value)| {
                // A message's `id`, deep inside, is its author's and stays.
                let is_volatile = VOLATILE.contains(&name.as_str()) && value.as_str().is_some_and(is_long);
                (name.clone(), if is_volatile { json!("…") } else { settled(value) })
            };
            members.iter().map(settle).collect()
        }
        other => other.clone(),
    }
}

/// Ids of conversations, positions and times are; ids that a test has made up are not.
fn is_long(text: &str) -> bool {
    text.len() > 10 && text.contains('-') && text.contains(|letter: char| letter.is_ascii_digit())
}

/// The example of each type, by the last part of its name.
fn examples() -> BTreeMap<String, Value> {
    let folder = fs::read_dir(root().join("docs/events")).unwrap().map(|file| file.unwrap().path());
    folder
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap())
        })
        .collect()
}

fn last_part(kind: &str) -> String {
    kind.strip_prefix("usher.conversation.").unwrap().to_owned()
}

#[tokio::test]
async fn every_type_of_event_is_valid_and_as_its_example_shows_it() {
    let (schema, examples) = (Schema::read(), examples());
    let told = story().await;
    let types: BTreeSet<_> = EVENT_TYPES.into_iter().chain([TYPING_TYPE]).map(last_part).collect();
    let seen: BTreeSet<_> = told.iter().map(|event| last_part(event["type"].as_str().unwrap())).collect();
    assert_eq!(seen, types, "a type that the story here leaves out: let it happen there");
    let shown: BTreeSet<_> = examples.keys().cloned().collect();
    assert_eq!(shown, types, "a type without an example: write docs/events/NAME.json");
    for event in &told {
        schema.judge(event).unwrap_or_else(|fault| panic!("{fault}\n{event:#}"));
        check_envelope(event);
    }
    for (name, example) in &examples {
        schema.judge(example).unwrap_or_else(|fault| panic!("docs/events/{name}.json: {fault}"));
        check_envelope(example);
        let first = told.iter().find(|event| last_part(event["type"].as_str().unwrap()) == *name).unwrap();
        assert_eq!(
            settled(first),
            settled(example),
            "docs/events/{name}.json is not what is told now:\n{first:#}"
        );
    }
}

/// What the schema can't say: CloudEvents 1.0 §3.1 on names, and usher's own extensions.
fn check_envelope(event: &Value) {
    let is_allowed = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    for name in event.as_object().unwrap().keys() {
        assert!(name.len() <= 20 && name.chars().all(is_allowed), "{name} is no attribute's name");
    }
    assert_eq!(
        (&event["specversion"], &event["datacontenttype"]),
        (&json!("1.0"), &json!("application/json"))
    );
    let tenant = event["tenant"].as_str().unwrap();
    assert_eq!(event["source"], format!("/tenants/{tenant}/widgets/web"));
    assert!(event["data"]["authentication"]["status"].is_string(), "{event}");
    let (id, subject) = (event["id"].as_str().unwrap(), event["subject"].as_str().unwrap());
    if event["type"] == TYPING_TYPE {
        assert!(event.get("sequence").is_none() && event.get("position").is_none(), "{event}");
        assert!(event["data"].get("sequence").is_none(), "{event}");
    } else {
        let sequence = event["data"]["sequence"].as_u64().unwrap();
        assert_eq!(event["sequence"], sequence.to_string());
        assert_eq!(id, format!("{subject}/{sequence}"));
        assert!(event["position"].as_str().is_some_and(|position| !position.is_empty()), "{event}");
    }
}

#[test]
fn the_schema_refuses_what_is_no_event() {
    let schema = Schema::read();
    let good = examples().remove("message").unwrap();
    assert_eq!(schema.judge(&good), Ok(()));
    for (name, value) in [
        ("id", json!("")),
        ("id", json!(7)),
        ("type", Value::Null),
        ("time", json!("yesterday")),
        ("source", json!("a b")),
        ("subject", json!(7)),
    ] {
        let mut bad = good.clone();
        bad[name] = value;
        assert!(schema.judge(&bad).is_err(), "{bad}");
    }
}
