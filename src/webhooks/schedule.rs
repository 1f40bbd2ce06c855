//! When a delivery that failed is tried again: values in, values out.

use std::time::Duration;

use crate::domain::time::UnixTime;

/// The first retry comes within so long.
pub(super) const FIRST_RETRY_WITHIN: Duration = Duration::from_secs(5);
/// However often it has failed, the next retry comes within so long, unless the endpoint asks for more.
pub(super) const RETRY_WITHIN_MAX: Duration = Duration::from_mins(5);
/// A longer `Retry-After` counts as this: a slip of one endpoint's must not cost a day.
pub(super) const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// The attempts at one event so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tried {
    /// When the first was made.
    pub(super) first: UnixTime,
    /// How many have failed.
    pub(super) failures: u32,
}

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Another one, after so long.
    Retry(Duration),
    /// None: `retry_for` is over, or would be before the endpoint wants to be asked again.
    Park,
}

/// Judges a failed attempt at `now`. `asked` is the endpoint's `Retry-After`, `drawn` a random number in [0, 1).
///
/// Without the former, the wait is drawn from the whole span up to a bound that doubles with each failure ("full
/// jitter"), so that conversations which failed together don't come together again; the last attempt is made when
/// `retry_for` ends. With it, the same is drawn beyond what was asked for.
pub(super) fn after_failure(
    tried: Tried,
    retry_for: Duration,
    asked: Option<Duration>,
    now: UnixTime,
    drawn: f64,
) -> Next {
    let deadline = tried.first.plus(retry_for);
    let asked = asked.unwrap_or_default().min(RETRY_AFTER_MAX);
    if now >= deadline || now.plus(asked) > deadline {
        return Next::Park;
    }
    let jitter = longest(tried.failures).mul_f64(drawn.clamp(0.0, 1.0));
    Next::Retry((asked + jitter).min(deadline.since(now)))
}

/// The bound of the wait after so many failures.
fn longest(failures: u32) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST_RETRY_WITHIN.saturating_mul(doubled.max(1)).min(RETRY_WITHIN_MAX)
}

/// What became of a request by its status (RFC 9110 §15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    /// 2xx.
    Delivered,
    /// 3xx: none is followed.
    Redirected,
    /// All else, 410 included: whether an endpoint is wanted is for the configuration to say.
    Refused,
}

pub(super) const fn answered(status: u16) -> Answered {
    match status {
        200..=299 => Answered::Delivered,
        300..=399 => Answered::Redirected,
        _ => Answered::Refused,
    }
}

/// Reads a `Retry-After` (RFC 9110 §10.2.3): seconds, or an instant. What is neither is passed over.
pub(super) fn retry_after(value: &str, now: UnixTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let instant = jiff::fmt::rfc2822::parse(value).ok()?;
    Some(UnixTime::from_millis(instant.timestamp().as_millisecond()).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixTime = UnixTime::from_seconds(1_760_000_000);
    const RETRY_FOR: Duration = Duration::from_mins(10);

    fn tried(failures: u32) -> Tried {
        Tried { first: START, failures }
    }

    fn retry(failures: u32, drawn: f64) -> Duration {
        match after_failure(tried(failures), Duration::from_hours(24), None, START, drawn) {
            Next::Retry(wait) => wait,
            Next::Park => panic!("parked"),
        }
    }

    #[test]
    fn the_bound_of_the_wait_doubles_from_five_seconds_to_five_minutes() {
        let bounds: Vec<_> = (1..=8).map(|failures| retry(failures, 1.0).as_secs()).collect();
        assert_eq!(bounds, [5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(retry(u32::MAX, 1.0), RETRY_WITHIN_MAX);
    }

    #[test]
    fn the_wait_is_drawn_from_the_whole_span() {
        assert_eq!(retry(1, 0.0), Duration::ZERO);
        assert_eq!(retry(3, 0.5), Duration::from_secs(10));
    }

    #[test]
    fn retrying_ends_with_retry_for_and_not_a_millisecond_earlier_or_later() {
        let end = START.plus(RETRY_FOR);
        let judged = |now| after_failure(tried(1), RETRY_FOR, None, now, 1.0);
        let millisecond = Duration::from_millis(1);
        assert_eq!(judged(end.minus(millisecond)), Next::Retry(millisecond));
        assert_eq!(judged(end), Next::Park);
        assert_eq!(judged(end.plus(millisecond)), Next::Park);
    }

    #[test]
    fn the_last_attempt_is_made_when_retry_for_ends() {
        let now = START.plus(RETRY_FOR).minus(Duration::from_secs(2));
        assert_eq!(after_failure(tried(9), RETRY_FOR, None, now, 0.9), Next::Retry(Duration::from_secs(2)));
    }

    #[test]
    fn no_attempt_is_made_before_the_endpoint_asked_for_it() {
        for (asked, drawn, wait) in
            [(0, 0.0, 0), (60, 0.0, 60), (60, 1.0, 65), (600, 1.0, 600), (600, 0.0, 600)]
        {
            let asked = Some(Duration::from_secs(asked));
            let next = after_failure(tried(1), RETRY_FOR, asked, START, drawn);
            assert_eq!(next, Next::Retry(Duration::from_secs(wait)), "{asked:?}");
        }
        let beyond = Some(RETRY_FOR + Duration::from_millis(1));
        assert_eq!(after_failure(tried(1), RETRY_FOR, beyond, START, 0.0), Next::Park);
    }

    #[test]
    fn a_retry_after_beyond_an_hour_counts_as_an_hour() {
        let day = Duration::from_hours(24);
        for (asked, wait) in [(3599, 3599), (3600, 3600), (3601, 3600), (u64::MAX, 3600)] {
            let next = after_failure(tried(1), day, Some(Duration::from_secs(asked)), START, 0.0);
            assert_eq!(next, Next::Retry(Duration::from_secs(wait)), "{asked}");
        }
    }

    #[test]
    fn only_2xx_is_delivered() {
        for (status, what) in [
            (199, Answered::Refused),
            (200, Answered::Delivered),
            (204, Answered::Delivered),
            (299, Answered::Delivered),
            (300, Answered::Redirected),
            (308, Answered::Redirected),
            (399, Answered::Redirected),
            (400, Answered::Refused),
            (410, Answered::Refused),
            (429, Answered::Refused),
            (503, Answered::Refused),
        ] {
            assert_eq!(answered(status), what, "{status}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_an_instant() {
        let now = UnixTime::from_seconds(784_111_777); // Sun, 06 Nov 1994 08:49:37 GMT
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (value, wait) in [
            ("0", seconds(0)),
            (" 120 ", seconds(120)),
            ("99999999999999999999999", seconds(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:38 GMT", seconds(1)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", seconds(0)),
            ("Sun, 06 Nov 1994 08:49:36 GMT", seconds(0)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(value, now), wait, "{value:?}");
        }
    }
}
