//! Tenants' public keys: fetched, guarded, cached.
//!
//! [`guard`] says what may be reached, [`fetch`] gets a document from there, [`cache`] knows when one is needed, and
//! [`KeySource`] brings them together: one fetch in flight per tenant, whoever waits.

pub mod cache;
pub mod failure;
pub mod fetch;
mod flight;
pub mod guard;
pub mod jitter;
mod refresher;
pub mod resolve;
mod source;
pub mod store;
mod tenant;
mod throttle;
pub mod transport;
mod verify;

pub use source::{KeySource, KeysUnavailable, NoNewer, Reason, Setup, Status};
pub use tenant::TenantKeys;

#[cfg(test)]
mod tests;
