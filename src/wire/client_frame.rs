//! Frames from the widget to the gateway.

use std::borrow::Cow;

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::Value;

use crate::domain::conversation::MessageId;
use crate::domain::id::Sequence;
use crate::domain::json::{self, Json, Object};

use super::fields::{Fields, FrameFault, QUOTED_MAX, idempotency_key_schema, locale_schema};
use super::schema;

/// A frame of a widget, borrowed from its text.
#[derive(Debug, PartialEq, JsonSchema)]
#[schemars(tag = "type", rename_all = "snake_case")]
pub enum ClientFrame<'a> {
    /// Begin a conversation.
    Start(StartFrame<'a>),
    /// Come back, or join from another tab.
    Resume(ResumeFrame<'a>),
    /// Sign in during the conversation, or bring a fresher token.
    Authenticate {
        /// A customer's token.
        token: Cow<'a, str>,
    },
    /// Say something.
    Message {
        /// The widget's own id for it.
        #[schemars(schema_with = "schema::message_id")]
        id: MessageId,
        /// The words, not yet judged.
        text: Cow<'a, str>,
    },
    /// The customer types.
    Typing,
    /// The customer has read what was said.
    Read {
        /// The last entry read.
        #[schemars(schema_with = "schema::place")]
        sequence: Sequence,
    },
    /// Change the page's variables.
    SetContext {
        /// The variables.
        #[schemars(schema_with = "schema::offered")]
        context: Object<'a>,
    },
    /// Give up the authentication.
    SignOut,
    /// The customer ends the conversation.
    End,
    /// For pages that can't see WebSocket pings.
    Ping,
}

/// `start`.
#[derive(Debug, PartialEq, JsonSchema)]
#[schemars(inline)]
pub struct StartFrame<'a> {
    /// A customer's token.
    #[schemars(with = "String", extend("x-optional" = true))]
    pub token: Option<Cow<'a, str>>,
    /// The page's variables.
    #[schemars(schema_with = "schema::offered", extend("x-optional" = true))]
    pub context: Option<Object<'a>>,
    /// The page's locale.
    #[schemars(schema_with = "locale_schema", extend("x-optional" = true))]
    pub locale: Option<Cow<'a, str>>,
    /// A secret of the page's: the same again begins nothing new.
    #[schemars(schema_with = "idempotency_key_schema", extend("x-optional" = true))]
    pub idempotency_key: Option<Cow<'a, str>>,
    /// Whether to take up the identity's newest open conversation instead, where there is one.
    #[schemars(extend("x-optional" = true))]
    pub r#continue: bool,
}

/// `resume`.
#[derive(Debug, PartialEq, JsonSchema)]
#[schemars(inline)]
pub struct ResumeFrame<'a> {
    /// The conversation's id, as sent.
    pub conversation: Cow<'a, str>,
    /// The secret that came with `started` or since.
    pub resume_token: Cow<'a, str>,
    /// The greatest sequence seen.
    #[schemars(schema_with = "schema::place", extend("x-optional" = true))]
    pub after: Option<Sequence>,
    /// A customer's token.
    #[schemars(with = "String", extend("x-optional" = true))]
    pub token: Option<Cow<'a, str>>,
}

impl<'a> ClientFrame<'a> {
    /// Each frame's `type` and its schema.
    pub fn schemas(generator: &mut SchemaGenerator) -> Vec<(String, Value)> {
        schema::alternatives::<Self>(generator, "/properties/type/const")
    }

