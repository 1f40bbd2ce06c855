//! Everything that the consumer API refuses or fails at, as `application/problem+json` (RFC 9457).

use std::borrow::Cow;
use std::error::Error as _;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::conversations::{CommandError, random};
use crate::domain::conversation::InvalidTransition;
use crate::journal::{JournalError, PositionRefused};
use crate::wire::every;

use super::keys::ErrorView;

/// Seconds until it is worth trying again: a journal that can't be written is probed twice a second.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// What is wrong, by kind. The one table from failures to answers is [`Code::row`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Code {
    InvalidRequest,
    BadPosition,
    Unauthorized,
    InsufficientScope,
    TenantForbidden,
    NotFound,
    UnknownConversation,
    UnknownRevocation,
    MethodNotAllowed,
    RequestTimeout,
    IdConflict,
    ConversationEnded,
    TooManyRevocations,
    NoKeyEndpoint,
    KeyFetchFailed,
    PositionGone,
    BodyTooLarge,
    UnsupportedMediaType,
    RateLimited,
    Internal,
    StorageUnavailable,
}

impl Code {
    /// Every code, each once.
    pub(super) const ALL: &[Self] = &every!(
        Code: InvalidRequest, BadPosition, Unauthorized, InsufficientScope, TenantForbidden, NotFound,
        UnknownConversation, UnknownRevocation, MethodNotAllowed, RequestTimeout, IdConflict, ConversationEnded,
        TooManyRevocations, NoKeyEndpoint, KeyFetchFailed, PositionGone, BodyTooLarge, UnsupportedMediaType,
        RateLimited, Internal, StorageUnavailable
    );

    /// The status and the `code` of each.
    pub(super) const fn row(self) -> (StatusCode, &'static str) {
        match self {
            Self::InvalidRequest => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::BadPosition => (StatusCode::BAD_REQUEST, "bad_position"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::InsufficientScope => (StatusCode::FORBIDDEN, "insufficient_scope"),
            Self::TenantForbidden => (StatusCode::FORBIDDEN, "tenant_forbidden"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::UnknownConversation => (StatusCode::NOT_FOUND, "unknown_conversation"),
            Self::UnknownRevocation => (StatusCode::NOT_FOUND, "unknown_revocation"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::RequestTimeout => (StatusCode::REQUEST_TIMEOUT, "request_timeout"),
            Self::IdConflict => (StatusCode::CONFLICT, "id_conflict"),
            Self::ConversationEnded => (StatusCode::CONFLICT, "conversation_ended"),
            Self::TooManyRevocations => (StatusCode::CONFLICT, "too_many_revocations"),
            Self::NoKeyEndpoint => (StatusCode::NOT_FOUND, "no_key_endpoint"),
            Self::KeyFetchFailed => (StatusCode::BAD_GATEWAY, "key_fetch_failed"),
            Self::PositionGone => (StatusCode::GONE, "position_gone"),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            Self::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
            Self::StorageUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable"),
        }
    }

    /// Whether the very same request may succeed later.
    pub(super) const fn is_temporary(self) -> bool {
        matches!(
            self,
            Self::RequestTimeout | Self::RateLimited | Self::KeyFetchFailed | Self::StorageUnavailable
        )
    }
}

/// A refusal or a failure, ready to be answered.
#[derive(Debug)]
pub(super) struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    code: Code,
    detail: Cow<'static, str>,
    oldest: Option<String>,
    last_error: Option<serde_json::Value>,
    header: Option<(HeaderName, HeaderValue)>,
    cause: Option<String>,
}

/// What is answered (RFC 9457).
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(super) struct Body<'a> {
    /// The status in words.
    title: &'a str,
    status: u16,
    /// What is wrong with this very request, and what to do about it.
    detail: &'a str,
    /// What is wrong, by kind: what a program tells cases apart by.
    code: &'a str,
    /// Whether the very same request may succeed later.
    temporary: bool,
    /// With `position_gone`: the oldest position that is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest: Option<&'a str>,
    /// With `key_fetch_failed`: why the last fetch failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ErrorView<'static>>")]
    last_error: Option<&'a serde_json::Value>,
    /// Stands in the gateway's log too: give it to the operator.
    correlation_id: &'a str,
}

impl Problem {
    /// A problem; `detail` says what is wrong with this very request and what to do about it.
    pub(super) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        let header = code.is_temporary().then_some((header::RETRY_AFTER, RETRY_AFTER_SECONDS));
        Self(Box::new(Parts {
            code,
            detail: detail.into(),
            oldest: None,
            last_error: None,
            header,
            cause: None,
        }))
    }

