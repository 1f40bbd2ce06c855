use super::{BEN, HOUR, World, adas, refused_for_now};
use crate::support::keys::token_of;
use crate::support::widget::{Ticket, Widget};

/// Ada's eight sockets.
async fn eight(world: &World, token: &str) -> (Vec<Widget>, Ticket) {
    let (oldest, ticket) = Widget::sign_in(&world.usher, "contoso/web", token).await;
    let mut sockets = vec![oldest];
    for _ in 0..7 {
        sockets.push(world.join(&ticket, token).await);
    }
    (sockets, ticket)
}

#[tokio::test]
async fn who_is_not_let_in_pushes_nobody_out() {
    let world = World::start().await;
    let (mut sockets, ticket) = eight(&world, &adas(0.0)).await;
    for _ in 0..3 {
        let mut thief = world.connect("web").await;
        refused_for_now(&mut thief, &ticket.resume(), "authentication_required").await;
        let bens = ticket.resume_with(&token_of(BEN, 0.0, HOUR));
        refused_for_now(&mut thief, &bens, "subject_mismatch").await;
    }
    for socket in &mut sockets {
        socket.expect_nothing().await;
    }
}

#[tokio::test]
async fn the_owners_ninth_socket_closes_the_oldest_and_the_sign_out_closes_the_eight_that_are_left() {
    let world = World::start().await;
    let token = adas(10.0);
    let (mut sockets, ticket) = eight(&world, &token).await;
    let mut ninth = world.join(&ticket, &token).await;
    let mut oldest = sockets.remove(0);
    assert_eq!(oldest.expect_close(4503).await, "too_many_sockets");
    ninth.send(serde_json::json!({ "type": "sign_out" })).await;
    sockets.push(ninth);
    for socket in &mut sockets {
        socket.told("signed_out").await;
        assert_eq!(socket.expect_close(4504).await, "signed_out");
    }
}
