//! The live conversations: decide, store, apply, tell.
