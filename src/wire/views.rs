//! What several frames and events show alike: times, the state of authentication, variables.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::domain::context::{ContextReport, Primitive, Source, Value, Variable, VariableType, Variables};
use crate::domain::conversation::{Authenticated, Authentication, Author, Role};
use crate::domain::time::UnixTime;

use super::schema;

/// The schema of what is written by hand is that of what it writes.
macro_rules! schema_of {
    ($view:ty, $written:ty) => {
        impl JsonSchema for $view {
            fn inline_schema() -> bool {
                <$written>::inline_schema()
            }

            fn schema_name() -> Cow<'static, str> {
                <$written>::schema_name()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                <$written>::json_schema(generator)
            }
        }
    };
}

/// A time as RFC 3339 in UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rfc3339(pub UnixTime);

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl JsonSchema for Rfc3339 {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// The state of authentication as everyone sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Authentication")]
pub struct AuthenticationView<'a> {
    /// `authenticated` or `anonymous`.
    #[schemars(schema_with = "schema::status")]
    pub status: &'static str,
    /// The token's `sub`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Cow<'a, str>>,
    /// The token's `iss`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Cow<'a, str>>,
    /// The instant of the downgrade.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Rfc3339>,
    /// When a fresh token should have been brought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_by: Option<Rfc3339>,
}

impl<'a> From<&'a Authenticated> for AuthenticationView<'a> {
    fn from(held: &'a Authenticated) -> Self {
        Self {
            status: "authenticated",
            subject: Some(Cow::Borrowed(&*held.identity.subject)),
            issuer: Some(Cow::Borrowed(&*held.identity.issuer)),
            expires_at: Some(Rfc3339(held.expires_at)),
            refresh_by: Some(Rfc3339(held.refresh_by())),
        }
    }
}

impl<'a> From<&'a Authentication> for AuthenticationView<'a> {
    fn from(authentication: &'a Authentication) -> Self {
        match authentication {
            Authentication::Authenticated(held) => held.into(),
            Authentication::Anonymous => {
                Self { status: "anonymous", subject: None, issuer: None, expires_at: None, refresh_by: None }
            }
        }
    }
}

/// What became of offered variables.
#[derive(Debug, Clone, Copy)]
pub struct ContextView<'a>(pub &'a ContextReport);

impl Serialize for ContextView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rejected = self.0.rejected.iter();
        let rejected =
            rejected.map(|one| RejectedView { name: &one.name, reason: one.reason.code() }).collect();
        ReportView { accepted: &self.0.accepted, rejected }.serialize(serializer)
    }
}

schema_of!(ContextView<'_>, ReportView<'_>);

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ContextReport")]
struct ReportView<'a> {
    /// The names that were taken.
    accepted: &'a [String],
    /// The names that were not, and why.
    rejected: Vec<RejectedView<'a>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RejectedVariable")]
struct RejectedView<'a> {
    name: &'a str,
    #[schemars(schema_with = "schema::rejection")]
    reason: &'static str,
}

/// All variables, as consumers see them: name → value with its provenance.
#[derive(Debug, Clone, Copy)]
pub struct VariablesView<'a> {
    /// The variables.
    pub variables: &'a Variables,
    /// Whether the conversation is authenticated: only then is a token's variable verified.
    pub authenticated: bool,
}

impl Serialize for VariablesView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.variables.len()))?;
        for (name, variable) in self.variables {
            map.serialize_entry(name, &VariableView { variable, authenticated: self.authenticated })?;
        }
        map.end()
    }
}

schema_of!(VariablesView<'_>, BTreeMap<String, VariableShown<'_>>);

/// One variable as consumers see it.
#[derive(Debug, Clone, Copy)]
pub struct VariableView<'a> {
    /// The variable.
    pub variable: &'a Variable,
    /// Whether the conversation is authenticated.
    pub authenticated: bool,
}

impl Serialize for VariableView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let variable = self.variable;
        let from_token = variable.source == Source::Token;
        let kind = variable_type(variable.kind());
        let shown = VariableShown {
            raw: RawView(&variable.raw),
            value: ValueView(&variable.value),
            r#type: kind,
            source: if from_token { "token" } else { "widget" },
            verified: from_token && self.authenticated,
            displayable: variable.displayable,
        };
        shown.serialize(serializer)
    }
}

schema_of!(VariableView<'_>, VariableShown<'_>);

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Variable")]
struct VariableShown<'a> {
    /// The value as it was given.
    #[schemars(schema_with = "schema::primitive")]
    raw: RawView<'a>,
    /// The value by its declared type.
    #[schemars(schema_with = "schema::primitive")]
    value: ValueView<'a>,
    #[schemars(schema_with = "schema::variable_type")]
    r#type: &'static str,
    /// Who gave it: a signed token, or the page.
    #[schemars(schema_with = "schema::source")]
    source: &'static str,
    /// Whether a token of the identity that is signed in now gave it.
    verified: bool,
    /// Whether the tenant lets agents see it.
    displayable: bool,
}

struct RawView<'a>(&'a Primitive);

impl Serialize for RawView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Primitive::Text(text) => serializer.serialize_str(text),
            Primitive::Boolean(value) => serializer.serialize_bool(*value),
            // A number goes out with the digits it came with: a double would change 1e400 or 0.10.
            Primitive::Number(digits) => RawValue::from_string(digits.clone())
                .map_err(serde::ser::Error::custom)?
                .serialize(serializer),
        }
    }
}

struct ValueView<'a>(&'a Value);

/// Above this a double no longer tells every whole number from its neighbours.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

impl Serialize for ValueView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Text(text) => serializer.serialize_str(text),
            Value::Boolean(value) => serializer.serialize_bool(*value),
            Value::Number(number) if number.fract() == 0.0 && number.abs() <= WHOLE_MAX =>
            {
                #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53, checked above")]
                serializer.serialize_i64(*number as i64)
            }
            Value::Number(number) => serializer.serialize_f64(*number),
        }
    }
}

/// The `type` of a variable.
pub(super) const fn variable_type(kind: VariableType) -> &'static str {
    match kind {
        VariableType::Text => "text",
        VariableType::Number => "number",
        VariableType::Boolean => "boolean",
    }
}

/// The `from` of a message.
#[must_use]
pub const fn role_name(author: &Author) -> &'static str {
    match author {
        Author::Customer => "customer",
        Author::Consumer { role: Role::Agent, .. } => "agent",
        Author::Consumer { role: Role::Bot, .. } => "bot",
        Author::Consumer { role: Role::System, .. } => "system",
    }
}
