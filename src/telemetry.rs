//! Logs: one line an event on standard error, nothing secret in any.
