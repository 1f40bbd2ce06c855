//! The routing engines' side.
