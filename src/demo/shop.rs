//! The shop's web server: its pages, its token service and its public-key endpoint.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::json;

use super::console::{self, Console};
use super::settings::{TENANT, WIDGET};
use super::tokens::{CUSTOMERS, TOKEN_LIFETIME, TokenService};

/// The longest body of a request, in bytes: a message of 6000 characters with room for its JSON.
const BODY_BYTES_MAX: usize = 64 * 1024;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Everything that the shop serves, by its path.
const FILES: [(&str, &str, &str); 19] = [
    ("/", HTML, include_str!("assets/shop.html")),
    ("/shop.js", SCRIPT, include_str!("assets/shop.js")),
    ("/chat.js", SCRIPT, include_str!("assets/chat.js")),
    ("/reconnect.js", SCRIPT, include_str!("assets/reconnect.js")),
    ("/tabs.js", SCRIPT, include_str!("assets/tabs.js")),
    ("/log.js", SCRIPT, include_str!("assets/log.js")),
    ("/words.js", SCRIPT, include_str!("assets/words.js")),
    ("/shelf.js", SCRIPT, include_str!("assets/shelf.js")),
    ("/neighbours.js", SCRIPT, include_str!("assets/neighbours.js")),
    ("/intruder.js", SCRIPT, include_str!("assets/intruder.js")),
    ("/shop.css", CSS, include_str!("assets/shop.css")),
    ("/console", HTML, include_str!("assets/console.html")),
    ("/console.js", SCRIPT, include_str!("assets/console.js")),
    ("/api.js", SCRIPT, include_str!("assets/api.js")),
    ("/actions.js", SCRIPT, include_str!("assets/actions.js")),
    ("/events.js", SCRIPT, include_str!("assets/events.js")),
    ("/console.css", CSS, include_str!("assets/console.css")),
    ("/common.css", CSS, include_str!("assets/common.css")),
    ("/icon.svg", SVG, include_str!("assets/icon.svg")),
];

/// The shop and what it has at hand.
#[derive(Clone)]
pub(super) struct Shop(Arc<Inner>);

struct Inner {
    tokens: TokenService,
    console: Console,
    /// `host:port` as browsers on this machine may write it.
    hosts: [String; 2],
    chat_url: String,
    policy: HeaderValue,
}

impl Shop {
    pub(super) fn new(shop: SocketAddr, public: SocketAddr, tokens: TokenService, console: Console) -> Self {
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
             connect-src 'self' ws://{public}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        Self(Arc::new(Inner {
            tokens,
            console,
            hosts: [shop.to_string(), format!("localhost:{}", shop.port())],
            chat_url: format!("ws://{public}/chat/{TENANT}/{WIDGET}"),
            policy: policy.try_into().expect("an address has no character that a header refuses"),
        }))
    }

    pub(super) fn console(&self) -> &Console {
        &self.0.console
    }
}

/// The shop's routes.
pub(super) fn router(shop: Shop) -> Router {
    let files = FILES.into_iter().fold(Router::new(), |router, (path, kind, text)| {
        router.route(path, get(move || async move { ([(header::CONTENT_TYPE, kind)], text) }))
    });
    files
        .route("/demo.json", get(about))
        .route("/auth/token", get(token))
        .route("/auth/publickey", get(public_keys))
        .merge(console::routes())
        .fallback(async || (StatusCode::NOT_FOUND, "not found: this shop has / and /console\n"))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(shop.clone(), guard))
        .with_state(shop)
}

/// The shop hands out tokens and lets agents write, so it answers only those who asked for this very address: no
/// page of elsewhere, neither by a name that it points here nor by a request across origins.
async fn guard(State(shop): State<Shop>, request: Request, next: Next) -> Response {
    let mut response = match refused(&shop.0.hosts, request.method(), request.headers()) {
        Some(why) => {
            (StatusCode::FORBIDDEN, format!("{why}; open http://{}/\n", shop.0.hosts[0])).into_response()
        }
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, shop.0.policy.clone());
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn refused(hosts: &[String], method: &Method, headers: &HeaderMap) -> Option<&'static str> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let ours = |host: &str| hosts.iter().any(|own| own == host);
    if !text(header::HOST).is_some_and(ours) {
        return Some("the demo answers under its own address only");
    }
    let foreign =
        text(header::ORIGIN).is_some_and(|origin| !origin.strip_prefix("http://").is_some_and(ours));
    (foreign && method != Method::GET).then_some("another website's page may not write here")
}

