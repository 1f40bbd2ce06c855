//! The console's server side: the agent's page asks here, and here the consumer API is asked with the console's key.
//! The key never reaches the page.

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

const PREFIX: &str = "/console/api";

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
        let url = format!("http://{}/v1{path}", self.consumer);
        let mut request = self.client.request(method, url).header(header::AUTHORIZATION, self.key.clone());
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

/// What the console's page may ask: these calls of the consumer API and no others, under the same names.
pub(super) fn routes() -> Router<Shop> {
    let conversation = |call: &str| format!("{PREFIX}/conversations/{{id}}{call}");
    Router::new()
        .route(&format!("{PREFIX}/events"), get(forward))
        .route(&format!("{PREFIX}/conversations"), get(forward))
        .route(&conversation(""), get(forward))
        .route(&conversation("/events"), get(forward))
        .route(&conversation("/messages"), post(forward))
        .route(&conversation("/assignment"), put(forward))
        .route(&conversation("/end"), post(forward))
        .route(&conversation("/read"), post(forward))
        .route(&conversation("/authentication-request"), post(forward))
        .route(&format!("{PREFIX}/revocations"), get(forward).post(forward))
        .route(&format!("{PREFIX}/revocations/{{id}}"), delete(forward))
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
        return (StatusCode::NOT_FOUND, "not found: this is no id of a conversation or a revocation\n")
            .into_response();
    };
    let asked = tokio::time::timeout(ANSWER_WITHIN, console.ask(method, &path, &headers, body)).await;
    let Ok(Ok(answer)) = asked else {
        tracing::warn!("the consumer API did not answer the console");
        return (StatusCode::BAD_GATEWAY, "the gateway does not answer: is it stopping?\n").into_response();
    };
    let mut response = Response::builder().status(answer.status());
    if let Some(kind) = answer.headers().get(header::CONTENT_TYPE) {
        response = response.header(header::CONTENT_TYPE, kind);
    }
    // A stream of events would outlive the drain, and the drain would wait for it.
    let lifecycle = console.lifecycle.clone();
    let until = Box::pin(async move { lifecycle.drained().await });
    let body = Body::from_stream(answer.bytes_stream().take_until(until));
    response.body(body).unwrap_or_else(|_| StatusCode::BAD_GATEWAY.into_response())
}

/// The consumer API's path and query for a request of the page. A path of plain ids alone is handed on: nothing in
/// it can be read as another path by whoever reads it next.
fn path_of(uri: &Uri) -> Option<String> {
    let path = uri.path().strip_prefix(PREFIX)?;
    let plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-'));
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    plain.then(|| format!("{path}{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_handed_on_with_its_query_and_only_where_it_is_plain() {
        let path = |text: &str| path_of(&text.parse().unwrap());
        assert_eq!(path("/console/api/events?after=latest").as_deref(), Some("/events?after=latest"));
        assert_eq!(path("/console/api/conversations/0-a/end").as_deref(), Some("/conversations/0-a/end"));
        assert_eq!(path("/console/api/revocations/0-a").as_deref(), Some("/revocations/0-a"));
        for other in ["/console/api/conversations/%2e%2e/end", "/console/api/conversations/../x", "/console"]
        {
            assert_eq!(path(other), None, "{other}");
        }
    }
}
