//! Acting on a great many conversations at once without anybody else noticing.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

/// Acts under way at once: enough that the journal commits many together, and so few that what a customer says in the
/// second in which thousands of tokens end waits for no more than these.
const CONCURRENT: usize = 8;
/// Acts between two pauses. A pause is half as long as they took: of every second in which thousands of tokens end, a
/// third is everybody else's.
const BETWEEN_PAUSES: usize = 32;
/// The longest pause: where the journal is slow, it isn't these acts that keep it busy.
const PAUSE_MAX: Duration = Duration::from_millis(10);

/// Does `act`, which says whether it is done, to each; those with which it isn't.
pub(super) async fn paced<T, F>(all: Vec<T>, act: impl Fn(T) -> F + Send) -> Vec<T>
where
    T: Copy + Send,
    F: Future<Output = bool> + Send,
{
    let (mut all, mut undone) = (all.into_iter(), Vec::new());
    while all.len() > 0 {
        let (began, some) = (Instant::now(), all.by_ref().take(BETWEEN_PAUSES).collect::<Vec<_>>());
        let acts = some.into_iter().map(|one| act(one).map(move |is_done| (one, is_done)));
        let mut done = stream::iter(acts.collect::<Vec<_>>()).buffer_unordered(CONCURRENT);
        while let Some((one, is_done)) = done.next().await {
            if !is_done {
                undone.push(one);
            }
        }
        tokio::time::sleep((began.elapsed() / 2).min(PAUSE_MAX)).await;
    }
    undone
}
