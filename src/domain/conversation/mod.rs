//! What happens now? A conversation's rules as two functions: [`Conversation::decide`] says what an event leads to
//! and changes nothing; [`Conversation::apply`] takes an entry that is stored, and cannot refuse.
//!
//! The order is always: decide, store, apply, tell. Replay is `apply` from the start, so that a conversation lived
//! through and one read back from the journal can't differ. The caller owns the timers: it asks
//! [`Conversation::next_deadline`] and sends [`Event::Deadline`] then.

mod access;
mod authentication;
mod decide;
mod entry;
mod event;
mod message;
mod place;
mod recorded;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::context::{Source, Variables};
use crate::domain::id::Sequence;
use crate::domain::time::UnixTime;
use crate::domain::token::Identity;

pub use access::{Admission, Credential, NotAdmitted};
pub use authentication::{Authenticated, Authentication, DowngradeReason};
pub use entry::{
    Assignment, Author, Downgraded, Ended, EndedBy, Entry, Fact, Message, Role, SignInReason, SignedIn,
    Started,
};
pub use event::{Assign, Event, InvalidTransition, NewMessage, Start};
pub use message::{MESSAGE_ID_CHARACTERS_MAX, MessageId, MessageText, TextRefused};
pub use place::Place;
use recorded::Recorded;

/// One conversation as its entries have made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversation {
    place: Place,
    status: Status,
    sequence: Sequence,
    started_at: UnixTime,
    last_at: UnixTime,
    authentication: Authentication,
    changed: Option<(AuthenticationChange, UnixTime)>,
    identity: Option<Identity>,
    generation: u32,
    variables: Variables,
    signed_names: BTreeSet<String>,
    assignment: Assignment,
    recorded: Recorded,
}

/// Whether a conversation goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Its first entry is not stored yet.
    Unborn,
    /// It goes on.
    Open,
    /// It is over.
    Ended(Ended),
}

/// What changed the state of authentication last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthenticationChange {
    /// A token.
    SignIn(SignInReason),
    /// An end.
    Downgrade(DowngradeReason),
}

impl Conversation {
    /// A conversation before its first entry.
    #[must_use]
    pub fn unborn(place: Place) -> Self {
        Self {
            place,
            status: Status::Unborn,
            sequence: Sequence::START,
            started_at: UnixTime::EPOCH,
            last_at: UnixTime::EPOCH,
            authentication: Authentication::Anonymous,
            changed: None,
            identity: None,
            generation: 0,
            variables: Variables::new(),
            signed_names: BTreeSet::new(),
            assignment: Assignment { queue: Arc::from(""), agent: None },
            recorded: Recorded::default(),
        }
    }

    /// Takes the next stored entry.
    ///
    /// # Panics
    /// Where `entry` is not the next one: a gap means that the journal was misread, and going on would be worse.
    pub fn apply(&mut self, entry: &Entry) {
        assert_eq!(entry.sequence, self.sequence.next(), "entries of {} are applied in order", self.place.id);
        self.sequence = entry.sequence;
        self.last_at = entry.at;
        self.note_authentication(entry);
        match &entry.fact {
            Fact::Started(started) => {
                self.status = Status::Open;
                self.started_at = entry.at;
                self.assignment.queue = started.queue.clone();
                self.hold(&started.variables);
            }
            Fact::Authenticated(signed_in) => self.hold(&signed_in.variables),
            Fact::Downgraded(_) => {}
            Fact::Message(message) => self.recorded.insert(entry, message),
            Fact::Assigned(assignment) => self.assignment = assignment.clone(),
            Fact::Ended(ended) => self.status = Status::Ended(ended.clone()),
        }
    }

    fn note_authentication(&mut self, entry: &Entry) {
        self.authentication = entry.authentication.clone();
        if let Authentication::Authenticated(now) = &self.authentication
            && self.identity.is_none()
        {
            self.identity = Some(now.identity.clone());
            self.generation += 1;
        }
        let change = match &entry.fact {
            Fact::Started(_) if self.authentication.is_authenticated() => {
                AuthenticationChange::SignIn(SignInReason::TokenPresented)
            }
            Fact::Authenticated(signed_in) => AuthenticationChange::SignIn(signed_in.reason),
            Fact::Downgraded(downgraded) => AuthenticationChange::Downgrade(downgraded.reason),
            _ => return,
        };
        self.changed = Some((change, entry.at));
    }

    fn hold(&mut self, variables: &Variables) {
        self.variables = variables.clone();
        let signed = variables.iter().filter(|(_, variable)| variable.source == Source::Token);
        self.signed_names.extend(signed.map(|(name, _)| name.clone()));
    }

    /// The authentication whose time is up at `now`.
    fn due(&self, now: UnixTime) -> Option<&Authenticated> {
        match &self.authentication {
            Authentication::Authenticated(held) if self.is_open() && now >= held.expires_at => Some(held),
            _ => None,
        }
    }

    /// The next instant at which time alone changes something: send [`Event::Deadline`] then.
    #[must_use]
    pub fn next_deadline(&self) -> Option<UnixTime> {
        match &self.authentication {
            Authentication::Authenticated(held) if self.is_open() => Some(held.expires_at),
            _ => None,
        }
    }

    /// Where it belongs.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Whether it goes on.
    #[must_use]
    pub const fn status(&self) -> &Status {
        &self.status
    }

    /// Whether it has begun and not ended.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.status, Status::Open)
    }

    /// The last entry's place.
    #[must_use]
    pub const fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// When it began.
    #[must_use]
    pub const fn started_at(&self) -> UnixTime {
        self.started_at
    }

    /// When its last entry was journaled.
    #[must_use]
    pub const fn last_at(&self) -> UnixTime {
        self.last_at
    }

    /// The state of authentication after the last entry.
    #[must_use]
    pub const fn authentication(&self) -> &Authentication {
        &self.authentication
    }

    /// What changed the state of authentication last, and when, where anything did.
    #[must_use]
    pub const fn changed(&self) -> Option<(AuthenticationChange, UnixTime)> {
        self.changed
    }

    /// Whose it is: the identity it was first authenticated as, for good.
    #[must_use]
    pub const fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// Which `resume_token` is in force: the first sign-in replaces it.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// All variables.
    #[must_use]
    pub const fn variables(&self) -> &Variables {
        &self.variables
    }

    /// Names that a token has ever given here: the widget can't give them any more.
    #[must_use]
    pub const fn signed_names(&self) -> &BTreeSet<String> {
        &self.signed_names
    }

    /// Queue and agent.
    #[must_use]
    pub const fn assignment(&self) -> &Assignment {
        &self.assignment
    }
}
