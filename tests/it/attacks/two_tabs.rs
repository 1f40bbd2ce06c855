use serde_json::{Value, json};

use super::{ADA, HOUR, World};
use crate::support::keys::token_of;
use crate::support::widget::{Ticket, Widget};

/// How often two tabs meet.
const ROUNDS: usize = 10;

/// A conversation with two sockets.
async fn two_tabs(world: &World) -> ([Widget; 2], Ticket) {
    let token = token_of(ADA, 100.0, HOUR);
    let (first, ticket) = Widget::sign_in(&world.usher, "contoso/web", &token).await;
    let second = world.join(&ticket, &token).await;
    ([first, second], ticket)
}

/// Both present a token at once; what each tab got once both were answered.
async fn present(tabs: &mut [Widget; 2], tokens: [&str; 2]) -> [Vec<Value>; 2] {
    let [first, second] = tabs;
    tokio::join!(first.authenticate(tokens[0]), second.authenticate(tokens[1]));
    let mut heard = [Vec::new(), Vec::new()];
    // The first time a tab's own answer has come, the second time the other's consequences too.
    for _ in 0..2 {
        for (tab, heard) in tabs.iter_mut().zip(&mut heard) {
            tab.send(json!({ "type": "message" })).await;
            loop {
                let frame = tab.frame().await;
                if frame["type"] == "error" {
                    assert_eq!(frame["code"], "bad_frame", "{frame}");
                    break;
                }
                assert_eq!(frame["type"], "authentication", "{frame}");
                heard.push(frame);
            }
        }
    }
    heard
}

fn of<'h>(heard: &'h [Vec<Value>; 2], reason: &str) -> Vec<&'h Value> {
    heard.iter().flatten().filter(|told| told["reason"] == reason).collect()
}

#[tokio::test]
async fn two_tabs_that_refresh_with_one_token_refresh_once() {
    let world = World::start().await;
    for _ in 0..ROUNDS {
        let (mut tabs, ticket) = two_tabs(&world).await;
        let fresh = token_of(ADA, 0.0, HOUR);
        let heard = present(&mut tabs, [&fresh, &fresh]).await;
        let events = world.consumer().events(&ticket.conversation).await;
        assert_eq!((events.len(), &events[1]["data"]["reason"]), (2, &json!("token_refreshed")));
        assert_eq!((of(&heard, "token_refreshed").len(), of(&heard, "unchanged").len()), (2, 1), "{heard:?}");
        for told in heard.iter().flatten() {
            assert_eq!(told["sequence"], 2);
            assert_eq!(told["authentication"], events[1]["data"]["authentication"]);
        }
    }
}

#[tokio::test]
async fn an_older_token_never_undoes_a_newer_one_whichever_comes_first() {
    let world = World::start().await;
    for _ in 0..ROUNDS {
        let (mut tabs, ticket) = two_tabs(&world).await;
        // The older lives longer, so that it would show.
        let (older, newer) = (token_of(ADA, 20.0, 2.0 * HOUR), token_of(ADA, 10.0, HOUR));
        let heard = present(&mut tabs, [&older, &newer]).await;
        let refreshed = world.consumer().events_of(&ticket.conversation, "authenticated").await;
        assert!((1..=2).contains(&refreshed.len()), "{refreshed:?}");
        assert_eq!(of(&heard, "token_refreshed").len(), 2 * refreshed.len());
        assert_eq!(of(&heard, "unchanged").len(), 2 - refreshed.len());
        let stands = &refreshed.last().unwrap()["data"]["authentication"];
        for told in &heard {
            assert_eq!(&told.last().unwrap()["authentication"], stands);
            assert!(told.is_sorted_by_key(|told| told["sequence"].as_u64()), "{told:?}");
        }
        let lasts = crate::support::seconds(&stands["expires_at"]) - crate::support::keys::now();
        assert!(lasts < 1.5 * HOUR, "the older token stands: {lasts} s");
        let summary = world.consumer().summary(&ticket.conversation).await;
        assert_eq!(&summary["authentication"], stands);
    }
}
