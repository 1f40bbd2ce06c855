//! `usher token`: a verdict explained, and tokens to try things with.

mod mint;
mod report;
mod verify;

pub use mint::{MintArgs, mint};
pub(super) use verify::{MAX_INPUT_BYTES, instant, judge};
pub use verify::{VerifyArgs, verify};
