//! How long things took, in microseconds at three significant digits.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::figures::{Figures, Unit};

/// Anything longer is counted as this long.
const LONGEST: Duration = Duration::from_mins(10);

/// A distribution of times.
#[derive(Debug)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(crate) fn new() -> Self {
        let most = u64::try_from(LONGEST.as_micros()).expect("ten minutes are few microseconds");
        Self(Histogram::new_with_bounds(1, most, 3).expect("the bounds are in order"))
    }

    pub(crate) fn record(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1));
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.len()
    }

    /// The time that this share of all (0 to 1) did not exceed, in milliseconds.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        milliseconds(self.0.value_at_quantile(share))
    }

    /// The longest, in milliseconds.
    pub(crate) fn max(&self) -> f64 {
        milliseconds(self.0.max())
    }

    /// Tells the quantiles that matter, as `NAME p50` and so on.
    pub(crate) fn tell(&self, name: &str, figures: &mut Figures) {
        for (label, share) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
            figures.add(format!("{name} {label}"), Unit::Milliseconds, self.quantile(share));
        }
        figures.add(format!("{name} max"), Unit::Milliseconds, self.max());
    }
}

fn milliseconds(micros: u64) -> f64 {
    crate::figures::float(micros) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_all_that_was_recorded() {
        let mut latencies = Latencies::new();
        (1..=1000).for_each(|n| latencies.record(Duration::from_micros(n * 100)));
        assert!((latencies.quantile(0.5) - 50.0).abs() < 0.1, "{}", latencies.quantile(0.5));
        assert!((latencies.quantile(0.99) - 99.0).abs() < 0.1, "{}", latencies.quantile(0.99));
        assert!((latencies.max() - 100.0).abs() < 0.1);
    }

    #[test]
    fn what_exceeds_the_bounds_is_counted_at_them() {
        let mut latencies = Latencies::new();
        latencies.record(Duration::ZERO);
        latencies.record(LONGEST * 2);
        assert_eq!(latencies.len(), 2);
        assert!((latencies.max() - 600_000.0).abs() < 600.0);
    }
}
