//! Strict JSON (RFC 8259): the text as it came, nothing guessed, nothing lost.
//!
//! What a typed reader would hide stays visible here: a number keeps its text, an object its members in order,
//! and a member that stands twice is a fault of the object that has it, found when someone asks that object.

mod number;
mod reader;

use std::borrow::Cow;

pub use number::{Number, OutOfRange};
pub use reader::{MAX_DEPTH, parse, parse_bytes, parse_document};

/// A JSON value that borrows from its text wherever nothing was escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number by its text.
    Number(Number<'a>),
    /// A string, its escapes resolved.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object.
    Object(Object<'a>),
}

impl<'a> Json<'a> {
    /// The text, where it is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The members, where it is an object.
    #[must_use]
    pub const fn as_object(&self) -> Option<&Object<'a>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// What kind of value it is, with its article, for messages: "a string".
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// An object's members in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Object<'a> {
    members: Vec<(Cow<'a, str>, Json<'a>)>,
}

/// A member stands more than once, so that asking for its value has no one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeated;

/// Up to here every pair of names is compared; beyond, they are sorted first.
const FEW_MEMBERS: usize = 16;

impl<'a> Object<'a> {
    /// The member with this exact name: none, one, or [`Repeated`].
    pub fn get(&self, name: &str) -> Result<Option<&Json<'a>>, Repeated> {
        let mut found = self.members.iter().filter(|(member, _)| member == name);
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(Repeated),
            (first, _) => Ok(first.map(|(_, value)| value)),
        }
    }

    /// The value of a member of an object that was found to have none twice; the first, should there be two.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&Json<'a>> {
        self.members.iter().find_map(|(member, value)| (member == name).then_some(value))
    }

    /// A name that stands more than once, if any does.
    #[must_use]
    pub fn repeated(&self) -> Option<&str> {
        if self.members.len() <= FEW_MEMBERS {
            let earlier = |at: usize, name: &str| self.members[..at].iter().any(|(other, _)| other == name);
            return self.names().enumerate().find_map(|(at, name)| earlier(at, name).then_some(name));
        }
        let mut names: Vec<&str> = self.names().collect();
        names.sort_unstable();
        names.windows(2).find_map(|pair| (pair[0] == pair[1]).then_some(pair[0]))
    }

    /// The members in the order of the text, repeated ones each time.
    #[must_use]
    pub fn members(&self) -> impl ExactSizeIterator<Item = (&str, &Json<'a>)> {
        self.members.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// The names in the order of the text.
    #[must_use]
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.members.iter().map(|(name, _)| name.as_ref())
    }

    /// How many members stand in the text.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether it is `{}`.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

/// Why a text is not JSON as understood here, and where. It never quotes the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at line {line} column {column}")]
pub struct JsonFault {
    /// What is wrong, without the place.
    pub message: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in bytes, from 1.
    pub column: usize,
}

#[cfg(test)]
mod tests;
