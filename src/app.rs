//! The composition root: the only file that names the concrete parts together.
