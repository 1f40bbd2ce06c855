//! Each rule about who may be in a conversation, and the attack that it is for.

mod ended;
mod idempotency_key;
mod late_frames;
mod next_person;
mod ninth_socket;
mod other_widget;
mod planted_socket;
mod signed_out_token;
mod stolen_resume_token;
mod two_tabs;

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::consumer::Consumer;
use crate::support::keys::{KEY, KID, KeyEndpoint, OTHER_KEY, claims, now, token_of};
use crate::support::setup::{ROUTER, Setup};
use crate::support::usher::Usher;
use crate::support::widget::{Ticket, Widget};

/// An hour, in seconds.
const HOUR: f64 = 3600.0;
/// The same for the claims that every token has.
const LIFETIME: Duration = Duration::from_hours(1);
/// What nobody else may ever see.
const SECRET: &str = "my card ends in 4242";
/// Who said it.
const ADA: &str = "ada-7f3a";
/// Who comes after her.
const BEN: &str = "ben-91c0";
/// The name of the key that only the tenant `fabrikam` publishes.
const FABRIKAMS_KID: &str = "fabrikams";

/// A gateway with two tenants: `contoso`, whose key is [`KEY`], and `fabrikam`, which has another of the same name.
struct World {
    usher: Usher,
    _keys: [KeyEndpoint; 2],
}

impl World {
    async fn start() -> Self {
        let others = json!([OTHER_KEY.entry(KID, None), OTHER_KEY.entry(FABRIKAMS_KID, None)]);
        let keys = [KeyEndpoint::start().await, KeyEndpoint::publishing(&others).await];
        let setup = Setup::new().tenant("contoso", &keys[0].url()).tenant("fabrikam", &keys[1].url());
        Self { usher: Usher::start(setup).await, _keys: keys }
    }

    fn consumer(&self) -> Consumer {
        Consumer::new(&self.usher, ROUTER)
    }

    async fn connect(&self, widget: &str) -> Widget {
        Widget::connect(&self.usher, &format!("contoso/{widget}")).await
    }

    /// Sends a first frame to `contoso`'s widget; the answer.
    async fn open(&self, widget: &str, first: Value) -> (Widget, Value) {
        Widget::open(&self.usher, &format!("contoso/{widget}"), first).await
    }

    /// A conversation in which the secret was said, signed in with this token.
    async fn secret_chat(&self, widget: &str, token: &str) -> (Widget, Ticket) {
        let (mut widget, ticket) = Widget::sign_in(&self.usher, &format!("contoso/{widget}"), token).await;
        widget.say("m1", SECRET).await;
        (widget, ticket)
    }

    /// Joins with this token and has seen all that was said until then.
    async fn join(&self, ticket: &Ticket, token: &str) -> Widget {
        let (mut widget, resumed) = self.open("web", ticket.resume_with(token)).await;
        assert_eq!(resumed["authentication"]["status"], "authenticated", "{resumed}");
        for _ in 0..resumed["replayed"].as_u64().unwrap() {
            widget.frame().await;
        }
        widget.expect_nothing().await;
        widget
    }

    /// This first frame is refused without a word of the history, and the connection is closed with 4500.
    async fn refuses(&self, path: &str, first: &Value, code: &str) -> Value {
        let mut widget = Widget::connect(&self.usher, path).await;
        let error = refused(&mut widget, first, code).await;
        assert_eq!(widget.expect_close(4500).await, "token_refused", "{path}");
        error
    }

    /// The conversations that have begun so far, in order.
    async fn begun(&self) -> Vec<Value> {
        let (_, last) = self.open("second", json!({ "type": "start" })).await;
        let mut stream = self.consumer().stream("?types=usher.conversation.started").await;
        let mut begun = Vec::new();
        loop {
            let started = stream.expect("usher.conversation.started").await;
            if started["subject"] == last["conversation"] {
                return begun;
            }
            begun.push(started["subject"].clone());
        }
    }
}

/// Sends this where it is refused; the error, which tells nothing of the conversation.
async fn refused(widget: &mut Widget, frame: &Value, code: &str) -> Value {
    widget.send(frame.clone()).await;
    let mut error = widget.expect_error(code).await;
    let said = error.to_string();
    for hidden in [SECRET, ADA, frame["conversation"].as_str().unwrap_or(SECRET)] {
        assert!(!said.contains(hidden), "{said}");
    }
    error["correlation_id"].take();
    error
}

/// The same where the socket stays open for another try.
async fn refused_for_now(widget: &mut Widget, frame: &Value, code: &str) {
    let error = refused(widget, frame, code).await;
    assert_eq!(error["in_reply_to"], frame["type"], "{error}");
    widget.expect_nothing().await;
}

/// A token of Ada's that was issued so many seconds ago and is good for an hour.
fn adas(issued_ago: f64) -> String {
    token_of(ADA, issued_ago, HOUR)
}

/// A token with these claims besides or instead of those of Ada's.
fn changed_token(changes: &Value) -> String {
    let mut claims = claims(ADA, now(), LIFETIME);
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    KEY.sign(KID, &claims)
}
