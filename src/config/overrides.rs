//! Settings from the environment: `USHER_` and the setting's path in capitals, its parts joined by `_`.
//!
//! `USHER_LISTEN_PUBLIC` is `listen.public`, `USHER_LIMITS_DRAIN_FOR` is `limits.drain_for`, and
//! `USHER_TENANTS_CONTOSO_AUTHENTICATION_PUBLIC_KEY_URL` is that setting of the tenant `contoso` (a `-` of an id is
//! written `_`); of a map, such as a tenant's widgets, the entries that stand in the file. A list is written with
//! commas between its elements, or as TOML; a list of tables (`USHER_CLIENT`) as TOML.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::document::Document;
use super::fault::{At, Fault, Place, Severity, Step};
use super::vars::Vars;

/// The prefix of every variable that usher reads.
const PREFIX: &str = "USHER";

/// Variables with the prefix that are not settings.
const OTHERS: [&str; 1] = ["USHER_LOG"];

/// A setting that a variable replaces.
#[derive(Debug)]
pub(super) struct Override {
    name: String,
    at: At,
    text: String,
    form: Form,
}

/// How a variable's text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    TextOrTable,
    List,
    Toml,
}

/// The overrides of one file's settings. `within` are the parts of the name between the prefix and the path.
pub(super) fn find(
    schema: &Value,
    document: &Document<'_>,
    within: &[&str],
    vars: &dyn Vars,
) -> Vec<Override> {
    let mut found = Vec::new();
    let mut name = PREFIX.to_owned();
    for part in within {
        push(&mut name, part);
    }
    descend(schema, Some(document.root()), &name, &At::default(), &mut |name, at, schema| {
        if let Some(text) = vars.get(name) {
            found.push(Override { name: name.to_owned(), at: at.clone(), text, form: form_of(schema) });
        }
    });
    found
}

/// Lays the overrides over the file; what can't be read is a fault that names the variable.
pub(super) fn lay<'t>(
    document: &mut Document<'t>,
    overrides: &'t [Override],
    taken: &mut Taken,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    for one in overrides {
        taken.0.insert(one.name.clone());
        match value(one.form, &one.text) {
            Some(value) => document.overlay(&one.at, value, &one.name),
            None => faults.push(Fault {
                place: Place::Variable(one.name.clone()),
                setting: one.at.to_string(),
                message: "the variable's value can't be read".to_owned(),
                remedy: match one.form {
                    Form::List => "Write the elements with commas between them, or a TOML list in [ ]",
                    _ => "Write it as it would stand in the file, after the =",
                }
                .to_owned(),
                severity: Severity::Fault,
            }),
        }
    }
    faults
}

/// The variables that were taken for settings.
#[derive(Debug, Default)]
pub(super) struct Taken(BTreeSet<String>);

impl Taken {
    /// A warning for each variable with the prefix that is no setting. Not a fault, since others set such variables
    /// too; those that Kubernetes sets for a service of that name (`USHER_SERVICE_HOST`) are passed over.
    pub(super) fn unknown(&self, vars: &dyn Vars) -> Vec<Fault> {
        let kubernetes = |name: &str| {
            let address = |value: String| value.starts_with("tcp://") || value.starts_with("udp://");
            let marks = ["_SERVICE_HOST", "_SERVICE_PORT", "_TCP_", "_UDP_"];
            marks.iter().any(|mark| name.contains(mark)) || vars.get(name).is_some_and(address)
        };
        let mut names = vars.names();
        names.retain(|name| {
            name.strip_prefix(PREFIX).is_some_and(|rest| rest.starts_with('_'))
                && !OTHERS.contains(&name.as_str())
                && !self.0.contains(name)
                && !kubernetes(name)
        });
        names.sort();
        let warning = |name: String| Fault {
            place: Place::Variable(name),
            setting: String::new(),
            message: "the variable names no setting, and was not used".to_owned(),
            remedy:
                "Write USHER_ and the setting's path in capitals, as in USHER_LIMITS_DRAIN_FOR, or unset it"
                    .into(),
            severity: Severity::Warning,
        };
        names.into_iter().map(warning).collect()
    }
}

fn push(name: &mut String, part: &str) {
    name.push('_');
    name.extend(part.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_uppercase() }));
}

/// Calls `leaf` with each setting that a variable can replace: its variable, its path and its schema.
fn descend(
    schema: &Value,
    table: Option<&DeTable<'_>>,
    name: &str,
    at: &At,
    leaf: &mut dyn FnMut(&str, &At, &Value),
) {
    let mut visit = |key: &str, schema: &Value| {
        let mut name = name.to_owned();
        push(&mut name, key);
        let at = Step::Key(key.to_owned()).after(at);
        if schema["type"] == "object" {
            let inner = table.and_then(|table| table.get(key)).and_then(|value| value.get_ref().as_table());
            descend(schema, inner, &name, &at, leaf);
        } else {
            leaf(&name, &at, schema);
        }
    };
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        visit(key, schema);
    }
    if let Some(schema) = schema.get("additionalProperties").filter(|schema| schema.is_object()) {
        for key in table.into_iter().flat_map(DeTable::keys) {
            visit(key.get_ref(), schema);
        }
    }
}

impl Step {
    fn after(self, at: &At) -> At {
        let mut at = at.clone();
        at.0.push(self);
        at
    }
}

fn form_of(schema: &Value) -> Form {
    match schema["type"].as_str() {
        Some("string") => Form::Text,
        Some("array") => Form::List,
        None => Form::TextOrTable,
        _ => Form::Toml,
    }
}

fn value(form: Form, text: &str) -> Option<DeValue<'_>> {
    let toml = |text| DeValue::parse(text).ok().map(Spanned::into_inner);
    let trimmed = text.trim();
    match form {
        Form::Text => Some(DeValue::String(Cow::Borrowed(text))),
        Form::TextOrTable if !trimmed.starts_with('{') => Some(DeValue::String(Cow::Borrowed(text))),
        Form::List if trimmed.is_empty() => Some(DeValue::Array(DeArray::new())),
        Form::List if !trimmed.starts_with('[') => {
            let element = |element: &'_ str| DeValue::String(Cow::Owned(element.trim().to_owned()));
            Some(DeValue::Array(trimmed.split(',').map(|one| Spanned::new(0..0, element(one))).collect()))
        }
        Form::TextOrTable | Form::List | Form::Toml => toml(trimmed),
    }
}
