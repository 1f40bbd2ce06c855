//! `GET /v1/events`, read from its beginning as server-sent events (WHATWG HTML §9.2).

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, HOST};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Fault;

/// How long nothing at all may come; the gateway gives a sign of life every 15 s.
const SILENCE_MAX: Duration = Duration::from_secs(40);

/// The consumer API and the key to it.
#[derive(Debug, Clone)]
pub(crate) struct Consumer {
    pub(crate) at: SocketAddr,
    pub(crate) api_key: String,
}

/// An open stream of events.
#[derive(Debug)]
pub(crate) struct Events {
    body: Incoming,
    lines: Lines,
}

/// A line that matters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// An event, as JSON.
    Data(Bytes),
    /// The position of what came before it.
    Position(String),
}

impl Events {
    /// Opens the stream after this position, or from the beginning.
    pub(crate) async fn open(consumer: &Consumer, after: Option<&str>) -> Result<Self, Fault> {
        let tcp = TcpStream::connect(consumer.at).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await?;
        tokio::task::spawn_local(connection);
        let path = after.map_or_else(|| "/v1/events".to_owned(), |after| format!("/v1/events?after={after}"));
        let request = Request::get(path)
            .header(HOST, consumer.at.to_string())
            .header(AUTHORIZATION, format!("Bearer {}", consumer.api_key))
            .header(ACCEPT, "text/event-stream")
            .body(Empty::<Bytes>::new())?;
        let response = sender.send_request(request).await?;
        if response.status() != 200 {
            return Err(format!("GET /v1/events is answered {}", response.status()).into());
        }
        Ok(Self { body: response.into_body(), lines: Lines::default() })
    }

    /// The next line that matters.
    pub(crate) async fn next(&mut self) -> Result<Line, Fault> {
        loop {
            if let Some(line) = self.lines.next() {
                return Ok(line);
            }
            let frame =
                timeout(SILENCE_MAX, self.body.frame()).await.map_err(|_| "the events fell silent")?;
            match frame {
                Some(frame) => self.lines.push(frame?.data_ref().map_or(&[], |data| data.as_ref())),
                None => return Err("the stream of events ended".into()),
            }
        }
    }
}

/// Chunks in, lines out, wherever the chunks are cut.
#[derive(Debug, Default)]
struct Lines {
    bytes: BytesMut,
    /// How much of it holds no end of a line.
    searched: usize,
}

impl Lines {
    fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
    }

    fn next(&mut self) -> Option<Line> {
        loop {
            let Some(end) = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n') else {
                self.searched = self.bytes.len();
                return None;
            };
            let mut line = self.bytes.split_to(self.searched + end + 1);
            self.searched = 0;
            line.truncate(line.len() - 1);
            if line.ends_with(b"\r") {
                line.truncate(line.len() - 1);
            }
            let value = |mut line: BytesMut, name: usize| {
                line.advance(name);
                if line.starts_with(b" ") {
                    line.advance(1);
                }
                line.freeze()
            };
            if line.starts_with(b"data:") {
                return Some(Line::Data(value(line, 5)));
            }
            if line.starts_with(b"id:") {
                return Some(Line::Position(String::from_utf8_lossy(&value(line, 3)).into_owned()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_wherever_the_chunks_are_cut() {
        let text = "id: 7\ndata: {\"a\":1}\r\n\n: nothing\nid:8\n\ndata:{}\n\n";
        let expected = [
            Line::Position("7".into()),
            Line::Data(Bytes::from_static(b"{\"a\":1}")),
            Line::Position("8".into()),
            Line::Data(Bytes::from_static(b"{}")),
        ];
        for size in 1..=text.len() {
            let (mut lines, mut found) = (Lines::default(), Vec::new());
            for chunk in text.as_bytes().chunks(size) {
                lines.push(chunk);
                found.extend(std::iter::from_fn(|| lines.next()));
            }
            assert_eq!(found, expected, "chunks of {size}");
        }
    }
}
