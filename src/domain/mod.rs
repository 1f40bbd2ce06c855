//! The rules, pure: values in, values out. No async, no clock, no sockets, no files, no logging.

pub mod address;
pub mod address_block;
pub mod context;
pub mod conversation;
pub mod digest;
pub mod forwarded;
pub mod id;
pub mod json;
pub mod keys;
pub mod queue;
pub mod rate;
pub mod time;
pub mod token;
