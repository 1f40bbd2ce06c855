//! Every series that usher exports, with typed labels: a label that has no type here has no series.
//!
//! Children are resolved once, so that counting on the hot path is one atomic addition.

use std::time::Duration;

use prometheus::core::{AtomicU64, GenericCounter};
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use crate::domain::id::TenantId;

/// All series. One for the process, shared by reference.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    connections: IntGaugeVec,
    connections_closed: IntCounterVec,
    connections_refused: IntCounterVec,
    conversations_open: IntGaugeVec,
    token_verifications: IntCounterVec,
    token_verify_seconds: Histogram,
    authentication_transitions: IntCounterVec,
    key_fetches: IntCounterVec,
    key_fetch_seconds: Histogram,
    key_set_age_seconds: GaugeVec,
    messages: IntCounterVec,
    journal_append_seconds: Histogram,
    journal_errors: IntCounterVec,
    /// Refetches of keys that the throttle refused.
    pub key_fetch_throttled: IntCounter,
    /// Readers of the event stream.
    pub event_readers: IntGauge,
    /// Revocations in force.
    pub revocations: IntGauge,
    /// 1 while the node drains.
    pub draining: IntGauge,
    /// Sessions that a panic ended.
    pub session_panics: IntCounter,
}

/// A verification takes 20 µs to a few ms.
const VERIFY_BUCKETS: &[f64] = &[25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3];
/// A commit takes 0.1 ms on a fast disk, tens of ms on a slow one.
const APPEND_BUCKETS: &[f64] =
    &[250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 1.0, 5.0];
/// A fetch ends after 5 s at the latest.
const FETCH_BUCKETS: &[f64] = &[5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1.0, 2.5, 5.0];

/// The label `authentication`.
const fn authentication_label(authenticated: bool) -> &'static str {
    if authenticated { "authenticated" } else { "anonymous" }
}

