//! What a conversation holds after it was offered something: signed beats unsigned, always.

use std::collections::BTreeSet;

use super::offered::Offered;
use super::{ContextReport, MAX_ENTRIES, RejectionReason, Source, Variable, Variables};

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
pub fn merge_unsigned(held: &Variables, offered: &Offered, signed_ever: &BTreeSet<String>) -> Merged {
    let is_unsigned = |variable: &Variable| variable.source == Source::Widget;
    let is_signed = |name: &str| {
        signed_ever.contains(name) || held.get(name).is_some_and(|variable| !is_unsigned(variable))
    };
    let mut count = held.values().filter(|variable| is_unsigned(variable)).count();
    let mut variables = held.clone();
    let mut report = ContextReport::default();
    let mut seen = BTreeSet::new();
    for one in offered.variables() {
        let is_new = !held.get(&one.name).is_some_and(is_unsigned) && seen.insert(&one.name);
        count += usize::from(is_new);
        let taken = if is_new && count > MAX_ENTRIES {
            Err(RejectionReason::TooMany)
        } else {
            one.taken(is_signed(&one.name))
        };
        match taken {
            Ok(variable) => {
                report.accepted.push(one.name.clone());
                match variable {
                    Some(variable) => variables.insert(one.name.clone(), variable.clone()),
                    None => variables.remove(&one.name),
                };
            }
            Err(reason) => report.reject(&one.name, reason),
        }
    }
    Merged { changed: changed(held, &variables), variables, report }
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
