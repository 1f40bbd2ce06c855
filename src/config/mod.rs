//! The configuration: as written, then typed, all faults reported at once.
