//! Requests that two readers could understand differently, and handshakes that are nearly one.

use serde_json::Value;

use crate::support::raw::{FIN, RawSocket, TEXT, exchange, frame, handshake};
use crate::support::setup::ORIGIN;

use super::Scene;

const PATH: &str = "/chat/contoso/web";

/// The ordinary handshake with one text replaced.
fn but(from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(handshake(PATH, &format!("Origin: {ORIGIN}\r\n"))).unwrap();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1).into_bytes()
}

/// The same with these lines besides.
fn with(lines: &str) -> Vec<u8> {
    but("Host: chat\r\n", &format!("Host: chat\r\n{lines}\r\n"))
}

/// Each of these requests gets one answer with this status, and the connection ends behind it, whatever follows.
async fn each_is_answered(status: u16, requests: impl IntoIterator<Item = Vec<u8>>) {
    let scene = Scene::set().await;
    for mut request in requests {
        let text = String::from_utf8_lossy(&request).into_owned();
        request.extend(handshake("/chat/contoso/anywhere", ""));
        let answer = exchange(scene.at(), &request).await;
        assert_eq!(answer.status, status, "{text}\n{answer:?}");
        assert!(!answer.body.contains("HTTP/1.1"), "a second answer to {text}\n{answer:?}");
        if status == 426 {
            let problem: Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(problem["code"], "not_an_upgrade", "{text}");
        }
    }
    scene.ends_as_it_began().await;
}

#[tokio::test]
async fn a_handshake_with_a_body_is_none() {
    each_is_answered(
        426,
        [
            [with("Content-Length: 5"), b"hello".to_vec()].concat(),
            [with("Transfer-Encoding: chunked"), b"0\r\n\r\n".to_vec()].concat(),
            with("Content-Length: 400"),
        ],
    )
    .await;
}

