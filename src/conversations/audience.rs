//! Who listens to a conversation, and what each socket gets of an entry.

use std::cell::LazyCell;

use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::domain::conversation::{Author, Entry, Fact, Message};
use crate::domain::id::Sequence;
use crate::wire::{Close, Rfc3339, ServerFrame, replayed_frame};

use super::{Outgoing, Socket, SocketId};

/// Sockets that share a conversation; a ninth closes the oldest.
const SOCKETS_MAX: usize = 8;

/// The sockets of this node in one conversation, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Audience(Vec<Socket>);

impl Audience {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lets a socket in. Beyond eight, the oldest has to go.
    pub(super) fn join(&mut self, socket: Socket) {
        self.0.push(socket);
        if self.0.len() > SOCKETS_MAX {
            self.0.remove(0).cut(Close::TooManySockets);
        }
    }

    pub(super) fn leave(&mut self, socket: SocketId) {
        self.0.retain(|one| one.id != socket);
    }

    /// Sends a socket every entry after `seen`, if it is still there.
    pub(super) fn go_live(&mut self, socket: SocketId, seen: Sequence) {
        if let Some(socket) = self.0.iter_mut().find(|one| one.id == socket) {
            socket.live_after = Some(seen);
        }
    }

    /// Tells everybody but the one who does it that somebody types.
    pub(super) fn typing(&mut self, role: &str, from: Option<SocketId>) {
        let frame = Utf8Bytes::from(ServerFrame::Typing { from: role }.to_json());
        self.send(|socket| (Some(socket.id) != from).then(|| frame.clone()));
    }

    /// Tells an entry to every socket that is live, and cuts those that must not see it.
    pub(super) fn tell(&mut self, entry: &Entry, from: Option<SocketId>, fresh_token: Option<&str>) {
        let authenticated = entry.authentication.is_authenticated();
        for socket in &self.0 {
            socket.state.set(authenticated);
        }
        self.withhold(entry);
        if let (Fact::Authenticated(_), Some(token)) = (&entry.fact, fresh_token) {
            self.first_sign_in(entry, from, token);
        } else if !self.0.is_empty() {
            // Most often only the sender listens: then the frame that the others would get is never written.
            let frame = LazyCell::new(|| replayed_frame(entry).map(|frame| Utf8Bytes::from(frame.to_json())));
            self.send(|socket| {
                let has_seen = socket.live_after.is_some_and(|seen| entry.sequence <= seen);
                if has_seen || (socket.behind && !matches!(entry.fact, Fact::Ended(_))) {
                    return None;
                }
                let accepted = if Some(socket.id) == from { accepted_frame(entry) } else { None };
                accepted.or_else(|| LazyCell::force(&frame).clone())
            });
        }
        if matches!(entry.fact, Fact::Ended(_)) {
            self.close_live();
        }
    }

    /// A consumer's message to a downgraded customer waits for the next sign-in where the widget requires one. A
    /// socket that it was withheld from then resumes, and so sees everything in its order.
    fn withhold(&mut self, entry: &Entry) {
        match &entry.fact {
            Fact::Message(Message { author: Author::Consumer { .. }, .. })
                if !entry.authentication.is_authenticated() =>
            {
                for socket in self.0.iter_mut().filter(|socket| socket.live_after.is_some()) {
                    socket.behind |= socket.for_signed_in;
                }
            }
            Fact::Authenticated(_) => {
                for socket in self.0.extract_if(.., |socket| socket.behind) {
                    socket.cut(Close::Reconnect);
                }
            }
            _ => {}
        }
    }

    /// Ends every socket that has seen the end; the others find it in their replay.
    fn close_live(&mut self) {
        for socket in self.0.extract_if(.., |socket| socket.live_after.is_some()) {
            if !socket.tell(Outgoing::Close(Close::Ended)) {
                socket.cut(Close::SlowConsumer);
            }
        }
    }

    /// From the first sign-in on, nobody is in the conversation who has not presented a token of its identity.
    fn first_sign_in(&mut self, entry: &Entry, from: Option<SocketId>, token: &str) {
        for socket in self.0.extract_if(.., |socket| Some(socket.id) != from && !socket.presented) {
            socket.cut(Close::Reconnect);
        }
        if let Some(ServerFrame::Authentication { authentication, reason, sequence, context, .. }) =
            replayed_frame(entry)
        {
            let resume_token = Some(token);
            let frame =
                ServerFrame::Authentication { authentication, reason, sequence, context, resume_token };
            let frame = Utf8Bytes::from(frame.to_json());
            self.send(|_| Some(frame.clone()));
        }
    }

    /// Queues a frame for each live socket; one whose queue is full is cut, and resumes when it can.
    fn send(&mut self, mut frame: impl FnMut(&Socket) -> Option<Utf8Bytes>) {
        // A session that a panic ended could not take its socket out.
        self.0.retain(|socket| !socket.queue.is_closed());
        let full = self.0.extract_if(.., |socket| {
            socket.live_after.is_some()
                && frame(socket).is_some_and(|frame| !socket.tell(Outgoing::Frame(frame)))
        });
        for socket in full {
            socket.cut(Close::SlowConsumer);
        }
    }
}

/// What the sender of a message gets in its place.
fn accepted_frame(entry: &Entry) -> Option<Utf8Bytes> {
    match &entry.fact {
        Fact::Message(Message { author: Author::Customer, id, .. }) => {
            let (sequence, at) = (entry.sequence.get(), Rfc3339(entry.at));
            Some(ServerFrame::Accepted { id: id.as_str(), sequence, at }.to_json().into())
        }
        _ => None,
    }
}
