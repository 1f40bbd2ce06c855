//! The console's server side: the page that the gateway serves at `/console`, and the consumer API asked with the
//! console's key. The key never reaches the page, which finds that it needs none.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use futures_util::StreamExt as _;

use crate::lifecycle::Lifecycle;

use super::DemoError;
use super::settings::ApiKey;
use super::shop::Shop;

/// How long one answer of the consumer API may take; the stream of events has no end.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Where the consumer API begins, there and here.
const API: &str = "/v1/";

/// A client of the consumer API.
pub(super) struct Console {
    client: reqwest::Client,
    consumer: SocketAddr,
    key: HeaderValue,
    lifecycle: Lifecycle,
}

impl Console {
    pub(super) fn new(consumer: SocketAddr, key: &ApiKey, lifecycle: Lifecycle) -> Result<Self, DemoError> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            // It speaks plain http to loopback alone, so a machine without root certificates will do.
            .tls_certs_only([])
            .build()
            .map_err(DemoError::Client)?;
        let mut key = HeaderValue::try_from(key.bearer()).expect("an API key is plain ASCII");
        key.set_sensitive(true);
        Ok(Self { client, consumer, key, lifecycle })
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> reqwest::Result<reqwest::Response> {
        let mut request = self.client.request(method, format!("http://{}{path}", self.consumer));
        if path.starts_with(API) {
            request = request.header(header::AUTHORIZATION, self.key.clone());
        }
        for name in [header::ACCEPT, header::CONTENT_TYPE, header::HeaderName::from_static("last-event-id")] {
            if let Some(value) = headers.get(&name) {
                request = request.header(name, value);
            }
        }
        if !body.is_empty() {
            request = request.body(body);
        }
        request.send().await
    }
}

/// What the console's page may load and ask, under the same paths as at the gateway, and nothing else of it.
pub(super) fn routes() -> Router<Shop> {
    let conversation = |call: &str| format!("/v1/conversations/{{id}}{call}");
    let calls = ["/messages", "/end", "/read", "/typing", "/reconnect", "/authentication-request"];
    let calls =
        calls.into_iter().fold(Router::new(), |all, call| all.route(&conversation(call), post(forward)));
    calls
        .route("/console", get(forward))
        .route("/console/{file}", get(forward))
        .route("/v1/events", get(forward))
        .route("/v1/conversations", get(forward))
        .route(&conversation(""), get(forward))
        .route(&conversation("/events"), get(forward))
        .route(&conversation("/assignment"), put(forward))
        .route("/v1/revocations", get(forward).post(forward))
        .route("/v1/revocations/{id}", delete(forward))
}

async fn forward(
    State(shop): State<Shop>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let console = shop.console();
    let Some(path) = path_of(&uri) else {
        return (StatusCode::NOT_FOUND, "not found: this is no id, and no file of the console\n")
            .into_response();
    };
    let asked = tokio::time::timeout(ANSWER_WITHIN, console.ask(method, path, &headers, body)).await;
    let Ok(Ok(answer)) = asked else {
        tracing::warn!("the consumer API did not answer the console");
        return (StatusCode::BAD_GATEWAY, "the gateway does not answer: is it stopping?\n").into_response();
    };
    let mut response = Response::builder().status(answer.status());
    for name in [header::CONTENT_TYPE, header::CONTENT_SECURITY_POLICY, header::RETRY_AFTER] {
        if let Some(value) = answer.headers().get(&name) {
            response = response.header(name, value);
        }
    }
    // A stream of events would outlive the drain, and the drain would wait for it.
    let lifecycle = console.lifecycle.clone();
    let until = Box::pin(async move { lifecycle.drained().await });
    let body = Body::from_stream(answer.bytes_stream().take_until(until));
    response.body(body).unwrap_or_else(|_| StatusCode::BAD_GATEWAY.into_response())
}

/// The path and the query to ask the gateway for. A path of plain names alone is handed on: nothing in it can be read
/// as another path by whoever reads it next.
fn path_of(uri: &Uri) -> Option<&str> {
    let path = uri.path();
    let plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.'));
    (plain && !path.contains("..")).then(|| uri.path_and_query().map_or(path, |whole| whole.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_handed_on_with_its_query_and_only_where_it_is_plain() {
        for plain in ["/v1/events?after=latest", "/v1/conversations/0-a/end", "/console", "/console/main.js"]
        {
            assert_eq!(path_of(&plain.parse().unwrap()), Some(plain));
        }
        for other in
            ["/v1/conversations/%2e%2e/end", "/v1/conversations/../x", "/console/..", "/console/a%2fb"]
        {
            assert_eq!(path_of(&other.parse().unwrap()), None, "{other}");
        }
    }
}
