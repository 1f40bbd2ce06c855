//! A chat widget, as lean as the protocol lets it be: what it takes from the generator's core it hides of the gateway.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::Fault;

/// How long any answer may take before the run is given up.
pub(crate) const ANSWER: Duration = Duration::from_mins(1);
/// What is read at once. The library fills it with zeros before each read, so more costs more.
const READ_BYTES: usize = 4 * 1024;

/// The connection's sending half.
pub(crate) type Sending = SplitSink<WebSocketStream<TcpStream>, Message>;
/// The connection's receiving half.
pub(crate) type Receiving = SplitStream<WebSocketStream<TcpStream>>;

/// Where widgets connect.
#[derive(Debug, Clone)]
pub(crate) struct Chat {
    pub(crate) at: SocketAddr,
    /// Such as `/chat/a/web`.
    pub(crate) path: String,
}

/// A frame of the gateway: what the modes look at.
#[derive(Debug, Deserialize)]
pub(crate) struct Frame<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: &'a str,
    pub(crate) conversation: Option<&'a str>,
    pub(crate) resume_token: Option<&'a str>,
    pub(crate) sequence: Option<u64>,
    /// A message's.
    pub(crate) id: Option<&'a str>,
    #[serde(borrow)]
    pub(crate) authentication: Option<Authentication<'a>>,
    /// Why the authentication changed.
    pub(crate) reason: Option<&'a str>,
    /// An error's.
    pub(crate) code: Option<&'a str>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
}

/// Who the gateway holds the customer for.
#[derive(Debug, Deserialize)]
pub(crate) struct Authentication<'a> {
    pub(crate) status: &'a str,
}

impl<'a> Frame<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, Fault> {
        serde_json::from_str(text).map_err(|error| format!("a frame can't be read: {error}").into())
    }

    /// The fault of getting this frame where another one was due.
    pub(crate) fn instead_of(&self, kind: &str) -> Fault {
        let what = self.code.unwrap_or(self.kind);
        format!("`{what}` came where `{kind}` was due: {}", self.message.as_deref().unwrap_or_default())
            .into()
    }

    pub(crate) fn is_authenticated(&self) -> bool {
        self.authentication.as_ref().is_some_and(|authentication| authentication.status == "authenticated")
    }
}

/// A conversation as its widget remembers it.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) conversation: String,
    pub(crate) resume_token: String,
    pub(crate) sequence: u64,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Widget {
    stream: WebSocketStream<TcpStream>,
}

impl Widget {
    /// Connects, from this local address where one is given.
    pub(crate) async fn connect(chat: &Chat, from: Option<IpAddr>) -> Result<Self, Fault> {
        timeout(ANSWER, Self::dial(chat, from)).await.map_err(|_| "no upgrade in a minute")?
    }

    async fn dial(chat: &Chat, from: Option<IpAddr>) -> Result<Self, Fault> {
        let tcp = match from {
            None => TcpStream::connect(chat.at).await?,
            Some(from) => {
                let socket = TcpSocket::new_v4()?;
                socket.bind(SocketAddr::new(from, 0))?;
                socket.connect(chat.at).await?
            }
        };
        tcp.set_nodelay(true)?;
        let mut request = format!("ws://{}{}", chat.at, chat.path).into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", "usher.v1".parse()?);
        let config = WebSocketConfig::default().read_buffer_size(READ_BYTES).write_buffer_size(0);
        let (stream, _) = client_async_with_config(request, tcp, Some(config)).await?;
        Ok(Self { stream })
    }

    /// Begins a conversation with this token, which the gateway must take.
    pub(crate) async fn start(&mut self, token: &str) -> Result<Ticket, Fault> {
        self.send(format!(r#"{{"type":"start","token":"{token}"}}"#)).await?;
        let text = self.next().await?;
        let frame = Frame::parse(&text)?;
        if frame.kind != "started" || !frame.is_authenticated() {
            return Err(frame.instead_of("started, authenticated"));
        }
        frame.ticket().ok_or_else(|| "`started` lacks a field".into())
    }

    /// Sends one frame.
    pub(crate) async fn send(&mut self, text: String) -> Result<(), Fault> {
        Ok(self.stream.send(Message::text(text)).await?)
    }

    /// The next frame.
    pub(crate) async fn next(&mut self) -> Result<Utf8Bytes, Fault> {
        timeout(ANSWER, next(&mut self.stream)).await.map_err(|_| "no answer in a minute")?
    }

    /// The two halves, for who sends and receives at once. The receiving half answers pings.
    pub(crate) fn split(self) -> (Sending, Receiving) {
        self.stream.split()
    }

    /// Leaves at once, by a reset, which frees the port too.
    pub(crate) fn cut(self) -> Result<(), Fault> {
        Ok(self.stream.get_ref().set_zero_linger()?)
    }
}

impl Frame<'_> {
    /// Of a `started` or `resumed`.
    pub(crate) fn ticket(&self) -> Option<Ticket> {
        Some(Ticket {
            conversation: self.conversation?.to_owned(),
            resume_token: self.resume_token?.to_owned(),
            sequence: self.sequence?,
        })
    }
}

/// The next frame of a stream; pings are answered on the way.
pub(crate) async fn next<S>(stream: &mut S) -> Result<Utf8Bytes, Fault>
where
    S: futures_util::Stream<Item = Result<Message, tokio_tungstenite::tungstenite::Error>> + Unpin,
{
    loop {
        match stream.next().await {
            Some(Ok(Message::Text(text))) => return Ok(text),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Close(Some(close)))) => {
                return Err(format!("closed with {}: {}", close.code, close.reason).into());
            }
            Some(Ok(_)) => return Err("closed without a code".into()),
            Some(Err(error)) => return Err(error.into()),
            None => return Err("the connection ended".into()),
        }
    }
}

/// The `message` frame of this number, with a text of so many bytes.
pub(crate) fn message(number: u64, text: &str) -> String {
    format!(r#"{{"type":"message","id":"m{number}","text":"{text}"}}"#)
}

/// The number of a message, from its id.
pub(crate) fn message_number(id: &str) -> Option<u64> {
    id.strip_prefix('m')?.parse().ok()
}
