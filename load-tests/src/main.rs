//! `usher-load MODE`: starts a gateway on a core of its own, puts it under one kind of load from another core, and says
//! what it took, and that nothing it had acknowledged is missing. README.md tells what each mode measures.

mod args;
mod clock;
mod cores;
mod events;
mod figures;
mod key_endpoint;
mod latency;
mod ledger;
mod modes;
mod pacer;
mod process;
mod rig;
mod schedule;
mod server;
mod tokens;
mod widget;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use self::args::Args;

/// What goes wrong ends the run, told to whoever started it.
type Fault = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            let _ = writeln!(io::stderr(), "usher-load: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Fault> {
    // One thread, so that one core is enough for it and the other one is the gateway's.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, modes::run(args))
}
