//! Who writes while the readers read: customers who say much at once, and an agent who answers.

use std::collections::VecDeque;

use fastrand::Rng;
use reqwest::Method;
use serde_json::json;

use super::Progress;
use crate::support::consumer::{Consumer, try_answer};
use crate::support::setup::{ORIGIN, ROUTER};
use crate::support::usher::Usher;
use crate::support::widget::{Got, Ticket, Widget};

/// How much is said before an answer is waited for.
const UNANSWERED: usize = 64;

impl Progress {
    fn said(&self, conversation: &str, sequence: u64) {
        self.acknowledged.set(self.acknowledged.get() + 1);
        self.said.borrow_mut().push(format!("{conversation}/{sequence}"));
    }
}

/// Says what there is to say in one conversation, and after a crash again what was not accepted.
pub(super) struct Customer {
    path: &'static str,
    ticket: Option<Ticket>,
    /// The page's secret, with which a beginning that was not answered is found again.
    key: String,
    /// Numbers of what is not accepted yet.
    left: VecDeque<usize>,
}

impl Customer {
    pub(super) fn new(path: &'static str, messages: usize) -> Self {
        Self {
            path,
            ticket: None,
            key: format!("{:032x}", fastrand::u128(..)),
            left: (0..messages).collect(),
        }
    }

    /// Talks until all is said, or nobody answers any more.
    pub(super) async fn talk(&mut self, usher: &Usher, progress: &Progress) {
        if self.left.is_empty() {
            return;
        }
        let Ok((mut widget, _)) = Widget::dial(usher, self.path, &[("origin", ORIGIN)]).await else { return };
        let first = match &self.ticket {
            Some(ticket) => ticket.resume(),
            None => json!({ "type": "start", "idempotency_key": self.key }),
        };
        if !widget.try_send(&first).await {
            return;
        }
        let Got::Frame(answer) = widget.next().await else { return };
        let ticket = Ticket::of(&answer);
        if self.ticket.is_none() {
            progress.conversations.borrow_mut().push(ticket.conversation.clone());
        }
        let conversation = ticket.conversation.clone();
        self.ticket = Some(ticket);
        let mut sent = 0;
        while !self.left.is_empty() {
            while sent < UNANSWERED.min(self.left.len()) {
                let number = self.left[sent];
                let said = json!({ "type": "message", "id": format!("m{number}"), "text": "a live word" });
                if !widget.try_send(&said).await {
                    return;
                }
                sent += 1;
            }
            let Got::Frame(frame) = widget.next().await else { return };
            if frame["type"] == "accepted" {
                let place = self.left.iter().position(|number| frame["id"] == format!("m{number}"));
                self.left.remove(place.expect("what is accepted was said"));
                sent -= 1;
                progress.said(&conversation, frame["sequence"].as_u64().unwrap());
            }
        }
    }
}

/// Answers anywhere, until everybody has said everything.
pub(super) struct Agent {
    rng: Rng,
    said: usize,
}

impl Agent {
    pub(super) const fn new(rng: Rng) -> Self {
        Self { rng, said: 0 }
    }

    pub(super) async fn answer(&mut self, usher: &Usher, progress: &Progress, until: usize) {
        let consumer = Consumer::new(usher, ROUTER);
        while progress.acknowledged.get() < until && !progress.is_down.get() {
            let chosen = self.rng.choice(progress.conversations.borrow().iter()).cloned();
            let Some(conversation) = chosen else {
                // Nobody has begun yet.
                tokio::task::yield_now().await;
                continue;
            };
            let path = format!("/v1/conversations/{conversation}/messages");
            let body = json!({ "text": "an agent's word", "id": format!("a{}", self.said) }).to_string();
            let request = consumer.request(Method::POST, &path).header("content-type", "application/json");
            let Ok(answer) = try_answer(request.body(body)).await else { return };
            assert_eq!(answer.status, 201, "{answer:?}");
            self.said += 1;
            progress.said(&conversation, answer.body["sequence"].as_u64().unwrap());
        }
    }
}
