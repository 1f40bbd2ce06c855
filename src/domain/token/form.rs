//! The outer form of a token, judged before any key is fetched for it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::json::{self, Json, Object};
use crate::domain::keys::MAX_KID_BYTES;

use super::refusal::{Reason, Refusal, Step};
use super::{MAX_HEADER_BYTES, TokenPolicy};

/// A compact JWS (RFC 7515 §7.1) whose header was found to be one that can be verified: RS256, no extensions.
///
/// Its payload isn't looked at before the signature holds.
#[derive(Debug)]
pub struct Presented<'t> {
    kid: Option<Box<str>>,
    pub(super) signing_input: &'t str,
    pub(super) payload: Vec<u8>,
    pub(super) signature: &'t str,
}

impl<'t> Presented<'t> {
    /// Judges size, form and algorithm: all that can be said without the tenant's keys.
    pub fn parse(token: &'t str, policy: &TokenPolicy) -> Result<Self, Refusal> {
        let token = token.trim_ascii();
        if token.len() > policy.max_token_bytes {
            let message = format!("the token is longer than the {} bytes allowed", policy.max_token_bytes);
            let action =
                "put less into it, above all into lwicontexts, or raise max_token_bytes (65536 at most)";
            return Err(Refusal::new(Reason::TooLarge, Step::Size, message, action));
        }
        let (header, payload, signature) = parts(token)?;
        if payload.is_empty() {
            return Err(malformed("the token has no payload", SIGN_AGAIN));
        }
        let header_bytes = decode("header", header)?;
        if header_bytes.len() > MAX_HEADER_BYTES {
            let message = format!("the token's header is longer than {MAX_HEADER_BYTES} bytes");
            let action = "the token service must leave certificates and other extras out of the header";
            return Err(Refusal::new(Reason::TooLarge, Step::Size, message, action));
        }
        let presented = Self {
            kid: None,
            signing_input: &token[..header.len() + 1 + payload.len()],
            payload: decode("payload", payload)?,
            signature,
        };
        decode("signature", signature)?;
        let json = json::parse_bytes(&header_bytes)
            .map_err(|fault| malformed(format!("the token's header is not JSON: {fault}"), SIGN_AGAIN))?;
        let Json::Object(header) = json else {
            return Err(malformed("the token's header is not a JSON object", SIGN_AGAIN));
        };
        if header.repeated().is_some() {
            return Err(malformed("a member of the token's header stands twice", SIGN_AGAIN));
        }
        without_extensions(&header)?;
        right_type(&header)?;
        let kid = kid(&header)?;
        rs256(&header)?;
        Ok(Self { kid, ..presented })
    }

    /// The key that the header names.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }
}

const SIGN_AGAIN: &str =
    "the token service must make it with a JWT library, as header.payload.signature in base64url";

fn malformed(message: impl Into<std::borrow::Cow<'static, str>>, action: &'static str) -> Refusal {
    Refusal::new(Reason::Malformed, Step::Form, message, action)
}

/// Splits at the dots, of which there must be two, without keeping a list of them: a token may be all dots.
fn parts(token: &str) -> Result<(&str, &str, &str), Refusal> {
    let mut split = token.splitn(4, '.');
    match (split.next(), split.next(), split.next(), split.next()) {
        (Some(header), Some(payload), Some(signature), None) => Ok((header, payload, signature)),
        (.., Some(rest)) if rest.bytes().filter(|&byte| byte == b'.').count() == 1 => Err(malformed(
            "the token has five parts: it is an encrypted JWE, which nobody but its addressee can read",
            "send the signed token that the token service makes for the chat, not the encrypted one of another system",
        )),
        _ => Err(malformed(not_three_parts(token), SIGN_AGAIN)),
    }
}

/// What it seems to be instead. It never quotes the token.
fn not_three_parts(token: &str) -> &'static str {
    match token.as_bytes() {
        [] => "the token is empty",
        [b'{' | b'[', ..] => "the token is JSON, where the compact form is expected",
        [b'<', ..] => "the token is an HTML or XML document",
        b"null" | b"undefined" => "the page sent the word null or undefined in place of a token",
        _ => "the token does not have three parts with a dot between them",
    }
}

fn decode(name: &str, part: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| {
        let action = match part.as_bytes() {
            [b'"' | b'\'', ..] | [.., b'"' | b'\''] => "send it without the quotation marks around it",
            [b'B' | b'b', b'e', b'a', b'r', b'e', b'r', b' ', ..] => {
                "send the token alone, without \"Bearer\" before it"
            }
            [.., b'='] => "the token service must leave the padding (=) out",
            _ => SIGN_AGAIN,
        };
        malformed(format!("the token's {name} is not canonical base64url (RFC 7515 §2)"), action)
    })
}

/// Members that would change what the signature or the payload means. This verifier knows no extension.
fn without_extensions(header: &Object<'_>) -> Result<(), Refusal> {
    for member in ["crit", "b64", "enc", "zip"] {
        if header.first(member).is_some() {
            let message =
                format!("the token's header has \"{member}\", an extension that isn't understood here");
            return Err(malformed(message, "the token service must make a plain signed token, without it"));
        }
    }
    Ok(())
}

fn right_type(header: &Object<'_>) -> Result<(), Refusal> {
    let is_jwt = |typ: &str| typ.eq_ignore_ascii_case("JWT") || typ.eq_ignore_ascii_case("application/jwt");
    match header.first("typ") {
        None => Ok(()),
        Some(Json::String(typ)) if is_jwt(typ) => Ok(()),
        Some(_) => Err(malformed(
            "the token's \"typ\" is not JWT: it was made for something else",
            "send the token that was made for the chat; its \"typ\" is JWT or left out",
        )),
    }
}

fn kid(header: &Object<'_>) -> Result<Option<Box<str>>, Refusal> {
    match header.first("kid") {
        None => Ok(None),
        Some(Json::String(kid)) if kid.len() <= MAX_KID_BYTES => Ok(Some(kid.as_ref().into())),
        Some(_) => Err(malformed(
            format!("the token's \"kid\" is not a string of at most {MAX_KID_BYTES} bytes"),
            "the token service must write the kid under which the key is published",
        )),
    }
}

fn rs256(header: &Object<'_>) -> Result<(), Refusal> {
    let Some(Json::String(alg)) = header.first("alg") else {
        return Err(malformed("the token's header has no \"alg\" that is a string", SIGN_AGAIN));
    };
    let (message, action) = match alg.as_ref() {
        "RS256" => return Ok(()),
        "HS256" | "HS384" | "HS512" => (
            "the token is signed with a shared secret (an HS algorithm), where RS256 is expected",
            "the sample token in the vendor's documentation is HS256, which this endpoint does not take: the token \
             service must sign with RS256 and the private key whose public half is published",
        ),
        "none" => ("the token is not signed (alg none)", "the token service must sign it with RS256"),
        _ => (
            "the token's \"alg\" is not RS256, the only algorithm taken here",
            "the token service must sign with RS256 and an RSA key",
        ),
    };
    Err(Refusal::new(Reason::UnsupportedAlg, Step::Algorithm, message, action))
}
