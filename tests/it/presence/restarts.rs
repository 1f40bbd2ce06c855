//! A process that ends takes every socket with it: who is back in time after the next start was never gone, and of
//! everybody else it is told once.

use super::*;

/// Widgets that lose their gateway at once and are back in time.
const CROWD: usize = 100;

/// Waits until an absence is told of this conversation; of whom it was told until then, this one included.
async fn told_until(usher: &Usher, last: &Ticket) -> Vec<String> {
    let mut stream = Consumer::new(usher, ROUTER).stream(ABSENCES).await;
    let mut told = Vec::new();
    while told.last() != Some(&last.conversation) {
        let event = stream.expect(DISCONNECTED).await;
        told.push(event["subject"].as_str().unwrap().to_owned());
    }
    told
}

#[tokio::test]
async fn after_a_kill_those_who_stay_away_are_told_to_be_gone_once_and_those_who_are_back_are_not() {
    let (mut usher, _keys) = usher().await;
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        crowd.push(Widget::start(&usher, "contoso/web").await);
    }
    let (_lost, away) = Widget::start(&usher, "contoso/web").await;
    usher.kill().await;
    usher.start_again().await;
    let started = now();
    let mut there = Vec::new();
    for (_, ticket) in &crowd {
        let (widget, resumed) = back(&usher, ticket).await;
        assert_eq!(resumed["sequence"], 1);
        there.push(widget);
    }
    assert_eq!(told_until(&usher, &away).await, [&*away.conversation]);
    let consumer = Consumer::new(&usher, ROUTER);
    let after = seconds(&consumer.events(&away.conversation).await[1]["time"]) - started;
    assert!(after > DISCONNECTED_AFTER - 1.0, "the widgets had {after} s to come back");

    // Once more: what was told is not told again, and the next start tells of those who were there.
    usher.restart().await;
    let (_widget, _) = back(&usher, &crowd[0].1).await;
    let told = told_until(&usher, &crowd[CROWD - 1].1).await;
    assert!(!told.contains(&crowd[0].1.conversation));
    assert_eq!(told.iter().filter(|one| **one == away.conversation).count(), 1);
    let consumer = Consumer::new(&usher, ROUTER);
    assert_eq!(consumer.kinds(&away.conversation).await, ["started", "disconnected"]);
    assert_eq!(consumer.summary(&away.conversation).await["connected"], false);
}

#[tokio::test]
async fn a_drain_says_nothing_of_those_whom_it_sends_away_and_the_next_start_does() {
    let (mut usher, _keys) = usher().await;
    let (widget, away) = Widget::start(&usher, "contoso/web").await;
    let (other, returned) = Widget::start(&usher, "contoso/web").await;
    usher.terminate();
    for mut widget in [widget, other] {
        widget.expect("draining").await;
        widget.close().await;
    }
    assert_eq!(usher.exit_code().await, Some(0));
    usher.start_again().await;
    usher.ready().await;
    let (_widget, resumed) = back(&usher, &returned).await;
    assert_eq!(resumed["sequence"], 1);
    assert_eq!(told_until(&usher, &away).await, [&*away.conversation]);
    assert_eq!(Consumer::new(&usher, ROUTER).kinds(&returned.conversation).await, ["started"]);
}
