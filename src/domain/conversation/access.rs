//! Who may be in a conversation? Whoever holds its `resume_token`, and, once it was ever authenticated, has a token
//! of its identity besides.

use std::time::Duration;

use crate::domain::time::UnixTime;
use crate::domain::token::{Refusal, VerifiedCustomer};

use super::Conversation;

/// What a resume brings besides the `resume_token`, which is judged before it.
#[derive(Debug, Clone)]
pub enum Credential {
    /// No token.
    Absent,
    /// A token that is valid now.
    Valid(Box<VerifiedCustomer>),
    /// A token that is not.
    Refused(Box<Refusal>),
}

/// How a resume is let in.
#[derive(Debug, Clone)]
pub enum Admission {
    /// Into the conversation as it stands.
    AsItStands,
    /// Signing in, which the rules then judge.
    SigningIn(Box<VerifiedCustomer>),
}

/// Why a resume is not let in. The socket may try again; nothing of the history is shown.
#[derive(Debug, Clone)]
pub enum NotAdmitted {
    /// A token is needed and none came.
    AuthenticationRequired,
    /// The token is another identity's.
    SubjectMismatch,
    /// The token's own fault.
    Refused(Box<Refusal>),
}

impl Conversation {
    /// Judges a resume whose `resume_token` held.
    ///
    /// A token whose only fault is `exp`, at most `expired_for` past, still shows whose conversation it is: it opens
    /// one that is anonymous at this moment, and never one that is authenticated.
    ///
    /// # Errors
    /// Why it is not let in.
    pub fn admit(
        &self,
        now: UnixTime,
        credential: Credential,
        token_required: bool,
        expired_for: Duration,
    ) -> Result<Admission, NotAdmitted> {
        match credential {
            Credential::Absent if token_required || self.identity.is_some() => {
                Err(NotAdmitted::AuthenticationRequired)
            }
            Credential::Absent => Ok(Admission::AsItStands),
            Credential::Valid(customer) => {
                if self.is_anothers(customer.identity()) {
                    Err(NotAdmitted::SubjectMismatch)
                } else if self.is_open() {
                    Ok(Admission::SigningIn(customer))
                } else {
                    Ok(Admission::AsItStands)
                }
            }
            Credential::Refused(refusal) => {
                let Some(expired) = refusal.expired_customer() else {
                    return Err(NotAdmitted::Refused(refusal));
                };
                if self.is_anothers(expired.identity()) {
                    return Err(NotAdmitted::SubjectMismatch);
                }
                let recent = now.since(expired.expires_at()) <= expired_for;
                let anonymous = !self.authentication.is_authenticated() || self.due(now).is_some();
                if recent && anonymous && !token_required && self.identity.is_some() {
                    Ok(Admission::AsItStands)
                } else {
                    Err(NotAdmitted::Refused(refusal))
                }
            }
        }
    }

    fn is_anothers(&self, identity: &crate::domain::token::Identity) -> bool {
        self.identity.as_ref().is_some_and(|known| known != identity)
    }
}
