//! How often something may happen: buckets that hold one period's allowance and refill steadily.
//!
//! A bucket is one number, the instant at which it is full again (the generic cell rate algorithm, ITU-T I.371). So it
//! needs no timer, costs eight bytes, and can be told from a new one once that instant is past: what is as good as new
//! can be forgotten. Instants are times since any fixed moment of a clock that never steps back.

use std::collections::VecDeque;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// So many in a period: as many at once, and as many in every period after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Nanoseconds in which one of them is refilled.
    refill: u64,
    /// How long an empty bucket takes to be full, in nanoseconds.
    full: u64,
}

impl Rate {
    /// So many a second; `None` for 0, which is no limit.
    #[must_use]
    pub fn per_second(count: u32) -> Option<Self> {
        Self::per(SECOND, count)
    }

    /// So many a minute; `None` for 0, which is no limit.
    #[must_use]
    pub fn per_minute(count: u32) -> Option<Self> {
        Self::per(MINUTE, count)
    }

    fn per(period: Duration, count: u32) -> Option<Self> {
        let refill = nanos(period).checked_div(count.into())?;
        // Not the period itself: where the division leaves a rest, that would be room for one more.
        Some(Self { refill, full: refill * u64::from(count) })
    }
}

/// What is left of a rate. A new one is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bucket {
    full_at: u64,
}

impl Bucket {
    /// The bucket that [`Self::to_bits`] wrote down.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self { full_at: bits }
    }

    /// The bucket as a number, for those who share it without a lock.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.full_at
    }

    /// Takes one, or says how long to wait for it. Who is refused takes nothing.
    pub fn take(&mut self, rate: Rate, now: Duration) -> Result<(), Duration> {
        let full_at = self.after_one(rate, now)?;
        self.full_at = full_at;
        Ok(())
    }

    /// Whether one could be taken, or how long to wait for it.
    pub fn look(self, rate: Rate, now: Duration) -> Result<(), Duration> {
        self.after_one(rate, now).map(drop)
    }

    fn after_one(self, rate: Rate, now: Duration) -> Result<u64, Duration> {
        let now = nanos(now);
        let full_at = self.full_at.max(now) + rate.refill;
        match full_at.checked_sub(now + rate.full) {
            None | Some(0) => Ok(full_at),
            Some(wait) => Err(Duration::from_nanos(wait)),
        }
    }

    /// Whether it is as good as new.
    #[must_use]
    pub fn is_full(self, now: Duration) -> bool {
        self.full_at <= nanos(now)
    }
}

/// 584 years of nanoseconds fit.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The latest occurrences of something that may happen only so often within a minute.
#[derive(Debug, Default)]
pub struct WithinMinute(VecDeque<Duration>);

impl WithinMinute {
    /// Notes one more; whether it is at least the `count`th of the last minute.
    pub fn reaches(&mut self, count: usize, now: Duration) -> bool {
        self.0.push_back(now);
        while self.0.len() > count || self.0.front().is_some_and(|first| now.saturating_sub(*first) >= MINUTE)
        {
            self.0.pop_front();
        }
        self.0.len() >= count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_hours(5);
    const NANOSECOND: Duration = Duration::from_nanos(1);

    fn just_before(instant: Duration) -> Duration {
        instant.saturating_sub(NANOSECOND)
    }

    /// How many of `tries` attempts, one every `every`, are let through.
    fn let_through(rate: Rate, every: Duration, tries: u32) -> u32 {
        let mut bucket = Bucket::default();
        (0..tries).map(|index| u32::from(bucket.take(rate, START + every * index).is_ok())).sum()
    }

    #[test]
    fn at_once_it_lets_the_periods_allowance_through_and_not_one_more() {
        for count in [1, 2, 7, 60, 240, 1_000_000] {
            for rate in [Rate::per_minute(count), Rate::per_second(count)] {
                assert_eq!(let_through(rate.unwrap(), Duration::ZERO, count + 2), count);
            }
        }
    }

    #[test]
    fn sustained_it_lets_the_stated_rate_through_and_not_one_in_a_period() {
        // Ten attempts a second for ten minutes: the first minute's allowance, and then 60 a minute.
        let let_through_in_ten_minutes =
            let_through(Rate::per_minute(60).unwrap(), Duration::from_millis(100), 6000);
        assert_eq!(let_through_in_ten_minutes, 60 + 599);
        // A hundred attempts a second for a minute: 20 at once, and then 20 a second.
        let let_through_in_a_minute =
            let_through(Rate::per_second(20).unwrap(), Duration::from_millis(10), 6000);
        assert_eq!(let_through_in_a_minute, 20 + 1199);
        // Whoever keeps to the rate is never refused, however long.
        assert_eq!(let_through(Rate::per_minute(60).unwrap(), SECOND, 10_000), 10_000);
    }

    #[test]
    fn after_the_wait_that_it_names_the_next_one_is_let_through_and_not_before() {
        let (rate, mut bucket) = (Rate::per_minute(3).unwrap(), Bucket::default());
        for _ in 0..3 {
            bucket.take(rate, START).unwrap();
        }
        let wait = bucket.take(rate, START).unwrap_err();
        assert_eq!(wait, Duration::from_secs(20));
        assert_eq!(bucket.look(rate, just_before(START + wait)), Err(NANOSECOND));
        assert_eq!(bucket.take(rate, START + wait), Ok(()));
        assert!(bucket.take(rate, START + wait).is_err(), "one was refilled, not two");
    }

    #[test]
    fn a_refusal_takes_nothing() {
        let (rate, mut bucket) = (Rate::per_minute(1).unwrap(), Bucket::default());
        bucket.take(rate, START).unwrap();
        let before = bucket;
        for _ in 0..1000 {
            bucket.take(rate, START).unwrap_err();
        }
        assert_eq!(bucket, before);
    }

    #[test]
    fn it_is_as_good_as_new_once_all_is_refilled_and_not_before() {
        let (rate, mut bucket) = (Rate::per_minute(60).unwrap(), Bucket::default());
        assert!(bucket.is_full(START));
        bucket.take(rate, START).unwrap();
        assert!(!bucket.is_full(just_before(START + SECOND)));
        assert!(bucket.is_full(START + SECOND));
    }

    #[test]
    fn zero_is_no_limit() {
        assert_eq!((Rate::per_minute(0), Rate::per_second(0)), (None, None));
    }

    #[test]
    fn the_tenth_within_a_minute_is_told_from_the_ninth_and_from_ten_in_longer() {
        let mut within = WithinMinute::default();
        let apart = Duration::from_secs(6);
        let told: Vec<_> = (0..9).map(|index| within.reaches(10, START + apart * index)).collect();
        assert_eq!(told, [false; 9]);
        assert!(!within.reaches(10, START + MINUTE), "the first of these ten is a minute ago");
        assert!(within.reaches(10, just_before(START + MINUTE + apart)));
    }
}
