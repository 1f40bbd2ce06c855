//! The JSON Schema (draft 2020-12) of what is written and read here, for the documents that describe it. The schemas
//! are derived from the very types that are written, and a list of words doesn't compile while one is missing.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::domain::context::{RejectionReason, VariableType};
use crate::domain::conversation::{
    DowngradeReason, EndedBy, MESSAGE_ID_CHARACTERS_MAX, Reader, SignInReason,
};
use crate::domain::token::Reason;

use super::error::ErrorCode;
use super::event::{downgrade_reason, ended_by, reader_name, sign_in_reason};
use super::views;

/// Every variant of an enum. A variant that is not listed is an error of the compiler.
macro_rules! every {
    ($type:ident: $($variant:ident $({ $($field:tt)* })?),+ $(,)?) => {{
        const _: fn($type) = |one| match one { $($type::$variant { .. })|+ => () };
        [$($type::$variant $({ $($field)* })?),+]
    }};
}
pub(crate) use every;

/// A string that is one of these.
pub(super) fn words(words: impl IntoIterator<Item = &'static str>) -> Schema {
    let words: Vec<_> = words.into_iter().collect();
    json_schema!({ "type": "string", "enum": words })
}

pub(super) fn sign_in_reasons() -> impl Iterator<Item = &'static str> {
    every!(SignInReason: TokenPresented, TokenRefreshed).into_iter().map(sign_in_reason)
}

pub(super) fn downgrade_reasons() -> impl Iterator<Item = &'static str> {
    every!(DowngradeReason: TokenExpired, KeyExpired, Revoked, SignedOut, Idle)
        .into_iter()
        .map(downgrade_reason)
}

pub(super) fn sign_in(_: &mut SchemaGenerator) -> Schema {
    words(sign_in_reasons())
}

pub(super) fn downgrade(_: &mut SchemaGenerator) -> Schema {
    words(downgrade_reasons())
}

/// Why a state of authentication is as it is; `unchanged` answers a token that changed nothing.
pub(super) fn change(_: &mut SchemaGenerator) -> Schema {
    words(sign_in_reasons().chain(["unchanged"]).chain(downgrade_reasons()))
}

/// Why a conversation's authentication last changed.
pub(crate) fn last_change(_: &mut SchemaGenerator) -> Schema {
    words(sign_in_reasons().chain(downgrade_reasons()))
}

pub(super) fn status(_: &mut SchemaGenerator) -> Schema {
    words(["authenticated", "anonymous"])
}

pub(super) fn role(_: &mut SchemaGenerator) -> Schema {
    words(["customer", "agent", "bot", "system"])
}

pub(super) fn reader(_: &mut SchemaGenerator) -> Schema {
    words(every!(Reader: Customer, Agent).map(reader_name))
}

pub(super) fn asker(_: &mut SchemaGenerator) -> Schema {
    words(["agent"])
}

pub(super) fn ender(_: &mut SchemaGenerator) -> Schema {
    words(every!(EndedBy: Customer, Agent, System).map(ended_by))
}

pub(super) fn rejection(_: &mut SchemaGenerator) -> Schema {
    let all = every!(
        RejectionReason: Undeclared, WrongType, NameTooLong, ValueTooLong, TooMany, Duplicate, SignedWins, SignedOnly
    );
    words(all.map(RejectionReason::code))
}

/// Every code of an `error` frame: a token's faults and the protocol's own.
pub(super) fn error_code(_: &mut SchemaGenerator) -> Schema {
    words(Reason::ALL.map(Reason::code).into_iter().chain(ErrorCode::ALL.map(ErrorCode::as_str)))
}

pub(super) fn variable_type(_: &mut SchemaGenerator) -> Schema {
    words(every!(VariableType: Text, Number, Boolean).map(views::variable_type))
}

pub(super) fn source(_: &mut SchemaGenerator) -> Schema {
    words(["token", "widget"])
}

pub(super) fn primitive(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "number", "boolean"] })
}

pub(super) fn uuid(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "uuid" })
}

pub(super) fn message_id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "minLength": 1, "maxLength": MESSAGE_ID_CHARACTERS_MAX })
}

/// A place in a conversation: a sequence, or 0 for its beginning.
pub(super) fn place(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_992_u64 })
}

/// The variables that a page offers.
pub(super) fn offered(_: &mut SchemaGenerator) -> Schema {
    let primitive = json!({ "type": ["string", "number", "boolean"] });
    let described = json!({
        "type": "object",
        "properties": { "value": primitive, "isDisplayable": { "type": "boolean" } },
        "required": ["value"],
    });
    json_schema!({
        "type": "object",
        "description": "Name → primitive, or name → {value, isDisplayable}. In set_context null removes.",
        "additionalProperties": { "anyOf": [primitive, { "type": "null" }, described] },
    })
}

/// The alternatives of an enum's schema: the name that stands at a place in each, and the schema.
pub(super) fn alternatives<T: JsonSchema>(
    generator: &mut SchemaGenerator,
    name: &str,
) -> Vec<(String, Value)> {
    let schema = T::json_schema(generator).to_value();
    let all = ["oneOf", "anyOf"].into_iter().find_map(|key| schema.get(key)?.as_array().cloned());
    let named = all.unwrap_or_default().into_iter().map(|mut one| {
        let name = one.pointer(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        leave_optional(&mut one);
        (name, one)
    });
    named.collect()
}

/// Takes what is marked as optional from what is required: an `Option` would be shown as one that may be null.
fn leave_optional(schema: &mut Value) {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    let marked = properties.iter_mut().filter_map(|(name, property)| {
        property.as_object_mut()?.remove("x-optional").map(|_| Value::from(name.as_str()))
    });
    let marked: Vec<_> = marked.collect();
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| !marked.contains(name));
    }
}

/// What may be left out is never null: takes the null from every member of the schemas in `document` that need not be
/// there.
pub fn without_nulls(document: &mut Value) {
    if let Some(schema) = document.as_object_mut() {
        let required = schema.get("required").cloned().unwrap_or_default();
        let is_required =
            |name: &String| required.as_array().is_some_and(|all| all.iter().any(|one| one == name));
        let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
        for (_, property) in properties.into_iter().flatten().filter(|(name, _)| !is_required(name)) {
            without_null(property);
        }
        schema.values_mut().for_each(without_nulls);
    } else if let Some(all) = document.as_array_mut() {
        all.iter_mut().for_each(without_nulls);
    }
}

fn without_null(property: &mut Value) {
    if let Some(types) = property.get_mut("type").and_then(Value::as_array_mut) {
        types.retain(|one| one != "null");
        if let [one] = &types[..] {
            property["type"] = one.clone();
        }
    }
    if let Some(any) = property.get_mut("anyOf").and_then(Value::as_array_mut) {
        any.retain(|one| one["type"] != "null");
        if let [one] = &any[..] {
            *property = one.clone();
        }
    }
}

/// Takes over what `from` has at a place that is an object or a list.
pub(super) fn merge(into: &mut Value, from: &Value, place: &str) {
    match (into.pointer_mut(place), from.pointer(place)) {
        (Some(Value::Object(there)), Some(Value::Object(more))) => there.extend(more.clone()),
        (Some(Value::Array(there)), Some(Value::Array(more))) => there.extend(more.iter().cloned()),
        _ => {}
    }
}

/// Has a member be there.
pub(super) fn require(schema: &mut Value, member: &str) {
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.push(member.into());
    }
}

/// Has a member be unknown.
pub(super) fn forbid(schema: &mut Value, member: &str) {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.remove(member);
    }
}
