//! The stored form of a revocation: JSON under `revocations/{id}`.
//!
//! The names of its members are its version. One that this version of usher doesn't know may narrow or widen what is
//! revoked, so such a value is not understood at all.

use serde::{Deserialize, Serialize};

use crate::domain::id::{ClientId, TenantId};
use crate::domain::keys::Fingerprint;
use crate::domain::time::UnixTime;
use crate::domain::token::{Identity, Revocation};

/// What the keys of all revocations begin with.
pub(super) const PREFIX: &str = "revocations/";

/// A revocation with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its id.
    pub id: String,
    /// Whose tokens it takes back.
    pub tenant: TenantId,
    /// What it takes back.
    pub revocation: Revocation,
    /// Whether the caller gave the instant; if not, it is the second after it was asked for.
    pub instant_given: bool,
    /// When it was made.
    pub created_at: UnixTime,
    /// How many conversations were authenticated by such tokens then.
    pub matched: u64,
    /// Who made it.
    pub client: ClientId,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    tenant: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conversation: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    everyone: bool,
    /// Milliseconds since the epoch, as the other times are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issued_before: Option<i64>,
    #[serde(default, skip_serializing_if = "is_false")]
    instant_given: bool,
    created_at: i64,
    matched: u64,
    client: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields by reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// The key of the revocation with this id.
pub(super) fn key(id: &str) -> String {
    format!("{PREFIX}{id}")
}

/// The id in a key.
pub(super) fn id(key: &str) -> Option<&str> {
    key.strip_prefix(PREFIX)
}

pub(super) fn encode(kept: &Kept) -> Vec<u8> {
    let mut stored = Stored {
        tenant: kept.tenant.to_string(),
        issued_before: kept.revocation.issued_before().map(UnixTime::millis),
        instant_given: kept.instant_given,
        created_at: kept.created_at.millis(),
        matched: kept.matched,
        client: kept.client.to_string(),
        ..Stored::default()
    };
    match &kept.revocation {
        Revocation::Identity { identity, .. } => {
            stored.subject = Some(identity.subject.to_string());
            stored.issuer = Some(identity.issuer.to_string());
        }
        Revocation::Everyone { .. } => stored.everyone = true,
        Revocation::Kid(kid) => stored.kid = Some(kid.to_string()),
        Revocation::Key(fingerprint) => stored.fingerprint = Some(fingerprint.to_string()),
        Revocation::Conversation(conversation) => stored.conversation = Some(conversation.to_string()),
    }
    serde_json::to_vec(&stored).expect("a revocation has string keys")
}

/// Reads what [`encode`] wrote under this key; nothing where it is no revocation that this version understands.
pub(super) fn decode(key: &str, value: &[u8]) -> Option<Kept> {
    let stored: Stored = serde_json::from_slice(value).ok()?;
    Some(Kept {
        id: id(key)?.to_owned(),
        tenant: stored.tenant.parse().ok()?,
        revocation: stored.revocation()?,
        instant_given: stored.instant_given,
        created_at: UnixTime::from_millis(stored.created_at),
        matched: stored.matched,
        client: stored.client.parse().ok()?,
    })
}

impl Stored {
    /// The one target that it has.
    fn revocation(&self) -> Option<Revocation> {
        let issued_before = self.issued_before.map(UnixTime::from_millis);
        let who = self.subject.as_deref().zip(self.issuer.as_deref());
        let (kid, fingerprint) = (self.kid.as_deref(), self.fingerprint.as_deref());
        match (who, kid, fingerprint, self.conversation.as_deref(), self.everyone) {
            (Some((subject, issuer)), None, None, None, false) => {
                let identity = Identity { subject: subject.into(), issuer: issuer.into() };
                Some(Revocation::Identity { identity, issued_before: issued_before? })
            }
            (None, Some(kid), None, None, false) => Some(Revocation::Kid(kid.into())),
            (None, None, Some(text), None, false) => fingerprint_of(text).map(Revocation::Key),
            (None, None, None, Some(id), false) => id.parse().ok().map(Revocation::Conversation),
            (None, None, None, None, true) => Some(Revocation::Everyone { issued_before: issued_before? }),
            _ => None,
        }
    }
}

/// Reads 64 lower-case hexadecimal digits.
#[must_use]
pub fn fingerprint_of(text: &str) -> Option<Fingerprint> {
    let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if text.len() != 64 || !is_hex {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(Fingerprint(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::ConversationId;

    const AT: UnixTime = UnixTime::from_millis(1_760_000_000_500);

    fn kept(revocation: Revocation, instant_given: bool) -> Kept {
        Kept {
            id: "a1".to_owned(),
            tenant: "contoso".parse().unwrap(),
            revocation,
            instant_given,
            created_at: AT,
            matched: 2,
            client: "router".parse().unwrap(),
        }
    }

    /// Journals hold these: a change here has to read them still.
    #[test]
    fn the_stored_form_of_each_kind_is_this() {
        let identity = Identity { issuer: "contosohelp.com".into(), subject: "alice".into() };
        let issued_before = UnixTime::from_seconds(1_760_000_001);
        let rest = r#""created_at":1760000000500,"matched":2,"client":"router"}"#;
        let print = "07".repeat(32);
        let cases = [
            (
                kept(Revocation::Identity { identity, issued_before }, true),
                r#""subject":"alice","issuer":"contosohelp.com","issued_before":1760000001000,"instant_given":true,"#
                    .to_owned(),
            ),
            (
                kept(Revocation::Everyone { issued_before }, false),
                r#""everyone":true,"issued_before":1760000001000,"#.to_owned(),
            ),
            (kept(Revocation::Kid("a/b".into()), false), r#""kid":"a/b","#.to_owned()),
            (
                kept(Revocation::Key(Fingerprint([7; 32])), false),
                format!(r#""fingerprint":"{print}","#),
            ),
            (
                kept(Revocation::Conversation(ConversationId::from_bytes([1; 16])), false),
                r#""conversation":"01010101-0101-0101-0101-010101010101","#.to_owned(),
            ),
        ];
        for (kept, target) in cases {
            let golden = format!(r#"{{"tenant":"contoso",{target}{rest}"#);
            assert_eq!(String::from_utf8(encode(&kept)).unwrap(), golden);
            assert_eq!(decode("revocations/a1", golden.as_bytes()), Some(kept));
        }
    }

    #[test]
    fn what_is_not_understood_whole_is_not_understood() {
        let with = |target: &str| {
            let text =
                format!(r#"{{"tenant":"contoso",{target}"created_at":0,"matched":0,"client":"router"}}"#);
            decode("revocations/a1", text.as_bytes())
        };
        assert!(with(r#""kid":"a","#).is_some());
        for target in [
            "",
            r#""kid":"a","everyone":true,"issued_before":1,"#,
            r#""kid":"a","only_after":1,"#,
            r#""subject":"alice","issued_before":1,"#,
            r#""subject":"alice","issuer":"x","#,
            r#""everyone":true,"#,
            r#""conversation":"a1","#,
            r#""fingerprint":"07","#,
        ] {
            assert_eq!(with(target), None, "{target}");
        }
    }

    #[test]
    fn a_fingerprint_is_64_lower_case_digits() {
        let good = "0f".repeat(32);
        assert_eq!(fingerprint_of(&good), Some(Fingerprint([15; 32])));
        for bad in [&good[1..], &format!("{good}0"), &good.to_uppercase(), &format!("+{}", &good[1..]), ""] {
            assert_eq!(fingerprint_of(bad), None, "{bad}");
        }
    }
}
