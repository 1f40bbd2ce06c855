//! The journal: what was stored stays stored.
