//! Health, readiness and metrics for the operator.
