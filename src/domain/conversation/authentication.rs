//! The state of authentication, which belongs to the conversation and not to a socket.

use std::sync::Arc;

use crate::domain::keys::Fingerprint;
use crate::domain::time::UnixTime;
use crate::domain::token::{AuthenticationEnd, Identity, Revocations, VerifiedCustomer};

/// Authenticated or anonymous: nothing between.
#[derive(Debug, Clone, PartialEq)]
pub enum Authentication {
    /// Nobody known.
    Anonymous,
    /// A verified customer, until its end.
    Authenticated(Authenticated),
}

impl Authentication {
    /// Whether it is authenticated.
    #[must_use]
    pub const fn is_authenticated(&self) -> bool {
        matches!(self, Self::Authenticated(_))
    }
}

/// An authentication that stands, and everything that may end it.
#[derive(Debug, Clone, PartialEq)]
pub struct Authenticated {
    /// As whom.
    pub identity: Identity,
    /// The token's `iat`.
    pub issued_at: UnixTime,
    /// The instant of the downgrade.
    pub expires_at: UnixTime,
    /// What ends it then.
    pub ends_by: AuthenticationEnd,
    /// The `kid` of the key that signed the token.
    pub kid: Option<Arc<str>>,
    /// That key.
    pub fingerprint: Fingerprint,
}

/// What ended an authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DowngradeReason {
    /// The token's time ran out.
    TokenExpired,
    /// The key that signed it ran out first.
    KeyExpired,
    /// The token, its customer's tokens, its key or this very authentication was revoked.
    Revoked,
    /// The customer signed out.
    SignedOut,
    /// The customer was not heard of for a while.
    Idle,
}

impl DowngradeReason {
    /// Whether somebody wanted the end: then the tokens taken so far are taken no more.
    #[must_use]
    pub const fn is_wanted(self) -> bool {
        matches!(self, Self::Revoked | Self::SignedOut)
    }
}

impl Authenticated {
    /// When the widget should have brought a fresh token: three quarters of the way to the end.
    #[must_use]
    pub fn refresh_by(&self) -> UnixTime {
        let life = self.expires_at.since(self.issued_at);
        self.issued_at.plus(life * 3 / 4)
    }

    /// Whether its token is among the tenant's revocations.
    #[must_use]
    pub fn is_revoked(&self, revocations: &Revocations) -> bool {
        revocations.cover(&self.identity, self.issued_at, self.kid.as_deref(), self.fingerprint)
    }

    /// The reason that a downgrade at `expires_at` has.
    #[must_use]
    pub const fn downgrade_reason(&self) -> DowngradeReason {
        match self.ends_by {
            AuthenticationEnd::TokenExpired => DowngradeReason::TokenExpired,
            AuthenticationEnd::KeyExpired => DowngradeReason::KeyExpired,
        }
    }
}

impl From<&VerifiedCustomer> for Authenticated {
    fn from(customer: &VerifiedCustomer) -> Self {
        Self {
            identity: customer.identity().clone(),
            issued_at: customer.issued_at(),
            expires_at: customer.expires_at(),
            ends_by: customer.ends_by(),
            kid: customer.kid().cloned(),
            fingerprint: customer.fingerprint(),
        }
    }
}
