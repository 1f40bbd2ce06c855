//! The fields of a widget's frame, read strictly: what is missing, of the wrong type or given twice is named.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use schemars::{Schema, SchemaGenerator, json_schema};

use crate::domain::conversation::MessageId;
use crate::domain::id::Sequence;
use crate::domain::json::{Json, Object};

use super::error::ErrorCode;

/// The longest `type` that is quoted back, in characters.
pub(super) const QUOTED_MAX: usize = 64;
/// An `idempotency_key` holds 128 random bits; in base64url those take 22 characters.
const IDEMPOTENCY_KEY_CHARACTERS: RangeInclusive<usize> = 22..=64;
/// The longest locale: BCP 47 tags in use are far shorter.
const LOCALE_CHARACTERS_MAX: usize = 35;

/// Why a text is no frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameFault {
    /// Not a JSON object: the connection is closed.
    NotAnObject,
    /// A field is missing, wrong-typed, out of range or given twice.
    Bad {
        /// The message's `id`, else the frame's `type`.
        about: String,
        /// What is wrong.
        message: String,
    },
    /// An unknown `type`.
    Unsupported {
        /// The type, cut short.
        kind: String,
    },
}

impl FrameFault {
    /// What an answer to it is about: the message's `id`, else the frame's `type`.
    #[must_use]
    pub fn about(&self) -> &str {
        match self {
            Self::NotAnObject => "",
            Self::Bad { about, .. } => about,
            Self::Unsupported { kind } => kind,
        }
    }

    /// The code, the message and what it is about.
    #[must_use]
    pub fn into_parts(self) -> (ErrorCode, String, String) {
        match self {
            Self::NotAnObject => {
                (ErrorCode::BadFrame, "the frame is not a JSON object".to_owned(), String::new())
            }
            Self::Bad { about, message } => (ErrorCode::BadFrame, message, about),
            Self::Unsupported { kind } => {
                (ErrorCode::UnsupportedFrame, format!("{kind:?} is not a type that widgets send here"), kind)
            }
        }
    }
}

/// The fields of one frame, none of them given twice.
pub(super) struct Fields<'o, 'a> {
    object: &'o Object<'a>,
    pub(super) kind: &'o str,
}

impl<'o, 'a> Fields<'o, 'a> {
    pub(super) fn new(object: &'o Object<'a>) -> Result<Self, FrameFault> {
        if let Some(name) = object.repeated() {
            let name: String = name.chars().take(QUOTED_MAX).collect();
            return Err(bad("", format!("{name:?} is given twice")));
        }
        match object.first("type") {
            Some(Json::String(kind)) => Ok(Self { object, kind }),
            Some(other) => Err(bad("", format!("type must be a string, not {}", other.kind()))),
            None => Err(bad("", "type is missing".to_owned())),
        }
    }

    pub(super) fn string(&self, name: &str) -> Result<Option<Cow<'a, str>>, FrameFault> {
        match self.object.first(name) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.wrong(name, "a string", other)),
        }
    }

    pub(super) fn required(&self, name: &str) -> Result<Cow<'a, str>, FrameFault> {
        self.string(name)?.ok_or_else(|| self.missing(name))
    }

    pub(super) fn missing(&self, name: &str) -> FrameFault {
        bad(self.kind, format!("{name} is missing"))
    }

    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, FrameFault> {
        match self.object.first(name) {
            None => Ok(None),
            Some(Json::Bool(value)) => Ok(Some(*value)),
            Some(other) => Err(self.wrong(name, "true or false", other)),
        }
    }

    pub(super) fn idempotency_key(&self) -> Result<Option<Cow<'a, str>>, FrameFault> {
        let key = self.string("idempotency_key")?;
        let (least, most) = IDEMPOTENCY_KEY_CHARACTERS.into_inner();
        match &key {
            Some(text) if !IDEMPOTENCY_KEY_CHARACTERS.contains(&text.chars().take(most + 1).count()) => {
                let message = format!("idempotency_key must have {least} to {most} characters");
                Err(bad(self.kind, message))
            }
            _ => Ok(key),
        }
    }

    pub(super) fn object(&self, name: &str) -> Result<Option<Object<'a>>, FrameFault> {
        match self.object.first(name) {
            None => Ok(None),
            Some(Json::Object(object)) => Ok(Some(object.clone())),
            Some(other) => Err(self.wrong(name, "an object", other)),
        }
    }

    pub(super) fn sequence(&self, name: &str) -> Result<Option<Sequence>, FrameFault> {
        match self.object.first(name) {
            None => Ok(None),
            Some(Json::Number(number)) => match number.as_f64() {
                Some(value) if (0.0..=SEQUENCE_MAX).contains(&value) && value.fract() == 0.0 =>
                {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "whole and in range"
                    )]
                    Ok(Some(Sequence::new(value as u64)))
                }
                _ => Err(bad(self.kind, format!("{name} must be a whole number from 0 to 2^53"))),
            },
            Some(other) => Err(self.wrong(name, "a number", other)),
        }
    }

    pub(super) fn locale(&self) -> Result<Option<Cow<'a, str>>, FrameFault> {
        let locale = self.string("locale")?;
        match &locale {
            Some(text)
                if text.chars().count() > LOCALE_CHARACTERS_MAX || text.chars().any(char::is_control) =>
            {
                let message =
                    format!("locale must be a language tag of at most {LOCALE_CHARACTERS_MAX} characters");
                Err(bad(self.kind, message))
            }
            _ => Ok(locale),
        }
    }

    pub(super) fn message(&self) -> Result<(MessageId, Cow<'a, str>), FrameFault> {
        let id = self.required("id")?;
        let Some(id) = MessageId::new(&id) else {
            return Err(bad(self.kind, "id must have 1 to 64 characters".to_owned()));
        };
        match self.object.first("text") {
            Some(Json::String(text)) => Ok((id, text.clone())),
            Some(other) => Err(bad(id.as_str(), format!("text must be a string, not {}", other.kind()))),
            None => Err(bad(id.as_str(), "text is missing".to_owned())),
        }
    }

    fn wrong(&self, name: &str, expected: &str, found: &Json<'_>) -> FrameFault {
        bad(
            self.kind,
            format!("{name} must be {expected}, not {}; leave it out where there is none", found.kind()),
        )
    }
}

pub(super) fn idempotency_key_schema(_: &mut SchemaGenerator) -> Schema {
    let (least, most) = IDEMPOTENCY_KEY_CHARACTERS.into_inner();
    json_schema!({ "type": "string", "minLength": least, "maxLength": most })
}

pub(super) fn locale_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "maxLength": LOCALE_CHARACTERS_MAX })
}

/// Beyond this a JSON number no longer tells every whole number from its neighbours.
const SEQUENCE_MAX: f64 = 9_007_199_254_740_992.0;

pub(super) fn bad(about: &str, message: String) -> FrameFault {
    FrameFault::Bad { about: about.to_owned(), message }
}
