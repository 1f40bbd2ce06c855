//! Sockets that are slow, broken or mean harm: each is cut in time, leaves nothing behind, and nobody else notices.

mod closing;
#[cfg(debug_assertions)]
mod echo;
mod floods;
mod frames;
mod half_open;
mod handshakes;
mod slow;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::keys::KeyEndpoint;
use crate::support::raw::{FIN, RawSocket, TEXT, frame};
use crate::support::setup::Setup;
use crate::support::until;
use crate::support::usher::Usher;
use crate::support::widget::Widget;

/// What a server may have more afterwards, in bytes: the allocator keeps some of what it was given for the next time.
const MEMORY_TOLERANCE: u64 = 4 << 20;
/// What the journal's connections keep of its pages for the next time once megabytes were written, in bytes.
const JOURNAL_CACHE: u64 = 24 << 20;
/// How often the bystander says something.
const BETWEEN_WORDS: Duration = Duration::from_millis(50);

/// A server on which somebody chats and minds nobody.
struct Scene {
    usher: Usher,
    bystander: Widget,
    said: u32,
    resident_bytes: u64,
    memory_tolerance: u64,
    descriptors: usize,
    _keys: KeyEndpoint,
}

impl Scene {
    async fn set() -> Self {
        Self::with(|setup| setup).await
    }

    async fn with(change: impl FnOnce(Setup) -> Setup) -> Self {
        let keys = KeyEndpoint::start().await;
        let usher = Usher::start(change(Setup::new().tenant("contoso", &keys.url()))).await;
        let (bystander, _) = Widget::start(&usher, "contoso/web").await;
        let mut scene = Self {
            usher,
            bystander,
            said: 0,
            resident_bytes: 0,
            memory_tolerance: MEMORY_TOLERANCE,
            descriptors: 0,
            _keys: keys,
        };
        scene.say().await;
        scene.take_as_usual().await;
        scene
    }

    /// What the server needs now is what it needs from now on: it has done once what comes, and keeps for the next
    /// time what the first one took.
    async fn take_as_usual(&mut self) {
        // The requests that asked for metrics are connections of their own for a moment.
        self.descriptors = until("the same count twice", async || {
            let count = self.usher.open_descriptors();
            tokio::time::sleep(BETWEEN_WORDS).await;
            (self.usher.open_descriptors() == count).then_some(count)
        })
        .await;
        self.resident_bytes = self.usher.resident_bytes();
    }

    fn at(&self) -> SocketAddr {
        self.usher.at().public
    }

    /// A socket that has done nothing yet.
    async fn socket(&self) -> RawSocket {
        RawSocket::open(self.at(), "/chat/contoso/web").await
    }

    /// A socket in a conversation of its own.
    async fn member(&self) -> RawSocket {
        let mut socket = self.socket().await;
        socket.send(&frame(FIN | TEXT, br#"{"type":"start"}"#)).await;
        let (_, started) = socket.frame().await.unwrap();
        assert!(started.starts_with(br#"{"type":"started""#), "{}", String::from_utf8_lossy(&started));
        socket
    }

    async fn say(&mut self) {
        self.said += 1;
        self.bystander.say(&format!("m{}", self.said), "nobody else is held up").await;
    }

    /// Goes on chatting until this is done.
    async fn while_chatting<T>(&mut self, deed: impl Future<Output = T>) -> T {
        let done = AtomicBool::new(false);
        let deed = async {
            let output = deed.await;
            done.store(true, Ordering::Relaxed);
            output
        };
        let chat = async {
            while !done.load(Ordering::Relaxed) {
                self.say().await;
                tokio::time::sleep(BETWEEN_WORDS).await;
            }
        };
        tokio::join!(deed, chat).0
    }

    /// Waits until nothing is left but the bystander, who is still heard.
    async fn ends_as_it_began(mut self) {
        self.is_as_before_but_for(0).await;
    }

    /// The same where so many sockets are still connected by right.
    async fn is_as_before_but_for(&mut self, sockets: usize) {
        let expected = self.descriptors + sockets;
        until("every descriptor to be free again", async || {
            (self.usher.open_descriptors() <= expected).then_some(())
        })
        .await;
        self.say().await;
        until("the memory to be free again", async || {
            let grown = self.usher.resident_bytes().saturating_sub(self.resident_bytes);
            (grown <= self.memory_tolerance).then_some(())
        })
        .await;
        assert_eq!(self.usher.metric("usher_session_panics_total").await, Some(0.0));
    }
}