/// What the pages need to know: where to connect, and who can sign in.
async fn about(State(shop): State<Shop>) -> impl IntoResponse {
    let customers: Vec<_> =
        CUSTOMERS.iter().map(|customer| json!({ "id": customer.id, "name": customer.name })).collect();
    let about = json!({
        "chat_url": shop.0.chat_url,
        "customers": customers,
        "token_seconds": TOKEN_LIFETIME.as_secs(),
    });
    ([(header::CONTENT_TYPE, "application/json")], about.to_string())
}

#[derive(Deserialize)]
struct Asked {
    customer: String,
}

/// The token alone as text, which is what a page's token function hands to the chat.
async fn token(State(shop): State<Shop>, Query(Asked { customer }): Query<Asked>) -> Response {
    match shop.0.tokens.mint(&customer) {
        Some(token) => token.into_response(),
        None => {
            (StatusCode::NOT_FOUND, "the shop has no such customer: ask for ada or ben\n").into_response()
        }
    }
}

async fn public_keys(State(shop): State<Shop>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], shop.0.tokens.key_set().to_owned())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::super::settings::ApiKeys;
    use super::*;
    use crate::clock::Clock;
    use crate::lifecycle::Lifecycle;

    async fn answer(request: axum::http::request::Builder) -> (StatusCode, HeaderMap, String) {
        let [shop, public, consumer] =
            [8080, 8081, 8082].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let console = Console::new(consumer, &ApiKeys::new().console, Lifecycle::new()).unwrap();
        let shop = Shop::new(shop, public, TokenService::new(Clock::system()).unwrap(), console);
        let response = router(shop).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, headers, String::from_utf8(body.to_vec()).unwrap())
    }

    fn get_from(host: &str, path: &str) -> axum::http::request::Builder {
        axum::http::Request::get(path).header(header::HOST, host)
    }

    #[tokio::test]
    async fn pages_load_nothing_from_elsewhere_and_connect_to_the_gateway_alone() {
        let (status, headers, page) = answer(get_from("127.0.0.1:8080", "/")).await;
        assert_eq!((status, headers[header::CONTENT_TYPE].to_str().unwrap()), (StatusCode::OK, HTML));
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert!(policy.contains("connect-src 'self' ws://127.0.0.1:8081;"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(!page.contains("style=") && !page.contains("onclick"), "the policy would refuse it");
    }

    /// What a page or a script names in quotes after one of these is loaded.
    fn loaded(text: &str) -> impl Iterator<Item = &str> {
        ["src=\"/", "href=\"/", "from \"./"].into_iter().flat_map(move |mark| {
            text.split(mark).skip(1).map(|rest| rest.split('"').next().unwrap_or_default())
        })
    }

    #[tokio::test]
    async fn all_that_the_pages_and_scripts_load_is_served() {
        let mut names: Vec<_> = FILES.iter().flat_map(|(_, _, text)| loaded(text)).collect();
        names.sort_unstable();
        names.dedup();
        assert!(names.contains(&"chat.js") && names.contains(&"console.css"), "{names:?}");
        for name in names {
            let (status, ..) = answer(get_from("127.0.0.1:8080", &format!("/{name}"))).await;
            assert_eq!(status, StatusCode::OK, "{name}");
        }
    }

    #[tokio::test]
    async fn another_name_that_points_here_is_refused() {
        for host in ["127.0.0.1:8080", "localhost:8080"] {
            assert_eq!(answer(get_from(host, "/auth/token?customer=ada")).await.0, StatusCode::OK, "{host}");
        }
        for host in ["rebound.example:8080", "127.0.0.1", "127.0.0.1:8081"] {
            let (status, _, body) = answer(get_from(host, "/auth/token?customer=ada")).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{host}");
            assert!(body.contains("http://127.0.0.1:8080/"), "{body}");
        }
    }

    #[tokio::test]
    async fn another_websites_page_may_not_write() {
        let request = axum::http::Request::post("/console/api/conversations/0/end")
            .header(header::HOST, "127.0.0.1:8080")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ORIGIN, "http://elsewhere.example");
        assert_eq!(answer(request).await.0, StatusCode::FORBIDDEN);
        let request = axum::http::Request::delete("/console/api/revocations/0")
            .header(header::HOST, "127.0.0.1:8080")
            .header(header::ORIGIN, "http://elsewhere.example");
        assert_eq!(answer(request).await.0, StatusCode::FORBIDDEN);
    }

    #[tokio::test]
    async fn an_unknown_customer_gets_no_token() {
        assert_eq!(
            answer(get_from("127.0.0.1:8080", "/auth/token?customer=eve")).await.0,
            StatusCode::NOT_FOUND
        );
        let without = answer(get_from("127.0.0.1:8080", "/auth/token")).await;
        assert_eq!(without.0, StatusCode::BAD_REQUEST);
    }
}
