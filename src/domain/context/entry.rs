//! One entry, signed or unsigned: its name, its form, its type.

use crate::domain::json::{Json, Number, Object};

use super::{
    ContextPolicy, Declared, Primitive, RejectionReason, Source, Undeclared, Value, Variable, VariableType,
};

/// The longest name in characters.
pub const MAX_NAME_CHARACTERS: usize = 100;
/// The longest value in characters, as text.
pub const MAX_VALUE_CHARACTERS: usize = 4000;

/// 2^53: up to here a double holds every whole number.
const MAX_WHOLE: i64 = 1 << 53;

/// Whether a name is one: 1 to 100 characters, none of them a control character.
pub(super) fn check_name(name: &str) -> Result<(), RejectionReason> {
    let characters = name.chars().take(MAX_NAME_CHARACTERS + 1).count();
    let good = (1..=MAX_NAME_CHARACTERS).contains(&characters) && !name.chars().any(char::is_control);
    good.then_some(()).ok_or(RejectionReason::NameTooLong)
}

/// How the tenant takes this name.
pub(super) fn declared(name: &str, policy: &ContextPolicy) -> Result<Declared, RejectionReason> {
    match (policy.declared.get(name), policy.undeclared) {
        (Some(declared), _) => Ok(*declared),
        (None, Undeclared::Text) => Ok(Declared { kind: VariableType::Text, signed: false }),
        (None, Undeclared::Reject) => Err(RejectionReason::Undeclared),
    }
}

/// Reads an entry's value as the declared type. `None`: it says that there is no such variable.
pub(super) fn read(
    entry: &Json<'_>,
    kind: VariableType,
    source: Source,
) -> Result<Option<Variable>, RejectionReason> {
    let (value, displayable) = match entry {
        Json::Object(object) => unwrap(object)?,
        bare => (bare, false),
    };
    let raw = match value {
        Json::Null => return Ok(None),
        Json::String(text) if text.is_empty() => return Ok(None),
        Json::String(text) => Primitive::Text(text.as_ref().to_owned()),
        Json::Number(number) => Primitive::Number(number.text().to_owned()),
        Json::Bool(boolean) => Primitive::Boolean(*boolean),
        Json::Array(_) | Json::Object(_) => return Err(RejectionReason::WrongType),
    };
    let text = raw.as_text();
    if text.len() > MAX_VALUE_CHARACTERS && text.chars().count() > MAX_VALUE_CHARACTERS {
        return Err(RejectionReason::ValueTooLong);
    }
    let value = typed(&raw, kind).ok_or(RejectionReason::WrongType)?;
    Ok(Some(Variable { raw, value, source, displayable }))
}

/// The form `{"value": primitive, "isDisplayable"?: boolean}`, and no other member.
fn unwrap<'e, 'a>(entry: &'e Object<'a>) -> Result<(&'e Json<'a>, bool), RejectionReason> {
    let wrong = |_| RejectionReason::WrongType;
    let value = entry.get("value").map_err(wrong)?.ok_or(RejectionReason::WrongType)?;
    let displayable = match entry.get("isDisplayable").map_err(wrong)? {
        None => return if entry.len() == 1 { Ok((value, false)) } else { Err(RejectionReason::WrongType) },
        Some(Json::Bool(flag)) => *flag,
        Some(Json::String(flag)) if flag == "true" => true,
        Some(Json::String(flag)) if flag == "false" => false,
        Some(_) => return Err(RejectionReason::WrongType),
    };
    if entry.len() == 2 { Ok((value, displayable)) } else { Err(RejectionReason::WrongType) }
}

fn typed(raw: &Primitive, kind: VariableType) -> Option<Value> {
    match kind {
        VariableType::Text => Some(Value::Text(raw.as_text().to_owned())),
        VariableType::Boolean => match raw.as_text() {
            "true" => Some(Value::Boolean(true)),
            "false" => Some(Value::Boolean(false)),
            _ => None,
        },
        VariableType::Number => match raw {
            Primitive::Boolean(_) => None,
            Primitive::Text(text) | Primitive::Number(text) => number(text).map(Value::Number),
        },
    }
}

/// A text that is exactly one number, finite as a double; a whole one is one that a double holds exactly.
fn number(text: &str) -> Option<f64> {
    let number = Number::parse(text)?;
    let double = number.as_f64()?;
    let exact = |(whole, fraction): (i64, bool)| whole < MAX_WHOLE || (whole == MAX_WHOLE && !fraction);
    // Beyond 2^53 every double is whole, whatever the text says.
    number.magnitude().is_ok_and(exact).then_some(double)
}
