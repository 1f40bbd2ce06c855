//! Why a token was not accepted, in words for whoever can do something about it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::keys::Fingerprint;
use crate::domain::time::UnixTime;

#[cfg(test)]
use super::VerifiedCustomer;
use super::{Identity, Revocations};

/// Why a token was not accepted; the codes are those of the widget protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Longer than the tenant takes.
    TooLarge,
    /// Not a compact JWS with a JSON object in its header and payload.
    Malformed,
    /// Signed, or not signed, with something else than RS256.
    UnsupportedAlg,
    /// The tenant's keys could not be had.
    KeysUnavailable,
    /// The header names no key, or one that the tenant doesn't publish.
    UnknownKid,
    /// The key that it names is past its `expiry`.
    KeyExpired,
    /// The signature is not one by that key.
    BadSignature,
    /// A claim that is required isn't there.
    MissingClaim,
    /// A claim isn't of the form, or not one of the values, that it must be.
    InvalidClaim,
    /// It, its customer or its key was revoked.
    Revoked,
    /// Past its `exp`.
    Expired,
    /// Before its `nbf`.
    NotYetValid,
    /// Before its `iat`.
    IssuedInFuture,
    /// Its `lwicontexts` is faulty, and the tenant is strict about it.
    InvalidContext,
}

impl Reason {
    /// Every reason, in the order in which they are looked for.
    pub const ALL: [Self; 14] = [
        Self::TooLarge,
        Self::Malformed,
        Self::UnsupportedAlg,
        Self::KeysUnavailable,
        Self::UnknownKid,
        Self::KeyExpired,
        Self::BadSignature,
        Self::MissingClaim,
        Self::InvalidClaim,
        Self::Revoked,
        Self::Expired,
        Self::NotYetValid,
        Self::IssuedInFuture,
        Self::InvalidContext,
    ];

    /// The code on the wire and in metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::UnsupportedAlg => "unsupported_alg",
            Self::KeysUnavailable => "keys_unavailable",
            Self::UnknownKid => "unknown_kid",
            Self::KeyExpired => "key_expired",
            Self::BadSignature => "bad_signature",
            Self::MissingClaim => "missing_claim",
            Self::InvalidClaim => "invalid_claim",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::IssuedInFuture => "issued_in_future",
            Self::InvalidContext => "invalid_context",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The checks in their fixed order; a refusal at one means that all before it passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The length of the token and of its header.
    Size,
    /// Three parts of base64url, a header that is one.
    Form,
    /// RS256.
    Algorithm,
    /// The tenant's keys are there.
    Keys,
    /// The key that the header names is among them.
    Kid,
    /// That key still serves.
    KeyExpiry,
    /// It signed the token.
    Signature,
    /// The payload is a JSON object.
    Payload,
    /// The required claims are there.
    ClaimsPresent,
    /// The claims are what they must be.
    Claims,
    /// Nothing was revoked.
    Revocation,
    /// `exp`, `nbf` and `iat` against now.
    Time,
    /// `lwicontexts`.
    Context,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 13] = [
        Self::Size,
        Self::Form,
        Self::Algorithm,
        Self::Keys,
        Self::Kid,
        Self::KeyExpiry,
        Self::Signature,
        Self::Payload,
        Self::ClaimsPresent,
        Self::Claims,
        Self::Revocation,
        Self::Time,
        Self::Context,
    ];

    /// What is checked, in a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Form => "form",
            Self::Algorithm => "algorithm",
            Self::Keys => "keys",
            Self::Kid => "kid",
            Self::KeyExpiry => "key's expiry",
            Self::Signature => "signature",
            Self::Payload => "payload's form",
            Self::ClaimsPresent => "claims present",
            Self::Claims => "claims valid",
            Self::Revocation => "revocations",
            Self::Time => "exp, nbf, iat",
            Self::Context => "lwicontexts",
        }
    }
}

/// A token that was not accepted. Nothing in it quotes the token, a claim's value or a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The one reason.
    pub reason: Reason,
    /// The check that it failed.
    pub step: Step,
    /// What is wrong with this token.
    pub message: Cow<'static, str>,
    /// What to do next, and whose it is to do.
    pub action: Cow<'static, str>,
    /// Whether the same token may be accepted on another try.
    pub temporary: bool,
    /// How long to wait before that try, where it is known.
    pub retry_after: Option<Duration>,
    expired: Option<Box<ExpiredCustomer>>,
}

