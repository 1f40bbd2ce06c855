//! A TCP listener and HTTP/1.1 on it, bounded from the first byte: every listener of usher is served by this.

mod half_open;

use std::cell::Cell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;

pub use half_open::HalfOpen;
use half_open::Waiting;

/// A request head that isn't whole by then closes its connection; so does a silent one between two requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest request head; a longer one is answered 431.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The most header lines in it; more are answered 431.
const HEADERS_MAX: usize = 64;
/// What is left of a request or an answer when the process stops is waited for so long: whoever never finishes sending
/// or reading must not hold the exit up.
const LAST_ANSWER: Duration = Duration::from_secs(2);
/// After a failed accept (no descriptors left, for one) the listener rests for so long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What bounds the strangers of a listener before they have said anything.
#[derive(Debug, Clone)]
pub struct Gate {
    /// The connections that haven't sent a whole request head.
    pub half_open: Arc<HalfOpen>,
    /// Where those are counted that were dropped.
    pub metrics: Arc<Metrics>,
}

/// Serves a listener until the process stops. `service` is asked for one service a connection.
pub async fn serve<F, S, B>(listener: TcpListener, lifecycle: Lifecycle, service: F)
where
    F: Fn(SocketAddr) -> S,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send> + Send + 'static,
    B: Body<Data: Send, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    accept_all(listener, lifecycle, None, service).await;
}

/// The same where strangers connect: one that comes while too many have sent no whole request head is dropped at once.
pub async fn serve_strangers<F, S, B>(listener: TcpListener, lifecycle: Lifecycle, gate: Gate, service: F)
where
    F: Fn(SocketAddr) -> S,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send> + Send + 'static,
    B: Body<Data: Send, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    accept_all(listener, lifecycle, Some(gate), service).await;
}

async fn accept_all<F, S, B>(listener: TcpListener, lifecycle: Lifecycle, gate: Option<Gate>, service: F)
where
    F: Fn(SocketAddr) -> S,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send> + Send + 'static,
    B: Body<Data: Send, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    loop {
        let accepted = tokio::select! {
            () = lifecycle.stopped() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let waiting = gate.as_ref().map(|gate| gate.admit(peer));
                if matches!(waiting, Some(None)) {
                    continue;
                }
                let service = Heard { service: service(peer), waiting: Cell::new(waiting.flatten()) };
                lifecycle.spawn(serve_connection(stream, lifecycle.clone(), service));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

impl Gate {
    fn admit(&self, peer: SocketAddr) -> Option<Waiting> {
        let waiting = self.half_open.admit(peer.ip());
        if waiting.is_none() {
            self.metrics.connection_refused("half_open");
            tracing::debug!(%peer, "a connection was dropped: too many have sent no whole request head");
        }
        waiting
    }
}

/// A service that gives up the connection's place at the gate with its first request head.
struct Heard<S> {
    service: S,
    waiting: Cell<Option<Waiting>>,
}

impl<S: Service<Request<Incoming>>> Service<Request<Incoming>> for Heard<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, request: Request<Incoming>) -> S::Future {
        drop(self.waiting.take());
        self.service.call(request)
    }
}

async fn serve_connection<S, B>(stream: TcpStream, lifecycle: Lifecycle, service: S)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send> + Send + 'static,
    B: Body<Data: Send, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    // Answers and frames are written whole: waiting to fill a segment would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    // Not hyper-util's `auto` builder: with that, a client that says nothing is never timed out.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = lifecycle.stopped() => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(LAST_ANSWER, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an HTTP connection ended early");
    }
}
