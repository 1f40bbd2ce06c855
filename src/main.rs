//! Command line in, exit code out.

use std::panic::catch_unwind;
use std::process::ExitCode;

use usher::cli::{self, Exit};
use usher::telemetry;

fn main() -> ExitCode {
    telemetry::log_panics();
    // Where it panicked stands in the log; what is left to say is whose fault it was.
    catch_unwind(|| cli::run(std::env::args_os())).unwrap_or(Exit::Internal).into()
}
