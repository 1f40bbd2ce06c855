//! A TCP listener and HTTP/1.1 on it, bounded from the first byte: every listener of usher is served by this.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use crate::lifecycle::Lifecycle;

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

/// Serves a listener until the process stops. `service` is asked for one service a connection.
pub async fn serve<F, S, B>(listener: TcpListener, lifecycle: Lifecycle, service: F)
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
                lifecycle.spawn(serve_connection(stream, lifecycle.clone(), service(peer)));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
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
