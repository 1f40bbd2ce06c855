//! The console is a page that anybody may load, and nothing but its own files is ever loaded by it.

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;

use crate::consumer::console;

use super::Node;

/// What comes for a path that anybody asks for; `tag` is what the caller has already.
async fn load(node: &Node, path: &str, tag: &str) -> (StatusCode, HeaderMap, String) {
    let request = Request::get(path).header(header::IF_NONE_MATCH, tag).body(Body::empty()).unwrap();
    let answer = node.respond(request).await;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, headers, String::from_utf8(body.to_vec()).unwrap())
}

/// What a page or a module names in quotes after one of these marks is loaded.
fn loaded(text: &str) -> impl Iterator<Item = &str> {
    [" src=\"", " href=\"", " from \"", "import \"", "import(", "url("]
        .into_iter()
        .flat_map(move |mark| text.split(mark).skip(1).map(|rest| rest.split('"').next().unwrap_or_default()))
}

#[tokio::test]
async fn anybody_may_load_the_console_and_caches_keep_it() {
    let node = Node::start();
    for (path, _) in console::paths() {
        let (status, headers, body) = load(&node, path, "\"other\"").await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(!body.is_empty(), "{path}");
        assert_eq!(headers[header::CACHE_CONTROL], "public, no-cache", "{path}");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        assert_eq!(headers[header::REFERRER_POLICY], "no-referrer", "{path}");
        let tag = headers[header::ETAG].to_str().unwrap();
        let (status, _, body) = load(&node, path, tag).await;
        assert_eq!((status, body.as_str()), (StatusCode::NOT_MODIFIED, ""), "{path}");
    }
    let (status, headers, _) = load(&node, "/console/", "\"other\"").await;
    assert_eq!(status, StatusCode::PERMANENT_REDIRECT);
    assert_eq!(headers[header::LOCATION], "../console");
}

#[tokio::test]
async fn the_console_runs_and_reaches_nothing_from_elsewhere_and_is_framed_by_nobody_else() {
    let node = Node::start();
    let (_, headers, page) = load(&node, "/console", "\"other\"").await;
    let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    for directive in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ] {
        assert!(policy.split("; ").any(|one| one == directive), "{directive} is not in {policy}");
    }
    // What the policy would refuse is not there in the first place.
    for absent in
        ["<style", " style=", "<script>", " onclick=", " onsubmit=", "javascript:", "http:", "https:"]
    {
        assert!(!page.contains(absent), "{absent}");
    }
    for (path, text) in console::paths() {
        for absent in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("]
        {
            assert!(!text.contains(absent), "{path}: {absent}");
        }
    }
}

#[tokio::test]
async fn all_that_the_console_loads_is_served_and_all_that_is_served_is_loaded() {
    let node = Node::start();
    let mut served: Vec<_> = console::paths().map(|(path, _)| path.to_owned()).collect();
    let mut named = vec!["/console".to_owned()];
    for (path, text) in console::paths() {
        for name in loaded(text) {
            // Each is named by where it lies beside the file that names it.
            let below = if path == "/console" { "/" } else { "/console/" };
            named.push(format!("{below}{}", name.trim_start_matches("./")));
        }
    }
    named.sort_unstable();
    named.dedup();
    served.sort_unstable();
    assert_eq!(named, served);
    for path in named {
        assert_eq!(load(&node, &path, "\"other\"").await.0, StatusCode::OK, "{path}");
    }
    let unknown = load(&node, "/console/other.js", "\"other\"").await;
    assert_eq!(unknown.0, StatusCode::NOT_FOUND);
}
