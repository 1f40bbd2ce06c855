//! What an endpoint may do, short of taking a delivery.

use super::receiver::{Receiver, Reply, SECRET};
use super::{posting_to, posting_to_url};
use crate::support::keys::KeyEndpoint;
use crate::support::setup::Setup;
use crate::support::until;
use crate::support::usher::Usher;
use crate::support::widget::Widget;

/// Refuses the first attempts at the message "one" by this reply.
async fn refusing(times: usize, reply: Reply) -> Receiver {
    let mut left = times;
    Receiver::playing(move |delivery| {
        if delivery.text() == "one" && left > 0 {
            left -= 1;
            return reply.clone();
        }
        Reply::Status(200)
    })
    .await
}

/// Says two messages; the attempts at the first.
async fn attempts(usher: &Usher, receiver: &Receiver) -> Vec<super::receiver::Delivery> {
    let (mut widget, _) = Widget::start(usher, "contoso/web").await;
    widget.say("m1", "one").await;
    widget.say("m2", "two").await;
    receiver.takes_text("two").await;
    let sequences: Vec<_> = receiver.taken().iter().map(super::receiver::Delivery::sequence).collect();
    assert_eq!(sequences, [1, 2, 3], "in order, each taken once");
    receiver.deliveries().into_iter().filter(|delivery| delivery.text() == "one").collect()
}

async fn count(usher: &Usher, result: &str) -> f64 {
    let series = format!("usher_webhook_deliveries_total{{endpoint=\"crm\",result=\"{result}\"}}");
    usher.metric(&series).await.unwrap()
}

#[tokio::test]
async fn a_refused_delivery_is_tried_again_with_its_id_before_later_ones() {
    let receiver = refusing(2, Reply::Status(500)).await;
    let (usher, _keys) = posting_to(&receiver, "").await;
    let attempts = attempts(&usher, &receiver).await;
    assert_eq!(attempts.len(), 3);
    assert!(attempts.iter().all(|attempt| attempt.id == attempts[0].id && attempt.body == attempts[0].body));
    assert!(
        attempts.iter().all(|attempt| attempt.header("webhook-signature") == attempt.signed_with(SECRET))
    );
    assert!((count(&usher, "http_status").await - 2.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let receiver = refusing(1, Reply::With(429, "retry-after", "6".to_owned())).await;
    let (usher, _keys) = posting_to(&receiver, "").await;
    let attempts = attempts(&usher, &receiver).await;
    assert_eq!(attempts.len(), 2);
    // Longer than any first retry would have waited.
    assert!(attempts[1].at - attempts[0].at >= 6.0, "{attempts:?}");
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let elsewhere = Receiver::start().await;
    let receiver = refusing(1, Reply::With(307, "location", elsewhere.url())).await;
    let (usher, _keys) = posting_to(&receiver, "").await;
    assert_eq!(attempts(&usher, &receiver).await.len(), 2);
    assert_eq!(elsewhere.deliveries().len(), 0);
    assert!((count(&usher, "redirect").await - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn a_stalled_delivery_is_cut_and_tried_again() {
    let receiver = refusing(1, Reply::Never).await;
    let (usher, _keys) = posting_to(&receiver, "timeout = \"200ms\"").await;
    assert_eq!(attempts(&usher, &receiver).await.len(), 2);
    assert!((count(&usher, "timeout").await - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn an_endpoint_that_dies_and_comes_back_gets_everything_in_order() {
    let mut receiver = Receiver::start().await;
    let (usher, _keys) = posting_to(&receiver, "").await;
    let (mut first, ticket) = Widget::start(&usher, "contoso/web").await;
    receiver.takes(|_| true).await;
    receiver.die().await;
    for number in 1..=20 {
        first.say(&format!("m{number}"), &format!("message {number}")).await;
    }
    let (mut second, other) = Widget::start(&usher, "contoso/web").await;
    second.say("m1", "other").await;
    until("failures", async || (count(&usher, "connect").await > 1.0).then_some(())).await;
    receiver.come_back().await;
    receiver.takes_text("message 20").await;
    receiver.takes_text("other").await;
    let sequences = receiver.sequences();
    assert_eq!(sequences[&ticket.conversation], (1..=21).collect::<Vec<_>>());
    assert_eq!(sequences[&other.conversation], [1, 2]);
    let lag = "usher_webhook_lag_seconds{endpoint=\"crm\"}";
    until("no lag", async || (usher.metric(lag).await == Some(0.0)).then_some(())).await;
}

#[tokio::test]
async fn an_address_that_is_not_global_is_not_reached_unless_allowed() {
    let receiver = Receiver::start().await;
    let keys = KeyEndpoint::start().await;
    // `localhost` is a name: it is judged where it is resolved.
    let url = receiver.url().replace("127.0.0.1", "localhost");
    let hook = format!(
        "[[webhook]]\nid = \"crm\"\nurl = \"{url}\"\nsecret = \"{SECRET}\"\nallow_http_hosts = [\"localhost\"]\n"
    );
    let setup = Setup::new().tenant("contoso", &keys.url()).lines(&hook);
    let usher = Usher::start(setup).await;
    let (_widget, _) = Widget::start(&usher, "contoso/web").await;
    until("a refusal", async || (count(&usher, "blocked_address").await > 0.0).then_some(())).await;
    assert_eq!(receiver.deliveries().len(), 0);
    assert!(usher.log().contains("[[webhook]] allow_networks"), "{}", usher.log());
}

#[tokio::test]
async fn an_answer_whose_body_never_ends_is_taken_by_its_status() {
    use crate::support::hostile_endpoint::{HostileEndpoint, Script};
    let script = Script::SayAndHang(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nx".to_vec());
    let endpoint = HostileEndpoint::http(script).await;
    let (usher, _keys) = posting_to_url(&format!("http://{}/hook", endpoint.address), "").await;
    let (mut widget, _) = Widget::start(&usher, "contoso/web").await;
    widget.say("m1", "one").await;
    until("two deliveries", async || (count(&usher, "delivered").await > 1.0).then_some(())).await;
    assert_eq!(endpoint.requests().len(), 2);
}

#[tokio::test]
async fn what_waits_for_its_retry_goes_on_after_a_restart() {
    let receiver = Receiver::playing(|delivery| match delivery.text() {
        "one" => Reply::Status(503),
        _ => Reply::Status(200),
    })
    .await;
    let (mut usher, _keys) = posting_to(&receiver, "").await;
    let (mut held, ticket) = Widget::start(&usher, "contoso/web").await;
    held.say("m1", "one").await;
    held.say("m2", "two").await;
    let refused = |delivery: &super::receiver::Delivery| delivery.text() == "one";
    until("a refusal", async || receiver.deliveries().iter().any(refused).then_some(())).await;
    // Kept beside the place, which goes on without it.
    let (mut other, _) = Widget::start(&usher, "contoso/web").await;
    other.say("m1", "other").await;
    let position = receiver.takes_text("other").await.event["position"].clone();
    until("the place behind both", async || {
        let (_, listed) = usher.ops("/webhooks").await;
        let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
        (listed["items"][0]["position"] == position).then_some(())
    })
    .await;
    usher.kill().await;
    receiver.play(|_| Reply::Status(200));
    usher.start_again().await;
    receiver.takes_text("two").await;
    assert_eq!(receiver.sequences()[&ticket.conversation], [1, 2, 3]);
    let again = receiver.taken().iter().filter(|delivery| delivery.text() == "other").count();
    assert_eq!(again, 1, "what was delivered and kept comes once");
}
