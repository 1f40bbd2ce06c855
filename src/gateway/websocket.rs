//! The WebSocket itself: small explicit buffers, bounded reads and writes, and every fault mapped to its close code.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, Utf8Bytes};

use crate::wire::Close;

use super::metered::{InboundFault, Metered};

/// Read at once, in bytes; a longer frame takes room for itself. The library's default of 128 KiB is allocated for
/// every socket and cleared at every read, and what the longest frame took stays with the socket.
const READ_BUFFER: usize = 512;
/// Bytes that may wait to be written beside a frame. Pongs are queued while a widget doesn't read: without a bound they
/// grow for ever.
const PONG_BYTES_MAX: usize = 128 * 1024;
/// A write that takes longer belongs to a widget that doesn't read.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the peer has to answer the close, and to close the connection itself.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// What is still taken of a connection that was closed, in bytes: what is on its way on a fast link. Where it is left
/// unread, the system resets the connection, and the peer may lose the close frame for it.
const LINGER_BYTES_MAX: usize = 1024 * 1024;
/// How much of that is taken at once, in bytes.
const LINGER_BUFFER: usize = 4096;
/// A message that isn't whole so long after its first byte never will be. On a phone's bad link a connection may stand
/// still for half of that while packets are sent again, and the largest frame needs 26 kbit/s.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a widget stays away that sent control frames without end.
const RATE_RETRY: Duration = Duration::from_mins(1);

/// One widget's WebSocket.
#[derive(Debug)]
pub(super) struct WebSocket<S = TokioIo<Upgraded>> {
    stream: WebSocketStream<Metered<S>>,
    message: Unfinished,
}

/// What came from a widget.
#[derive(Debug)]
pub(super) enum Received {
    /// A text frame.
    Text(Utf8Bytes),
    /// A binary frame.
    Binary(Bytes),
    /// A ping; it is answered already.
    Ping,
    /// A pong, asked for or not.
    Pong,
    /// The beginning of a frame or a message. It is no sign of life; [`WebSocket::message_by`] has changed.
    Part,
    /// The widget closed, with this code; 1005 where it named none.
    Closed(u16),
    /// The connection is gone without a close.
    Gone,
    /// The socket has to be closed for what it sent.
    Fault(Close),
}

/// A frame or a message that has begun and isn't whole.
#[derive(Debug, Clone, Copy)]
enum Unfinished {
    No,
    /// It has until then.
    Until(Instant),
    /// Its time is up: it is over unless the rest lies there already.
    LastLook,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    pub(super) async fn new(stream: S, frame_bytes_max: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(frame_bytes_max + PONG_BYTES_MAX)
            .max_message_size(Some(frame_bytes_max))
            .max_frame_size(Some(frame_bytes_max));
        let metered = Metered::new(stream, frame_bytes_max);
        let stream = WebSocketStream::from_raw_socket(metered, Role::Server, Some(config)).await;
        Self { stream, message: Unfinished::No }
    }

    /// The next thing that the widget sends. Cancelling loses nothing.
    pub(super) async fn receive(&mut self) -> Received {
        poll_fn(|context| self.poll_receive(context)).await
    }

    /// When to call [`WebSocket::message_due`], where a message has begun that isn't whole.
    pub(super) const fn message_by(&self) -> Option<Instant> {
        match self.message {
            Unfinished::Until(by) => Some(by),
            Unfinished::No | Unfinished::LastLook => None,
        }
    }

    /// Ends the wait for the rest of a message: where it doesn't lie there already, receiving is a fault.
    pub(super) fn message_due(&mut self, now: Instant) {
        if self.message_by().is_some_and(|by| now >= by) {
            self.message = Unfinished::LastLook;
        }
    }

    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Received> {
        let Poll::Ready(item) = self.stream.poll_next_unpin(context) else {
            return self.wait_for_rest();
        };
        Poll::Ready(match item {
            None => Received::Gone,
            Some(Ok(Message::Text(text))) => {
                self.message = Unfinished::No;
                Received::Text(text)
            }
            Some(Ok(Message::Binary(bytes))) => {
                self.message = Unfinished::No;
                Received::Binary(bytes)
            }
            Some(Ok(Message::Ping(_))) => Received::Ping,
            // The library makes no bare frames of what it reads.
            Some(Ok(Message::Pong(_) | Message::Frame(_))) => Received::Pong,
            Some(Ok(Message::Close(frame))) => {
                Received::Closed(frame.map_or(1005, |frame| frame.code.into()))
            }
            Some(Err(error)) => received_error(&error),
        })
    }

