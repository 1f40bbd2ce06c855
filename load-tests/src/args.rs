//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use serde::Serialize;

/// Beside everything else that is built.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/load");

/// Load for a gateway that speaks usher.v1, and what it makes of it.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) mode: Mode,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What all modes take.
#[derive(Debug, ClapArgs)]
pub(crate) struct Common {
    /// The gateway's program [default: the one beside this program]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) usher: Option<PathBuf>,
    /// Its configuration [default: the mode's own, in load-tests/]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// For the journal, the log, keys and tokens
    #[arg(long, global = true, value_name = "FOLDER", default_value = FOLDER)]
    pub(crate) folder: PathBuf,
    /// The core that the gateway gets for itself [default: all]
    #[arg(long, global = true, value_name = "CORE")]
    pub(crate) server_core: Option<usize>,
    /// The core of this program [default: any]
    #[arg(long, global = true, value_name = "CORE")]
    pub(crate) generator_core: Option<usize>,
    /// How often, each time with a gateway and a journal of its own
    #[arg(long, global = true, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: u32,
    /// Write all figures there, too
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Start no gateway, and connect here: `ws://127.0.0.1:8080/chat/a/web`
    #[arg(long, global = true, requires = "consumer", requires = "api_key_file")]
    pub(crate) url: Option<String>,
    /// The consumer API of the gateway at --url: `http://127.0.0.1:8081`
    #[arg(long, global = true)]
    pub(crate) consumer: Option<String>,
    /// Holds the API key for it, `ID.SECRET`, with the scope events:read
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) api_key_file: Option<PathBuf>,
    /// Where the tenants' keys are served for the gateway at --url
    #[arg(long, global = true, default_value = "127.0.0.1:18083")]
    pub(crate) keys: SocketAddr,
}

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Mode {
    /// Authenticated conversations begun per second
    Connect(Connect),
    /// Messages made durable per second, and how long each takes
    Message(Message),
    /// What a connection that says nothing costs
    Idle(Idle),
    /// The gateway is killed and started again: how long until everybody is back
    Storm(Storm),
    /// Many authentications that end in one second: how late the last is told, and what the others notice
    Expiry(Expiry),
    /// A flood at one tenant whose key endpoint hangs: what another tenant's customers notice
    Neighbour(Neighbour),
    /// Readers of every event while widgets talk: how late events come, and what the talking costs more for it
    Readers(Readers),
}

/// Of `connect`.
#[derive(Debug, ClapArgs, Serialize)]
pub(crate) struct Connect {
    /// Conversations
    #[arg(long, default_value_t = 15_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) count: u32,
    /// How many are begun at one time: enough that no core waits for the disk
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) in_flight: u32,
}

/// Of `message`.
#[derive(Debug, ClapArgs, Serialize)]
pub(crate) struct Message {
    /// Widgets, each with a conversation
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=15_000))]
    pub(crate) widgets: u32,
    /// Bytes of a text
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=6000))]
    pub(crate) bytes: u32,
    /// For how long messages are sent
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) seconds: u32,
    /// Messages a second of all widgets together, whatever became of those before; left out: each widget sends when its
    /// last one was accepted
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rate: Option<u32>,
}

/// Of `idle`.
#[derive(Debug, ClapArgs, Serialize)]
pub(crate) struct Idle {
    /// Connections
    #[arg(long, default_value_t = 9_800, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) count: u32,
    /// How many are opened at one time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) in_flight: u32,
}

/// Of `storm`.
#[derive(Debug, ClapArgs, Serialize)]
pub(crate) struct Storm {
    /// Widgets, each with a conversation
    #[arg(long, default_value_t = 9_800, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) count: u32,
    /// How many come back at one time
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) in_flight: u32,
    /// Come back as the protocol asks widgets to: full jitter, 0.5 s to 20 s, all from the moment of the break
    #[arg(long)]
    pub(crate) spread: bool,
}

/// Of `expiry`.
#[derive(Debug, ClapArgs, Serialize)]
pub(crate) struct Expiry {
    /// Authentications that end at the same time
    #[arg(long, default_value_t = 9_700, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) count: u32,
    /// In how many seconds they end: enough to sign their tokens, to connect, and to see what is usual
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(5..=3600))]
    pub(crate) ahead: u32,
    /// Other widgets that talk meanwhile
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) talkers: u32,
    /// Their messages a second, together
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) rate: u32,
    /// For how many seconds before the end it is measured what is usual
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub(crate) usual: u32,
}

/// Of `neighbour`.
#[derive(Debug, ClapArgs, Serialize)]
pub(crate) struct Neighbour {
    /// Widgets of the tenant that is left alone, each from an address of its own
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) talkers: u32,
    /// Their messages a second, together; at most 60 a minute of each are let through
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) rate: u32,
    /// For how many seconds it is measured, without the flood and with it
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub(crate) seconds: u32,
    /// Connections a second to the other tenant
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) storm_rate: u32,
    /// Addresses that they come from
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub(crate) addresses: u32,
    /// The most of them at one time; what would exceed it is left out, and counted
    #[arg(long, default_value_t = 8_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) in_flight: u32,
}

/// Of `readers`.
#[derive(Debug, ClapArgs, Serialize)]
pub(crate) struct Readers {
    /// How many read, one measurement for each number, after one without any: `1,5,20`
    #[arg(long = "readers", value_name = "READERS", value_delimiter = ',', default_value = "5")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    #[serde(rename = "readers")]
    pub(crate) counts: Vec<u32>,
    /// Widgets, each with a conversation
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=15_000))]
    pub(crate) widgets: u32,
    /// Messages a second of all widgets together, whatever became of those before
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rate: u32,
    /// Instead of that each widget sends when its last one was accepted: what the gateway's core can take
    #[arg(long, conflicts_with = "rate")]
    pub(crate) saturate: bool,
    /// For how many seconds each measurement lasts
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) seconds: u32,
}
