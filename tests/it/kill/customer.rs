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
    /// What it is resumed with; none where a crash may have kept that from its owner.
    ticket: Option<Ticket>,
    conversation: Option<String>,
    /// The page's secret, which finds it all the same.
    key: String,
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
        let fresh = self.rng.u128(..);
        let chat = self.chat.get_or_insert_with(|| Chat::with_key(format!("{fresh:032x}")));
        let must = chat.signed_in || chat.signing_in;
        let with_token = must || (self.signs_in && self.rng.u8(..3) > 0);
        let mut first = match &chat.ticket {
            Some(ticket) => ticket.resume_after(chat.seen),
            None => json!({ "type": "start", "idempotency_key": chat.key }),
        };
        if with_token {
            chat.signing_in |= !chat.signed_in;
            first["token"] = brief_token(&self.name, &mut self.rng, load).into();
        }
        if !widget.try_send(&first).await {
            return false;
        }
        let Got::Frame(answer) = widget.next().await else { return false };
        match (answer["type"].as_str().unwrap(), answer["code"].as_str()) {
            ("started" | "resumed", _) => {
                chat.joined(&answer, with_token, load);
                true
            }
            // The node was busy for longer than the token lived.
            ("error", Some("expired")) => false,
            ("error", Some("unknown_conversation")) => {
                // A first sign-in was stored, and the crash kept the new resume_token from its owner.
                assert!(chat.signing_in, "{answer}");
                chat.ticket = None;
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
            let here = chat.conversation.clone();
            let earlier = self.acknowledged.iter().rfind(|one| Some(&one.conversation) == here.as_ref());
            if let Some(earlier) = earlier.filter(|_| again) {
                awaited.push((earlier.id.clone(), earlier.text.clone()));
            }
            if self.signs_in && self.rng.u8(..6) == 0 {
                chat.signing_in |= !chat.signed_in;
                let token = brief_token(&self.name, &mut self.rng, load);
                if !widget.try_send(&json!({ "type": "authenticate", "token": token })).await {
                    return;
                }
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
                3 => {
                    self.chat = None;
                    return;
                }
                // Signs out, and comes back with a token that was issued since.
                4 => {
                    widget.try_send(&json!({ "type": "sign_out" })).await;
                    while let Got::Frame(frame) = widget.next().await {
                        self.saw(&frame);
                    }
                    return;
                }
                _ => {}
            }
        }
    }

    fn accepted(&mut self, frame: &Value, load: &Load) {
        let chat = self.chat.as_mut().expect("who talks is in a conversation");
        let (id, sequence) = (frame["id"].as_str().unwrap().to_owned(), frame["sequence"].as_u64().unwrap());
        let conversation = chat.conversation.clone().expect("it was begun");
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
        let chat = self.chat.as_mut().expect("who talks is in a conversation");
        if frame["type"] == "error" {
            // The node was busy for longer than the token lived.
            assert_eq!((&frame["code"], &frame["in_reply_to"]), (&json!("expired"), &json!("authenticate")));
            return;
        }
        if frame["authentication"]["status"] == "authenticated" {
            chat.signed_in = true;
            chat.signing_in = false;
        }
        if let (Some(token), Some(ticket)) = (frame["resume_token"].as_str(), &mut chat.ticket) {
            token.clone_into(&mut ticket.resume_token);
        }
        if frame["reason"] == "unchanged" {
            assert_eq!(frame["sequence"], chat.seen, "it tells the last sequence: {frame}");
            return;
        }
        if let Some(sequence) = frame["sequence"].as_u64() {
            assert!(sequence > chat.seen, "{frame} after {}", chat.seen);
            chat.seen = sequence;
        }
    }
}

impl Chat {
    fn with_key(key: String) -> Self {
        Self {
            ticket: None,
            conversation: None,
            key,
            seen: 0,
            signed_in: false,
            signing_in: false,
            said: 0,
            pending: Vec::new(),
        }
    }

    fn joined(&mut self, answer: &Value, with_token: bool, load: &Load) {
        let ticket = Ticket::of(answer);
        match &self.conversation {
            None => load.conversations.borrow_mut().push(ticket.conversation.clone()),
            Some(known) => assert_eq!(*known, ticket.conversation, "its key found another conversation"),
        }
        if answer["type"] == "started" {
            assert_eq!(self.seen, 0, "begun anew: {answer}");
            self.seen = 1;
        } else if self.ticket.is_none() {
            // Found by its key: everything comes again.
            self.seen = 0;
        }
        self.conversation = Some(ticket.conversation.clone());
        self.ticket = Some(ticket);
        self.signed_in |= with_token;
        self.signing_in = false;
    }
}

/// A token that lives as long as a few crashes take.
fn brief_token(name: &str, rng: &mut Rng, load: &Load) -> String {
    let lifetime = Duration::from_millis(rng.u64(1000..3000));
    load.last_end.set(load.last_end.get().max(now() + lifetime.as_secs_f64()));
    token(name, lifetime)
}
