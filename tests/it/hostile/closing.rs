//! Ways not to end a connection: whatever the other side does or leaves undone, it is gone within seconds.

use std::time::Duration;

use tokio::time::Instant;

use crate::support::raw::{BINARY, CLOSE, FIN, PING, RawSocket, TEXT, close_payload, frame};

use super::Scene;

/// The close takes 5 s at most; the rest is for a machine that has other things to do.
const GONE_WITHIN: Duration = Duration::from_secs(20);

/// A socket that sent these bytes and then does nothing any more, not even close, is gone soon.
async fn is_gone_after(bytes: &[u8], code: u16) {
    let mut scene = Scene::set().await;
    let mut socket = scene.member().await;
    let begun = Instant::now();
    socket.send(bytes).await;
    let payload = socket.close_frame().await;
    assert_eq!(payload.map(|payload| u16::from_be_bytes([payload[0], payload[1]])), Some(code));
    // The socket is held open until its end at the other side is gone.
    scene.is_as_before_but_for(0).await;
    assert!(begun.elapsed() < GONE_WITHIN, "{:?}", begun.elapsed());
    drop(socket);
    scene.ends_as_it_began().await;
}

#[tokio::test]
async fn one_that_does_not_answer_a_close() {
    is_gone_after(&frame(FIN | BINARY, b""), 1003).await;
}

#[tokio::test]
async fn one_that_closes_and_keeps_the_connection() {
    is_gone_after(&frame(FIN | CLOSE, &close_payload(1000, "bye")), 1000).await;
}

#[tokio::test]
async fn one_that_closes_while_it_is_closed() {
    let both = [frame(FIN | BINARY, b""), frame(FIN | CLOSE, &close_payload(1001, ""))].concat();
    is_gone_after(&both, 1003).await;
}

#[tokio::test]
async fn one_that_says_something_after_its_close() {
    let said = frame(FIN | TEXT, br#"{"type":"message","id":"late","text":"too late"}"#);
    let close = frame(FIN | CLOSE, &close_payload(1000, ""));
    is_gone_after(&[close, said, frame(FIN | PING, b"")].concat(), 1000).await;
}

#[tokio::test]
async fn close_frames_that_say_nothing_valid() {
    for (payload, code) in [
        (vec![0x03], 1002),
        (close_payload(999, ""), 1002),
        (close_payload(1005, ""), 1002),
        (close_payload(1006, ""), 1002),
        (close_payload(5000, ""), 1002),
        ([&close_payload(1000, "")[..], b"\xff"].concat(), 1007),
    ] {
        is_gone_after(&frame(FIN | CLOSE, &payload), code).await;
    }
}

#[tokio::test]
async fn a_close_without_a_code_is_answered_without_one() {
    let scene = Scene::set().await;
    let mut socket = scene.member().await;
    socket.send(&frame(FIN | CLOSE, b"")).await;
    assert_eq!(socket.close_code().await, Some(1005));
    scene.ends_as_it_began().await;
}

#[tokio::test]
async fn what_is_said_after_a_close_is_not_stored() {
    let scene = Scene::set().await;
    let mut socket = scene.member().await;
    let said = frame(FIN | TEXT, br#"{"type":"message","id":"late","text":"too late"}"#);
    let close = frame(FIN | CLOSE, &close_payload(1000, ""));
    let before = customers_messages(&scene).await;
    socket.send(&[close, said].concat()).await;
    assert_eq!(socket.close_code().await, Some(1000));
    assert_eq!(customers_messages(&scene).await, before);
    scene.ends_as_it_began().await;
}

async fn customers_messages(scene: &Scene) -> Option<f64> {
    let series = "usher_messages_total{authenticated=\"false\",from=\"customer\"}";
    scene.usher.metric(series).await
}

#[tokio::test]
async fn a_hundred_that_never_answer_their_close_at_once() {
    let mut scene = Scene::set().await;
    let mut sockets: Vec<RawSocket> = Vec::new();
    for _ in 0..100 {
        sockets.push(scene.member().await);
    }
    for socket in &mut sockets {
        socket.send(&frame(FIN | BINARY, b"")).await;
    }
    scene.is_as_before_but_for(0).await;
    drop(sockets);
    scene.ends_as_it_began().await;
}
