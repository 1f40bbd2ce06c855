//! The only place that reads the wall clock.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::domain::time::UnixTime;

/// When rates were first asked about.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Tells the time to everything outside the domain.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Source);

#[derive(Debug, Clone, Copy)]
enum Source {
    System,
    Runtime {
        start: UnixTime,
        at: Instant,
    },
    #[cfg(test)]
    Set(&'static std::sync::atomic::AtomicI64),
}

impl Clock {
    /// The machine's wall clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that shows `start` now and goes on with the runtime's own time, which a test can pause and advance.
    #[must_use]
    pub fn following_runtime(start: UnixTime) -> Self {
        Self(Source::Runtime { start, at: Instant::now() })
    }

    /// A clock that shows what a test has set, in milliseconds since the epoch; it may be set back.
    #[cfg(test)]
    pub(crate) const fn set_by(millis: &'static std::sync::atomic::AtomicI64) -> Self {
        Self(Source::Set(millis))
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        match self.0 {
            Source::System => system_now(),
            Source::Runtime { start, at } => start.plus(at.elapsed()),
            #[cfg(test)]
            Source::Set(millis) => UnixTime::from_millis(millis.load(std::sync::atomic::Ordering::Relaxed)),
        }
    }

    /// The time since a fixed moment of this process, which no setting of the wall clock changes: for rates.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        match self.0 {
            Source::System => ORIGIN.elapsed(),
            Source::Runtime { at, .. } => at.elapsed(),
            #[cfg(test)]
            Source::Set(_) => ORIGIN.elapsed(),
        }
    }

    /// How long until `instant`; zero where it is past.
    #[must_use]
    pub fn until(&self, instant: UnixTime) -> Duration {
        instant.since(self.now())
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
fn system_now() -> UnixTime {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::EPOCH.plus(since_epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_runtime_clock_moves_with_the_runtime() {
        let start = UnixTime::from_seconds(1_760_000_000);
        let clock = Clock::following_runtime(start);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(clock.now(), start.plus(Duration::from_secs(5)));
        assert_eq!(clock.until(start.plus(Duration::from_secs(7))), Duration::from_secs(2));
        assert_eq!(clock.until(start), Duration::ZERO);
    }
}
