//! What consumers do to a conversation: say something, ask for a sign-in, put it somewhere, end it.

use std::sync::Arc;

use axum::body::Bytes;
use schemars::JsonSchema;
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
use super::answer::{Created, NoContent, Written};
use super::body::Members;
use super::call::Call;
use super::member::{Form, Member};
use super::problem::Problem;

/// Characters of a name, a queue or an agent.
const LABEL_CHARACTERS_MAX: usize = 100;
/// Characters of what a customer who is asked to sign in is told.
const REQUEST_CHARACTERS_MAX: usize = 500;
/// Characters of the reason for an end.
const REASON_CHARACTERS_MAX: usize = 200;
const LABEL: Form = Form::Label { most: LABEL_CHARACTERS_MAX };
const OWN_ID: Form = Form::Id { most: MESSAGE_ID_CHARACTERS_MAX };

/// The members of a message.
pub(super) const MESSAGE: &[Member] = &[
    Member::required("text", Form::Message, "The words: not only blanks."),
    Member::required("id", OWN_ID, "The caller's own id for this message: the same again is stored once."),
    Member::optional("name", LABEL, "Who speaks, for the customer to see."),
    Member::optional("from", Form::Word(&["agent", "bot", "system"]), "As what: agent where it isn't given."),
];
/// The members of a request to sign in.
pub(super) const AUTHENTICATION_REQUEST: &[Member] = &[
    Member::optional(
        "message",
        Form::Label { most: REQUEST_CHARACTERS_MAX },
        "Why, for the customer to see.",
    ),
    Member::required("id", OWN_ID, "The caller's own id for this request: the same again is made once."),
];
/// The members of an assignment.
pub(super) const ASSIGNMENT: &[Member] = &[
    Member::optional("queue", LABEL, "The queue from now on; as it is where it isn't given."),
    Member::optional("agent", LABEL, "The agent from now on; none where it isn't given."),
];
/// The members of an end.
pub(super) const END: &[Member] = &[Member::optional(
    "reason",
    Form::Label { most: REASON_CHARACTERS_MAX },
    "Why, for the customer to see.",
)];

/// `POST /v1/conversations/{id}/messages`
pub(super) async fn message(mut call: Call) -> Result<Created<Stored>, Problem> {
    let (live, body) = call.command().await?;
    let message = read_message(&body, &call.client.id, call.shared.message_characters)?;
    once(&call.shared, live, Event::Message(message)).await
}

/// `POST /v1/conversations/{id}/authentication-request`
pub(super) async fn request_authentication(mut call: Call) -> Result<Created<Stored>, Problem> {
    let (live, body) = call.command().await?;
    let request = read_authentication_request(&body, &call.client.id)?;
    once(&call.shared, live, Event::RequestAuthentication(request)).await
}

/// `PUT /v1/conversations/{id}/assignment`
pub(super) async fn assign(mut call: Call) -> Result<NoContent, Problem> {
    let (live, body) = call.command().await?;
    let assign = read_assignment(&body)?;
    execute(&call.shared, live, Event::Assign(assign)).await?;
    Ok(NoContent)
}

/// `POST /v1/conversations/{id}/end`
pub(super) async fn end(mut call: Call) -> Result<NoContent, Problem> {
    let (live, body) = call.command().await?;
    let reason = read_reason(&body)?;
    execute(&call.shared, live, Event::End { by: EndedBy::Agent, reason }).await?;
    Ok(NoContent)
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
async fn once(shared: &Shared, live: Arc<Live>, event: Event) -> Result<Created<Stored>, Problem> {
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

/// Where an entry stands; it is durable.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Stored {
    /// Its place in the conversation.
    sequence: u64,
    /// When it was journaled.
    at: Rfc3339,
}

fn stored(sequence: u64, at: Rfc3339) -> Created<Stored> {
    Created(Written::of(&Stored { sequence, at }))
}

fn read_message(body: &Bytes, client: &ClientId, characters_max: usize) -> Result<NewMessage, Problem> {
    let mut members = Members::parse(body, MESSAGE)?;
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
    let name = members.label("name");
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
    let mut members = Members::parse(body, AUTHENTICATION_REQUEST)?;
    let message = members.label("message");
    let Some(id) = read_id(&mut members) else { return Err(members.refused()) };
    members.finish()?;
    Ok(AuthenticationRequest { client: client.clone(), id, message })
}

fn read_assignment(body: &Bytes) -> Result<Assign, Problem> {
    let mut members = Members::parse(body, ASSIGNMENT)?;
    if members.is_empty() {
        members.fault("queue or agent must be there, or both");
    }
    let queue = members.label("queue").map(Into::into);
    let agent = members.label("agent");
    members.finish()?;
    Ok(Assign { queue, agent })
}

fn read_reason(body: &Bytes) -> Result<Option<String>, Problem> {
    let mut members = Members::parse(body, END)?;
    let reason = members.label("reason");
    members.finish()?;
    Ok(reason)
}
