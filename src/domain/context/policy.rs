//! Which variables a tenant takes, and as what.

use std::collections::BTreeMap;

use super::VariableType;

/// A tenant's `[context]` settings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContextPolicy {
    /// Declared names.
    pub declared: BTreeMap<String, Declared>,
    /// What becomes of the others.
    pub undeclared: Undeclared,
}

/// A declared variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declared {
    /// Its type.
    pub kind: VariableType,
    /// Whether it is taken from tokens only.
    pub signed: bool,
}

/// What becomes of names that the tenant did not declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Undeclared {
    /// Taken as text.
    #[default]
    Text,
    /// Rejected as `undeclared`.
    Reject,
}
