//! The widget protocol and the event format, pure.
