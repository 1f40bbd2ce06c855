//! Sockets that take their time: to ask, to speak, to read.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpSocket;
use tokio::time::Instant;

use crate::support::raw::{FIN, PING, PONG, RawSocket, TEXT, frame, handshake};
use crate::support::until;
use crate::support::widget::{Ticket, Widget};

use super::{JOURNAL_CACHE, Scene};

/// Sends one byte after the other with this pause until it is cut.
async fn drip(socket: &mut RawSocket, bytes: &[u8], pause: Duration) {
    for byte in bytes {
        if !socket.try_send(&[*byte]).await {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}

#[tokio::test]
async fn a_first_frame_that_comes_byte_by_byte_has_no_more_time_than_any_other() {
    let mut scene = Scene::with(|setup| setup.limit("first_frame = \"500ms\"")).await;
    let mut socket = scene.socket().await;
    let start = frame(FIN | TEXT, br#"{"type":"start"}"#);
    let dripping = async {
        drip(&mut socket, &start, Duration::from_millis(100)).await;
        assert_eq!(socket.close_code().await, Some(4000));
    };
    scene.while_chatting(dripping).await;
    scene.ends_as_it_began().await;
}

/// The bound is one of half a minute, and the beginning of the story; the rest is told where time can be paused.
#[tokio::test]
async fn a_message_of_one_byte_a_second_is_cut_though_pings_are_answered() {
    let mut scene = Scene::with(|setup| setup.limit("ping = \"1s\"")).await;
    let mut socket = scene.member().await;
    let begun = Instant::now();
    let dripping = async {
        let mut fragment = frame(TEXT, b"{");
        loop {
            if !socket.try_send(&fragment).await || !socket.try_send(&frame(FIN | PONG, b"")).await {
                break;
            }
            fragment = frame(0, b" ");
            assert!(begun.elapsed() < Duration::from_mins(1), "it goes on for ever");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(socket.close_code().await, Some(4001));
        begun.elapsed()
    };
    let lasted = scene.while_chatting(dripping).await;
    assert!(lasted >= Duration::from_secs(29), "{lasted:?}");
    scene.ends_as_it_began().await;
}

#[tokio::test]
async fn bytes_of_a_frame_that_is_not_whole_are_no_sign_of_life() {
    let mut scene = Scene::with(|setup| setup.limit("ping = \"1s\"")).await;
    let mut socket = scene.member().await;
    let begun = Instant::now();
    let dripping = async {
        drip(&mut socket, &frame(FIN | TEXT, &[b' '; 60]), Duration::from_millis(400)).await;
        assert_eq!(socket.close_code().await, Some(4001));
        begun.elapsed()
    };
    // Long before the message's own time is up.
    let lasted = scene.while_chatting(dripping).await;
    assert!(lasted < Duration::from_secs(20), "{lasted:?}");
    scene.ends_as_it_began().await;
}

#[tokio::test]
async fn a_slow_message_that_comes_in_time_is_served() {
    let mut scene = Scene::with(|setup| setup.limit("ping = \"1s\"")).await;
    let mut socket = scene.member().await;
    let message = frame(FIN | TEXT, br#"{"type":"ping"}"#);
    let dripping = async {
        for byte in &message {
            socket.send(&[*byte]).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        loop {
            let (first, payload) = socket.frame().await.unwrap();
            if first == FIN | TEXT {
                break assert_eq!(payload, br#"{"type":"pong"}"#);
            }
            assert_eq!(first, FIN | PING);
        }
    };
    scene.while_chatting(dripping).await;
    scene.is_as_before_but_for(1).await;
}

/// Each leaves some twelve megabytes unread: together they are far more than what counts as nothing left behind.
const DEAF: u32 = 4;

#[tokio::test]
async fn widgets_that_never_read_are_cut_and_cost_nothing_afterwards() {
    let mut scene = Scene::with(|setup| setup.limit("outgoing_queue = 512")).await;
    scene.memory_tolerance += JOURNAL_CACHE;
    let text = "🦆".repeat(6000);
    let mut cut = Vec::new();
    for number in 1..=DEAF {
        let (mut busy, started) = Widget::open(&scene.usher, "contoso/web", json!({ "type": "start" })).await;
        let small = TcpSocket::new_v4().unwrap();
        small.set_recv_buffer_size(4096).unwrap();
        let small = small.connect(scene.at()).await.unwrap();
        let mut deaf = RawSocket::over(small, &handshake("/chat/contoso/web", "")).await;
        deaf.send(&frame(FIN | TEXT, Ticket::of(&started).resume().to_string().as_bytes())).await;
        let mut said = 0;
        until("the end of the one that does not read", async || {
            for _ in 0..50 {
                said += 1;
                busy.say(&format!("m{said}"), &text).await;
            }
            let cut = scene.usher.metric("usher_connections_closed_total{code=\"4002\"}").await;
            (cut == Some(f64::from(number))).then_some(())
        })
        .await;
        busy.close().await;
        cut.push(deaf);
    }
    // Those that were cut still hold their ends.
    scene.is_as_before_but_for(0).await;
    drop(cut);
    scene.ends_as_it_began().await;
}
