//! The open loop's schedule: when each thing is meant to be sent, whatever became of those before it.
//!
//! What is late is measured from when it was meant to be sent. Measured from when it was sent, a gateway that stands
//! still for a second would show one slow answer, for everybody who waited behind it is left out.

use std::time::Duration;

use tokio::time::Instant;

/// A constant rate from a beginning on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    start: Instant,
    /// Things a second, at least 1.
    rate: u32,
}

impl Schedule {
    pub(crate) fn new(start: Instant, rate: u32) -> Self {
        Self { start, rate: rate.max(1) }
    }

    /// When the thing of this number, from 0, is meant to be sent.
    pub(crate) fn intended(&self, number: u64) -> Instant {
        let (rate, nanos) = (u128::from(self.rate), 1_000_000_000);
        let offset = u128::from(number) * nanos / rate;
        let seconds = u64::try_from(offset / nanos).unwrap_or(u64::MAX);
        let rest = u32::try_from(offset % nanos).unwrap_or_default();
        self.start + Duration::new(seconds, rest)
    }

    /// How long this thing took until now, from when it was meant to be sent.
    pub(crate) fn latency(&self, number: u64, now: Instant) -> Duration {
        now.saturating_duration_since(self.intended(number))
    }

    /// How many things there are in this time.
    pub(crate) fn count(&self, lasting: Duration) -> u64 {
        u64::try_from(lasting.as_millis() * u128::from(self.rate) / 1000).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_meant_to_be_sent_at_a_constant_rate_without_drift() {
        let start = Instant::now();
        let schedule = Schedule::new(start, 3);
        let at = |number| schedule.intended(number) - start;
        assert_eq!(at(0), Duration::ZERO);
        assert_eq!(at(1), Duration::from_nanos(333_333_333));
        assert_eq!(at(3), Duration::from_secs(1));
        assert_eq!(at(3_000_000), Duration::from_secs(1_000_000));
    }

    #[test]
    fn a_late_thing_is_measured_from_when_it_was_meant_to_be_sent() {
        let start = Instant::now();
        let schedule = Schedule::new(start, 100);
        // The gateway stood still for a second, and answers all that came meanwhile at once.
        let now = start + Duration::from_secs(1);
        let waited: Vec<_> = [0, 50, 99].map(|number| schedule.latency(number, now).as_millis()).into();
        assert_eq!(waited, [1000, 500, 10]);
        assert_eq!(schedule.latency(101, now), Duration::ZERO, "nothing is early");
    }

    #[test]
    fn a_time_has_its_rate_of_things() {
        let schedule = Schedule::new(Instant::now(), 40);
        assert_eq!(schedule.count(Duration::from_millis(2500)), 100);
        assert_eq!(Schedule::new(Instant::now(), 0).count(Duration::from_secs(2)), 2);
    }
}
