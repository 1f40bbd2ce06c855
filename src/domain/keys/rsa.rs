//! From DER or a modulus and exponent to a key that may verify: the one place where a key's worth is judged.

use std::sync::Arc;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use jsonwebtoken::DecodingKey;
use rsa::pkcs1::der::asn1::{AnyRef, ObjectIdentifier};
use rsa::pkcs1::der::{Decode, Tagged};
use rsa::pkcs1::{self, UintRef};
use rsa::pkcs8::spki::SubjectPublicKeyInfoRef;
use rsa::pkcs8::{EncodePublicKey, PrivateKeyInfo};
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, RsaPublicKey};

use super::fault::Fault;
use super::{Fingerprint, PublicKey};

/// The smallest modulus in bits.
pub const MIN_KEY_BITS: u32 = 2048;

/// The least public exponent: 2^16 + 1.
const MIN_EXPONENT: u64 = 65_537;
/// Public exponents are less than 2^33.
const EXPONENT_END: u64 = 1 << 33;

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const EDWARDS_AND_MONTGOMERY: [ObjectIdentifier; 4] = [
    ObjectIdentifier::new_unwrap("1.3.101.110"),
    ObjectIdentifier::new_unwrap("1.3.101.111"),
    ObjectIdentifier::new_unwrap("1.3.101.112"),
    ObjectIdentifier::new_unwrap("1.3.101.113"),
];

const MAKE_RSA: &str = "make an RSA key: \
                        openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out private.pem, \
                        then publish what openssl pkey -in private.pem -pubout prints";
const EXPORT_AGAIN: &str =
    "export the key again (openssl pkey -in private.pem -pubout) and publish it unchanged";

/// Reads a `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7), what stands under the label `PUBLIC KEY`.
pub(super) fn from_spki(der: &[u8], max_bits: u32) -> Result<PublicKey, Fault> {
    let Ok(info) = SubjectPublicKeyInfoRef::from_der(der) else { return Err(unreadable(der, "PUBLIC KEY")) };
    if info.algorithm.oid != RSA_ENCRYPTION {
        return Err(other_kind(info.algorithm.oid));
    }
    if info.algorithm.parameters != Some(AnyRef::NULL) {
        return Err(Fault::new("its algorithm has no NULL parameters, as RFC 3279 asks for", EXPORT_AGAIN));
    }
    let Some(inner) = info.subject_public_key.as_bytes() else {
        return Err(Fault::new("its bit string has unused bits", EXPORT_AGAIN));
    };
    from_pkcs1_structure(inner, max_bits, "PUBLIC KEY")
}

/// Reads an `RSAPublicKey` (RFC 8017 appendix A.1.1), what stands under the label `RSA PUBLIC KEY`.
pub(super) fn from_pkcs1(der: &[u8], max_bits: u32) -> Result<PublicKey, Fault> {
    from_pkcs1_structure(der, max_bits, "RSA PUBLIC KEY")
}

fn from_pkcs1_structure(der: &[u8], max_bits: u32, label: &str) -> Result<PublicKey, Fault> {
    let key = pkcs1::RsaPublicKey::from_der(der).map_err(|_| unreadable(der, label))?;
    from_numbers(&integer(key.modulus), &integer(key.public_exponent), max_bits)
}

fn integer(number: UintRef<'_>) -> BigUint {
    BigUint::from_bytes_be(number.as_bytes())
}

