//! Ending the authentications that stand and are revoked.
//!
//! A sweep comes after the revocation was adopted: from then on nobody new is authenticated by such a token on this
//! node, and what was stored just before is found in the projection, or looked at again by whoever stored it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};

use crate::domain::id::{ConversationId, TenantId};
use crate::domain::time::UnixTime;
use crate::domain::token::{Identity, Revocation, Revocations as InForce};
use crate::journal::JournalError;

use super::Revocations;
use super::stored::Kept;

/// Sweeps under way at once; the others wait their turn. There are never more than revocations.
pub(super) const SWEEPS_MAX: usize = 8;
/// Downgrades of one sweep under way at once: enough that the journal commits many together.
const CONCURRENT: usize = 128;
/// Conversations taken from the projection at once.
const PAGE: usize = 4096;
/// Customers of one tenant that are looked up one by one; where there are more, all its conversations are.
const IDENTITIES_MAX: usize = 32;
/// The pause after a failure.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// Which conversations of a tenant are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reach {
    /// Those of these customers.
    Identities(Vec<Identity>),
    /// All.
    Tenant,
}

/// What has to be looked at after changes, tenant by tenant.
#[derive(Debug, Default)]
pub(super) struct Reaches(pub(super) BTreeMap<TenantId, Reach>);

impl Reaches {
    /// Adds what a new revocation reaches.
    pub(super) fn add(&mut self, kept: &Kept) {
        let identity = match &kept.revocation {
            Revocation::Conversation(_) => return,
            Revocation::Identity { identity, .. } => Some(identity.clone()),
            Revocation::Everyone { .. } | Revocation::Kid(_) | Revocation::Key(_) => None,
        };
        let reach = self.0.entry(kept.tenant.clone()).or_insert_with(|| Reach::Identities(Vec::new()));
        match (reach, identity) {
            (Reach::Identities(all), Some(identity)) if all.len() < IDENTITIES_MAX => all.push(identity),
            (Reach::Tenant, _) => {}
            (reach, _) => *reach = Reach::Tenant,
        }
    }
}

impl Revocations {
    /// Sweeps in the background until it is done.
    pub(super) fn sweep_soon(&self, reaches: Reaches) {
        for (tenant, reach) in reaches.0 {
            let this = self.clone();
            self.0.lifecycle.spawn(async move {
                tokio::select! {
                    () = this.0.lifecycle.stopped() => {}
                    () = this.sweep(&tenant, &reach) => {}
                }
            });
        }
    }

    async fn sweep(&self, tenant: &TenantId, reach: &Reach) {
        loop {
            let permit = self.0.sweeps.acquire().await;
            let is_done = self.pass(tenant, reach).await;
            drop(permit);
            if is_done {
                return;
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    /// Looks through the conversations once; whether everything is done.
    pub(super) async fn pass(&self, tenant: &TenantId, reach: &Reach) -> bool {
        // Every downgrade would fail, and be logged.
        if !self.0.journal.writable() {
            return false;
        }
        // Else an authentication that was stored before the revocation was adopted could be overlooked.
        if self.0.projection.caught_up(self.0.journal.latest()).await.is_err() {
            return false;
        }
        let Reach::Identities(identities) = reach else { return self.pass_over(tenant, None).await };
        let mut all_done = true;
        for identity in identities {
            all_done &= self.pass_over(tenant, Some(identity)).await;
        }
        all_done
    }

    async fn pass_over(&self, tenant: &TenantId, identity: Option<&Identity>) -> bool {
        let (mut after, mut all_done) = (None, true);
        loop {
            let Ok((covered, next)) = self.covered(tenant, identity, after, None).await else { return false };
            let downgrades = stream::iter(covered)
                .map(|(id, _)| self.0.conversations.downgrade_if_due(id))
                .buffer_unordered(CONCURRENT);
            all_done &= downgrades.fold(true, |so_far, done| async move { so_far && done }).await;
            after = next;
            if after.is_none() {
                return all_done;
            }
        }
    }

    /// A page of the conversations that are authenticated by revoked tokens, with the ends of their authentications;
    /// and where it goes on. Which tokens are revoked says `by`, or else what is in force.
    async fn covered(
        &self,
        tenant: &TenantId,
        identity: Option<&Identity>,
        after: Option<ConversationId>,
        by: Option<&InForce>,
    ) -> Result<(Vec<(ConversationId, UnixTime)>, Option<ConversationId>), JournalError> {
        let page = self.0.projection.authenticated(tenant.clone(), identity.cloned(), after, PAGE).await?;
        let next = if page.len() < PAGE { None } else { page.last().map(|(id, _)| *id) };
        let in_force = self.0.conversations.revocations(tenant);
        let by = by.unwrap_or(&in_force);
        let covered = page.into_iter().filter(|(_, held)| held.is_revoked(by));
        Ok((covered.map(|(id, held)| (id, held.expires_at)).collect(), next))
    }

    /// How many open conversations are authenticated by such tokens at this moment.
    pub(super) async fn count(&self, tenant: &TenantId, by: &Revocation) -> Result<u64, JournalError> {
        // The count is news for people, so it need not wait for long; the sweep does.
        self.0.projection.nearly_caught_up(self.0.journal.latest()).await;
        let identity = match by {
            Revocation::Identity { identity, .. } => Some(identity),
            _ => None,
        };
        let by: InForce = [by].into_iter().collect();
        let (now, mut after, mut count) = (self.0.clock.now(), None, 0);
        loop {
            let (covered, next) = self.covered(tenant, identity, after, Some(&by)).await?;
            count += covered.iter().filter(|(_, expires_at)| now < *expires_at).count() as u64;
            after = next;
            if after.is_none() {
                return Ok(count);
            }
        }
    }
}
