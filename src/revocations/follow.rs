//! Going on: what other nodes store is adopted, what can't matter any more is forgotten.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};

use crate::journal::{JournalError, KeepsUp, Revision, Seen, Update, Written};

use super::Revocations;
use super::book::Change;
use super::stored::{self, Kept};

/// How often what can't matter any more is looked for, and the authentications that stand are looked through.
const TIDIED_EVERY: Duration = Duration::from_mins(1);
/// Deletions under way at once: the journal commits them together.
const DELETED_AT_ONCE: usize = 64;

impl KeepsUp for Revocations {
    const WHAT: &str = "the revocations";

    async fn take(&self, seen: Seen) -> Result<(), JournalError> {
        let mut changes: Vec<Change> = if seen.is_everything { self.gone(&seen).await? } else { Vec::new() };
        changes.extend(seen.updates.into_iter().filter_map(change));
        let reaches = self.adopt(changes);
        self.sweep_soon(reaches);
        Ok(())
    }
}

impl Revocations {
    /// Follows the journal and tidies up, until the process stops.
    pub async fn run(self) {
        tokio::select! {
            () = self.0.lifecycle.stopped() => {}
            () = async { tokio::join!(self.0.journal.watch(stored::PREFIX).keep_up(&self), self.tidy()); } => {}
        }
    }

    /// What is held here and not there. It may have been stored since, so the journal is asked.
    async fn gone(&self, everything: &Seen) -> Result<Vec<Change>, JournalError> {
        let there: HashSet<&str> = everything.keys().collect();
        let held: Vec<(String, Revision)> =
            self.book().iter().map(|(kept, revision)| (kept.id.clone(), revision)).collect();
        let mut gone = Vec::new();
        for (id, revision) in held {
            let key = stored::key(&id);
            if !there.contains(&*key) && self.0.journal.get(&key).await?.is_none() {
                gone.push(Change::Gone(id, revision));
            }
        }
        Ok(gone)
    }

    async fn tidy(&self) {
        loop {
            tokio::time::sleep(TIDIED_EVERY).await;
            self.forget().await;
            // What a node let in just before it died, or could not downgrade while the disk was full.
            self.sweep_all().await;
        }
    }

    /// Deletes what can't matter any more. What can't be deleted now is deleted in a minute.
    pub(super) async fn forget(&self) {
        let now = self.0.clock.now();
        // Of a tenant that is no longer configured nobody can tell how long its tokens are good.
        let is_over = |kept: &Kept| {
            let kept_for = self.0.kept_for.get(&kept.tenant);
            kept_for.is_some_and(|kept_for| kept.revocation.is_over(kept.created_at, *kept_for, now))
        };
        let over: Vec<(String, Revision)> = self
            .book()
            .iter()
            .filter(|(kept, _)| is_over(kept))
            .map(|(kept, revision)| (kept.id.clone(), revision))
            .collect();
        let deletions = stream::iter(over).map(|(id, revision)| self.delete(id, revision));
        let gone: Vec<Option<Change>> = deletions.buffer_unordered(DELETED_AT_ONCE).collect().await;
        self.adopt(gone.into_iter().flatten().collect());
    }

    async fn delete(&self, id: String, revision: Revision) -> Option<Change> {
        match self.0.journal.delete(&stored::key(&id), Some(revision)).await {
            Written::Stored(revision) => Some(Change::Gone(id, revision)),
            Written::Conflict | Written::Unknown => None,
        }
    }
}

fn change(update: Update) -> Option<Change> {
    match update {
        Update::Put(item) => {
            let kept = stored::decode(&item.key, &item.value);
            if kept.is_none() {
                tracing::error!(
                    key = item.key,
                    "another node stored a revocation that this version of usher does not understand and does not \
                     obey: run the same version on every node"
                );
            }
            Some(Change::Kept(Arc::new(kept?), item.revision))
        }
        Update::Deleted { key, revision } => Some(Change::Gone(stored::id(&key)?.to_owned(), revision)),
    }
}
