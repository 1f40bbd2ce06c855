//! The widgets' WebSocket with an echo behind it in place of a session, so that suites for the protocol can test it.

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout_at};

use crate::lifecycle::Lifecycle;
use crate::listener;
use crate::wire::Close;

use super::handshake::accept;
use super::websocket::{Received, WebSocket};

/// Between two looks while no message has begun.
const AWHILE: Duration = Duration::from_mins(1);

/// Answers `GET /echo` with a WebSocket that sends back every message, until the process stops.
pub async fn serve(listener: TcpListener, lifecycle: Lifecycle, message_bytes_max: usize) {
    let tasks = lifecycle.clone();
    let service = |_| {
        let tasks = tasks.clone();
        service_fn(move |request| ready(Ok::<_, Infallible>(answer(&tasks, request, message_bytes_max))))
    };
    listener::serve(listener, lifecycle, service).await;
}

fn answer(
    lifecycle: &Lifecycle,
    mut request: Request<Incoming>,
    message_bytes_max: usize,
) -> Response<String> {
    let Some(response) = accept(&request).filter(|_| request.uri().path() == "/echo") else {
        let mut refused = Response::new("this sends back what a WebSocket says at /echo\n".to_owned());
        *refused.status_mut() = StatusCode::NOT_FOUND;
        return refused;
    };
    let upgrade = hyper::upgrade::on(&mut request);
    lifecycle.spawn(async move {
        if let Ok(upgraded) = upgrade.await {
            echo(WebSocket::new(TokioIo::new(upgraded), message_bytes_max).await).await;
        }
    });
    response
}

async fn echo(mut websocket: WebSocket) {
    loop {
        let by = websocket.message_by().unwrap_or_else(|| Instant::now() + AWHILE);
        let Ok(received) = timeout_at(by, websocket.receive()).await else {
            websocket.message_due(Instant::now());
            continue;
        };
        let sent = match received {
            Received::Text(text) => websocket.send(text).await,
            Received::Binary(bytes) => websocket.send_binary(bytes).await,
            Received::Ping | Received::Pong | Received::Part => true,
            Received::Closed(_) => return websocket.close(None).await,
            Received::Fault(close) => return websocket.close(Some(close)).await,
            Received::Gone => return,
        };
        if !sent {
            return websocket.close(Some(Close::SlowConsumer)).await;
        }
    }
}
