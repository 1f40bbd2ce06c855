//! The revocations as this node knows them: by their ids, and in the order in which they were made.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::domain::id::TenantId;
use crate::domain::time::UnixTime;
use crate::domain::token::Revocations;
use crate::journal::Revision;

use super::stored::Kept;

/// What the journal says of one of them.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// It is there.
    Kept(Arc<Kept>, Revision),
    /// It is gone.
    Gone(String, Revision),
}

#[derive(Debug, Default)]
pub(super) struct Book {
    by_id: HashMap<String, (Arc<Kept>, Revision)>,
    by_time: BTreeSet<(UnixTime, String)>,
    /// Places taken for those that are just being stored.
    reserved: usize,
}

impl Book {
    /// Takes a change that is news; what it was about then. News come from several sides, the older ones too late.
    pub(super) fn take(&mut self, change: Change) -> Option<Arc<Kept>> {
        match change {
            Change::Kept(kept, revision) => {
                if self.by_id.get(&kept.id).is_some_and(|(_, held)| *held >= revision) {
                    return None;
                }
                if let Some((former, _)) = self.by_id.insert(kept.id.clone(), (kept.clone(), revision)) {
                    self.by_time.remove(&(former.created_at, former.id.clone()));
                }
                self.by_time.insert((kept.created_at, kept.id.clone()));
                Some(kept)
            }
            Change::Gone(id, revision) => {
                self.by_id.get(&id).filter(|(_, held)| *held <= revision)?;
                let (kept, _) = self.by_id.remove(&id)?;
                self.by_time.remove(&(kept.created_at, id));
                Some(kept)
            }
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Takes a place for one more, where there are fewer than `most`.
    pub(super) fn reserve(&mut self, most: usize) -> bool {
        let is_free = self.by_id.len() + self.reserved < most;
        self.reserved += usize::from(is_free);
        is_free
    }

    /// Gives the place back.
    pub(super) fn release(&mut self) {
        self.reserved = self.reserved.saturating_sub(1);
    }

    /// The tenants that have any.
    pub(super) fn tenants(&self) -> BTreeSet<TenantId> {
        self.by_id.values().map(|(kept, _)| kept.tenant.clone()).collect()
    }

    /// All of a tenant's, as whoever decides sees them.
    pub(super) fn of(&self, tenant: &TenantId) -> Revocations {
        let all = self.by_id.values().map(|(kept, _)| kept);
        all.filter(|kept| kept.tenant == *tenant).map(|kept| &kept.revocation).collect()
    }

    /// All, with their revisions.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<Kept>, Revision)> {
        self.by_id.values().map(|(kept, revision)| (kept, *revision))
    }

    /// The newest first, from just before `before`: up to `limit` of those that `admit` lets through.
    pub(super) fn page(
        &self,
        admit: &dyn Fn(&TenantId) -> bool,
        before: Option<&(UnixTime, String)>,
        limit: usize,
    ) -> Vec<Arc<Kept>> {
        let rest = match before {
            Some(before) => self.by_time.range(..before.clone()),
            None => self.by_time.range(..),
        };
        let kept = rest.rev().filter_map(|(_, id)| self.by_id.get(id)).map(|(kept, _)| kept);
        kept.filter(|kept| admit(&kept.tenant)).take(limit).cloned().collect()
    }
}
