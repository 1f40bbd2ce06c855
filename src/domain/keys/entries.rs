//! The key set: a JSON array of `{"kid", "publicKey", "expiry"?}`.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::domain::json::{Json, Object, OutOfRange};
use crate::domain::time::UnixTime;

use super::document::{DocumentForm, KeyDocument, MAX_KEYS};
use super::fault::Fault;
use super::set::Collector;
use super::{DocumentRefused, KeyFault, KeySet, PublicKey, pem};

/// The longest `kid` in bytes: a token can't name a longer one.
pub const MAX_KID_BYTES: usize = 256;

const ENCODE: &str = "write the base64 of the whole PEM text: base64 -w0 public.pem";

/// Reads the elements of the array.
pub(super) fn read(list: &[Json<'_>], max_bits: u32) -> Result<KeyDocument, DocumentRefused> {
    let mut reading = Reading::begin(list)?;
    for (index, element) in list.iter().enumerate() {
        reading.take(index, kid_of(element), named(element, max_bits));
    }
    reading.finish(DocumentForm::KeySet)
}

/// A list of entries being read: the usable keys, and what is wrong with the rest.
#[derive(Default)]
pub(super) struct Reading {
    keys: Collector,
    faults: Vec<KeyFault>,
    pub(super) passed_over: Vec<KeyFault>,
    entries: usize,
}

impl Reading {
    pub(super) fn begin(list: &[Json<'_>]) -> Result<Self, DocumentRefused> {
        if list.len() > MAX_KEYS {
            let message = format!("it lists {} keys, where {MAX_KEYS} are the most", list.len());
            return Err(Fault::new(message, "remove the keys that sign no longer").into());
        }
        Ok(Self { entries: list.len(), ..Self::default() })
    }

    pub(super) fn take(
        &mut self,
        index: usize,
        kid: Option<String>,
        read: Result<(Arc<str>, PublicKey), Fault>,
    ) {
        let repeated = || {
            Fault::new(
                "its kid stands for different keys, so none of them is used",
                "give each key its own kid",
            )
        };
        let fault = match read {
            Ok((name, key)) => (!self.keys.add(name, key)).then(repeated),
            Err(fault) => Some(fault),
        };
        self.faults.extend(fault.map(|fault| KeyFault { entry: index + 1, kid, fault }));
    }

    pub(super) fn finish(self, form: DocumentForm) -> Result<KeyDocument, DocumentRefused> {
        let Self { keys, mut faults, passed_over, entries } = self;
        if entries == 0 {
            return Ok(KeyDocument { form, keys: KeySet::empty(), faults, passed_over });
        }
        let keys = keys.finish();
        if keys.is_empty() {
            faults.extend(passed_over);
            faults.sort_by_key(|fault| fault.entry);
            let first = faults.first().map(ToString::to_string).unwrap_or_default();
            let message = format!("none of its entries can be used: {first}");
            let exposes_secret = faults.iter().any(|entry| entry.fault.exposes_secret);
            let fault = Fault {
                exposes_secret,
                ..Fault::new(message, "correct the entries and publish the document again")
            };
            return Err(DocumentRefused { fault, entries: faults });
        }
        Ok(KeyDocument { form, keys, faults, passed_over })
    }
}

/// The `kid`, for naming an entry whatever else is wrong with it; cut to what a message can bear.
pub(super) fn kid_of(element: &Json<'_>) -> Option<String> {
    let kid = element.as_object()?.first("kid")?.as_str()?;
    Some(kid.chars().take(100).collect())
}

fn named(element: &Json<'_>, max_bits: u32) -> Result<(Arc<str>, PublicKey), Fault> {
    let entry = object(element, "write {\"kid\": \"…\", \"publicKey\": \"…\", \"expiry\": seconds}")?;
    let kid = kid(entry)?;
    let expiry = expiry(entry)?;
    let key = key(entry, max_bits)?;
    Ok((kid.clone(), PublicKey { kid: Some(kid), expiry, ..key }))
}

/// An entry as the object that it must be, no member of it twice.
pub(super) fn object<'e, 'a>(element: &'e Json<'a>, action: &'static str) -> Result<&'e Object<'a>, Fault> {
    let Some(object) = element.as_object() else {
        return Err(Fault::new(format!("it is {}, where an object is expected", element.kind()), action));
    };
    object.repeated().map_or(Ok(object), |name| {
        let name: String = name.chars().take(40).flat_map(char::escape_debug).collect();
        Err(Fault::new(format!("its member \"{name}\" stands twice"), "write each member once"))
    })
}

/// The entry's name.
pub(super) fn kid(entry: &Object<'_>) -> Result<Arc<str>, Fault> {
    let action = "give the key a kid, a string that its tokens name in their header";
    match entry.first("kid") {
        None => Err(Fault::new("it has no kid", action)),
        Some(Json::String(kid)) if kid.is_empty() => Err(Fault::new("its kid is empty", action)),
        Some(Json::String(kid)) if kid.len() > MAX_KID_BYTES => {
            Err(Fault::new(format!("its kid is over {MAX_KID_BYTES} bytes long"), "shorten it"))
        }
        Some(Json::String(kid)) => Ok(kid.as_ref().into()),
        Some(other) => {
            Err(Fault::new(format!("its kid is {}, where a string is expected", other.kind()), action))
        }
    }
}

fn key(entry: &Object<'_>, max_bits: u32) -> Result<PublicKey, Fault> {
    let encoded = match entry.first("publicKey") {
        None => return Err(Fault::new("it has no publicKey", ENCODE)),
        Some(Json::String(encoded)) => encoded.as_ref(),
        Some(other) => {
            return Err(Fault::new(
                format!("its publicKey is {}, where a string is expected", other.kind()),
                ENCODE,
            ));
        }
    };
    if encoded.trim_start().starts_with("-----BEGIN") {
        // What the block is comes first: a private key must be called one.
        return Err(match pem::read(encoded, max_bits) {
            Err(fault) if fault.exposes_secret => fault.within("publicKey"),
            _ => Fault::new("its publicKey is a PEM, where the base64 of one is expected", ENCODE),
        });
    }
    if encoded.is_empty() {
        return Err(Fault::new("its publicKey is empty", ENCODE));
    }
    let Ok(decoded) = STANDARD.decode(encoded) else {
        let message = "its publicKey is not canonical base64 (A-Z, a-z, 0-9, +, /, padded with =)";
        return Err(Fault::new(message, ENCODE));
    };
    if decoded.first() == Some(&0x30) {
        return Err(Fault::new(
            "its publicKey is the base64 of a key in binary (DER), not of a PEM text",
            ENCODE,
        ));
    }
    let Ok(text) = std::str::from_utf8(&decoded) else {
        return Err(Fault::new("its publicKey is the base64 of something that is no text", ENCODE));
    };
    pem::read(text.strip_prefix('\u{FEFF}').unwrap_or(text), max_bits)
        .map_err(|fault| fault.within("publicKey"))
}

fn expiry(entry: &Object<'_>) -> Result<Option<UnixTime>, Fault> {
    let action = "write the second at which the key ends, a number such as 1893456000, or leave expiry out";
    let number = match entry.first("expiry") {
        None => return Ok(None),
        Some(Json::Number(number)) => number,
        Some(other) => {
            let message = format!("its expiry is {}, where a number of seconds is expected", other.kind());
            return Err(Fault::new(message, action));
        }
    };
    let max = UnixTime::MAX.millis();
    match number.as_millis() {
        // Serving ends at the first whole millisecond that is not before the expiry.
        Ok((millis, fraction)) if millis < max || (millis == max && !fraction) => {
            Ok(Some(UnixTime::from_millis(millis + i64::from(fraction))))
        }
        Ok((millis, _)) if millis / 1000 <= max => {
            Err(Fault::new("its expiry is in milliseconds, where seconds are expected", "divide it by 1000"))
        }
        Ok(_) | Err(OutOfRange::TooGreat) => Err(Fault::new("its expiry lies beyond the year 9999", action)),
        Err(OutOfRange::Negative) => Err(Fault::new("its expiry is negative", action)),
    }
}
