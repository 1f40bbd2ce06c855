//! A frame that was not served: what the widget is told, and what follows.

use std::time::Duration;

use crate::conversations::{CommandError, random};
use crate::domain::conversation::InvalidTransition;
use crate::domain::token::Refusal;
use crate::wire::{Close, ErrorCode, ErrorFrame, FrameFault};

use super::rates::Reached;

/// How long to wait before asking a journal again that did not answer.
pub(super) const STORAGE_RETRY: Duration = Duration::from_secs(1);

/// Why a frame was not served.
#[derive(Debug)]
pub(super) struct Refused {
    error: Box<ErrorFrame>,
    violation: bool,
    /// The limit, where it was reached.
    reached: Option<Reached>,
}

impl Refused {
    /// The `error` frame.
    pub(super) fn error(&self) -> &ErrorFrame {
        &self.error
    }

    /// Whether it counts among the violations.
    pub(super) const fn is_violation(&self) -> bool {
        self.violation
    }

    /// The limit for whose sake it was refused.
    pub(super) const fn reached(&self) -> Option<Reached> {
        self.reached
    }

    /// A refusal that says nothing against the widget's programming.
    pub(super) fn protocol(code: ErrorCode, message: String, about: &str) -> Self {
        let error = ErrorFrame::protocol(code, message).answering(about, correlation_id());
        Self { error: Box::new(error), violation: false, reached: None }
    }

    /// A violation of the protocol, of which a connection survives nine.
    pub(super) fn violation(code: ErrorCode, message: String, about: &str) -> Self {
        Self { violation: true, ..Self::protocol(code, message, about) }
    }

    pub(super) fn fault(fault: FrameFault) -> Self {
        let (code, message, about) = fault.into_parts();
        Self::violation(code, message, &about)
    }

    pub(super) fn token(refusal: &Refusal, about: &str) -> Self {
        let error = ErrorFrame::refusal(refusal).answering(about, correlation_id());
        Self { error: Box::new(error), violation: false, reached: None }
    }

    /// It came more often than a limit allows.
    pub(super) fn rate_limited(reached: Reached, about: &str) -> Self {
        let message = format!("{} has used up its {}", reached.whose, reached.limit);
        let mut refused = Self::protocol(ErrorCode::RateLimited, message, about);
        refused.error.retry_after_ms = u64::try_from(reached.wait.as_millis()).ok();
        Self { reached: Some(reached), ..refused }
    }

    /// A token is needed, and none came that the conversation takes.
    pub(super) fn authentication_required(about: &str) -> Self {
        let message =
            "this needs a valid token: none came with it, or one from before the last sign-out here";
        Self::protocol(ErrorCode::AuthenticationRequired, message.to_owned(), about)
    }

    /// The token is good, and somebody else's.
    pub(super) fn subject_mismatch(about: &str) -> Self {
        let message = "the token is another customer's than the conversation";
        Self::protocol(ErrorCode::SubjectMismatch, message.to_owned(), about)
    }

    /// What the rules or the journal said to a command.
    pub(super) fn command(error: CommandError, about: &str) -> Self {
        let refusal = match error {
            CommandError::StorageUnavailable => {
                let message = "the journal did not confirm that it is stored".to_owned();
                let mut refused = Self::protocol(ErrorCode::StorageUnavailable, message, about);
                refused.error.retry_after_ms = u64::try_from(STORAGE_RETRY.as_millis()).ok();
                return refused;
            }
            CommandError::Refused(refusal) => refusal,
        };
        let (code, message) = match refusal {
            InvalidTransition::ConversationEnded => {
                (ErrorCode::ConversationEnded, "the conversation has ended")
            }
            InvalidTransition::AuthenticationRequired => {
                (ErrorCode::AuthenticationRequired, "this widget takes that of signed-in customers only")
            }
            InvalidTransition::SubjectMismatch => return Self::subject_mismatch(about),
            InvalidTransition::TokenExpired => return Self::token(&Refusal::expired_meanwhile(), about),
            InvalidTransition::Revoked => return Self::token(&Refusal::revoked(), about),
            InvalidTransition::IdConflict => (ErrorCode::IdConflict, "this id was used for another text"),
            InvalidTransition::PastTheEnd => {
                let message = "sequence lies past the conversation's last entry".to_owned();
                return Self::violation(ErrorCode::BadFrame, message, about);
            }
            InvalidTransition::AlreadyStarted
            | InvalidTransition::NotStarted
            | InvalidTransition::Unchanged
            | InvalidTransition::TooSoon { .. }
            | InvalidTransition::AlreadyStored { .. } => {
                (ErrorCode::Internal, "the gateway asked what makes no sense here")
            }
        };
        Self::protocol(code, message.to_owned(), about)
    }

    /// The close that follows where this refuses a first frame.
    pub(super) fn first_frame_close(&self) -> Close {
        if self.error.temporary {
            Close::TryAgain { retry_after: self.error.retry_after_ms.map(Duration::from_millis) }
        } else {
            Close::TokenRefused
        }
    }
}

/// 64 random bits in hex: stands in the error and in the log line.
pub(super) fn correlation_id() -> String {
    format!("{:016x}", u64::from_be_bytes(random()))
}
