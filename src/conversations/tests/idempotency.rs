//! For how long a page's key stands for its conversation, and what two nodes make of it.

use super::*;

/// The ten minutes of the protocol, in milliseconds.
const TEN_MINUTES: i64 = 600_000;

fn place() -> (TenantId, WidgetId) {
    ("contoso".parse().unwrap(), "web".parse().unwrap())
}

fn key() -> IdempotencyKey {
    let (tenant, widget) = place();
    IdempotencyKey::new(&tenant, &widget, "T0eVxR5kq8ZsYc2uNn1bHw")
}

impl World {
    async fn begin_once(&self, node: usize, key: &IdempotencyKey) -> Result<Begun, CommandError> {
        let (tenant, widget) = place();
        let start = Start::new(None, "default".into());
        self.nodes[node].start(tenant, widget, start, Some(key), &mut Some(self.socket(false).0)).await
    }

    async fn found(&self, node: usize, key: &IdempotencyKey) -> Option<ConversationId> {
        self.nodes[node].begun_with(key).await.unwrap().map(|live| live.id())
    }
}

#[tokio::test]
async fn a_key_stands_for_its_conversation_for_ten_minutes_and_is_free_then() {
    let world = World::open();
    let key = key();
    let begun = world.begin_once(0, &key).await.unwrap();
    for node in 0..NODES {
        for (millis, stands) in [(TEN_MINUTES - 1, true), (TEN_MINUTES, false), (TEN_MINUTES + 1, false)] {
            world.set_clock(at(0) + millis);
            let found = world.found(node, &key).await;
            assert_eq!(found, stands.then(|| begun.live.id()), "node {node} after {millis} ms");
        }
    }
    let again = world.begin_once(1, &key).await.unwrap();
    assert_ne!(again.live.id(), begun.live.id());
    assert_eq!(world.found(0, &key).await, Some(again.live.id()));
}

#[tokio::test]
async fn on_two_nodes_one_start_begins_it_and_the_other_finds_it() {
    let world = World::open();
    let key = key();
    let starts = tokio::join!(world.begin_once(0, &key), world.begin_once(1, &key));
    let refused = Some(CommandError::Refused(InvalidTransition::AlreadyStarted));
    let (begun, other) = match starts {
        (Ok(begun), other) => (begun, other.err()),
        (other, begun) => (begun.unwrap(), other.err()),
    };
    assert_eq!(other, refused);
    for node in 0..NODES {
        assert_eq!(world.found(node, &key).await, Some(begun.live.id()), "node {node}");
    }
}

#[tokio::test]
async fn a_claim_whose_node_died_before_the_beginning_is_taken_over_under_its_id() {
    let world = World::open();
    let key = key();
    let claimed = world.nodes[0].claim(&key).await.unwrap();
    assert_eq!(world.found(1, &key).await, None, "nothing has begun");
    assert_eq!(world.begin_once(1, &key).await.unwrap().live.id(), claimed);
}

#[tokio::test]
async fn keys_are_deleted_when_their_time_is_up_and_not_before() {
    let world = World::open();
    let key = key();
    world.begin_once(0, &key).await.unwrap();
    for (millis, kept) in [(TEN_MINUTES - 1, 1), (TEN_MINUTES, 0)] {
        world.set_clock(at(0) + millis);
        world.nodes[1].reap().await.unwrap();
        assert_eq!(world.journal.list("idempotency/", None, 10).await.unwrap().len(), kept, "{millis} ms");
    }
}
