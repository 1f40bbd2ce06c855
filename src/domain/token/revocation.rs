//! What was revoked of a tenant's tokens, customers and keys.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::domain::keys::Fingerprint;
use crate::domain::time::UnixTime;

use super::Identity;

/// One tenant's revocations as a value. None to begin with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Revocations {
    everyone: Option<UnixTime>,
    identities: HashMap<Identity, UnixTime>,
    kids: HashSet<Arc<str>>,
    fingerprints: HashSet<Fingerprint>,
}

impl Revocations {
    /// Tokens of this identity that were issued before the instant; the latest such instant counts.
    pub fn revoke_identity(&mut self, identity: Identity, issued_before: UnixTime) {
        let instant = self.identities.entry(identity).or_insert(issued_before);
        *instant = issued_before.max(*instant);
    }

    /// Tokens of anybody that were issued before the instant; the latest such instant counts.
    pub fn revoke_everyone(&mut self, issued_before: UnixTime) {
        self.everyone = self.everyone.max(Some(issued_before));
    }

    /// Every token signed by the key published under this name, whatever its `iat`.
    pub fn revoke_kid(&mut self, kid: Arc<str>) {
        self.kids.insert(kid);
    }

    /// Every token signed by this key, under whatever name, whatever its `iat`.
    pub fn revoke_key(&mut self, fingerprint: Fingerprint) {
        self.fingerprints.insert(fingerprint);
    }

    /// Whether a token of `identity`, issued at `issued_at` and signed by that key, is revoked.
    #[must_use]
    pub fn cover(
        &self,
        identity: &Identity,
        issued_at: UnixTime,
        kid: Option<&str>,
        key: Fingerprint,
    ) -> bool {
        self.everyone.is_some_and(|before| issued_at < before)
            || self.identities.get(identity).is_some_and(|&before| issued_at < before)
            || kid.is_some_and(|kid| self.kids.contains(kid))
            || self.fingerprints.contains(&key)
    }
}
