//! Stopping politely: nobody new, everybody told when to come back, the journal whole, exit code 0.

mod crowd;
mod held_up;
mod thousands;

use serde_json::json;

use crate::support::keys::KeyEndpoint;
use crate::support::raw::{exchange, handshake};
use crate::support::setup::Setup;
use crate::support::usher::Usher;
use crate::support::widget::Widget;

async fn usher(drain_for: &str) -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let setup = Setup::new().tenant("contoso", &keys.url()).limit(&format!("drain_for = \"{drain_for}\""));
    (Usher::start(setup).await, keys)
}

#[tokio::test]
async fn every_widget_is_told_its_own_time_and_closed_by_it() {
    let (mut usher, _keys) = usher("2s").await;
    let mut members = Vec::new();
    for _ in 0..7 {
        members.push(Widget::start(&usher, "contoso/web").await);
    }
    let mut stranger = Widget::connect(&usher, "contoso/web").await;
    usher.terminate();
    let mut waits = Vec::new();
    for (widget, _) in &mut members {
        waits.push(widget.expect("draining").await["reconnect_after_ms"].as_u64().unwrap());
    }
    assert!(waits.iter().all(|wait| *wait <= 2000), "{waits:?}");
    waits.dedup();
    assert!(waits.len() > 1, "all come back at once: {waits:?}");
    stranger.expect("draining").await;
    for (widget, _) in &mut members {
        assert_eq!(widget.expect_close(1012).await, "draining");
    }
    assert_eq!(usher.exit_code().await, Some(0));
    usher.start_again().await;
    usher.ready().await;
    for (_, ticket) in members {
        let (_widget, resumed) = Widget::open(&usher, "contoso/web", ticket.resume()).await;
        assert_eq!(resumed["sequence"], 1);
    }
}

#[tokio::test]
async fn while_it_drains_it_is_unready_refuses_the_new_and_serves_those_who_are_there() {
    let (mut usher, _keys) = usher("10m").await;
    let (mut widget, _) = Widget::start(&usher, "contoso/web").await;
    let (mut another, _) = Widget::start(&usher, "contoso/web").await;
    usher.terminate();
    let wait = widget.expect("draining").await["reconnect_after_ms"].as_u64().unwrap();
    assert!(wait <= 600_000, "{wait}");
    another.expect("draining").await;
    let (status, reasons) = usher.ops("/readyz").await;
    assert_eq!((status, reasons.split(':').next()), (503, Some("draining")));
    assert_eq!(usher.ops("/healthz").await.0, 200);
    assert_eq!(usher.metric("usher_draining").await, Some(1.0));
    for path in ["/chat/contoso/web", "/chat/nobody/web"] {
        let refused = exchange(usher.at().public, &handshake(path, "")).await;
        assert_eq!(refused.status, 503, "draining comes first: {refused:?}");
        assert!(refused.head.contains("\r\nretry-after: "), "{refused:?}");
        let problem: serde_json::Value = serde_json::from_str(&refused.body).unwrap();
        assert_eq!(problem["code"], "draining");
    }
    widget.say("m1", "one more thing").await;
    // Whoever leaves of its own accord shortens the drain.
    widget.close().await;
    another.close().await;
    assert_eq!(usher.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_second_sigterm_hastens() {
    let (mut usher, _keys) = usher("1h").await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    widget.say("m1", "Hello").await;
    usher.terminate();
    widget.expect("draining").await;
    usher.terminate();
    assert_eq!(widget.expect_close(1012).await, "draining");
    assert_eq!(usher.exit_code().await, Some(0));
    usher.start_again().await;
    usher.ready().await;
    let (mut widget, _) = Widget::open(&usher, "contoso/web", ticket.resume()).await;
    assert_eq!(widget.expect("message").await["id"], "m1");
}

#[tokio::test]
async fn without_widgets_there_is_nothing_to_wait_for() {
    let (mut usher, _keys) = usher("1h").await;
    usher.terminate();
    assert_eq!(usher.exit_code().await, Some(0));
    let log = std::fs::metadata(usher.setup().journal().with_extension("db-wal"));
    assert_eq!(log.map_or(0, |log| log.len()), 0, "the log was not written back");
}

#[tokio::test]
async fn a_drain_of_no_time_closes_at_once() {
    let (mut usher, _keys) = usher("0s").await;
    let (mut widget, _) = Widget::start(&usher, "contoso/web").await;
    usher.terminate();
    assert_eq!(widget.expect("draining").await, json!({ "type": "draining", "reconnect_after_ms": 0 }));
    assert_eq!(widget.expect_close(1012).await, "draining");
    assert_eq!(usher.exit_code().await, Some(0));
}
