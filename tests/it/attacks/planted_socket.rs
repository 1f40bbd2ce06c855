use serde_json::json;

use super::{ADA, BEN, HOUR, SECRET, World, adas};
use crate::support::keys::token_of;
use crate::support::widget::{Got, Widget};

#[tokio::test]
async fn sockets_planted_before_the_sign_in_are_sent_away_and_see_nothing_of_it() {
    let world = World::start().await;
    let (mut adas_socket, ticket) = Widget::start(&world.usher, "contoso/web").await;
    let mut planted = Vec::new();
    for _ in 0..3 {
        planted.push(world.open("web", ticket.resume()).await.0);
    }
    let told = adas_socket.authenticated(&adas(0.0), "token_presented").await;
    assert_eq!((&told["sequence"], &told["authentication"]["subject"]), (&json!(2), &json!(ADA)));
    adas_socket.say("m1", SECRET).await;
    world.consumer().say(&ticket.conversation, "a1", SECRET).await;
    for socket in &mut planted {
        assert_eq!(socket.expect_close(4004).await, "reconnect");
        assert_eq!(socket.next().await, Got::Gone);
    }
    assert_eq!(adas_socket.expect("message").await["text"], SECRET);
}

#[tokio::test]
async fn a_planted_socket_that_presented_a_token_that_was_refused_goes_too() {
    let world = World::start().await;
    let (mut adas_socket, ticket) = Widget::start(&world.usher, "contoso/web").await;
    let (mut planted, _) = world.open("web", ticket.resume()).await;
    for (refused, code) in [("no token".to_owned(), "malformed"), (token_of(ADA, HOUR, -1.0), "expired")] {
        planted.authenticate(&refused).await;
        planted.expect_error(code).await;
    }
    adas_socket.authenticated(&adas(0.0), "token_presented").await;
    planted.expect_close(4004).await;
}

#[tokio::test]
async fn the_resume_token_from_before_the_sign_in_is_nobodys_and_the_new_one_went_to_one_socket() {
    let mut world = World::start().await;
    let (mut adas_socket, ticket) = Widget::start(&world.usher, "contoso/web").await;
    let (mut planted, _) = world.open("web", ticket.resume()).await;
    let token = adas(0.0);
    let told = adas_socket.authenticated(&token, "token_presented").await;
    let renewed = ticket.renewed_by(&told);
    assert_ne!(renewed.resume_token, ticket.resume_token);
    adas_socket.say("m1", SECRET).await;
    planted.expect_close(4004).await;
    for restarted in [false, true] {
        if restarted {
            world.usher.restart().await;
        }
        for resume in [ticket.resume(), ticket.resume_with(&token), ticket.resume_with(&adas(-1.0))] {
            world.refuses("contoso/web", &resume, "unknown_conversation").await;
        }
        let (_widget, resumed) = world.open("web", renewed.resume_with(&token)).await;
        assert_eq!((&resumed["type"], &resumed["resume_token"]), (&json!("resumed"), &told["resume_token"]));
    }
}

#[tokio::test]
async fn a_planted_socket_can_not_sign_its_own_customer_in_after_the_first() {
    let world = World::start().await;
    let (mut adas_socket, ticket) = Widget::start(&world.usher, "contoso/web").await;
    let (mut planted, _) = world.open("web", ticket.resume()).await;
    let (adas_token, bens_token) = (adas(0.0), token_of(BEN, 0.0, HOUR));
    adas_socket.authenticate(&adas_token).await;
    planted.try_send(&json!({ "type": "authenticate", "token": bens_token })).await;
    // Whoever of the two is first, the other has no part in it.
    let got = match adas_socket.next().await {
        Got::Frame(told) => told,
        Got::Close(4004, _) => planted.expect("authentication").await,
        other => panic!("{other:?}"),
    };
    assert_eq!((&got["reason"], &got["sequence"]), (&json!("token_presented"), &json!(2)));
    let signed_in = world.consumer().events_of(&ticket.conversation, "authenticated").await;
    assert_eq!(signed_in.len(), 1);
    assert_eq!(signed_in[0]["data"]["authentication"], got["authentication"]);
}

/// What it sent waits behind the sign-in, and would be taken for the customer's own.
#[tokio::test]
async fn what_a_planted_socket_said_before_the_sign_in_is_not_journaled_after_it() {
    let world = World::start().await;
    for _ in 0..3 {
        let (mut adas_socket, ticket) = Widget::start(&world.usher, "contoso/web").await;
        let mut planted = Vec::new();
        for _ in 0..7 {
            planted.push(world.open("web", ticket.resume()).await.0);
        }
        world.usher.freeze().await;
        adas_socket.authenticate(&adas(0.0)).await;
        for (number, socket) in planted.iter_mut().enumerate() {
            for count in 0..10 {
                let id = format!("planted-{number}-{count}");
                let frame = if number % 2 == 0 {
                    json!({ "type": "message", "id": id, "text": "pay it to me" })
                } else {
                    json!({ "type": "set_context", "context": { "account": id } })
                };
                socket.send(frame).await;
            }
        }
        world.usher.thaw();
        while adas_socket.frame().await["type"] != "authentication" {}
        for socket in &mut planted {
            while !matches!(socket.next().await, Got::Close(4004, _)) {}
        }
        adas_socket.send(json!({ "type": "message", "id": "m1", "text": SECRET })).await;
        while adas_socket.frame().await["type"] != "accepted" {}
        let events = world.consumer().events(&ticket.conversation).await;
        let signed_in = events.iter().position(|event| event["data"]["reason"] == "token_presented").unwrap();
        let after: Vec<_> = events[signed_in + 1..]
            .iter()
            .map(|event| json!([event["type"], event["data"]["id"], event["data"]["authenticated"]]))
            .collect();
        assert_eq!(after, [json!(["usher.conversation.message", "m1", true])]);
    }
}
