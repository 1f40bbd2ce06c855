//! Customers' tokens: RS256 (RFC 7518 §3.3) by a key of the load tests' own, minted before any clock starts and kept for
//! the next round.

use std::fs;
use std::path::Path;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::Fault;
use crate::clock::unix_now;

/// The issuer in every token.
const ISSUER: &str = "load.example";
/// How long a kept token lives.
const LIFETIME: Duration = Duration::from_hours(12);
/// Kept tokens that end sooner than this are minted anew.
const LEFT_AT_LEAST: Duration = Duration::from_hours(2);

/// Signs tokens.
#[derive(Debug)]
pub(crate) struct Signer {
    pair: KeyPair,
    kid: String,
    random: SystemRandom,
}

impl Signer {
    /// The key pair in this folder; made where there is none.
    pub(crate) fn open(folder: &Path) -> Result<Self, Fault> {
        let path = folder.join("key.pkcs8");
        let pair = if let Ok(der) = fs::read(&path) {
            KeyPair::from_pkcs8(&der).map_err(|_| format!("{} holds no key: delete it", path.display()))?
        } else {
            let pair = KeyPair::generate(KeySize::Rsa2048)?;
            let der: Pkcs8V1Der<'_> = pair.as_der()?;
            fs::write(&path, der.as_ref())?;
            pair
        };
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
        let print = digest(&SHA256, public.as_ref());
        let kid = URL_SAFE_NO_PAD.encode(&print.as_ref()[..12]);
        Ok(Self { pair, kid, random: SystemRandom::new() })
    }

    /// What the key endpoint publishes: a key set of one.
    pub(crate) fn key_set(&self) -> Result<String, Fault> {
        let public: PublicKeyX509Der<'_> = self.pair.public_key().as_der()?;
        let body = STANDARD.encode(public.as_ref());
        let lines: Vec<&str> =
            body.as_bytes().chunks(64).filter_map(|line| str::from_utf8(line).ok()).collect();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
        Ok(json!([{ "kid": self.kid, "publicKey": STANDARD.encode(pem) }]).to_string())
    }

    /// A token of this customer that ends at `exp`, in seconds since the Unix epoch.
    pub(crate) fn mint(&self, customer: &str, exp: u64) -> Result<String, Fault> {
        self.mint_as(&self.kid, customer, exp)
    }

    /// The same, said to be signed by the key `kid`.
    pub(crate) fn mint_as(&self, kid: &str, customer: &str, exp: u64) -> Result<String, Fault> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": kid });
        let iat = unix_now().as_secs();
        let claims = json!({
            "iss": ISSUER, "sub": customer, "iat": iat, "nbf": iat, "exp": exp, "preferred_username": customer,
        });
        let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", encode(&header), encode(&claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &self.random, input.as_bytes(), &mut signature)?;
        Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// So many tokens of as many customers, good for hours; those of an earlier round where they are still good.
    pub(crate) fn many(&self, count: usize, folder: &Path) -> Result<Vec<String>, Fault> {
        let path = folder.join(format!("tokens-{count}.txt"));
        let now = unix_now();
        if let Ok(text) = fs::read_to_string(&path)
            && let Some(tokens) = self.kept(&text, (now + LEFT_AT_LEAST).as_secs())
            && tokens.len() == count
        {
            return Ok(tokens);
        }
        let exp = (now + LIFETIME).as_secs();
        let tokens = (0..count).map(|number| self.mint(&format!("customer-{number}"), exp));
        let tokens = tokens.collect::<Result<Vec<_>, _>>()?;
        fs::write(&path, format!("{exp} {}\n{}\n", self.kid, tokens.join("\n")))?;
        Ok(tokens)
    }

    /// The tokens of a kept file: by this key, and good until `until` at least.
    fn kept(&self, text: &str, until: u64) -> Option<Vec<String>> {
        let (head, tokens) = text.split_once('\n')?;
        let (exp, kid) = head.split_once(' ')?;
        let good = kid == self.kid && exp.parse::<u64>().ok()? > until;
        good.then(|| tokens.lines().map(str::to_owned).collect())
    }
}

/// A secret of 256 random bits and its SHA-256, both in hexadecimal.
pub(crate) fn secret() -> Result<(String, String), Fault> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes)?;
    let secret = hexadecimal(&bytes);
    let hash = hexadecimal(digest(&SHA256, secret.as_bytes()).as_ref());
    Ok((secret, hash))
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
