//! How long an event stream may go on: as long as whoever opened it may read.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::config::Client;
use crate::domain::time::UnixTime;

use super::book::Held;
use super::{AccessTokens, rules};

/// The longest time between two notes that a stream is in use.
const NOTED_EVERY: Duration = Duration::from_secs(15);

/// What an event stream stands on. While it is there, its token is in use.
#[derive(Debug)]
pub(in crate::consumer) struct Lease {
    /// Cancelled when the client's rights change.
    rights: CancellationToken,
    token: Option<InUse>,
}

#[derive(Debug)]
struct InUse {
    tokens: AccessTokens,
    held: Arc<Held>,
    ends_at: UnixTime,
    idle_timeout: Option<Duration>,
}

impl Lease {
    /// On the client's own key: until its rights change.
    pub(in crate::consumer) const fn of_key(rights: CancellationToken) -> Self {
        Self { rights, token: None }
    }

    /// On a token: until that ends or is deleted, or the client's rights change.
    pub(in crate::consumer) fn of_token(
        rights: CancellationToken,
        client: &Client,
        tokens: AccessTokens,
        held: Arc<Held>,
    ) -> Self {
        held.stream_opened();
        let ends_at = rules::ends_at(&held.grant, client);
        let token = InUse { tokens, held, ends_at, idle_timeout: client.idle_timeout };
        Self { rights, token: Some(token) }
    }

    /// Whether nothing more may be told.
    pub(in crate::consumer) fn is_over(&self) -> bool {
        let token_is_over =
            |token: &InUse| token.held.gone.is_cancelled() || token.tokens.now() >= token.ends_at;
        self.rights.is_cancelled() || self.token.as_ref().is_some_and(token_is_over)
    }

    /// Completes when it is over.
    pub(in crate::consumer) async fn over(&self) {
        let token = async {
            match &self.token {
                Some(token) => token.over().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.rights.cancelled() => {}
            () = token => {}
        }
    }
}

impl InUse {
    async fn over(&self) {
        let noted_every =
            self.idle_timeout.map_or(NOTED_EVERY, |idle| rules::stored_every(idle).min(NOTED_EVERY));
        loop {
            let left = self.ends_at.since(self.tokens.now());
            if left.is_zero() {
                return;
            }
            self.tokens.note_use(&self.held, self.idle_timeout);
            tokio::select! {
                () = self.held.gone.cancelled() => return,
                // Looked at anew: the clock may have been set meanwhile.
                () = tokio::time::sleep(left.min(noted_every)) => {}
            }
        }
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.tokens.note_use(&self.held, self.idle_timeout);
        self.held.stream_closed();
    }
}
