//! The shop's web server: its page, who is signed in on it, its token service and its public-key endpoint.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::console::{self, Console};
use super::sessions::Sessions;
use super::settings::{TENANT, WIDGET};
use super::tokens::{CUSTOMERS, Customer, TOKEN_LIFETIME, TOKEN_LIFETIMES, TokenService};

/// The longest body of a request, in bytes: a message of 6000 characters with room for its JSON.
const BODY_BYTES_MAX: usize = 64 * 1024;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// The shop's page, which says where the widget comes from.
const PAGE: &str = include_str!("assets/shop.html");

/// Everything else that the shop itself serves, by its path.
const FILES: [(&str, &str, &str); 7] = [
    ("/shop.js", SCRIPT, include_str!("assets/shop.js")),
    ("/tap.js", SCRIPT, include_str!("assets/tap.js")),
    ("/wire.js", SCRIPT, include_str!("assets/wire.js")),
    ("/shown.js", SCRIPT, include_str!("assets/shown.js")),
    ("/intruder.js", SCRIPT, include_str!("assets/intruder.js")),
    ("/shop.css", CSS, include_str!("assets/shop.css")),
    ("/icon.svg", SVG, include_str!("assets/icon.svg")),
];

/// The shop and what it has at hand.
#[derive(Clone)]
pub(super) struct Shop(Arc<Inner>);

struct Inner {
    tokens: TokenService,
    sessions: Sessions,
    console: Console,
    /// `host:port` as browsers on this machine may write it.
    hosts: [String; 2],
    /// Where widgets connect.
    public: SocketAddr,
    page: String,
    policy: HeaderValue,
}

impl Shop {
    pub(super) fn new(shop: SocketAddr, public: SocketAddr, tokens: TokenService, console: Console) -> Self {
        // Of the gateway comes the widget alone, with what it asks and where it connects. It writes no markup, and
        // the page couldn't be made to either.
        let policy = format!(
            "default-src 'none'; script-src 'self' http://{public}; style-src 'self'; img-src 'self'; \
             connect-src 'self' http://{public} ws://{public}; frame-src 'self'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
        );
        let filled = [("{public}", public.to_string().as_str()), ("{tenant}", TENANT), ("{widget}", WIDGET)]
            .into_iter()
            .fold(PAGE.to_owned(), |page, (name, value)| page.replace(name, value));
        Self(Arc::new(Inner {
            tokens,
            sessions: Sessions::new(shop.port()),
            console,
            hosts: [shop.to_string(), format!("localhost:{}", shop.port())],
            public,
            page: filled,
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
        .route("/", get(page))
        .route("/demo.json", get(about))
        .route("/session", get(who).post(sign_in).delete(sign_out))
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
    // The console's page has one of its own.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert_with(|| shop.0.policy.clone());
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

async fn page(State(shop): State<Shop>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, HTML)], shop.0.page.clone())
}

/// What the page needs to know: where the gateway is, who can sign in, and how long tokens last.
async fn about(State(shop): State<Shop>) -> impl IntoResponse {
    let customers: Vec<_> =
        CUSTOMERS.iter().map(|customer| json!({ "id": customer.id, "name": customer.name })).collect();
    Json(json!({
        "chat_url": format!("ws://{}/chat/{TENANT}/{WIDGET}", shop.0.public),
        "kept_under": format!("usher:{TENANT}/{WIDGET}"),
        "customers": customers,
        "token_seconds": TOKEN_LIFETIME.as_secs(),
        "hosts": shop.0.hosts,
    }))
}

#[derive(Deserialize)]
struct SignIn {
    customer: String,
}

/// Who is signed in at the shop.
async fn who(State(shop): State<Shop>, headers: HeaderMap) -> impl IntoResponse {
    let customer = shop.0.sessions.customer(&headers);
    Json(json!({ "customer": customer.map(|customer| customer.id) }))
}

/// Signs in at the shop: it takes anybody's word, which is what makes it a demo.
async fn sign_in(State(shop): State<Shop>, Json(SignIn { customer }): Json<SignIn>) -> Response {
    let Some(customer) = Customer::named(&customer) else { return unknown_customer() };
    ([(header::SET_COOKIE, shop.0.sessions.begin(customer))], Json(json!({ "customer": customer.id })))
        .into_response()
}

async fn sign_out(State(shop): State<Shop>, headers: HeaderMap) -> Response {
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, shop.0.sessions.end(&headers))]).into_response()
}

