//! `GET /v1/events`: every event that the client may see, from its place on, and then as they happen.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use futures_util::stream;

use crate::journal::Position;
use crate::wire::{EVENT_TYPES, TYPING_TYPE};

use super::Shared;
use super::answer::Stream;
use super::call::Call;
use super::member::{Form, Member, TENANT};
use super::problem::Problem;
use super::query::{Query, quoted};
use super::reader::{Filter, Format, Reader};

/// What a reader sends again after its connection broke (WHATWG HTML §9.2.4).
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Proxies of the nginx kind hold back what they may buffer.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What the stream is asked by.
pub(super) const STREAM: &[Member] = &[
    Member::optional(
        "after",
        Form::Any,
        "The position to go on from, as an event had it; latest: from now on. Without, and without Last-Event-ID: \
         from the oldest kept.",
    ),
    TENANT,
    Member::optional("types", Form::Types, "Only events of these types: full names, separated by commas."),
];
/// What the stream is asked by in the head.
pub(super) const STREAM_HEADERS: &[Member] =
    &[Member::optional("Last-Event-ID", Form::Any, "The position to go on from, which wins over after.")];

/// Where a reader begins.
struct Beginning {
    position: Position,
    /// Whether the reader can't know this place yet, so that it is told at once.
    is_news: bool,
}

/// `GET /v1/events`
pub(super) async fn stream(call: Call) -> Result<Stream, Problem> {
    let filter = filter(&call)?;
    let Call { shared, caller, headers, query, .. } = call;
    let Beginning { position, is_news } = beginning(&shared, &headers, &query).await?;
    let format = format(&headers);
    let reader = Reader::new(&shared, caller.lease(), (filter, format), position, is_news);
    let chunks = stream::unfold(reader, async |mut reader| {
        let chunk = reader.next().await?;
        Some((chunk, reader))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(format.media_type())),
        (ACCEL_BUFFERING, HeaderValue::from_static("no")),
    ];
    Ok(Stream((StatusCode::OK, headers, Body::from_stream(chunks)).into_response()))
}

fn filter(call: &Call) -> Result<Filter, Problem> {
    let tenant = call.tenant()?;
    call.query.only(STREAM)?;
    let types = call.query.get("types").map(types).transpose()?;
    Ok(Filter { allowed: call.client.tenants.clone(), tenant, types })
}

fn types(list: &str) -> Result<BTreeSet<&'static str>, Problem> {
    let known = || EVENT_TYPES.into_iter().chain([TYPING_TYPE]);
    list.split(',')
        .map(|name| {
            known().find(|known| *known == name).ok_or_else(|| {
                let names = known().collect::<Vec<_>>().join(", ");
                let detail =
                    format!("{} is no event's type; types takes full names of these: {names}.", quoted(name));
                Problem::invalid(detail)
            })
        })
        .collect()
}

async fn beginning(shared: &Shared, headers: &HeaderMap, query: &Query) -> Result<Beginning, Problem> {
    // A reader that has seen nothing yet may send it empty.
    let last = headers.get(&LAST_EVENT_ID).filter(|last| !last.is_empty());
    let known = |position| Beginning { position, is_news: false };
    let text = match (last, query.get("after")) {
        // What isn't text is no position either.
        (Some(last), _) => last.to_str().unwrap_or_default(),
        (None, Some("latest")) => return Ok(Beginning { position: shared.journal.latest(), is_news: true }),
        (None, Some(after)) => after,
        (None, None) => return Ok(known(shared.journal.oldest().await?)),
    };
    Ok(known(shared.journal.locate(text).await??))
}

/// `text/event-stream` unless `Accept` asks for the other one first.
fn format(headers: &HeaderMap) -> Format {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .find_map(|range| Format::named(range.split(';').next().unwrap_or_default().trim()))
        .unwrap_or(Format::EventStream)
}
