//! How often a stranger's token may cause a fetch.

use std::time::Duration;

use crate::domain::time::UnixTime;

/// Refetches that are in hand at once.
pub(super) const REFETCHES_IN_HAND: u32 = 2;
/// One more refetch is had after each of these spans.
pub(super) const REFETCH_EVERY: Duration = Duration::from_secs(30);

/// A token bucket, kept as the one instant at which it will be full again (the generic cell rate algorithm).
#[derive(Debug, Clone, Copy)]
pub(super) struct Throttle {
    full_at: UnixTime,
}

impl Throttle {
    /// A full bucket.
    pub(super) const fn new() -> Self {
        Self { full_at: UnixTime::EPOCH }
    }

    /// Takes one refetch, or tells how long until there is one.
    pub(super) fn take(&mut self, now: UnixTime) -> Result<(), Duration> {
        let capacity = REFETCH_EVERY * REFETCHES_IN_HAND;
        // A clock that was set back must not lock the bucket for as long as the step was.
        let owed = self.full_at.since(now).min(capacity);
        let lacking = (owed + REFETCH_EVERY).saturating_sub(capacity);
        if !lacking.is_zero() {
            return Err(lacking);
        }
        self.full_at = now.plus(owed + REFETCH_EVERY);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixTime = UnixTime::from_seconds(1_760_000_000);

    fn after(millis: u64) -> UnixTime {
        START.plus(Duration::from_millis(millis))
    }

    #[test]
    fn two_are_in_hand_and_one_more_comes_every_30_s() {
        let mut throttle = Throttle::new();
        assert_eq!(throttle.take(START), Ok(()));
        assert_eq!(throttle.take(START), Ok(()));
        assert_eq!(throttle.take(START), Err(Duration::from_secs(30)));
        assert_eq!(throttle.take(after(29_999)), Err(Duration::from_millis(1)));
        assert_eq!(throttle.take(after(30_000)), Ok(()));
        assert_eq!(throttle.take(after(30_001)), Err(Duration::from_millis(29_999)));
    }

    #[test]
    fn no_more_than_two_are_saved_up() {
        let mut throttle = Throttle::new();
        let later = after(3_600_000);
        assert_eq!((throttle.take(later), throttle.take(later)), (Ok(()), Ok(())));
        assert!(throttle.take(later).is_err());
    }

    #[test]
    fn a_clock_set_back_costs_one_wait_at_most() {
        let mut throttle = Throttle::new();
        assert_eq!((throttle.take(START), throttle.take(START)), (Ok(()), Ok(())));
        let earlier = START.minus(Duration::from_hours(24));
        assert_eq!(throttle.take(earlier), Err(Duration::from_secs(30)));
    }
}
