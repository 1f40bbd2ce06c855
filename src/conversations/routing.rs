//! The tenants' queues on this node, as whoever decides sees them.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::id::TenantId;
use crate::domain::queue::Queues;

/// The queues, by tenant. A tenant that has no place in it has no queue but those that starts name.
#[derive(Debug, Default)]
pub(super) struct Routing {
    by_tenant: RwLock<HashMap<TenantId, Arc<Queues>>>,
    nothing: Arc<Queues>,
}

impl Routing {
    /// A tenant's queues at this moment.
    pub(super) fn of(&self, tenant: &TenantId) -> Arc<Queues> {
        let by_tenant = self.by_tenant.read().unwrap_or_else(PoisonError::into_inner);
        by_tenant.get(tenant).unwrap_or(&self.nothing).clone()
    }

    /// Puts a tenant's queues in the place of those before.
    pub(super) fn replace(&self, tenant: TenantId, queues: Arc<Queues>) {
        self.by_tenant.write().unwrap_or_else(PoisonError::into_inner).insert(tenant, queues);
    }
}
