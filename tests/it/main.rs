//! Integration tests: the real binary over real sockets, and the layout of the sources.
//!
//! Always built with `cfg(test)`; that each module says so tells clippy that helpers may `unwrap` and print, too.

#[cfg(test)]
mod journal;
#[cfg(test)]
mod tidy;
#[cfg(test)]
mod vectors;
