use reqwest::Method;
use serde_json::json;

use super::usher;
use crate::support::consumer::Consumer;
use crate::support::setup::ROUTER;
use crate::support::widget::{Got, Widget};

#[tokio::test]
async fn a_ninth_socket_closes_the_oldest() {
    let (usher, _keys) = usher().await;
    let (mut oldest, ticket) = Widget::start(&usher, "contoso/web").await;
    let mut others = Vec::new();
    for _ in 0..7 {
        others.push(Widget::open(&usher, "contoso/web", ticket.resume()).await.0);
    }
    oldest.expect_nothing().await;
    let (mut ninth, _) = Widget::open(&usher, "contoso/web", ticket.resume()).await;
    assert_eq!(oldest.expect_close(4503).await, "too_many_sockets");
    ninth.say("m1", "eight are here").await;
    for other in &mut others {
        assert_eq!(other.expect("message").await["id"], "m1");
    }
    others.remove(3).close().await;
    let (_tenth, _) = Widget::open(&usher, "contoso/web", ticket.resume()).await;
    others[0].expect_nothing().await;
}

#[tokio::test]
async fn the_customers_end_ends_every_socket_and_the_conversation() {
    let (usher, _keys) = usher().await;
    let (mut first, ticket) = Widget::start(&usher, "contoso/web").await;
    first.say("m1", "Hello").await;
    let (mut second, _) = Widget::open(&usher, "contoso/web", ticket.resume()).await;
    second.expect("message").await;
    second.send(json!({ "type": "end" })).await;
    for widget in [&mut first, &mut second] {
        let ended = json!({ "type": "ended", "sequence": 3, "by": "customer" });
        assert_eq!(widget.expect("ended").await, ended);
        assert_eq!(widget.expect_close(1000).await, "ended");
        assert_eq!(widget.next().await, Got::Gone);
    }
    let summary = Consumer::new(&usher, ROUTER).summary(&ticket.conversation).await;
    assert_eq!((&summary["status"], &summary["sequence"]), (&json!("ended"), &json!(3)));
}

#[tokio::test]
async fn a_resume_of_an_ended_conversation_is_its_replay_and_the_close() {
    let (mut usher, _keys) = usher().await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    widget.say("m1", "Hello").await;
    let path = format!("/v1/conversations/{}/end", ticket.conversation);
    let end = Consumer::new(&usher, ROUTER).call(Method::POST, &path, &json!({ "reason": "solved" })).await;
    assert_eq!(end.status, 204);
    let ended = widget.expect("ended").await;
    assert_eq!(ended, json!({ "type": "ended", "sequence": 3, "by": "agent", "reason": "solved" }));
    widget.expect_close(1000).await;
    for restarted in [false, true] {
        if restarted {
            usher.restart().await;
        }
        let (mut widget, resumed) = Widget::open(&usher, "contoso/web", ticket.resume()).await;
        assert_eq!((&resumed["sequence"], &resumed["replayed"]), (&json!(3), &json!(2)));
        assert_eq!(widget.expect("message").await["id"], "m1");
        assert_eq!(widget.expect("ended").await, ended);
        assert_eq!(widget.expect_close(1000).await, "ended");
        let mut seen_all = ticket.resume();
        seen_all["after"] = 3.into();
        let (mut widget, resumed) = Widget::open(&usher, "contoso/web", seen_all).await;
        assert_eq!(resumed["replayed"], 0);
        assert_eq!(widget.expect_close(1000).await, "ended");
    }
}
