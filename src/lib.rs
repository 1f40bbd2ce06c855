//! The authenticated front door for website chat.
//!
//! A widget connects; its token is verified against its tenant's keys; a conversation is begun or resumed,
//! authenticated or anonymous; everything that happens is journaled; routing engines read the journal and act;
//! when the authentication runs out, the conversation is downgraded and everyone is told.
//!
//! The modules stand in reading order, the rules first. `ARCHITECTURE.md` is the map with the reasons.

// The rules.
pub mod domain;

// The shapes in which they are spoken: the widget protocol and the event format.
pub mod wire;

// What the shell is made of.
pub mod clock;
pub mod config;
pub mod lifecycle;
pub mod listener;
pub mod metrics;
pub mod telemetry;

// Where keys come from, where facts go, and who brings the two together.
pub mod conversations;
pub mod journal;
pub mod key_source;
pub mod revocations;

// The three listeners.
pub mod consumer;
pub mod gateway;
pub mod ops;

// The fourth door: events that go out by themselves.
pub mod webhooks;

// How it is put together and started.
pub mod app;
pub mod cli;
pub mod demo;
