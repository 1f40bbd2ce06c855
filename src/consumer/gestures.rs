//! What consumers do beside talking: type, read, have the widgets connect anew.

use std::sync::Arc;

use axum::http::StatusCode;

use crate::conversations::{CommandError, Live, Locked};
use crate::domain::conversation::{Author, InvalidTransition, Reader, Role};
use crate::domain::id::Sequence;
use crate::wire::Close;

use super::body::Members;
use super::call::Call;
use super::commands::Failed;
use super::problem::Problem;
use super::{SEQUENCE_MAX, Shared};

enum Gesture {
    Typing(Author),
    Read(Sequence),
    Reconnect,
}

/// `POST /v1/conversations/{id}/typing`
pub(super) async fn typing(mut call: Call) -> Result<StatusCode, Problem> {
    let (live, body) = call.command().await?;
    Members::parse(&body, &[])?.finish()?;
    let author = Author::consumer(call.client.id.clone(), Role::Agent);
    make(&call.shared, live, Gesture::Typing(author)).await?;
    Ok(StatusCode::ACCEPTED)
}

/// `POST /v1/conversations/{id}/read`
pub(super) async fn read(mut call: Call) -> Result<StatusCode, Problem> {
    let (live, body) = call.command().await?;
    let mut members = Members::parse(&body, &["up_to"])?;
    let up_to = members.number("up_to", 1..=SEQUENCE_MAX);
    let Some(up_to) = up_to else { return Err(members.refused()) };
    members.finish()?;
    make(&call.shared, live, Gesture::Read(Sequence::new(up_to))).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/conversations/{id}/reconnect`
pub(super) async fn reconnect(mut call: Call) -> Result<StatusCode, Problem> {
    let (live, body) = call.command().await?;
    Members::parse(&body, &[])?.finish()?;
    make(&call.shared, live, Gesture::Reconnect).await?;
    Ok(StatusCode::NO_CONTENT)
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
