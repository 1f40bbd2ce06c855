//! What might hold a drain up: widgets that wait for something else, and peers that never finish.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

use super::crowd::Member;
use super::usher;
use crate::support::consumer::Consumer;
use crate::support::hostile_endpoint::{HostileEndpoint, Script};
use crate::support::keys::token;
use crate::support::setup::{ROUTER, Setup};
use crate::support::usher::Usher;
use crate::support::widget::Widget;
use crate::support::{soon, until};

/// Where the process had to drop somebody in order to end.
const GAVE_UP: &str = "did not end in time";
/// How long a request head may take: half of one could hold the exit up for so long.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

async fn unready(usher: &Usher) {
    until("the drain", async || (usher.ops("/readyz").await.0 == 503).then_some(())).await;
}

/// A connection whose receiving end takes little.
async fn narrow(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(address).await.unwrap()
}

#[tokio::test]
async fn widgets_whose_first_token_waits_for_keys_are_told_at_once_and_leave_at_their_time() {
    let keys = HostileEndpoint::http(Script::SayAndHang(Vec::new())).await;
    let setup = Setup::new().tenant("contoso", &keys.url()).limit("drain_for = \"500ms\"");
    let mut usher = Usher::start(setup).await;
    let (widget, ticket) = Widget::start(&usher, "contoso/web").await;
    widget.close().await;
    let token = token("customer-1", Duration::from_mins(10));
    let again = json!({ "type": "start", "token": token, "idempotency_key": "a-key-of-22-characters" });
    let firsts = [json!({ "type": "start", "token": token }), ticket.resume_with(&token), again];
    let mut waiting = Vec::new();
    for first in firsts {
        let mut widget = Widget::connect(&usher, "contoso/web").await;
        widget.send(first).await;
        waiting.push(widget);
    }
    until("the fetch", async || (!keys.requests().is_empty()).then_some(())).await;
    usher.terminate();
    for widget in &mut waiting {
        widget.expect("draining").await;
    }
    for mut widget in waiting {
        assert_eq!(widget.expect_close(1012).await, "draining");
    }
    assert_eq!(usher.exit_code().await, Some(0));
}

#[tokio::test]
async fn half_a_request_holds_no_exit_up() {
    let (mut usher, _keys) = usher("0s").await;
    let at = usher.at();
    let mut halves = Vec::new();
    for address in [at.public, at.consumer, at.ops] {
        let mut half = TcpStream::connect(address).await.unwrap();
        half.write_all(b"GET /chat/contoso/web HTTP/1.1\r\nHost: ch").await.unwrap();
        halves.push(half);
    }
    // Whoever connects later is accepted later: the halves are known by now.
    usher.ready().await;
    Widget::start(&usher, "contoso/web").await.0.close().await;
    Consumer::new(&usher, ROUTER).read("/v1/conversations").await;
    let asked_at = Instant::now();
    usher.terminate();
    assert_eq!(usher.exit_code().await, Some(0));
    assert!(asked_at.elapsed() < HEAD_TIMEOUT / 2, "{:?}", asked_at.elapsed());
    assert!(!usher.log().contains(GAVE_UP), "{}", usher.log());
}

#[tokio::test]
async fn a_long_replay_and_a_reader_that_stopped_hold_nothing_up() {
    let (mut usher, _keys) = usher("500ms").await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    // More than the system's buffers take: 5.3 MB.
    let (count, text) = (220, "🦆".repeat(6000));
    for number in 0..count {
        widget.say(&format!("m{number}"), &text).await;
    }
    widget.close().await;
    let mut stopped = narrow(usher.at().consumer).await;
    let request = format!("GET /v1/events HTTP/1.1\r\nHost: usher\r\nAuthorization: Bearer {ROUTER}\r\n\r\n");
    stopped.write_all(request.as_bytes()).await.unwrap();
    let stream = narrow(usher.at().public).await;
    let (mut reading, resumed) = soon("the resume", Member::open(stream, &ticket.resume_after(1))).await;
    assert_eq!(resumed["replayed"], count);
    usher.terminate();
    unready(&usher).await;
    let mut seen = 0;
    while soon("a frame", reading.text()).await["type"] == "message" {
        seen += 1;
    }
    assert!(seen < count, "it was told when it had read everything");
    assert_eq!(usher.exit_code().await, Some(0));
    assert!(!usher.log().contains(GAVE_UP), "{}", usher.log());
}