impl Metrics {
    /// Registers every series.
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new();
        let build =
            int_gauge_vec(&registry, "usher_build_info", "1, labelled with the version.", &["version"]);
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let metrics = Self {
            connections: int_gauge_vec(
                &registry,
                "usher_connections",
                "Open widget connections by the conversation's state.",
                &["authentication"],
            ),
            connections_closed: counter_vec(
                &registry,
                "usher_connections_closed_total",
                "Widget connections closed, by close code.",
                &["code"],
            ),
            connections_refused: counter_vec(
                &registry,
                "usher_connections_refused_total",
                "Widget connections refused before the upgrade.",
                &["reason"],
            ),
            conversations_open: int_gauge_vec(
                &registry,
                "usher_conversations_open",
                "Conversations that have not ended.",
                &["authentication"],
            ),
            token_verifications: counter_vec(
                &registry,
                "usher_token_verifications_total",
                "Tokens judged, by verdict and reason.",
                &["result", "reason"],
            ),
            token_verify_seconds: histogram(
                &registry,
                "usher_token_verify_seconds",
                "Time to judge a token, without waiting for keys.",
                VERIFY_BUCKETS,
            ),
            authentication_transitions: counter_vec(
                &registry,
                "usher_authentication_transitions_total",
                "Changes of a conversation's authentication.",
                &["to", "reason"],
            ),
            key_fetches: counter_vec(
                &registry,
                "usher_key_fetches_total",
                "Fetches of tenants' key documents.",
                &["trigger", "result"],
            ),
            key_fetch_seconds: histogram(
                &registry,
                "usher_key_fetch_seconds",
                "Time of a fetch of a key document.",
                FETCH_BUCKETS,
            ),
            key_set_age_seconds: gauge_vec(
                &registry,
                "usher_key_set_age_seconds",
                "Age of a tenant's key document since it was last confirmed.",
                &["tenant"],
            ),
            messages: counter_vec(
                &registry,
                "usher_messages_total",
                "Messages journaled.",
                &["from", "authenticated"],
            ),
            journal_append_seconds: histogram(
                &registry,
                "usher_journal_append_seconds",
                "Time from handing a record to the journal until it is durable.",
                APPEND_BUCKETS,
            ),
            journal_errors: counter_vec(
                &registry,
                "usher_journal_errors_total",
                "Failures of the journal, by operation.",
                &["operation"],
            ),
            key_fetch_throttled: counter(
                &registry,
                "usher_key_fetch_throttled_total",
                "Refetches of keys that the throttle refused.",
            ),
            event_readers: int_gauge(&registry, "usher_event_readers", "Readers of the event stream."),
            revocations: int_gauge(&registry, "usher_revocations", "Revocations in force."),
            draining: int_gauge(&registry, "usher_draining", "1 while the node drains."),
            session_panics: counter(&registry, "usher_session_panics_total", "Sessions that a panic ended."),
            registry,
        };
        for authenticated in [true, false] {
            metrics.connections(authenticated).set(0);
            metrics.conversations_open(authenticated).set(0);
        }
        metrics
    }

    /// Open connections whose conversation is authenticated, or not.
    #[must_use]
    pub fn connections(&self, authenticated: bool) -> IntGauge {
        self.connections.with_label_values(&[authentication_label(authenticated)])
    }

    /// Conversations that have not ended.
    #[must_use]
    pub fn conversations_open(&self, authenticated: bool) -> IntGauge {
        self.conversations_open.with_label_values(&[authentication_label(authenticated)])
    }

    /// A widget connection was closed with this code (RFC 6455 §7.4; 1006 where no close frame came).
    pub fn connection_closed(&self, code: u16) {
        self.connections_closed.with_label_values(&[code.to_string()]).inc();
    }

    /// A widget connection was refused before the upgrade.
    pub fn connection_refused(&self, reason: &'static str) {
        self.connections_refused.with_label_values(&[reason]).inc();
    }

    /// A token was judged: `reason` is a refusal's code, or empty for an accepted one.
    pub fn token_verified(&self, refused: Option<&'static str>) {
        let labels = refused.map_or(["accepted", ""], |reason| ["refused", reason]);
        self.token_verifications.with_label_values(&labels).inc();
    }

    /// How long a verification took.
    pub fn token_verify_took(&self, elapsed: Duration) {
        self.token_verify_seconds.observe(elapsed.as_secs_f64());
    }

    /// A conversation's authentication changed.
    pub fn authentication_changed(&self, to_authenticated: bool, reason: &'static str) {
        self.authentication_transitions
            .with_label_values(&[authentication_label(to_authenticated), reason])
            .inc();
    }

    /// A key document was fetched, or failed to be.
    pub fn key_fetched(&self, trigger: &'static str, result: &'static str, elapsed: Duration) {
        self.key_fetches.with_label_values(&[trigger, result]).inc();
        self.key_fetch_seconds.observe(elapsed.as_secs_f64());
    }

    /// The age of a tenant's key set. Tenants are bounded by the configuration.
    #[must_use]
    pub fn key_set_age(&self, tenant: &TenantId) -> Gauge {
        self.key_set_age_seconds.with_label_values(&[tenant.as_str()])
    }

    /// Messages journaled; resolve once and keep.
    #[must_use]
    pub fn messages(&self, from: &'static str, authenticated: bool) -> GenericCounter<AtomicU64> {
        self.messages.with_label_values(&[from, if authenticated { "true" } else { "false" }])
    }

    /// A record became durable.
    pub fn journal_appended(&self, elapsed: Duration) {
        self.journal_append_seconds.observe(elapsed.as_secs_f64());
    }

    /// The journal failed at an operation.
    pub fn journal_failed(&self, operation: &'static str) {
        self.journal_errors.with_label_values(&[operation]).inc();
    }

    /// Everything in the Prometheus text format, version 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        TextEncoder::new()
            .encode_utf8(&self.registry.gather(), &mut text)
            .expect("every registered series has a name, a help text and at least one child");
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Registration fails only for a bad or doubled name, which is a slip in this file.
const NAMED_HERE: &str = "every series is named once, in this file";

fn counter_vec(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    let series = IntCounterVec::new(Opts::new(name, help), labels).expect(NAMED_HERE);
    registry.register(Box::new(series.clone())).expect(NAMED_HERE);
    series
}

fn int_gauge_vec(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    let series = IntGaugeVec::new(Opts::new(name, help), labels).expect(NAMED_HERE);
    registry.register(Box::new(series.clone())).expect(NAMED_HERE);
    series
}

fn gauge_vec(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
    let series = GaugeVec::new(Opts::new(name, help), labels).expect(NAMED_HERE);
    registry.register(Box::new(series.clone())).expect(NAMED_HERE);
    series
}

fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    let series = IntCounter::new(name, help).expect(NAMED_HERE);
    registry.register(Box::new(series.clone())).expect(NAMED_HERE);
    series
}

fn int_gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    let series = IntGauge::new(name, help).expect(NAMED_HERE);
    registry.register(Box::new(series.clone())).expect(NAMED_HERE);
    series
}

fn histogram(registry: &Registry, name: &str, help: &str, buckets: &[f64]) -> Histogram {
    let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
    let series = Histogram::with_opts(options).expect(NAMED_HERE);
    registry.register(Box::new(series.clone())).expect(NAMED_HERE);
    series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_rendered() {
        let metrics = Metrics::new();
        metrics.connection_closed(4002);
        metrics.token_verified(None);
        metrics.token_verified(Some("expired"));
        let text = metrics.render();
        for line in [
            "usher_connections_closed_total{code=\"4002\"} 1",
            "usher_token_verifications_total{reason=\"expired\",result=\"refused\"} 1",
            "usher_token_verifications_total{reason=\"\",result=\"accepted\"} 1",
            "usher_connections{authentication=\"anonymous\"} 0",
            "usher_draining 0",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
