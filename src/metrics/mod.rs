//! Every series that usher exports, with typed labels: a label that has no type here has no series.
//!
//! Children are resolved once, so that counting on the hot path is one atomic addition.

mod process;
mod series;
mod webhooks;
mod zeros;

use std::time::Duration;

use prometheus::{Gauge, IntCounter, IntGauge, Registry, TextEncoder};

use crate::domain::id::TenantId;

use self::process::Process;
use self::series::{Chat, Journal, Register, Trust};
pub use self::webhooks::Webhooks;

/// All series. One for the process, shared by reference.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    chat: Chat,
    /// Anonymous ones, and authenticated ones: resolved once, for every connection is counted.
    connections: [IntGauge; 2],
    /// By role and by whether it was authenticated: resolved once, for every message is counted.
    messages: [[IntCounter; 2]; 4],
    trust: Trust,
    journal: Journal,
    /// Deliveries to endpoints.
    pub webhooks: Webhooks,
    /// Refetches of keys that the throttle refused.
    pub key_fetch_throttled: IntCounter,
    /// Readers of the event stream.
    pub event_readers: IntGauge,
    /// Revocations in force.
    pub revocations: IntGauge,
    /// Access tokens that have not expired.
    pub access_tokens: IntGauge,
    /// 1 while the node drains.
    pub draining: IntGauge,
    /// Sessions that a panic ended.
    pub session_panics: IntCounter,
}

/// Who says something: the label `from`.
pub const MESSAGE_ROLES: [&str; 4] = ["customer", "agent", "bot", "system"];

/// The label `authentication`.
const fn authentication_label(authenticated: bool) -> &'static str {
    if authenticated { "authenticated" } else { "anonymous" }
}

/// The label `code`: a widget may close with any number, and must not make a series with it.
fn close_label(code: u16) -> String {
    match code {
        1000..=1015 | 4000..=4009 | 4500..=4509 => code.to_string(),
        _ => "other".to_owned(),
    }
}

