//! Coming back: what is replayed, who is let in, and what several sockets of one conversation see.

mod access;
mod replay;
mod sockets;

use std::time::Duration;

use crate::support::keys::KeyEndpoint;
use crate::support::setup::Setup;
use crate::support::usher::Usher;

const HOUR: Duration = Duration::from_hours(1);

/// A gateway with two tenants that have the same keys.
async fn usher() -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let setup = Setup::new().tenant("contoso", &keys.url()).tenant("fabrikam", &keys.url());
    (Usher::start(setup).await, keys)
}
