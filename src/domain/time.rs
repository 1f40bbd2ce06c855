//! An instant on the wall clock, as a plain number: the domain never asks what time it is.

use std::fmt;
use std::time::Duration;

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted (as in POSIX and RFC 7519 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(i64);

impl UnixTime {
    /// 9999-12-31T23:59:59Z, the last whole second that RFC 3339 can write.
    pub const MAX: Self = Self(253_402_300_799_000);
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// From milliseconds since the epoch; what lies outside 1970 to 9999 is drawn to its edge.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        if millis < Self::EPOCH.0 {
            Self::EPOCH
        } else if millis > Self::MAX.0 {
            Self::MAX
        } else {
            Self(millis)
        }
    }

    /// From whole seconds since the epoch; drawn to the edge like [`UnixTime::from_millis`].
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0 / 1000
    }

    /// The first whole second at this instant or after it.
    #[must_use]
    pub const fn ceil_to_second(self) -> Self {
        Self::from_millis((self.0 + 999) / 1000 * 1000)
    }

    /// This instant moved later, never past [`UnixTime::MAX`].
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// This instant moved earlier, never before [`UnixTime::EPOCH`].
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_sub(millis))
    }

    /// How long from `earlier` to this instant; zero where `earlier` lies later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads an RFC 3339 timestamp with an offset, to the millisecond.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let instant: jiff::Timestamp = text.parse().ok()?;
        let millis = instant.as_millisecond();
        (Self::EPOCH.0..=Self::MAX.0).contains(&millis).then_some(Self(millis))
    }
}

/// RFC 3339 in UTC with milliseconds, as everything that leaves usher writes a time.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A `jiff::Timestamp` ends a day before the year 9999 does; the civil calendar holds all of it.
        let utc = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0) + jiff::SignedDuration::from_millis(self.0);
        write!(f, "{utc:.3}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_utc_with_milliseconds() {
        assert_eq!(UnixTime::from_millis(1_760_000_000_007).to_string(), "2025-10-09T08:53:20.007Z");
        assert_eq!(UnixTime::MAX.to_string(), "9999-12-31T23:59:59.000Z");
        assert_eq!(UnixTime::EPOCH.to_string(), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let time = UnixTime::from_millis(1_760_000_000_007);
        assert_eq!(UnixTime::parse_rfc3339(&time.to_string()), Some(time));
        assert_eq!(UnixTime::parse_rfc3339("2025-10-09T10:53:20.007+02:00"), Some(time));
        assert_eq!(UnixTime::parse_rfc3339("2025-10-09"), None);
    }

    #[test]
    fn a_time_is_rounded_up_to_a_whole_second() {
        for (millis, second) in [(999, 1000), (1000, 1000), (1001, 2000), (0, 0)] {
            assert_eq!(UnixTime::from_millis(millis).ceil_to_second(), UnixTime::from_millis(second));
        }
        assert_eq!(UnixTime::MAX.ceil_to_second(), UnixTime::MAX);
    }

    #[test]
    fn arithmetic_stops_at_the_edges() {
        assert_eq!(UnixTime::MAX.plus(Duration::MAX), UnixTime::MAX);
        assert_eq!(UnixTime::EPOCH.minus(Duration::from_secs(1)), UnixTime::EPOCH);
        assert_eq!(UnixTime::EPOCH.since(UnixTime::MAX), Duration::ZERO);
    }
}
