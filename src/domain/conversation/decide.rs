//! From an event to the entries it leads to.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::context::{Merged, Variables, replace_signed};
use crate::domain::id::Sequence;
use crate::domain::queue::{Choice, Chosen, Facts, Queues};
use crate::domain::time::UnixTime;
use crate::domain::token::{Revocations, VerifiedCustomer};

use super::authentication::{Authenticated, Authentication, DowngradeReason};
use super::entry::{
    Assignment, AuthenticationRequest, ContextChange, Downgraded, Ended, EndedBy, Entry, Fact, Message, Read,
    SignInReason, SignedIn, Started,
};
use super::event::{Assign, Event, InvalidTransition, NewMessage, SetContext, Start};
use super::recorded::Known;
use super::{Conversation, Status};

/// The reading of each side is journaled at most once in this time.
const READ_EVERY: Duration = Duration::from_secs(1);

/// What the conversation's tenant says at this moment.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// What it took back.
    pub revocations: &'a Revocations,
    /// Its queues and their rules.
    pub queues: &'a Queues,
}

/// What an event leads to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// The entries, in order, to be stored as one record; none where nothing changes.
    pub entries: Vec<Entry>,
    /// The rules that could not be evaluated.
    pub failed: Vec<Arc<str>>,
}

impl Conversation {
    /// What `event` leads to at `now`: at most four entries.
    ///
    /// A downgrade that is due comes first, whatever the event, so that no entry is ever authenticated past the
    /// end of the authentication, however late a timer is, nor by a token that is among the tenant's revocations.
    /// After each change of authentication or variables the tenant's rules are asked for the queue, until a consumer
    /// has put the conversation somewhere. `now` is never taken for earlier than the last entry.
    ///
    /// # Errors
    /// Why the event leads to nothing. A downgrade that is due is then still due.
    pub fn decide(
        &self,
        now: UnixTime,
        settings: Settings<'_>,
        event: &Event,
    ) -> Result<Decision, InvalidTransition> {
        let mut draft = Draft::of(self, now, settings);
        match (&self.status, event) {
            (Status::Unborn, Event::Start(start)) => draft.begin(start)?,
            (Status::Unborn, _) => return Err(InvalidTransition::NotStarted),
            (_, Event::Start(_)) => return Err(InvalidTransition::AlreadyStarted),
            (_, Event::Message(message)) => draft.message(message)?,
            (_, Event::RequestAuthentication(request)) => draft.request_authentication(request)?,
            (Status::Ended(_), Event::Deadline) => {}
            (Status::Ended(_), _) => return Err(InvalidTransition::ConversationEnded),
            (Status::Open, event) => {
                draft.downgrade_if_due();
                draft.go_on(event)?;
            }
        }
        Ok(draft.decision)
    }
}

/// The entries decided so far, and what they change for those after them.
struct Draft<'a> {
    conversation: &'a Conversation,
    settings: Settings<'a>,
    at: UnixTime,
    sequence: Sequence,
    authentication: Authentication,
    /// Whether somebody wanted the downgrade that comes first: then it bars the tokens taken so far, as ever.
    bars: bool,
    /// The queue, while the rules may still choose another.
    queue: Option<Arc<str>>,
    decision: Decision,
}

impl<'a> Draft<'a> {
    fn of(conversation: &'a Conversation, now: UnixTime, settings: Settings<'a>) -> Self {
        let is_ruled = settings.queues.has_rules() && !conversation.is_placed;
        Self {
            conversation,
            settings,
            at: now.max(conversation.last_at),
            sequence: conversation.sequence,
            authentication: conversation.authentication.clone(),
            bars: false,
            queue: is_ruled.then(|| conversation.assignment.queue.clone()),
            decision: Decision { entries: Vec::with_capacity(1), failed: Vec::new() },
        }
    }

    fn record(&mut self, fact: Fact) {
        self.sequence = self.sequence.next();
        let authentication = self.authentication.clone();
        self.decision.entries.push(Entry { sequence: self.sequence, at: self.at, authentication, fact });
    }

    /// What happens in an open conversation, once what is due has happened.
    fn go_on(&mut self, event: &Event) -> Result<(), InvalidTransition> {
        match event {
            Event::SignIn(customer) => self.sign_in(customer)?,
            Event::SignOut => self.downgrade(DowngradeReason::SignedOut),
            Event::Revoke => self.downgrade(DowngradeReason::Revoked),
            Event::Idle => self.downgrade(DowngradeReason::Idle),
            Event::SetContext(set) => self.set_context(set)?,
            Event::Read(read) => self.read(*read)?,
            Event::Assign(assign) => self.assign(assign),
            Event::End { by, reason } => self.end(*by, reason.clone()),
            Event::Start(_) | Event::Message(_) | Event::RequestAuthentication(_) | Event::Deadline => {}
        }
        Ok(())
    }

    fn begin(&mut self, start: &Start) -> Result<(), InvalidTransition> {
        if let Some(customer) = &start.customer {
            self.authenticate(customer)?;
        }
        let Start { variables, context, queue, locale, origin, .. } = start.clone();
        let none = Choice { queue, rule: None, priority: None };
        let Choice { queue, rule, priority } = self.choose(&variables).unwrap_or(none);
        self.record(Fact::Started(Started { variables, context, queue, rule, priority, locale, origin }));
        Ok(())
    }

    /// The queue that the tenant's queues choose as the draft stands.
    fn choose(&mut self, variables: &Variables) -> Option<Choice> {
        let facts = Facts { authenticated: self.authentication.is_authenticated(), variables };
        let Chosen { choice, failed } = self.settings.queues.choose(facts);
        self.decision.failed.extend(failed);
        choice
    }

