//! When silence ends something: a conversation that everybody has left, or an authentication that nobody uses. And
//! when a conversation that every socket has left is told to be so.

use std::time::Duration;

use crate::domain::time::UnixTime;

use super::Conversation;

/// Without a socket for this long, a conversation is disconnected. Who comes back sooner was never gone.
pub const DISCONNECTED_AFTER: Duration = Duration::from_secs(5);

/// How long silence is borne.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdleAfter {
    /// Without a message or a socket for this long, an open conversation ends; never, where there is none.
    pub end: Option<Duration>,
    /// Without a customer's frame for this long, an authentication ends; never, where there is none.
    pub downgrade: Option<Duration>,
}

/// What is known of a conversation's widgets beyond what is journaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    /// Whether one is there.
    pub is_connected: bool,
    /// When the last one left.
    pub left_at: UnixTime,
    /// When one last sent a frame.
    pub heard_at: UnixTime,
}

impl IdleAfter {
    /// Silence ends nothing.
    pub const NEVER: Self = Self { end: None, downgrade: None };

    /// Whether an open conversation that was last active then has to end.
    #[must_use]
    pub fn ends(&self, now: UnixTime, active_at: UnixTime, presence: &Presence) -> bool {
        !presence.is_connected && is_over(now, active_at.max(presence.left_at), self.end)
    }

    /// Whether an authentication whose customer was last journaled then has to end.
    #[must_use]
    pub fn downgrades(&self, now: UnixTime, heard_at: UnixTime, presence: &Presence) -> bool {
        is_over(now, heard_at.max(presence.heard_at), self.downgrade)
    }

    /// The shortest silence that ends something.
    #[must_use]
    pub fn shortest(&self) -> Option<Duration> {
        self.end.into_iter().chain(self.downgrade).min()
    }

    /// The longest silence that ends something.
    #[must_use]
    pub fn longest(&self) -> Option<Duration> {
        self.end.max(self.downgrade)
    }
}

fn is_over(now: UnixTime, since: UnixTime, after: Option<Duration>) -> bool {
    after.is_some_and(|after| now.since(since) >= after)
}

impl Presence {
    /// Nothing is known.
    pub const UNKNOWN: Self =
        Self { is_connected: false, left_at: UnixTime::EPOCH, heard_at: UnixTime::EPOCH };
}

impl Conversation {
    /// Whether silence has to end it.
    #[must_use]
    pub fn is_abandoned(&self, now: UnixTime, presence: &Presence, after: &IdleAfter) -> bool {
        self.is_open() && after.ends(now, self.active_at, presence)
    }

    /// Whether silence has to end the authentication that stands.
    #[must_use]
    pub fn is_unheard(&self, now: UnixTime, presence: &Presence, after: &IdleAfter) -> bool {
        self.is_open()
            && self.authentication.is_authenticated()
            && after.downgrades(now, self.heard_at, presence)
    }
}
