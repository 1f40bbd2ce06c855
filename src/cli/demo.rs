//! `usher demo`: everything in one process on loopback, nothing to configure.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use crate::app::Ended;
use crate::demo::{self, DemoOptions};

use super::Exit;

/// What `usher demo` is asked.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// The shop's port; the gateway takes the three after it. 0: any that are free.
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub port: u16,
    /// Keep conversations in this folder; otherwise they are gone with the demo.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// Runs the demo until it is asked to stop.
///
/// # Errors
///
/// Where standard error can't be written, or the runtime can't be made.
pub fn run(args: &DemoArgs, out: &mut impl Write) -> io::Result<Exit> {
    let options = DemoOptions { port: args.port, data: args.data.clone() };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Ok(match runtime.block_on(demo::run(options, out)) {
        Ok(Ended::Drained) => Exit::Done,
        Ok(Ended::Failed) => Exit::Internal,
        Err(error) => {
            writeln!(io::stderr(), "usher: {error}")?;
            if error.is_internal() { Exit::Internal } else { Exit::Found }
        }
    })
}
