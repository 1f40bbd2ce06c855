//! `usher websocket-echo`: the gateway's WebSocket without the gateway, for suites that test one.

use std::io::{self, Write};
use std::net::SocketAddr;

use clap::Args;

use crate::gateway::echo;
use crate::lifecycle::Lifecycle;
use crate::listener;

use super::Exit;

/// What `usher websocket-echo` is asked.
#[derive(Debug, Args)]
pub(super) struct EchoArgs {
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The longest message, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 98_304)]
    message_bytes: usize,
}

/// Echoes until it is asked to stop.
pub(super) fn run(args: &EchoArgs, out: &mut impl Write) -> io::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let lifecycle = Lifecycle::new();
        lifecycle.obey_signals()?;
        let listener = listener::listen(args.listen)?;
        writeln!(out, "echo {}", listener.local_addr()?)?;
        out.flush()?;
        lifecycle.spawn(echo::serve(listener, lifecycle.clone(), args.message_bytes));
        lifecycle.drained().await;
        lifecycle.stop();
        Ok(Exit::Done)
    })
}
