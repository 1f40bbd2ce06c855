//! What is kept of an endpoint in the journal's keyed state, and its stored form: JSON.
//!
//! `webhooks/{endpoint}/place` is up to where the journal is done with. `webhooks/{endpoint}/held/{conversation}` is
//! a conversation that the place has passed although not all of it was delivered.

use serde::{Deserialize, Serialize};

use crate::domain::id::{ConversationId, Sequence, WebhookId};
use crate::domain::time::UnixTime;

/// The place of an endpoint, and which node posts for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Every event up to here was delivered, is not for this endpoint, or belongs to a conversation that is held.
    pub(super) position: String,
    /// The node that posts.
    pub(super) holder: String,
    /// Until when it alone does, in milliseconds since the epoch.
    pub(super) until: i64,
}

impl Place {
    /// Whether the node may take the endpoint over. `alone`: no other node can use this journal, so that a holder of
    /// another name is a process that has died.
    pub(super) fn is_free(&self, node: &str, alone: bool, now: UnixTime) -> bool {
        alone || self.holder == node || self.until <= now.millis()
    }
}

/// A conversation that the place has passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    /// The first event that was not delivered.
    pub(super) next: u64,
    /// When it was first tried, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tried_at: Option<i64>,
    /// When it was parked, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) parked_at: Option<i64>,
    /// Why the last attempt failed: a value of the label `result`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<String>,
}

impl Held {
    pub(super) const fn is_parked(&self) -> bool {
        self.parked_at.is_some()
    }

    pub(super) const fn next(&self) -> Sequence {
        Sequence::new(self.next)
    }
}

pub(super) fn place_key(endpoint: &WebhookId) -> String {
    format!("webhooks/{endpoint}/place")
}

/// What the keys of all held conversations of an endpoint begin with.
pub(super) fn held_prefix(endpoint: &WebhookId) -> String {
    format!("webhooks/{endpoint}/held/")
}

pub(super) fn held_key(endpoint: &WebhookId, conversation: ConversationId) -> String {
    format!("webhooks/{endpoint}/held/{conversation}")
}

/// The conversation in a key.
pub(super) fn conversation_of(key: &str) -> Option<ConversationId> {
    key.rsplit('/').next()?.parse().ok()
}

pub(super) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("numbers and text are JSON")
}

/// None where another version wrote something else there.
pub(super) fn decode<'a, T: Deserialize<'a>>(value: &'a [u8]) -> Option<T> {
    serde_json::from_slice(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_taken_over_by_its_holder_after_the_lease_or_where_nobody_else_can_be() {
        let now = UnixTime::from_millis(1000);
        let place = |until| Place { position: String::new(), holder: "a".to_owned(), until };
        for (until, node, alone, free) in [
            (1001, "b", false, false),
            (1000, "b", false, true),
            (999, "b", false, true),
            (1001, "a", false, true),
            (1001, "b", true, true),
        ] {
            assert_eq!(place(until).is_free(node, alone, now), free, "{until} {node} {alone}");
        }
    }

    #[test]
    fn what_is_kept_is_read_back() {
        let id: ConversationId = "0198f0de-0000-7000-8000-000000000000".parse().unwrap();
        let endpoint: WebhookId = "crm".parse().unwrap();
        assert_eq!(conversation_of(&held_key(&endpoint, id)), Some(id));
        let held = Held { next: 7, tried_at: Some(1), parked_at: None, failure: Some("timeout".to_owned()) };
        assert_eq!(decode(&encode(&held)), Some(held));
        assert_eq!(decode::<Held>(b"{}"), None);
    }
}