    fn wait_for_rest(&mut self) -> Poll<Received> {
        if !self.stream.get_ref().is_unfinished() {
            self.message = Unfinished::No;
            return Poll::Pending;
        }
        match self.message {
            Unfinished::No => {
                self.message = Unfinished::Until(Instant::now() + MESSAGE_TIMEOUT);
                Poll::Ready(Received::Part)
            }
            Unfinished::Until(_) => Poll::Pending,
            // A connection on which nothing gets through is taken for dead, as one is that answers no ping.
            Unfinished::LastLook => Poll::Ready(Received::Fault(Close::NoPong)),
        }
    }

    /// Sends a frame; false where the widget is gone or doesn't read.
    pub(super) async fn send(&mut self, text: Utf8Bytes) -> bool {
        self.write(Message::Text(text)).await
    }

    #[cfg(debug_assertions)]
    pub(super) async fn send_binary(&mut self, bytes: Bytes) -> bool {
        self.write(Message::Binary(bytes)).await
    }

    pub(super) async fn ping(&mut self) -> bool {
        self.write(Message::Ping(Bytes::new())).await
    }

    async fn write(&mut self, message: Message) -> bool {
        matches!(timeout(WRITE_TIMEOUT, self.stream.send(message)).await, Ok(Ok(())))
    }

    /// Sends the close frame, or answers the widget's where there is none to send, and waits, for a while, until the
    /// widget has closed as well. Whoever doesn't in time is dropped.
    pub(super) async fn close(mut self, close: Option<Close>) {
        let goodbye = async {
            if let Some(close) = close {
                let reason = Utf8Bytes::from(close.reason().into_owned());
                let frame = CloseFrame { code: CloseCode::from(close.code()), reason };
                if self.stream.close(Some(frame)).await.is_err() {
                    return;
                }
            }
            while let Some(Ok(_)) = self.stream.next().await {}
            linger(self.stream.get_mut().inner()).await;
        };
        let _ = timeout(CLOSE_TIMEOUT, goodbye).await;
    }
}

/// Says that nothing more comes, and reads until the other side says so too: RFC 6455 §7.1.1.
async fn linger<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut taken = 0;
    poll_fn(|context| {
        // Here and not beside `taken`: every session would carry it for its whole life.
        let mut bytes = [0; LINGER_BUFFER];
        while taken < LINGER_BYTES_MAX {
            let mut buffer = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => taken += buffer.filled().len(),
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(())
    })
    .await;
}

