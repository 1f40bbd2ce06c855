//! Going on: the tokens that other nodes issue are known here, those whose time is up are deleted.

use std::collections::HashSet;
use std::time::Duration;

use crate::journal::{JournalError, KeepsUp, Seen, Update};

use super::AccessTokens;
use super::stored::{self, Hash};

/// How often the tokens whose lifetime is over are deleted.
const SWEPT_EVERY: Duration = Duration::from_mins(1);

impl KeepsUp for AccessTokens {
    const WHAT: &str = "the access tokens";

    async fn take(&self, seen: Seen) -> Result<(), JournalError> {
        if seen.is_everything {
            self.forget_deleted(&seen).await?;
        }
        for update in seen.updates {
            match update {
                Update::Put(item) => drop(self.adopt(&item.key, &item.value, item.revision)),
                Update::Deleted { key, revision } => {
                    if let Some(hash) = stored::hash(&key) {
                        self.book().remove(&hash, Some(revision));
                    }
                }
            }
        }
        self.count();
        Ok(())
    }
}

impl AccessTokens {
    /// Follows the journal and sweeps, until the process stops.
    pub async fn run(self) {
        let sweeping = async {
            loop {
                tokio::time::sleep(SWEPT_EVERY).await;
                self.sweep().await;
            }
        };
        tokio::select! {
            () = self.0.lifecycle.stopped() => {}
            () = self.0.journal.watch(stored::PREFIX).keep_up(&self) => {}
            () = sweeping => {}
        }
    }

    /// What is held here and not there has been deleted meanwhile. It may have been stored since, so the journal is
    /// asked.
    async fn forget_deleted(&self, everything: &Seen) -> Result<(), JournalError> {
        let there: HashSet<Hash> = everything.keys().filter_map(stored::hash).collect();
        let held = self.book().hashes();
        for hash in held.into_iter().filter(|hash| !there.contains(hash)) {
            if self.0.journal.get(&stored::key(&hash)).await?.is_none() {
                self.book().remove(&hash, None);
            }
        }
        Ok(())
    }
}
