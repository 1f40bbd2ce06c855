//! `usher token`: a verdict explained, and tokens to try things with.

mod mint;
mod report;
mod verify;

pub use mint::{MintArgs, mint};
pub use verify::{VerifyArgs, verify};
