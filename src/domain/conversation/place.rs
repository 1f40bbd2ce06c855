//! Where a conversation belongs.

use crate::domain::id::{ConversationId, TenantId, WidgetId};

/// A conversation and the tenant and widget that began it: it is reachable under no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The conversation.
    pub id: ConversationId,
    /// Whose customer it is.
    pub tenant: TenantId,
    /// The widget it began in.
    pub widget: WidgetId,
}
