//! The hook between a host name and a connection: what the resolver answers is judged before it is used.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use super::failure::{FailureKind, FetchError};
use super::guard::Guard;

/// The addresses behind a name.
pub type Addresses = io::Result<Vec<SocketAddr>>;

/// Looks names up. The real one is the system's; tests script theirs.
pub trait Lookup: Send + Sync + fmt::Debug {
    /// Every address of this name; the ports are ignored.
    fn lookup(&self, name: String) -> BoxFuture<'static, Addresses>;
}

/// Look-ups that wait for the system's resolver at once. One that hangs keeps its thread after its fetch has
/// timed out, and must not take them all.
const MAX_LOOKUPS: usize = 64;

/// The system's resolver.
#[derive(Debug, Clone)]
pub struct SystemLookup {
    permits: Arc<Semaphore>,
}

impl Default for SystemLookup {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(MAX_LOOKUPS)) }
    }
}

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> BoxFuture<'static, Addresses> {
        let permits = Arc::clone(&self.permits);
        Box::pin(async move {
            let permit = permits.acquire_owned().await.map_err(io::Error::other)?;
            let asked = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                Ok((name.as_str(), 0).to_socket_addrs()?.collect())
            });
            asked.await.map_err(io::Error::other)?
        })
    }
}

/// Resolves once per connection and hands on only an answer that the guard has passed as a whole, so that the
/// address that was checked is the address that is connected to.
#[derive(Debug)]
pub struct GuardedResolver {
    guard: Arc<Guard>,
    lookup: Arc<dyn Lookup>,
}

impl GuardedResolver {
    /// A resolver with this guard.
    #[must_use]
    pub fn new(guard: Arc<Guard>, lookup: Arc<dyn Lookup>) -> Self {
        Self { guard, lookup }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let (guard, answer) = (Arc::clone(&self.guard), self.lookup.lookup(name.clone()));
        Box::pin(async move {
            let unresolved = |why: String| {
                let message = format!("{name} was not resolved: {why}.");
                FetchError::new(
                    FailureKind::Dns,
                    message,
                    "Check the host name in the URL, and usher's resolver.",
                )
            };
            let addresses = answer.await.map_err(|error| unresolved(error.to_string()))?;
            if addresses.is_empty() {
                return Err(unresolved("it has no address".to_owned()).into());
            }
            guard.check_addresses(&name, addresses.iter().map(SocketAddr::ip))?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
