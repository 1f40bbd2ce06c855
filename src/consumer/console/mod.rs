//! The agent's console at `/console`: a page on this very API, and what it loads. It is the same for everybody and
//! holds nothing of anybody: whoever uses it signs in with a key of their own, which the page sends nowhere else.
//!
//! A page for people is no call, so it stands beside the table of routes and not in the documents made from it.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::get;

use super::Shared;
use super::docs::Document;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Where the page is.
const PAGE: &str = "/console";

/// Nothing from elsewhere is loaded, asked or sent to; no text becomes markup or code; and only a page of the same
/// origin may frame it, so that nobody's clicks are led here.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'self'; require-trusted-types-for 'script'; trusted-types 'none'",
);

/// Everything that the console consists of, by its path.
const FILES: [(&str, &str, &str); 17] = [
    (PAGE, HTML, include_str!("page.html")),
    ("/console/console.css", CSS, include_str!("console.css")),
    ("/console/icon.svg", SVG, include_str!("icon.svg")),
    ("/console/main.js", SCRIPT, include_str!("main.js")),
    ("/console/actions.js", SCRIPT, include_str!("actions.js")),
    ("/console/api.js", SCRIPT, include_str!("api.js")),
    ("/console/conversations.js", SCRIPT, include_str!("conversations.js")),
    ("/console/dom.js", SCRIPT, include_str!("dom.js")),
    ("/console/facts.js", SCRIPT, include_str!("facts.js")),
    ("/console/list.js", SCRIPT, include_str!("list.js")),
    ("/console/log.js", SCRIPT, include_str!("log.js")),
    ("/console/outbox.js", SCRIPT, include_str!("outbox.js")),
    ("/console/revocations.js", SCRIPT, include_str!("revocations.js")),
    ("/console/session.js", SCRIPT, include_str!("session.js")),
    ("/console/stream.js", SCRIPT, include_str!("stream.js")),
    ("/console/talk.js", SCRIPT, include_str!("talk.js")),
    ("/console/words.js", SCRIPT, include_str!("words.js")),
];

/// The page and its files.
pub(super) fn routes() -> Router<Arc<Shared>> {
    let files = FILES.into_iter().fold(Router::new(), |router, (path, media_type, text)| {
        let document = Arc::new(Document::new(media_type, text.to_owned(), Some(POLICY)));
        router.route(path, get(async move |headers: HeaderMap| document.answer(&headers)))
    });
    // The page names its files as lying below it.
    files.route(
        "/console/",
        get(async || (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, "../console")]).into_response()),
    )
}

/// The paths of all files.
#[cfg(test)]
pub(super) fn paths() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.into_iter().map(|(path, _, text)| (path, text))
}
