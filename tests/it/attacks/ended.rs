use serde_json::{Value, json};

use super::{BEN, HOUR, SECRET, World, adas, refused_for_now};
use crate::support::keys::token_of;
use crate::support::widget::Ticket;

const IDEMPOTENCY_KEY: &str = "m3Pz6WnAe0iJx8UuRk5tDg";

/// A conversation of Ada's that has ended, begun with the key.
async fn ended(world: &World) -> Ticket {
    let start = json!({ "type": "start", "token": adas(10.0), "idempotency_key": IDEMPOTENCY_KEY });
    let (mut widget, started) = world.open("web", start).await;
    widget.say("m1", SECRET).await;
    widget.send(json!({ "type": "end" })).await;
    widget.expect("ended").await;
    widget.expect_close(1000).await;
    Ticket::of(&started)
}

#[tokio::test]
async fn an_ended_conversation_of_an_identity_is_shown_to_its_owner_alone() {
    let mut world = World::start().await;
    let ticket = ended(&world).await;
    for restarted in [false, true] {
        if restarted {
            world.usher.restart().await;
        }
        let mut socket = world.connect("web").await;
        refused_for_now(&mut socket, &ticket.resume(), "authentication_required").await;
        let bens = ticket.resume_with(&token_of(BEN, 0.0, HOUR));
        refused_for_now(&mut socket, &bens, "subject_mismatch").await;
        refused_for_now(&mut socket, &ticket.resume_with("no token"), "malformed").await;
        socket.send(ticket.resume_with(&adas(0.0))).await;
        socket.expect("resumed").await;
        assert_eq!(socket.expect("message").await["text"], SECRET);
        assert_eq!(socket.expect("ended").await["by"], "customer");
        assert_eq!(socket.expect_close(1000).await, "ended");
    }
    assert_eq!(world.consumer().kinds(&ticket.conversation).await, ["started", "message", "ended"]);
}

#[tokio::test]
async fn neither_its_key_nor_continue_leads_back_to_it() {
    let mut world = World::start().await;
    let ticket = ended(&world).await;
    let mut begun = vec![json!(ticket.conversation)];
    for restarted in [false, true] {
        if restarted {
            world.usher.restart().await;
        }
        let start = |extra: Value| {
            let mut start = json!({ "type": "start", "token": adas(0.0) });
            start.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            start
        };
        for extra in [
            json!({ "idempotency_key": IDEMPOTENCY_KEY }),
            json!({ "continue": true }),
            json!({ "idempotency_key": IDEMPOTENCY_KEY, "continue": true }),
        ] {
            let (mut widget, started) = world.open("web", start(extra)).await;
            assert_eq!((&started["type"], &started["sequence"]), (&json!("started"), &json!(1)));
            assert!(!begun.contains(&started["conversation"]), "{started}");
            begun.push(started["conversation"].clone());
            widget.send(json!({ "type": "end" })).await;
            widget.expect("ended").await;
        }
    }
}
