//! What requests are made of: the members of bodies, and the parameters of queries and heads. The one declaration is
//! what a request is judged by and what the document says.

use serde_json::{Value, json};

use crate::wire::{EVENT_TYPES, TYPING_TYPE};

use super::query::LIMIT_MAX;

/// One member, or one parameter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) is_required: bool,
    /// What it says, in a sentence or two.
    pub(super) about: &'static str,
}

/// What a member looks like. Lengths are in characters (Unicode scalar values) and begin at 1.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// Any string.
    Any,
    /// A string that isn't empty.
    Text { most: usize },
    /// A string for people, on one line: not only blanks, no control characters.
    Label { most: usize },
    /// The caller's own id.
    Id { most: usize },
    /// The words of a message, up to the configured length.
    Message,
    /// One of these.
    Word(&'static [&'static str]),
    /// A whole number.
    Number { least: u64, most: u64 },
    /// Only `true`.
    True,
    /// A conversation's id.
    Uuid,
    /// A tenant's id.
    Tenant,
    /// A SHA-256 in lower-case hexadecimal digits.
    Fingerprint,
    /// A time of RFC 3339.
    Instant,
    /// Types of events, separated by commas.
    Types,
    /// usher's own id for a revocation.
    RevocationId,
}

/// Only what is of this tenant.
pub(super) const TENANT: Member = Member::optional(
    "tenant",
    Form::Tenant,
    "Only what is of this tenant; without, all that are the client's.",
);
/// How long a page is.
pub(super) const LIMIT: Member = Member::optional(
    "limit",
    Form::Number { least: 1, most: LIMIT_MAX as u64 },
    "The most items of a page: 100 where it isn't given.",
);
/// Where a page begins.
pub(super) const CURSOR: Member = Member::optional(
    "cursor",
    Form::Any,
    "The cursor of the page before, unchanged; none for the first page.",
);

impl Member {
    /// One that must be there.
    pub(super) const fn required(name: &'static str, form: Form, about: &'static str) -> Self {
        Self { name, form, is_required: true, about }
    }

    /// One that may be left out.
    pub(super) const fn optional(name: &'static str, form: Form, about: &'static str) -> Self {
        Self { name, form, is_required: false, about }
    }

    /// Its schema; `message_characters` is the configured length of a message.
    pub(super) fn schema(&self, message_characters: usize) -> Value {
        match self.form {
            Form::Any => json!({ "type": "string" }),
            Form::Text { most } | Form::Id { most } => {
                json!({ "type": "string", "minLength": 1, "maxLength": most })
            }
            Form::Label { most } => {
                json!({ "type": "string", "minLength": 1, "maxLength": most, "pattern": LABEL_PATTERN })
            }
            Form::Message => {
                json!({ "type": "string", "minLength": 1, "maxLength": message_characters, "pattern": "\\S" })
            }
            Form::Word(words) => json!({ "type": "string", "enum": words }),
            Form::Number { least, most } => json!({ "type": "integer", "minimum": least, "maximum": most }),
            Form::True => json!({ "type": "boolean", "const": true }),
            Form::Uuid => json!({ "type": "string", "format": "uuid" }),
            Form::Tenant => json!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$" }),
            Form::Fingerprint => json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }),
            Form::RevocationId => json!({ "type": "string", "pattern": "^[0-9a-f]{32}$" }),
            Form::Instant => json!({ "type": "string", "format": "date-time" }),
            Form::Types => {
                let types: Vec<_> = EVENT_TYPES.into_iter().chain([TYPING_TYPE]).collect();
                json!({ "type": "array", "items": { "type": "string", "enum": types }, "minItems": 1 })
            }
        }
    }
}

/// At least one character that is no blank, and no control characters.
const LABEL_PATTERN: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f]\
                             [^\\u0000-\\u001f\\u007f-\\u009f]*$";
