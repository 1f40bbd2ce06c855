//! Widgets that don't read, don't answer or send without end: each is bounded, and the others notice nothing.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::support::keys::KeyEndpoint;
use crate::support::setup::Setup;
use crate::support::usher::Usher;
use crate::support::widget::{Got, Widget};
use crate::support::{soon, until};

async fn usher(limit: &str) -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let usher = Usher::start(Setup::new().tenant("contoso", &keys.url()).limit(limit)).await;
    (usher, keys)
}

async fn connected(usher: &Usher) -> f64 {
    usher.metric("usher_connections{authentication=\"anonymous\"}").await.unwrap()
}

#[tokio::test]
async fn a_socket_that_does_not_read_is_closed_with_4002_and_resumes_what_it_missed() {
    let (usher, _keys) = usher("outgoing_queue = 16").await;
    let (mut busy, ticket) = Widget::start(&usher, "contoso/web").await;
    let (mut slow, _) = Widget::open(&usher, "contoso/web", ticket.resume()).await;
    let text = "🦆".repeat(6000);
    let mut said = 0;
    // As much as the system's buffers take, and then the queue.
    while connected(&usher).await > 1.0 {
        assert!(said < 5000, "over 100 MB wait for a socket that does not read");
        for _ in 0..50 {
            said += 1;
            busy.say(&format!("m{said}"), &text).await;
        }
    }
    let mut seen = 1;
    let close = loop {
        match slow.next().await {
            Got::Frame(frame) => {
                let sequence = frame["sequence"].as_u64().unwrap();
                assert_eq!(sequence, seen + 1);
                seen = sequence;
            }
            other => break other,
        }
    };
    assert_eq!(close, Got::Close(4002, "slow_consumer".to_owned()));
    let mut resume = ticket.resume();
    resume["after"] = seen.into();
    let (mut again, resumed) = Widget::open(&usher, "contoso/web", resume).await;
    assert_eq!(resumed["replayed"], said + 1 - seen);
    assert_eq!(again.expect("message").await["sequence"], seen + 1);
    busy.say("last", "nobody else was held up").await;
}

#[tokio::test]
async fn two_unanswered_pings_close_with_4001_and_any_frame_is_a_sign_of_life() {
    let (usher, _keys) = usher("ping = \"1s\"").await;
    let (mut silent, started) = Widget::open(&usher, "contoso/web", json!({ "type": "start" })).await;
    assert_eq!(started["limits"]["ping_seconds"], 1);
    let (mut answering, _) = Widget::start(&usher, "contoso/web").await;
    let (mut talking, _) = Widget::start(&usher, "contoso/web").await;
    let gone = async {
        until("the silent one's end", async || {
            // It never reads, so its library answers no ping.
            assert!(talking.try_send(&json!({ "type": "typing" })).await);
            (connected(&usher).await < 3.0).then_some(())
        })
        .await;
    };
    tokio::select! {
        () = gone => {}
        got = answering.next() => panic!("{got:?} came to one that answers pings"),
    }
    assert_eq!(silent.expect_close(4001).await, "no_pong");
    answering.say("m1", "still here").await;
    talking.say("m1", "still here").await;
}

/// What the pongs would take if they were all kept.
const PINGS_BYTES: usize = 40 << 20;

/// A ping with as much as a control frame holds, masked with zeros (RFC 6455 §5.3).
fn ping() -> Vec<u8> {
    [&[0x89, 0xfd, 0, 0, 0, 0][..], &[b'x'; 125]].concat()
}

#[tokio::test]
async fn pings_without_end_from_one_that_never_reads_take_no_memory() {
    let (usher, _keys) = usher("ping = \"25s\"").await;
    let (mut other, _) = Widget::start(&usher, "contoso/web").await;
    let (flooding, _) = Widget::start(&usher, "contoso/web").await;
    let before = usher.resident_bytes();
    let mut tcp = flooding.into_tcp();
    let pings = ping().repeat(500);
    let mut sent = 0;
    let flood = async {
        // It may be closed for it, or be left to go on.
        while sent < PINGS_BYTES && tcp.write_all(&pings).await.is_ok() {
            sent += pings.len();
        }
    };
    soon("the pings to be taken", flood).await;
    other.say("m1", "nobody else was held up").await;
    let grown = usher.resident_bytes().saturating_sub(before);
    assert!(grown < PINGS_BYTES as u64 / 2, "{grown} bytes more after {sent} bytes of pings");
}

#[tokio::test]
async fn the_end_of_a_connection_without_a_close_is_counted_as_1006() {
    let (usher, _keys) = usher("ping = \"25s\"").await;
    let (widget, ticket) = Widget::start(&usher, "contoso/web").await;
    drop(widget.into_tcp());
    until("its end", async || {
        (usher.metric("usher_connections_closed_total{code=\"1006\"}").await == Some(1.0)).then_some(())
    })
    .await;
    assert!(connected(&usher).await < 1.0);
    let (polite, resumed): (_, Value) = Widget::open(&usher, "contoso/web", ticket.resume()).await;
    assert_eq!(resumed["type"], "resumed");
    polite.close().await;
    until("its end", async || {
        (usher.metric("usher_connections_closed_total{code=\"1005\"}").await == Some(1.0)).then_some(())
    })
    .await;
}
