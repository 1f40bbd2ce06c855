//! A TCP listener and HTTP/1.1 on it, bounded from the first byte: every listener of usher is served by this.

mod half_open;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Ready, pending, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket};

use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;

pub use half_open::HalfOpen;
use half_open::Waiting;

/// How many connections may wait to be accepted; the kernel allows `net.core.somaxconn` at most. Whoever comes when as
/// many wait is not heard, and tries again after a second: with the usual 128, everybody who comes back at once would.
const BACKLOG: u32 = 4096;
/// A request head that isn't whole by then closes its connection; so does a silent one between two requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest request head; a longer one is answered 431.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The most header lines in it; more are answered 431.
const HEADERS_MAX: usize = 64;
/// What is left of a request or an answer when the process stops is waited for so long: whoever never finishes sending
/// or reading must not hold the exit up.
const LAST_ANSWER: Duration = Duration::from_secs(2);
/// A stranger's connection that is no WebSocket by then is dropped: at a kilobyte a second the largest script comes
/// through within that, and whoever doesn't read its answer mustn't hold a descriptor for ever.
const STRANGER_MAX: Duration = Duration::from_mins(1);
/// An answer's body up to here is taken by the socket at once, whoever reads it.
const SHORT_BYTES: u64 = 4096;
/// After a failed accept (no descriptors left, for one) the listener rests for so long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Listens at an address, so that a crowd may come at once.
///
/// # Errors
///
/// What the system says: the address is taken, or isn't this machine's.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A port whose last connections are still being forgotten can be taken again.
    socket.set_reuseaddr(true)?;
    // Answers and frames are written whole: waiting to fill a segment would only delay them. The connections that are
    // accepted inherit it.
    socket.set_nodelay(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// What bounds the strangers of a listener before they have said anything.
#[derive(Debug, Clone)]
pub struct Gate {
    /// The connections that have no answer yet, or a long one that isn't read.
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
    accept_all(listener, lifecycle, None, None, |peer, _| service(peer)).await;
}

/// The same where strangers connect, who are answered at once: a connection that comes while too many have no answer
/// yet is dropped, and so is one that is no WebSocket after a minute. `answer` is asked for one that answers a
/// connection.
pub async fn serve_strangers<F, A, B>(listener: TcpListener, lifecycle: Lifecycle, gate: Gate, answer: F)
where
    F: Fn(SocketAddr) -> A,
    A: Fn(Request<Incoming>) -> Response<B> + Send + 'static,
    B: Body<Data: Send, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    let service = |peer, waiting| Stranger { answer: answer(peer), waiting: Cell::new(waiting) };
    accept_all(listener, lifecycle, Some(gate), Some(STRANGER_MAX), service).await;
}

async fn accept_all<F, S, B>(
    listener: TcpListener,
    lifecycle: Lifecycle,
    gate: Option<Gate>,
    longest: Option<Duration>,
    service: F,
) where
    F: Fn(SocketAddr, Option<Waiting>) -> S,
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
                let service = service(peer, waiting.flatten());
                lifecycle.spawn(serve_connection(stream, lifecycle.clone(), longest, service));
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
            tracing::debug!(%peer, "a connection was dropped: too many have no answer yet");
        }
        waiting
    }
}

/// What answers one connection of a stranger. It gives up its place at the gate with the answer: what has become a
/// WebSocket other limits count, and after a short answer it ends. A long one lasts as long as its reader takes.
struct Stranger<A> {
    answer: A,
    waiting: Cell<Option<Waiting>>,
}

impl<A: Fn(Request<Incoming>) -> Response<B>, B: Body> Service<Request<Incoming>> for Stranger<A> {
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Ready<Result<Response<B>, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let response = (self.answer)(request);
        if response.body().size_hint().lower() <= SHORT_BYTES {
            drop(self.waiting.take());
        }
        ready(Ok(response))
    }
}

/// Serves HTTP on one connection until it ends, is a WebSocket, or was served for as long as it may be.
async fn serve_connection<I, S, B>(stream: I, lifecycle: Lifecycle, longest: Option<Duration>, service: S)
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send> + Send + 'static,
    B: Body<Data: Send, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    // Not hyper-util's `auto` builder: with that, a client that says nothing is never timed out.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let over = async {
        match longest {
            Some(longest) => tokio::time::sleep(longest).await,
            None => pending().await,
        }
    };
    // The connection first: most are a WebSocket at once, and set no timer then.
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = over => return,
        () = lifecycle.stopped() => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(LAST_ANSWER, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an HTTP connection ended early");
    }
}
