//! The revocations in force on this node, tenant by tenant, as whoever decides sees them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::id::TenantId;
use crate::domain::token::Revocations;

/// What is revoked, by tenant. Tenants without a revocation have no place in it.
#[derive(Debug, Default)]
pub(super) struct InForce {
    by_tenant: RwLock<HashMap<TenantId, Arc<Revocations>>>,
    /// What most tenants have: asked for with every command, and made once.
    nothing: Arc<Revocations>,
}

impl InForce {
    /// A tenant's revocations at this moment.
    pub(super) fn of(&self, tenant: &TenantId) -> Arc<Revocations> {
        let by_tenant = self.by_tenant.read().unwrap_or_else(PoisonError::into_inner);
        by_tenant.get(tenant).unwrap_or(&self.nothing).clone()
    }

    /// Puts a tenant's revocations in the place of those before.
    pub(super) fn replace(&self, tenant: TenantId, revocations: Revocations) {
        let mut by_tenant = self.by_tenant.write().unwrap_or_else(PoisonError::into_inner);
        if revocations == *self.nothing {
            by_tenant.remove(&tenant);
        } else {
            by_tenant.insert(tenant, Arc::new(revocations));
        }
    }
}
