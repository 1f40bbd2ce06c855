//! Who is this? One token against one tenant's keys at one instant gives one verdict.

mod customer;

pub use customer::{AuthenticationEnd, Identity, VerifiedCustomer};
