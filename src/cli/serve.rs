//! `usher serve`: the gateway.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use crate::app::{App, Ended};
use crate::config::{Config, Vars};
use crate::lifecycle::Lifecycle;

use super::Exit;
use super::check::load_or_report;
use super::descriptors;

/// What `usher serve` is asked.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The configuration's file.
    #[arg(long, value_name = "FILE", default_value = "usher.toml")]
    pub config: PathBuf,
}

/// Tasks that run between two looks at the sockets. Where a crowd is ready, a frame that comes in waits for no more
/// than these; looking costs a microsecond.
const TASKS_BETWEEN_LOOKS: u32 = 16;

/// Serves until it is asked to stop, or can't go on.
///
/// # Errors
///
/// Where `out` can't be written, or the runtime can't be made.
pub fn run(args: &ServeArgs, vars: &dyn Vars, out: &mut impl Write) -> io::Result<Exit> {
    let config = match load_or_report(&args.config, vars, &mut io::stderr()) {
        Ok(config) => config,
        Err(exit) => return Ok(exit),
    };
    descriptors::make_room();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().event_interval(TASKS_BETWEEN_LOOKS).build()?;
    let exit = runtime.block_on(serve(config, out));
    // The journal is closed. What may still run is a question to the system's resolver, which nobody can call back.
    runtime.shutdown_background();
    exit
}

async fn serve(config: Config, out: &mut impl Write) -> io::Result<Exit> {
    let lifecycle = Lifecycle::new();
    lifecycle.obey_signals()?;
    let app = match App::start(config, lifecycle).await {
        Ok(app) => app,
        Err(error) => {
            writeln!(io::stderr(), "usher: {error}")?;
            return Ok(Exit::Found);
        }
    };
    let at = app.addresses();
    tracing::info!(public = %at.public, consumer = %at.consumer, ops = %at.ops, "serving");
    // Whoever starts usher with port 0 reads here which ports it got.
    writeln!(out, "public {}\nconsumer {}\nops {}", at.public, at.consumer, at.ops)?;
    out.flush()?;
    Ok(match app.finish().await {
        Ended::Drained => Exit::Done,
        Ended::Failed => Exit::Internal,
    })
}
