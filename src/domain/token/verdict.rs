//! From a presented token to a verdict, in the fixed order of checks.

use std::sync::Arc;

use crate::domain::context;
use crate::domain::json::{self, Json, Object};
use crate::domain::keys::{Found, KeySet, PublicKey};
use crate::domain::time::UnixTime;

use super::claims::{self, Claims};
use super::refusal::{ExpiredCustomer, Reason, Refusal, Step};
use super::{AuthenticationEnd, KeyExpiry, Presented, Revocations, TokenPolicy, VerifiedCustomer, signature};

/// Judges a token against a tenant's keys at one instant: the whole of what the gateway does, in one call.
///
/// Where keys have to be fetched first, [`Presented::parse`] and [`Presented::verify`] are its two halves.
pub fn verify(
    token: &str,
    keys: &KeySet,
    revocations: &Revocations,
    policy: &TokenPolicy,
    now: UnixTime,
) -> Result<VerifiedCustomer, Refusal> {
    Presented::parse(token, policy)?.verify(keys, revocations, policy, now)
}

impl Presented<'_> {
    /// Judges the rest, with the tenant's keys.
    pub fn verify(
        &self,
        keys: &KeySet,
        revocations: &Revocations,
        policy: &TokenPolicy,
        now: UnixTime,
    ) -> Result<VerifiedCustomer, Refusal> {
        let key = self.key(keys)?;
        let ended = key.expiry().filter(|&expiry| now >= expiry);
        if let (Some(expiry), KeyExpiry::Enforce) = (ended, policy.key_expiry) {
            return Err(key_expired(expiry));
        }
        let key_past_expiry = ended.is_some() && policy.key_expiry == KeyExpiry::Warn;
        if !signature::holds(key, self.signing_input, self.signature) {
            return Err(bad_signature(keys));
        }
        let payload = payload(&self.payload)?;
        let claims = claims::read(&payload, policy)?;
        if revocations.cover(
            &claims.identity,
            claims.iat.floor,
            key.kid().map(AsRef::as_ref),
            key.fingerprint(),
        ) {
            return Err(Refusal::revoked());
        }
        judge(&payload, claims, key, policy, now)
            .map(|customer| VerifiedCustomer { key_past_expiry, ..customer })
    }

    fn key<'k>(&self, keys: &'k KeySet) -> Result<&'k PublicKey, Refusal> {
        if let Some(single) = keys.as_single() {
            return Ok(single);
        }
        let (message, action) = match self.kid().map(|kid| keys.find(kid)) {
            Some(Found::Key(key)) => return Ok(key),
            Some(Found::Duplicate) => (
                "the token names a key (kid) that is published twice with different keys, so neither is used",
                "whoever publishes the keys must give each its own kid",
            ),
            Some(Found::Absent) => (
                "the token names a key (kid) that the tenant does not publish",
                "the token service must name a key that is published, or the key must be published first",
            ),
            None => (
                "the token names no key (kid), and the tenant publishes a set of keys",
                "the token service must write the key's kid into the header",
            ),
        };
        Err(Refusal::new(Reason::UnknownKid, Step::Kid, message, action))
    }
}

fn key_expired(expiry: UnixTime) -> Refusal {
    Refusal::new(
        Reason::KeyExpired,
        Step::KeyExpiry,
        format!("the key that the token names has ended: its published expiry is {expiry}"),
        "the token service must sign with a current key, or the published expiry be set right; samples from \
         documentation carry expiries of 2020 (key_expiry = \"warn\" takes them)",
    )
}

fn bad_signature(keys: &KeySet) -> Refusal {
    let whose = if keys.as_single().is_some() {
        "the token is not signed by the key that the tenant publishes, or was changed since"
    } else {
        "the token is not signed by the key that it names, or was changed since"
    };
    let action = "the private key that signs and the public key that is published must be one pair; \
                  send the token unchanged";
    Refusal::new(Reason::BadSignature, Step::Signature, whose, action)
}

