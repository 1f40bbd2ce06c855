//! The signature, by `jsonwebtoken` with keys that were parsed when they were published.
//!
//! `jsonwebtoken` asks its crypto provider for a verifier by algorithm and key bytes, and its own provider parses those
//! bytes for every token. The provider here hands it the parsed key instead. The key in hand crosses over in a thread
//! local, set before the call and taken within it: nothing is looked up, hashed or locked, and nothing outlives the
//! call, so there is no memory of keys to bound or to empty. A call that nothing was handed to falls back to
//! parsing the bytes.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use aws_lc_rs::signature::ParsedPublicKey;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier};
use jsonwebtoken::{Algorithm, DecodingKey, errors};
use signature::Verifier;

use crate::domain::keys::PublicKey;

thread_local! {
    static IN_HAND: RefCell<Option<Arc<ParsedPublicKey>>> = const { RefCell::new(None) };
}

static PROVIDER: LazyLock<CryptoProvider> = LazyLock::new(|| CryptoProvider {
    signer_factory: DEFAULT_PROVIDER.signer_factory,
    verifier_factory: verifier,
    key_utils: DEFAULT_PROVIDER.key_utils.clone(),
});

/// Installed at the first verification, once for the process. Where another provider was there first, that one
/// verifies with the key's bytes: slower, not otherwise.
static INSTALLED: LazyLock<bool> = LazyLock::new(|| PROVIDER.install_default().is_ok());

/// Whether `signature` (base64url) is the key's RS256 signature of `message`.
pub(super) fn holds(key: &PublicKey, message: &str, signature: &str) -> bool {
    let _ = *INSTALLED;
    IN_HAND.set(Some(Arc::clone(key.parsed())));
    let verified =
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), key.decoding(), Algorithm::RS256);
    IN_HAND.set(None);
    matches!(verified, Ok(true))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the provider's factory has this signature")]
fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> errors::Result<Box<dyn JwtVerifier>> {
    match (algorithm, IN_HAND.take()) {
        (Algorithm::RS256, Some(parsed)) => Ok(Box::new(Rs256(parsed))),
        _ => (DEFAULT_PROVIDER.verifier_factory)(algorithm, key),
    }
}

struct Rs256(Arc<ParsedPublicKey>);

impl Verifier<Vec<u8>> for Rs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        self.0.verify_sig(message, signature).map_err(signature::Error::from_source)
    }
}

impl JwtVerifier for Rs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RS256
    }
}
