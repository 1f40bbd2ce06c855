//! What tenants took back: tokens, customers, keys and authentications.
//!
//! The order is always: store, adopt, sweep. Once one is stored it is durable; once it is adopted no token that it
//! covers is taken on this node; the sweep ends the authentications that stand. Other nodes see in the journal what
//! was stored, adopt it and sweep as well: downgrading twice is downgrading once.

mod book;
mod follow;
mod revoke;
mod stored;
mod sweep;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::conversations::Conversations;
use crate::domain::id::TenantId;
use crate::domain::time::UnixTime;
use crate::journal::projection::Projection;
use crate::journal::{Journal, JournalError};
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;

use book::{Book, Change};
use sweep::{Reach, Reaches, SWEEPS_MAX};

pub use revoke::{NotRevoked, Order};
pub use stored::{Kept, fingerprint_of};

/// Revocations in force at once, of all tenants: each is held in memory and read at every start.
pub const IN_FORCE_MAX: usize = 100_000;
/// Revocations read from the journal at once.
const LOADED_AT_ONCE: usize = 1000;

/// What they work with.
#[derive(Debug)]
pub struct Setup {
    /// How long each tenant's tokens may be of any use after their issue.
    pub kept_for: HashMap<TenantId, Duration>,
    /// Whoever decides by them.
    pub conversations: Conversations,
    /// Where they are stored.
    pub journal: Journal,
    /// Knows which authentications stand.
    pub projection: Projection,
    /// The time.
    pub clock: Clock,
    /// The series.
    pub metrics: Arc<Metrics>,
    /// The stop.
    pub lifecycle: Lifecycle,
}

/// Why a process can't begin with its revocations in force. It doesn't begin without them.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The journal can't be read.
    #[error("the revocations can't be read: {0}")]
    Journal(#[from] JournalError),
    /// One of them is of another version, or damaged.
    #[error(
        "the revocation under the journal's key {key} can't be understood by this version of usher: run the newer \
         version that wrote it, or restore the journal from a backup"
    )]
    Unreadable {
        /// Its key.
        key: String,
    },
}

/// The handle to all revocations; cheap to clone.
#[derive(Debug, Clone)]
pub struct Revocations(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    kept_for: HashMap<TenantId, Duration>,
    conversations: Conversations,
    journal: Journal,
    projection: Projection,
    clock: Clock,
    metrics: Arc<Metrics>,
    lifecycle: Lifecycle,
    book: Mutex<Book>,
    sweeps: Semaphore,
}

impl Revocations {
    /// None yet: [`Revocations::load`] comes before anybody is let in.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let Setup { kept_for, conversations, journal, projection, clock, metrics, lifecycle } = setup;
        let (book, sweeps) = (Mutex::default(), Semaphore::new(SWEEPS_MAX));
        Self(Arc::new(Shared {
            kept_for,
            conversations,
            journal,
            projection,
            clock,
            metrics,
            lifecycle,
            book,
            sweeps,
        }))
    }

    /// Reads all that are stored and puts them in force. The authentications that stand are for
    /// [`Revocations::sweep_all`].
    ///
    /// # Errors
    /// What keeps one of them from being read.
    pub async fn load(&self) -> Result<(), LoadError> {
        let (mut all, mut after) = (Vec::new(), None::<String>);
        loop {
            let items = self.0.journal.list(stored::PREFIX, after.as_deref(), LOADED_AT_ONCE).await?;
            let Some(last) = items.last() else { break };
            after = Some(last.key.clone());
            for item in items {
                let kept = stored::decode(&item.key, &item.value);
                let kept = kept.ok_or(LoadError::Unreadable { key: item.key })?;
                all.push(Change::Kept(Arc::new(kept), item.revision));
            }
        }
        self.adopt(all);
        Ok(())
    }

    /// Looks through the conversations of every tenant that has revocations, and ends the authentications that are
    /// revoked. What can't be stored is tried again in the background.
    pub async fn sweep_all(&self) {
        let tenants = self.book().tenants();
        for tenant in tenants {
            if !self.pass(&tenant, &Reach::Tenant).await {
                self.sweep_soon(Reaches([(tenant, Reach::Tenant)].into()));
            }
        }
    }

    /// Up to `limit` of those whose tenants `admit` lets through, the newest first, from just before the one made at
    /// this time under this id.
    #[must_use]
    pub fn list(
        &self,
        admit: &dyn Fn(&TenantId) -> bool,
        before: Option<&(UnixTime, String)>,
        limit: usize,
    ) -> Vec<Arc<Kept>> {
        self.book().page(admit, before, limit)
    }

    /// The last instant at which one may matter; none where it stays until it is lifted, and where its tenant is no
    /// longer configured, so that nobody can tell.
    #[must_use]
    pub fn until(&self, kept: &Kept) -> Option<UnixTime> {
        let kept_for = self.0.kept_for.get(&kept.tenant)?;
        kept.revocation.until(kept.created_at, *kept_for)
    }

    /// Takes what the journal says, and has every decision from now on made by it. What has to be looked at for it
    /// is returned: the caller knows whether that is due.
    fn adopt(&self, changes: Vec<Change>) -> Reaches {
        let mut reaches = Reaches::default();
        let mut tenants = BTreeSet::new();
        let mut book = self.book();
        for change in changes {
            let is_new = matches!(change, Change::Kept(..));
            let Some(kept) = book.take(change) else { continue };
            if is_new {
                reaches.add(&kept);
            }
            tenants.insert(kept.tenant.clone());
        }
        // Under the book's lock: of two changes, the value without the later one must not come last.
        for tenant in tenants {
            let in_force = book.of(&tenant);
            self.0.conversations.replace_revocations(tenant, in_force);
        }
        self.0.metrics.revocations.set(i64::try_from(book.len()).unwrap_or(i64::MAX));
        reaches
    }

    /// Locked for a lookup or a change only, never across an await: a panic can't leave it half-changed.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
