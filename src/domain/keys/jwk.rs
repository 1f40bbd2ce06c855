//! The JWK Set (RFC 7517), as far as RS256 needs it.

use std::sync::Arc;

use ::rsa::BigUint;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::json::{Json, Object};

use super::document::{DocumentForm, KeyDocument};
use super::entries::{Reading, kid, kid_of, object};
use super::fault::Fault;
use super::{DocumentRefused, KeyFault, PublicKey, rsa};

/// Members that only a private or a secret key has (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Reads the elements of `keys`.
pub(super) fn read(list: &[Json<'_>], max_bits: u32) -> Result<KeyDocument, DocumentRefused> {
    let mut reading = Reading::begin(list)?;
    for (index, element) in list.iter().enumerate() {
        match named(element, max_bits) {
            Ok(key) => reading.take(index, kid_of(element), Ok(key)),
            Err(Unusable::Faulty(fault)) => reading.take(index, kid_of(element), Err(fault)),
            Err(Unusable::Other(why)) => {
                let fault =
                    Fault::new(why, "it is passed over; nothing to do where it isn't meant for chat tokens");
                reading.passed_over.push(KeyFault { entry: index + 1, kid: kid_of(element), fault });
            }
        }
    }
    reading.finish(DocumentForm::JwkSet)
}

/// The first member that only a private or a secret key has.
pub(super) fn secret_member(jwk: &Object<'_>) -> Option<&'static str> {
    SECRET_MEMBERS.into_iter().find(|member| jwk.first(member).is_some())
}

enum Unusable {
    /// Something is wrong with it.
    Faulty(Fault),
    /// It is for something else: why.
    Other(&'static str),
}

impl From<Fault> for Unusable {
    fn from(fault: Fault) -> Self {
        Self::Faulty(fault)
    }
}

fn named(element: &Json<'_>, max_bits: u32) -> Result<(Arc<str>, PublicKey), Unusable> {
    // Looked for before anything else: also beside another fault, a secret in the open must be called one.
    if let Some(member) = element.as_object().and_then(secret_member) {
        return Err(Fault::secret(format!("a JWK with the private member \"{member}\"")).into());
    }
    let jwk =
        object(element, "write a JWK: {\"kty\": \"RSA\", \"kid\": \"…\", \"n\": \"…\", \"e\": \"AQAB\"}")?;
    for (meant, why) in [
        (jwk.first("kty").and_then(Json::as_str) == Some("RSA"), "its kty is not RSA"),
        (absent_or(jwk, "use", "sig"), "its use is not sig"),
        (verifies(jwk), "its key_ops do not hold verify"),
        (absent_or(jwk, "alg", "RS256"), "its alg is not RS256"),
        (jwk.first("kid").is_some(), "it has no kid"),
    ] {
        if !meant {
            return Err(Unusable::Other(why));
        }
    }
    let kid = kid(jwk)?;
    let key = rsa::from_numbers(&number(jwk, "n")?, &number(jwk, "e")?, max_bits)?;
    Ok((kid.clone(), PublicKey { kid: Some(kid), ..key }))
}

fn absent_or(jwk: &Object<'_>, member: &str, value: &str) -> bool {
    jwk.first(member).is_none_or(|found| found.as_str() == Some(value))
}

fn verifies(jwk: &Object<'_>) -> bool {
    match jwk.first("key_ops") {
        None => true,
        Some(Json::Array(operations)) => {
            operations.iter().any(|operation| operation.as_str() == Some("verify"))
        }
        Some(_) => false,
    }
}

/// A positive integer in the form of RFC 7518 §2: base64url of its octets, no leading zero octet.
fn number(jwk: &Object<'_>, member: &'static str) -> Result<BigUint, Fault> {
    let action = "export the JWK again from the key";
    let octets = jwk.first(member).and_then(Json::as_str).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    match octets.as_deref() {
        None => Err(Fault::new(format!("its \"{member}\" is no base64url string without padding"), action)),
        Some([] | [0, ..]) => {
            Err(Fault::new(format!("its \"{member}\" is empty or begins with a zero octet"), action))
        }
        Some(octets) => Ok(BigUint::from_bytes_be(octets)),
    }
}
