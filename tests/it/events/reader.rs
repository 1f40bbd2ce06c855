//! A reader on a bare socket with a small buffer, so that the gateway feels at once when it stops reading. It asks by
//! HTTP/1.0: the answer has no chunks and ends with the connection, which is cut wherever the last bytes ended.

use std::collections::HashMap;

use fastrand::Rng;
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::journal::Stored;
use super::{Progress, visible};
use crate::support::setup::FABRIKAMS;
use crate::support::usher::Usher;
use crate::support::{soon, until};

/// What the kernel keeps of what was not read, in bytes; it takes it as a hint.
const RECEIVE_BUFFER: u32 = 16_384;
/// The most that is read at one time, in bytes.
const READ_MAX: usize = 65_536;
/// One in so many reads is followed by a stall, and one by a break.
const UNRULY: usize = 25;
/// How far back a reader goes at most whose place was not kept in time.
const BACK: usize = 300;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Format {
    EventStream,
    NdJson,
}

/// What a reader asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    pub(super) key: &'static str,
    pub(super) query: &'static str,
    pub(super) format: Format,
    /// It neither stalls nor breaks off.
    pub(super) is_steady: bool,
}

impl Wish {
    /// What the contract says of the key's tenants and of the query, said once more.
    pub(super) fn may_see(&self, one: &Stored) -> bool {
        let tenant = if self.key == FABRIKAMS { "fabrikam" } else { "" };
        let parts = || self.query.split('&').filter_map(|part| part.split_once('='));
        (tenant.is_empty() || one.tenant == tenant)
            && parts().all(|(name, value)| match name {
                "tenant" => one.tenant == value,
                "types" => value.split(',').any(|kind| one.kind == kind),
                _ => panic!("{name}"),
            })
    }
}

/// What one connection brought.
#[derive(Debug)]
struct Run {
    /// The place that it began behind.
    after: Option<String>,
    ids: Vec<String>,
}

pub(super) struct Reader {
    wish: Wish,
    rng: Rng,
    runs: Vec<Run>,
    /// Places that the reader was told, the last at the end.
    places: Vec<String>,
    stalls: usize,
}

/// What matters of an event here.
#[derive(Deserialize)]
struct Event<'a> {
    id: &'a str,
    position: Option<&'a str>,
    subject: &'a str,
    r#type: &'a str,
}

/// Why a connection was left.
#[derive(PartialEq)]
enum Left {
    /// All was seen.
    Finished,
    /// The reader's own doing, or the gateway's.
    Broken,
}

impl Reader {
    pub(super) const fn new(wish: Wish, rng: Rng) -> Self {
        Self { wish, rng, runs: Vec::new(), places: Vec::new(), stalls: 0 }
    }

    /// Reads until the last event, or until the gateway is gone.
    pub(super) async fn live(&mut self, usher: &Usher, progress: &Progress) {
        while let Some(mut socket) = self.connect(usher).await {
            if self.read(&mut socket, progress).await == Left::Finished || progress.is_down.get() {
                return;
            }
        }
    }

    /// Reads from the beginning until it has seen so many.
    pub(super) async fn read_some(&mut self, usher: &Usher, count: usize) {
        let mut socket = self.connect(usher).await.unwrap();
        let mut text = String::new();
        while self.runs[0].ids.len() < count {
            assert!(self.read_bytes(&mut socket, &mut text).await, "the stream ended");
            self.take_all(&mut text, |_| false);
        }
    }

    /// A connection whose first bytes were read, and nothing more.
    pub(super) async fn stalled(wish: Wish, usher: &Usher) -> TcpStream {
        Self::new(wish, Rng::with_seed(0)).connect(usher).await.unwrap()
    }

