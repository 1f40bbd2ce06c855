//! The series of the endpoints to which events are posted. Their label is bounded by the configuration.

use prometheus::{Gauge, GaugeVec, IntCounterVec, IntGauge, IntGaugeVec};

use super::series::Register;
use crate::domain::id::WebhookId;

/// Deliveries, and what waits for them.
#[derive(Debug)]
pub struct Webhooks {
    deliveries: IntCounterVec,
    parked: IntGaugeVec,
    lag_seconds: GaugeVec,
}

impl Webhooks {
    pub(super) fn new(register: &Register<'_>) -> Self {
        Self {
            deliveries: register.counters(
                "usher_webhook_deliveries_total",
                "Attempts to post an event, by endpoint and result.",
                &["endpoint", "result"],
            ),
            parked: register.gauges(
                "usher_webhook_parked",
                "Conversations whose events wait for an operator's replay.",
                &["endpoint"],
            ),
            lag_seconds: register.seconds(
                "usher_webhook_lag_seconds",
                "Age of the oldest event that is neither delivered nor parked.",
                &["endpoint"],
            ),
        }
    }

    /// An endpoint is there: its series begin at zero.
    pub fn announce(&self, endpoint: &WebhookId, results: &[&'static str]) {
        for result in results {
            self.deliveries.with_label_values(&[endpoint.as_str(), result]).reset();
        }
        self.parked(endpoint).set(0);
        self.lag(endpoint).set(0.0);
    }

    /// An event was posted, or failed to be.
    pub fn posted(&self, endpoint: &WebhookId, result: &'static str) {
        self.deliveries.with_label_values(&[endpoint.as_str(), result]).inc();
    }

    /// Conversations that are parked.
    #[must_use]
    pub fn parked(&self, endpoint: &WebhookId) -> IntGauge {
        self.parked.with_label_values(&[endpoint.as_str()])
    }

    /// How long the oldest event has waited, in seconds.
    #[must_use]
    pub fn lag(&self, endpoint: &WebhookId) -> Gauge {
        self.lag_seconds.with_label_values(&[endpoint.as_str()])
    }
}
