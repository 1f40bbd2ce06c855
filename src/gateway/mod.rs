//! The widgets' side.
