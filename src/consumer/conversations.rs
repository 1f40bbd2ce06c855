//! Conversations to look at: the list, one at a glance, and the journal of one.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::config::AllowedTenants;
use crate::conversations::CommandError;
use crate::domain::conversation::{Event, InvalidTransition};
use crate::domain::id::Sequence;
use crate::journal::projection::{Cursor, Filter, Summary};
use crate::wire::write_event;

use super::call::Call;
use super::problem::Problem;
use super::{SEQUENCE_MAX, summary};

/// `GET /v1/conversations`
pub(super) async fn list(call: Call) -> Result<Response, Problem> {
    let tenant = call.tenant()?;
    let Call { shared, client, query, .. } = call;
    query.only(&["tenant", "status", "authenticated", "queue", "subject", "limit", "cursor"])?;
    let limit = query.limit()?;
    let cursor = query.get("cursor").map(str::parse::<Cursor>).transpose().map_err(|_| bad_cursor())?;
    let now = shared.clock.now();
    let filter = Filter {
        allowed: match &client.tenants {
            AllowedTenants::Any => None,
            AllowedTenants::Listed(listed) => Some(listed.iter().cloned().collect()),
        },
        tenant,
        open: query.either("status", "open", "ended")?,
        authenticated: query.either("authenticated", "true", "false")?,
        as_of: Some(now),
        queue: query.get("queue").map(str::to_owned),
        subject: query.get("subject").map(str::to_owned),
    };
    shared.projection.nearly_caught_up(shared.journal.latest()).await;
    let (rows, next) = shared.projection.list(filter, limit, cursor).await?;
    let connected = |row: &Summary| shared.conversations.shows_connected(row.place.id, row.connected);
    let items = rows.iter().map(|row| summary::of_row(row, connected(row), now));
    Ok(page(items, next.map(|cursor| cursor.to_string())))
}

/// `GET /v1/conversations/{id}`
pub(super) async fn summary(mut call: Call) -> Result<Response, Problem> {
    let live = call.conversation().await?;
    call.query.none()?;
    let clock = call.shared.clock;
    // Run to its end whether or not the caller waits, as every command is.
    let reading = call.shared.lifecycle.spawn(async move {
        let gone = CommandError::Refused(InvalidTransition::NotStarted);
        let mut locked = live.lock().await?.ok_or(gone)?;
        // A downgrade that is due is stored before anybody sees the conversation.
        locked.execute(&Event::Deadline, None).await?;
        Ok::<_, CommandError>(summary::of_conversation(
            locked.conversation(),
            locked.shows_connected(),
            clock.now(),
        ))
    });
    let body = reading.await.map_err(|_| Problem::internal("a summary panicked"))??;
    Ok(json(body))
}

/// `GET /v1/conversations/{id}/events`
pub(super) async fn journal(call: Call) -> Result<Response, Problem> {
    let id = call.conversation_id()?;
    let Call { shared, client, query, .. } = call;
    let tail = shared.journal.read_last(id, 1).await?;
    let tail = tail.filter(|tail| client.tenants.admit(&tail.place.tenant));
    let end = tail.ok_or_else(Problem::unknown_conversation)?.head.sequence();
    query.only(&["after", "limit", "cursor"])?;
    let limit = query.limit()?;
    let after = query.number("after", 0..=SEQUENCE_MAX)?.map(Sequence::new);
    let cursor = query.get("cursor").map(|text| read_cursor(text).ok_or_else(bad_cursor)).transpose()?;
    if after.is_some() && cursor.is_some() {
        return Err(Problem::invalid(
            "Give after or cursor, not both: a cursor goes on where its page ended.",
        ));
    }
    let after = cursor.or(after).unwrap_or(Sequence::START);
    let events = shared.journal.history(id, after, limit).await?;
    let last = events.last().map(|last| last.entry.sequence);
    let next = last.filter(|last| *last < end).map(write_cursor);
    let items = events.iter().map(|one| write_event(&one.place, &one.position.to_string(), &one.entry));
    Ok(page(items, next))
}

pub(super) fn bad_cursor() -> Problem {
    Problem::invalid(
        "The cursor is not one of this list: give that of the last page, unchanged, or none to begin anew.",
    )
}

fn write_cursor(after: Sequence) -> String {
    URL_SAFE_NO_PAD.encode(after.get().to_be_bytes())
}

fn read_cursor(text: &str) -> Option<Sequence> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let number = u64::from_be_bytes(bytes.try_into().ok()?);
    (number <= SEQUENCE_MAX).then_some(Sequence::new(number))
}

/// A list's page of items that are JSON already.
pub(super) fn page(items: impl Iterator<Item = String>, cursor: Option<String>) -> Response {
    let mut body = String::from("{\"items\":[");
    for (at, item) in items.enumerate() {
        if at > 0 {
            body.push(',');
        }
        body.push_str(&item);
    }
    body.push(']');
    if let Some(cursor) = cursor {
        // In the alphabet of base64url: nothing to escape.
        body.push_str(",\"cursor\":\"");
        body.push_str(&cursor);
        body.push('"');
    }
    body.push('}');
    json(body)
}

/// A body that is JSON already.
pub(super) fn json(body: String) -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
