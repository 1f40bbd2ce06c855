//! A routing engine that reads the stream and goes on after each crash where it was.

use std::collections::HashMap;

use serde_json::Value;

use crate::support::consumer::{Consumer, Sent};
use crate::support::setup::ROUTER;
use crate::support::usher::Usher;

#[derive(Default)]
pub(super) struct Follower {
    position: Option<String>,
    events: HashMap<String, Vec<Value>>,
}

impl Follower {
    /// Events by conversation, in the order in which they came.
    pub(super) const fn events(&self) -> &HashMap<String, Vec<Value>> {
        &self.events
    }

    /// Reads until the stream breaks.
    pub(super) async fn live(&mut self, usher: &Usher) {
        let consumer = Consumer::new(usher, ROUTER);
        if let Some(mut stream) = consumer.resume_stream(self.position.as_deref()).await {
            while let Some(sent) = stream.next().await {
                self.take(sent);
            }
        }
    }

    /// Reads until this conversation's first event, which is not kept.
    pub(super) async fn read_until(&mut self, usher: &Usher, conversation: &str) {
        let consumer = Consumer::new(usher, ROUTER);
        let mut stream = consumer.resume_stream(self.position.as_deref()).await.unwrap();
        while !self.events.contains_key(conversation) {
            self.take(stream.next().await.expect("the stream goes on"));
        }
        self.events.remove(conversation);
    }

    fn take(&mut self, Sent { id, event }: Sent) {
        assert_eq!(id.as_deref(), event["position"].as_str());
        self.position = id;
        let seen = self.events.entry(event["subject"].as_str().unwrap().to_owned()).or_default();
        let sequence = event["data"]["sequence"].as_u64().unwrap();
        match usize::try_from(sequence).unwrap() - 1 {
            // At least once: the same again is the same.
            place if place < seen.len() => assert_eq!(seen[place], event),
            place if place == seen.len() => seen.push(event),
            place => panic!("{} events were left out before {event}", place - seen.len()),
        }
    }
}
