//! Which request is a WebSocket handshake (RFC 6455 §4.2.1), and the answer that accepts it.

use hyper::body::Body;
use hyper::header::{SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use hyper::{Request, Response};
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

/// The lines that say what is agreed on: said twice, one reader may take the first and another the last.
const ONCE: [hyper::header::HeaderName; 3] = [UPGRADE, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION];

/// The answer to a handshake; none where it isn't one. A handshake has no body: what a proxy takes for one would be
/// frames to us.
pub(super) fn accept<B: Body, A: Default>(request: &Request<B>) -> Option<Response<A>> {
    let said_once = ONCE.iter().all(|name| request.headers().get_all(name).iter().count() == 1);
    if !said_once || !request.body().is_end_stream() {
        return None;
    }
    create_response_with_body(request, A::default).ok()
}
