//! What is wrong with a document or one of its entries, and what its owner does about it.

use std::borrow::Cow;
use std::fmt;

/// Something that can't be used, in words for whoever publishes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, without the place.
    pub message: Cow<'static, str>,
    /// What to do about it.
    pub action: Cow<'static, str>,
    /// Whether a private or secret key lies open there: the document's body must not be kept or logged.
    pub exposes_secret: bool,
}

impl Fault {
    pub(super) fn new(message: impl Into<Cow<'static, str>>, action: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), action: action.into(), exposes_secret: false }
    }

    /// A secret lies open: the one fault that is worse than a chat that doesn't work.
    pub(super) fn secret(message: impl Into<Cow<'static, str>>) -> Self {
        let action = "whoever read it can sign as any customer: make a new key pair, publish its public half alone \
                      (openssl pkey -in private.pem -pubout), and never use this one again";
        Self { message: message.into(), action: action.into(), exposes_secret: true }
    }

    /// The same fault within a member, which is named before it.
    pub(super) fn within(self, member: &str) -> Self {
        Self { message: format!("{member}: {}", self.message).into(), ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.action)
    }
}

/// An entry of a set that can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFault {
    /// Which entry, counted from 1.
    pub entry: usize,
    /// Its `kid`, where it has a readable one.
    pub kid: Option<String>,
    /// What is wrong with it.
    pub fault: Fault,
}

/// `entry 2 (kid "a"): what is wrong; what to do`
impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", Place { entry: self.entry, kid: self.kid.as_deref() }, self.fault)
    }
}

struct Place<'a> {
    entry: usize,
    kid: Option<&'a str>,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {}", self.entry)?;
        // Escaped: a `kid` is anybody's text, and a message may end on a terminal.
        self.kid.map_or(Ok(()), |kid| write!(f, " (kid \"{}\")", kid.escape_debug()))
    }
}

/// A document of which nothing can be used: the last good one stays in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRefused {
    /// What is wrong, and what to do about it.
    pub fault: Fault,
    /// Where it is a set: each of its entries and why it can't be used.
    pub entries: Vec<KeyFault>,
}

impl DocumentRefused {
    pub(super) const fn whole(fault: Fault) -> Self {
        Self { fault, entries: Vec::new() }
    }

    /// Whether a private or secret key lies open in it: the body must not be kept or logged.
    #[must_use]
    pub fn exposes_secret(&self) -> bool {
        self.fault.exposes_secret || self.entries.iter().any(|entry| entry.fault.exposes_secret)
    }
}

impl From<Fault> for DocumentRefused {
    fn from(fault: Fault) -> Self {
        Self::whole(fault)
    }
}

impl fmt::Display for DocumentRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl std::error::Error for DocumentRefused {}
