//! A tenant's side: its keys, the tokens it mints, and the endpoint that publishes its public keys.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use axum::Router;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The issuer of every token here, unless a test says otherwise.
pub(crate) const ISSUER: &str = "https://www.contoso.com";

/// A key pair that signs tokens.
pub(crate) struct SigningKey {
    private: EncodingKey,
    public_pem: String,
}

/// The tenant's current key, published as [`KID`].
pub(crate) static KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::generate);
/// Another key, published by nobody unless a test does.
pub(crate) static OTHER_KEY: LazyLock<SigningKey> = LazyLock::new(SigningKey::generate);
/// The name of [`KEY`] in the key set.
pub(crate) const KID: &str = "current";

impl SigningKey {
    fn generate() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let private: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let private = EncodingKey::from_rsa_pem(pem("PRIVATE KEY", private.as_ref()).as_bytes()).unwrap();
        Self { private, public_pem: pem("PUBLIC KEY", public.as_ref()) }
    }

    /// A token with these claims, whatever they are.
    pub(crate) fn sign(&self, kid: &str, claims: &Value) -> String {
        self.sign_under(Some(kid), claims)
    }

    /// The same with a header that may name no key.
    pub(crate) fn sign_under(&self, kid: Option<&str>, claims: &Value) -> String {
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::RS256) };
        jsonwebtoken::encode(&header, claims, &self.private).unwrap()
    }

    /// SHA-256 of its `SubjectPublicKeyInfo` in lower-case hex.
    pub(crate) fn fingerprint(&self) -> String {
        let lines = self.public_pem.lines().filter(|line| !line.starts_with("-----"));
        let der = STANDARD.decode(lines.collect::<String>()).unwrap();
        let hash = digest(&SHA256, &der);
        hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
    }

    /// The public key as one PEM.
    pub(crate) fn public_pem(&self) -> &str {
        &self.public_pem
    }

    /// The key's entry in a key set.
    pub(crate) fn entry(&self, kid: &str, expiry: Option<i64>) -> Value {
        let mut entry = json!({ "kid": kid, "publicKey": STANDARD.encode(&self.public_pem) });
        if let Some(expiry) = expiry {
            entry["expiry"] = expiry.into();
        }
        entry
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\r\n{}\r\n-----END {label}-----\r\n", lines.join("\r\n"))
}

/// The time in Unix seconds.
pub(crate) fn now() -> f64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the tokens are for the real process, which has the real time"
    )]
    let now = SystemTime::now();
    now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64()
}

/// A token of [`KEY`] for this customer, good from now for so long.
pub(crate) fn token(subject: &str, lifetime: Duration) -> String {
    KEY.sign(KID, &claims(subject, now(), lifetime))
}

/// A token that ran out so long ago.
pub(crate) fn expired_token(subject: &str, ago: Duration) -> String {
    let lifetime = Duration::from_mins(10);
    KEY.sign(KID, &claims(subject, now() - (lifetime + ago).as_secs_f64(), lifetime))
}

/// A token of [`KEY`] for this customer that was issued so many seconds ago and is good for so many more.
pub(crate) fn token_of(subject: &str, issued_ago: f64, left: f64) -> String {
    token_saying(subject, issued_ago, left, &Value::Null)
}

/// The same with these variables.
pub(crate) fn token_saying(subject: &str, issued_ago: f64, left: f64, variables: &Value) -> String {
    let now = now();
    let mut claims = json!({ "iss": ISSUER, "sub": subject, "iat": now - issued_ago, "exp": now + left });
    claims["lwicontexts"] = variables.clone();
    KEY.sign(KID, &claims)
}

/// The claims that every token has.
pub(crate) fn claims(subject: &str, issued_at: f64, lifetime: Duration) -> Value {
    json!({ "iss": ISSUER, "sub": subject, "iat": issued_at, "exp": issued_at + lifetime.as_secs_f64() })
}

/// An HTTP server on loopback that publishes a key document.
pub(crate) struct KeyEndpoint {
    address: SocketAddr,
    answer: Arc<Mutex<(StatusCode, String)>>,
    _server: JoinSet<()>,
}

impl KeyEndpoint {
    /// Publishes [`KEY`].
    pub(crate) async fn start() -> Self {
        Self::publishing(&json!([KEY.entry(KID, None)])).await
    }

    /// Publishes this document.
    pub(crate) async fn publishing(document: &Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Arc::new(Mutex::new((StatusCode::OK, document.to_string())));
        let said = answer.clone();
        let router = Router::new().fallback(move || async move { said.lock().unwrap().clone() });
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, answer, _server: server }
    }

    /// From now on the endpoint fails.
    pub(crate) fn fail(&self) {
        *self.answer.lock().unwrap() = (StatusCode::INTERNAL_SERVER_ERROR, "out of order".to_owned());
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/keys", self.address)
    }
}
