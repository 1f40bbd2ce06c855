//! What was revoked of a tenant's tokens, customers and keys.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::id::ConversationId;
use crate::domain::keys::Fingerprint;
use crate::domain::time::UnixTime;

use super::{Identity, TokenPolicy};

/// One thing that a tenant takes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revocation {
    /// The tokens of one customer that were issued before an instant.
    Identity {
        /// Whose.
        identity: Identity,
        /// Tokens issued at this instant or later are taken.
        issued_before: UnixTime,
    },
    /// The tokens of anybody that were issued before an instant.
    Everyone {
        /// Tokens issued at this instant or later are taken.
        issued_before: UnixTime,
    },
    /// Every token signed by the key that is published under this name.
    Kid(Arc<str>),
    /// Every token signed by this key, under whatever name.
    Key(Fingerprint),
    /// The authentication that stood in one conversation. It ended there and then; this is the memory of it.
    Conversation(ConversationId),
}

impl Revocation {
    /// The instant from which on tokens are taken, where there is one.
    #[must_use]
    pub const fn issued_before(&self) -> Option<UnixTime> {
        match self {
            Self::Identity { issued_before, .. } | Self::Everyone { issued_before } => Some(*issued_before),
            Self::Kid(_) | Self::Key(_) | Self::Conversation(_) => None,
        }
    }

    /// The same with another instant, where there is one.
    #[must_use]
    pub fn with_issued_before(self, issued_before: UnixTime) -> Self {
        match self {
            Self::Identity { identity, .. } => Self::Identity { identity, issued_before },
            Self::Everyone { .. } => Self::Everyone { issued_before },
            other @ (Self::Kid(_) | Self::Key(_) | Self::Conversation(_)) => other,
        }
    }

    /// The last instant at which one that was made at `made_at` may matter; none where it stays until it is lifted.
    /// A key can sign anew at any time, so those stay. `kept_for` is what [`kept_for`] says of the tenant.
    #[must_use]
    pub fn until(&self, made_at: UnixTime, kept_for: Duration) -> Option<UnixTime> {
        match self {
            Self::Identity { issued_before, .. } | Self::Everyone { issued_before } => {
                Some(issued_before.plus(kept_for))
            }
            Self::Conversation(_) => Some(made_at.plus(kept_for)),
            Self::Kid(_) | Self::Key(_) => None,
        }
    }

    /// Whether it can't matter any more.
    #[must_use]
    pub fn is_over(&self, made_at: UnixTime, kept_for: Duration, now: UnixTime) -> bool {
        self.until(made_at, kept_for).is_some_and(|until| now > until)
    }
}

/// How long after its issue a tenant's token may be of any use: until its end, and then for as long as an expired one
/// still opens a conversation.
#[must_use]
pub fn kept_for(policy: &TokenPolicy, resume_expired_for: Duration) -> Duration {
    policy.max_token_lifetime.saturating_add(policy.expiry_grace).saturating_add(resume_expired_for)
}

/// One tenant's revocations as a value. None to begin with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Revocations {
    everyone: Option<UnixTime>,
    identities: HashMap<Identity, UnixTime>,
    kids: HashSet<Arc<str>>,
    fingerprints: HashSet<Fingerprint>,
}

impl Revocations {
    /// Adds one. Of several instants for the same tokens, the latest counts.
    pub fn add(&mut self, revocation: &Revocation) {
        match revocation {
            Revocation::Identity { identity, issued_before } => {
                self.revoke_identity(identity.clone(), *issued_before);
            }
            Revocation::Everyone { issued_before } => self.revoke_everyone(*issued_before),
            Revocation::Kid(kid) => self.revoke_kid(kid.clone()),
            Revocation::Key(fingerprint) => self.revoke_key(*fingerprint),
            Revocation::Conversation(_) => {}
        }
    }

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

impl<'a> FromIterator<&'a Revocation> for Revocations {
    fn from_iter<I: IntoIterator<Item = &'a Revocation>>(revocations: I) -> Self {
        let mut all = Self::default();
        revocations.into_iter().for_each(|one| all.add(one));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Fingerprint = Fingerprint([7; 32]);

    fn identity(subject: &str) -> Identity {
        Identity { issuer: "contosohelp.com".into(), subject: subject.into() }
    }

    fn of_alice(issued_before: UnixTime) -> Revocation {
        Revocation::Identity { identity: identity("alice"), issued_before }
    }

    fn millis(offset: i64) -> UnixTime {
        UnixTime::from_millis(1_760_000_000_000 + offset)
    }