fn unknown_customer() -> Response {
    (StatusCode::NOT_FOUND, "the shop has no such customer: ask for ada or ben\n").into_response()
}

#[derive(Deserialize)]
struct Asked {
    /// Somebody else than who is signed in: for the thief that the page plays.
    customer: Option<String>,
    seconds: Option<u64>,
}

/// The token alone as text, which is what a page's token function hands to the chat; nothing where nobody is signed
/// in.
async fn token(State(shop): State<Shop>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    let customer = match &asked.customer {
        Some(id) => Customer::named(id),
        None => shop.0.sessions.customer(&headers),
    };
    let lifetime = asked.seconds.map_or(TOKEN_LIFETIME, Duration::from_secs);
    match customer {
        _ if !TOKEN_LIFETIMES.contains(&lifetime) => {
            (StatusCode::BAD_REQUEST, "the shop makes tokens for 5 to 3600 seconds\n").into_response()
        }
        Some(customer) => shop.0.tokens.mint(customer, lifetime).into_response(),
        None if asked.customer.is_some() => unknown_customer(),
        None => StatusCode::NO_CONTENT.into_response(),
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

    fn demo() -> Router {
        let [shop, public, consumer] =
            [8080, 8081, 8082].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let console = Console::new(consumer, &ApiKeys::new().console, Lifecycle::new()).unwrap();
        router(Shop::new(shop, public, TokenService::new(Clock::system()).unwrap(), console))
    }

    async fn answer(request: axum::http::request::Builder) -> (StatusCode, HeaderMap, String) {
        let response = demo().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, headers, String::from_utf8(body.to_vec()).unwrap())
    }

    fn get_from(host: &str, path: &str) -> axum::http::request::Builder {
        axum::http::Request::get(path).header(header::HOST, host)
    }

    #[tokio::test]
    async fn the_page_gets_the_widget_from_the_gateway_and_nothing_else_from_elsewhere() {
        let (status, headers, page) = answer(get_from("127.0.0.1:8080", "/")).await;
        assert_eq!((status, headers[header::CONTENT_TYPE].to_str().unwrap()), (StatusCode::OK, HTML));
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        for directive in [
            "default-src 'none'",
            "script-src 'self' http://127.0.0.1:8081",
            "style-src 'self'",
            "connect-src 'self' http://127.0.0.1:8081 ws://127.0.0.1:8081",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.split("; ").any(|one| one == directive), "{directive} is not in {policy}");
        }
        assert!(!page.contains("style=") && !page.contains("onclick"), "the policy would refuse it");
        assert!(!page.contains('{'), "a place was not filled");
        let widget =
            r#"<script src="http://127.0.0.1:8081/widget/v1/usher.js" data-tenant="demo" data-widget="web""#;
        assert!(page.contains(widget), "{page}");
        let elsewhere =
            page.split("http").skip(1).filter(|rest| !rest.starts_with("://127.0.0.1:8081/widget/"));
        assert_eq!(elsewhere.count(), 0, "{page}");
    }

    /// What a page or a script names in quotes after one of these is loaded.
    fn loaded(text: &str) -> impl Iterator<Item = &str> {
        ["src=\"/", "href=\"/", "from \"./"].into_iter().flat_map(move |mark| {
            text.split(mark).skip(1).map(|rest| rest.split('"').next().unwrap_or_default())
        })
    }

    #[tokio::test]
    async fn all_that_the_page_and_its_scripts_load_is_served_and_nothing_else() {
        let texts = FILES.iter().map(|(_, _, text)| *text).chain([PAGE]);
        let mut names: Vec<_> = texts.flat_map(loaded).collect();
        names.sort_unstable();
        names.dedup();
        let served: Vec<_> = FILES.iter().map(|(path, ..)| &path[1..]).collect();
        assert!(served.iter().all(|path| names.contains(path)), "{names:?} of {served:?}");
        // The console is the gateway's, which nobody answers for here.
        for name in names.into_iter().filter(|name| !name.starts_with("console")) {
            let (status, ..) = answer(get_from("127.0.0.1:8080", &format!("/{name}"))).await;
            assert_eq!(status, StatusCode::OK, "{name}");
        }
    }

    #[tokio::test]
    async fn whoever_signs_in_at_the_shop_gets_a_token_until_they_sign_out() {
        let router = demo();
        let ask = async |request: axum::http::request::Builder, body: &str| {
            let request = request.header(header::HOST, "127.0.0.1:8080");
            let request = request.header(header::CONTENT_TYPE, "application/json");
            let response =
                router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
            let cookie = response.headers().get(header::SET_COOKIE).cloned();
            let status = response.status();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            (status, cookie, String::from_utf8(body.to_vec()).unwrap())
        };
        assert_eq!(ask(axum::http::Request::get("/auth/token"), "").await.0, StatusCode::NO_CONTENT);
        let (status, cookie, _) = ask(axum::http::Request::post("/session"), r#"{"customer":"ben"}"#).await;
        assert_eq!(status, StatusCode::OK);
        let cookie = cookie.unwrap();
        assert!(cookie.to_str().unwrap().ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie:?}");
        let with = |request: axum::http::request::Builder| request.header(header::COOKIE, cookie.clone());
        assert_eq!(ask(with(axum::http::Request::get("/session")), "").await.2, r#"{"customer":"ben"}"#);
        let (status, _, token) = ask(with(axum::http::Request::get("/auth/token?seconds=5")), "").await;
        assert_eq!((status, token.split('.').count()), (StatusCode::OK, 3));
        for seconds in ["4", "3601"] {
            let (status, ..) =
                ask(with(axum::http::Request::get(format!("/auth/token?seconds={seconds}"))), "").await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{seconds}");
        }
        assert_eq!(ask(with(axum::http::Request::delete("/session")), "").await.0, StatusCode::NO_CONTENT);
        assert_eq!(ask(with(axum::http::Request::get("/auth/token")), "").await.0, StatusCode::NO_CONTENT);
        assert_eq!(
            ask(axum::http::Request::post("/session"), r#"{"customer":"eve"}"#).await.0,
            StatusCode::NOT_FOUND
        );
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
        for request in [
            axum::http::Request::post("/v1/conversations/0/end"),
            axum::http::Request::delete("/v1/revocations/0"),
            axum::http::Request::post("/session"),
            axum::http::Request::delete("/session"),
        ] {
            let request = request
                .header(header::HOST, "127.0.0.1:8080")
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::ORIGIN, "http://elsewhere.example");
            assert_eq!(answer(request).await.0, StatusCode::FORBIDDEN);
        }
    }

    #[tokio::test]
    async fn of_the_gateway_only_what_the_console_needs_is_handed_on() {
        for path in ["/v1/tenants/demo/keys", "/oauth/token", "/openapi.json", "/metrics", "/console/a/b"] {
            assert_eq!(answer(get_from("127.0.0.1:8080", path)).await.0, StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[tokio::test]
    async fn an_unknown_customer_gets_no_token() {
        assert_eq!(
            answer(get_from("127.0.0.1:8080", "/auth/token?customer=eve")).await.0,
            StatusCode::NOT_FOUND
        );
    }
}
