//! What consumers do to a conversation: say something, ask for a sign-in, put it somewhere, end it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::conversations::{CommandError, Live};
use crate::domain::conversation::{
    Assign, AuthenticationRequest, Author, EndedBy, Event, InvalidTransition, MESSAGE_ID_CHARACTERS_MAX,
    MessageId, MessageText, NewMessage, Role, TextRefused,
};
use crate::domain::id::ClientId;
use crate::journal::Record;
use crate::wire::Rfc3339;

use super::Shared;
use super::body::Members;
use super::call::Call;
use super::problem::Problem;

/// Characters of a name, a queue or an agent.
const LABEL_CHARACTERS_MAX: usize = 100;
/// Characters of what a customer who is asked to sign in is told.
const REQUEST_CHARACTERS_MAX: usize = 500;
/// Characters of the reason for an end.
const REASON_CHARACTERS_MAX: usize = 200;

/// `POST /v1/conversations/{id}/messages`
pub(super) async fn message(mut call: Call) -> Result<Response, Problem> {
    let (live, body) = call.command().await?;
    let message = read_message(&body, &call.client.id, call.shared.message_characters)?;
    once(&call.shared, live, Event::Message(message)).await
}

/// `POST /v1/conversations/{id}/authentication-request`
pub(super) async fn request_authentication(mut call: Call) -> Result<Response, Problem> {
    let (live, body) = call.command().await?;
    let request = read_authentication_request(&body, &call.client.id)?;
    once(&call.shared, live, Event::RequestAuthentication(request)).await
}

/// `PUT /v1/conversations/{id}/assignment`
pub(super) async fn assign(mut call: Call) -> Result<StatusCode, Problem> {
    let (live, body) = call.command().await?;
    let assign = read_assignment(&body)?;
    execute(&call.shared, live, Event::Assign(assign)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/conversations/{id}/end`
pub(super) async fn end(mut call: Call) -> Result<StatusCode, Problem> {
    let (live, body) = call.command().await?;
    let reason = read_reason(&body)?;
    execute(&call.shared, live, Event::End { by: EndedBy::Agent, reason }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Why a command did nothing.
#[derive(Debug)]
pub(super) enum Failed {
    Command(CommandError),
    Panicked,
}

impl From<Failed> for Problem {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Command(error) => error.into(),
            Failed::Panicked => Self::internal("a command panicked"),
        }
    }
}

/// Runs what makes an entry, and answers where it stands; the same once more is answered the same.
async fn once(shared: &Shared, live: Arc<Live>, event: Event) -> Result<Response, Problem> {
    match execute(shared, live, event).await {
        Ok(record) => {
            let last = record.as_deref().and_then(|record| record.entries().last());
            let last = last.ok_or_else(|| Problem::internal("what was taken made no entry"))?;
            Ok(stored(last.sequence.get(), Rfc3339(last.at)))
        }
        Err(Failed::Command(CommandError::Refused(InvalidTransition::AlreadyStored { sequence, at }))) => {
            Ok(stored(sequence.get(), Rfc3339(at)))
        }
        Err(failed) => Err(failed.into()),
    }
}

/// Runs a command to its end, whether or not the caller waits for it: one that is dropped half way could be stored
/// and never told.
async fn execute(shared: &Shared, live: Arc<Live>, event: Event) -> Result<Option<Arc<Record>>, Failed> {
    let command = shared.lifecycle.spawn(async move {
        match live.lock().await? {
            Some(mut locked) => locked.execute(&event, None).await,
            None => Err(CommandError::Refused(InvalidTransition::NotStarted)),
        }
    });
    command.await.map_err(|_| Failed::Panicked)?.map_err(Failed::Command)
}

#[derive(Serialize)]
struct Stored {
    sequence: u64,
    at: Rfc3339,
}

fn stored(sequence: u64, at: Rfc3339) -> Response {
    let body = serde_json::to_string(&Stored { sequence, at }).expect("the answer has string keys");
    (StatusCode::CREATED, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn read_message(body: &Bytes, client: &ClientId, characters_max: usize) -> Result<NewMessage, Problem> {
    let mut members = Members::parse(body, &["text", "id", "name", "from"])?;
    let id = read_id(&mut members);
    let text = members.required("text").and_then(|text| match MessageText::new(&text, characters_max) {
        Ok(text) => Some(text),
        Err(TextRefused::Blank) => {
            members.fault("text must say something, not only blanks");
            None
        }
        Err(TextRefused::TooLong { characters }) => {
            members
                .fault(format!("text has {characters} characters, and at most {characters_max} are taken"));
            None
        }
    });
    let name = members.label("name", 1..=LABEL_CHARACTERS_MAX);
    let role = match members.string("from").as_deref() {
        None | Some("agent") => Role::Agent,
        Some("bot") => Role::Bot,
        Some("system") => Role::System,
        Some(other) => {
            let why = if other == "customer" { "; only a widget speaks as the customer" } else { "" };
            members.fault(format!("from must be agent, bot or system{why}"));
            Role::Agent
        }
    };
    let (Some(id), Some(text)) = (id, text) else { return Err(members.refused()) };
    members.finish()?;
    let author = Author::consumer(client.clone(), role);
    Ok(NewMessage { author, id, text, name, must_be_authenticated: false })
}

/// The caller's own id for what it makes.
fn read_id(members: &mut Members<'_>) -> Option<MessageId> {
    let id = MessageId::new(&members.required("id")?);
    if id.is_none() {
        members.fault(format!("id must have 1 to {MESSAGE_ID_CHARACTERS_MAX} characters"));
    }
    id
}

fn read_authentication_request(body: &Bytes, client: &ClientId) -> Result<AuthenticationRequest, Problem> {
    let mut members = Members::parse(body, &["message", "id"])?;
    let message = members.label("message", 1..=REQUEST_CHARACTERS_MAX);
    let Some(id) = read_id(&mut members) else { return Err(members.refused()) };
    members.finish()?;
    Ok(AuthenticationRequest { client: client.clone(), id, message })
}

fn read_assignment(body: &Bytes) -> Result<Assign, Problem> {
    let mut members = Members::parse(body, &["queue", "agent"])?;
    if members.is_empty() {
        members.fault("queue or agent must be there, or both");
    }
    let queue = members.label("queue", 1..=LABEL_CHARACTERS_MAX).map(Into::into);
    let agent = members.label("agent", 1..=LABEL_CHARACTERS_MAX);
    members.finish()?;
    Ok(Assign { queue, agent })
}

fn read_reason(body: &Bytes) -> Result<Option<String>, Problem> {
    let mut members = Members::parse(body, &["reason"])?;
    let reason = members.label("reason", 1..=REASON_CHARACTERS_MAX);
    members.finish()?;
    Ok(reason)
}
