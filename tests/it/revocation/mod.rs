//! What a tenant takes back: at once for the next token, within a second for the conversations that go on.

mod durable;
mod live;
mod race;
mod tokens;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::consumer::Consumer;
use crate::support::keys::{ISSUER, KEY, KID, KeyEndpoint, claims, now};
use crate::support::setup::{ROUTER, Setup};
use crate::support::usher::Usher;
use crate::support::widget::Widget;

/// What every token here lives for.
const HOUR: Duration = Duration::from_hours(1);
/// What the contract gives a revocation to reach the conversations that go on.
const WITHIN: Duration = Duration::from_secs(1);

/// Two tenants with the same key, under the same name.
async fn usher() -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let usher = Usher::start(tenants(&keys)).await;
    (usher, keys)
}

fn tenants(keys: &KeyEndpoint) -> Setup {
    Setup::new().tenant("contoso", &keys.url()).tenant("fabrikam", &keys.url())
}

/// A token of this customer that was issued so many seconds ago; a whole number of seconds since the epoch.
fn issued(subject: &str, seconds_ago: f64) -> String {
    KEY.sign(KID, &claims(subject, now().floor() - seconds_ago, HOUR))
}

/// The instant so many seconds ago, rounded down, as a request says it.
fn ago(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "seconds of this century")]
    let instant = jiff::Timestamp::from_second((now().floor() - seconds) as i64).unwrap();
    instant.to_string()
}

fn of(subject: &str) -> Value {
    json!({ "tenant": "contoso", "subject": subject, "issuer": ISSUER })
}

fn consumer(usher: &Usher) -> Consumer {
    Consumer::new(usher, ROUTER)
}

/// Revokes; the id and how many conversations it met.
async fn revoke(usher: &Usher, body: &Value) -> (String, u64) {
    let answer = consumer(usher).post("/v1/revocations", body).await;
    assert_eq!(answer.status, 201, "{body}: {answer:?}");
    (answer.body["id"].as_str().unwrap().to_owned(), answer.body["matched"].as_u64().unwrap())
}

async fn lift(usher: &Usher, id: &str) {
    let answer = consumer(usher).call(Method::DELETE, &format!("/v1/revocations/{id}"), &json!({})).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

/// What a start with this token is answered: a reason, or none where it is let in.
async fn refusal(usher: &Usher, path: &str, token: &str) -> Option<String> {
    let start = json!({ "type": "start", "token": token });
    let (_widget, answer) = Widget::open(usher, path, start).await;
    answer["code"].as_str().map(str::to_owned)
}

async fn is_authenticated(usher: &Usher, conversation: &str) -> bool {
    consumer(usher).summary(conversation).await["authenticated"].as_bool().unwrap()
}

/// The reasons of a conversation's downgrades.
async fn downgrades(usher: &Usher, conversation: &str) -> Vec<String> {
    let events = consumer(usher).events(conversation).await;
    let downgrades = events.iter().filter(|event| event["type"] == "usher.conversation.downgraded");
    downgrades.map(|event| event["data"]["reason"].as_str().unwrap().to_owned()).collect()
}

/// The frame that tells a widget of the revocation, which comes in time.
async fn told(widget: &mut Widget) -> Value {
    let told = tokio::time::timeout(WITHIN, widget.expect("authentication")).await;
    let told = told.expect("a widget is told within a second");
    assert_eq!(
        (&told["reason"], &told["authentication"]["status"]),
        (&json!("revoked"), &json!("anonymous"))
    );
    told
}
