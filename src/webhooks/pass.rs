//! Going through all that is kept of an endpoint: at the start, and after a replay. It counts, and takes up what is not
//! parked.

use std::time::Duration;

use tokio::time::sleep;

use super::endpoint::Endpoint;
use super::kept::{Held, conversation_of, decode, held_prefix};

/// What is kept is read in pages of so many.
pub(super) const PAGE: usize = 500;

/// How far it has come.
#[derive(Debug, Default)]
pub(super) struct Pass {
    after: Option<String>,
    held: u64,
    parked: u64,
}

impl Pass {
    /// Whether it has counted this key already, if it is there.
    pub(super) fn has_passed(&self, key: &str) -> bool {
        self.after.as_deref().is_some_and(|after| key <= after)
    }
}

impl Endpoint {
    /// Reads the next page.
    pub(super) async fn pass_on(&mut self) {
        let Some(mut pass) = self.pass.take() else { return };
        let prefix = held_prefix(&self.shared.webhook.id);
        let page = match self.shared.journal.list(&prefix, pass.after.as_deref(), PAGE).await {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(endpoint = %self.shared.webhook.id, %error, "what is held can't be read");
                self.pass = Some(pass);
                sleep(Duration::from_secs(1)).await;
                return;
            }
        };
        for item in &page {
            pass.held += 1;
            match (conversation_of(&item.key), decode::<Held>(&item.value)) {
                (Some(conversation), Some(held)) if !held.is_parked() => self.load(conversation, item),
                _ => pass.parked += 1,
            }
        }
        if page.len() < PAGE {
            (self.held, self.parked) = (pass.held, pass.parked);
        } else {
            pass.after = page.last().map(|item| item.key.clone());
            self.pass = Some(pass);
        }
    }
}
