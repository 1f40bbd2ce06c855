//! A scenario's documents and tokens with keys made here, at the present time.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::Value;

use crate::support::keys::{KEY, OTHER_KEY, SigningKey, now};

/// The instant of every scenario's beginning.
const START: i64 = 1_760_000_000;

/// What stands for what.
pub(super) struct Recast {
    /// The keys that the scenario publishes, as PEM: [`KEY`] stands for the first, [`OTHER_KEY`] for the second.
    published: Vec<String>,
    /// From the scenario's time to ours, in seconds.
    moved: i64,
}

impl Recast {
    /// So that now is `begins` seconds after the scenario's first instant.
    pub(super) fn new(steps: &[Value], begins: i64) -> Self {
        let mut published = Vec::new();
        for step in steps {
            let response = &step["response"];
            let text = response["body"].as_str().or(response["bytes"].as_str()).unwrap_or_default();
            for key in keys_of(text) {
                if !published.contains(&key) {
                    published.push(key);
                }
            }
        }
        assert!(published.len() <= 2, "there are two keys to stand for others");
        Self { published, moved: whole_seconds() - START - begins }
    }

    /// An instant of the scenario.
    pub(super) fn instant(&self, seconds: i64) -> f64 {
        Duration::from_secs((seconds + self.moved).try_into().unwrap()).as_secs_f64()
    }

    /// A document with our keys in the place of its own, which expire when its own do. What holds none stays.
    pub(super) fn document(&self, text: &str) -> String {
        if keys_of(text).is_empty() {
            return text.to_owned();
        }
        match serde_json::from_str::<Vec<Value>>(text) {
            Ok(entries) => entries.iter().map(|entry| self.entry(entry)).collect::<Value>().to_string(),
            Err(_) => self.standing_for(text).public_pem().to_owned(),
        }
    }

    fn entry(&self, entry: &Value) -> Value {
        let key = self.standing_for(&key_of(entry));
        key.entry(entry["kid"].as_str().unwrap(), entry["expiry"].as_i64().map(|expiry| expiry + self.moved))
    }

    /// A token with the same header and claims. One that is not signed as RS256 stays as it is.
    pub(super) fn token(&self, token: &str) -> String {
        let mut parts = token.split('.');
        let mut part = || {
            let part = URL_SAFE_NO_PAD.decode(parts.next().unwrap()).unwrap();
            serde_json::from_slice::<Value>(&part).unwrap()
        };
        let (header, mut claims) = (part(), part());
        if header["alg"] != "RS256" {
            return token.to_owned();
        }
        for name in ["iat", "nbf", "exp"] {
            if let Some(at) = claims[name].as_i64() {
                claims[name] = (at + self.moved).into();
            }
        }
        self.signer(token).sign_under(header["kid"].as_str(), &claims)
    }

    /// The key that a holder of none of the published ones has.
    pub(super) fn stranger(&self) -> &'static SigningKey {
        match self.published.len() {
            0 => &KEY,
            1 => &OTHER_KEY,
            _ => panic!("both keys stand for published ones"),
        }
    }

    fn signer(&self, token: &str) -> &'static SigningKey {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let verifies = |pem: &&String| {
            let key = DecodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
            crypto::verify(signature, signed.as_bytes(), &key, Algorithm::RS256).unwrap()
        };
        self.published.iter().find(verifies).map_or_else(|| self.stranger(), |pem| self.standing_for(pem))
    }

    fn standing_for(&self, pem: &str) -> &'static SigningKey {
        let place = self.published.iter().position(|published| published == pem).expect("it is published");
        if place == 0 { &KEY } else { &OTHER_KEY }
    }
}

fn whole_seconds() -> i64 {
    Duration::from_secs_f64(now()).as_secs().try_into().unwrap()
}

/// The keys in a document, as PEM.
fn keys_of(text: &str) -> Vec<String> {
    if text.starts_with("-----BEGIN") {
        return vec![text.to_owned()];
    }
    serde_json::from_str::<Vec<Value>>(text).unwrap_or_default().iter().map(key_of).collect()
}

fn key_of(entry: &Value) -> String {
    String::from_utf8(STANDARD.decode(entry["publicKey"].as_str().unwrap()).unwrap()).unwrap()
}
