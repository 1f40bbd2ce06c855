//! From a request on the public listener to a WebSocket, or to a refusal that says why.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error;

use crate::support::keys::KeyEndpoint;
use crate::support::raw::{RawAnswer, exchange, handshake};
use crate::support::setup::{ORIGIN, Setup};
use crate::support::soon;
use crate::support::usher::Usher;
use crate::support::widget::Widget;

async fn usher() -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let usher = Usher::start(Setup::new().tenant("contoso", &keys.url())).await;
    (usher, keys)
}

/// The status and the body of a refusal, which is a problem by RFC 9457.
fn problem(answer: &RawAnswer) -> Value {
    assert!(answer.head.contains("content-type: application/problem+json"), "{answer:?}");
    let problem: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(problem["status"], answer.status);
    for name in ["title", "detail", "code"] {
        assert!(problem[name].as_str().is_some_and(|text| !text.is_empty()), "{name}: {problem}");
    }
    problem
}

async fn refusal(usher: &Usher, path: &str, lines: &str) -> (u16, String) {
    let answer = exchange(usher.at().public, &handshake(path, lines)).await;
    (answer.status, problem(&answer)["code"].as_str().unwrap().to_owned())
}

async fn dial(usher: &Usher, path: &str, origin: Option<&str>) -> u16 {
    let headers: Vec<_> = origin.into_iter().map(|origin| ("origin", origin)).collect();
    match Widget::dial(usher, path, &headers).await {
        Ok((_, response)) => response.status().as_u16(),
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn only_the_listed_origins_open_the_chat_and_only_exactly() {
    let (usher, _keys) = usher().await;
    for (origin, status) in [
        (ORIGIN, 101),
        ("https://www.contoso.com/", 403),
        ("https://www.contoso.com:443", 403),
        ("http://www.contoso.com", 403),
        ("https://contoso.com", 403),
        ("https://www.contoso.com.evil.example", 403),
        ("https://evil.example/https://www.contoso.com", 403),
        ("null", 403),
        ("", 403),
    ] {
        assert_eq!(dial(&usher, "contoso/web", Some(origin)).await, status, "{origin:?}");
    }
    assert_eq!(dial(&usher, "contoso/anywhere", Some("https://evil.example")).await, 101);
    assert_eq!(dial(&usher, "contoso/nowhere", Some(ORIGIN)).await, 403);
}

#[tokio::test]
async fn two_origins_are_no_origin_of_the_list() {
    let (usher, _keys) = usher().await;
    let lines = format!("Origin: {ORIGIN}\r\nOrigin: {ORIGIN}\r\n");
    assert_eq!(refusal(&usher, "/chat/contoso/web", &lines).await, (403, "origin_not_allowed".to_owned()));
}

#[tokio::test]
async fn a_program_without_an_origin_is_let_in_unless_the_widget_requires_one() {
    let (usher, _keys) = usher().await;
    assert_eq!(dial(&usher, "contoso/web", None).await, 101);
    assert_eq!(dial(&usher, "contoso/nowhere", None).await, 101);
    assert_eq!(dial(&usher, "contoso/guarded", None).await, 403);
    assert_eq!(dial(&usher, "contoso/guarded", Some(ORIGIN)).await, 101);
}

#[tokio::test]
async fn an_unknown_tenant_widget_or_path_is_404() {
    let (usher, _keys) = usher().await;
    let origin = format!("Origin: {ORIGIN}\r\n");
    for path in [
        "/chat/fabrikam/web",
        "/chat/contoso/mobile",
        "/chat/contoso",
        "/chat/contoso/",
        "/chat/contoso/web/more",
        "/chat/CONTOSO/web",
        "/chat/contoso/..%2fweb",
        "/chat//web",
    ] {
        assert_eq!(refusal(&usher, path, &origin).await, (404, "unknown_widget".to_owned()), "{path}");
    }
    for path in ["/", "/metrics", "/readyz", "/v1/conversations"] {
        assert_eq!(refusal(&usher, path, &origin).await.0, 404, "{path}");
    }
    // What doesn't exist is told before the origin is judged, and reveals nothing that the path doesn't.
    assert_eq!(refusal(&usher, "/chat/contoso/mobile", "Origin: https://evil.example\r\n").await.0, 404);
}

#[tokio::test]
async fn a_request_that_is_no_handshake_is_426() {
    let (usher, _keys) = usher().await;
    let plain = format!("GET /chat/contoso/web HTTP/1.1\r\nHost: chat\r\nOrigin: {ORIGIN}\r\n\r\n");
    let answer = exchange(usher.at().public, plain.as_bytes()).await;
    assert_eq!((answer.status, problem(&answer)["code"].as_str()), (426, Some("not_an_upgrade")));
    assert!(answer.head.contains("\r\nupgrade: websocket"), "{answer:?}");
    assert!(answer.head.contains("\r\nsec-websocket-version: 13"), "{answer:?}");
    let bytes = handshake("/chat/contoso/web", &format!("Origin: {ORIGIN}\r\n"));
    let other_version = String::from_utf8(bytes).unwrap().replace("Version: 13", "Version: 8");
    assert_eq!(exchange(usher.at().public, other_version.as_bytes()).await.status, 426);
}

#[tokio::test]
async fn the_subprotocol_is_echoed_when_offered_and_not_required() {
    let (usher, _keys) = usher().await;
    let origin = ("origin", ORIGIN);
    for (offer, echoed) in [("usher.v1", Some("usher.v1")), ("chat, usher.v1", Some("usher.v1"))] {
        let offered = [origin, ("sec-websocket-protocol", offer)];
        let (_, response) = Widget::dial(&usher, "contoso/web", &offered).await.unwrap();
        let header = response.headers().get("sec-websocket-protocol");
        assert_eq!(header.map(|value| value.to_str().unwrap()), echoed, "{offer}");
    }
    let (_, response) = Widget::dial(&usher, "contoso/web", &[origin]).await.unwrap();
    assert_eq!(response.headers().get("sec-websocket-protocol"), None);
    let mut stream = TcpStream::connect(usher.at().public).await.unwrap();
    let lines = format!("Origin: {ORIGIN}\r\nSec-WebSocket-Protocol: usher.v2\r\n");
    stream.write_all(&handshake("/chat/contoso/web", &lines)).await.unwrap();
    let mut head = vec![0; 4096];
    let count = soon("the handshake's answer", stream.read(&mut head)).await.unwrap();
    let head = String::from_utf8_lossy(&head[..count]).to_lowercase();
    assert!(head.starts_with("http/1.1 101") && !head.contains("sec-websocket-protocol"), "{head}");
}

#[tokio::test]
async fn a_connection_beyond_the_limit_is_429_until_another_has_left() {
    let keys = KeyEndpoint::start().await;
    let setup = Setup::new().tenant("contoso", &keys.url()).limit("connections = 2");
    let usher = Usher::start(setup).await;
    let (first, _) = Widget::start(&usher, "contoso/web").await;
    let _second = Widget::start(&usher, "contoso/web").await;
    let answer = exchange(usher.at().public, &handshake("/chat/contoso/web", "")).await;
    assert_eq!((answer.status, problem(&answer)["code"].as_str()), (429, Some("too_many_connections")));
    assert!(answer.head.contains("\r\nretry-after: "), "{answer:?}");
    first.close().await;
    crate::support::until("a free place", async || {
        (dial(&usher, "contoso/web", Some(ORIGIN)).await == 101).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_request_head_over_16_kib_is_431() {
    let (usher, _keys) = usher().await;
    let head = |padding: usize| {
        let lines = format!("X: {}\r\n", "x".repeat(padding / 4)).repeat(4);
        handshake("/chat/contoso/mobile", &lines)
    };
    assert_eq!(exchange(usher.at().public, &head(14 * 1024)).await.status, 404);
    assert_eq!(exchange(usher.at().public, &head(17 * 1024)).await.status, 431);
    let many = "X: x\r\n".repeat(200);
    assert_eq!(exchange(usher.at().public, &handshake("/chat/contoso/mobile", &many)).await.status, 431);
}

/// On each listener: one that says nothing, one that never finishes its head, one that is silent after an answer.
#[tokio::test]
async fn a_connection_without_a_whole_request_head_is_closed_after_ten_seconds() {
    let (usher, _keys) = usher().await;
    let at = usher.at();
    let silent = |address, said: &'static [u8]| async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said).await.unwrap();
        let begun = tokio::time::Instant::now();
        let mut answers = Vec::new();
        let _ = soon("the close", stream.read_to_end(&mut answers)).await;
        begun.elapsed()
    };
    let cases = [at.public, at.consumer, at.ops].into_iter().flat_map(|address| {
        [&b""[..], b"GET / HTTP/1.1\r\nHost: chat\r\nX-Slow: "].map(|said| silent(address, said))
    });
    let answered =
        [at.consumer, at.ops].map(|address| silent(address, b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n"));
    let cases = cases.chain(answered);
    for took in futures_util::future::join_all(cases).await {
        assert!(took >= Duration::from_secs(9), "{took:?}");
    }
}

#[tokio::test]
async fn a_connection_that_says_no_first_frame_in_time_is_closed_with_4000() {
    let keys = KeyEndpoint::start().await;
    let setup = Setup::new().tenant("contoso", &keys.url()).limit("first_frame = \"200ms\"");
    let usher = Usher::start(setup).await;
    let mut silent = Widget::connect(&usher, "contoso/web").await;
    assert_eq!(silent.expect_close(4000).await, "first_frame_timeout");
    // Pings are a sign of life and no frame.
    let mut pinging = Widget::connect(&usher, "contoso/web").await;
    pinging.send_raw(tokio_tungstenite::tungstenite::Message::Ping(Vec::new().into())).await;
    assert_eq!(pinging.expect_close(4000).await, "first_frame_timeout");
    // Once it has spoken, it may be silent.
    let (mut member, _) = Widget::start(&usher, "contoso/web").await;
    let mut late = Widget::connect(&usher, "contoso/web").await;
    assert_eq!(late.expect_close(4000).await, "first_frame_timeout");
    member.send(json!({ "type": "message", "id": "m", "text": "still there" })).await;
    member.expect("accepted").await;
}
