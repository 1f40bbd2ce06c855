//! What do we know of a customer? Named values for routing, each with its type and where it came from.

mod entry;
mod merge;
mod offered;
mod policy;
mod signed;
mod variables;

pub use entry::{MAX_NAME_CHARACTERS, MAX_VALUE_CHARACTERS};
pub use merge::{Merged, merge_unsigned, replace_signed};
pub use offered::Offered;
pub use policy::{ContextPolicy, Declared, Undeclared};
pub use signed::read_signed;
pub use variables::{Primitive, Source, Value, Variable, VariableType, Variables};

/// The most signed entries of a token, and, counted apart, the most unsigned ones of a conversation.
pub const MAX_ENTRIES: usize = 100;

/// What became of the variables that a token or a widget offered; nothing is dropped silently.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContextReport {
    /// Names taken, in the order offered.
    pub accepted: Vec<String>,
    /// Names not taken, and why.
    pub rejected: Vec<RejectedVariable>,
}

impl ContextReport {
    /// Adds a name that was not taken, once however often it was offered.
    fn reject(&mut self, name: &str, reason: RejectionReason) {
        let rejected = RejectedVariable::new(name, reason);
        if reason != RejectionReason::Duplicate || !self.rejected.contains(&rejected) {
            self.rejected.push(rejected);
        }
    }
}

/// A variable that was offered and not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedVariable {
    /// The name as offered, cut to the first 100 characters.
    pub name: String,
    /// Why it was not taken.
    pub reason: RejectionReason,
}

impl RejectedVariable {
    fn new(name: &str, reason: RejectionReason) -> Self {
        Self { name: name.chars().take(MAX_NAME_CHARACTERS).collect(), reason }
    }
}

/// Why a variable was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectionReason {
    /// The tenant takes declared names only, and this one isn't.
    Undeclared,
    /// The value isn't a primitive of the declared type.
    WrongType,
    /// The name is empty, over 100 characters, or holds a control character.
    NameTooLong,
    /// The value is over 4000 characters as text.
    ValueTooLong,
    /// Over 100 entries.
    TooMany,
    /// The name stands twice.
    Duplicate,
    /// A token has given this name in this conversation: the widget can't.
    SignedWins,
    /// The tenant takes this name from tokens only.
    SignedOnly,
}

impl RejectionReason {
    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Undeclared => "undeclared",
            Self::WrongType => "wrong_type",
            Self::NameTooLong => "name_too_long",
            Self::ValueTooLong => "value_too_long",
            Self::TooMany => "too_many",
            Self::Duplicate => "duplicate",
            Self::SignedWins => "signed_wins",
            Self::SignedOnly => "signed_only",
        }
    }
}
