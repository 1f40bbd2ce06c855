//! How usher speaks, pure: the widget protocol `usher.v1`, frame by frame, the form of the events that consumers read,
//! and what HTTP agrees on. Nothing here decides anything.

mod client_frame;
mod close;
mod error;
mod event;
mod fields;
mod negotiation;
mod schema;
mod server_frame;
mod views;

pub use client_frame::{ClientFrame, ResumeFrame, StartFrame};
pub use close::Close;
pub use error::{ErrorCode, ErrorFrame};
pub use event::{
    EVENT_TYPES, TYPING_TYPE, downgrade_reason, ended_by, event_schemas, event_type, sign_in_reason,
    write_event, write_typing,
};
pub use fields::FrameFault;
pub use negotiation::{Coding, is_known};
pub use schema::without_nulls;
pub use server_frame::{Limits, NOTHING, ServerFrame, replayed_frame};
pub use views::{AuthenticationView, ContextView, Rfc3339, VariableView, VariablesView, role_name};

pub(crate) use schema::{every, last_change};

/// The WebSocket subprotocol (RFC 6455 §1.9).
pub const SUBPROTOCOL: &str = "usher.v1";
