//! A token's verdict, counted.

use crate::config::AuthenticationMode;
use crate::domain::conversation::Credential;
use crate::domain::token::VerifiedCustomer;

use super::Gateway;
use super::entrance::Entrance;

/// Judges a widget's token under its tenant, fetching keys where need be. Where the widget is `off`, there is none.
pub(super) async fn judge(gateway: &Gateway, entrance: &Entrance, token: Option<&str>) -> Credential {
    let mode = entrance.widget().authentication;
    let Some(token) = token.filter(|_| mode != AuthenticationMode::Off) else {
        return Credential::Absent;
    };
    let tenant = &entrance.tenant;
    let revocations = gateway.conversations.revocations(&tenant.id);
    let verdict = gateway.keys.verify(&tenant.id, token, &tenant.policy, &revocations).await;
    gateway.metrics.token_verified(verdict.as_ref().err().map(|refusal| refusal.reason.code()));
    if verdict.as_ref().is_ok_and(VerifiedCustomer::key_past_expiry) {
        tracing::warn!(tenant = %tenant.id, "a token was accepted whose key is past its expiry, as key_expiry asks");
    }
    match verdict {
        Ok(customer) => Credential::Valid(Box::new(customer)),
        Err(refusal) => Credential::Refused(Box::new(refusal)),
    }
}
