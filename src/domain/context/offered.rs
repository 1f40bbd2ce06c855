//! What a page offers, read by the tenant's declarations: all that can be said of it without the conversation.

use crate::domain::json::{Json, Object};

use super::entry::{check_name, declared, read};
use super::signed::occurrences;
use super::{ContextPolicy, RejectionReason, Source, Variable};

/// A page's variables before they are [merged](super::merge_unsigned), in the order offered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Offered(Vec<OfferedVariable>);

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OfferedVariable {
    pub(super) name: String,
    /// Whether the name can be one, and stands once.
    named: Result<(), RejectionReason>,
    /// The value by the tenant's declarations; none where it says that there is no such variable.
    value: Result<Option<Variable>, RejectionReason>,
}

impl Offered {
    /// Reads what a page offers. It never fails: each variable keeps what is wrong with it.
    #[must_use]
    pub fn read(context: &Object<'_>, policy: &ContextPolicy) -> Self {
        let times = occurrences(context);
        let one = |(name, entry): (&str, &Json<'_>)| OfferedVariable {
            name: name.to_owned(),
            named: check_name(name)
                .and_then(|()| if times[name] > 1 { Err(RejectionReason::Duplicate) } else { Ok(()) }),
            value: unsigned(name, entry, policy),
        };
        Self(context.members().map(one).collect())
    }

    pub(super) fn variables(&self) -> &[OfferedVariable] {
        &self.0
    }
}

impl OfferedVariable {
    /// What is taken of it. A name that a token has given is out of the page's reach, whatever its value.
    pub(super) fn taken(&self, is_signed: bool) -> Result<Option<&Variable>, RejectionReason> {
        self.named?;
        if is_signed {
            return Err(RejectionReason::SignedWins);
        }
        self.value.as_ref().map(Option::as_ref).map_err(|reason| *reason)
    }
}

fn unsigned(
    name: &str,
    entry: &Json<'_>,
    policy: &ContextPolicy,
) -> Result<Option<Variable>, RejectionReason> {
    let declared = declared(name, policy)?;
    if declared.signed {
        return Err(RejectionReason::SignedOnly);
    }
    read(entry, declared.kind, Source::Widget)
}
