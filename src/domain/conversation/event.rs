//! What can happen to a conversation, and why it may be refused.

use std::sync::Arc;

use crate::domain::context::{ContextReport, Offered, Variables, merge_unsigned};
use crate::domain::id::{ClientId, Sequence};
use crate::domain::time::UnixTime;
use crate::domain::token::VerifiedCustomer;

use super::entry::{AuthenticationRequest, Author, EndedBy, Read, Role};
use super::message::{MessageId, MessageText};

/// Something that somebody wants, or that the time brings.
#[derive(Debug, Clone)]
pub enum Event {
    /// A widget begins the conversation.
    Start(Box<Start>),
    /// A verified customer signs in, or brings a fresher token.
    SignIn(Box<VerifiedCustomer>),
    /// The customer signs out.
    SignOut,
    /// The authentication that stands is revoked, whatever its token.
    Revoke,
    /// The customer was not heard of for as long as an authentication may wait.
    Idle,
    /// The page offers variables.
    SetContext(SetContext),
    /// Somebody says something.
    Message(NewMessage),
    /// Somebody has read up to an entry.
    Read(Read),
    /// A consumer asks the customer to sign in.
    RequestAuthentication(AuthenticationRequest),
    /// A consumer puts the conversation somewhere.
    Assign(Assign),
    /// Somebody ends the conversation.
    End {
        /// Who.
        by: EndedBy,
        /// Why, in their words.
        reason: Option<String>,
    },
    /// Time has passed; what is due happens.
    Deadline,
}

/// How a conversation begins.
#[derive(Debug, Clone)]
pub struct Start {
    pub(super) customer: Option<VerifiedCustomer>,
    pub(super) variables: Variables,
    pub(super) context: ContextReport,
    pub(super) queue: Arc<str>,
    pub(super) locale: Option<String>,
    pub(super) origin: Option<String>,
}

impl Start {
    /// A beginning, in `queue` unless the tenant's queues say otherwise: authenticated where a customer was verified,
    /// with that token's variables.
    #[must_use]
    pub fn new(customer: Option<VerifiedCustomer>, queue: Arc<str>) -> Self {
        let (variables, context) = match &customer {
            Some(customer) => (customer.variables().clone(), customer.context().clone()),
            None => (Variables::new(), ContextReport::default()),
        };
        Self { customer, variables, context, queue, locale: None, origin: None }
    }

    /// The same with the page's variables: none of them in the place of a signed one.
    #[must_use]
    pub fn with_context(mut self, offered: &Offered) -> Self {
        let signed = self.variables.keys().cloned().collect();
        let merged = merge_unsigned(&self.variables, offered, &signed);
        self.variables = merged.variables;
        self.context.accepted.extend(merged.report.accepted);
        self.context.rejected.extend(merged.report.rejected);
        self
    }

    /// The same from a page with this locale and this `Origin`.
    #[must_use]
    pub fn from_page(self, locale: Option<String>, origin: Option<String>) -> Self {
        Self { locale, origin, ..self }
    }

    /// Whether a customer was verified for it.
    #[must_use]
    pub const fn is_authenticated(&self) -> bool {
        self.customer.is_some()
    }
}

/// Variables that the page offers during the conversation.
#[derive(Debug, Clone)]
pub struct SetContext {
    /// The variables.
    pub offered: Offered,
    /// Whether they are taken only while the conversation is authenticated.
    pub must_be_authenticated: bool,
}

/// Something to be said.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// Who says it.
    pub author: Author,
    /// The author's own id for it.
    pub id: MessageId,
    /// The words.
    pub text: MessageText,
    /// The name to show beside it.
    pub name: Option<String>,
    /// Whether it is taken only while the conversation is authenticated.
    pub must_be_authenticated: bool,
}

/// A new place for the conversation; what is absent stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Assign {
    /// The queue.
    pub queue: Option<Arc<str>>,
    /// The agent.
    pub agent: Option<String>,
}

/// Why an event leads to nothing. None of these changes the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidTransition {
    /// It has begun already.
    AlreadyStarted,
    /// It has not begun.
    NotStarted,
    /// It has ended.
    ConversationEnded,
    /// Only an authenticated conversation may do this.
    AuthenticationRequired,
    /// The token is another identity's.
    SubjectMismatch,
    /// The token was good when it was judged, and its time has run out since.
    TokenExpired,
    /// The token is revoked, or older than a sign-out or revocation that the conversation has seen.
    Revoked,
    /// The token is no fresher than the one that stands: all is as it was.
    Unchanged,
    /// Nobody can have read what is not there yet.
    PastTheEnd,
    /// Somebody's reading was journaled less than a second ago; the next is taken at this instant.
    TooSoon {
        /// When to try again.
        until: UnixTime,
    },
    /// The very same message was stored before: not a fault, but an answer.
    AlreadyStored {
        /// Its place.
        sequence: Sequence,
        /// When it was journaled.
        at: UnixTime,
    },
    /// The author used this id for other words.
    IdConflict,
}

impl Author {
    /// The role of a customer's or a consumer's message.
    #[must_use]
    pub const fn consumer(client: ClientId, role: Role) -> Self {
        Self::Consumer { client, role }
    }
}