    /// Reads a text frame. Unknown fields are ignored.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &'a str) -> Result<Self, FrameFault> {
        let Ok(Json::Object(object)) = json::parse(text) else { return Err(FrameFault::NotAnObject) };
        let fields = Fields::new(&object)?;
        match fields.kind {
            "start" => Ok(Self::Start(StartFrame {
                token: fields.string("token")?,
                context: fields.object("context")?,
                locale: fields.locale()?,
                idempotency_key: fields.idempotency_key()?,
                r#continue: fields.boolean("continue")?.unwrap_or(false),
            })),
            "resume" => Ok(Self::Resume(ResumeFrame {
                conversation: fields.required("conversation")?,
                resume_token: fields.required("resume_token")?,
                after: fields.sequence("after")?,
                token: fields.string("token")?,
            })),
            "authenticate" => Ok(Self::Authenticate { token: fields.required("token")? }),
            "message" => {
                let (id, text) = fields.message()?;
                Ok(Self::Message { id, text })
            }
            "typing" => Ok(Self::Typing),
            "read" => Ok(Self::Read {
                sequence: fields.sequence("sequence")?.ok_or_else(|| fields.missing("sequence"))?,
            }),
            "set_context" => Ok(Self::SetContext {
                context: fields.object("context")?.ok_or_else(|| fields.missing("context"))?,
            }),
            "sign_out" => Ok(Self::SignOut),
            "end" => Ok(Self::End),
            "ping" => Ok(Self::Ping),
            unknown => Err(FrameFault::Unsupported { kind: unknown.chars().take(QUOTED_MAX).collect() }),
        }
    }

    /// What an answer to it is about: the message's `id`, else the frame's `type`.
    #[must_use]
    pub fn about(&self) -> &str {
        match self {
            Self::Message { id, .. } => id.as_str(),
            other => other.kind(),
        }
    }

    /// The frame's `type`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Start(_) => "start",
            Self::Resume(_) => "resume",
            Self::Authenticate { .. } => "authenticate",
            Self::Message { .. } => "message",
            Self::Typing => "typing",
            Self::Read { .. } => "read",
            Self::SetContext { .. } => "set_context",
            Self::SignOut => "sign_out",
            Self::End => "end",
            Self::Ping => "ping",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ErrorCode;

    fn fault(text: &str) -> (ErrorCode, String, String) {
        ClientFrame::parse(text).expect_err("a faulty frame").into_parts()
    }

    #[test]
    fn each_type_is_read_with_its_fields() {
        let frame =
            ClientFrame::parse(r#"{"type":"start","token":"t","context":{"a":1},"locale":"de-CH","new":[]}"#);
        let Ok(ClientFrame::Start(start)) = frame else { panic!("{frame:?}") };
        assert_eq!((start.token.as_deref(), start.locale.as_deref()), (Some("t"), Some("de-CH")));
        assert_eq!(start.context.map(|context| context.len()), Some(1));

        let frame =
            ClientFrame::parse(r#"{"type":"resume","conversation":"c","resume_token":"r","after":7}"#);
        let Ok(ClientFrame::Resume(resume)) = frame else { panic!("{frame:?}") };
        assert_eq!((&*resume.conversation, &*resume.resume_token), ("c", "r"));
        assert_eq!((resume.after, resume.token), (Some(Sequence::new(7)), None));

        let frame = ClientFrame::parse(r#"{"type":"message","id":"m","text":"\u00e9"}"#);
        let Ok(ClientFrame::Message { id, text }) = frame else { panic!("{frame:?}") };
        assert_eq!((id.as_str(), &*text), ("m", "é"));
        let frame = ClientFrame::parse(r#"{"type":"authenticate","token":"t"}"#);
        assert_eq!(frame, Ok(ClientFrame::Authenticate { token: "t".into() }));
        let frame = ClientFrame::parse(r#"{"type":"read","sequence":7}"#);
        assert_eq!(frame, Ok(ClientFrame::Read { sequence: Sequence::new(7) }));
        let frame = ClientFrame::parse(r#"{"type":"set_context","context":{"a":1,"b":null}}"#);
        let Ok(ClientFrame::SetContext { context }) = frame else { panic!("{frame:?}") };
        assert_eq!(context.len(), 2);
        for (text, frame) in [
            (r#"{"type":"typing"}"#, ClientFrame::Typing),
            (r#"{"type":"sign_out"}"#, ClientFrame::SignOut),
            (r#"{"type":"end"}"#, ClientFrame::End),
            (r#"{"type":"ping"}"#, ClientFrame::Ping),
        ] {
            assert_eq!(ClientFrame::parse(text), Ok(frame));
        }
    }

    #[test]
    fn a_start_can_take_up_what_was_begun() {
        let start = |key: &str| format!(r#"{{"type":"start","continue":true,"idempotency_key":"{key}"}}"#);
        for (characters, good) in [(21, false), (22, true), (64, true), (65, false)] {
            let text = start(&"é".repeat(characters));
            let frame = ClientFrame::parse(&text);
            assert_eq!(frame.is_ok(), good, "{characters} characters: {frame:?}");
            if let Ok(ClientFrame::Start(start)) = frame {
                assert!(start.r#continue && start.idempotency_key.is_some());
            }
        }
    }

    #[test]
    fn what_is_no_json_object_is_no_frame() {
        for text in ["", "[]", "7", "\"start\"", "{", "{\"type\":\"end\"} x", "{'type':'end'}"] {
            assert_eq!(ClientFrame::parse(text), Err(FrameFault::NotAnObject), "{text}");
        }
    }

    #[test]
    fn a_faulty_field_is_named() {
        for (text, about, says) in [
            (r"{}", "", "type is missing"),
            (r#"{"type":7}"#, "", "type must be a string, not a number"),
            (r#"{"type":"end","type":"end"}"#, "", "\"type\" is given twice"),
            (r#"{"type":"start","x":1,"x":2}"#, "", "\"x\" is given twice"),
            (r#"{"type":"start","token":null}"#, "start", "token must be a string, not null"),
            (r#"{"type":"start","context":"{}"}"#, "start", "context must be an object, not a string"),
            (r#"{"type":"start","continue":1}"#, "start", "continue must be true or false, not a number"),
            (r#"{"type":"start","idempotency_key":7}"#, "start", "idempotency_key must be a string"),
            (r#"{"type":"authenticate"}"#, "authenticate", "token is missing"),
            (r#"{"type":"read"}"#, "read", "sequence is missing"),
            (r#"{"type":"set_context","context":[]}"#, "set_context", "context must be an object"),
            (r#"{"type":"resume","conversation":"c"}"#, "resume", "resume_token is missing"),
            (
                r#"{"type":"resume","conversation":"c","resume_token":"r","after":-1}"#,
                "resume",
                "after must be",
            ),
            (
                r#"{"type":"resume","conversation":"c","resume_token":"r","after":1.5}"#,
                "resume",
                "after must be",
            ),
            (r#"{"type":"message","text":"x"}"#, "message", "id is missing"),
            (r#"{"type":"message","id":"","text":"x"}"#, "message", "id must have"),
            (r#"{"type":"message","id":"m"}"#, "m", "text is missing"),
            (r#"{"type":"message","id":"m","text":7}"#, "m", "text must be a string, not a number"),
        ] {
            let (code, message, in_reply_to) = fault(text);
            assert_eq!((code, &*in_reply_to), (ErrorCode::BadFrame, about), "{text}");
            assert!(message.contains(says), "{text}: {message}");
        }
    }

    #[test]
    fn an_unknown_type_is_named_and_cut_short() {
        let (code, _, kind) = fault(&format!(r#"{{"type":"{}"}}"#, "x".repeat(1000)));
        assert_eq!((code, kind.len()), (ErrorCode::UnsupportedFrame, QUOTED_MAX));
    }
}
