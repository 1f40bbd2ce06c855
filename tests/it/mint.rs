//! Tokens that are really signed, with the keys of `fixtures/`.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use usher::domain::keys::{self, KeySet};

/// 2025-10-09T08:53:20Z, the instant that the fixtures are made for.
pub(crate) const NOW: i64 = 1_760_000_000;

/// A file of `fixtures/`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// The text of a file of `fixtures/`.
pub(crate) fn fixture_text(name: &str) -> String {
    std::fs::read_to_string(fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The keys of a document of `fixtures/documents/`.
pub(crate) fn key_set(name: &str) -> KeySet {
    keys::parse(fixture_text(&format!("documents/{name}")).as_bytes(), 4096).unwrap().keys
}

/// Signs this header and these claims, exactly as written, with the fixture key `key`.
pub(crate) fn sign(key: &str, header: &str, claims: &str) -> String {
    let pem = fixture_text(&format!("keys/{key}.private.pem"));
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let private = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    let signature = crypto::sign(input.as_bytes(), &private, Algorithm::RS256).unwrap();
    format!("{input}.{signature}")
}

/// A token by key `a` with these claims.
pub(crate) fn token(claims: &str) -> String {
    sign("a", r#"{"alg":"RS256","typ":"JWT","kid":"a"}"#, claims)
}

/// Claims of a good token that lives from [`NOW`] for a quarter of an hour, with `more` at their end.
pub(crate) fn claims(more: &str) -> String {
    format!(r#"{{"iss":"contosohelp.com","sub":"87b3ab4d","iat":{NOW},"exp":{}{more}}}"#, NOW + 900)
}

/// What an endpoint serves of a PEM in a key set.
pub(crate) fn encoded(pem: &str) -> String {
    STANDARD.encode(pem.replace('\n', "\r\n"))
}
