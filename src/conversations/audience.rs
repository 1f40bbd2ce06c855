//! Who listens to a conversation, and what each socket gets of an entry.

use std::cell::LazyCell;

use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::domain::conversation::{Authentication, Author, DowngradeReason, Entry, Fact, Message, Notices};
use crate::domain::id::Sequence;
use crate::domain::token::Identity;
use crate::wire::{Close, Rfc3339, ServerFrame, replayed_frame};

use super::{Order, Outgoing, Socket, SocketId};

/// Sockets that share a conversation; a ninth closes the oldest.
const SOCKETS_MAX: usize = 8;

/// How an entry is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    /// The socket that asked for it.
    pub(super) from: Option<SocketId>,
    /// The `resume_token` from now on, where the entry replaced it.
    pub(super) fresh_token: Option<&'a str>,
    /// Whether the conversation [withholds](crate::domain::conversation::Conversation::withholds) it.
    pub(super) withheld: bool,
}

/// The sockets of this node in one conversation, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Audience(Vec<Socket>);

impl Audience {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has(&self, socket: SocketId) -> bool {
        self.0.iter().any(|one| one.id == socket)
    }

    /// Lets a socket in. Beyond eight, the oldest has to go.
    pub(super) fn join(&mut self, socket: Socket) {
        // One is what nearly every conversation has, and a list that grows by itself has room for four.
        self.0.reserve_exact(1);
        self.0.push(socket);
        if self.0.len() > SOCKETS_MAX {
            self.0.remove(0).cut(Close::TooManySockets);
        }
    }

    pub(super) fn leave(&mut self, socket: SocketId) {
        self.0.retain(|one| one.id != socket);
    }

    /// Sends a socket every entry after `last`, if it is still there. Where it has to wait from an earlier one on, it
    /// gets none before it was [released](Self::release).
    pub(super) fn go_live(&mut self, socket: SocketId, last: Sequence, waits_after: Option<Sequence>) {
        if let Some(socket) = self.0.iter_mut().find(|one| one.id == socket) {
            socket.live_after = Some(last);
            socket.behind = waits_after;
        }
    }

    /// Tells everybody but the one who does it that somebody types.
    pub(super) fn typing(&mut self, role: &str, from: Option<SocketId>) {
        let frame = Utf8Bytes::from(ServerFrame::Typing { from: role }.to_json());
        self.send(|socket| (Some(socket.id) != from).then(|| frame.clone()));
    }

    /// Notes that a socket has presented a token of this identity. Until the first sign-in the last one counts: whoever
    /// has presented somebody else's since is not taken for this customer.
    pub(super) fn presented(&mut self, socket: SocketId, identity: &Identity) {
        if let Some(socket) = self.0.iter_mut().find(|one| one.id == socket) {
            socket.presented = Some(identity.clone());
        }
    }

    /// Sends one socket a frame, live or not.
    pub(super) fn answer(&mut self, socket: SocketId, frame: &ServerFrame<'_>) {
        if let Some(at) = self.0.iter().position(|one| one.id == socket)
            && !self.0[at].tell(Outgoing::Frame(frame.to_json().into()))
        {
            self.0.remove(at).cut(Close::SlowConsumer);
        }
    }

