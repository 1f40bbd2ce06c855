//! Who is this? One token against one tenant's keys at one instant gives one verdict.

mod customer;
mod policy;

pub use customer::{AuthenticationEnd, Identity, VerifiedCustomer};
pub use policy::{KeyExpiry, TokenPolicy};
