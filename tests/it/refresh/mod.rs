//! Presenting a token in the middle of a conversation: when the widget is asked to, what it changes, what it doesn't.

mod again;
mod expiring;
mod faulty;
mod required;
mod unchanged;

use serde_json::{Value, json};

use crate::support::consumer::Consumer;
use crate::support::keys::KeyEndpoint;
use crate::support::setup::{ROUTER, Setup};
use crate::support::usher::Usher;
use crate::support::widget::{Ticket, Widget};

/// An hour in seconds.
const HOUR: f64 = 3600.0;
const CUSTOMER: &str = "customer-1";

async fn usher() -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let usher = Usher::start(Setup::new().tenant("contoso", &keys.url())).await;
    (usher, keys)
}

async fn events(usher: &Usher, ticket: &Ticket) -> Vec<Value> {
    Consumer::new(usher, ROUTER).events(&ticket.conversation).await
}

/// Joins with this token after `seen`, with nothing to replay.
async fn join(usher: &Usher, path: &str, ticket: &Ticket, seen: u64, token: &str) -> Widget {
    let mut resume = ticket.resume_after(seen);
    resume["token"] = token.into();
    let (widget, resumed) = Widget::open(usher, path, resume).await;
    assert_eq!((&resumed["type"], &resumed["replayed"]), (&json!("resumed"), &json!(0)), "{resumed}");
    widget
}

/// The report of no variables.
fn nothing() -> Value {
    json!({ "accepted": [], "rejected": [] })
}
