//! An endpoint that takes deliveries, or does not, as its script says.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;

use crate::support::keys::now;
use crate::support::until;

/// What deliveries are signed with.
pub(super) const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
/// What they were signed with before.
pub(super) const OLD_SECRET: &str = "whsec_b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xk";

/// A delivery as it came.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) id: String,
    pub(super) event: Value,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) at: f64,
    /// The status that it was answered with; none where it was left waiting.
    pub(super) answered: Option<u16>,
}

impl Delivery {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub(super) fn conversation(&self) -> &str {
        self.event["subject"].as_str().unwrap()
    }

    pub(super) fn sequence(&self) -> u64 {
        self.event["data"]["sequence"].as_u64().unwrap()
    }

    pub(super) fn text(&self) -> &str {
        self.event["data"]["text"].as_str().unwrap_or_default()
    }

    pub(super) fn was_taken(&self) -> bool {
        self.answered.is_some_and(|status| (200..300).contains(&status))
    }

    /// The signature that this secret makes of it.
    pub(super) fn signed_with(&self, secret: &str) -> String {
        let secret = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let signed =
            [self.id.as_bytes(), self.header("webhook-timestamp").as_bytes(), &self.body].join(&b'.');
        format!("v1,{}", STANDARD.encode(sign(&Key::new(HMAC_SHA256, &secret), &signed)))
    }
}

/// What the endpoint does with a delivery.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    Status(u16),
    /// With a header line.
    With(u16, &'static str, String),
    Never,
}

type Script = Arc<Mutex<Box<dyn FnMut(&Delivery) -> Reply + Send>>>;

/// An endpoint on loopback; it can die and come back.
pub(super) struct Receiver {
    address: SocketAddr,
    script: Script,
    deliveries: Arc<Mutex<Vec<Delivery>>>,
    server: JoinSet<()>,
}

impl Receiver {
    /// Takes everything.
    pub(super) async fn start() -> Self {
        Self::playing(|_| Reply::Status(204)).await
    }

    pub(super) async fn playing(script: impl FnMut(&Delivery) -> Reply + Send + 'static) -> Self {
        let mut receiver = Self {
            address: ([127, 0, 0, 1], 0).into(),
            script: Arc::new(Mutex::new(Box::new(script))),
            deliveries: Arc::default(),
            server: JoinSet::new(),
        };
        receiver.come_back().await;
        receiver
    }

    /// From now on it plays this.
    pub(super) fn play(&self, script: impl FnMut(&Delivery) -> Reply + Send + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    /// Closes the listener and every connection.
    pub(super) async fn die(&mut self) {
        self.server.shutdown().await;
    }

    /// Listens again, at the same address.
    pub(super) async fn come_back(&mut self) {
        let listener = until("the endpoint's port", async || listen(self.address)).await;
        self.address = listener.local_addr().unwrap();
        let (script, deliveries) = (self.script.clone(), self.deliveries.clone());
        let router = Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
            take(script.clone(), deliveries.clone(), headers, body)
        });
        self.server.spawn(async move { axum::serve(listener, router).await.unwrap() });
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// All that came so far.
    pub(super) fn deliveries(&self) -> Vec<Delivery> {
        self.deliveries.lock().unwrap().clone()
    }

    /// What came and was taken.
    pub(super) fn taken(&self) -> Vec<Delivery> {
        self.deliveries().into_iter().filter(Delivery::was_taken).collect()
    }

    /// Waits until a delivery like this was taken.
    pub(super) async fn takes(&self, what: impl Fn(&Delivery) -> bool) -> Delivery {
        until("a delivery", async || self.taken().into_iter().find(|delivery| what(delivery))).await
    }

    /// Waits until the message with this text was taken.
    pub(super) async fn takes_text(&self, text: &str) -> Delivery {
        self.takes(|delivery| delivery.text() == text).await
    }

    /// The sequences that were taken of each conversation, in the order in which they came, repetitions left out.
    pub(super) fn sequences(&self) -> BTreeMap<String, Vec<u64>> {
        let mut sequences: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for delivery in self.taken() {
            let seen = sequences.entry(delivery.conversation().to_owned()).or_default();
            if !seen.contains(&delivery.sequence()) {
                seen.push(delivery.sequence());
            }
        }
        sequences
    }
}

fn listen(address: SocketAddr) -> Option<TcpListener> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).ok()?;
    socket.listen(1024).ok()
}

async fn take(
    script: Script,
    deliveries: Arc<Mutex<Vec<Delivery>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut delivery = Delivery {
        id: headers["webhook-id"].to_str().unwrap().to_owned(),
        event: serde_json::from_slice(&body).unwrap(),
        headers,
        body: body.to_vec(),
        at: now(),
        answered: None,
    };
    let reply = (script.lock().unwrap())(&delivery);
    delivery.answered = match reply {
        Reply::Status(status) | Reply::With(status, ..) => Some(status),
        Reply::Never => None,
    };
    let answered = delivery.answered.map(|status| StatusCode::from_u16(status).unwrap());
    deliveries.lock().unwrap().push(delivery);
    match (answered, reply) {
        (Some(status), Reply::With(_, name, value)) => (status, [(name, value)]).into_response(),
        (Some(status), _) => status.into_response(),
        (None, _) => std::future::pending().await,
    }
}
