use serde_json::{Value, json};

use super::{CUSTOMER, HOUR, usher};
use crate::support::keys::{now, token_of};
use crate::support::usher::Usher;
use crate::support::widget::{Ticket, Widget};
use crate::support::{seconds, until_time};

/// What `token_expiring` says of this authentication.
fn expiring(authentication: &Value) -> Value {
    json!({ "type": "token_expiring", "expires_at": authentication["expires_at"],
        "refresh_by": authentication["refresh_by"] })
}

/// Begins with this token and hears what is said of its end; the `started`.
async fn start(usher: &Usher, token: &str) -> (Widget, Value) {
    let start = json!({ "type": "start", "token": token });
    let (mut widget, started) = Widget::open(usher, "contoso/web", start).await;
    widget.hear_expiring();
    (widget, started)
}

/// Joins and hears it too.
async fn join(usher: &Usher, ticket: &Ticket, seen: u64, token: &str) -> Widget {
    let mut widget = super::join(usher, "contoso/web", ticket, seen, token).await;
    widget.hear_expiring();
    widget
}

#[tokio::test]
async fn every_socket_is_told_at_refresh_by_and_not_before() {
    let (usher, _keys) = usher().await;
    // Three quarters of 84 s have passed in 2 s.
    let token = token_of(CUSTOMER, 61.0, 23.0);
    let (mut first, started) = start(&usher, &token).await;
    let mut second = join(&usher, &Ticket::of(&started), 1, &token).await;
    first.expect_nothing().await;
    second.expect_nothing().await;
    let refresh_by = seconds(&started["authentication"]["refresh_by"]);
    assert!(now() < refresh_by, "too slow to see that nothing came before");
    for widget in [&mut first, &mut second] {
        assert_eq!(widget.expect("token_expiring").await, expiring(&started["authentication"]));
        assert!(now() >= refresh_by);
    }
    // Less than 5 s would lie between this and the 30 s before the end, which have passed.
    first.expect_nothing().await;
    second.expect_nothing().await;
}

#[tokio::test]
async fn a_socket_that_joins_after_refresh_by_is_told_at_once_and_once() {
    let (usher, _keys) = usher().await;
    // With and without the moment 30 s before the end, which has passed for both.
    for issued_ago in [70.0, 200.0] {
        let token = token_of(CUSTOMER, issued_ago, 20.0);
        let (mut first, started) = start(&usher, &token).await;
        let notice = expiring(&started["authentication"]);
        assert_eq!(first.expect("token_expiring").await, notice);
        let mut second = join(&usher, &Ticket::of(&started), 1, &token).await;
        assert_eq!(second.expect("token_expiring").await, notice);
        first.expect_nothing().await;
        second.expect_nothing().await;
    }
}

#[tokio::test]
async fn once_more_30_seconds_before_the_end_where_that_is_5_seconds_later() {
    let (usher, _keys) = usher().await;
    let left = 32.5;
    // A quarter of 140 s is 35 s.
    let mut sockets = Vec::new();
    for (lifetime, twice) in [(139.0, false), (140.0, true), (141.0, true)] {
        let token = token_of(CUSTOMER, lifetime - left, left);
        let (mut widget, started) = start(&usher, &token).await;
        widget.expect("token_expiring").await;
        widget.expect_nothing().await;
        sockets.push((widget, started["authentication"].clone(), twice));
    }
    for (widget, authentication, twice) in sockets.iter_mut().rev() {
        let last_call = seconds(&authentication["expires_at"]) - 30.0;
        if *twice {
            assert_eq!(widget.expect("token_expiring").await, expiring(authentication));
            assert!((0.0..2.0).contains(&(now() - last_call)), "{} s after it", now() - last_call);
        } else {
            until_time(last_call + 0.5).await;
        }
        widget.expect_nothing().await;
    }
}

#[tokio::test]
async fn after_a_refresh_the_notice_for_the_token_before_it_does_not_come() {
    let (usher, _keys) = usher().await;
    let (mut widget, started) = start(&usher, &token_of(CUSTOMER, 61.0, 23.0)).await;
    let refreshed = widget.authenticated(&token_of(CUSTOMER, 10.0, HOUR), "token_refreshed").await;
    until_time(seconds(&started["authentication"]["refresh_by"]) + 0.5).await;
    widget.expect_nothing().await;
    assert!(seconds(&refreshed["authentication"]["refresh_by"]) > now() + 2000.0);
}

#[tokio::test]
async fn after_a_refresh_with_a_token_that_is_old_already_every_socket_is_told_again() {
    let (usher, _keys) = usher().await;
    let token = token_of(CUSTOMER, 300.0, HOUR);
    let (mut first, started) = start(&usher, &token).await;
    let mut second = join(&usher, &Ticket::of(&started), 1, &token).await;
    let told = first.authenticated(&token_of(CUSTOMER, 200.0, 20.0), "token_refreshed").await;
    assert_eq!(second.told("token_refreshed").await["sequence"], 2);
    for widget in [&mut first, &mut second] {
        assert_eq!(widget.expect("token_expiring").await, expiring(&told["authentication"]));
        widget.expect_nothing().await;
    }
}

#[tokio::test]
async fn who_signs_out_or_is_downgraded_is_not_told_of_what_would_have_been() {
    let (usher, _keys) = usher().await;
    let (mut widget, started) = start(&usher, &token_of(CUSTOMER, 61.0, 23.0)).await;
    let ticket = Ticket::of(&started);
    widget.send(json!({ "type": "sign_out" })).await;
    widget.told("signed_out").await;
    widget.expect_close(4504).await;
    let resume = ticket.resume_with(&token_of(CUSTOMER, 5.0, HOUR));
    let (mut again, _) = Widget::open(&usher, "contoso/web", resume).await;
    again.hear_expiring();
    again.told("signed_out").await;
    again.told("token_presented").await;
    until_time(seconds(&started["authentication"]["refresh_by"]) + 0.5).await;
    again.expect_nothing().await;
    let (mut anonymous, _) = Widget::start(&usher, "contoso/web").await;
    anonymous.hear_expiring();
    anonymous.expect_nothing().await;
}
