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

/// Does `act`, which says whether it is done, to each; those with which it isn't. From `late_from` on pauses are an
/// eighth of what the acts took: others wait a little longer, so that the last ones needn't.
pub(super) async fn paced<T, F>(
    all: Vec<T>,
    late_from: Option<Instant>,
    act: impl Fn(T) -> F + Send,
) -> Vec<T>
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
        let is_late = late_from.is_some_and(|late_from| late_from <= Instant::now());
        tokio::time::sleep(pause_after(began.elapsed(), is_late)).await;
    }
    undone
}

fn pause_after(took: Duration, is_late: bool) -> Duration {
    (took / if is_late { 8 } else { 2 }).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one act takes, in milliseconds, and those between two pauses.
    const ACT_MS: u64 = 4;
    const ACTS_MS: u64 = ACT_MS * (BETWEEN_PAUSES / CONCURRENT) as u64;

    /// Milliseconds that `acts` acts take with their pauses, where lateness begins so many after the first.
    async fn took_ms(acts: usize, act_ms: u64, late_after_ms: Option<u64>) -> u64 {
        let began = Instant::now();
        let late_from = late_after_ms.map(|ms| began + Duration::from_millis(ms));
        let act = |_| async move {
            tokio::time::sleep(Duration::from_millis(act_ms)).await;
            true
        };
        assert!(paced((0..acts).collect(), late_from, act).await.is_empty());
        began.elapsed().as_millis().try_into().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_half_as_long_as_the_acts_before_it_and_bounded() {
        assert_eq!(took_ms(BETWEEN_PAUSES, ACT_MS, None).await, ACTS_MS + ACTS_MS / 2);
        assert_eq!(took_ms(2 * BETWEEN_PAUSES, ACT_MS, None).await, 2 * (ACTS_MS + ACTS_MS / 2));
        let max = u64::try_from(PAUSE_MAX.as_millis()).unwrap();
        for (act_ms, pause) in [(4, 8), (5, max), (6, max)] {
            assert_eq!(took_ms(BETWEEN_PAUSES, act_ms, None).await, 4 * act_ms + pause, "{act_ms} ms");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_late_waits_less_for_everybody_else() {
        for (late_after, share) in [(ACTS_MS - 1, 8), (ACTS_MS, 8), (ACTS_MS + 1, 2)] {
            let took = took_ms(BETWEEN_PAUSES, ACT_MS, Some(late_after)).await;
            assert_eq!(took, ACTS_MS + ACTS_MS / share, "late after {late_after} ms");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_done_is_told() {
        let odd = |number: &usize| number % 2 == 1;
        let undone = paced((0..100).collect(), None, |number| async move { odd(&number) }).await;
        assert_eq!(undone.len(), 50);
        assert!(!undone.iter().any(odd));
    }
}