    /// Asks the rules after a change of authentication or variables. Where none matches, the queue stays.
    fn route(&mut self, variables: &Variables) {
        let Some(held) = self.queue.clone() else { return };
        if let Some(Choice { queue, rule, priority }) = self.choose(variables)
            && queue != held
        {
            self.queue = Some(queue.clone());
            let agent = self.conversation.assignment.agent.clone();
            self.record(Fact::Assigned(Assignment { queue, agent, rule, priority }));
        }
    }

    /// A token that was judged just before its end, or its revocation, may arrive here just after it.
    fn authenticate(&mut self, customer: &VerifiedCustomer) -> Result<(), InvalidTransition> {
        let authenticated = Authenticated::from(customer);
        if authenticated.is_revoked(self.settings.revocations) {
            return Err(InvalidTransition::Revoked);
        }
        if self.at >= customer.expires_at() {
            return Err(InvalidTransition::TokenExpired);
        }
        self.authentication = Authentication::Authenticated(authenticated);
        Ok(())
    }

    fn downgrade_if_due(&mut self) {
        if let Some(reason) = self.conversation.due(self.at, self.settings.revocations) {
            self.downgrade(reason);
        }
    }

    /// Ends the authentication that stands; nothing where none does.
    fn downgrade(&mut self, reason: DowngradeReason) {
        let standing = std::mem::replace(&mut self.authentication, Authentication::Anonymous);
        if let Authentication::Authenticated(previous) = standing {
            let held = &self.conversation.variables;
            self.bars |= reason.is_wanted();
            self.record(Fact::Downgraded(Downgraded { reason, previous, variables: held.clone() }));
            self.route(held);
        }
    }

    fn sign_in(&mut self, customer: &VerifiedCustomer) -> Result<(), InvalidTransition> {
        if self.conversation.identity.as_ref().is_some_and(|known| known != customer.identity()) {
            return Err(InvalidTransition::SubjectMismatch);
        }
        let is_barred_now = self.bars && Some(customer.issued_at()) <= self.conversation.accepted;
        if is_barred_now || self.conversation.is_barred(customer.issued_at()) {
            return Err(InvalidTransition::Revoked);
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
        let held = variables.clone();
        self.record(Fact::Authenticated(SignedIn { reason, variables, changed, context }));
        self.route(&held);
        Ok(())
    }

    fn message(&mut self, message: &NewMessage) -> Result<(), InvalidTransition> {
        let NewMessage { author, id, text, name, must_be_authenticated } = message.clone();
        self.once(self.conversation.recorded.find_message(message))?;
        let authenticated = self.authentication.is_authenticated();
        if must_be_authenticated && !authenticated {
            return Err(InvalidTransition::AuthenticationRequired);
        }
        self.record(Fact::Message(Message { author, id, text, name, authenticated }));
        Ok(())
    }

    fn request_authentication(&mut self, request: &AuthenticationRequest) -> Result<(), InvalidTransition> {
        self.once(self.conversation.recorded.find_request(request))?;
        self.record(Fact::AuthenticationRequested(request.clone()));
        Ok(())
    }

    /// Goes on where the author's id is new and the conversation is open. What was stored before the end is still
    /// known after it.
    fn once(&mut self, known: Known) -> Result<(), InvalidTransition> {
        match known {
            Known::Same { sequence, at } => return Err(InvalidTransition::AlreadyStored { sequence, at }),
            Known::Other => return Err(InvalidTransition::IdConflict),
            Known::No => {}
        }
        if matches!(self.conversation.status, Status::Ended(_)) {
            return Err(InvalidTransition::ConversationEnded);
        }
        self.downgrade_if_due();
        Ok(())
    }

    fn set_context(&mut self, set: &SetContext) -> Result<(), InvalidTransition> {
        if set.must_be_authenticated && !self.authentication.is_authenticated() {
            return Err(InvalidTransition::AuthenticationRequired);
        }
        let Merged { variables, changed, .. } = self.conversation.merge(&set.offered);
        if !changed.is_empty() {
            self.record(Fact::Context(ContextChange { variables: variables.clone(), changed }));
            self.route(&variables);
        }
        Ok(())
    }

    fn read(&mut self, read: Read) -> Result<(), InvalidTransition> {
        if read.up_to > self.conversation.sequence {
            return Err(InvalidTransition::PastTheEnd);
        }
        if let Some((held, at)) = self.conversation.read_up_to(read.by) {
            if read.up_to <= held {
                return Ok(());
            }
            let until = at.plus(READ_EVERY);
            if self.at < until {
                return Err(InvalidTransition::TooSoon { until });
            }
        } else if read.up_to == Sequence::START {
            return Ok(());
        }
        self.record(Fact::Read(read));
        Ok(())
    }

    fn assign(&mut self, assign: &Assign) {
        let held = &self.conversation.assignment;
        // A downgrade that was due just now may have moved it.
        let queue = assign.queue.as_ref().or(self.queue.as_ref()).unwrap_or(&held.queue).clone();
        let agent = assign.agent.as_ref().or(held.agent.as_ref()).cloned();
        let is_news = if self.queue.is_some() {
            // Journaled even where nothing moves: the rules leave the queue alone from now on.
            assign.queue.is_some() || assign.agent.is_some()
        } else {
            (&queue, &agent) != (&held.queue, &held.agent)
        };
        if is_news {
            self.record(Fact::Assigned(Assignment::to(queue, agent)));
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
