//! Variables as they are held: the primitive as it came, its typed value and its provenance.

use std::collections::BTreeMap;

/// A JSON primitive as it came. A number keeps its text, so that nothing of it is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Primitive {
    /// A JSON string.
    Text(String),
    /// A JSON number, by its RFC 8259 text.
    Number(String),
    /// `true` or `false`.
    Boolean(bool),
}

impl Primitive {
    /// The string, or the JSON text of a number or boolean.
    #[must_use]
    pub fn as_text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(text) => text,
            Self::Boolean(true) => "true",
            Self::Boolean(false) => "false",
        }
    }
}

/// The type that the tenant declared, `text` for undeclared names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariableType {
    /// Text.
    Text,
    /// A double; whole numbers within ±2^53.
    Number,
    /// True or false.
    Boolean,
}

/// The primitive read as the declared type.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A finite double.
    Number(f64),
    /// True or false.
    Boolean(bool),
}

/// Who gave the variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A verified token: signed.
    Token,
    /// The page: unsigned.
    Widget,
}

/// A named value for routing.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// The primitive as it came.
    pub raw: Primitive,
    /// The primitive read as the declared type.
    pub value: Value,
    /// Who gave it.
    pub source: Source,
    /// Whether the page meant it for an agent's eyes.
    pub displayable: bool,
}

impl Variable {
    /// The type of the value.
    #[must_use]
    pub const fn kind(&self) -> VariableType {
        match self.value {
            Value::Text(_) => VariableType::Text,
            Value::Number(_) => VariableType::Number,
            Value::Boolean(_) => VariableType::Boolean,
        }
    }
}

/// The variables of a conversation by their exact names.
pub type Variables = BTreeMap<String, Variable>;
