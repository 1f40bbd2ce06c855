//! The context of a token: its claim `lwicontexts`.

use std::collections::BTreeMap;

use crate::domain::json::{self, Json, Object};

use super::entry::{check_name, declared, read};
use super::{
    ContextPolicy, ContextReport, MAX_ENTRIES, RejectedVariable, RejectionReason, Source, Variables,
};

/// The claim's name, which also stands in the report where the claim as a whole can't be read.
const CLAIM: &str = "lwicontexts";

/// Reads the claim: an object, or a string that holds one. It never fails: the report says what was not taken.
///
/// A string is parsed once; values within it that are JSON text themselves stay text.
#[must_use]
pub fn read_signed(claim: Option<&Json<'_>>, policy: &ContextPolicy) -> (Variables, ContextReport) {
    match claim {
        None | Some(Json::Null) => Default::default(),
        Some(Json::String(text)) if text.is_empty() => Default::default(),
        Some(Json::Object(object)) => entries(object, policy),
        Some(Json::String(text)) => match json::parse(text) {
            Ok(Json::Object(object)) => entries(&object, policy),
            _ => unreadable(),
        },
        Some(_) => unreadable(),
    }
}

fn unreadable() -> (Variables, ContextReport) {
    let rejected = vec![RejectedVariable::new(CLAIM, RejectionReason::WrongType)];
    (Variables::new(), ContextReport { accepted: Vec::new(), rejected })
}

fn entries(object: &Object<'_>, policy: &ContextPolicy) -> (Variables, ContextReport) {
    let mut variables = Variables::new();
    let mut report = ContextReport::default();
    let times = occurrences(object);
    for (position, (name, entry)) in object.members().enumerate() {
        let read = || {
            if position >= MAX_ENTRIES {
                return Err(RejectionReason::TooMany);
            }
            check_name(name)?;
            if times[name] > 1 {
                return Err(RejectionReason::Duplicate);
            }
            read(entry, declared(name, policy)?.kind, Source::Token)
        };
        match read() {
            Ok(Some(variable)) => {
                report.accepted.push(name.to_owned());
                variables.insert(name.to_owned(), variable);
            }
            Ok(None) => {}
            Err(reason) => report.reject(name, reason),
        }
    }
    (variables, report)
}

/// How often each name stands in the object.
pub(super) fn occurrences<'o>(object: &'o Object<'_>) -> BTreeMap<&'o str, usize> {
    object.names().fold(BTreeMap::new(), |mut times, name| {
        *times.entry(name).or_default() += 1;
        times
    })
}