#[tokio::test]
async fn two_ways_to_tell_a_bodys_length_are_no_request() {
    each_is_answered(
        400,
        [
            with("Content-Length: 5\r\nContent-Length: 6"),
            with("Content-Length: 5, 6"),
            with("Content-Length: +5"),
            with("Content-Length: 0x5"),
            with("Content-Length: -1"),
            with("Content-Length: 99999999999999999999"),
            with("Transfer-Encoding: identity"),
            with("Transfer-Encoding: chunked, identity"),
            with("Transfer-Encoding: xchunked"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_length_beside_chunks_is_no_handshake() {
    each_is_answered(426, [with("Content-Length: 5\r\nTransfer-Encoding: chunked")]).await;
}

#[tokio::test]
async fn a_head_that_is_not_written_by_the_rules_is_no_request() {
    each_is_answered(
        400,
        [
            with("X-Folded: one\r\n two"),
            with("Content-Length : 5"),
            with(" Content-Length: 5"),
            with("X\u{0}Y: 1"),
            with("X: a\u{0}b"),
            with("X: a\rb"),
            with("no colon at all"),
            but("HTTP/1.1", "HTTP/1.2"),
            but("HTTP/1.1", "HTTP/2.0"),
            but("GET /", "GET  /"),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_is_nearly_a_handshake_is_426() {
    each_is_answered(
        426,
        [
            but("GET", "POST"),
            but("GET", "CONNECT"),
            but("HTTP/1.1", "HTTP/1.0"),
            but("Version: 13", "Version: 12"),
            but("Version: 13", "Version: 13, 8"),
            but("Version: 13", "Version: "),
            but("Sec-WebSocket-Version: 13\r\n", ""),
            but("Sec-WebSocket-Version: 13\r\n", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8\r\n"),
            but("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j"),
            but("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ"),
            but("dGhlIHNhbXBsZSBub25jZQ==", "not base64 at all !!!!!!"),
            but("dGhlIHNhbXBsZSBub25jZQ==", ""),
            but("Upgrade: websocket\r\n", ""),
            but("Upgrade: websocket\r\n", "Upgrade: h2c\r\n"),
            but("Upgrade: websocket\r\n", "Upgrade: websocket\r\nUpgrade: h2c\r\n"),
            but("Connection: Upgrade\r\n", ""),
            but("Connection: Upgrade\r\n", "Connection: keep-alive\r\n"),
            with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
            with("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_handshake_may_be_written_in_any_case_and_among_others() {
    let scene = Scene::set().await;
    for request in [
        but("Upgrade: websocket", "upgrade: WebSocket"),
        but("Connection: Upgrade", "connection: keep-alive, UPGRADE"),
        but("Sec-WebSocket-Version", "SEC-WEBSOCKET-VERSION"),
        with("Content-Length: 0"),
        with("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"),
        with("Sec-WebSocket-Protocol: usher.v9, chat"),
    ] {
        drop(RawSocket::open_with(scene.at(), &request).await);
    }
    scene.ends_as_it_began().await;
}

#[tokio::test]
async fn a_compression_that_is_offered_is_not_agreed_on() {
    let scene = Scene::set().await;
    for offer in [
        "permessage-deflate",
        "permessage-deflate; server_no_context_takeover; client_max_window_bits=15",
        "x-webkit-deflate-frame",
    ] {
        let mut request = with(&format!("Sec-WebSocket-Extensions: {offer}"));
        // A compressed frame behind it ends the connection.
        request.extend([FIN | 0x40 | TEXT, 0x80, 0, 0, 0, 0]);
        let answer = exchange(scene.at(), &request).await;
        assert_eq!(answer.status, 101);
        assert!(!answer.head.contains("sec-websocket-extensions"), "{answer:?}");
        assert!(answer.body.ends_with("protocol_error"), "{answer:?}");
    }
    scene.ends_as_it_began().await;
}

#[tokio::test]
async fn frames_that_are_sent_with_the_handshake_are_frames_once_it_is_accepted() {
    let scene = Scene::set().await;
    let early = [with("X-Early: yes"), frame(FIN | TEXT, br#"{"type":"start"}"#)].concat();
    let mut socket = RawSocket::open_with(scene.at(), &early).await;
    let (_, started) = socket.frame().await.unwrap();
    assert!(started.starts_with(br#"{"type":"started""#), "{}", String::from_utf8_lossy(&started));
    drop(socket);
    // Refused, they are nothing: no second request and no frame.
    let refused = [but("Version: 13", "Version: 12"), frame(FIN | TEXT, br#"{"type":"start"}"#)].concat();
    assert_eq!(exchange(scene.at(), &refused).await.status, 426);
    scene.ends_as_it_began().await;
}

#[tokio::test]
async fn a_request_behind_a_handshake_is_broken_frames_and_no_request() {
    let scene = Scene::set().await;
    let behind =
        [with("X-First: yes"), b"GET /chat/contoso/anywhere HTTP/1.1\r\nHost: chat\r\n\r\n".to_vec()];
    let mut socket = RawSocket::open_with(scene.at(), &behind.concat()).await;
    assert_eq!(socket.close_code().await, Some(1002));
    scene.ends_as_it_began().await;
}

#[tokio::test]
async fn oversized_heads_are_refused_whatever_makes_them_so() {
    let large = "x".repeat(64 * 1024);
    let scene = Scene::set().await;
    for request in [
        but(PATH, &format!("/{large}")),
        with(&format!("X: {large}")),
        with(&format!("Cookie: {large}")),
        with(&format!("{large}: x")),
        with("X: x\r\n".repeat(100).trim_end()),
    ] {
        let answer = exchange(scene.at(), &request).await;
        assert!([414, 431].contains(&answer.status), "{answer:?}");
    }
    scene.ends_as_it_began().await;
}

#[tokio::test]
async fn a_token_in_the_url_is_no_token() {
    let scene = Scene::set().await;
    let request = but(PATH, &format!("{PATH}?token=eyJhbGciOiJSUzI1NiJ9.e30.secret"));
    let mut socket = RawSocket::open_with(scene.at(), &request).await;
    socket.send(&frame(FIN | TEXT, br#"{"type":"start"}"#)).await;
    let (_, started) = socket.frame().await.unwrap();
    assert!(String::from_utf8(started).unwrap().contains(r#""status":"anonymous""#));
    assert!(!scene.usher.log().contains("secret"));
    drop(socket);
    scene.ends_as_it_began().await;
}

#[tokio::test]
async fn an_origin_that_looks_like_an_allowed_one_is_403() {
    let origins = [
        "HTTPS://WWW.CONTOSO.COM",
        "https://www.contoso.com.",
        "https://www.contoso.com%2eevil.example",
        "https://www.contoso.com@evil.example",
        "https://evil.example#https://www.contoso.com",
        "https://www.contoso.com, https://evil.example",
        "https://wwwxcontoso.com",
        "https://www.contoso.com\t.evil.example",
        "null",
    ];
    each_is_answered(403, origins.map(|origin| but(ORIGIN, origin))).await;
}
