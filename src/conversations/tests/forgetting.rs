//! Conversations that nobody holds any more are forgotten wherever the last one lets go of them, which may be in the
//! middle of anything.

use std::sync::mpsc;

use super::*;
use crate::conversations::rates::Counted;
use crate::domain::rate::Rate;

const ROUNDS: usize = 50;
/// More writes than a cache puts off before it tidies up.
const IN_A_ROUND: usize = 200;
/// Far longer than it takes; past this somebody waits for himself.
const WITHIN: Duration = Duration::from_secs(30);

#[test]
fn one_that_is_forgotten_while_another_is_being_forgotten_holds_nobody_up() {
    let (done, waiting) = mpsc::channel();
    // Not this one: a thread that waits for itself would never tell.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::open();
            let node = &world.nodes[0];
            let rate = Rate::per_minute(1).unwrap();
            // What is left of its rates is remembered. In a cache, that would make it tidy up now and then.
            let used = || {
                let live = node.get(ConversationId::new(time(world.now()), random()));
                live.rates().take(Counted::Messages, rate, Duration::ZERO).unwrap();
                live
            };
            for _ in 0..ROUNDS {
                // A cache is the last to hold this one, and lets go of it when any cache tidies up.
                let live = used();
                node.shared.recent.insert(live.id(), live.clone()).await;
                node.shared.recent.invalidate(&live.id()).await;
                drop(live);
                node.shared.recent.run_pending_tasks().await;
                for _ in 0..IN_A_ROUND {
                    drop(used());
                }
            }
        });
        done.send(()).unwrap();
    });
    waiting.recv_timeout(WITHIN).expect("it ends");
}

#[tokio::test]
async fn what_is_left_of_the_rates_outlives_a_conversation_that_nobody_holds() {
    let world = World::open();
    let node = &world.nodes[0];
    let id = ConversationId::new(time(world.now()), random());
    let rate = Rate::per_minute(1).unwrap();
    let take = || node.get(id).rates().take(Counted::Messages, rate, node.shared.clock.elapsed());
    assert_eq!(take(), Ok(()));
    for _ in 0..3 {
        assert!(take().is_err(), "it was forgotten");
        assert!(!node.shared.live.lock().unwrap().contains_key(&id), "nobody holds it");
    }
}
