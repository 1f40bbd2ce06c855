//! HTTP and WebSocket by hand, for what no client library would send or leave unread.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::soon;

/// An answer: its status, its head in lower case, and its body.
#[derive(Debug)]
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Sends these bytes and reads what comes until the other side closes.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> RawAnswer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The other side may answer and close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = soon("the answer", stream.read_to_end(&mut answer)).await;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no whole head: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    RawAnswer { status, head: head.to_lowercase(), body: body.to_owned() }
}

/// A handshake for this path with these lines instead of `Origin`.
pub(crate) fn handshake(path: &str, lines: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: chat\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
    )
    .into_bytes()
}

/// A WebSocket spoken by hand: every frame is sent as it is written, and nothing is answered unasked.
pub(crate) struct RawSocket {
    stream: BufReader<TcpStream>,
}

/// FIN and the opcodes of RFC 6455 §5.2.
pub(crate) const FIN: u8 = 0x80;
pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// A frame with this first byte, masked with zeros, its length in the fewest bytes.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [&header(first, payload.len() as u64)[..], payload].concat()
}

/// The header of such a frame.
pub(crate) fn header(first: u8, length: u64) -> Vec<u8> {
    let written = length.to_be_bytes();
    let length = match length {
        0..=125 => vec![0x80 | written[7]],
        126..=65_535 => [&[0xfe], &written[6..]].concat(),
        _ => [&[0xff], &written[..]].concat(),
    };
    [&[first], &length[..], &[0; 4]].concat()
}

/// What a close frame says.
pub(crate) fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

impl RawSocket {
    /// A handshake with this path that is accepted.
    pub(crate) async fn open(address: SocketAddr, path: &str) -> Self {
        Self::open_with(address, &handshake(path, "")).await
    }

    /// These bytes, which begin with a handshake that is accepted.
    pub(crate) async fn open_with(address: SocketAddr, bytes: &[u8]) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap(), bytes).await
    }

    /// The same over this connection.
    pub(crate) async fn over(stream: TcpStream, bytes: &[u8]) -> Self {
        let mut stream = BufReader::new(stream);
        stream.write_all(bytes).await.unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = soon("the handshake's answer", stream.read_line(&mut head)).await.unwrap();
            assert!(read > 0, "{head:?}");
        }
        assert!(head.starts_with("HTTP/1.1 101 "), "{head:?}");
        Self { stream }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        assert!(self.try_send(bytes).await, "the other side has left");
    }

    /// Sends where the other side may have left.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> bool {
        soon("bytes to be taken", self.stream.write_all(bytes)).await.is_ok()
    }

    /// The first byte and the payload of the next frame; none where the connection has ended.
    pub(crate) async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        soon("a frame", async {
            let first = self.stream.read_u8().await.ok()?;
            let length = match self.stream.read_u8().await.ok()? {
                126 => self.stream.read_u16().await.ok()?.into(),
                127 => self.stream.read_u64().await.ok()?,
                short => short.into(),
            };
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            self.stream.read_exact(&mut payload).await.ok()?;
            Some((first, payload))
        })
        .await
    }

    /// What the close frame says that comes before the connection's end; none where none comes. Other frames are
    /// passed over.
    pub(crate) async fn close_frame(&mut self) -> Option<Vec<u8>> {
        loop {
            let (first, payload) = self.frame().await?;
            if first == FIN | CLOSE {
                return Some(payload);
            }
        }
    }

    /// The code of that frame, behind which the connection ends.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        let payload = self.close_frame().await?;
        assert_eq!(self.frame().await, None, "something came behind the close");
        Some(payload.get(..2).map_or(1005, |code| u16::from_be_bytes([code[0], code[1]])))
    }
}
