//! The shop's token service and its public-key endpoint, in the forms that Dynamics 365 documents for live chat:
//! short RS256 tokens with `lwicontexts`, and a key set of `kid`, `publicKey` (base64 of the whole PEM) and `expiry`.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rsa::pkcs8::LineEnding;
use rsa::pkcs8::der::Document;
use serde_json::json;

use crate::clock::Clock;
use crate::domain::time::UnixTime;

use super::DemoError;
use super::folder::random_hex;

/// How long a customer's token lives where the page asks for nothing else: short, so that the downgrade can be watched.
pub(super) const TOKEN_LIFETIME: Duration = Duration::from_mins(1);
/// How long the page may ask for.
pub(super) const TOKEN_LIFETIMES: RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_hours(1);
/// Who issues the tokens.
pub(super) const ISSUER: &str = "shop.example";
/// How long the published keys serve: longer than anybody watches a demo.
const KEY_LIFETIME: Duration = Duration::from_hours(365 * 24);

/// A customer of the shop.
#[derive(Debug)]
pub(super) struct Customer {
    /// The token's `sub`, and how the page names the customer.
    pub(super) id: &'static str,
    /// For people.
    pub(super) name: &'static str,
    contact: &'static str,
    cart_value: &'static str,
    is_vip: bool,
}

/// Everybody who can sign in.
pub(super) const CUSTOMERS: [Customer; 2] = [
    Customer {
        id: "ada",
        name: "Ada",
        contact: "5b0c6f1e-8f0e-4c8e-9a53-0f6a1d2b7c11",
        cart_value: "1249.50",
        is_vip: true,
    },
    Customer {
        id: "ben",
        name: "Ben",
        contact: "c2a9d7f4-31b6-4b0a-8d55-7e9f40a1e822",
        cart_value: "18.90",
        is_vip: false,
    },
];

impl Customer {
    /// Who has this id.
    pub(super) fn named(id: &str) -> Option<&'static Self> {
        CUSTOMERS.iter().find(|known| known.id == id)
    }
}

/// Signs customers' tokens, and publishes the keys to check them with.
pub(super) struct TokenService {
    keys: [SigningKey; 2],
    minted: AtomicUsize,
    key_set: String,
    clock: Clock,
}

struct SigningKey {
    kid: String,
    private: EncodingKey,
    public_pem: String,
}

impl TokenService {
    /// Makes two key pairs; some tenths of a second of work for the processor.
    pub(super) fn new(clock: Clock) -> Result<Self, DemoError> {
        let keys = [SigningKey::generate()?, SigningKey::generate()?];
        let expiry = clock.now().plus(KEY_LIFETIME).seconds();
        let entry = |key: &SigningKey| {
            let public = STANDARD.encode(&key.public_pem);
            json!({ "kid": key.kid, "publicKey": public, "expiry": expiry })
        };
        let key_set = json!([entry(&keys[0]), entry(&keys[1])]).to_string();
        Ok(Self { keys, minted: AtomicUsize::new(0), key_set, clock })
    }

    /// The document of the public-key endpoint.
    pub(super) fn key_set(&self) -> &str {
        &self.key_set
    }

    /// A token of the customer that is good for `lifetime`, signed by the two keys in turn.
    pub(super) fn mint(&self, customer: &Customer, lifetime: Duration) -> String {
        let key = &self.keys[self.minted.fetch_add(1, Ordering::Relaxed) % self.keys.len()];
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(key.kid.clone());
        let claims = claims(customer, self.clock.now(), lifetime);
        encode(&header, &claims, &key.private).expect("a key pair that was just made signs JSON")
    }
}

fn claims(customer: &Customer, now: UnixTime, lifetime: Duration) -> serde_json::Value {
    let shown = |value: &str| json!({ "value": value, "isDisplayable": true });
    // A string that holds JSON, its values strings too: so the vendor's own samples have it.
    let contexts = json!({
        "portalcontactid": { "value": customer.contact, "isDisplayable": false },
        "msdyn_cartvalue": shown(customer.cart_value),
        "msdyn_isvip": shown(if customer.is_vip { "true" } else { "false" }),
    });
    json!({
        "iss": ISSUER,
        "sub": customer.id,
        "iat": now.seconds(),
        "nbf": now.seconds(),
        "exp": now.plus(lifetime).seconds(),
        "preferred_username": customer.name,
        "lwicontexts": contexts.to_string(),
    })
}

impl SigningKey {
    fn generate() -> Result<Self, DemoError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| DemoError::Keys)?;
        let private: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| DemoError::Keys)?;
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| DemoError::Keys)?;
        let pem = |label, der: &[u8]| {
            let document = Document::try_from(der).map_err(|_| DemoError::Keys)?;
            document.to_pem(label, LineEnding::CRLF).map_err(|_| DemoError::Keys)
        };
        Ok(Self {
            kid: format!("shop-{}", random_hex::<8>()),
            private: EncodingKey::from_rsa_pem(pem("PRIVATE KEY", private.as_ref())?.as_bytes())
                .map_err(|_| DemoError::Keys)?,
            public_pem: pem("PUBLIC KEY", public.as_ref())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_token_is_signed_by_a_published_key_and_both_keys_are_used() {
        let service = TokenService::new(Clock::system()).unwrap();
        let set: Vec<Value> = serde_json::from_str(service.key_set()).unwrap();
        let mut used = Vec::new();
        for (customer, seconds) in [("ada", 60), ("ben", 5)] {
            let token = service.mint(Customer::named(customer).unwrap(), Duration::from_secs(seconds));
            let kid = decode_header(&token).unwrap().kid.unwrap();
            let entry = set.iter().find(|entry| entry["kid"] == kid.as_str()).unwrap();
            let pem = STANDARD.decode(entry["publicKey"].as_str().unwrap()).unwrap();
            assert!(pem.starts_with(b"-----BEGIN PUBLIC KEY-----\r\n") && pem.ends_with(b"-----\r\n"));
            let mut validation = Validation::new(Algorithm::RS256);
            validation.set_issuer(&[ISSUER]);
            let key = DecodingKey::from_rsa_pem(&pem).unwrap();
            let claims = decode::<Value>(&token, &key, &validation).unwrap().claims;
            assert_eq!(claims["sub"], customer);
            assert_eq!(
                claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
                i64::try_from(seconds).unwrap()
            );
            used.push(kid);
        }
        assert_ne!(used[0], used[1]);
    }

    #[test]
    fn contexts_are_a_string_that_holds_an_object() {
        let claims = claims(&CUSTOMERS[0], UnixTime::from_seconds(1_760_000_000), TOKEN_LIFETIME);
        let contexts: Value = serde_json::from_str(claims["lwicontexts"].as_str().unwrap()).unwrap();
        assert_eq!(contexts["msdyn_cartvalue"], json!({ "value": "1249.50", "isDisplayable": true }));
        assert_eq!(contexts["msdyn_isvip"]["value"], "true");
    }
}
