//! Follows the schema through a file: every setting that isn't in it or isn't of its form is a fault, all at once.
//!
//! What is faulty is taken out, so that what is left can be read into the typed structs without another fault.

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{At, shown};
use super::schema;

/// What the walk found at one setting.
#[derive(Debug)]
pub(super) struct Finding {
    /// The setting.
    pub(super) at: At,
    /// What is wrong.
    pub(super) message: String,
    /// What to do.
    pub(super) remedy: String,
}

/// Walks a whole file.
pub(super) fn walk(schema: &Value, root: &mut DeTable<'_>) -> Vec<Finding> {
    let mut walker = Walker { schema, findings: Vec::new() };
    walker.table(schema, root, &At::default());
    walker.findings
}

struct Walker<'s> {
    schema: &'s Value,
    findings: Vec<Finding>,
}

impl Walker<'_> {
    fn find(&mut self, at: &At, message: String, remedy: String) {
        self.findings.push(Finding { at: at.clone(), message, remedy });
    }

    fn table(&mut self, schema: &Value, table: &mut DeTable<'_>, at: &At) {
        let none = Map::new();
        let known = schema["properties"].as_object().unwrap_or(&none);
        let others = schema.get("additionalProperties").filter(|schema| schema.is_object());
        let mut faulty = Vec::new();
        for (key, value) in table.iter_mut() {
            let name: &str = key.get_ref();
            let at = at.key(name);
            let sound = if let Some(schema) = known.get(name).or(others) {
                self.value(schema, value, &at)
            } else {
                self.unknown(name, &at, known);
                false
            };
            if !sound {
                faulty.push(name.to_owned());
            }
        }
        let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
        for name in required.iter().filter_map(Value::as_str).filter(|name| !table.contains_key(*name)) {
            let remedy = format!("Add {name} = {}", sample(&known[name]));
            self.find(&at.key(name), "is missing".to_owned(), remedy);
        }
        for name in faulty {
            table.remove(name.as_str());
        }
    }

    fn unknown(&mut self, name: &str, at: &At, known: &Map<String, Value>) {
        let near = known
            .keys()
            .map(|candidate| (strsim::damerau_levenshtein(candidate, name), candidate))
            .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
            .min();
        let remedy = if let Some((_, candidate)) = near {
            format!("Did you mean `{candidate}`?")
        } else if let Some(table) = elsewhere(self.schema, name, &At::default()) {
            format!("`{name}` belongs in [{table}]")
        } else if let Some(file) = other_file(self.schema, name) {
            format!("`{name}` belongs in {file}")
        } else if known.is_empty() {
            "Remove it".to_owned()
        } else {
            let names: Vec<_> = known.keys().map(String::as_str).collect();
            format!("Remove it; known here are {}", names.join(", "))
        };
        self.find(at, format!("there is no setting `{}` here", shown(name)), remedy);
    }

    /// Whether the value may stay.
    fn value(&mut self, schema: &Value, value: &mut Spanned<DeValue<'_>>, at: &At) -> bool {
        let schema = form_of(schema, value.get_ref());
        let allowed = schema["enum"].as_array();
        match (schema["type"].as_str(), value.get_mut()) {
            (Some("object"), DeValue::Table(table)) => {
                self.table(schema, table, at);
                true
            }
            (Some("array"), DeValue::Array(items)) => {
                let mut sound = true;
                for (index, item) in items.iter_mut().enumerate() {
                    sound &= self.value(&schema["items"], item, &at.index(index));
                }
                sound
            }
            (Some("boolean"), DeValue::Boolean(_)) => true,
            (Some("integer"), DeValue::Integer(number)) => {
                let number = i128::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok();
                self.within(schema, number, at)
            }
            (Some("string"), DeValue::String(text)) => match allowed {
                Some(allowed) if !allowed.iter().any(|one| one == text.as_ref()) => {
                    let message = format!("`{}` isn't one of the values that it takes", shown(text));
                    self.find(at, message, format!("Write one of {}", listed(allowed)));
                    false
                }
                _ => true,
            },
            (_, found) => {
                let message = format!("must be {}, and is {}", expected(schema), kind(found));
                self.find(at, message, format!("Write it like {}", sample(schema)));
                false
            }
        }
    }

    fn within(&mut self, schema: &Value, number: Option<i128>, at: &At) -> bool {
        let bound = |name: &str| schema[name].as_i64().map(i128::from);
        let (least, most) = (bound("minimum").unwrap_or(0), bound("maximum").unwrap_or(i128::from(i64::MAX)));
        let sound = number.is_some_and(|number| (least..=most).contains(&number));
        if !sound {
            let message =
                number.map_or("is out of range".to_owned(), |number| format!("{number} is out of range"));
            self.find(at, message, format!("Write a whole number from {least} to {most}"));
        }
        sound
    }
}

/// Of several forms, the one that the value looks like.
fn form_of<'s>(schema: &'s Value, value: &DeValue<'_>) -> &'s Value {
    let Some(forms) = schema["anyOf"].as_array() else { return schema };
    let wanted = match value {
        DeValue::Table(_) => "object",
        DeValue::String(_) => "string",
        DeValue::Array(_) => "array",
        _ => return schema,
    };
    forms.iter().find(|form| form["type"] == wanted).unwrap_or(schema)
}

/// The table in which a setting of this name is at home.
fn elsewhere(schema: &Value, name: &str, at: &At) -> Option<At> {
    let tables = schema["properties"].as_object()?;
    let mut inner = tables.iter().filter(|(_, schema)| schema["type"] == "object");
    inner.find_map(|(table, schema)| {
        let at = at.key(table);
        if schema["properties"].get(name).is_some() { Some(at) } else { elsewhere(schema, name, &at) }
    })
}

/// The other kind of file, where a table of this name is at home there.
fn other_file(schema: &Value, name: &str) -> Option<&'static str> {
    let (file, other) = if schema["title"] == schema::USHER {
        ("a tenant's file, such as tenants/contoso.toml", schema::tenant())
    } else {
        ("usher.toml", schema::usher())
    };
    other["properties"].get(name).map(|_| file)
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn expected(schema: &Value) -> &'static str {
    match schema["type"].as_str() {
        Some("integer") => "a whole number",
        Some("boolean") => "true or false",
        Some("array") => "a list",
        Some("object") => "a table",
        None => "text or a table",
        _ => "text in quotes",
    }
}

/// A value of the schema's form, as one would write it.
fn sample(schema: &Value) -> String {
    let example = &schema["examples"][0];
    let default = schema.get("default").filter(|value| !value.is_object() && !value.is_null());
    if let Some(value) = example.as_str().map(Value::from).or_else(|| default.cloned()) {
        return value.to_string();
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.first().map(Value::to_string).unwrap_or_default();
    }
    match schema["type"].as_str() {
        Some("integer") => "10".to_owned(),
        Some("boolean") => "true".to_owned(),
        Some("array") if schema["items"]["type"] == "object" => "[{ … }]".to_owned(),
        Some("array") => "[\"…\"]".to_owned(),
        Some("object") => "{ … }".to_owned(),
        _ => "\"…\"".to_owned(),
    }
}

fn listed(values: &[Value]) -> String {
    values.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")
}
