//! A customer who keeps talking: comes back after every crash and says again what was not accepted.

use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

use super::{Acknowledged, Load};
use crate::support::keys::{now, token};
use crate::support::setup::ORIGIN;
use crate::support::usher::Usher;
use crate::support::widget::{Got, Ticket, Widget};

pub(super) struct Customer {
    name: String,
    signs_in: bool,
    rng: Rng,
    chat: Option<Chat>,
    acknowledged: Vec<Acknowledged>,
}

/// The conversation that the customer is in.
struct Chat {
    ticket: Ticket,
    /// The greatest sequence seen.
    seen: u64,
    /// Whether a token was taken.
    signed_in: bool,
    /// Whether a token was sent whose answer was not seen.
    signing_in: bool,
    said: usize,
    /// Said and not accepted.
    pending: Vec<(String, String)>,
}

impl Customer {
    pub(super) fn new(number: usize, rng: Rng) -> Self {
        let name = format!("customer-{number}");
        Self { name, signs_in: !number.is_multiple_of(3), rng, chat: None, acknowledged: Vec::new() }
    }

    pub(super) fn acknowledged(&self) -> &[Acknowledged] {
        &self.acknowledged
    }

    /// Talks until nobody answers any more.
    pub(super) async fn live(&mut self, usher: &Usher, load: &Load) {
        while let Ok((mut widget, _)) = Widget::dial(usher, "contoso/web", &[("origin", ORIGIN)]).await {
            if self.join(&mut widget, load).await {
                self.talk(&mut widget, load).await;
            }
        }
    }

    /// Begins or resumes; whether that was seen to succeed.
    async fn join(&mut self, widget: &mut Widget, load: &Load) -> bool {
        let must = self.chat.as_ref().is_some_and(|chat| chat.signed_in);
        let with_token = must || (self.signs_in && self.rng.u8(..3) > 0);
        let mut first = self.chat.as_ref().map_or(json!({ "type": "start" }), |chat| chat.ticket.resume());
        if let Some(chat) = &mut self.chat {
            first["after"] = chat.seen.into();
            chat.signing_in |= with_token && !chat.signed_in;
        }
        if with_token {
            let lifetime = Duration::from_millis(self.rng.u64(1000..3000));
            load.last_end.set(load.last_end.get().max(now() + lifetime.as_secs_f64()));
            first["token"] = token(&self.name, lifetime).into();
        }
        if !widget.try_send(&first).await {
            return false;
        }
        let Got::Frame(answer) = widget.next().await else { return false };
        match (answer["type"].as_str().unwrap(), answer["code"].as_str()) {
            ("started", _) => {
                let ticket = Ticket::of(&answer);
                load.conversations.borrow_mut().push(ticket.conversation.clone());
                let signed_in = with_token;
                let (said, pending, signing_in) = (0, Vec::new(), false);
                self.chat = Some(Chat { ticket, seen: 1, signed_in, signing_in, said, pending });
                true
            }
            ("resumed", _) => {
                let chat = self.chat.as_mut().expect("only what was begun is resumed");
                chat.ticket = Ticket::of(&answer);
                chat.signed_in |= with_token;
                chat.signing_in = false;
                true
            }
            // The node was busy for longer than the token lived.
            ("error", Some("expired")) => false,
            ("error", Some("unknown_conversation")) => {
                // A first sign-in was stored, and the crash kept the new resume_token from its owner.
                assert!(self.chat.take().is_some_and(|chat| chat.signing_in), "{answer}");
                false
            }
            _ => panic!("{answer} to {}", self.name),
        }
    }

    async fn talk(&mut self, widget: &mut Widget, load: &Load) {
        loop {
            let again = self.rng.u8(..10) == 0;
            let Some(chat) = &mut self.chat else { return };
            if chat.pending.is_empty() {
                for _ in 0..self.rng.usize(1..4) {
                    chat.said += 1;
                    let id = format!("m{}", chat.said);
                    chat.pending.push((id.clone(), format!("{} says {id}", self.name)));
                }
            }
            let mut awaited = chat.pending.clone();
            let earlier = self.acknowledged.iter().rfind(|one| one.conversation == chat.ticket.conversation);
            if let Some(earlier) = earlier.filter(|_| again) {
                awaited.push((earlier.id.clone(), earlier.text.clone()));
            }
            for (id, text) in &awaited {
                if !widget.try_send(&json!({ "type": "message", "id": id, "text": text })).await {
                    return;
                }
            }
            while !awaited.is_empty() {
                let Got::Frame(frame) = widget.next().await else { return };
                if frame["type"] == "accepted" {
                    self.accepted(&frame, load);
                    awaited.retain(|(id, _)| frame["id"] != **id);
                } else {
                    self.saw(&frame);
                }
            }
            match self.rng.u8(..30) {
                // Leaves without a word, and comes back.
                0..3 => return,
                // Forgets the conversation.
                3 => self.chat = None,
                _ => {}
            }
        }
    }

    fn accepted(&mut self, frame: &Value, load: &Load) {
        let chat = self.chat.as_mut().expect("who talks is in a conversation");
        let (id, sequence) = (frame["id"].as_str().unwrap().to_owned(), frame["sequence"].as_u64().unwrap());
        let conversation = chat.ticket.conversation.clone();
        let pending = chat.pending.iter().position(|(pending, _)| *pending == id);
        let Some((_, text)) = pending.map(|place| chat.pending.remove(place)) else {
            let known = self
                .acknowledged
                .iter()
                .any(|one| (&one.id, &one.conversation) == (&id, &conversation) && one.sequence == sequence);
            assert!(known, "accepted again with another sequence: {frame}");
            return;
        };
        chat.seen = chat.seen.max(sequence);
        load.acknowledged.set(load.acknowledged.get() + 1);
        self.acknowledged.push(Acknowledged { conversation, from: "customer", id, text, sequence });
    }

    /// Frames with a sequence come in rising order, a replay included.
    fn saw(&mut self, frame: &Value) {
        assert_ne!(frame["type"], "error", "{frame} to {}", self.name);
        let chat = self.chat.as_mut().expect("who talks is in a conversation");
        if let Some(sequence) = frame["sequence"].as_u64() {
            assert!(sequence > chat.seen, "{frame} after {}", chat.seen);
            chat.seen = sequence;
        }
    }
}
