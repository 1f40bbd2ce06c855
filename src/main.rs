//! Command line in, exit code out.

use std::panic::catch_unwind;
use std::process::ExitCode;

use usher::cli::{self, Exit};
use usher::telemetry;

/// A connection's beginning makes and drops many buffers of some kilobytes. The system's allocator joins and splits
/// them again and again, which took a tenth of the time. What lies unused goes back to the system by threads of this
/// allocator's own: those that served a storm may have nothing to do afterwards, and would keep what it took.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    telemetry::log_panics();
    // Where it panicked stands in the log; what is left to say is whose fault it was.
    catch_unwind(|| cli::run(std::env::args_os())).unwrap_or(Exit::Internal).into()
}
