//! Who is this? One token against one tenant's keys at one instant gives one verdict.
//!
//! The verdict is a pure function. The signature is [`jsonwebtoken`]'s; every other check is written here, because a
//! general library decides much less than a gateway has to.

mod claims;
mod customer;
mod form;
mod policy;
mod refusal;
mod revocation;
mod signature;
mod verdict;

pub use customer::{AuthenticationEnd, Identity, VerifiedCustomer};
pub use form::Presented;
pub use policy::{KeyExpiry, TokenPolicy};
pub use refusal::{ExpiredCustomer, Reason, Refusal, Step};
pub use revocation::{Revocation, Revocations, kept_for};
pub use verdict::verify;

/// The longest header in bytes, decoded.
pub const MAX_HEADER_BYTES: usize = 4096;
