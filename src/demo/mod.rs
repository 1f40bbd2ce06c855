//! `usher demo`: a shop, its token service and key endpoint, an agent's console, and a gateway between them, in one
//! process on loopback with nothing to configure.
//!
//! The gateway is the real one, started as `usher serve` starts it; the shop and the console speak to it over its
//! listeners alone, as a customer's website and a routing engine would.

mod console;
mod folder;
mod sessions;
mod settings;
mod shop;
mod tokens;

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use hyper_util::service::TowerToHyperService;

use crate::app::{App, Ended, StartError};
use crate::clock::Clock;
use crate::lifecycle::Lifecycle;
use crate::listener;

use console::Console;
use folder::TemporaryFolder;
use settings::{ApiKeys, TENANT, WIDGET};
use shop::Shop;
use tokens::{TOKEN_LIFETIME, TokenService};

/// What a demo is asked.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// The shop's port; the gateway's listeners take the three after it. 0: four free ones.
    pub port: u16,
    /// Where conversations are kept; none: in a temporary folder, removed at the end.
    pub data: Option<PathBuf>,
}

/// Why a demo can't run. Its text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// There are no four ports from there.
    #[error("--port {0} leaves no room for the three ports after it: take one up to 65532")]
    NoRoom(u16),
    /// A port can't be listened on.
    #[error(
        "port {port} of this machine can't be had for the {what}: {source}. The demo takes --port (8080 where it \
         isn't given) and the three after it: name another, or 0 for any that are free"
    )]
    Port {
        /// Which one.
        port: u16,
        /// What it is for.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The folder can't be used.
    #[error("the folder {} can't be used: {source}. Name another with --data", path.display())]
    Folder {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The gateway doesn't start.
    #[error(transparent)]
    Start(StartError),
    /// The demo's own settings are faulty, which is a fault of usher.
    #[error("the demo's own configuration is faulty, which is a fault of usher:\n{0}")]
    Settings(String),
    /// No keys, which is a fault of usher.
    #[error("the shop's keys can't be made, which is a fault of usher")]
    Keys,
    /// No HTTP client, which is a fault of usher.
    #[error("the console's HTTP client can't be made, which is a fault of usher: {0}")]
    Client(reqwest::Error),
    /// The output or the signals.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl DemoError {
    /// Whether usher is at fault, not what it was asked or the machine.
    #[must_use]
    pub const fn is_internal(&self) -> bool {
        matches!(self, Self::Settings(_) | Self::Keys | Self::Client(_))
    }
}

/// The ports to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ports {
    shop: u16,
    public: u16,
    consumer: u16,
    ops: u16,
}

impl Ports {
    fn from_first(first: u16) -> Result<Self, DemoError> {
        if first == 0 {
            return Ok(Self { shop: 0, public: 0, consumer: 0, ops: 0 });
        }
        let after = |more| first.checked_add(more).ok_or(DemoError::NoRoom(first));
        Ok(Self { shop: first, public: after(1)?, consumer: after(2)?, ops: after(3)? })
    }
}

/// Runs the demo until it is asked to stop; where to look is told on `out` once everything listens.
///
/// # Errors
///
/// What keeps it from running. Nothing of it is left then.
pub async fn run(options: DemoOptions, out: &mut dyn Write) -> Result<Ended, DemoError> {
    let ports = Ports::from_first(options.port)?;
    // Dropped last, when nothing writes into it any more.
    let temporary =
        TemporaryFolder::new().map_err(|source| DemoError::Folder { path: std::env::temp_dir(), source })?;
    let data = options.data.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(data).map_err(|source| DemoError::Folder { path: data.to_owned(), source })?;

    // The shop's address stands in the gateway's configuration, so it listens first.
    let shop_at = SocketAddr::from((Ipv4Addr::LOCALHOST, ports.shop));
    let taken = |source| DemoError::Port { port: ports.shop, what: "shop", source };
    let listener = listener::listen(shop_at).map_err(taken)?;
    let shop_at = listener.local_addr()?;
    let keys = ApiKeys::new();
    let config = settings::config(temporary.path(), &data.join("usher.db"), shop_at, ports, &keys)?;
    let tokens = TokenService::new(Clock::system())?;

    let lifecycle = Lifecycle::new();
    lifecycle.obey_signals()?;
    let app = App::start(config, lifecycle.clone()).await.map_err(|error| match error {
        StartError::Listen { listener, address, source } => {
            DemoError::Port { port: address.port(), what: listener_name(listener), source }
        }
        error => DemoError::Start(error),
    })?;
    let at = app.addresses();
    let console = Console::new(at.consumer, &keys.console, lifecycle.clone())?;
    let shop = TowerToHyperService::new(shop::router(Shop::new(shop_at, at.public, tokens, console)));
    lifecycle.spawn(listener::serve(listener, lifecycle.clone(), move |_| shop.clone()));

    let kept = options.data.as_deref().map(|_| data);
    let told = announce(out, &Places { shop: shop_at, gateway: at, key: keys.terminal.bearer(), kept });
    if let Err(error) = told {
        // Nobody reads where to look: as when `head` has left.
        tracing::warn!(%error, "the addresses could not be printed; stopping");
        lifecycle.drain();
    }
    Ok(app.finish().await)
}

const fn listener_name(listener: &'static str) -> &'static str {
    match listener.as_bytes() {
        b"public" => "gateway's widgets",
        b"consumer" => "gateway's consumer API",
        b"ops" => "gateway's health and metrics",
        _ => listener,
    }
}

/// What is printed at the start.
struct Places<'a> {
    shop: SocketAddr,
    gateway: crate::app::Addresses,
    key: String,
    kept: Option<&'a Path>,
}

fn announce(out: &mut dyn Write, places: &Places<'_>) -> io::Result<()> {
    let Places { shop, gateway, key, kept } = places;
    let seconds = TOKEN_LIFETIME.as_secs();
    let data = match kept {
        Some(folder) => format!("in {}", folder.display()),
        None => "until the end only; keep them with --data DIR".to_owned(),
    };
    write!(
        out,
        "\
usher demo: everything in one process, reachable from this machine only

  Open the shop      http://{shop}/          chat as a customer, answer as an agent beside it; a token lasts {seconds} s
  The console alone  http://{shop}/console   with nothing else on the page

  In a second terminal, what a routing engine reads:
    curl -N -H \"Authorization: {key}\" http://{consumer}/v1/events

  Widgets connect to ws://{public}/chat/{TENANT}/{WIDGET}
  Health and metrics http://{ops}/readyz http://{ops}/metrics
  Conversations are kept {data}
  Ctrl-C ends it
",
        consumer = gateway.consumer,
        public = gateway.public,
        ops = gateway.ops,
    )?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_ports_follow_each_other_up_to_the_last() {
        let last = Ports { shop: 65532, public: 65533, consumer: 65534, ops: 65535 };
        assert_eq!(Ports::from_first(65532).unwrap(), last);
        assert!(matches!(Ports::from_first(65533), Err(DemoError::NoRoom(65533))));
        assert_eq!(Ports::from_first(0).unwrap(), Ports { shop: 0, public: 0, consumer: 0, ops: 0 });
    }

    #[tokio::test]
    async fn a_taken_port_is_named_with_the_option_that_changes_it() {
        let taken = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = taken.local_addr().unwrap().port();
        let options = DemoOptions { port: port.min(65532), data: None };
        let error = run(options, &mut Vec::new()).await.unwrap_err().to_string();
        assert!(error.contains("--port") && error.contains(&port.to_string()), "{error}");
    }
}
