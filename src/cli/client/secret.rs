//! A client's secret: 256 random bits, of which the configuration has the hash.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::conversations::random;
use crate::domain::digest::hex;

/// A new one in base64url: 43 characters, none of them a dot, and none that a form or a shell changes.
pub(super) fn make() -> String {
    URL_SAFE_NO_PAD.encode(random::<32>())
}

/// Its SHA-256 as the configuration has it.
pub(super) fn hash(secret: &str) -> String {
    hex(digest(&SHA256, secret.as_bytes()).as_ref())
}
