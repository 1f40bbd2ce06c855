//! Conversations as widgets, consumers and the time live through them, on nodes that share a real journal.
//!
//! `model` states the rules a second time; `run` lives through random stories with both and compares.

mod faults;
mod forgetting;
mod idempotency;
mod member;
mod model;
mod nodes;
mod run;
mod state;
mod steps;
mod translate;
mod visitor;
mod widget;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use proptest::test_runner::TestCaseError;
use tempfile::TempDir;

use super::*;
use crate::domain::conversation::Assign;
use crate::domain::id::Sequence;
use crate::domain::token::{Identity, VerifiedCustomer};
use crate::journal::Fault;

use steps::NODES;
use widget::Widget;

/// Whether what was compared is the same.
type Checked = Result<(), TestCaseError>;

/// When all stories begin, in seconds since the epoch.
const BEGINNING: i64 = 1_760_000_000;

/// Milliseconds since the epoch, so many seconds after the beginning.
fn at(seconds: i64) -> i64 {
    (BEGINNING + seconds) * 1000
}

fn time(millis: i64) -> UnixTime {
    UnixTime::from_millis(millis)
}

/// A journal in a folder of its own, and the nodes that share it.
struct World {
    journal: Journal,
    millis: &'static AtomicI64,
    metrics: Arc<Metrics>,
    nodes: Vec<Conversations>,
    _folder: TempDir,
}

impl World {
    fn open() -> Self {
        let memory = PathBuf::from("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap();
        let metrics = Arc::new(Metrics::new());
        let journal = Journal::open(&folder.path().join("journal"), metrics.clone()).unwrap();
        let millis = Box::leak(Box::new(AtomicI64::new(at(0))));
        let mut world = Self { journal, millis, metrics, nodes: Vec::new(), _folder: folder };
        world.nodes = (0..NODES).map(|_| world.node()).collect();
        world
    }

    /// A node that has just started.
    fn node(&self) -> Conversations {
        let (clock, metrics) = (Clock::set_by(self.millis), self.metrics.clone());
        Conversations::new(self.journal.clone(), clock, metrics, Lifecycle::new())
    }

    fn now(&self) -> i64 {
        self.millis.load(Ordering::Relaxed)
    }

    fn set_clock(&self, millis: i64) {
        self.millis.store(millis, Ordering::Relaxed);
    }

    fn socket(&self, required: bool) -> (Socket, Widget) {
        Widget::new(&self.metrics, required)
    }
}
