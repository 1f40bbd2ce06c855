//! An agent who answers in any conversation, and sends again what was not confirmed.

use fastrand::Rng;
use reqwest::Method;
use serde_json::json;

use super::{Acknowledged, Load};
use crate::support::consumer::{Consumer, try_answer};
use crate::support::setup::ROUTER;
use crate::support::usher::Usher;

pub(super) struct Agent {
    rng: Rng,
    said: usize,
    pending: Option<(String, String)>,
    acknowledged: Vec<Acknowledged>,
}

impl Agent {
    pub(super) fn new(rng: Rng) -> Self {
        Self { rng, said: 0, pending: None, acknowledged: Vec::new() }
    }

    pub(super) fn acknowledged(&self) -> &[Acknowledged] {
        &self.acknowledged
    }

    /// Answers until nobody listens any more.
    pub(super) async fn live(&mut self, usher: &Usher, load: &Load) {
        let consumer = Consumer::new(usher, ROUTER);
        loop {
            let chosen = self.rng.choice(load.conversations.borrow().iter()).cloned();
            if self.pending.is_none() {
                self.said += 1;
                self.pending = chosen.map(|conversation| (conversation, format!("a{}", self.said)));
            }
            let Some((conversation, id)) = &self.pending else {
                // Nobody has begun yet.
                tokio::task::yield_now().await;
                continue;
            };
            let text = format!("the agent says {id}");
            let request =
                consumer.request(Method::POST, &format!("/v1/conversations/{conversation}/messages"));
            let body = json!({ "text": text, "id": id }).to_string();
            let Ok(answer) = try_answer(request.header("content-type", "application/json").body(body)).await
            else {
                return;
            };
            assert_eq!(answer.status, 201, "{answer:?}");
            let sequence = answer.body["sequence"].as_u64().unwrap();
            let (conversation, id) = self.pending.take().unwrap();
            load.acknowledged.set(load.acknowledged.get() + 1);
            self.acknowledged.push(Acknowledged { conversation, from: "agent", id, text, sequence });
        }
    }
}
