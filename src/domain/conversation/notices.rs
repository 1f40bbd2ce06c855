//! When a widget is told that its customer's authentication is about to end.

use std::time::Duration;

use crate::domain::time::UnixTime;

use super::authentication::{Authenticated, Authentication};

/// The second notice comes this long before the end.
const LAST_NOTICE: Duration = Duration::from_secs(30);
/// The second notice is left out where it would follow the first one sooner than this.
const APART: Duration = Duration::from_secs(5);

/// What one socket has to be told about the end of an authentication, and has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notices {
    /// The instant of the downgrade.
    pub expires_at: UnixTime,
    /// When a fresh token should have been brought: the first notice.
    pub refresh_by: UnixTime,
    last: Option<UnixTime>,
    told: bool,
}

impl Notices {
    /// The notices for what stands; none for nobody.
    #[must_use]
    pub fn of(authentication: &Authentication) -> Option<Self> {
        let Authentication::Authenticated(held) = authentication else { return None };
        let (expires_at, refresh_by) = (held.expires_at, held.refresh_by());
        Some(Self { expires_at, refresh_by, last: last_notice(held), told: false })
    }

    /// When the next notice is due; none after the last.
    #[must_use]
    pub fn next(&self) -> Option<UnixTime> {
        if self.told { self.last } else { Some(self.refresh_by) }
    }

    /// Whether a notice is due, which counts as told from now on. However late it is asked, one is enough: a socket
    /// that joins after both is told once.
    pub fn take_due(&mut self, now: UnixTime) -> bool {
        let is_due = now < self.expires_at && self.next().is_some_and(|at| now >= at);
        if is_due {
            self.told = true;
            self.last = self.last.filter(|at| now < *at);
        }
        is_due
    }
}

fn last_notice(held: &Authenticated) -> Option<UnixTime> {
    let at = held.expires_at.minus(LAST_NOTICE);
    (at >= held.refresh_by().plus(APART)).then_some(at)
}
