//! How long things took, each to the microsecond.

use std::time::Duration;

use crate::figures::{Figures, Unit, float};

/// A distribution of times, exact: four bytes for each, and what is longer than an hour is counted as an hour.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    micros: Vec<u32>,
    sorted: bool,
}

impl Latencies {
    pub(crate) fn record(&mut self, took: Duration) {
        self.sorted = false;
        self.micros.push(u32::try_from(took.as_micros()).map_or(HOUR, |micros| micros.min(HOUR)));
    }

    pub(crate) fn len(&self) -> u64 {
        self.micros.len() as u64
    }

    /// The time in milliseconds that this share of all, in thousandths, did not exceed; of none, it is no number.
    pub(crate) fn quantile(&mut self, thousandths: usize) -> f64 {
        if !self.sorted {
            self.micros.sort_unstable();
            self.sorted = true;
        }
        let rank = (self.micros.len() * thousandths).div_ceil(1000).max(1);
        self.micros.get(rank - 1).map_or(f64::NAN, |micros| float(u64::from(*micros)) / 1000.0)
    }

    /// Tells the quantiles that matter, as `NAME p50` and so on.
    pub(crate) fn tell(&mut self, name: &str, figures: &mut Figures) {
        for (label, thousandths) in [("p50", 500), ("p99", 990), ("p99.9", 999), ("max", 1000)] {
            figures.add(format!("{name} {label}"), Unit::Milliseconds, self.quantile(thousandths));
        }
    }
}

impl FromIterator<Duration> for Latencies {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        let mut latencies = Self::default();
        for took in times {
            latencies.record(took);
        }
        latencies
    }
}

/// In microseconds.
const HOUR: u32 = 3_600_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(micros: impl Iterator<Item = u64>) -> Latencies {
        micros.map(Duration::from_micros).collect()
    }

    #[expect(clippy::float_cmp, reason = "one recorded time is told, not computed")]
    fn assert_quantiles(mut latencies: Latencies, expected: [f64; 4]) {
        assert_eq!([500, 990, 999, 1000].map(|share| latencies.quantile(share)), expected);
    }

    #[test]
    fn a_quantile_is_the_least_time_that_the_share_does_not_exceed() {
        assert_quantiles(of((1..=1000).rev()), [0.5, 0.99, 0.999, 1.0]);
        assert_quantiles(of([3000, 1000, 2000].into_iter()), [2.0, 3.0, 3.0, 3.0]);
        assert_quantiles(of([7].into_iter()), [0.007; 4]);
        assert!(Latencies::default().quantile(500).is_nan());
    }

    #[test]
    fn what_is_recorded_after_a_quantile_was_told_counts() {
        let mut latencies = of([1000].into_iter());
        latencies.quantile(500);
        latencies.record(Duration::ZERO);
        assert_quantiles(latencies, [0.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn no_time_is_longer_than_an_hour() {
        assert_quantiles(of([u64::MAX].into_iter()), [3_600_000.0; 4]);
    }
}
