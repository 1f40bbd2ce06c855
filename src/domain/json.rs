//! The one JSON reader for what strangers send: strict, bounded in depth, duplicates seen.
