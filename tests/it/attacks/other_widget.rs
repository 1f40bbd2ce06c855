use serde_json::{Value, json};

use super::{SECRET, World, adas};
use crate::support::widget::{Ticket, Widget};

const WIDGETS: [&str; 7] = ["web", "second", "strict", "open", "lenient", "guarded", "anywhere"];

#[tokio::test]
async fn a_conversation_is_unknown_through_every_widget_but_its_own() {
    let world = World::start().await;
    let token = adas(0.0);
    let mut conversations = Vec::new();
    for widget in ["web", "lenient", "strict", "open"] {
        conversations.push((widget, world.secret_chat(widget, &token).await));
        if widget != "strict" {
            let (mut anonymous, ticket) = Widget::start(&world.usher, &format!("contoso/{widget}")).await;
            anonymous.say("m1", SECRET).await;
            conversations.push((widget, (anonymous, ticket)));
        }
    }
    let mut errors = Vec::new();
    for (own, (_, ticket)) in &conversations {
        for widget in WIDGETS.iter().filter(|widget| *widget != own) {
            for resume in [ticket.resume(), ticket.resume_with(&token), ticket.resume_with("no token")] {
                let path = format!("contoso/{widget}");
                errors.push(world.refuses(&path, &resume, "unknown_conversation").await);
            }
        }
    }
    assert!(errors.iter().all(|error| *error == errors[0]), "{errors:?}");
    for (_, (widget, _)) in &mut conversations {
        widget.expect_nothing().await;
    }
}

#[tokio::test]
async fn in_a_widget_without_authentication_nobody_signs_in() {
    let world = World::start().await;
    let (mut widget, ticket) = Widget::start(&world.usher, "contoso/open").await;
    for token in [adas(0.0), "no token".to_owned()] {
        widget.authenticate(&token).await;
        assert_eq!(widget.expect_error("not_enabled").await["in_reply_to"], "authenticate");
    }
    widget.say("m1", "anonymous").await;
    assert_eq!(world.consumer().kinds(&ticket.conversation).await, ["started", "message"]);
    let (_widget, resumed) = world.open("open", ticket.resume_with(&adas(0.0))).await;
    assert_eq!(resumed["authentication"], json!({ "status": "anonymous" }));
    assert_eq!(resumed["resume_token"], ticket.resume_token);
}

/// Two conversations of the same widget, which gets another mode: one was signed in once, one never.
async fn before_the_change(world: &World) -> (Ticket, Ticket) {
    let (mut anonymous, never) = Widget::start(&world.usher, "contoso/web").await;
    anonymous.say("m1", "nothing special").await;
    let (_widget, once) = world.secret_chat("web", &adas(10.0)).await;
    (once, never)
}

/// Restarts with the widget `web` in this mode.
async fn change(world: &mut World, mode: &str) {
    let written = |mode: &str| format!("[widgets.web]\nauthentication = \"{mode}\"");
    world.usher.restart_with(|setup| setup.change("contoso", &written("optional"), &written(mode))).await;
}

#[tokio::test]
async fn a_widget_that_is_switched_off_hides_what_was_ever_signed_in() {
    let mut world = World::start().await;
    let (once, never) = before_the_change(&world).await;
    change(&mut world, "off").await;
    for resume in [once.resume(), once.resume_with(&adas(0.0)), once.resume_with("no token")] {
        world.refuses("contoso/web", &resume, "unknown_conversation").await;
    }
    let (mut widget, resumed) = world.open("web", never.resume_with(&adas(0.0))).await;
    assert_eq!(resumed["authentication"], json!({ "status": "anonymous" }));
    widget.expect("message").await;
    widget.authenticate(&adas(0.0)).await;
    widget.expect_error("not_enabled").await;
    let start = json!({ "type": "start", "token": adas(0.0), "continue": true });
    let (_widget, started) = world.open("web", start).await;
    assert_eq!(
        (&started["type"], &started["authentication"]["status"]),
        (&json!("started"), &json!("anonymous"))
    );
}

#[tokio::test]
async fn a_widget_that_requires_tokens_from_now_on_asks_for_one_whatever_was_before() {
    let mut world = World::start().await;
    let (once, never) = before_the_change(&world).await;
    change(&mut world, "required").await;
    for ticket in [&once, &never] {
        world.refuses("contoso/web", &ticket.resume(), "authentication_required").await;
        world.refuses("contoso/web", &ticket.resume_with("no token"), "malformed").await;
    }
    for (ticket, renewed) in [(&once, false), (&never, true)] {
        let (_widget, resumed): (_, Value) = world.open("web", ticket.resume_with(&adas(0.0))).await;
        assert_eq!(resumed["authentication"]["status"], "authenticated");
        assert_eq!(resumed["resume_token"] != ticket.resume_token, renewed);
    }
}
