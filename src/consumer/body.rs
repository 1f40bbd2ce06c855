//! Request bodies, strictly: one JSON object of known members, each given once and of its type. All that is wrong
//! with one is told at once.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::domain::json::{self, Json, Object};

use super::member::{Form, Member};
use super::problem::{Code, Problem};
use super::query::quoted;

/// Bytes of a body: the longest message fits however it is escaped within the basic plane.
pub(super) const BODY_BYTES_MAX: usize = 65_536;
/// How long a body may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// Reads the whole body. An empty one is `{}`.
pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let reading = tokio::time::timeout(BODY_WITHIN, Limited::new(body, BODY_BYTES_MAX).collect());
    let Ok(read) = reading.await else {
        let seconds = BODY_WITHIN.as_secs();
        let detail = format!("The body did not arrive within {seconds} s: send it whole, at once.");
        return Err(Problem::new(Code::RequestTimeout, detail));
    };
    let bytes = match read {
        Ok(whole) => whole.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let detail = format!("The body is over {BODY_BYTES_MAX} bytes: send a smaller one.");
            return Err(Problem::new(Code::BodyTooLarge, detail));
        }
        Err(_) => return Err(Problem::invalid("The body broke off: send it whole.")),
    };
    if bytes.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    if is_json(headers) {
        return Ok(bytes);
    }
    let detail = "The body must be JSON: send it with the header Content-Type: application/json.";
    Err(Problem::new(Code::UnsupportedMediaType, detail))
}

fn is_json(headers: &HeaderMap) -> bool {
    let written = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = written.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// The members of a body, and what is wrong with them.
#[derive(Debug)]
pub(super) struct Members<'a> {
    known: &'static [Member],
    object: Object<'a>,
    faults: Vec<String>,
}

impl<'a> Members<'a> {
    /// Reads a body whose members are among `known`.
    pub(super) fn parse(bytes: &'a [u8], known: &'static [Member]) -> Result<Self, Problem> {
        let object = match json::parse_bytes(bytes) {
            Ok(Json::Object(object)) => object,
            Ok(other) => {
                return Err(Problem::invalid(format!(
                    "The body must be a JSON object, not {}.",
                    other.kind()
                )));
            }
            Err(fault) => return Err(Problem::invalid(format!("The body is not JSON: {fault}."))),
        };
        let mut faults = Vec::new();
        if let Some(name) = object.repeated() {
            faults.push(format!("the member {} is given more than once", quoted(name)));
        }
        let unknown: Vec<String> = object
            .names()
            .filter(|name| !known.iter().any(|member| member.name == *name))
            .map(quoted)
            .collect();
        if !unknown.is_empty() {
            let takes = known.iter().map(|member| member.name).collect::<Vec<_>>().join(", ");
            faults.push(format!("unknown: {}; this call takes {takes}", unknown.join(", ")));
        }
        Ok(Self { known, object, faults })
    }

    /// Whether the body is `{}`.
    pub(super) const fn is_empty(&self) -> bool {
        self.object.is_empty()
    }

    /// Notes a fault of a member.
    pub(super) fn fault(&mut self, fault: impl Into<String>) {
        self.faults.push(fault.into());
    }

    /// Whether the member is there, whatever it is.
    pub(super) fn has(&self, name: &str) -> bool {
        self.object.first(name).is_some()
    }

    /// The member as it came.
    pub(super) fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.object.first(name)
    }

    /// A string, where the member is there.
    pub(super) fn string(&mut self, name: &str) -> Option<String> {
        match self.object.first(name) {
            None => None,
            Some(Json::String(text)) => Some(text.clone().into_owned()),
            Some(other) => {
                let remedy = if *other == Json::Null { "; leave it out where there is none" } else { "" };
                self.faults.push(format!("{name} must be a string, not {}{remedy}", other.kind()));
                None
            }
        }
    }

    /// A string that must be there.
    pub(super) fn required(&mut self, name: &str) -> Option<String> {
        if self.object.first(name).is_none() {
            self.faults.push(format!("{name} is missing"));
        }
        self.string(name)
    }

    /// The form that a member is declared with.
    fn form(&self, name: &str) -> Option<Form> {
        self.known.iter().find(|member| member.name == name).map(|member| member.form)
    }

    /// A whole number in its range, that must be there.
    pub(super) fn number(&mut self, name: &str) -> Option<u64> {
        let Some(Form::Number { least, most }) = self.form(name) else { return None };
        let number = match self.object.first(name) {
            None => {
                self.faults.push(format!("{name} is missing"));
                return None;
            }
            Some(Json::Number(number)) => number.text().parse().ok(),
            Some(_) => None,
        };
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.faults.push(format!("{name} must be a whole number from {least} to {most}"));
        }
        number
    }

    /// A string for people, on one line and of so many characters, where the member is there.
    pub(super) fn label(&mut self, name: &str) -> Option<String> {
        let Some(Form::Label { most }) = self.form(name) else { return None };
        let text = self.string(name)?;
        let count = text.chars().count();
        if (1..=most).contains(&count) && !text.contains(char::is_control) && !text.trim().is_empty() {
            return Some(text);
        }
        let rule = "not only blanks and no control characters";
        self.faults.push(format!("{name} must have 1 to {most} characters, {rule}"));
        None
    }

    /// All that was found wrong, if anything was.
    pub(super) fn finish(self) -> Result<(), Problem> {
        if self.faults.is_empty() { Ok(()) } else { Err(self.refused()) }
    }

    /// All that was found wrong.
    pub(super) fn refused(self) -> Problem {
        Problem::invalid(format!("The body is not as it must be: {}.", self.faults.join("; ")))
    }
}
