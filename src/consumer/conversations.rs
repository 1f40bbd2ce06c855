//! Conversations to look at: the list, one at a glance, and the journal of one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::config::AllowedTenants;
use crate::conversations::CommandError;
use crate::domain::conversation::{Event, InvalidTransition};
use crate::domain::id::Sequence;
use crate::journal::projection::{Cursor, Filter, Summary};
use crate::wire::write_event;

use super::answer::{AnyEvent, Page, Shown, Written};
use super::call::Call;
use super::member::{CURSOR, Form, LIMIT, Member, TENANT};
use super::problem::Problem;
use super::summary::SummaryView;
use super::{SEQUENCE_MAX, summary};

/// What the list is asked by.
pub(super) const LIST: &[Member] = &[
    TENANT,
    Member::optional("status", Form::Word(&["open", "ended"]), "Only those that are."),
    Member::optional("authenticated", Form::Word(&["true", "false"]), "Only those that are, or are not."),
    Member::optional("queue", Form::Any, "Only those of this queue."),
    Member::optional("subject", Form::Any, "Only those of this customer, by a token's sub, signed in now."),
    LIMIT,
    CURSOR,
];
/// What a conversation's journal is asked by.
pub(super) const JOURNAL: &[Member] = &[
    Member::optional(
        "after",
        Form::Number { least: 0, most: SEQUENCE_MAX },
        "Only entries past this sequence; all where it isn't given. Not with cursor.",
    ),
    LIMIT,
    CURSOR,
];

/// `GET /v1/conversations`
pub(super) async fn list(call: Call) -> Result<Page<SummaryView<'static>>, Problem> {
    let tenant = call.tenant()?;
    let Call { shared, client, query, .. } = call;
    query.only(LIST)?;
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
    Ok(Page::of(items, next.map(|cursor| cursor.to_string())))
}

/// `GET /v1/conversations/{id}`
pub(super) async fn summary(mut call: Call) -> Result<Shown<SummaryView<'static>>, Problem> {
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
    Ok(Shown(body))
}

/// `GET /v1/conversations/{id}/events`
pub(super) async fn journal(call: Call) -> Result<Page<AnyEvent>, Problem> {
    let id = call.conversation_id()?;
    let Call { shared, client, query, .. } = call;
    let tail = shared.journal.read_last(id, 1).await?;
    let tail = tail.filter(|tail| client.tenants.admit(&tail.place.tenant));
    let end = tail.ok_or_else(Problem::unknown_conversation)?.head.sequence();
    query.only(JOURNAL)?;
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
    let items = events
        .iter()
        .map(|one| Written::<AnyEvent>::raw(write_event(&one.place, &one.position.to_string(), &one.entry)));
    Ok(Page::of(items, next))
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
