//! A token's verdict, counted.

use crate::config::Tenant;
use crate::domain::token::{Refusal, Revocations, VerifiedCustomer};

use super::Gateway;

/// Judges a widget's token under its tenant, fetching keys where need be.
///
/// # Errors
/// The first reason that speaks against it.
pub(super) async fn authenticate(
    gateway: &Gateway,
    tenant: &Tenant,
    token: &str,
) -> Result<VerifiedCustomer, Refusal> {
    let revocations = Revocations::default();
    let verdict = gateway.keys.verify(&tenant.id, token, &tenant.policy, &revocations).await;
    gateway.metrics.token_verified(verdict.as_ref().err().map(|refusal| refusal.reason.code()));
    if verdict.as_ref().is_ok_and(VerifiedCustomer::key_past_expiry) {
        tracing::warn!(tenant = %tenant.id, "a token was accepted whose key is past its expiry, as key_expiry asks");
    }
    verdict
}
