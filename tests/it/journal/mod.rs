//! The journal's contract, on a real journal on a real disk.

mod contract;
mod failure;
mod index;
mod opening;
mod projection;
mod state;
pub(crate) mod support;
