//! Waiting until an instant. Tokio's timer wakes at whole milliseconds, which is longer than what is measured here.

use tokio::time::Instant;

use crate::Fault;

#[cfg(target_os = "linux")]
mod timer {
    use std::os::fd::OwnedFd;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::unix::AsyncFd;
    use tokio::time::Instant;

    use crate::Fault;

    /// A kernel timer that wakes as finely as the machine can.
    #[derive(Debug)]
    pub(crate) struct Pacer(AsyncFd<OwnedFd>);

    impl Pacer {
        #[expect(
            deprecated,
            reason = "its successor is unsafe; an owned descriptor stays the same file here"
        )]
        pub(crate) fn new() -> Result<Self, Fault> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            Ok(Self(AsyncFd::new(timerfd_create(TimerfdClockId::Monotonic, flags)?)?))
        }

        /// Returns at this instant, at once where it is past.
        pub(crate) async fn until(&self, at: Instant) -> Result<(), Fault> {
            let wait = at.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                return Ok(());
            }
            let it_value =
                Timespec { tv_sec: wait.as_secs().try_into()?, tv_nsec: wait.subsec_nanos().into() };
            let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
            timerfd_settime(
                self.0.get_ref(),
                TimerfdTimerFlags::empty(),
                &Itimerspec { it_interval, it_value },
            )?;
            loop {
                let mut ready = self.0.readable().await?;
                let rung = ready.try_io(|timer| {
                    let mut rings = [0; 8];
                    Ok(rustix::io::read(timer.get_ref(), &mut rings)?)
                });
                // Otherwise it was no ring.
                if let Ok(rung) = rung {
                    return Ok(rung.map(|_| ())?);
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod timer {
    use tokio::time::Instant;

    use crate::Fault;

    /// Tokio's timer: whole milliseconds.
    #[derive(Debug)]
    pub(crate) struct Pacer;

    impl Pacer {
        pub(crate) fn new() -> Result<Self, Fault> {
            Ok(Self)
        }

        pub(crate) async fn until(&self, at: Instant) -> Result<(), Fault> {
            tokio::time::sleep_until(at).await;
            Ok(())
        }
    }
}

/// Wakes at given instants.
#[derive(Debug)]
pub(crate) struct Pacer(timer::Pacer);

impl Pacer {
    pub(crate) fn new() -> Result<Self, Fault> {
        timer::Pacer::new().map(Self)
    }

    /// Returns at this instant, after letting the other tasks run once where it is past.
    pub(crate) async fn until(&self, at: Instant) -> Result<(), Fault> {
        if at <= Instant::now() {
            tokio::task::yield_now().await;
        }
        self.0.until(at).await
    }
}
