//! `usher queue`: which queue takes a conversation, and why.

mod explain;
mod report;

pub use explain::{ExplainArgs, explain};
