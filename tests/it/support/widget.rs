//! A chat widget.

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::setup::ORIGIN;
use super::soon;
use super::usher::Usher;

/// A connection of a widget that answers pings whenever it reads.
pub(crate) struct Widget {
    stream: WebSocketStream<TcpStream>,
    hears_expiring: bool,
}

/// What a widget gets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Got {
    Frame(Value),
    Close(u16, String),
    /// The connection broke.
    Gone,
}

/// A conversation as a widget remembers it.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) conversation: String,
    pub(crate) resume_token: String,
}

impl Ticket {
    /// From a `started` or `resumed` frame.
    pub(crate) fn of(frame: &Value) -> Self {
        let text = |name: &str| frame[name].as_str().unwrap().to_owned();
        Self { conversation: text("conversation"), resume_token: text("resume_token") }
    }

    /// The `resume` frame.
    pub(crate) fn resume(&self) -> Value {
        json!({ "type": "resume", "conversation": self.conversation, "resume_token": self.resume_token })
    }

    /// The same after this entry.
    pub(crate) fn resume_after(&self, sequence: u64) -> Value {
        let mut frame = self.resume();
        frame["after"] = sequence.into();
        frame
    }

    /// The conversation with the `resume_token` of this frame.
    pub(crate) fn renewed_by(&self, frame: &Value) -> Self {
        let resume_token = frame["resume_token"].as_str().unwrap().to_owned();
        Self { resume_token, ..self.clone() }
    }

    /// The same with a token.
    pub(crate) fn resume_with(&self, token: &str) -> Value {
        let mut frame = self.resume();
        frame["token"] = token.into();
        frame
    }
}

impl Widget {
    /// Connects to `/chat/{path}` from the page that is allowed.
    pub(crate) async fn connect(usher: &Usher, path: &str) -> Self {
        let (widget, _) = Self::dial(usher, path, &[("origin", ORIGIN)]).await.unwrap();
        widget
    }