fn received_error(error: &Error) -> Received {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => Received::Fault(Close::FrameTooLarge),
        Error::Utf8(_) => Received::Fault(Close::NotAnObject),
        Error::WriteBufferFull(_) => Received::Fault(Close::SlowConsumer),
        // A connection that ends without a close is no fault of the framing.
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Received::Gone,
        Error::Protocol(_) => Received::Fault(Close::ProtocolError),
        Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(InboundFault::NotMinimal) => Received::Fault(Close::ProtocolError),
            Some(InboundFault::EndlessMessage) => Received::Fault(Close::FrameTooLarge),
            Some(InboundFault::ControlFrames) => {
                Received::Fault(Close::RateLimited { retry_after: RATE_RETRY })
            }
            None => Received::Gone,
        },
        _ => Received::Gone,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, DuplexStream, duplex};
    use tokio::time::{advance, sleep, sleep_until};

    use super::*;

    const FRAME_BYTES: usize = 1000;

    async fn pair() -> (WebSocket<DuplexStream>, DuplexStream) {
        let (ours, theirs) = duplex(1 << 20);
        (WebSocket::new(ours, FRAME_BYTES).await, theirs)
    }

    /// What is received next, with the alarm that a connection sets.
    async fn next(websocket: &mut WebSocket<DuplexStream>) -> Received {
        loop {
            let by = websocket.message_by();
            let alarm = sleep_until(by.unwrap_or_else(Instant::now));
            tokio::select! {
                biased;
                () = alarm, if by.is_some() => websocket.message_due(Instant::now()),
                received = websocket.receive() => match received {
                    Received::Part => {}
                    other => return other,
                },
            }
        }
    }

    /// A frame with a mask of zeros.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let length = 0x80 | u8::try_from(payload.len()).unwrap();
        [&[first, length, 0, 0, 0, 0], payload].concat()
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_a_second_is_no_message_after_its_time() {
        let (mut websocket, mut widget) = pair().await;
        let begun = Instant::now();
        let dripping = async {
            for byte in frame(0x81, &[b'x'; 100]) {
                widget.write_all(&[byte]).await.unwrap();
                sleep(Duration::from_secs(1)).await;
            }
        };
        let fault = async { assert!(matches!(next(&mut websocket).await, Received::Fault(Close::NoPong))) };
        tokio::select! {
            () = fault => assert_eq!(begun.elapsed(), MESSAGE_TIMEOUT),
            () = dripping => panic!("a message took 106 seconds"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn neither_fragments_nor_pings_between_them_give_a_message_more_time() {
        let (mut websocket, mut widget) = pair().await;
        let begun = Instant::now();
        let dripping = async {
            widget.write_all(&frame(0x01, b"x")).await.unwrap();
            for fragment in [frame(0x89, b""), frame(0x00, b"x"), frame(0x8a, b"")].into_iter().cycle() {
                sleep(Duration::from_secs(1)).await;
                widget.write_all(&fragment).await.unwrap();
            }
        };
        let fault = async {
            loop {
                match next(&mut websocket).await {
                    Received::Ping | Received::Pong => {}
                    other => break assert!(matches!(other, Received::Fault(Close::NoPong)), "{other:?}"),
                }
            }
        };
        tokio::select! {
            () = fault => assert_eq!(begun.elapsed(), MESSAGE_TIMEOUT),
            () = dripping => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_message_has_its_own_time_and_none_runs_between_two() {
        let (mut websocket, mut widget) = pair().await;
        let text = frame(0x81, b"text");
        for _ in 0..3 {
            // The end of one and the beginning of the next come together.
            widget.write_all(&text[..3]).await.unwrap();
            assert!(matches!(websocket.receive().await, Received::Part));
            advance(MESSAGE_TIMEOUT.mul_f64(0.9)).await;
            widget.write_all(&text[3..]).await.unwrap();
            widget.write_all(&text[..2]).await.unwrap();
            assert!(matches!(next(&mut websocket).await, Received::Text(text) if text == "text"));
            assert!(matches!(websocket.receive().await, Received::Part));
            assert_eq!(websocket.message_by(), Some(Instant::now() + MESSAGE_TIMEOUT));
            widget.write_all(&text[2..]).await.unwrap();
            assert!(matches!(next(&mut websocket).await, Received::Text(_)));
            assert_eq!(websocket.message_by(), None);
            advance(MESSAGE_TIMEOUT * 10).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_lies_there_is_taken_though_its_time_passed_unwatched() {
        let (mut websocket, mut widget) = pair().await;
        let text = frame(0x81, b"text");
        widget.write_all(&text[..3]).await.unwrap();
        assert!(matches!(websocket.receive().await, Received::Part));
        widget.write_all(&text[3..]).await.unwrap();
        advance(MESSAGE_TIMEOUT * 2).await;
        assert!(matches!(next(&mut websocket).await, Received::Text(text) if text == "text"));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_never_closes_is_dropped_in_time() {
        let close = frame(0x88, &1000_u16.to_be_bytes());
        // One that says nothing, one that answers, and one that talks on.
        for said in [&b""[..], &close, &frame(0x81, b"text").repeat(100)] {
            let (websocket, mut widget) = pair().await;
            widget.write_all(said).await.unwrap();
            let begun = Instant::now();
            websocket.close(Some(Close::Ended)).await;
            assert_eq!(begun.elapsed(), CLOSE_TIMEOUT);
            let mut told = Vec::new();
            widget.read_to_end(&mut told).await.unwrap();
            assert!(told.starts_with(&[0x88, 7, 0x03, 0xe8]) && told.ends_with(b"ended"), "{told:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_close_is_answered_and_the_connection_left_to_end() {
        let (mut websocket, mut widget) = pair().await;
        widget.write_all(&frame(0x88, &1000_u16.to_be_bytes())).await.unwrap();
        assert!(matches!(next(&mut websocket).await, Received::Closed(1000)));
        let begun = Instant::now();
        let polite = async {
            let mut told = Vec::new();
            widget.read_to_end(&mut told).await.unwrap();
            drop(widget);
            told
        };
        let (told, ()) = tokio::join!(polite, websocket.close(None));
        assert_eq!((told.as_slice(), begun.elapsed()), (&[0x88, 2, 0x03, 0xe8][..], Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_sent_after_a_fault_is_taken_up_to_its_bound() {
        let (ours, mut widget) = duplex(4096);
        let mut websocket = WebSocket::new(ours, FRAME_BYTES).await;
        widget.write_all(&[0x81, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0]).await.unwrap();
        assert!(matches!(next(&mut websocket).await, Received::Fault(Close::FrameTooLarge)));
        let (mut reading, mut writing) = tokio::io::split(widget);
        let endless = async {
            let mut sent = 0;
            while writing.write_all(&[0; 1024]).await.is_ok() {
                sent += 1024;
            }
            sent
        };
        let begun = Instant::now();
        let (sent, ()) = tokio::join!(endless, websocket.close(Some(Close::FrameTooLarge)));
        assert!((LINGER_BYTES_MAX..LINGER_BYTES_MAX + 16 * 1024).contains(&sent), "{sent}");
        assert_eq!(begun.elapsed(), Duration::ZERO);
        let mut told = Vec::new();
        reading.read_to_end(&mut told).await.unwrap();
        assert!(told.ends_with(b"frame_too_large"));
    }
}
