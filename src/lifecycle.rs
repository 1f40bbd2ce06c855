//! Starting and stopping politely: the signal to drain, the signal to stop, and the tasks to wait for.

use std::future::Future;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A file grew beyond the process's limit (`ulimit -f`); the number is the same on every platform that usher runs on.
const FILE_TOO_LARGE: SignalKind = SignalKind::from_raw(25);

/// Shared by everything that runs. A drain comes first, the stop after it; both are final.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    draining: CancellationToken,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

impl Lifecycle {
    /// A lifecycle at its beginning.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Spawns a task that the stop waits for.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        self.tasks.spawn(task)
    }

    /// Begins the drain: no new connections, every widget told to go elsewhere.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// Whether the drain has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Completes when the drain begins.
    pub async fn drained(&self) {
        self.draining.cancelled().await;
    }

    /// Begins the stop: what still runs ends now.
    pub fn stop(&self) {
        self.draining.cancel();
        self.stopping.cancel();
    }

    /// Whether the stop has begun.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Completes when the stop begins.
    pub async fn stopped(&self) {
        self.stopping.cancelled().await;
    }

    /// Drains at the first SIGTERM or SIGINT, and stops at the second: whoever repeats it is in a hurry. A file that
    /// may not grow is from now on an error of the write, which the journal handles, and not the process's death.
    ///
    /// # Errors
    /// The handlers can't be installed.
    pub fn obey_signals(&self) -> std::io::Result<()> {
        // Once there is a handler, it stays.
        drop(signal(FILE_TOO_LARGE)?);
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let lifecycle = self.clone();
        let listen = async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                    () = lifecycle.stopped() => return,
                }
                if lifecycle.is_draining() {
                    tracing::warn!("asked a second time: stopping now");
                    lifecycle.stop();
                } else {
                    tracing::info!("asked to stop: draining");
                    lifecycle.drain();
                }
            }
        };
        self.spawn(listen);
        Ok(())
    }

    /// Completes when every task spawned here has ended. New ones may still be spawned while it waits.
    pub async fn finished(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stop_is_a_drain_too_and_waits_for_the_tasks() {
        let lifecycle = Lifecycle::new();
        let inner = lifecycle.clone();
        let task = lifecycle.spawn(async move {
            inner.drained().await;
            inner.stopped().await;
            7
        });
        lifecycle.stop();
        lifecycle.finished().await;
        assert!(lifecycle.is_draining() && lifecycle.is_stopping());
        assert_eq!(task.await.ok(), Some(7));
    }
}
