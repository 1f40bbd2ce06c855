//! The outcome of a successful verification, which nothing outside this module can make.

use std::sync::Arc;

use crate::domain::context::{ContextReport, Variables};
use crate::domain::keys::Fingerprint;
use crate::domain::time::UnixTime;

/// Who the customer is to the tenant; compared byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The token's `iss`.
    pub issuer: Arc<str>,
    /// The token's `sub`.
    pub subject: Arc<str>,
}

/// What will end the authentication, whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthenticationEnd {
    /// The token's `exp` with the tenant's grace.
    TokenExpired,
    /// The `expiry` of the key that signed it, where the tenant enforces it.
    KeyExpired,
}

/// A customer whose token was verified. The only way to one is [`verify`](super::verify).
///
/// It can't be written down, so nobody is authenticated by mistake:
///
/// ```compile_fail,E0451
/// use usher::domain::keys::Fingerprint;
/// use usher::domain::time::UnixTime;
/// use usher::domain::token::{AuthenticationEnd, Identity, VerifiedCustomer};
///
/// let mallory = VerifiedCustomer {
///     identity: Identity { issuer: "contosohelp.com".into(), subject: "alice".into() },
///     issued_at: UnixTime::EPOCH,
///     expires_at: UnixTime::MAX,
///     ends_by: AuthenticationEnd::TokenExpired,
///     kid: None,
///     fingerprint: Fingerprint([0; 32]),
///     variables: Default::default(),
///     context: Default::default(),
///     key_past_expiry: false,
/// };
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedCustomer {
    pub(super) identity: Identity,
    pub(super) issued_at: UnixTime,
    pub(super) expires_at: UnixTime,
    pub(super) ends_by: AuthenticationEnd,
    pub(super) kid: Option<Arc<str>>,
    pub(super) fingerprint: Fingerprint,
    pub(super) variables: Variables,
    pub(super) context: ContextReport,
    pub(super) key_past_expiry: bool,
}

impl VerifiedCustomer {
    /// Who it is.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The token's `iat`.
    #[must_use]
    pub const fn issued_at(&self) -> UnixTime {
        self.issued_at
    }

    /// When the authentication ends: the downgrade's instant.
    #[must_use]
    pub const fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    /// What ends it then.
    #[must_use]
    pub const fn ends_by(&self) -> AuthenticationEnd {
        self.ends_by
    }

    /// The `kid` that the token named, where the keys are a set.
    #[must_use]
    pub const fn kid(&self) -> Option<&Arc<str>> {
        self.kid.as_ref()
    }

    /// The key that signed it.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The signed variables.
    #[must_use]
    pub const fn variables(&self) -> &Variables {
        &self.variables
    }

    /// What became of the variables in the token.
    #[must_use]
    pub const fn context(&self) -> &ContextReport {
        &self.context
    }

    /// Whether the key was past its `expiry` and the tenant asks for that to be said in the log.
    #[must_use]
    pub const fn key_past_expiry(&self) -> bool {
        self.key_past_expiry
    }

    /// A customer from nowhere, for the tests of what comes after the verdict.
    #[cfg(test)]
    pub(crate) fn for_tests(
        subject: &str,
        issued_at: UnixTime,
        expires_at: UnixTime,
        variables: Variables,
    ) -> Self {
        Self {
            identity: Identity { issuer: "contosohelp.com".into(), subject: subject.into() },
            issued_at,
            expires_at,
            ends_by: AuthenticationEnd::TokenExpired,
            kid: Some("a".into()),
            fingerprint: Fingerprint([7; 32]),
            variables,
            context: ContextReport::default(),
            key_past_expiry: false,
        }
    }

    /// The same from another issuer, by a key of this name.
    #[cfg(test)]
    pub(crate) fn issued_by(mut self, issuer: &str, kid: &str) -> Self {
        self.identity.issuer = issuer.into();
        Self { kid: Some(kid.into()), ..self }
    }

    /// The same, whose authentication the key's `expiry` ends.
    #[cfg(test)]
    pub(crate) fn ended_by_key(self) -> Self {
        Self { ends_by: AuthenticationEnd::KeyExpired, ..self }
    }
}
