//! What a conversation holds after it was offered something: signed beats unsigned, always.

use std::collections::BTreeSet;

use crate::domain::json::{Json, Object};

use super::entry::{check_name, declared, read};
use super::signed::occurrences;
use super::{ContextPolicy, ContextReport, MAX_ENTRIES, RejectionReason, Source, Variable, Variables};

/// The outcome of an offer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Merged {
    /// All variables after it.
    pub variables: Variables,
    /// The names whose variable is new, different or gone, in alphabetical order.
    pub changed: Vec<String>,
    /// What became of each name offered. A removal that was done is accepted.
    pub report: ContextReport,
}

/// What the page offers, merged into what is held: `null` and `""` remove, and nothing that a token has given moves.
///
/// `signed_ever` are the names that any token has given in this conversation; they are out of the page's reach for
/// good. Unsigned variables are counted apart from signed ones: those held, and each new name offered.
#[must_use]
pub fn merge_unsigned(
    held: &Variables,
    offered: &Object<'_>,
    signed_ever: &BTreeSet<String>,
    policy: &ContextPolicy,
) -> Merged {
    let is_unsigned = |variable: &Variable| variable.source == Source::Widget;
    let mut count = held.values().filter(|variable| is_unsigned(variable)).count();
    let mut variables = held.clone();
    let mut report = ContextReport::default();
    let mut seen = BTreeSet::new();
    let times = occurrences(offered);
    for (name, entry) in offered.members() {
        let is_new = !held.get(name).is_some_and(is_unsigned) && seen.insert(name);
        count += usize::from(is_new);
        let read = || {
            if is_new && count > MAX_ENTRIES {
                return Err(RejectionReason::TooMany);
            }
            check_name(name)?;
            if times[name] > 1 {
                return Err(RejectionReason::Duplicate);
            }
            unsigned(name, entry, held, signed_ever, policy)
        };
        match read() {
            Ok(variable) => {
                report.accepted.push(name.to_owned());
                match variable {
                    Some(variable) => variables.insert(name.to_owned(), variable),
                    None => variables.remove(name),
                };
            }
            Err(reason) => report.reject(name, reason),
        }
    }
    Merged { changed: changed(held, &variables), variables, report }
}

fn unsigned(
    name: &str,
    entry: &Json<'_>,
    held: &Variables,
    signed_ever: &BTreeSet<String>,
    policy: &ContextPolicy,
) -> Result<Option<Variable>, RejectionReason> {
    let is_signed = held.get(name).is_some_and(|variable| variable.source == Source::Token);
    if is_signed || signed_ever.contains(name) {
        return Err(RejectionReason::SignedWins);
    }
    let declared = declared(name, policy)?;
    if declared.signed {
        return Err(RejectionReason::SignedOnly);
    }
    read(entry, declared.kind, Source::Widget)
}

/// A token's variables in place of those of the token before it; an unsigned one of the same name gives way.
#[must_use]
pub fn replace_signed(held: &Variables, signed: &Variables) -> Merged {
    let kept = held.iter().filter(|(_, variable)| variable.source == Source::Widget);
    let variables: Variables =
        kept.chain(signed).map(|(name, variable)| (name.clone(), variable.clone())).collect();
    let report = ContextReport { accepted: signed.keys().cloned().collect(), rejected: Vec::new() };
    Merged { changed: changed(held, &variables), variables, report }
}

fn changed(before: &Variables, after: &Variables) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names.into_iter().filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}
