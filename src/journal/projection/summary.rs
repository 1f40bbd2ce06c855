//! What the projection tells of a conversation, and how it is asked.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::context::Variables;
use crate::domain::conversation::{Assignment, Authentication, AuthenticationChange, Ended, Place};
use crate::domain::id::{ConversationId, Sequence, TenantId};
use crate::domain::time::UnixTime;
use crate::domain::token::Identity;

/// A conversation as its entries have made it, but for its messages.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Where it belongs.
    pub place: Place,
    /// How it ended, where it has.
    pub ended: Option<Ended>,
    /// The state of authentication after the last entry.
    pub authentication: Authentication,
    /// What changed that last, and when.
    pub changed: Option<(AuthenticationChange, UnixTime)>,
    /// Whose it is: the identity it was first authenticated as, for good.
    pub identity: Option<Identity>,
    /// All variables.
    pub variables: Variables,
    /// Queue and agent.
    pub assignment: Assignment,
    /// Whether it goes on and a socket is there, as far as the journal tells.
    pub connected: bool,
    /// The last entry's sequence.
    pub sequence: Sequence,
    /// When it began.
    pub started_at: UnixTime,
    /// When its last entry was journaled.
    pub updated_at: UnixTime,
    /// When it ended.
    pub ended_at: Option<UnixTime>,
}

/// Which conversations to list. What is absent restricts nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only of these tenants, as the caller's rights are.
    pub allowed: Option<Vec<TenantId>>,
    /// Only of this tenant.
    pub tenant: Option<TenantId>,
    /// Only open ones, or only ended ones.
    pub open: Option<bool>,
    /// Only authenticated ones, or only anonymous ones.
    pub authenticated: Option<bool>,
    /// With `authenticated`: an open conversation whose authentication ends at this instant or before is anonymous,
    /// be its downgrade stored yet or not.
    pub as_of: Option<UnixTime>,
    /// Only in this queue.
    pub queue: Option<String>,
    /// Only of this subject, whether the authentication still stands or not.
    pub subject: Option<String>,
}

/// Where a list goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(pub(super) ConversationId);

/// Text that never was a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such cursor: give the one of the last page, unchanged")]
pub struct BadCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0.as_bytes()))
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadCursor)?;
        bytes.try_into().map(|bytes| Self(ConversationId::from_bytes(bytes))).map_err(|_| BadCursor)
    }
}

/// How many conversations are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenCounts {
    /// Authenticated ones.
    pub authenticated: u64,
    /// Anonymous ones.
    pub anonymous: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let cursor = Cursor(ConversationId::from_bytes([7; 16]));
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for rubbish in ["", "a", "====", &URL_SAFE_NO_PAD.encode([0; 15]), &URL_SAFE_NO_PAD.encode([0; 17])] {
            assert_eq!(rubbish.parse::<Cursor>(), Err(BadCursor), "{rubbish:?} was taken");
        }
    }
}
