//! What an operator sees of the endpoints and does about them: two routes of the operations listener.
//!
//! A replay has to be asked for with `Content-Type: application/json`, which no form of a web page can send and no
//! script of another origin may: a page in an operator's browser releases nothing.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::id::{ConversationId, WebhookId};
use crate::domain::time::UnixTime;
use crate::journal::{Item, JournalError, Written};

use super::kept::{Held, conversation_of, decode, encode, held_key, held_prefix};
use super::pass::PAGE;
use super::{Shared, Webhooks};

/// Parked conversations that are listed of one endpoint; the oldest first.
const LISTED_MAX: usize = 100;
/// A request's body, in bytes.
const BODY_BYTES_MAX: usize = 4096;

/// `GET /webhooks` and `POST /webhooks/{id}/replay`.
pub fn routes(webhooks: Webhooks) -> Router {
    Router::new()
        .route("/webhooks", get(list))
        .route("/webhooks/{id}/replay", post(replay))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(webhooks)
}

/// What is to be replayed: one of the two.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Wanted {
    conversation: Option<String>,
    all: bool,
}

async fn list(State(webhooks): State<Webhooks>) -> Response {
    let mut items = Vec::new();
    for shared in webhooks.0.values() {
        match shared.listed().await {
            Ok(listed) => items.push(listed),
            Err(error) => return unreadable(&error),
        }
    }
    axum::Json(json!({ "items": items })).into_response()
}

async fn replay(
    State(webhooks): State<Webhooks>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if media_type != Some("application/json") {
        let message = "send the request as Content-Type: application/json";
        return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
    }
    let Some(shared) = id.parse::<WebhookId>().ok().and_then(|id| webhooks.0.get(&id)) else {
        return refused(
            StatusCode::NOT_FOUND,
            "there is no such endpoint; `usher webhook list` has them all",
        );
    };
    let wanted = serde_json::from_slice(&body).ok();
    let released = match wanted {
        Some(Wanted { conversation: None, all: true }) => shared.release_all().await,
        Some(Wanted { conversation: Some(id), all: false }) => match id.parse() {
            Ok(conversation) => shared.release_one(conversation).await,
            Err(_) => return refused(StatusCode::BAD_REQUEST, "that is no conversation's id"),
        },
        _ => {
            let message = "send {\"conversation\": ID} or {\"all\": true}";
            return refused(StatusCode::BAD_REQUEST, message);
        }
    };
    match released {
        Ok(0) if !wanted_all(&body) => {
            refused(StatusCode::NOT_FOUND, "that conversation is not parked for this endpoint")
        }
        Ok(count) => axum::Json(json!({ "replayed": count })).into_response(),
        Err(error) => unreadable(&error),
    }
}

fn wanted_all(body: &[u8]) -> bool {
    serde_json::from_slice(body).is_ok_and(|wanted: Wanted| wanted.all)
}

fn refused(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(json!({ "message": message }))).into_response()
}

fn unreadable(error: &JournalError) -> Response {
    tracing::warn!(%error, "what is kept of endpoints can't be read");
    refused(StatusCode::SERVICE_UNAVAILABLE, "the journal can't be read or written; the log has the cause")
}

impl Shared {
    async fn listed(&self) -> Result<Value, JournalError> {
        let standing = self.standing.borrow().clone();
        let mut parked = Vec::new();
        let mut after = None;
        while parked.len() < LISTED_MAX {
            let page = self.page(after.as_deref()).await?;
            parked.extend(page.iter().filter_map(shown));
            if page.len() < PAGE {
                break;
            }
            after = page.last().map(|item| item.key.clone());
        }
        parked.truncate(LISTED_MAX);
        Ok(json!({
            "id": self.webhook.id.as_str(),
            // The rest of a URL may be as secret as a password.
            "url": self.webhook.url.origin().ascii_serialization(),
            "position": standing.position,
            "parked": standing.parked,
            "retrying": standing.retrying,
            "lag_seconds": standing.lag.as_secs_f64(),
            "parked_conversations": parked,
        }))
    }

    async fn page(&self, after: Option<&str>) -> Result<Vec<Item>, JournalError> {
        self.journal.list(&held_prefix(&self.webhook.id), after, PAGE).await
    }

    /// Lets everything that is parked be delivered again; how many conversations.
    async fn release_all(&self) -> Result<u64, JournalError> {
        let (mut after, mut released) = (None, 0);
        loop {
            let page = self.page(after.as_deref()).await?;
            for item in &page {
                released += u64::from(self.release(item).await?);
            }
            self.wake.notify_one();
            if page.len() < PAGE {
                return Ok(released);
            }
            after = page.last().map(|item| item.key.clone());
        }
    }

    async fn release_one(&self, conversation: ConversationId) -> Result<u64, JournalError> {
        let item = self.journal.get(&held_key(&self.webhook.id, conversation)).await?;
        let released = match item {
            Some(item) => self.release(&item).await?,
            None => false,
        };
        self.wake.notify_one();
        Ok(released.into())
    }

    /// What is parked becomes what is only held, with all of `retry_for` before it; whether it was parked.
    async fn release(&self, item: &Item) -> Result<bool, JournalError> {
        let Some(held) = decode::<Held>(&item.value).filter(Held::is_parked) else { return Ok(false) };
        let released = Held { tried_at: None, parked_at: None, ..held };
        match self.journal.put(&item.key, encode(&released), item.revision).await {
            Written::Stored(_) => Ok(true),
            // Somebody else released it.
            Written::Conflict => Ok(false),
            Written::Unknown => Err(JournalError::Closed),
        }
    }
}

fn shown(item: &Item) -> Option<Value> {
    let held = decode::<Held>(&item.value).filter(Held::is_parked)?;
    let parked_at = held.parked_at.map(|at| UnixTime::from_millis(at).to_string());
    Some(json!({
        "conversation": conversation_of(&item.key)?.to_string(),
        "sequence": held.next,
        "parked_at": parked_at,
        "failure": held.failure,
    }))
}
