//! The series that are there from the start, at zero: what never happened can be told from what isn't measured, and
//! a rate begins with the first event and not with the second.

use super::Metrics;
use crate::domain::token::Reason;

/// The close codes of the widget protocol, and those a WebSocket has of its own.
const CLOSE_CODES: [u16; 21] = [
    1000, 1001, 1002, 1003, 1005, 1006, 1007, 1009, 1011, 1012, 1013, 4000, 4001, 4002, 4003, 4004, 4005,
    4500, 4502, 4503, 4504,
];
/// Why a connection is refused before the upgrade.
const REFUSED_CONNECTIONS: [&str; 8] = [
    "half_open",
    "draining",
    "too_many_attempts",
    "too_many_connections_of_address",
    "too_many_connections",
    "unknown_widget",
    "origin_not_allowed",
    "not_an_upgrade",
];
/// The settings of `[limits]` for whose sake a frame or a consumer's request is refused.
const RATE_LIMITS: [&str; 6] = [
    "frames_per_minute",
    "messages_per_minute",
    "authentications_per_minute",
    "starts_per_address_per_minute",
    "consumer_requests_per_minute",
    "wrong_keys_per_address_per_minute",
];
/// What changes an authentication: to which state, and why.
const TRANSITIONS: [(bool, &str); 7] = [
    (true, "token_presented"),
    (true, "token_refreshed"),
    (false, "token_expired"),
    (false, "key_expired"),
    (false, "revoked"),
    (false, "signed_out"),
    (false, "idle"),
];
/// Why keys are fetched.
const FETCH_TRIGGERS: [&str; 6] = ["cold", "refresh_ahead", "expired", "unknown_kid", "signature", "admin"];
/// What the journal can fail at.
const JOURNAL_OPERATIONS: [&str; 6] = ["append", "index", "read", "checkpoint", "probe", "project"];

impl Metrics {
    pub(super) fn announce(&self) {
        for authenticated in [true, false] {
            self.connections(authenticated).set(0);
            self.conversations_open(authenticated).set(0);
        }
        for code in CLOSE_CODES {
            self.chat.connections_closed.with_label_values(&[code.to_string()]).reset();
        }
        for reason in REFUSED_CONNECTIONS {
            self.chat.connections_refused.with_label_values(&[reason]).reset();
        }
        for limit in RATE_LIMITS {
            self.chat.rate_limited.with_label_values(&[limit]).reset();
        }
        for (authenticated, reason) in TRANSITIONS {
            let to = super::authentication_label(authenticated);
            self.chat.authentication_transitions.with_label_values(&[to, reason]).reset();
        }
        self.trust.token_verifications.with_label_values(&["accepted", ""]).reset();
        for reason in Reason::ALL {
            self.trust.token_verifications.with_label_values(&["refused", reason.code()]).reset();
        }
        for trigger in FETCH_TRIGGERS {
            self.trust.key_fetches.with_label_values(&[trigger, "ok"]).reset();
        }
        for operation in JOURNAL_OPERATIONS {
            self.journal.errors.with_label_values(&[operation]).reset();
        }
    }
}