    /// Connects with these header lines besides the handshake's own.
    pub(crate) async fn dial(
        usher: &Usher,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<(Self, Response), Error> {
        Self::dial_from("127.0.0.1", usher, path, headers).await
    }

    /// The same from another address of this machine.
    pub(crate) async fn dial_from(
        address: &str,
        usher: &Usher,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<(Self, Response), Error> {
        let mut request = format!("ws://{}/chat/{path}", usher.at().public).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        let socket = TcpSocket::new_v4()?;
        socket.bind(format!("{address}:0").parse().unwrap())?;
        let stream = socket.connect(usher.at().public).await?;
        let (stream, response) = soon("the handshake", client_async(request, stream)).await?;
        Ok((Self { stream, hears_expiring: false }, response))
    }

    /// Connects and begins an anonymous conversation.
    pub(crate) async fn start(usher: &Usher, path: &str) -> (Self, Ticket) {
        Self::start_with(usher, path, json!({ "type": "start" })).await
    }

    /// Connects and begins a conversation with this token.
    pub(crate) async fn sign_in(usher: &Usher, path: &str, token: &str) -> (Self, Ticket) {
        Self::start_with(usher, path, json!({ "type": "start", "token": token })).await
    }

    async fn start_with(usher: &Usher, path: &str, start: Value) -> (Self, Ticket) {
        let mut widget = Self::connect(usher, path).await;
        widget.send(start).await;
        let started = widget.expect("started").await;
        (widget, Ticket::of(&started))
    }

    /// Connects, sends a first frame and returns the answer.
    pub(crate) async fn open(usher: &Usher, path: &str, first: Value) -> (Self, Value) {
        let mut widget = Self::connect(usher, path).await;
        widget.send(first).await;
        let answer = widget.frame().await;
        (widget, answer)
    }

    pub(crate) async fn send(&mut self, frame: Value) {
        self.send_text(&frame.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.send_raw(Message::text(text)).await;
    }

    pub(crate) async fn send_raw(&mut self, message: Message) {
        soon("a frame to be sent", self.stream.send(message)).await.unwrap();
    }

    /// Sends where the other side may have left.
    pub(crate) async fn try_send(&mut self, frame: &Value) -> bool {
        soon("a frame to be sent", self.stream.send(Message::text(frame.to_string()))).await.is_ok()
    }

    /// Says this; the `accepted` that answers it.
    pub(crate) async fn say(&mut self, id: &str, text: &str) -> Value {
        self.send(json!({ "type": "message", "id": id, "text": text })).await;
        let accepted = self.expect("accepted").await;
        assert_eq!(accepted["id"], id);
        accepted
    }

    /// Presents a token.
    pub(crate) async fn authenticate(&mut self, token: &str) {
        self.send(json!({ "type": "authenticate", "token": token })).await;
    }

    /// Presents a token that is taken; the `authentication` that says so.
    pub(crate) async fn authenticated(&mut self, token: &str, reason: &str) -> Value {
        self.authenticate(token).await;
        self.told(reason).await
    }

    /// The next frame, which is an `authentication` for this reason.
    #[track_caller]
    pub(crate) fn told(&mut self, reason: &str) -> impl Future<Output = Value> {
        let told = self.expect("authentication");
        async move {
            let told = told.await;
            assert_eq!(told["reason"], reason, "{told}");
            told
        }
    }

    /// From now on `token_expiring` is heard, which most tests have no interest in.
    pub(crate) fn hear_expiring(&mut self) {
        self.hears_expiring = true;
    }

    /// The next thing that comes, pings, pongs and unheard `token_expiring` aside.
    #[track_caller]
    pub(crate) fn next(&mut self) -> impl Future<Output = Got> {
        soon("a frame", async {
            loop {
                return match self.stream.next().await {
                    Some(Ok(Message::Text(text))) => {
                        let frame: Value = serde_json::from_str(&text).unwrap();
                        if frame["type"] == "token_expiring" && !self.hears_expiring {
                            continue;
                        }
                        Got::Frame(frame)
                    }
                    Some(Ok(Message::Close(Some(frame)))) => {
                        Got::Close(frame.code.into(), frame.reason.to_string())
                    }
                    Some(Ok(Message::Close(None))) => Got::Close(1005, String::new()),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(other)) => panic!("the gateway never sends {other:?}"),
                    Some(Err(_)) | None => Got::Gone,
                };
            }
        })
    }

    /// The next frame.
    #[track_caller]
    pub(crate) fn frame(&mut self) -> impl Future<Output = Value> {
        let next = self.next();
        async move {
            match next.await {
                Got::Frame(frame) => frame,
                other => panic!("{other:?} came where a frame should have"),
            }
        }
    }

    /// The next frame, which is of this type.
    #[track_caller]
    pub(crate) fn expect(&mut self, kind: &str) -> impl Future<Output = Value> {
        let frame = self.frame();
        async move {
            let frame = frame.await;
            assert_eq!(frame["type"], kind, "{frame}");
            frame
        }
    }

    /// The next frame, which is this error.
    #[track_caller]
    pub(crate) fn expect_error(&mut self, code: &str) -> impl Future<Output = Value> {
        let error = self.expect("error");
        async move {
            let error = error.await;
            assert_eq!(error["code"], code, "{error}");
            for name in ["message", "action", "correlation_id"] {
                assert!(error[name].as_str().is_some_and(|text| !text.is_empty()), "{name}: {error}");
            }
            assert!(error["temporary"].is_boolean() && error["in_reply_to"].is_string(), "{error}");
            error
        }
    }

    /// The close, which comes next and has this code; its reason.
    #[track_caller]
    pub(crate) fn expect_close(&mut self, code: u16) -> impl Future<Output = String> {
        let next = self.next();
        async move {
            match next.await {
                Got::Close(with, reason) if with == code => reason,
                other => panic!("{other:?} came where the close {code} should have"),
            }
        }
    }

    /// That nothing has come that was sent before the answer to a frame sent now.
    pub(crate) async fn expect_nothing(&mut self) {
        self.send(json!({ "type": "message", "id": "", "text": "a violation that is answered at once" }))
            .await;
        self.expect_error("bad_frame").await;
    }

    /// What has come already.
    pub(crate) fn try_next(&mut self) -> Option<Got> {
        self.next().now_or_never()
    }

    /// Leaves politely.
    pub(crate) async fn close(mut self) {
        soon("a close", self.stream.close(None)).await.unwrap();
        while self.next().await != Got::Gone {}
    }

    /// The TCP connection, for what no library would do.
    pub(crate) fn into_tcp(self) -> TcpStream {
        self.stream.into_inner()
    }
}