impl Metrics {
    /// Registers every series.
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry::new();
        let register = Register(&registry);
        register
            .gauges("usher_build_info", "1, labelled with the version.", &["version"])
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1);
        registry.register(Box::new(Process::new())).expect("no other series is named after the process");
        let chat = Chat::new(&register);
        let metrics = Self {
            messages: MESSAGE_ROLES.map(|from| {
                ["false", "true"].map(|authenticated| chat.messages.with_label_values(&[from, authenticated]))
            }),
            connections: [false, true].map(|authenticated| {
                chat.connections.with_label_values(&[authentication_label(authenticated)])
            }),
            chat,
            trust: Trust::new(&register),
            journal: Journal::new(&register),
            webhooks: Webhooks::new(&register),
            key_fetch_throttled: register
                .counter("usher_key_fetch_throttled_total", "Refetches of keys that the throttle refused."),
            event_readers: register.gauge("usher_event_readers", "Readers of the event stream."),
            revocations: register.gauge("usher_revocations", "Revocations in force."),
            access_tokens: register.gauge("usher_access_tokens", "Access tokens that have not expired."),
            draining: register.gauge("usher_draining", "1 while the node drains."),
            session_panics: register.counter("usher_session_panics_total", "Sessions that a panic ended."),
            registry,
        };
        metrics.announce();
        metrics
    }

    /// Open connections whose conversation is authenticated, or not.
    #[must_use]
    pub const fn connections(&self, authenticated: bool) -> &IntGauge {
        let [anonymous, signed_in] = &self.connections;
        if authenticated { signed_in } else { anonymous }
    }

    /// Conversations that have not ended.
    #[must_use]
    pub fn conversations_open(&self, authenticated: bool) -> IntGauge {
        self.chat.conversations_open.with_label_values(&[authentication_label(authenticated)])
    }

    /// A widget connection was closed with this code (RFC 6455 §7.4; 1006 where no close frame came).
    pub fn connection_closed(&self, code: u16) {
        self.chat.connections_closed.with_label_values(&[close_label(code)]).inc();
    }

    /// A widget connection was refused before the upgrade.
    pub fn connection_refused(&self, reason: &'static str) {
        self.chat.connections_refused.with_label_values(&[reason]).inc();
    }

    /// A frame, or a consumer's request, was refused for the sake of this setting of `[limits]`.
    pub fn rate_limited(&self, limit: &'static str) {
        self.chat.rate_limited.with_label_values(&[limit]).inc();
    }

    /// A token was judged: `reason` is a refusal's code, or empty for an accepted one.
    pub fn token_verified(&self, refused: Option<&'static str>) {
        let labels = refused.map_or(["accepted", ""], |reason| ["refused", reason]);
        self.trust.token_verifications.with_label_values(&labels).inc();
    }

    /// How long a verification took.
    pub fn token_verify_took(&self, elapsed: Duration) {
        self.trust.token_verify_seconds.observe(elapsed.as_secs_f64());
    }

    /// A conversation's authentication changed.
    pub fn authentication_changed(&self, to_authenticated: bool, reason: &'static str) {
        self.chat
            .authentication_transitions
            .with_label_values(&[authentication_label(to_authenticated), reason])
            .inc();
    }

    /// A key document was fetched, or failed to be.
    pub fn key_fetched(&self, trigger: &'static str, result: &'static str, elapsed: Duration) {
        self.trust.key_fetches.with_label_values(&[trigger, result]).inc();
        self.trust.key_fetch_seconds.observe(elapsed.as_secs_f64());
    }

    /// The age of a tenant's key set. Tenants are bounded by the configuration.
    #[must_use]
    pub fn key_set_age(&self, tenant: &TenantId) -> Gauge {
        self.trust.key_set_age_seconds.with_label_values(&[tenant.as_str()])
    }

    /// A message was journaled. `from` is one of [`MESSAGE_ROLES`].
    pub fn message_journaled(&self, from: &'static str, authenticated: bool) {
        if let Some(role) = MESSAGE_ROLES.iter().position(|role| *role == from) {
            self.messages[role][usize::from(authenticated)].inc();
        }
    }

    /// A queue's rule could not be evaluated. Tenants and rules are bounded by the configuration.
    pub fn queue_rule_failed(&self, tenant: &TenantId, rule: &str) {
        self.chat.queue_rule_failures.with_label_values(&[tenant.as_str(), rule]).inc();
    }

    /// A queue has a rule, which has not failed yet: its series begins at zero, so that the first failure is seen.
    pub fn announce_queue_rule(&self, tenant: &TenantId, rule: &str) {
        self.chat.queue_rule_failures.with_label_values(&[tenant.as_str(), rule]).inc_by(0);
    }

    /// A record became durable.
    pub fn journal_appended(&self, elapsed: Duration) {
        self.journal.append_seconds.observe(elapsed.as_secs_f64());
    }

    /// The journal failed at an operation.
    pub fn journal_failed(&self, operation: &'static str) {
        self.journal.errors.with_label_values(&[operation]).inc();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_rendered() {
        let metrics = Metrics::new();
        metrics.connection_closed(4002);
        metrics.connection_closed(4999);
        metrics.connection_closed(3000);
        metrics.token_verified(None);
        metrics.token_verified(Some("expired"));
        let text = metrics.render();
        for line in [
            "usher_connections_closed_total{code=\"4002\"} 1",
            "usher_connections_closed_total{code=\"other\"} 2",
            "usher_token_verifications_total{reason=\"expired\",result=\"refused\"} 1",
            "usher_token_verifications_total{reason=\"\",result=\"accepted\"} 1",
            "usher_connections{authentication=\"anonymous\"} 0",
            "usher_draining 0",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn every_series_that_is_rendered_bears_the_products_name_and_a_help_text() {
        let text = Metrics::new().render();
        let helped = text.lines().filter_map(|line| line.strip_prefix("# HELP ")).collect::<Vec<_>>();
        assert!(helped.len() > 5, "{text}");
        assert!(helped.iter().all(|line| line.starts_with("usher_") && line.contains(' ')), "{helped:?}");
    }
}