/// A customer whose token would be accepted but for its `exp`: known, and no longer authenticated.
///
/// Like a verified customer, it comes from a verification alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiredCustomer {
    pub(super) identity: Identity,
    pub(super) issued_at: UnixTime,
    pub(super) expires_at: UnixTime,
    pub(super) kid: Option<Arc<str>>,
    pub(super) fingerprint: Fingerprint,
}

impl ExpiredCustomer {
    /// Who it was.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The token's `iat`.
    #[must_use]
    pub const fn issued_at(&self) -> UnixTime {
        self.issued_at
    }

    /// Whether the token is among the tenant's revocations.
    #[must_use]
    pub fn is_revoked(&self, revocations: &Revocations) -> bool {
        revocations.cover(&self.identity, self.issued_at, self.kid.as_deref(), self.fingerprint)
    }

    /// When the token ended: its `exp` with the tenant's grace.
    #[must_use]
    pub const fn expires_at(&self) -> UnixTime {
        self.expires_at
    }
}

impl Refusal {
    pub(super) fn new(
        reason: Reason,
        step: Step,
        message: impl Into<Cow<'static, str>>,
        action: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            reason,
            step,
            message: message.into(),
            action: action.into(),
            temporary: false,
            retry_after: None,
            expired: None,
        }
    }

    pub(super) fn with_expired(self, customer: ExpiredCustomer) -> Self {
        Self { expired: Some(Box::new(customer)), ..self }
    }

    /// The tenant's keys could not be had, so nothing can be said of the token. Temporary.
    #[must_use]
    pub fn keys_unavailable(retry_after: Option<Duration>) -> Self {
        let message =
            "the public keys of this tenant can't be had at the moment, so the token can't be checked";
        let action = "try again later; if it lasts, whoever runs the key endpoint finds the cause with \
                      `usher keys inspect` and in the gateway's log";
        Self {
            temporary: true,
            retry_after,
            ..Self::new(Reason::KeysUnavailable, Step::Keys, message, action)
        }
    }

    /// A token that was revoked, or is older than a sign-out or a revocation that its conversation has seen.
    #[must_use]
    pub fn revoked() -> Self {
        let message = "the token was revoked, or its customer has signed out since it was issued";
        Self::new(Reason::Revoked, Step::Revocation, message, "sign in again for a new token")
    }

    /// A token that was good when it was judged, and whose time ran out before the verdict took effect.
    #[must_use]
    pub fn expired_meanwhile() -> Self {
        let message = "the token has just expired (exp)";
        Self::new(Reason::Expired, Step::Time, message, "fetch a fresh token from the token service")
    }

    /// The same refusal in other words: those of an operator's own tool, which may say more.
    #[must_use]
    pub fn in_words(self, message: String, action: String) -> Self {
        Self { message: message.into(), action: action.into(), ..self }
    }

    /// The same refusal, of which a later try may tell otherwise: fresh keys may be there by then.
    #[must_use]
    pub fn try_again_after(self, wait: Duration) -> Self {
        Self { temporary: true, retry_after: Some(wait), ..self }
    }

    /// A refusal for `exp` alone, for the tests of what comes after the verdict.
    #[cfg(test)]
    pub(crate) fn expired_for_tests(subject: &str, issued_at: UnixTime, expires_at: UnixTime) -> Self {
        let variables = crate::domain::context::Variables::new();
        Self::expired_of_tests(&VerifiedCustomer::for_tests(subject, issued_at, expires_at, variables))
    }

    /// The same of a token that would have made this customer.
    #[cfg(test)]
    pub(crate) fn expired_of_tests(customer: &VerifiedCustomer) -> Self {
        let refusal = Self::new(Reason::Expired, Step::Time, "the token has expired", "get another one");
        refusal.with_expired(ExpiredCustomer {
            identity: customer.identity().clone(),
            issued_at: customer.issued_at(),
            expires_at: customer.expires_at(),
            kid: customer.kid().cloned(),
            fingerprint: customer.fingerprint(),
        })
    }

    /// The customer, where `exp` is the only thing that is wrong with the token.
    #[must_use]
    pub fn expired_customer(&self) -> Option<&ExpiredCustomer> {
        self.expired.as_deref()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.reason, self.message, self.action)
    }
}

impl std::error::Error for Refusal {}
