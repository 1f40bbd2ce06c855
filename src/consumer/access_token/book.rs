//! The access tokens as this node knows them.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::id::ClientId;
use crate::domain::time::UnixTime;
use crate::journal::Revision;

use super::rules::LastUse;
use super::stored::{Grant, Hash};

/// A token with what is known of its use.
#[derive(Debug)]
pub(in crate::consumer) struct Held {
    pub(super) hash: Hash,
    pub(in crate::consumer) grant: Grant,
    /// The last use that this node knows of, in milliseconds since the epoch.
    used_at: AtomicI64,
    /// Event streams that are open with it.
    streams: AtomicU32,
    durable: Mutex<Durable>,
    /// Cancelled when the token is deleted before its end.
    pub(super) gone: CancellationToken,
}

/// What the journal has of a token's use.
#[derive(Debug)]
struct Durable {
    revision: Revision,
    used_at: UnixTime,
    /// Whether a later use is being stored.
    is_writing: bool,
}

impl Held {
    fn new(hash: Hash, grant: Grant, used_at: UnixTime, revision: Revision) -> Self {
        Self {
            hash,
            grant,
            used_at: AtomicI64::new(used_at.millis()),
            streams: AtomicU32::new(0),
            durable: Mutex::new(Durable { revision, used_at, is_writing: false }),
            gone: CancellationToken::new(),
        }
    }

    pub(super) fn last_use(&self) -> LastUse {
        if self.streams.load(Ordering::Relaxed) > 0 { LastUse::Now } else { LastUse::At(self.used_at()) }
    }

    pub(super) fn used_at(&self) -> UnixTime {
        UnixTime::from_millis(self.used_at.load(Ordering::Relaxed))
    }

    pub(super) fn note_use(&self, now: UnixTime) {
        self.used_at.fetch_max(now.millis(), Ordering::Relaxed);
    }

    pub(super) fn stream_opened(&self) {
        self.streams.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn stream_closed(&self) {
        self.streams.fetch_sub(1, Ordering::Relaxed);
    }

    /// The revision on which to store the use at `now`, where the stored one lags by `every` and nobody is at it.
    /// Whoever takes it hands it back with [`Self::written`].
    pub(super) fn begin_write(&self, now: UnixTime, every: Duration) -> Option<Revision> {
        let mut durable = self.durable();
        let is_due = !durable.is_writing && now.since(durable.used_at) >= every;
        durable.is_writing |= is_due;
        is_due.then_some(durable.revision)
    }

    /// The write is over; `stored` is what it left, where it left anything.
    pub(super) fn written(&self, stored: Option<(Revision, UnixTime)>) {
        self.durable().is_writing = false;
        if let Some((revision, used_at)) = stored {
            self.learn(revision, used_at);
        }
    }

    /// Takes what the journal says, be it this node's own word or another's.
    fn learn(&self, revision: Revision, used_at: UnixTime) {
        self.note_use(used_at);
        let mut durable = self.durable();
        if revision > durable.revision {
            (durable.revision, durable.used_at) = (revision, used_at);
        }
    }

    pub(super) fn revision(&self) -> Revision {
        self.durable().revision
    }

    /// Nobody panics while holding it, and half a change can't be seen.
    fn durable(&self) -> MutexGuard<'_, Durable> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
pub(super) struct Book {
    by_hash: HashMap<Hash, Arc<Held>>,
    /// Each client's, the one issued first first.
    by_client: HashMap<ClientId, BTreeSet<(UnixTime, Hash)>>,
}

impl Book {
    pub(super) fn get(&self, hash: &Hash) -> Option<&Arc<Held>> {
        self.by_hash.get(hash)
    }

    pub(super) fn len(&self) -> usize {
        self.by_hash.len()
    }

    pub(super) fn hashes(&self) -> Vec<Hash> {
        self.by_hash.keys().copied().collect()
    }

    /// Takes what the journal says of a token.
    pub(super) fn take(&mut self, hash: Hash, stored: (Grant, UnixTime), revision: Revision) -> Arc<Held> {
        let (grant, used_at) = stored;
        if let Some(held) = self.by_hash.get(&hash) {
            held.learn(revision, used_at);
            return held.clone();
        }
        self.by_client.entry(grant.client.clone()).or_default().insert((grant.issued_at, hash));
        let held = Arc::new(Held::new(hash, grant, used_at, revision));
        self.by_hash.insert(hash, held.clone());
        held
    }

    /// Forgets a token that was deleted, unless what is held is later than that.
    pub(super) fn remove(&mut self, hash: &Hash, deleted: Option<Revision>) {
        let is_gone = |held: &Arc<Held>| deleted.is_none_or(|deleted| held.revision() <= deleted);
        if !self.by_hash.get(hash).is_some_and(is_gone) {
            return;
        }
        let Some(held) = self.by_hash.remove(hash) else { return };
        held.gone.cancel();
        let client = &held.grant.client;
        if let Some(all) = self.by_client.get_mut(client) {
            all.remove(&(held.grant.issued_at, *hash));
            if all.is_empty() {
                self.by_client.remove(client);
            }
        }
    }

    /// Those of a client that were issued first and are more than `most`.
    pub(super) fn beyond(&self, client: &ClientId, most: usize) -> Vec<Hash> {
        let Some(all) = self.by_client.get(client) else { return Vec::new() };
        let many = all.len().saturating_sub(most);
        all.iter().take(many).map(|(_, hash)| *hash).collect()
    }

    /// Those whose lifetime is over.
    pub(super) fn expired(&self, now: UnixTime) -> Vec<Hash> {
        let over = self.by_hash.iter().filter(|(_, held)| now >= held.grant.expires_at);
        over.map(|(hash, _)| *hash).collect()
    }
}
