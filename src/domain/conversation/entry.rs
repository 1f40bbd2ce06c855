//! What did happen: the facts of a conversation, as the journal keeps them.

use std::sync::Arc;

use crate::domain::context::{ContextReport, Variables};
use crate::domain::id::{ClientId, Sequence};
use crate::domain::time::UnixTime;

use super::authentication::{Authenticated, Authentication, DowngradeReason};
use super::message::{MessageId, MessageText};

/// One fact of one conversation. It tells its whole story alone: whoever reads it needs no entry before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its place in the conversation.
    pub sequence: Sequence,
    /// When it was decided; never earlier than the entry before it.
    pub at: UnixTime,
    /// The state of authentication after it.
    pub authentication: Authentication,
    /// What happened.
    pub fact: Fact,
}

/// What can have happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// The conversation began.
    Started(Started),
    /// The customer signed in, or brought a fresher token.
    Authenticated(SignedIn),
    /// The authentication ended.
    Downgraded(Downgraded),
    /// The page changed its variables.
    Context(ContextChange),
    /// Somebody said something.
    Message(Message),
    /// Somebody has read what was said.
    Read(Read),
    /// A consumer asked the customer to sign in.
    AuthenticationRequested(AuthenticationRequest),
    /// The conversation was put into a queue or given to an agent.
    Assigned(Assignment),
    /// The conversation ended; nothing comes after it.
    Ended(Ended),
}

/// The beginning: everything as it stood after the token and the page's variables.
#[derive(Debug, Clone, PartialEq)]
pub struct Started {
    /// All variables, signed and unsigned.
    pub variables: Variables,
    /// What became of those offered.
    pub context: ContextReport,
    /// The queue it begins in.
    pub queue: Arc<str>,
    /// The rule that chose the queue, where the tenant has rules and one did.
    pub rule: Option<Arc<str>>,
    /// The queue's priority.
    pub priority: Option<i64>,
    /// The page's locale, as the widget named it.
    pub locale: Option<String>,
    /// The page's `Origin`.
    pub origin: Option<String>,
}

/// A sign-in or a refresh.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedIn {
    /// Which of the two.
    pub reason: SignInReason,
    /// All variables after it.
    pub variables: Variables,
    /// Names whose variable it added, changed or removed.
    pub changed: Vec<String>,
    /// What became of those in the token.
    pub context: ContextReport,
}

/// Why an authentication stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInReason {
    /// The conversation was anonymous before.
    TokenPresented,
    /// It was authenticated as the same identity, and the token is fresher.
    TokenRefreshed,
}

/// The end of an authentication: there is exactly one for each.
#[derive(Debug, Clone, PartialEq)]
pub struct Downgraded {
    /// What ended it.
    pub reason: DowngradeReason,
    /// The authentication that ended.
    pub previous: Authenticated,
    /// The variables, which stay, none of them verified any more.
    pub variables: Variables,
}

/// A change of the page's variables.
#[derive(Debug, Clone, PartialEq)]
pub struct ContextChange {
    /// All variables after it.
    pub variables: Variables,
    /// Names whose variable it added, changed or removed.
    pub changed: Vec<String>,
}

/// How far somebody has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// Who.
    pub by: Reader,
    /// The last entry read.
    pub up_to: Sequence,
}

/// Who reads what was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// The customer, through a widget.
    Customer,
    /// An agent, through a consumer.
    Agent,
}

/// A consumer's wish that the customer signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticationRequest {
    /// Which program asks.
    pub client: ClientId,
    /// The program's own id for it.
    pub id: MessageId,
    /// What to tell the customer.
    pub message: Option<String>,
}

/// Who says something or does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// The customer, through a widget.
    Customer,
    /// A consumer, in one of its roles.
    Consumer {
        /// Which program.
        client: ClientId,
        /// As whom it speaks.
        role: Role,
    },
}

/// As whom a consumer speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A human agent.
    Agent,
    /// A program that answers.
    Bot,
    /// The system itself.
    System,
}

/// Something said.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Who said it.
    pub author: Author,
    /// The author's own id for it.
    pub id: MessageId,
    /// The words.
    pub text: MessageText,
    /// The name to show beside it.
    pub name: Option<String>,
    /// Whether the conversation was authenticated when it was journaled; meaningful for a customer's.
    pub authenticated: bool,
}

/// Where the conversation lies after the entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The queue.
    pub queue: Arc<str>,
    /// The agent, where one has it.
    pub agent: Option<String>,
    /// The rule that chose the queue; none where a consumer put the conversation there, as all did before there were
    /// rules.
    pub rule: Option<Arc<str>>,
    /// The priority of the queue that a rule chose.
    pub priority: Option<i64>,
}

impl Assignment {
    /// A queue and perhaps an agent that no rule chose.
    #[must_use]
    pub const fn to(queue: Arc<str>, agent: Option<String>) -> Self {
        Self { queue, agent, rule: None, priority: None }
    }

    /// Whether a consumer put the conversation there: from then on the rules leave the queue alone.
    #[must_use]
    pub const fn is_by_consumer(&self) -> bool {
        self.rule.is_none()
    }
}

/// The end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Who ended it.
    pub by: EndedBy,
    /// Why, in the words of whoever did.
    pub reason: Option<String>,
}

/// Who ended a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedBy {
    /// The customer.
    Customer,
    /// An agent, through a consumer.
    Agent,
    /// Usher itself.
    System,
}

impl Fact {
    /// Whether the customer, or a widget for the customer, did it.
    #[must_use]
    pub const fn is_by_customer(&self) -> bool {
        match self {
            Self::Started(_) | Self::Authenticated(_) | Self::Context(_) => true,
            Self::Downgraded(downgraded) => matches!(downgraded.reason, DowngradeReason::SignedOut),
            Self::Message(message) => matches!(message.author, Author::Customer),
            Self::Read(read) => matches!(read.by, Reader::Customer),
            Self::Ended(ended) => matches!(ended.by, EndedBy::Customer),
            Self::AuthenticationRequested(_) | Self::Assigned(_) => false,
        }
    }

    /// Whether it shows that somebody is there: somebody said something, or the customer did anything.
    #[must_use]
    pub const fn is_activity(&self) -> bool {
        matches!(self, Self::Message(_)) || self.is_by_customer()
    }
}