/// Judges a modulus and a public exponent.
pub(super) fn from_numbers(modulus: &BigUint, exponent: &BigUint, max_bits: u32) -> Result<PublicKey, Fault> {
    let bits = u32::try_from(modulus.bits()).unwrap_or(u32::MAX);
    if bits < MIN_KEY_BITS {
        return Err(Fault::new(
            format!("an RSA key of {bits} bits, where {MIN_KEY_BITS} are the least"),
            MAKE_RSA,
        ));
    }
    if bits > max_bits {
        let action = "publish a smaller key, or raise max_key_bits (8192 at most)";
        return Err(Fault::new(format!("an RSA key of {bits} bits, where {max_bits} are the most"), action));
    }
    if modulus.to_bytes_le().first().is_none_or(|low| low % 2 == 0) {
        return Err(Fault::new("its modulus is even, so it is no RSA key", EXPORT_AGAIN));
    }
    let even = exponent.to_bytes_le().first().is_none_or(|low| low % 2 == 0);
    if even || *exponent < BigUint::from(MIN_EXPONENT) || *exponent >= BigUint::from(EXPONENT_END) {
        return Err(Fault::new("its public exponent is not an odd number from 65537 up to 2^33", MAKE_RSA));
    }
    let limit = usize::try_from(max_bits).unwrap_or(usize::MAX);
    let key = RsaPublicKey::new_with_max_size(modulus.clone(), exponent.clone(), limit)
        .map_err(|_| Fault::new("its numbers are not those of an RSA key", EXPORT_AGAIN))?;
    debug_assert_eq!(key.n(), modulus);
    ready(&key, bits)
}

fn ready(key: &RsaPublicKey, bits: u32) -> Result<PublicKey, Fault> {
    let refused = || Fault::new("the cryptographic library refuses it", MAKE_RSA);
    let spki = key.to_public_key_der().map_err(|_| refused())?;
    let parsed = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, spki.as_bytes()).map_err(|_| refused())?;
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest::digest(&digest::SHA256, spki.as_bytes()).as_ref());
    let decoding = DecodingKey::from_rsa_der(spki.as_bytes());
    let fingerprint = Fingerprint(fingerprint);
    Ok(PublicKey { kid: None, bits, fingerprint, expiry: None, parsed: Arc::new(parsed), decoding })
}

fn other_kind(algorithm: ObjectIdentifier) -> Fault {
    let kind = match algorithm {
        EC_PUBLIC_KEY => "an EC key",
        RSASSA_PSS => "a key for RSASSA-PSS alone",
        other if EDWARDS_AND_MONTGOMERY.contains(&other) => "an Edwards-curve or Montgomery-curve key",
        other => {
            return Fault::new(
                format!("a key of another kind (algorithm {other}), where RS256 needs RSA"),
                MAKE_RSA,
            );
        }
    };
    Fault::new(format!("{kind}, where RS256 needs an RSA key"), MAKE_RSA)
}

/// Why DER that stands under `label` can't be read: what else it might be, and else where it goes wrong.
fn unreadable(der: &[u8], label: &str) -> Fault {
    if PrivateKeyInfo::from_der(der).is_ok() || pkcs1::RsaPrivateKey::from_der(der).is_ok() {
        return Fault::secret(format!("a PRIVATE key, under the label {label}"));
    }
    let relabel = |right: &str| format!("write BEGIN {right} and END {right} around it");
    if label == "PUBLIC KEY" && pkcs1::RsaPublicKey::from_der(der).is_ok() {
        return Fault::new("a PKCS#1 key under the label PUBLIC KEY", relabel("RSA PUBLIC KEY"));
    }
    if label == "RSA PUBLIC KEY" && SubjectPublicKeyInfoRef::from_der(der).is_ok() {
        return Fault::new("an SPKI key under the label RSA PUBLIC KEY", relabel("PUBLIC KEY"));
    }
    let place = match AnyRef::from_der(der) {
        Ok(outer) if outer.tag().is_constructed() => "inside its outermost sequence".to_owned(),
        _ => match der.first() {
            None => "there is nothing in it".to_owned(),
            Some(0x30) => "its length is not that of its first sequence".to_owned(),
            Some(first) => format!("its first byte is {first:#04x}, where every key begins with 0x30"),
        },
    };
    let action = "a character of the base64 was lost or altered, as in the sample key that the vendor's documentation \
                  prints: export your own key again (openssl pkey -in private.pem -pubout) and publish it unchanged";
    Fault::new(format!("its base64 reads as bytes, but not as a key (DER): {place}"), action)
}