    fn cover(revocations: &[Revocation], subject: &str, issued_at: UnixTime) -> bool {
        let revocations: Revocations = revocations.iter().collect();
        revocations.cover(&identity(subject), issued_at, Some("a"), KEY)
    }

    #[test]
    fn a_token_is_revoked_where_it_was_issued_before_the_instant() {
        let everyone = Revocation::Everyone { issued_before: millis(0) };
        for (offset, revoked) in [(-1, true), (0, false), (1, false)] {
            assert_eq!(cover(&[of_alice(millis(0))], "alice", millis(offset)), revoked, "{offset}");
            assert_eq!(cover(std::slice::from_ref(&everyone), "bob", millis(offset)), revoked, "{offset}");
        }
        assert!(!cover(&[of_alice(millis(0))], "bob", millis(-1)));
        let elsewhere = Identity { issuer: "other.example".into(), subject: "alice".into() };
        let revocations: Revocations = [&of_alice(millis(0))].into_iter().collect();
        assert!(!revocations.cover(&elsewhere, millis(-1), None, KEY));
    }

    #[test]
    fn of_several_instants_the_latest_counts() {
        for both in [[millis(0), millis(5)], [millis(5), millis(0)]] {
            let of_one = both.map(of_alice);
            let of_all = both.map(|issued_before| Revocation::Everyone { issued_before });
            for (offset, revoked) in [(4, true), (5, false), (6, false)] {
                assert_eq!(cover(&of_one, "alice", millis(offset)), revoked, "{offset}");
                assert_eq!(cover(&of_all, "alice", millis(offset)), revoked, "{offset}");
            }
        }
    }

    #[test]
    fn a_key_is_revoked_whenever_the_token_was_issued() {
        for revocation in [Revocation::Kid("a".into()), Revocation::Key(KEY)] {
            assert!(cover(std::slice::from_ref(&revocation), "alice", UnixTime::MAX), "{revocation:?}");
        }
        let others = [Revocation::Kid("b".into()), Revocation::Key(Fingerprint([8; 32]))];
        assert!(!cover(&others, "alice", UnixTime::EPOCH));
        let by_name: Revocations = [&Revocation::Kid("a".into())].into_iter().collect();
        assert!(!by_name.cover(&identity("alice"), millis(0), None, KEY), "no kid is no kid's");
    }

    #[test]
    fn a_conversation_covers_no_token() {
        let conversation = Revocation::Conversation(ConversationId::from_bytes([1; 16]));
        assert_eq!([&conversation].into_iter().collect::<Revocations>(), Revocations::default());
    }

    #[test]
    fn one_is_kept_until_the_last_token_issued_before_it_is_of_no_use() {
        let policy = TokenPolicy { expiry_grace: Duration::from_secs(7), ..TokenPolicy::default() };
        let kept_for = kept_for(&policy, Duration::from_hours(3));
        assert_eq!(kept_for, Duration::from_hours(27) + Duration::from_secs(7));
        let (made_at, issued_before) = (millis(0), millis(500));
        for timed in [of_alice(issued_before), Revocation::Everyone { issued_before }] {
            assert_eq!(timed.until(made_at, kept_for), Some(issued_before.plus(kept_for)));
        }
        let conversation = Revocation::Conversation(ConversationId::from_bytes([1; 16]));
        assert_eq!(conversation.until(made_at, kept_for), Some(made_at.plus(kept_for)));
        for lasting in [Revocation::Kid("a".into()), Revocation::Key(KEY)] {
            assert_eq!(lasting.until(made_at, kept_for), None);
        }
    }

    #[test]
    fn one_is_over_after_the_last_instant_at_which_it_may_matter() {
        let kept_for = Duration::from_hours(48);
        let conversation = Revocation::Conversation(ConversationId::from_bytes([1; 16]));
        for (revocation, until) in [(of_alice(millis(500)), 500), (conversation, 0)] {
            let last = millis(until).plus(kept_for).millis();
            for (offset, over) in [(-1, false), (0, false), (1, true)] {
                let now = UnixTime::from_millis(last + offset);
                assert_eq!(revocation.is_over(millis(0), kept_for, now), over, "{revocation:?} {offset}");
            }
        }
        assert!(!Revocation::Key(KEY).is_over(millis(0), kept_for, UnixTime::MAX));
    }

    #[test]
    fn another_instant_changes_only_what_has_one() {
        assert_eq!(of_alice(millis(0)).with_issued_before(millis(1)), of_alice(millis(1)));
        let kid = Revocation::Kid("a".into());
        assert_eq!(kid.clone().with_issued_before(millis(1)), kid);
    }
}
