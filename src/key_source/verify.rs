//! A token's whole way: its form, the tenant's keys, the verdict, and newer keys where those may change it.

use tokio::time::Instant;

use super::source::{KeySource, KeysUnavailable, NoNewer, Reason};
use crate::domain::id::TenantId;
use crate::domain::keys::{Found, KeySet};
use crate::domain::token::{self, Presented, Refusal, Revocations, TokenPolicy, VerifiedCustomer};

impl KeySource {
    /// Judges a token of this tenant, fetching what is needed and no more than the throttle allows.
    ///
    /// What can be refused without keys is refused without a fetch. A refusal that a newer document could undo is
    /// `temporary` where none was to be had. The time of each verdict is observed; counting it is the caller's.
    pub async fn verify(
        &self,
        tenant: &TenantId,
        token: &str,
        policy: &TokenPolicy,
        revocations: &Revocations,
    ) -> Result<VerifiedCustomer, Refusal> {
        let presented = Presented::parse(token, policy)?;
        let served = self.keys(tenant).await.map_err(refusal)?;
        let keys = &served.document.keys;
        let refused = match self.judge(&presented, keys, policy, revocations) {
            Ok(customer) => return Ok(customer),
            Err(refused) => refused,
        };
        let Some(reason) = undone_by_newer_keys(&presented, keys, &refused) else { return Err(refused) };
        match self.refetch(tenant, served.generation, reason).await {
            Ok(newer) => self.judge(&presented, &newer.document.keys, policy, revocations),
            Err(NoNewer::Throttled { retry_after }) => Err(refused.try_again_after(retry_after)),
            Err(NoNewer::Unavailable(unavailable)) => Err(refusal(unavailable)),
        }
    }

    /// The verdict at this very instant, its time taken: the waits for keys lie outside.
    fn judge(
        &self,
        presented: &Presented<'_>,
        keys: &KeySet,
        policy: &TokenPolicy,
        revocations: &Revocations,
    ) -> Result<VerifiedCustomer, Refusal> {
        let began = Instant::now();
        let verdict = presented.verify(keys, revocations, policy, self.now());
        self.metrics().token_verify_took(began.elapsed());
        verdict
    }
}

fn refusal(unavailable: KeysUnavailable) -> Refusal {
    let KeysUnavailable { message, retry_after } = unavailable;
    let mut refusal = Refusal::keys_unavailable(Some(retry_after));
    refusal.message = message.into();
    refusal
}

/// Only what a rotation looks like: a `kid` that isn't there yet, or a single key that was replaced. A known `kid`
/// with a bad signature, no `kid` at all and a refused duplicate would let anyone cause fetches for nothing.
fn undone_by_newer_keys(presented: &Presented<'_>, keys: &KeySet, refused: &Refusal) -> Option<Reason> {
    match refused.reason {
        token::Reason::UnknownKid => {
            let absent = |kid| matches!(keys.find(kid), Found::Absent);
            presented.kid().is_some_and(absent).then_some(Reason::UnknownKid)
        }
        token::Reason::BadSignature => keys.as_single().map(|_| Reason::Signature),
        _ => None,
    }
}
