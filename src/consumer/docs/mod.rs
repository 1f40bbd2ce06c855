//! What consumers' and widgets' authors read, made from the code: `/openapi.json`, `/asyncapi.json`, and both as a
//! page at `/docs`. It is the same for everybody, so caches may keep it.

mod asyncapi;
mod openapi;
mod page;

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use schemars::SchemaGenerator;
use serde_json::{Value, json};

use crate::wire::is_known;

use super::revocation_body::TARGETS;
use super::route::Route;

/// Kept, and asked for again each time whether it is still so.
const CACHE: HeaderValue = HeaderValue::from_static("public, no-cache");

/// The documents as they are served.
#[derive(Debug)]
pub(super) struct Documents {
    pub(super) openapi: Document,
    pub(super) asyncapi: Document,
    pub(super) page: Document,
}

/// One document, ready to be sent.
#[derive(Debug)]
pub(super) struct Document {
    media_type: &'static str,
    etag: String,
    policy: Option<HeaderValue>,
    bytes: Bytes,
}

impl Documents {
    /// Documents of these routes; `message_characters` is the configured length of a message.
    pub(super) fn new(routes: &[Route], message_characters: usize) -> Self {
        let openapi = openapi::document(routes, message_characters);
        let asyncapi = asyncapi::document(message_characters);
        let page = page::render(&openapi, &asyncapi);
        // Nothing is loaded and nothing runs; the one style sheet is known by its hash.
        let style = STANDARD.encode(digest(&SHA256, page::STYLE.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        );
        let policy = HeaderValue::from_str(&policy).expect("the policy is in ASCII");
        Self {
            openapi: Document::new("application/json", format!("{openapi:#}\n"), None),
            asyncapi: Document::new("application/json", format!("{asyncapi:#}\n"), None),
            page: Document::new("text/html; charset=utf-8", page, Some(policy)),
        }
    }
}

impl Document {
    /// One with this text, which may load and run what `policy` says.
    pub(super) fn new(media_type: &'static str, text: String, policy: Option<HeaderValue>) -> Self {
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes())));
        Self { media_type, etag, policy, bytes: text.into() }
    }

    /// The document's text.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The document, or that the caller has it already (RFC 9110 §13.1.2).
    pub(super) fn answer(&self, headers: &HeaderMap) -> Response {
        let lines = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let is_known = is_known(&self.etag, lines);
        let etag = HeaderValue::from_str(&self.etag).expect("base64url is in ASCII");
        let common = [(header::ETAG, etag), (header::CACHE_CONTROL, CACHE)];
        if is_known {
            return (StatusCode::NOT_MODIFIED, common).into_response();
        }
        let type_of = [
            (header::CONTENT_TYPE, HeaderValue::from_static(self.media_type)),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ];
        let mut response = (common, type_of, self.bytes.clone()).into_response();
        if let Some(policy) = &self.policy {
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy.clone());
            response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        }
        response
    }
}

/// That a document is JSON.
pub(super) fn json_content(_: &mut SchemaGenerator) -> Value {
    json!({ "responses": { "200": { "content": { "application/json": { "schema": { "type": "object" } } } } } })
}

/// That a document is a page.
pub(super) fn html_content(_: &mut SchemaGenerator) -> Value {
    json!({ "responses": { "200": { "content": { "text/html": { "schema": { "type": "string" } } } } } })
}

/// That a body must have a member.
pub(super) fn at_least_one(_: &mut SchemaGenerator) -> Value {
    in_body(&json!({ "minProperties": 1 }))
}

/// That a body has exactly one target.
pub(super) fn one_target(_: &mut SchemaGenerator) -> Value {
    // Besides its own members each target takes an id; only the first and the last take an instant.
    let alternative = |members: &[&str]| {
        let takes_instant = members.contains(&"subject") || members.contains(&"everyone");
        let instant = takes_instant.then_some("issued_before");
        let known = members.iter().copied().chain(instant).chain(["id"]);
        let properties: serde_json::Map<_, _> = known.map(|name| (name.to_owned(), json!({}))).collect();
        json!({ "required": members, "properties": properties, "additionalProperties": false })
    };
    in_body(&json!({ "oneOf": TARGETS.map(alternative) }))
}

fn in_body(schema: &Value) -> Value {
    json!({ "requestBody": { "required": true, "content": { "application/json": { "schema": schema } } } })
}
