//! What consumers do beside talking: type, read, have the widgets connect anew.

use std::sync::Arc;

use crate::conversations::{CommandError, Live, Locked};
use crate::domain::conversation::{Author, InvalidTransition, Reader, Role};
use crate::domain::id::Sequence;
use crate::wire::Close;

use super::answer::{Accepted, NoContent};
use super::body::Members;
use super::call::Call;
use super::commands::Failed;
use super::member::{Form, Member};
use super::problem::Problem;
use super::{SEQUENCE_MAX, Shared};

/// The members of a body that has none.
pub(super) const NOTHING: &[Member] = &[];
/// The members of a reading.
pub(super) const READ: &[Member] = &[Member::required(
    "up_to",
    Form::Number { least: 1, most: SEQUENCE_MAX },
    "The sequence of the last entry that the agent has read.",
)];

enum Gesture {
    Typing(Author),
    Read(Sequence),
    Reconnect,
}

/// `POST /v1/conversations/{id}/typing`
pub(super) async fn typing(mut call: Call) -> Result<Accepted, Problem> {
    let (live, body) = call.command().await?;
    Members::parse(&body, NOTHING)?.finish()?;
    let author = Author::consumer(call.client.id.clone(), Role::Agent);
    make(&call.shared, live, Gesture::Typing(author)).await?;
    Ok(Accepted)
}

/// `POST /v1/conversations/{id}/read`
pub(super) async fn read(mut call: Call) -> Result<NoContent, Problem> {
    let (live, body) = call.command().await?;
    let mut members = Members::parse(&body, READ)?;
    let up_to = members.number("up_to");
    let Some(up_to) = up_to else { return Err(members.refused()) };
    members.finish()?;
    make(&call.shared, live, Gesture::Read(Sequence::new(up_to))).await?;
    Ok(NoContent)
}

/// `POST /v1/conversations/{id}/reconnect`
pub(super) async fn reconnect(mut call: Call) -> Result<NoContent, Problem> {
    let (live, body) = call.command().await?;
    Members::parse(&body, NOTHING)?.finish()?;
    make(&call.shared, live, Gesture::Reconnect).await?;
    Ok(NoContent)
}

/// Makes a gesture in a conversation that goes on, whether or not the caller waits for it.
async fn make(shared: &Shared, live: Arc<Live>, gesture: Gesture) -> Result<(), Failed> {
    let made = shared.lifecycle.spawn(async move {
        let locked = live.lock().await?;
        let mut locked = locked.ok_or(CommandError::Refused(InvalidTransition::NotStarted))?;
        if !locked.conversation().is_open() {
            return Err(CommandError::Refused(InvalidTransition::ConversationEnded));
        }
        carry_out(&mut locked, gesture).await
    });
    made.await.map_err(|_| Failed::Panicked)?.map_err(Failed::Command)
}

async fn carry_out(locked: &mut Locked<'_>, gesture: Gesture) -> Result<(), CommandError> {
    match gesture {
        Gesture::Typing(author) => locked.typing(&author, None),
        Gesture::Read(up_to) => locked.read(Reader::Agent, up_to).await?,
        Gesture::Reconnect => locked.close_all(Close::Reconnect),
    }
    Ok(())
}
