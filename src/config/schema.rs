//! The configuration's JSON Schema, made from the same types that the files are read into.

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform as _};
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::raw::RawUsher;
use super::raw_tenant::RawTenant;

/// The JSON Schema (2020-12) of `usher.toml`. The schema of a tenant's file stands in it as `$defs.tenant`.
#[must_use]
pub fn schema() -> Value {
    let mut schema = usher();
    schema["$defs"] = json!({ "tenant": tenant() });
    schema
}

/// The JSON Schema (2020-12) of a tenant's file.
#[must_use]
pub fn tenant_schema() -> Value {
    tenant()
}

/// The title of the schema of `usher.toml`.
pub(super) const USHER: &str = "usher.toml";

pub(super) fn usher() -> Value {
    of::<RawUsher>(USHER)
}

pub(super) fn tenant() -> Value {
    of::<RawTenant>("A tenant's file")
}

fn of<T: JsonSchema>(title: &str) -> Value {
    // Without references the reader of the files can follow the schema as it stands.
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    RecursiveTransform(without_null).transform(&mut schema);
    schema.insert("title".to_owned(), title.into());
    schema.to_value()
}

/// TOML has no null: what may be left out is not required, that is all.
fn without_null(schema: &mut Schema) {
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(forms)) = schema.get_mut("anyOf") {
        forms.retain(|form| form["type"] != "null");
        if let [Value::Object(only)] = forms.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            for (key, value) in only {
                if schema.get(&key).is_none() {
                    schema.insert(key, value);
                }
            }
        }
    }
}
