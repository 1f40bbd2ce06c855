//! What the tests stand on: the real binary, a key endpoint, widgets and consumers over real sockets.

pub(crate) mod consumer;
pub(crate) mod hostile_endpoint;
pub(crate) mod keys;
pub(crate) mod raw;
pub(crate) mod setup;
pub(crate) mod tools;
pub(crate) mod usher;
pub(crate) mod widget;

use std::time::Duration;

/// Far beyond what anything here takes: reached, something hangs.
const TOO_LONG: Duration = Duration::from_mins(1);
/// Between two looks at something that can't be awaited.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Fails a test that would otherwise hang.
#[track_caller]
pub(crate) fn soon<F: Future>(what: &str, future: F) -> impl Future<Output = F::Output> {
    let at = std::panic::Location::caller();
    async move {
        let output = tokio::time::timeout(TOO_LONG, future).await;
        output.unwrap_or_else(|_| panic!("{what} should have happened by now ({at})"))
    }
}

/// Waits until this instant of the process's own clock.
#[track_caller]
pub(crate) fn until_time(instant: f64) -> impl Future<Output = ()> {
    until("an instant", async move || (keys::now() > instant).then_some(()))
}

/// The instant that a frame or an event tells, in Unix seconds.
pub(crate) fn seconds(time: &serde_json::Value) -> f64 {
    let time: jiff::Timestamp = time.as_str().unwrap().parse().unwrap();
    time.duration_since(jiff::Timestamp::UNIX_EPOCH).as_secs_f64()
}

/// Looks until there is something to see.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> impl Future<Output = T> {
    soon(what, async move {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    })
}
