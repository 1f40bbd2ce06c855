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
mod idle;
mod message;
mod notices;
mod place;
mod recorded;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::context::{Merged, Offered, Source, Variables, merge_unsigned};
use crate::domain::id::Sequence;
use crate::domain::time::UnixTime;
use crate::domain::token::{Identity, Revocations};

pub use access::{Admission, AdmissionPolicy, Credential, NotAdmitted};
pub use authentication::{Authenticated, Authentication, DowngradeReason};
pub use decide::{Decision, Settings};
pub use entry::{
    Assignment, AuthenticationRequest, Author, ContextChange, Downgraded, Ended, EndedBy, Entry, Fact,
    Message, Read, Reader, Role, SignInReason, SignedIn, Started,
};
pub use event::{Assign, Event, InvalidTransition, NewMessage, SetContext, Start};
pub use idle::{IdleAfter, Presence};
pub use message::{MESSAGE_ID_CHARACTERS_MAX, MessageId, MessageText, TextRefused};
pub use notices::Notices;
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
    heard_at: UnixTime,
    active_at: UnixTime,
    authentication: Authentication,
    changed: Option<(AuthenticationChange, UnixTime)>,
    identity: Option<Identity>,
    accepted: Option<UnixTime>,
    barred: Option<UnixTime>,
    anonymous_since: Sequence,
    generation: u32,
    variables: Variables,
    signed_names: BTreeSet<String>,
    assignment: Assignment,
    is_placed: bool,
    read: [Option<(Sequence, UnixTime)>; 2],
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
            heard_at: UnixTime::EPOCH,
            active_at: UnixTime::EPOCH,
            authentication: Authentication::Anonymous,
            changed: None,
            identity: None,
            accepted: None,
            barred: None,
            anonymous_since: Sequence::START,
            generation: 0,
            variables: Variables::new(),
            signed_names: BTreeSet::new(),
            assignment: Assignment::to(Arc::from(""), None),
            is_placed: false,
            read: [None; 2],
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
        if entry.fact.is_by_customer() {
            self.heard_at = entry.at;
        }
        if entry.fact.is_activity() {
            self.active_at = entry.at;
        }
        self.note_authentication(entry);
        match &entry.fact {
            Fact::Started(started) => {
                self.status = Status::Open;
                self.started_at = entry.at;
                self.assignment = Assignment {
                    queue: started.queue.clone(),
                    agent: None,
                    rule: started.rule.clone(),
                    priority: started.priority,
                };
                self.hold(&started.variables);
            }
            Fact::Authenticated(signed_in) => self.hold(&signed_in.variables),
            Fact::Downgraded(_) => self.anonymous_since = entry.sequence,
            Fact::Context(change) => self.hold(&change.variables),
            Fact::Message(message) => self.recorded.insert_message(entry, message),
            Fact::Read(read) => self.read[read.by as usize] = Some((read.up_to, entry.at)),
            Fact::AuthenticationRequested(request) => self.recorded.insert_request(entry, request),
            Fact::Assigned(assignment) => {
                self.is_placed |= assignment.is_by_consumer();
                self.assignment = assignment.clone();
            }
            Fact::Ended(ended) => self.status = Status::Ended(ended.clone()),
        }
    }

    fn note_authentication(&mut self, entry: &Entry) {
        self.authentication = entry.authentication.clone();
        if let Authentication::Authenticated(now) = &self.authentication {
            self.accepted = self.accepted.max(Some(now.issued_at));
            if self.identity.is_none() {
                self.identity = Some(now.identity.clone());
                self.generation += 1;
            }
        }
        if matches!(&entry.fact, Fact::Downgraded(downgraded) if downgraded.reason.is_wanted()) {
            self.bar_accepted();
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

    /// Why the authentication that stands has to end at `now`, where it has to.
    fn due(&self, now: UnixTime, revocations: &Revocations) -> Option<DowngradeReason> {
        match &self.authentication {
            Authentication::Authenticated(held) if self.is_open() => {
                let revoked = || held.is_revoked(revocations).then_some(DowngradeReason::Revoked);
                (now >= held.expires_at).then(|| held.downgrade_reason()).or_else(revoked)
            }
            _ => None,
        }
    }

    /// Takes none of the tokens issued until the newest one accepted so far any more.
    ///
    /// A downgrade that somebody wanted does so by itself. A sign-out of a conversation that is anonymous already
    /// makes no entry: whoever keeps a note of it calls this, now and whenever the conversation is read again.
    pub fn bar(&mut self, until: UnixTime) {
        self.barred = self.barred.max(Some(until));
    }

    fn bar_accepted(&mut self) {
        self.barred = self.barred.max(self.accepted);
    }

    /// Whether a token issued then came too early to be taken after a sign-out or a revocation.
    fn is_barred(&self, issued_at: UnixTime) -> bool {
        self.barred.is_some_and(|barred| issued_at <= barred)
    }

    /// The greatest `iat` of the tokens accepted so far.
    #[must_use]
    pub const fn accepted_until(&self) -> Option<UnixTime> {
        self.accepted
    }

    /// Whether an entry has to wait for the next sign-in in a widget that shows consumers' messages to signed-in
    /// customers only: it was said since nobody is signed in.
    #[must_use]
    pub fn withholds(&self, entry: &Entry) -> bool {
        let by_consumer =
            matches!(&entry.fact, Fact::Message(said) if matches!(said.author, Author::Consumer { .. }));
        let anonymous = self.is_open() && !self.authentication.is_authenticated();
        by_consumer && anonymous && entry.sequence > self.anonymous_since
    }

    /// What the page's offer would lead to.
    #[must_use]
    pub fn merge(&self, offered: &Offered) -> Merged {
        merge_unsigned(&self.variables, offered, &self.signed_names)
    }

    /// How far this side has read, and when that was journaled, where it was.
    #[must_use]
    pub const fn read_up_to(&self, by: Reader) -> Option<(Sequence, UnixTime)> {
        self.read[by as usize]
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

    /// When the customer was last heard of, as far as the journal tells.
    #[must_use]
    pub const fn heard_at(&self) -> UnixTime {
        self.heard_at
    }

    /// When somebody last said something, or the customer was last heard of, as far as the journal tells.
    #[must_use]
    pub const fn active_at(&self) -> UnixTime {
        self.active_at
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
