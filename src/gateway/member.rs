//! A socket's place in a conversation.

use std::sync::Arc;

use crate::conversations::{CommandError, Live, Locked, SocketId};

/// A socket's place in a conversation, given up when the session ends.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) live: Arc<Live>,
    pub(super) socket: SocketId,
}

/// Locks a conversation that is known to exist.
pub(super) async fn lock(live: &Arc<Live>) -> Result<Locked<'_>, CommandError> {
    live.lock().await?.ok_or(CommandError::StorageUnavailable)
}
