//! A token that is judged while its revocation is stored.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{WITHIN, consumer, issued, refusal, revoke, usher};
use crate::support::widget::Widget;

/// How many customers come in at once.
const CUSTOMERS: usize = 24;

/// Each keeps coming in until one of its tokens is refused, so that the revocation is stored in the midst of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_after_the_answer_nobody_is_authenticated_by_such_a_token() {
    let (usher, _keys) = usher().await;
    let usher = std::sync::Arc::new(usher);
    let (came_in, mut anybody) = tokio::sync::mpsc::channel(CUSTOMERS);
    let mut customers = JoinSet::new();
    for number in 0..CUSTOMERS {
        let (usher, came_in) = (usher.clone(), came_in.clone());
        let token = issued("customer-1", 30.0);
        customers.spawn(async move {
            let mut sockets = Vec::new();
            loop {
                let (widget, answer) = come_in(&usher, number % 2 == 0, &token).await;
                sockets.push(widget);
                if answer["type"] == "error" {
                    assert_eq!(answer["code"], "revoked", "{answer}");
                    return sockets;
                }
                let _ = came_in.try_send(());
            }
        });
    }
    for _ in 0..CUSTOMERS {
        anybody.recv().await.unwrap();
    }
    let (_, matched) = revoke(&usher, &json!({ "tenant": "contoso", "everyone": true })).await;
    assert!(matched > 0);
    // The contract's second: from here on it is a promise and not a matter of waiting.
    tokio::time::sleep(WITHIN).await;
    let authenticated = consumer(&usher).all("/v1/conversations?tenant=contoso&authenticated=true").await;
    assert_eq!(authenticated, [] as [Value; 0]);
    let sockets = customers.join_all().await;
    assert!(sockets.iter().map(Vec::len).sum::<usize>() > CUSTOMERS);
    let authenticated = consumer(&usher).all("/v1/conversations?tenant=contoso&authenticated=true").await;
    assert_eq!(authenticated, [] as [Value; 0]);
    assert_eq!(refusal(&usher, "fabrikam/web", &issued("customer-1", 30.0)).await, None);
}

/// By a start with the token, or by signing in after one without.
async fn come_in(usher: &crate::support::usher::Usher, at_once: bool, token: &str) -> (Widget, Value) {
    if at_once {
        return Widget::open(usher, "contoso/web", json!({ "type": "start", "token": token })).await;
    }
    let (mut widget, _) = Widget::start(usher, "contoso/web").await;
    widget.send(json!({ "type": "authenticate", "token": token })).await;
    let answer = widget.frame().await;
    (widget, answer)
}
