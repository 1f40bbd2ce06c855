//! The rules, stated one by one; `replay` states the one that binds them together.

mod access;
mod idle;
mod notices;
mod pages;
mod replay;
mod routing;
mod rules;
mod wanted;

use std::sync::Arc;
use std::time::Duration;

use crate::domain::id::ConversationId;
use crate::domain::queue::Queues;
use crate::domain::time::UnixTime;
use crate::domain::token::{Revocations, VerifiedCustomer};

use super::*;

/// The second at which everything here begins.
const NOW: UnixTime = UnixTime::from_seconds(1_760_000_000);

fn at(seconds: u64) -> UnixTime {
    NOW.plus(Duration::from_secs(seconds))
}

fn place() -> Place {
    Place {
        id: ConversationId::from_bytes([7; 16]),
        tenant: "contoso".parse().unwrap(),
        widget: "web".parse().unwrap(),
    }
}

/// A customer whose token was issued at `iat` and ends at `exp`, in seconds after [`NOW`].
fn customer(subject: &str, iat: u64, exp: u64) -> VerifiedCustomer {
    VerifiedCustomer::for_tests(subject, at(iat), at(exp), Variables::new())
}

fn start(customer: Option<VerifiedCustomer>) -> Event {
    Event::Start(Box::new(Start::new(customer, Arc::from("default"))))
}

fn sign_in(subject: &str, iat: u64, exp: u64) -> Event {
    Event::SignIn(Box::new(customer(subject, iat, exp)))
}

fn message(id: &str, text: &str) -> Event {
    said_by(Author::Customer, id, text)
}

fn said_by(author: Author, id: &str, text: &str) -> Event {
    Event::Message(NewMessage {
        author,
        id: MessageId::new(id).unwrap(),
        text: MessageText::new(text, 6000).unwrap(),
        name: None,
        must_be_authenticated: false,
    })
}

fn agent(client: &str) -> Author {
    Author::Consumer { client: client.parse().unwrap(), role: Role::Agent }
}

fn end() -> Event {
    Event::End { by: EndedBy::Customer, reason: None }
}

/// What is decided where nothing was revoked.
fn decide(
    conversation: &Conversation,
    now: UnixTime,
    event: &Event,
) -> Result<Vec<Entry>, InvalidTransition> {
    decide_with(conversation, now, &Revocations::default(), event)
}

/// What is decided where this was revoked, and the tenant has no queues of its own.
fn decide_with(
    conversation: &Conversation,
    now: UnixTime,
    revocations: &Revocations,
    event: &Event,
) -> Result<Vec<Entry>, InvalidTransition> {
    let settings = Settings { revocations, queues: &Queues::default() };
    conversation.decide(now, settings, event).map(|decided| decided.entries)
}

/// Decides and applies; what was decided.
fn live(
    conversation: &mut Conversation,
    now: UnixTime,
    event: &Event,
) -> Result<Vec<Entry>, InvalidTransition> {
    let entries = decide(conversation, now, event)?;
    for entry in &entries {
        conversation.apply(entry);
    }
    Ok(entries)
}

/// A conversation that began at [`NOW`], authenticated as `ada` until `exp` where that is given.
fn begun(exp: Option<u64>) -> Conversation {
    let mut conversation = Conversation::unborn(place());
    let started = start(exp.map(|exp| customer("ada", 0, exp)));
    live(&mut conversation, NOW, &started).expect("a start");
    conversation
}
