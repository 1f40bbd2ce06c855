//! What do we know of a customer? Named values for routing, each with its type and where it came from.

mod policy;
mod variables;

pub use policy::{ContextPolicy, Declared, Undeclared};
pub use variables::{Primitive, Source, Value, Variable, VariableType, Variables};

/// What became of the variables that a token or a widget offered; nothing is dropped silently.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContextReport {
    /// Names taken, in the order offered.
    pub accepted: Vec<String>,
    /// Names not taken, and why.
    pub rejected: Vec<RejectedVariable>,
}

/// A variable that was offered and not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedVariable {
    /// The name as offered, cut to the first 100 characters.
    pub name: String,
    /// Why it was not taken.
    pub reason: RejectionReason,
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
