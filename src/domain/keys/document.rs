//! A key endpoint's body: which of the three forms it has, recognised by its content.

use crate::domain::json::{self, Json, JsonFault, Object, Repeated};

use super::fault::Fault;
use super::{DocumentRefused, KeyFault, KeySet, entries, jwk, pem};

/// The most keys that a document may list.
pub const MAX_KEYS: usize = 100;

/// Which form a document has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentForm {
    /// One PEM: the key for every token, whatever its `kid`.
    SinglePem,
    /// A JSON array of `{"kid", "publicKey", "expiry"?}`.
    KeySet,
    /// A JWK Set (RFC 7517 §5).
    JwkSet,
}

impl DocumentForm {
    /// Its name, as commands and the consumer API write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SinglePem => "pem",
            Self::KeySet => "key_set",
            Self::JwkSet => "jwk_set",
        }
    }
}

/// A document of which something can be used, or which says that no key is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDocument {
    /// The form recognised.
    pub form: DocumentForm,
    /// The keys that can be used.
    pub keys: KeySet,
    /// Entries that can't, each by its place and reason.
    pub faults: Vec<KeyFault>,
    /// Entries of a JWK Set that are for something else than RS256, and why.
    pub passed_over: Vec<KeyFault>,
}

impl KeyDocument {
    /// Whether a private or secret key lies open in it: the body must not be kept or logged.
    #[must_use]
    pub fn exposes_secret(&self) -> bool {
        self.faults.iter().any(|entry| entry.fault.exposes_secret)
    }
}

const FORMS: &str = "publish one PEM, a JSON array of {\"kid\", \"publicKey\", \"expiry\"}, or a JWK Set";

/// Reads the body of a key endpoint.
///
/// `max_key_bits` is the tenant's largest modulus, 4096 by default and 8192 at most. The body's size is the
/// fetcher's to bound; the work here is linear in it.
pub fn parse(body: &[u8], max_key_bits: u32) -> Result<KeyDocument, DocumentRefused> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'-') => single(text(body)?, max_key_bits),
        Some(b'"') => match read_json(body)? {
            Json::String(inner) => single(&inner, max_key_bits),
            _ => unreachable!("JSON that begins with a quotation mark is a string"),
        },
        Some(b'[') => match read_json(body)? {
            Json::Array(list) => entries::read(&list, max_key_bits),
            _ => unreachable!("JSON that begins with a bracket is an array"),
        },
        Some(b'{') => match read_json(body)? {
            Json::Object(object) => jwk_set(&object, max_key_bits),
            _ => unreachable!("JSON that begins with a brace is an object"),
        },
        _ => Err(unrecognised(body).into()),
    }
}

fn text(body: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(body).map_err(|_| Fault::new("it holds bytes that are not UTF-8", FORMS))
}

fn single(text: &str, max_key_bits: u32) -> Result<KeyDocument, DocumentRefused> {
    let keys = KeySet::single(pem::read(text, max_key_bits)?);
    Ok(KeyDocument { form: DocumentForm::SinglePem, keys, faults: Vec::new(), passed_over: Vec::new() })
}

fn read_json(body: &[u8]) -> Result<Json<'_>, Fault> {
    json::parse_bytes(body).map_err(|fault| not_json(body, &fault))
}

fn not_json(body: &[u8], fault: &JsonFault) -> Fault {
    if contains(body, b"PRIVATE KEY-----") {
        return Fault::secret("a PRIVATE key, in something that is not JSON either");
    }
    let action = if lacks_opening_quote(body, fault) {
        "the value there lacks its opening quotation mark, as in the sample that the vendor's documentation prints: \
         write it"
    } else {
        "correct it there; a JSON checker shows the place"
    };
    Fault::new(format!("it begins like JSON but is not: {fault}"), action)
}

/// Whether a bare word stands right where the fault is and a closing quotation mark after it, on the same line.
fn lacks_opening_quote(body: &[u8], fault: &JsonFault) -> bool {
    let line = body.split(|&byte| byte == b'\n').nth(fault.line - 1).unwrap_or_default();
    let (before, at) = line.split_at(line.len().min(fault.column - 1));
    let word = at.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte)).count();
    before.trim_ascii_end().ends_with(b":") && word > 0 && at.get(word) == Some(&b'"')
}

fn jwk_set(object: &Object<'_>, max_key_bits: u32) -> Result<KeyDocument, DocumentRefused> {
    match object.get("keys") {
        Ok(Some(Json::Array(list))) if object.repeated().is_none() => jwk::read(list, max_key_bits),
        Ok(Some(Json::Array(_))) | Err(Repeated) => {
            Err(Fault::new("a member of its object stands twice", "write each member once").into())
        }
        Ok(Some(other)) => {
            let message = format!("its \"keys\" is {}, where an array is expected", other.kind());
            Err(Fault::new(message, "write {\"keys\": [ … ]}").into())
        }
        Ok(None) => Err(lone_object(object).into()),
    }
}

/// A JSON object that isn't a JWK Set: what was probably meant.
fn lone_object(object: &Object<'_>) -> Fault {
    if let Some(member) = jwk::secret_member(object) {
        return Fault::secret(format!("a JWK with the private member \"{member}\""));
    }
    if object.first("publicKey").is_some() {
        Fault::new("one entry of a key set, without the array around it", "write [ … ] around it")
    } else if object.first("kty").is_some() {
        Fault::new("a single JWK", "write {\"keys\": [ … ]} around it, and give it a kid")
    } else {
        Fault::new("a JSON object without \"keys\"", FORMS)
    }
}

/// None of the three forms: what it is instead, as far as its beginning tells.
fn unrecognised(body: &[u8]) -> Fault {
    let trimmed = body.trim_ascii();
    if contains(trimmed, b"PRIVATE KEY-----") {
        return Fault::secret("a PRIVATE key, after other text");
    }
    match trimmed {
        [] => Fault::new("it is empty", FORMS),
        [b'<', ..] => Fault::new("an HTML or XML page", "check the URL: it may be a login or an error page"),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Fault::new("text in UTF-16", "publish it in UTF-8"),
        [0x1F, 0x8B, ..] => Fault::new("gzip-compressed bytes", "publish it without compression"),
        [0x30, 0x80..=0x84, ..] => {
            let action =
                "publish it as PEM: openssl pkey -pubin -inform DER -in key.der -outform PEM -pubout";
            Fault::new("a key in binary (DER)", action)
        }
        [b')', b']', b'}', b'\'', ..] => {
            Fault::new("a prefix against script inclusion stands before the JSON", "publish the JSON alone")
        }
        _ if trimmed.starts_with(b"ssh-") => {
            Fault::new("a key in OpenSSH's form", "convert it: ssh-keygen -e -m PKCS8 -f key.pub")
        }
        _ if contains(trimmed, b"-----BEGIN ") => Fault::new(
            "text before the key's block",
            "publish the block alone, from -----BEGIN to its last dashes",
        ),
        _ => Fault::new("neither a PEM nor a JSON array or object", FORMS),
    }
}

fn contains(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}