fn payload(bytes: &[u8]) -> Result<Object<'_>, Refusal> {
    let refused = |message: String| {
        let action = "the token service must sign a JSON object of claims, each of them once";
        Refusal::new(Reason::Malformed, Step::Payload, message, action)
    };
    match json::parse_bytes(bytes) {
        Ok(Json::Object(payload)) if payload.repeated().is_none() => Ok(payload),
        Ok(Json::Object(_)) => Err(refused("a claim stands twice in the token's payload".to_owned())),
        Ok(other) => {
            Err(refused(format!("the token's payload is {}, where a JSON object is expected", other.kind())))
        }
        Err(fault) => Err(refused(format!("the token's payload is not JSON: {fault}"))),
    }
}

/// The claims against now, then the context where that can refuse.
fn judge(
    payload: &Object<'_>,
    claims: Claims,
    key: &PublicKey,
    policy: &TokenPolicy,
    now: UnixTime,
) -> Result<VerifiedCustomer, Refusal> {
    let token_end = claims.exp.ceil.plus(policy.expiry_grace);
    let rest = not_early(&claims, policy, now).and_then(|()| context_of(payload, policy));
    if now >= token_end {
        return Err(expired(rest.is_ok(), claims, key, token_end));
    }
    let (variables, context) = rest?;
    let key_end = key.expiry().filter(|_| policy.key_expiry == KeyExpiry::Enforce);
    let (expires_at, ends_by) = match key_end {
        Some(key_end) if key_end < token_end => (key_end, AuthenticationEnd::KeyExpired),
        _ => (token_end, AuthenticationEnd::TokenExpired),
    };
    Ok(VerifiedCustomer {
        identity: claims.identity,
        issued_at: claims.iat.floor,
        expires_at,
        ends_by,
        kid: key.kid().map(Arc::clone),
        fingerprint: key.fingerprint(),
        variables,
        context,
        key_past_expiry: false,
    })
}

fn expired(only_that: bool, claims: Claims, key: &PublicKey, token_end: UnixTime) -> Refusal {
    let message = "the token has expired (exp)";
    let action =
        "fetch a fresh token from the token service; where every token arrives expired, its clock is behind";
    let refusal = Refusal::new(Reason::Expired, Step::Time, message, action);
    if !only_that {
        return refusal;
    }
    let Claims { identity, iat, .. } = claims;
    refusal.with_expired(ExpiredCustomer {
        identity,
        issued_at: iat.floor,
        expires_at: token_end,
        kid: key.kid().map(Arc::clone),
        fingerprint: key.fingerprint(),
    })
}

fn not_early(claims: &Claims, policy: &TokenPolicy, now: UnixTime) -> Result<(), Refusal> {
    let latest = now.plus(policy.clock_skew);
    if claims.nbf.is_some_and(|nbf| nbf.ceil > latest) {
        let message = "the token is not valid yet (nbf)";
        let action = "wait until it is; where every token arrives early, the token service's clock is ahead";
        return Err(Refusal::new(Reason::NotYetValid, Step::Time, message, action));
    }
    if claims.iat.ceil > latest {
        let message = "the token says that it was issued in the future (iat)";
        let action = "the token service's clock is ahead: set it right, or raise clock_skew";
        return Err(Refusal::new(Reason::IssuedInFuture, Step::Time, message, action));
    }
    Ok(())
}

type SignedContext = (context::Variables, context::ContextReport);

fn context_of(payload: &Object<'_>, policy: &TokenPolicy) -> Result<SignedContext, Refusal> {
    let (variables, report) = context::read_signed(payload.first("lwicontexts"), &policy.context);
    match report.rejected.first() {
        Some(first) if policy.strict_context => {
            let count = report.rejected.len();
            let message = format!(
                "the token's \"lwicontexts\" has {count} faulty entr{}; the first is {}",
                if count == 1 { "y" } else { "ies" },
                first.reason.code()
            );
            let action = "the token service must write an object of names with strings, numbers or booleans, \
                          each name once";
            Err(Refusal::new(Reason::InvalidContext, Step::Context, message, action))
        }
        _ => Ok((variables, report)),
    }
}
