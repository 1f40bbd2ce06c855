//! Going on: the tokens that other nodes issue are known here, those whose time is up are deleted.

use std::collections::HashSet;
use std::time::Duration;

use crate::journal::{JournalError, Update, Watch};

use super::AccessTokens;
use super::stored::{self, Hash};

/// How often the tokens whose lifetime is over are deleted.
const SWEPT_EVERY: Duration = Duration::from_mins(1);
/// The pause after a failure.
const RETRY_AFTER: Duration = Duration::from_millis(250);

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
            () = self.follow() => {}
            () = sweeping => {}
        }
    }

    async fn follow(&self) {
        let mut watch = self.0.journal.watch(stored::PREFIX);
        let mut is_first = true;
        loop {
            match self.turn(&mut watch, is_first).await {
                Ok(()) => is_first = false,
                Err(JournalError::Closed) => return,
                Err(JournalError::Lagged) => {
                    watch = self.0.journal.watch(stored::PREFIX);
                    is_first = true;
                }
                Err(error) => {
                    tracing::warn!(%error, "the access tokens of other nodes can't be read; it is tried again");
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            }
        }
    }

    async fn turn(&self, watch: &mut Watch, is_first: bool) -> Result<(), JournalError> {
        let held = if is_first { self.book().hashes() } else { Vec::new() };
        let updates = watch.next().await?;
        if is_first {
            self.forget_deleted(held, &updates).await?;
        }
        for update in updates {
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

    /// What was held before the watch began and is not among all that it began with has been deleted meanwhile.
    async fn forget_deleted(&self, held: Vec<Hash>, all: &[Update]) -> Result<(), JournalError> {
        let there: HashSet<Hash> = all
            .iter()
            .filter_map(|update| match update {
                Update::Put(item) => stored::hash(&item.key),
                Update::Deleted { .. } => None,
            })
            .collect();
        for hash in held.into_iter().filter(|hash| !there.contains(hash)) {
            if self.0.journal.get(&stored::key(&hash)).await?.is_none() {
                self.book().remove(&hash, None);
            }
        }
        Ok(())
    }
}
