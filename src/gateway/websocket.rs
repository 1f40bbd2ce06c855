//! The WebSocket itself: small explicit buffers, bounded writes, and every fault mapped to its close code.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, Utf8Bytes};

use crate::wire::Close;

/// Read at once. The library's default of 128 KiB is allocated for every socket and cleared at every read.
const READ_BUFFER: usize = 4096;
/// Bytes that may wait to be written. Pongs are queued while a widget doesn't read: without a bound they grow for ever.
const WRITE_BUFFER_MAX: usize = 256 * 1024;
/// A write that takes longer belongs to a widget that doesn't read.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the peer has to answer the close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// One widget's WebSocket.
#[derive(Debug)]
pub(super) struct WebSocket(WebSocketStream<TokioIo<Upgraded>>);

/// What came from a widget.
#[derive(Debug)]
pub(super) enum Received {
    /// A text frame.
    Text(Utf8Bytes),
    /// A sign of life without content.
    Alive,
    /// The widget closed, with this code; 1005 where it named none.
    Closed(u16),
    /// The connection is gone without a close.
    Gone,
    /// The socket has to be closed for what it sent.
    Fault(Close),
}

impl WebSocket {
    pub(super) async fn new(upgraded: Upgraded, frame_bytes_max: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(WRITE_BUFFER_MAX)
            .max_message_size(Some(frame_bytes_max))
            .max_frame_size(Some(frame_bytes_max));
        Self(WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await)
    }

    /// The next thing that the widget sends. Cancelling loses nothing.
    pub(super) async fn receive(&mut self) -> Received {
        match self.0.next().await {
            None => Received::Gone,
            Some(Ok(Message::Text(text))) => Received::Text(text),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Received::Alive,
            Some(Ok(Message::Close(frame))) => {
                Received::Closed(frame.map_or(1005, |frame| frame.code.into()))
            }
            Some(Ok(Message::Binary(_))) => Received::Fault(Close::BinaryFrame),
            Some(Err(error)) => received_error(&error),
        }
    }

    /// Sends a frame; false where the widget is gone or doesn't read.
    pub(super) async fn send(&mut self, text: Utf8Bytes) -> bool {
        self.write(Message::Text(text)).await
    }

    pub(super) async fn ping(&mut self) -> bool {
        self.write(Message::Ping(Bytes::new())).await
    }

    async fn write(&mut self, message: Message) -> bool {
        matches!(tokio::time::timeout(WRITE_TIMEOUT, self.0.send(message)).await, Ok(Ok(())))
    }

    /// Sends the close frame and waits, for a while, for the peer's.
    pub(super) async fn close(mut self, close: Close) {
        let reason = Utf8Bytes::from(close.reason().into_owned());
        let frame = CloseFrame { code: CloseCode::from(close.code()), reason };
        let goodbye = async {
            if self.0.close(Some(frame)).await.is_ok() {
                while let Some(Ok(_)) = self.0.next().await {}
            }
        };
        // Whoever doesn't answer in time is dropped.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, goodbye).await;
    }
}

fn received_error(error: &Error) -> Received {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => Received::Fault(Close::FrameTooLarge),
        Error::Utf8(_) => Received::Fault(Close::NotAnObject),
        Error::WriteBufferFull(_) => Received::Fault(Close::SlowConsumer),
        Error::Protocol(protocol) if is_abrupt(protocol) => Received::Gone,
        Error::Protocol(_) => Received::Fault(Close::ProtocolError),
        _ => Received::Gone,
    }
}

/// A connection that ends without a close is no fault of the framing.
const fn is_abrupt(error: &tokio_tungstenite::tungstenite::error::ProtocolError) -> bool {
    matches!(error, tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)
}
