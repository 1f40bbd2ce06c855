use std::time::Duration;

use serde_json::{Value, json};

use super::{HOUR, usher};
use crate::support::keys::{expired_token, token};
use crate::support::usher::Usher;
use crate::support::widget::{Ticket, Widget};

/// What is shown to a resume that is refused for good, without what differs for each refusal.
async fn refusal(usher: &Usher, path: &str, resume: Value) -> (Value, String) {
    let mut widget = Widget::connect(usher, path).await;
    widget.send(resume).await;
    let mut error = widget.expect_error("unknown_conversation").await;
    error["correlation_id"].take();
    (error, widget.expect_close(4500).await)
}

#[tokio::test]
async fn a_conversation_elsewhere_is_indistinguishable_from_one_that_does_not_exist() {
    let (usher, _keys) = usher().await;
    let token = token("customer-1", HOUR);
    let (_widget, anonymous) = Widget::start(&usher, "contoso/web").await;
    let (_widget, signed_in) = Widget::sign_in(&usher, "contoso/web", &token).await;
    let nobody = Ticket {
        conversation: "0199c0de-0000-7000-8000-000000000000".to_owned(),
        resume_token: anonymous.resume_token.clone(),
    };
    let expected = refusal(&usher, "contoso/web", nobody.resume()).await;
    for (what, path, ticket) in [
        ("another widget", "contoso/second", &anonymous),
        ("another tenant", "fabrikam/web", &anonymous),
        ("a widget without authentication", "contoso/open", &signed_in),
        ("another tenant, signed in", "fabrikam/web", &signed_in),
    ] {
        assert_eq!(refusal(&usher, path, ticket.resume()).await, expected, "{what}");
        // The right token changes nothing: the place is judged before it.
        assert_eq!(refusal(&usher, path, ticket.resume_with(&token)).await, expected, "{what}, with a token");
    }
    let mut changed = anonymous.resume_token.clone();
    let last = if changed.ends_with('A') { "E" } else { "A" };
    changed.replace_range(changed.len() - 1.., last);
    for wrong in [changed, signed_in.resume_token.clone(), String::new(), "x".repeat(10_000)] {
        let ticket = Ticket { resume_token: wrong, ..anonymous.clone() };
        assert_eq!(refusal(&usher, "contoso/web", ticket.resume()).await, expected);
        assert_eq!(refusal(&usher, "contoso/web", ticket.resume_with("no token")).await, expected);
    }
    for conversation in ["", "no id", "0199C0DE-0000-7000-8000-000000000000", "../../etc/passwd"] {
        let ticket = Ticket { conversation: conversation.to_owned(), ..anonymous.clone() };
        assert_eq!(refusal(&usher, "contoso/web", ticket.resume()).await, expected, "{conversation:?}");
    }
}

#[tokio::test]
async fn an_authenticated_conversation_needs_a_token_and_the_socket_may_try_again() {
    let (mut usher, _keys) = usher().await;
    let (mut first, ticket) = Widget::sign_in(&usher, "contoso/web", &token("customer-1", HOUR)).await;
    first.say("m1", "a secret").await;
    for restarted in [false, true] {
        if restarted {
            usher.restart().await;
        }
        let mut widget = Widget::connect(&usher, "contoso/web").await;
        widget.send(ticket.resume()).await;
        widget.expect_error("authentication_required").await;
        widget.send(ticket.resume_with(&token("customer-2", HOUR))).await;
        widget.expect_error("subject_mismatch").await;
        widget.send(ticket.resume_with("no token")).await;
        widget.expect_error("malformed").await;
        widget.send(ticket.resume_with(&expired_token("customer-1", Duration::from_secs(5)))).await;
        widget.expect_error("expired").await;
        widget.send(json!({ "type": "message", "id": "m2", "text": "x" })).await;
        widget.expect_error("out_of_order").await;
        widget.send(ticket.resume_with(&token("customer-1", HOUR))).await;
        let resumed = widget.expect("resumed").await;
        assert_eq!(resumed["authentication"]["status"], "authenticated");
        assert_eq!(resumed["resume_token"], ticket.resume_token);
        assert_eq!(widget.expect("message").await["text"], "a secret");
    }
}

