//! Who may be in a conversation? Whoever holds its `resume_token`, and, once it was ever authenticated, has a token
//! of its identity besides.

use std::time::Duration;

use crate::domain::time::UnixTime;
use crate::domain::token::{Identity, Refusal, Revocations, VerifiedCustomer};

use super::{Authenticated, Conversation};

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

/// What letting somebody in depends on besides the conversation.
#[derive(Debug, Clone, Copy)]
pub struct AdmissionPolicy<'a> {
    /// Whether the widget takes nobody without a valid token.
    pub token_required: bool,
    /// How long a token whose time is up still opens an anonymous conversation of its identity.
    pub expired_for: Duration,
    /// The tenant's revocations as they are now: the token was judged a moment ago.
    pub revocations: &'a Revocations,
}

/// How a resume is let in.
#[derive(Debug, Clone)]
pub enum Admission {
    /// Into the conversation as it stands.
    AsItStands,
    /// Signing in, which the rules then judge.
    SigningIn(Box<VerifiedCustomer>),
}

/// Why somebody is not let in. The socket may try again; nothing of the history is shown.
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
    /// one that is anonymous at this moment, and never one that is authenticated. What is due must have happened.
    ///
    /// # Errors
    /// Why it is not let in.
    pub fn admit(
        &self,
        now: UnixTime,
        credential: Credential,
        policy: AdmissionPolicy<'_>,
    ) -> Result<Admission, NotAdmitted> {
        match credential {
            Credential::Absent if policy.token_required || self.identity.is_some() => {
                Err(NotAdmitted::AuthenticationRequired)
            }
            Credential::Absent => Ok(Admission::AsItStands),
            Credential::Valid(customer) => {
                self.admit_identity(customer.identity(), customer.issued_at())?;
                if Authenticated::from(&*customer).is_revoked(policy.revocations) {
                    return Err(NotAdmitted::Refused(Box::new(Refusal::revoked())));
                }
                Ok(if self.is_open() { Admission::SigningIn(customer) } else { Admission::AsItStands })
            }
            Credential::Refused(refusal) => self.admit_expired(now, refusal, policy),
        }
    }

    fn admit_expired(
        &self,
        now: UnixTime,
        refusal: Box<Refusal>,
        policy: AdmissionPolicy<'_>,
    ) -> Result<Admission, NotAdmitted> {
        let Some(expired) = refusal.expired_customer() else { return Err(NotAdmitted::Refused(refusal)) };
        self.admit_identity(expired.identity(), expired.issued_at())?;
        if expired.is_revoked(policy.revocations) {
            return Err(NotAdmitted::Refused(Box::new(Refusal::revoked())));
        }
        let recent = now.since(expired.expires_at()) <= policy.expired_for;
        let anonymous = !self.authentication.is_authenticated();
        if recent && anonymous && !policy.token_required && self.identity.is_some() {
            Ok(Admission::AsItStands)
        } else {
            Err(NotAdmitted::Refused(refusal))
        }
    }

    /// Whose conversation it is, and that the token came after every sign-out and revocation in it.
    fn admit_identity(&self, identity: &Identity, issued_at: UnixTime) -> Result<(), NotAdmitted> {
        if self.identity.as_ref().is_some_and(|known| known != identity) {
            return Err(NotAdmitted::SubjectMismatch);
        }
        if self.is_barred(issued_at) { Err(NotAdmitted::AuthenticationRequired) } else { Ok(()) }
    }
}
