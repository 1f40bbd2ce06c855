//! From an HTTP request to a WebSocket, or to a refusal that says why.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use hyper::{Request, Response};

use crate::wire::SUBPROTOCOL;

use super::Gateway;
use super::entrance::{Entrance, Permit, Refused, client, enter};
use super::handshake::accept;
use super::refused::correlation_id;
use super::session::{Session, run};
use super::widget_files;

type Answer = Response<Full<Bytes>>;

/// `/widget/v1/settings/`, two ids of 63 bytes, and the `/` between them.
const PATH_LOGGED_MAX: usize = 147;

/// Answers one request of the public listener.
pub(super) fn answer(gateway: &Arc<Gateway>, mut request: Request<Incoming>, peer: SocketAddr) -> Answer {
    let client = client(gateway, &request, peer.ip());
    if let Some(path) = request.uri().path().strip_prefix(widget_files::PREFIX) {
        let answered = widget_files::answer(gateway, &request, path);
        let refuse = |refused| refuse(gateway, request.uri().path(), client, refused);
        return answered.unwrap_or_else(|refused| widget_files::for_pages(refuse(refused)));
    }
    match enter(gateway, &request, client) {
        Ok((entrance, permit)) => upgrade(gateway, &mut request, client, entrance, permit),
        Err(refused) => refuse(gateway, request.uri().path(), client, refused),
    }
}

fn refuse(gateway: &Gateway, path: &str, client: IpAddr, refused: Refused) -> Answer {
    gateway.metrics.connection_refused(refused.code());
    let correlation_id = correlation_id();
    // What is longer than any widget's path may be a token that strayed into the URL.
    let path = Some(path).filter(|path| path.len() <= PATH_LOGGED_MAX);
    tracing::info!(%client, path, code = refused.code(), correlation_id, "a connection was refused");
    refused.response(&correlation_id)
}

fn upgrade(
    gateway: &Arc<Gateway>,
    request: &mut Request<Incoming>,
    client: IpAddr,
    entrance: Entrance,
    permit: Permit,
) -> Answer {
    let Some(mut response) = accept(request) else {
        return refuse(gateway, request.uri().path(), client, Refused::NotAnUpgrade);
    };
    if offers_subprotocol(request) {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    let upgrade = hyper::upgrade::on(request);
    let session = Session::new(gateway.clone(), entrance);
    gateway.lifecycle.spawn(async move {
        // An error means that the client left between its request and our answer.
        if let Ok(upgraded) = upgrade.await {
            run(session, upgraded).await;
        }
        drop(permit);
    });
    response
}

fn offers_subprotocol(request: &Request<Incoming>) -> bool {
    let offers = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    offers
        .filter_map(|offer| offer.to_str().ok())
        .flat_map(|offer| offer.split(','))
        .any(|one| one.trim() == SUBPROTOCOL)
}