    /// Tells an entry to every socket that is live, and cuts those that must not see it.
    pub(super) fn tell(&mut self, entry: &Entry, told: Told<'_>) {
        let Told { from, fresh_token, withheld } = told;
        let authenticated = entry.authentication.is_authenticated();
        for socket in &self.0 {
            socket.state.set(authenticated);
        }
        match entry.fact {
            Fact::Authenticated(_) => self.release(),
            _ if withheld => self.withhold(entry),
            _ => {}
        }
        if let (Fact::Authenticated(_), Some(token)) = (&entry.fact, fresh_token) {
            self.first_sign_in(entry, from, token);
        } else if !self.0.is_empty() {
            // Most often only the sender listens: then the frame that the others would get is never written.
            let frame = LazyCell::new(|| replayed_frame(entry).map(|frame| Utf8Bytes::from(frame.to_json())));
            self.send(|socket| {
                let has_seen = socket.live_after.is_some_and(|seen| entry.sequence <= seen);
                if has_seen || (socket.behind.is_some() && !matches!(entry.fact, Fact::Ended(_))) {
                    return None;
                }
                let accepted = if Some(socket.id) == from { accepted_frame(entry) } else { None };
                accepted.or_else(|| LazyCell::force(&frame).clone())
            });
        }
        match &entry.fact {
            Fact::Authenticated(_) | Fact::Downgraded(_) => {
                self.authentication_changed(&entry.authentication);
                if signs_out(entry) {
                    self.close_all(Close::SignedOut);
                }
            }
            Fact::Ended(_) => self.close_live(Close::Ended),
            _ => {}
        }
    }

    /// Each live socket announces the end of what stands now, and of nothing else.
    fn authentication_changed(&mut self, authentication: &Authentication) {
        let notices = Notices::of(authentication);
        self.queue(|_| Some(Order::Notices(notices).into()));
    }

    /// Has a socket wait from this entry on, which was said to a signed-in customer and nobody is signed in. What
    /// comes later waits, too, so that everything is seen in its order.
    fn withhold(&mut self, entry: &Entry) {
        for socket in self.0.iter_mut().filter(|socket| socket.for_signed_in && socket.live_after.is_some()) {
            socket.behind.get_or_insert(entry.sequence.before());
        }
    }

    /// Has the sockets that waited read what they missed from the journal, this sign-in included.
    fn release(&mut self) {
        let full = self.0.extract_if(.., |socket| {
            let missed = socket.behind.take();
            missed.is_some_and(|after| {
                socket.live_after = None;
                !socket.tell(Order::Replay { after }.into())
            })
        });
        for socket in full {
            socket.cut(Close::SlowConsumer);
        }
    }

    /// Ends every socket, each behind all that it was told; one that is not live yet has no such order.
    pub(super) fn close_all(&mut self, close: Close) {
        self.close_live(close);
        for socket in self.0.drain(..) {
            socket.cut(close);
        }
    }

    /// Ends every live socket behind all that it was told; the others find the end in their replay.
    fn close_live(&mut self, close: Close) {
        for socket in self.0.extract_if(.., |socket| socket.live_after.is_some()) {
            if !socket.tell(Order::Close(close).into()) {
                socket.cut(Close::SlowConsumer);
            }
        }
    }

    /// From the first sign-in on, nobody is in the conversation who has not presented a token of its identity.
    fn first_sign_in(&mut self, entry: &Entry, from: Option<SocketId>, token: &str) {
        let Authentication::Authenticated(now) = &entry.authentication else { return };
        let has_presented = |socket: &Socket| socket.presented.as_ref() == Some(&now.identity);
        for socket in self.0.extract_if(.., |socket| Some(socket.id) != from && !has_presented(socket)) {
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

    /// Queues a frame for each live socket.
    fn send(&mut self, mut frame: impl FnMut(&Socket) -> Option<Utf8Bytes>) {
        self.queue(|socket| frame(socket).map(Outgoing::Frame));
    }

    /// Queues something for each live socket; one whose queue is full is cut, and resumes when it can.
    fn queue(&mut self, mut outgoing: impl FnMut(&Socket) -> Option<Outgoing>) {
        // A session that a panic ended could not take its socket out.
        self.0.retain(|socket| !socket.queue.is_closed());
        let full = self.0.extract_if(.., |socket| {
            socket.live_after.is_some() && outgoing(socket).is_some_and(|outgoing| !socket.tell(outgoing))
        });
        for socket in full {
            socket.cut(Close::SlowConsumer);
        }
    }
}

/// Whether the customer left with it, be it on another node: then every socket goes.
fn signs_out(entry: &Entry) -> bool {
    matches!(&entry.fact, Fact::Downgraded(downgraded) if downgraded.reason == DowngradeReason::SignedOut)
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
