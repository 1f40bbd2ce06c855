//! Thousands of widgets by hand: a library's client would cost more than the gateway that it tries.

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::iter;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::support::raw::handshake;
use crate::support::setup::ORIGIN;
use crate::support::soon;
use crate::support::usher::Usher;

/// Connections that are opened at once: fewer than wait for an `accept`.
const DIALS_AT_ONCE: usize = 500;
/// One in so many says something whenever what it said before is acknowledged.
const TALKS_EVERY: usize = 25;

/// A widget in a conversation of its own.
pub(super) struct Member {
    stream: BufReader<TcpStream>,
    pub(super) conversation: String,
    talks: bool,
}

/// What became of a widget in a drain.
pub(super) struct Told {
    pub(super) conversation: String,
    /// The wait that it was told, in milliseconds.
    pub(super) reconnect_after_ms: u64,
    /// The close's code and reason.
    pub(super) close: (u16, String),
    pub(super) closed_at: Instant,
    /// The ids of the messages that were acknowledged, with their sequences.
    pub(super) accepted: Vec<(String, u64)>,
}

enum Frame {
    Text(Value),
    Close(u16, String),
}

/// As many widgets, each with a conversation.
pub(super) async fn gather(usher: &Usher, count: usize) -> Vec<Member> {
    let address = usher.at().public;
    let joined = iter(0..count).map(|number| async move {
        let stream = TcpStream::connect(address).await.unwrap();
        let (member, _) = Member::open(stream, &json!({ "type": "start" })).await;
        Member { talks: number % TALKS_EVERY == 0, ..member }
    });
    soon("everybody's start", joined.buffer_unordered(DIALS_AT_ONCE).collect()).await
}

/// What everybody sees of a drain, to the end of their connections.
pub(super) async fn live_through(members: Vec<Member>) -> Vec<Told> {
    soon("everybody's end", join_all(members.into_iter().map(Member::live_through))).await
}

impl Member {
    /// A widget on this connection, and what answers its first frame.
    pub(super) async fn open(stream: TcpStream, first: &Value) -> (Self, Value) {
        let mut stream = BufReader::new(stream);
        let origin = format!("Origin: {ORIGIN}\r\n");
        stream.write_all(&handshake("/chat/contoso/web", &origin)).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
        let mut member = Self { stream, conversation: String::new(), talks: false };
        member.send(first).await;
        let answer = member.text().await;
        member.conversation = answer["conversation"].as_str().unwrap().to_owned();
        (member, answer)
    }

    /// The next frame, which is no close.
    pub(super) async fn text(&mut self) -> Value {
        match self.frame().await {
            Frame::Text(frame) => frame,
            Frame::Close(code, reason) => {
                panic!("the close {code} ({reason}) came where a frame should have")
            }
        }
    }

    async fn live_through(mut self) -> Told {
        let (mut reconnect_after_ms, mut accepted) = (None, Vec::new());
        let close = loop {
            match self.frame().await {
                Frame::Text(frame) if frame["type"] == "draining" => {
                    assert_eq!(reconnect_after_ms, None, "it is told once");
                    reconnect_after_ms = frame["reconnect_after_ms"].as_u64();
                }
                Frame::Text(frame) if frame["type"] == "accepted" => {
                    let id = frame["id"].as_str().unwrap().to_owned();
                    accepted.push((id, frame["sequence"].as_u64().unwrap()));
                }
                Frame::Text(frame) => panic!("{frame} comes to nobody here"),
                Frame::Close(code, reason) => break (code, reason),
            }
            if self.talks {
                self.say(accepted.len()).await;
            }
        };
        let closed_at = Instant::now();
        self.answer_close().await;
        let reconnect_after_ms = reconnect_after_ms.expect("whoever is closed was told before");
        Told { conversation: self.conversation, reconnect_after_ms, close, closed_at, accepted }
    }

    async fn say(&mut self, number: usize) {
        self.send(&json!({ "type": "message", "id": format!("m{number}"), "text": "Hello" })).await;
    }

    /// Sends a frame masked with zeros (RFC 6455 §5.3). The gateway may have left.
    async fn send(&mut self, frame: &Value) {
        let text = frame.to_string();
        let mut bytes = match text.len() {
            length @ 0..126 => vec![0x81, 0x80 | u8::try_from(length).unwrap()],
            length => [&[0x81, 0xfe][..], &u16::try_from(length).unwrap().to_be_bytes()].concat(),
        };
        bytes.extend([0; 4]);
        bytes.extend(text.as_bytes());
        let _ = self.stream.write_all(&bytes).await;
    }

    /// Answers the close and waits for the connection's end.
    async fn answer_close(&mut self) {
        let _ = self.stream.write_all(&[0x88, 0x80, 0, 0, 0, 0]).await;
        let _ = self.stream.read_to_end(&mut Vec::new()).await;
    }

    /// The next frame but pings, which a drain leaves no time for.
    async fn frame(&mut self) -> Frame {
        let opcode = self.stream.read_u8().await.expect("no connection ends without a close") & 0x0f;
        let length = match self.stream.read_u8().await.unwrap() {
            126 => usize::from(self.stream.read_u16().await.unwrap()),
            length => usize::from(length),
        };
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await.unwrap();
        match opcode {
            1 => Frame::Text(serde_json::from_slice(&payload).unwrap()),
            8 => {
                let (code, reason) = payload.split_at(2);
                let code = u16::from_be_bytes(code.try_into().unwrap());
                Frame::Close(code, String::from_utf8(reason.to_vec()).unwrap())
            }
            other => panic!("a frame of kind {other}"),
        }
    }
}
