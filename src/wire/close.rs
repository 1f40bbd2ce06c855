//! Why a widget's socket is closed: one exhaustive table of codes, slugs and what follows them.

use std::borrow::Cow;
use std::time::Duration;

use super::schema::every;

/// Why the gateway closes a socket. 4000–4499 and the standard codes of a passing trouble say: come back and resume;
/// 4500 and above: don't by yourself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Close {
    /// The conversation ended.
    Ended,
    /// The framing was broken (RFC 6455 §7.4.1).
    ProtocolError,
    /// A binary frame came.
    BinaryFrame,
    /// Invalid UTF-8, or not a JSON object.
    NotAnObject,
    /// A frame over `frame_bytes`.
    FrameTooLarge,
    /// A fault of the gateway.
    Internal,
    /// The node stops.
    Draining,
    /// The journal can't store; come back after the wait.
    StorageUnavailable {
        /// How long to wait.
        retry_after: Duration,
    },
    /// No first frame within `first_frame`.
    FirstFrameTimeout,
    /// Two pings went unanswered.
    NoPong,
    /// The outgoing queue was full.
    SlowConsumer,
    /// Ten refusals for the rate within a minute.
    RateLimited {
        /// How long until there is more.
        retry_after: Duration,
    },
    /// The conversation was signed in elsewhere, or an operator asked: resume anew, with a token.
    Reconnect,
    /// The first frame was refused for a passing reason.
    TryAgain {
        /// How long to wait, where known.
        retry_after: Option<Duration>,
    },
    /// The first frame was refused; an `error` came before.
    TokenRefused,
    /// Repeated violations of the protocol.
    Protocol,
    /// A ninth socket joined; this was the oldest.
    TooManySockets,
    /// The customer signed out.
    SignedOut,
}

impl Close {
    /// Every reason, each once; those that tell a wait with none.
    pub const ALL: [Self; 18] = every!(
        Close: Ended, ProtocolError, BinaryFrame, NotAnObject, FrameTooLarge, Internal, Draining,
        StorageUnavailable { retry_after: Duration::ZERO }, FirstFrameTimeout, NoPong, SlowConsumer,
        RateLimited { retry_after: Duration::ZERO }, Reconnect, TryAgain { retry_after: None }, TokenRefused, Protocol,
        TooManySockets, SignedOut
    );

    /// The code of the close frame.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Ended => 1000,
            Self::ProtocolError => 1002,
            Self::BinaryFrame => 1003,
            Self::NotAnObject => 1007,
            Self::FrameTooLarge => 1009,
            Self::Internal => 1011,
            Self::Draining => 1012,
            Self::StorageUnavailable { .. } => 1013,
            Self::FirstFrameTimeout => 4000,
            Self::NoPong => 4001,
            Self::SlowConsumer => 4002,
            Self::RateLimited { .. } => 4003,
            Self::Reconnect => 4004,
            Self::TryAgain { .. } => 4005,
            Self::TokenRefused => 4500,
            Self::Protocol => 4502,
            Self::TooManySockets => 4503,
            Self::SignedOut => 4504,
        }
    }

    /// The slug that stands first in the reason.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::ProtocolError => "protocol_error",
            Self::BinaryFrame => "binary_frame",
            Self::NotAnObject => "not_a_json_object",
            Self::FrameTooLarge => "frame_too_large",
            Self::Internal => "internal",
            Self::Draining => "draining",
            Self::StorageUnavailable { .. } => "storage_unavailable",
            Self::FirstFrameTimeout => "first_frame_timeout",
            Self::NoPong => "no_pong",
            Self::SlowConsumer => "slow_consumer",
            Self::RateLimited { .. } => "rate_limited",
            Self::Reconnect => "reconnect",
            Self::TryAgain { .. } => "try_again",
            Self::TokenRefused => "token_refused",
            Self::Protocol => "protocol",
            Self::TooManySockets => "too_many_sockets",
            Self::SignedOut => "signed_out",
        }
    }

    /// What it means, in a sentence for a widget's author.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ended => "The conversation ended.",
            Self::ProtocolError => "The framing was broken.",
            Self::BinaryFrame => "A binary frame came.",
            Self::NotAnObject => "Invalid UTF-8, or not a JSON object.",
            Self::FrameTooLarge => "A frame over frame_bytes.",
            Self::Internal => "A fault of the gateway; come back, five times at most.",
            Self::Draining => "The node stops.",
            Self::StorageUnavailable { .. } => {
                "Nothing can be stored now; retry_after_ms says when to come back."
            }
            Self::FirstFrameTimeout => "No first frame within 10 s.",
            Self::NoPong => "Two pings went unanswered.",
            Self::SlowConsumer => "The outgoing queue was full; resume replays what was missed.",
            Self::RateLimited { .. } => {
                "Ten refusals for the rate within a minute; retry_after_ms says how long to wait."
            }
            Self::Reconnect => "Resume anew, with a token: signed in elsewhere, or an operator asked.",
            Self::TryAgain { .. } => "The first frame was refused for a passing reason.",
            Self::TokenRefused => "The first frame was refused; an error came before.",
            Self::Protocol => "Repeated violations of the protocol.",
            Self::TooManySockets => "A ninth socket joined; this was the oldest.",
            Self::SignedOut => "The customer signed out.",
        }
    }

    /// Whether a widget comes back by itself.
    #[must_use]
    pub const fn is_passing(self) -> bool {
        matches!(self.code(), 1001 | 1011..=1013 | 4000..=4499)
    }

    /// The reason of the close frame: the slug, then `;key=value` where there is more. Under 123 bytes.
    #[must_use]
    pub fn reason(self) -> Cow<'static, str> {
        match self {
            Self::StorageUnavailable { retry_after }
            | Self::RateLimited { retry_after }
            | Self::TryAgain { retry_after: Some(retry_after) } => {
                format!("{};retry_after_ms={}", self.slug(), retry_after.as_millis()).into()
            }
            _ => self.slug().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_stands_behind_the_slug() {
        let close = Close::StorageUnavailable { retry_after: Duration::from_millis(1500) };
        assert_eq!((close.code(), &*close.reason()), (1013, "storage_unavailable;retry_after_ms=1500"));
        let close = Close::TryAgain { retry_after: None };
        assert_eq!((close.code(), &*close.reason()), (4005, "try_again"));
    }
}
