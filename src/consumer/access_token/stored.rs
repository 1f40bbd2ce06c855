//! The stored form of an access token: JSON under `access_tokens/{SHA-256 of the token}`. The token itself is stored
//! nowhere.

use serde::{Deserialize, Serialize};

use crate::config::{Scope, Scopes};
use crate::domain::digest;
use crate::domain::id::ClientId;
use crate::domain::time::UnixTime;

/// What the keys of all access tokens begin with.
pub(super) const PREFIX: &str = "access_tokens/";

/// The SHA-256 of a token, by which it is known.
pub(super) type Hash = [u8; 32];

/// What a token was issued for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::consumer) struct Grant {
    /// To whom.
    pub(in crate::consumer) client: ClientId,
    /// What it may do, as long as the client may.
    pub(in crate::consumer) scopes: Scopes,
    /// With which of the client's secrets.
    pub(in crate::consumer) secret: SecretMark,
    /// When.
    pub(in crate::consumer) issued_at: UnixTime,
    /// From this instant on it is not taken.
    pub(in crate::consumer) expires_at: UnixTime,
}

/// Tells one secret of a client from another, and nothing about either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::consumer) struct SecretMark([u8; 8]);

impl SecretMark {
    /// The mark of the secret with this SHA-256.
    pub(in crate::consumer) fn of(hash: &[u8; 32]) -> Self {
        let digest = digest::of_parts(&["the secret of an access token", &digest::hex(hash)]);
        let mut mark = [0; 8];
        mark.copy_from_slice(&digest[..8]);
        Self(mark)
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    client: String,
    scopes: Vec<String>,
    secret: String,
    /// Milliseconds since the epoch, as the other times are.
    issued_at: i64,
    expires_at: i64,
    used_at: i64,
}

/// The key of the token with this hash.
pub(super) fn key(hash: &Hash) -> String {
    format!("{PREFIX}{}", digest::hex(hash))
}

/// The hash in a key.
pub(super) fn hash(key: &str) -> Option<Hash> {
    unhex(key.strip_prefix(PREFIX)?)
}

pub(super) fn encode(grant: &Grant, used_at: UnixTime) -> Vec<u8> {
    let stored = Stored {
        client: grant.client.to_string(),
        scopes: grant.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        secret: digest::hex(&grant.secret.0),
        issued_at: grant.issued_at.millis(),
        expires_at: grant.expires_at.millis(),
        used_at: used_at.millis(),
    };
    serde_json::to_vec(&stored).expect("an access token has string keys")
}

/// Reads what [`encode`] wrote, and when the token was used last; nothing where this version doesn't understand it. A
/// scope that this version doesn't know allows nothing here.
pub(super) fn decode(value: &[u8]) -> Option<(Grant, UnixTime)> {
    let stored: Stored = serde_json::from_slice(value).ok()?;
    let known = |name: &String| Scope::ALL.into_iter().find(|scope| scope.as_str() == name);
    let grant = Grant {
        client: stored.client.parse().ok()?,
        scopes: stored.scopes.iter().filter_map(known).collect(),
        secret: SecretMark(unhex(&stored.secret)?),
        issued_at: UnixTime::from_millis(stored.issued_at),
        expires_at: UnixTime::from_millis(stored.expires_at),
    };
    Some((grant, UnixTime::from_millis(stored.used_at)))
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if text.len() != 2 * N || !is_hex {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, at) in bytes.iter_mut().zip((0..text.len()).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Grant {
        Grant {
            client: "router".parse().unwrap(),
            scopes: [Scope::EventsRead, Scope::KeysRead].into_iter().collect(),
            secret: SecretMark([7; 8]),
            issued_at: UnixTime::from_millis(1_760_000_000_001),
            expires_at: UnixTime::from_millis(1_760_000_300_001),
        }
    }

    /// Journals hold these: a change here has to read them still.
    #[test]
    fn the_stored_form_is_this() {
        let golden = concat!(
            r#"{"client":"router","scopes":["events:read","keys:read"],"secret":"0707070707070707","#,
            r#""issued_at":1760000000001,"expires_at":1760000300001,"used_at":1760000000002}"#
        );
        let used_at = UnixTime::from_millis(1_760_000_000_002);
        assert_eq!(String::from_utf8(encode(&grant(), used_at)).unwrap(), golden);
        assert_eq!(decode(golden.as_bytes()), Some((grant(), used_at)));
    }

    #[test]
    fn a_scope_that_is_not_known_here_allows_nothing_and_what_is_damaged_is_no_token() {
        let text = String::from_utf8(encode(&grant(), UnixTime::EPOCH)).unwrap();
        let (read, _) = decode(text.replace("keys:read", "moon:read").as_bytes()).unwrap();
        assert_eq!(read.scopes, [Scope::EventsRead].into_iter().collect());
        for (from, to) in [("router", "No Id"), ("0707", "07"), ("issued_at", "issued"), ("}", "")] {
            assert_eq!(decode(text.replacen(from, to, 1).as_bytes()), None, "{from} as {to}");
        }
    }

    #[test]
    fn a_key_leads_back_to_its_hash_and_nothing_else_does() {
        let key = key(&[0xa1; 32]);
        assert_eq!(hash(&key), Some([0xa1; 32]));
        for bad in [&key[1..], &key[..key.len() - 1], &key.to_uppercase(), &format!("{key}0"), PREFIX] {
            assert_eq!(hash(bad), None, "{bad}");
        }
    }
}
