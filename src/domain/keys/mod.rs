//! What can a tenant publish? Documents of public keys, and the keys that can be used.

mod document;
mod entries;
mod fault;
mod jwk;
mod pem;
mod rsa;
mod set;

use std::fmt;

use data_encoding::HEXLOWER;

pub use document::{DocumentForm, KeyDocument, MAX_KEYS, parse};
pub use entries::MAX_KID_BYTES;
pub use fault::{DocumentRefused, Fault, KeyFault};
pub use rsa::MIN_KEY_BITS;
pub use set::{Found, KeySet, PublicKey};

/// SHA-256 of a key's `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7), shown in lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HEXLOWER.encode_display(&self.0).fmt(f)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