    /// Connects behind a place that it was told; not always the last, as who keeps it late or by the hundred.
    async fn connect(&mut self, usher: &Usher) -> Option<TcpStream> {
        let back = if self.rng.u8(..3) == 0 { self.rng.usize(..BACK) } else { 0 };
        let after = self.places.iter().rev().nth(back).or(self.places.first()).cloned();
        let (mut query, mut header) = (self.wish.query.to_owned(), String::new());
        if let Some(after) = &after {
            if self.rng.bool() {
                // The header wins: a browser's `EventSource` goes on with the URL that it was made with.
                header = format!("last-event-id: {after}\r\n");
                query = format!("{query}&after={}", self.places[0]);
            } else {
                query = format!("{query}&after={after}");
            }
        }
        let accept = match self.wish.format {
            Format::EventStream => "text/event-stream",
            Format::NdJson => "application/x-ndjson",
        };
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(RECEIVE_BUFFER).unwrap();
        let mut socket = socket.connect(usher.at().consumer).await.ok()?;
        let request = format!(
            "GET /v1/events?{} HTTP/1.0\r\nauthorization: Bearer {}\r\naccept: {accept}\r\n{header}\r\n",
            query.trim_start_matches('&'),
            self.wish.key,
        );
        socket.write_all(request.as_bytes()).await.ok()?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon("the answer's head", socket.read_u8()).await.ok()?);
        }
        assert!(head.starts_with(b"HTTP/1.0 200 "), "{}", String::from_utf8_lossy(&head));
        self.runs.push(Run { after, ids: Vec::new() });
        Some(socket)
    }

    async fn read(&mut self, socket: &mut TcpStream, progress: &Progress) -> Left {
        let mut text = String::new();
        loop {
            if !self.read_bytes(socket, &mut text).await {
                return Left::Broken;
            }
            let wish = self.wish;
            let last = if wish.query.contains(".message") { ".message" } else { ".ended" };
            let tenants = if wish.key == FABRIKAMS { 1 } else { 2 };
            let is_last = |event: &Event<'_>| {
                event.r#type.ends_with(last)
                    && progress.last.borrow().get(tenants - 1).is_some_and(|last| last == event.subject)
            };
            if self.take_all(&mut text, is_last) {
                return Left::Finished;
            }
            if !wish.is_steady && self.rng.usize(..UNRULY) == 0 {
                return Left::Broken;
            }
            if !wish.is_steady && self.rng.usize(..UNRULY) == 0 {
                self.stall(progress).await;
            }
        }
    }

    /// Reads nothing until much more was said, or nothing more is to come.
    async fn stall(&mut self, progress: &Progress) {
        self.stalls += 1;
        let enough = progress.acknowledged.get() + self.rng.usize(500..5_000);
        until("others to talk", async || {
            let is_over = progress.is_down.get() || !progress.last.borrow().is_empty();
            (is_over || progress.acknowledged.get() >= enough).then_some(())
        })
        .await;
    }

    /// Some bytes more, of any number; whether there were any.
    async fn read_bytes(&mut self, socket: &mut TcpStream, text: &mut String) -> bool {
        let mut bytes = vec![0; self.rng.usize(1..=READ_MAX)];
        let Ok(count @ 1..) = soon("events", socket.read(&mut bytes)).await else { return false };
        // Nothing here is said in anything but ASCII, so that no character is cut.
        text.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        true
    }

    /// Takes what is whole, and leaves the rest; whether the last event was among it.
    fn take_all(&mut self, text: &mut String, is_last: impl Fn(&Event<'_>) -> bool) -> bool {
        let end = match self.wish.format {
            Format::EventStream => text.rfind("\n\n").map_or(0, |end| end + 2),
            Format::NdJson => text.rfind('\n').map_or(0, |end| end + 1),
        };
        let mut is_over = false;
        let mut place = None;
        for line in text[..end].lines() {
            let event = match (self.wish.format, line.split_once(": ")) {
                (_, None) if line.is_empty() => continue,
                (Format::EventStream, Some(("id", id))) => {
                    place = Some(id);
                    self.places.push(id.to_owned());
                    continue;
                }
                (Format::EventStream, Some(("data", event))) => event,
                (Format::NdJson, _) => line,
                (Format::EventStream, _) => panic!("a line of no known field: {line}"),
            };
            let event: Event<'_> = serde_json::from_str(event).unwrap();
            let position = event.position.expect("nobody types here");
            match self.wish.format {
                Format::EventStream => assert_eq!(place.take(), Some(position), "{line}"),
                Format::NdJson => self.places.push(position.to_owned()),
            }
            self.runs.last_mut().expect("it is connected").ids.push(event.id.to_owned());
            is_over |= is_last(&event);
        }
        text.drain(..end);
        is_over
    }

    /// What happened to it.
    pub(super) fn told(&self) -> String {
        let seen: usize = self.runs.iter().map(|run| run.ids.len()).sum();
        format!("{} connections, {} stalls, {seen} events seen", self.runs.len(), self.stalls)
    }

    /// Each connection brought what follows its place, without a gap; repeats left out, all of it came once.
    pub(super) fn check(&self, stored: &[Stored]) {
        let expected: Vec<_> = visible(stored, &self.wish).collect();
        let places: HashMap<_, _> =
            stored.iter().enumerate().map(|(place, one)| (one.position.as_str(), place)).collect();
        let mut next = 0;
        for run in &self.runs {
            let from = run.after.as_ref().map_or(0, |after| {
                let after = places.get(after.as_str()).unwrap_or_else(|| panic!("{after} is no place"));
                expected.partition_point(|(place, _)| place <= after)
            });
            assert!(from <= next, "{:?}: the place went on past {} unseen", self.wish, next - from);
            for (id, (_, one)) in run.ids.iter().zip(&expected[from..]) {
                assert_eq!(*id, one.id, "{:?} after {:?}", self.wish, run.after);
            }
            next = next.max(from + run.ids.len());
        }
        // It left with the last word; that nobody is there any more may have been told after it.
        let after_it = expected
            .iter()
            .rev()
            .take_while(|(_, one)| one.kind == "usher.conversation.disconnected")
            .count();
        let last_word = expected.len() - after_it;
        assert!(next >= last_word, "{:?}: {} are missing at the end", self.wish, last_word - next);
    }
}