#[tokio::test]
async fn in_a_widget_that_requires_tokens_a_refused_resume_closes() {
    let (usher, _keys) = usher().await;
    let (_widget, ticket) = Widget::sign_in(&usher, "contoso/strict", &token("customer-1", HOUR)).await;
    for (resume, code) in [
        (ticket.resume(), "authentication_required"),
        (ticket.resume_with(&token("customer-2", HOUR)), "subject_mismatch"),
        (ticket.resume_with(&expired_token("customer-1", HOUR)), "expired"),
    ] {
        let mut widget = Widget::connect(&usher, "contoso/strict").await;
        widget.send(resume).await;
        widget.expect_error(code).await;
        assert_eq!(widget.expect_close(4500).await, "token_refused");
    }
    let valid = ticket.resume_with(&token("customer-1", HOUR));
    let (_widget, resumed) = Widget::open(&usher, "contoso/strict", valid).await;
    assert_eq!(resumed["type"], "resumed");
}

#[tokio::test]
async fn a_faulty_token_at_an_anonymous_conversation_is_refused_and_closes() {
    let (usher, _keys) = usher().await;
    let (_widget, ticket) = Widget::start(&usher, "contoso/web").await;
    let mut widget = Widget::connect(&usher, "contoso/web").await;
    widget.send(ticket.resume_with(&expired_token("customer-1", HOUR))).await;
    widget.expect_error("expired").await;
    widget.expect_close(4500).await;
}

#[tokio::test]
async fn the_first_sign_in_replaces_the_resume_token_and_sends_the_others_away() {
    let (usher, _keys) = usher().await;
    let (mut anonymous, ticket) = Widget::start(&usher, "contoso/web").await;
    anonymous.say("m1", "before").await;
    let token = token("customer-1", HOUR);
    let (mut widget, resumed) = Widget::open(&usher, "contoso/web", ticket.resume_with(&token)).await;
    assert_eq!(resumed["type"], "resumed");
    assert_eq!(resumed["authentication"]["subject"], "customer-1");
    assert_eq!(resumed["sequence"], 3);
    let fresh = Ticket::of(&resumed);
    assert_ne!(fresh.resume_token, ticket.resume_token);
    assert_eq!(anonymous.expect_close(4004).await, "reconnect");
    assert_eq!(widget.expect("message").await["authenticated"], false);
    let authentication = widget.expect("authentication").await;
    assert_eq!(authentication["reason"], "token_presented");
    assert_eq!(authentication["sequence"], 3);
    assert!(authentication.get("resume_token").is_none(), "only live, to the socket that signed in");
    widget.say("m2", "after").await;
    // From now on the first resume_token is nobody's.
    let gone = refusal(&usher, "contoso/web", ticket.resume_with(&token)).await;
    assert_eq!(gone.1, "token_refused");
    let (mut again, resumed) = Widget::open(&usher, "contoso/web", fresh.resume_with(&token)).await;
    assert_eq!(resumed["resume_token"], fresh.resume_token);
    assert_eq!(resumed["sequence"], 4);
    again.expect("message").await;
    again.expect("authentication").await;
    assert_eq!(again.expect("message").await["authenticated"], true);
}

#[tokio::test]
async fn a_resume_with_a_fresher_token_refreshes_and_tells_the_others() {
    let (usher, _keys) = usher().await;
    let (mut first, ticket) = Widget::sign_in(&usher, "contoso/web", &token("customer-1", HOUR)).await;
    let fresher = token("customer-1", 2 * HOUR);
    let (_second, resumed) = Widget::open(&usher, "contoso/web", ticket.resume_with(&fresher)).await;
    assert_eq!((&resumed["sequence"], &resumed["replayed"]), (&json!(2), &json!(1)));
    let told = first.expect("authentication").await;
    assert_eq!((&told["reason"], &told["sequence"]), (&json!("token_refreshed"), &json!(2)));
    assert_eq!(told["authentication"], resumed["authentication"]);
    first.say("m1", "still here").await;
}
