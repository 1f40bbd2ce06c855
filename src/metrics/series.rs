//! The names, help texts, labels and buckets of the series, grouped by what they tell about.

use prometheus::{
    GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    core::Collector,
};

/// A verification takes 20 µs to a few ms.
const VERIFY_BUCKETS: &[f64] = &[25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3];
/// A commit takes 0.1 ms on a fast disk, tens of ms on a slow one.
const APPEND_BUCKETS: &[f64] =
    &[250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 1.0, 5.0];
/// A fetch ends after 5 s at the latest.
const FETCH_BUCKETS: &[f64] = &[5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1.0, 2.5, 5.0];

/// Widgets' connections and conversations.
#[derive(Debug)]
pub(super) struct Chat {
    pub(super) connections: IntGaugeVec,
    pub(super) connections_closed: IntCounterVec,
    pub(super) connections_refused: IntCounterVec,
    pub(super) rate_limited: IntCounterVec,
    pub(super) conversations_open: IntGaugeVec,
    pub(super) authentication_transitions: IntCounterVec,
    pub(super) messages: IntCounterVec,
    pub(super) queue_rule_failures: IntCounterVec,
}

impl Chat {
    pub(super) fn new(register: &Register<'_>) -> Self {
        Self {
            connections: register.gauges(
                "usher_connections",
                "Open widget connections by the conversation's state.",
                &["authentication"],
            ),
            connections_closed: register.counters(
                "usher_connections_closed_total",
                "Widget connections closed, by close code.",
                &["code"],
            ),
            connections_refused: register.counters(
                "usher_connections_refused_total",
                "Widget connections refused before the upgrade.",
                &["reason"],
            ),
            rate_limited: register.counters(
                "usher_rate_limited_total",
                "Frames and requests refused for the rate, by the setting of [limits] that was reached.",
                &["limit"],
            ),
            conversations_open: register.gauges(
                "usher_conversations_open",
                "Conversations that have not ended.",
                &["authentication"],
            ),
            authentication_transitions: register.counters(
                "usher_authentication_transitions_total",
                "Changes of a conversation's authentication.",
                &["to", "reason"],
            ),
            messages: register.counters(
                "usher_messages_total",
                "Messages journaled.",
                &["from", "authenticated"],
            ),
            queue_rule_failures: register.counters(
                "usher_queue_rule_failures_total",
                "Evaluations of queues' rules that were neither true nor false, by the queue's name.",
                &["tenant", "rule"],
            ),
        }
    }
}

/// Verifications of tokens, and the keys behind them.
#[derive(Debug)]
pub(super) struct Trust {
    pub(super) token_verifications: IntCounterVec,
    pub(super) token_verify_seconds: Histogram,
    pub(super) key_fetches: IntCounterVec,
    pub(super) key_fetch_seconds: Histogram,
    pub(super) key_set_age_seconds: GaugeVec,
}

impl Trust {
    pub(super) fn new(register: &Register<'_>) -> Self {
        Self {
            token_verifications: register.counters(
                "usher_token_verifications_total",
                "Tokens judged, by verdict and reason.",
                &["result", "reason"],
            ),
            token_verify_seconds: register.histogram(
                "usher_token_verify_seconds",
                "Time to judge a token, without waiting for keys.",
                VERIFY_BUCKETS,
            ),
            key_fetches: register.counters(
                "usher_key_fetches_total",
                "Fetches of tenants' key documents.",
                &["trigger", "result"],
            ),
            key_fetch_seconds: register.histogram(
                "usher_key_fetch_seconds",
                "Time of a fetch of a key document.",
                FETCH_BUCKETS,
            ),
            key_set_age_seconds: register.seconds(
                "usher_key_set_age_seconds",
                "Age of a tenant's key document since it was last confirmed.",
                &["tenant"],
            ),
        }
    }
}

/// The journal.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) append_seconds: Histogram,
    pub(super) errors: IntCounterVec,
}

impl Journal {
    pub(super) fn new(register: &Register<'_>) -> Self {
        Self {
            append_seconds: register.histogram(
                "usher_journal_append_seconds",
                "Time from handing a record to the journal until it is durable.",
                APPEND_BUCKETS,
            ),
            errors: register.counters(
                "usher_journal_errors_total",
                "Failures of the journal, by operation.",
                &["operation"],
            ),
        }
    }
}

/// Makes series and puts them into a registry.
#[derive(Debug)]
pub(super) struct Register<'a>(pub(super) &'a Registry);

/// Registration fails only for a bad or doubled name, which is a slip in this folder.
const NAMED_HERE: &str = "every series is named once, in this folder";

impl Register<'_> {
    pub(super) fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.put(IntCounterVec::new(Opts::new(name, help), labels))
    }

    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.put(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    /// Gauges of seconds, which have fractions.
    pub(super) fn seconds(&self, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
        self.put(GaugeVec::new(Opts::new(name, help), labels))
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.put(IntCounter::new(name, help))
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.put(IntGauge::new(name, help))
    }

    pub(super) fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        self.put(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())))
    }

    fn put<S: Collector + Clone + 'static>(&self, series: prometheus::Result<S>) -> S {
        let series = series.expect(NAMED_HERE);
        self.0.register(Box::new(series.clone())).expect(NAMED_HERE);
        series
    }
}
