//! Logs: one line an event on standard error, for people at a terminal, JSON otherwise; nothing secret in any.
//!
//! What keeps secrets out is their types, not a filter over the text: tokens, secrets and messages have no `Display`,
//! and a `Debug` that shows none of them, so they can't become a field by mistake. A log line names things by their
//! ids: conversation, tenant, widget, client, correlation id.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::Vars;

/// The variable that sets what is logged, in `tracing`'s syntax: `info` (default), `warn,usher::gateway=debug`.
pub const LEVEL_VARIABLE: &str = "USHER_LOG";

/// Begins to log. A second call changes nothing, nor does one where something else in the process logs already.
pub fn init(vars: &dyn Vars) {
    let asked = vars.get(LEVEL_VARIABLE).filter(|asked| !asked.trim().is_empty());
    let parsed = asked.as_deref().map(EnvFilter::try_new);
    let ignored = matches!(parsed, Some(Err(_)));
    let filter = parsed.and_then(Result::ok).unwrap_or_else(|| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let begun = if std::io::stderr().is_terminal() {
        lines.try_init()
    } else {
        lines.json().flatten_event(true).with_current_span(false).try_init()
    };
    if begun.is_ok() && ignored {
        tracing::warn!(variable = LEVEL_VARIABLE, "the variable holds no log filter; logging at info");
    }
}

/// Makes a panic one log line too, which says where: its own message may hold what a customer sent.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(at, "usher panicked, which is a fault of its own");
    }));
}
