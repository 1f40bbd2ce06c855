//! The `error` frame: what is wrong with this very input, and what to do about it.

use std::borrow::Cow;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::token::Refusal;

use super::schema::{self, every};

/// What the protocol itself can refuse; the reasons of a token come from [`Refusal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// A field is missing, of the wrong type, given twice or out of range.
    BadFrame,
    /// The `type` is unknown.
    UnsupportedFrame,
    /// `start` or `resume` must come first, or came already.
    OutOfOrder,
    /// A valid token is needed.
    AuthenticationRequired,
    /// The widget takes no tokens.
    NotEnabled,
    /// The token is another identity's.
    SubjectMismatch,
    /// No such conversation here, or the wrong `resume_token`.
    UnknownConversation,
    /// It has ended.
    ConversationEnded,
    /// The text is too long.
    MessageTooLong,
    /// The same `id` with another text.
    IdConflict,
    /// More often than a limit allows.
    RateLimited,
    /// Not known to be stored.
    StorageUnavailable,
    /// A fault of the gateway.
    Internal,
}

impl ErrorCode {
    /// Every code, each once.
    pub const ALL: [Self; 13] = every!(
        ErrorCode: BadFrame, UnsupportedFrame, OutOfOrder, AuthenticationRequired, NotEnabled, SubjectMismatch,
        UnknownConversation, ConversationEnded, MessageTooLong, IdConflict, RateLimited, StorageUnavailable, Internal
    );

    /// The code as the protocol writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadFrame => "bad_frame",
            Self::UnsupportedFrame => "unsupported_frame",
            Self::OutOfOrder => "out_of_order",
            Self::AuthenticationRequired => "authentication_required",
            Self::NotEnabled => "not_enabled",
            Self::SubjectMismatch => "subject_mismatch",
            Self::UnknownConversation => "unknown_conversation",
            Self::ConversationEnded => "conversation_ended",
            Self::MessageTooLong => "message_too_long",
            Self::IdConflict => "id_conflict",
            Self::RateLimited => "rate_limited",
            Self::StorageUnavailable => "storage_unavailable",
            Self::Internal => "internal",
        }
    }

    /// Whether the very same frame may succeed later.
    #[must_use]
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::RateLimited | Self::StorageUnavailable | Self::Internal)
    }

    /// What to do about it, unless the case at hand knows better.
    #[must_use]
    pub const fn action(self) -> &'static str {
        match self {
            Self::BadFrame => "Correct the frame; the protocol page lists each type's fields.",
            Self::UnsupportedFrame => "Send only the types that usher.v1 lists for widgets.",
            Self::OutOfOrder => "Send start or resume once, as the first frame of the connection.",
            Self::AuthenticationRequired => {
                "Get a fresh token from the page's token provider and present it."
            }
            Self::NotEnabled => {
                "Leave the token out, or have the operator set the widget's authentication to optional or required."
            }
            Self::SubjectMismatch => "Begin a new conversation for this customer.",
            Self::UnknownConversation | Self::ConversationEnded => "Begin a new conversation with start.",
            Self::MessageTooLong => "Shorten the text, or send it as several messages.",
            Self::IdConflict => "Give every message an id of its own.",
            Self::RateLimited => {
                "Send it again after the wait, and less often; ten such refusals within a minute close the connection."
            }
            Self::StorageUnavailable => "Send it again with the same id after the wait; that is safe.",
            Self::Internal => "Try again; if it stays, give the operator the correlation_id.",
        }
    }
}

/// The `error` frame's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct ErrorFrame {
    /// The code.
    #[schemars(schema_with = "schema::error_code")]
    pub code: &'static str,
    /// What is wrong, in one sentence; never a secret.
    pub message: String,
    /// What to do about it.
    pub action: Cow<'static, str>,
    /// Whether the same may succeed later.
    pub temporary: bool,
    /// How long to wait, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Stands in the gateway's log line too.
    pub correlation_id: String,
    /// The message's `id`, else the frame's `type`.
    pub in_reply_to: String,
}

impl ErrorFrame {
    /// A refusal by the protocol.
    #[must_use]
    pub fn protocol(code: ErrorCode, message: String) -> Self {
        Self {
            code: code.as_str(),
            message,
            action: code.action().into(),
            temporary: code.is_temporary(),
            retry_after_ms: None,
            correlation_id: String::new(),
            in_reply_to: String::new(),
        }
    }

    /// A refusal of a token.
    #[must_use]
    pub fn refusal(refusal: &Refusal) -> Self {
        Self {
            code: refusal.reason.code(),
            message: refusal.message.clone().into_owned(),
            action: refusal.action.clone(),
            temporary: refusal.temporary,
            retry_after_ms: refusal.retry_after.map(millis),
            correlation_id: String::new(),
            in_reply_to: String::new(),
        }
    }

    /// Names what it answers and where the log tells more.
    #[must_use]
    pub fn answering(mut self, in_reply_to: &str, correlation_id: String) -> Self {
        in_reply_to.clone_into(&mut self.in_reply_to);
        self.correlation_id = correlation_id;
        self
    }
}

fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}
