//! From text to value, on `serde_json`'s scanner.
//!
//! Each container is read as a list of raw texts, which are read in turn: that keeps the numbers' text, which no
//! visitor of serde gets to see. A value is thus scanned once for each container around it, which the depth bounds.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Json, JsonFault, Number, Object};

/// How deeply arrays and objects may be nested; the outermost counts as 1.
pub const MAX_DEPTH: usize = 32;

/// Reads one value and nothing after it.
pub fn parse(text: &str) -> Result<Json<'_>, JsonFault> {
    value(text, 0).map_err(|fault| fault.locate(text))
}

/// Reads one value from bytes that must be UTF-8, without a byte order mark.
pub fn parse_bytes(bytes: &[u8]) -> Result<Json<'_>, JsonFault> {
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(text),
        Err(fault) => Err(place(bytes, fault.valid_up_to(), "a byte that is not UTF-8")),
    }
}

/// Reads a document: like [`parse_bytes`], and a UTF-8 byte order mark may stand before it.
pub fn parse_document(bytes: &[u8]) -> Result<Json<'_>, JsonFault> {
    parse_bytes(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes))
}

/// A fault and the part of the text that it was found in.
struct Fault<'a> {
    part: &'a str,
    kind: FaultKind,
}

enum FaultKind {
    Syntax(serde_json::Error),
    TooDeep,
}

/// Reads `part`, which has `depth` containers around it.
fn value(part: &str, depth: usize) -> Result<Json<'_>, Fault<'_>> {
    let part = part.trim_start_matches([' ', '\t', '\n', '\r']);
    match part.as_bytes().first() {
        Some(b'{' | b'[') if depth == MAX_DEPTH => Err(Fault { part, kind: FaultKind::TooDeep }),
        Some(b'{') => {
            let RawMembers(raw) = read(part)?;
            let members = raw.into_iter().map(|(name, text)| Ok((name, value(text.get(), depth + 1)?)));
            Ok(Json::Object(Object { members: members.collect::<Result<_, _>>()? }))
        }
        Some(b'[') => {
            let RawElements(raw) = read(part)?;
            let elements = raw.into_iter().map(|text| value(text.get(), depth + 1));
            Ok(Json::Array(elements.collect::<Result<_, _>>()?))
        }
        Some(b'"') => read(part).map(|Text(text)| Json::String(text)),
        Some(b'-' | b'0'..=b'9') => Ok(Json::Number(Number::from_checked(read::<&RawValue>(part)?.get()))),
        Some(b't' | b'f') => read(part).map(Json::Bool),
        _ => read(part).map(|()| Json::Null),
    }
}

impl Fault<'_> {
    /// Where this is in the whole text, of which the part is a slice.
    fn locate(&self, text: &str) -> JsonFault {
        let start = self.part.as_ptr().addr() - text.as_ptr().addr();
        match &self.kind {
            FaultKind::TooDeep => {
                place(text.as_bytes(), start, format!("nested more than {MAX_DEPTH} levels deep"))
            }
            FaultKind::Syntax(error) => {
                let base = place(text.as_bytes(), start, message(error));
                let column =
                    if error.line() <= 1 { base.column - 1 + error.column() } else { error.column() };
                JsonFault { line: base.line + error.line().max(1) - 1, column: column.max(1), ..base }
            }
        }
    }
}

fn read<'a, T: Deserialize<'a>>(part: &'a str) -> Result<T, Fault<'a>> {
    serde_json::from_str(part).map_err(|error| Fault { part, kind: FaultKind::Syntax(error) })
}

/// The scanner's words without its place, and without anything that it quotes from the text.
fn message(error: &serde_json::Error) -> String {
    if error.is_data() {
        return "not a JSON value".to_owned();
    }
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

fn place(text: &[u8], offset: usize, message: impl Into<String>) -> JsonFault {
    let before = &text[..offset];
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let line = before.split(|&byte| byte == b'\n').count();
    JsonFault { message: message.into(), line, column: offset - line_start + 1 }
}

/// A string that borrows where it can: serde's own `Cow` always copies.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// The members of one object, their values still text.
struct RawMembers<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for RawMembers<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = RawMembers<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawMembers<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((Text(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(RawMembers(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// The elements of one array, still text.
struct RawElements<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for RawElements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ElementsVisitor;
        impl<'de> Visitor<'de> for ElementsVisitor {
            type Value = RawElements<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawElements<'de>, A::Error> {
                let mut elements = Vec::new();
                while let Some(value) = seq.next_element::<&RawValue>()? {
                    elements.push(value);
                }
                Ok(RawElements(elements))
            }
        }
        deserializer.deserialize_seq(ElementsVisitor)
    }
}
