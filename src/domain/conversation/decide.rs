//! From an event to the entries it leads to.

use crate::domain::context::{Merged, replace_signed};
use crate::domain::id::Sequence;
use crate::domain::time::UnixTime;
use crate::domain::token::VerifiedCustomer;

use super::authentication::{Authenticated, Authentication};
use super::entry::{
    Assignment, Downgraded, Ended, EndedBy, Entry, Fact, Message, SignInReason, SignedIn, Started,
};
use super::event::{Assign, Event, InvalidTransition, NewMessage, Start};
use super::recorded::Known;
use super::{Conversation, Status};

impl Conversation {
    /// What `event` leads to at `now`, in order, to be stored as one record; nothing where nothing changes.
    ///
    /// A downgrade that is due comes first, whatever the event, so that no entry is ever authenticated past the
    /// end of the authentication, however late a timer is. `now` is never taken for earlier than the last entry.
    ///
    /// # Errors
    /// Why the event leads to nothing. A downgrade that is due is then still due.
    pub fn decide(&self, now: UnixTime, event: &Event) -> Result<Vec<Entry>, InvalidTransition> {
        let mut draft = Draft::of(self, now);
        match (&self.status, event) {
            (Status::Unborn, Event::Start(start)) => draft.begin(start)?,
            (Status::Unborn, _) => return Err(InvalidTransition::NotStarted),
            (_, Event::Start(_)) => return Err(InvalidTransition::AlreadyStarted),
            (_, Event::Message(message)) => draft.message(message)?,
            (Status::Ended(_), Event::Deadline) => {}
            (Status::Ended(_), _) => return Err(InvalidTransition::ConversationEnded),
            (Status::Open, event) => {
                draft.downgrade_if_due();
                match event {
                    Event::SignIn(customer) => draft.sign_in(customer)?,
                    Event::Assign(assign) => draft.assign(assign),
                    Event::End { by, reason } => draft.end(*by, reason.clone()),
                    Event::Start(_) | Event::Message(_) | Event::Deadline => {}
                }
            }
        }
        Ok(draft.entries)
    }
}

/// The entries decided so far, and what they change for those after them.
struct Draft<'a> {
    conversation: &'a Conversation,
    at: UnixTime,
    sequence: Sequence,
    authentication: Authentication,
    entries: Vec<Entry>,
}

impl<'a> Draft<'a> {
    fn of(conversation: &'a Conversation, now: UnixTime) -> Self {
        Self {
            conversation,
            at: now.max(conversation.last_at),
            sequence: conversation.sequence,
            authentication: conversation.authentication.clone(),
            entries: Vec::with_capacity(1),
        }
    }

    fn record(&mut self, fact: Fact) {
        self.sequence = self.sequence.next();
        let authentication = self.authentication.clone();
        self.entries.push(Entry { sequence: self.sequence, at: self.at, authentication, fact });
    }

    fn begin(&mut self, start: &Start) -> Result<(), InvalidTransition> {
        if let Some(customer) = &start.customer {
            self.authenticate(customer)?;
        }
        let Start { variables, context, queue, locale, origin, .. } = start.clone();
        self.record(Fact::Started(Started { variables, context, queue, locale, origin }));
        Ok(())
    }

    /// A token that was judged just before its end may arrive here just after it.
    fn authenticate(&mut self, customer: &VerifiedCustomer) -> Result<(), InvalidTransition> {
        if self.at >= customer.expires_at() {
            return Err(InvalidTransition::TokenExpired);
        }
        self.authentication = Authentication::Authenticated(Authenticated::from(customer));
        Ok(())
    }

    fn downgrade_if_due(&mut self) {
        if let Some(previous) = self.conversation.due(self.at) {
            self.authentication = Authentication::Anonymous;
            self.record(Fact::Downgraded(Downgraded {
                reason: previous.downgrade_reason(),
                previous: previous.clone(),
                variables: self.conversation.variables.clone(),
            }));
        }
    }

    fn sign_in(&mut self, customer: &VerifiedCustomer) -> Result<(), InvalidTransition> {
        if self.conversation.identity.as_ref().is_some_and(|known| known != customer.identity()) {
            return Err(InvalidTransition::SubjectMismatch);
        }
        let reason = match &self.authentication {
            Authentication::Anonymous => SignInReason::TokenPresented,
            Authentication::Authenticated(held) if is_fresher(customer, held) => SignInReason::TokenRefreshed,
            Authentication::Authenticated(_) => return Err(InvalidTransition::Unchanged),
        };
        self.authenticate(customer)?;
        let Merged { variables, changed, .. } =
            replace_signed(&self.conversation.variables, customer.variables());
        let context = customer.context().clone();
        self.record(Fact::Authenticated(SignedIn { reason, variables, changed, context }));
        Ok(())
    }

    fn message(&mut self, message: &NewMessage) -> Result<(), InvalidTransition> {
        match self.conversation.recorded.find(message) {
            Known::Same { sequence, at } => return Err(InvalidTransition::AlreadyStored { sequence, at }),
            Known::Other => return Err(InvalidTransition::IdConflict),
            Known::No => {}
        }
        if matches!(self.conversation.status, Status::Ended(_)) {
            return Err(InvalidTransition::ConversationEnded);
        }
        self.downgrade_if_due();
        let authenticated = self.authentication.is_authenticated();
        if message.must_be_authenticated && !authenticated {
            return Err(InvalidTransition::AuthenticationRequired);
        }
        let NewMessage { author, id, text, name, .. } = message.clone();
        self.record(Fact::Message(Message { author, id, text, name, authenticated }));
        Ok(())
    }

    fn assign(&mut self, assign: &Assign) {
        let held = &self.conversation.assignment;
        let assignment = Assignment {
            queue: assign.queue.as_ref().unwrap_or(&held.queue).clone(),
            agent: assign.agent.as_ref().or(held.agent.as_ref()).cloned(),
        };
        if assignment != *held {
            self.record(Fact::Assigned(assignment));
        }
    }

    fn end(&mut self, by: EndedBy, reason: Option<String>) {
        self.record(Fact::Ended(Ended { by, reason }));
    }
}

/// A greater `iat`, or an equal one and a later end: two tabs that refresh at once can't undo each other.
fn is_fresher(customer: &VerifiedCustomer, held: &Authenticated) -> bool {
    (customer.issued_at(), customer.expires_at()) > (held.issued_at, held.expires_at)
}