    /// The same, answered with a header.
    pub(super) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }

    /// What is wrong, by kind.
    pub(super) fn code(&self) -> Code {
        self.0.code
    }

    /// The same, saying how the last fetch of keys failed.
    pub(super) fn with_last_error(mut self, error: serde_json::Value) -> Self {
        self.0.last_error = Some(error);
        self
    }

    pub(super) fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidRequest, detail)
    }

    /// There is none, or it is another tenant's: nobody can tell which.
    pub(super) fn unknown_conversation() -> Self {
        Self::new(
            Code::UnknownConversation,
            "There is no such conversation for this client: give an id from an event or a list, unchanged.",
        )
    }

    /// A fault of usher; `cause` goes to the log alone.
    pub(super) fn internal(cause: impl Into<String>) -> Self {
        let detail =
            "Something went wrong in usher: give the operator the correlation_id, which the log has too.";
        let mut problem = Self::new(Code::Internal, detail);
        problem.0.cause = Some(cause.into());
        problem
    }

    fn storage_unavailable(cause: impl Into<String>) -> Self {
        let detail = "The journal does not answer, and nothing is known to be stored: send the very same request \
                      again after the wait, which is safe.";
        let mut problem = Self::new(Code::StorageUnavailable, detail);
        problem.0.cause = Some(cause.into());
        problem
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::StorageUnavailable => Self::storage_unavailable(error.to_string()),
            CommandError::Refused(InvalidTransition::NotStarted) => Self::unknown_conversation(),
            CommandError::Refused(InvalidTransition::ConversationEnded) => Self::new(
                Code::ConversationEnded,
                "The conversation has ended and takes nothing more: the customer's next one has an id of its own.",
            ),
            CommandError::Refused(InvalidTransition::PastTheEnd) => {
                Self::invalid("The body is not as it must be: up_to lies past the conversation's last entry.")
            }
            CommandError::Refused(InvalidTransition::IdConflict) => Self::new(
                Code::IdConflict,
                "This client has used the id in this conversation with other content: give everything an id of \
                 its own, and repeat one only unchanged.",
            ),
            CommandError::Refused(other) => {
                Self::internal(format!("no consumer's command leads to {other:?}"))
            }
        }
    }
}

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        match &error {
            JournalError::Unavailable(_) => {
                Self::storage_unavailable(error.source().map_or_else(String::new, ToString::to_string))
            }
            JournalError::Closed => Self::storage_unavailable(error.to_string()),
            // Its source may quote what customers said.
            JournalError::Unreadable { .. } | JournalError::Lagged => Self::internal(error.to_string()),
        }
    }
}

impl From<PositionRefused> for Problem {
    fn from(refused: PositionRefused) -> Self {
        match refused {
            PositionRefused::Bad => Self::new(
                Code::BadPosition,
                "This was never a position of this journal: give one that an event had, unchanged, or none to begin \
                 at the oldest.",
            ),
            PositionRefused::Gone { oldest } => {
                let detail = "What follows this position is no longer kept here: begin at the oldest position kept, \
                              and expect a gap.";
                let mut problem = Self::new(Code::PositionGone, detail);
                problem.0.oldest = Some(oldest.to_string());
                problem
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Parts { code, detail, oldest, last_error, header, cause } = *self.0;
        let (status, name) = code.row();
        let correlation_id = format!("{:016x}", u64::from_be_bytes(random()));
        if status.is_server_error() {
            tracing::error!(correlation_id, code = name, cause, "a consumer's request failed");
        } else {
            tracing::info!(correlation_id, code = name, "a consumer's request was refused");
        }
        let body = Body {
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: &detail,
            code: name,
            temporary: code.is_temporary(),
            oldest: oldest.as_deref(),
            last_error: last_error.as_ref(),
            correlation_id: &correlation_id,
        };
        let body = serde_json::to_string(&body).expect("a problem has string keys");
        let mut response =
            (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some((name, value)) = header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
