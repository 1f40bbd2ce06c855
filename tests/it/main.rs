//! Integration tests: the real binary over real sockets, and the layout of the sources.
//!
//! Always built with `cfg(test)`; that each module says so tells clippy that helpers may `unwrap` and print, too.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod both_sides;
#[cfg(test)]
mod bounds;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod cloud_events;
#[cfg(test)]
mod config;
#[cfg(test)]
mod console;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod deploy;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod downgrade;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod events;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod idle;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod key_source;
#[cfg(test)]
mod keys_api;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod message;
#[cfg(test)]
mod mint;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod presence;
#[cfg(test)]
mod prometheus;
#[cfg(test)]
mod queues;
#[cfg(test)]
mod read;
#[cfg(test)]
mod refresh;
#[cfg(test)]
mod resume;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod set_context;
#[cfg(test)]
mod sign_out;
#[cfg(test)]
mod slow_keys;
#[cfg(test)]
mod start;
#[cfg(test)]
mod storage;
#[cfg(test)]
mod support;
#[cfg(test)]
mod taking_up;
#[cfg(test)]
mod tidy;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod verdict;
#[cfg(test)]
mod webhooks;
#[cfg(test)]
mod widget_files;
