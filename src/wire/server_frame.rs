//! Frames from the gateway to the widget.

use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;

use crate::domain::context::ContextReport;
use crate::domain::conversation::{
    Assignment, AuthenticationRequest, Downgraded, Ended, Entry, Fact, Message, Read, SignedIn,
};

use super::error::ErrorFrame;
use super::event::{downgrade_reason, ended_by, reader_name, sign_in_reason};
use super::schema;
use super::views::{AuthenticationView, ContextView, Rfc3339, role_name};

/// What a widget may do, told at the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Limits {
    /// The longest message, in Unicode scalar values.
    pub message_characters: usize,
    /// The longest frame, in bytes.
    pub frame_bytes: usize,
    /// Messages per minute; 0: no limit.
    pub messages_per_minute: u32,
    /// Seconds between the gateway's pings.
    pub ping_seconds: u64,
}

/// A frame to a widget.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are the protocol's, row by row of its table")]
pub enum ServerFrame<'a> {
    Started {
        #[schemars(schema_with = "schema::uuid")]
        conversation: String,
        resume_token: &'a str,
        sequence: u64,
        authentication: AuthenticationView<'a>,
        queue: &'a str,
        context: ContextView<'a>,
        limits: Limits,
    },
    Resumed {
        #[schemars(schema_with = "schema::uuid")]
        conversation: String,
        resume_token: &'a str,
        sequence: u64,
        authentication: AuthenticationView<'a>,
        queue: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        agent: Option<&'a str>,
        context: ContextView<'a>,
        limits: Limits,
        replayed: u64,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        truncated: bool,
    },
    Authentication {
        authentication: AuthenticationView<'a>,
        #[schemars(schema_with = "schema::change")]
        reason: &'static str,
        sequence: u64,
        context: ContextView<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        resume_token: Option<&'a str>,
    },
    TokenExpiring {
        expires_at: Rfc3339,
        refresh_by: Rfc3339,
    },
    Context {
        context: ContextView<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        sequence: Option<u64>,
    },
    Accepted {
        id: &'a str,
        sequence: u64,
        at: Rfc3339,
    },
    Message {
        sequence: u64,
        at: Rfc3339,
        #[schemars(schema_with = "schema::role")]
        from: &'static str,
        text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        authenticated: Option<bool>,
    },
    Typing {
        from: &'a str,
    },
    Read {
        sequence: u64,
        #[schemars(schema_with = "schema::reader")]
        by: &'static str,
        up_to: u64,
    },
    AuthenticationRequested {
        sequence: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'a str>,
    },
    Assigned {
        sequence: u64,
        queue: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        agent: Option<&'a str>,
    },
    Ended {
        sequence: u64,
        #[schemars(schema_with = "schema::ender")]
        by: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
    },
    Draining {
        reconnect_after_ms: u64,
    },
    Pong,
    Error(&'a ErrorFrame),
}

impl ServerFrame<'_> {
    /// Each frame's `type` and its schema.
    pub fn schemas(generator: &mut SchemaGenerator) -> Vec<(String, Value)> {
        schema::alternatives::<Self>(generator, "/properties/type/const")
    }

    /// The frame's JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a frame has string keys and finite numbers only")
    }
}

/// No variables were offered, or none were looked at.
pub static NOTHING: ContextReport = ContextReport { accepted: Vec::new(), rejected: Vec::new() };

/// The frame that an entry is to a widget, live or replayed. None for the beginning, which `started` tells, nor for
/// the page's own variables, of which the page that changed them is told.
#[must_use]
pub fn replayed_frame(entry: &Entry) -> Option<ServerFrame<'_>> {
    let sequence = entry.sequence.get();
    let authentication = AuthenticationView::from(&entry.authentication);
    Some(match &entry.fact {
        Fact::Started(_) | Fact::Context(_) => return None,
        Fact::Authenticated(SignedIn { reason, context, .. }) => ServerFrame::Authentication {
            authentication,
            reason: sign_in_reason(*reason),
            sequence,
            context: ContextView(context),
            resume_token: None,
        },
        Fact::Downgraded(Downgraded { reason, .. }) => ServerFrame::Authentication {
            authentication,
            reason: downgrade_reason(*reason),
            sequence,
            context: ContextView(&NOTHING),
            resume_token: None,
        },
        Fact::Message(Message { author, id, text, name, authenticated }) => {
            let by_customer = role_name(author) == "customer";
            ServerFrame::Message {
                sequence,
                at: Rfc3339(entry.at),
                from: role_name(author),
                text: text.as_str(),
                name: name.as_deref(),
                id: by_customer.then_some(id.as_str()),
                authenticated: by_customer.then_some(*authenticated),
            }
        }
        Fact::Read(Read { by, up_to }) => {
            ServerFrame::Read { sequence, by: reader_name(*by), up_to: up_to.get() }
        }
        Fact::AuthenticationRequested(AuthenticationRequest { message, .. }) => {
            ServerFrame::AuthenticationRequested { sequence, message: message.as_deref() }
        }
        Fact::Assigned(Assignment { queue, agent, .. }) => {
            ServerFrame::Assigned { sequence, queue, agent: agent.as_deref() }
        }
        Fact::Ended(Ended { by, reason }) => {
            ServerFrame::Ended { sequence, by: ended_by(*by), reason: reason.as_deref() }
        }
    })
}
