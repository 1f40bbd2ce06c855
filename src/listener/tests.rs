//! How long a stranger is served, on a paused clock, and how many may come at once.

use std::cell::Cell;
use std::time::Duration;

use hyper::{Response, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::Instant;

use super::*;

/// More than the pipe between the two holds.
const ANSWER_BYTES: usize = 64 * 1024;
const PIPE_BYTES: usize = 1024;

/// A stranger's connection at a gate of its own that lets one in; every request is answered with this status.
fn connected(status: StatusCode, bytes: usize) -> (DuplexStream, Arc<HalfOpen>, Lifecycle) {
    let half_open = HalfOpen::new(1, Vec::new());
    let waiting = half_open.admit([192, 0, 2, 1].into());
    assert!(waiting.is_some());
    let answer = move |_| {
        let mut response = Response::new("x".repeat(bytes));
        *response.status_mut() = status;
        response
    };
    let (theirs, ours) = duplex(PIPE_BYTES);
    let lifecycle = Lifecycle::new();
    let service = Stranger { answer, waiting: Cell::new(waiting) };
    lifecycle.spawn(serve_connection(ours, lifecycle.clone(), Some(STRANGER_MAX), service));
    (theirs, half_open, lifecycle)
}

fn is_free(half_open: &Arc<HalfOpen>) -> bool {
    half_open.admit([192, 0, 2, 1].into()).is_some()
}

#[tokio::test(start_paused = true)]
async fn a_stranger_who_does_not_read_the_answer_is_dropped_after_a_minute_and_counts_until_then() {
    let began = Instant::now();
    let (mut theirs, half_open, _lifecycle) = connected(StatusCode::OK, ANSWER_BYTES);
    theirs.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    tokio::time::sleep(STRANGER_MAX.saturating_sub(Duration::from_millis(10))).await;
    assert!(!is_free(&half_open), "it is still being answered");
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(is_free(&half_open));
    let mut read = Vec::new();
    let _ = theirs.read_to_end(&mut read).await;
    assert!(read.len() <= PIPE_BYTES, "{}", read.len());
    assert!(began.elapsed() < STRANGER_MAX + Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_stranger_who_asks_again_and_again_has_no_more_than_that_minute() {
    let (mut theirs, half_open, _lifecycle) = connected(StatusCode::NO_CONTENT, 0);
    let began = Instant::now();
    while theirs.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.is_ok() {
        assert!(began.elapsed() <= STRANGER_MAX, "it is served without end");
        tokio::time::sleep(HEAD_TIMEOUT / 2).await;
    }
    assert!(began.elapsed() >= STRANGER_MAX);
    assert!(is_free(&half_open));
}

#[tokio::test(start_paused = true)]
async fn what_has_become_a_websocket_makes_room_for_the_next() {
    let (mut theirs, half_open, _lifecycle) = connected(StatusCode::SWITCHING_PROTOCOLS, 0);
    assert!(!is_free(&half_open));
    let asked = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    theirs.write_all(asked).await.unwrap();
    let mut head = [0; 12];
    theirs.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");
    assert!(is_free(&half_open));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_no_reader_can_hold_up_makes_room_and_a_longer_one_does_not() {
    let short = usize::try_from(SHORT_BYTES).unwrap();
    for (bytes, makes_room) in [(short - 1, true), (short, true), (short + 1, false)] {
        let (mut theirs, half_open, _lifecycle) = connected(StatusCode::OK, bytes);
        theirs.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        theirs.read_u8().await.unwrap();
        assert_eq!(is_free(&half_open), makes_room, "{bytes}");
    }
}

#[tokio::test]
async fn a_crowd_is_connected_before_any_of_it_is_accepted() {
    let listener = listen((std::net::Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let coming = (0..300).map(|_| tokio::net::TcpStream::connect(address));
    let connected = tokio::time::timeout(Duration::from_secs(30), futures_util::future::try_join_all(coming));
    assert_eq!(connected.await.expect("some were not heard").unwrap().len(), 300);
}

#[tokio::test]
async fn what_is_accepted_sends_at_once() {
    let listener = listen((std::net::Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let connecting = tokio::net::TcpStream::connect(listener.local_addr().unwrap());
    let (accepted, _connected) = tokio::try_join!(listener.accept(), connecting).unwrap();
    assert!(accepted.0.nodelay().unwrap());
}
