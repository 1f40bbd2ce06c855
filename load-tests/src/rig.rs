//! Everything that a round needs: keys, tokens, a gateway with an empty journal, a ledger, and what both cores did.

use std::cell::RefCell;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::Instant;

use crate::Fault;
use crate::args::Common;
use crate::clock::unix_now;
use crate::events::{Consumer, Events, Line};
use crate::figures::{Figures, Unit, float};
use crate::key_endpoint;
use crate::ledger::{Event, Ledger};
use crate::process::{Memory, cpu, memory};
use crate::server::{Launch, Server};
use crate::tokens::{Signer, secret};
use crate::widget::{Chat, Widget};

/// A core that is busier than this has nothing left to give.
const BUSY: f64 = 0.9;

/// What a mode needs to be different.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    /// The configuration, a file of load-tests/.
    pub(crate) config: &'static str,
    /// Whether the key endpoint of the tenant `b` takes connections and never answers.
    pub(crate) other_endpoint_hangs: bool,
}

/// One round's surroundings.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) chat: Chat,
    pub(crate) signer: Signer,
    pub(crate) ledger: Rc<RefCell<Ledger>>,
    pub(crate) gateway: Option<Gateway>,
    pub(crate) consumer: Consumer,
    /// Where the events of this round begin; none is the journal's beginning.
    since: Option<String>,
    folder: PathBuf,
}

/// A gateway of this round's own.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) launch: Arc<Launch>,
    pub(crate) server: Server,
    /// What it may use, in cores.
    cores: f64,
    journal: PathBuf,
}

impl Rig {
    /// A rig with a gateway of its own, or with the one that runs already.
    pub(crate) async fn start(common: &Common, setup: Setup) -> Result<Self, Fault> {
        fs::create_dir_all(&common.folder)?;
        let folder = fs::canonicalize(&common.folder)?;
        let signer = Signer::open(&folder)?;
        match &common.url {
            Some(url) => Self::outside(common, url, signer, folder).await,
            None => Self::inside(common, setup, signer, folder).await,
        }
    }

    async fn inside(common: &Common, setup: Setup, signer: Signer, folder: PathBuf) -> Result<Self, Fault> {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let keys = key_endpoint::serve(any_port, &signer.key_set()?, setup.other_endpoint_hangs).await?;
        let journal = folder.join(format!("journal-{}", process::id()));
        let _ = fs::remove_dir_all(&journal);
        fs::create_dir_all(&journal)?;
        let (secret, hash) = secret()?;
        let client = format!(
            r#"[{{ id = "load", secret_sha256 = ["{hash}"], scopes = ["events:read"], tenants = ["*"] }}]"#
        );
        let mut variables = vec![
            ("USHER_CLIENT".to_owned(), client),
            ("USHER_JOURNAL_PATH".to_owned(), journal.join("usher.db").display().to_string()),
        ];
        for (variable, tenant) in [("A", "a"), ("B", "b")] {
            let name = format!("USHER_TENANTS_{variable}_AUTHENTICATION_PUBLIC_KEY_URL");
            variables.push((name, format!("http://{keys}/{tenant}")));
        }
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join(setup.config);
        let log = folder.join("usher.log");
        let _ = fs::remove_file(&log);
        let launch = Launch {
            usher: usher(common)?,
            config: common.config.clone().unwrap_or(config),
            variables,
            log,
            server_core: common.server_core,
            generator_core: common.generator_core,
        };
        let server = launch.start(None)?;
        let all = std::thread::available_parallelism().map_or(1.0, |cores| float(cores.get() as u64));
        Ok(Self {
            chat: Chat { at: server.at.public, path: "/chat/a/web".to_owned() },
            consumer: Consumer { at: server.at.consumer, api_key: format!("load.{secret}") },
            since: None,
            signer,
            ledger: Rc::default(),
            gateway: Some(Gateway {
                cores: common.server_core.map_or(all, |_| 1.0),
                launch: Arc::new(launch),
                server,
                journal,
            }),
            folder,
        })
    }

    async fn outside(common: &Common, url: &str, signer: Signer, folder: PathBuf) -> Result<Self, Fault> {
        let bad = || format!("{url}: write it as ws://HOST:PORT/chat/TENANT/WIDGET");
        let (host, path) = url.strip_prefix("ws://").and_then(|url| url.split_once('/')).ok_or_else(bad)?;
        let consumer = common.consumer.as_deref().unwrap_or_default();
        let consumer = consumer.strip_prefix("http://").ok_or("--consumer: write it as http://HOST:PORT")?;
        let key = common.api_key_file.as_deref().ok_or("--api-key-file is missing")?;
        key_endpoint::serve(common.keys, &signer.key_set()?, false).await?;
        let consumer = Consumer {
            at: address(consumer.trim_end_matches('/')).await?,
            api_key: fs::read_to_string(key)?.trim().to_owned(),
        };
        // The gateway says at once where its journal stands.
        let Line::Position(since) = Events::open(&consumer, Some("latest")).await?.next().await? else {
            return Err("the events don't begin with their position".into());
        };
        Ok(Self {
            chat: Chat { at: address(host).await?, path: format!("/{path}") },
            consumer,
            since: Some(since),
            signer,
            ledger: Rc::default(),
            gateway: None,
            folder,
        })
    }

    /// So many tokens of as many customers, good for hours.
    pub(crate) fn tokens(&self, count: u32) -> Result<Vec<String>, Fault> {
        self.signer.many(usize::try_from(count)?, &self.folder)
    }

    /// The gateway's memory now, where it is this round's own.
    pub(crate) fn memory(&self) -> Result<Option<Memory>, Fault> {
        self.gateway.as_ref().map(|gateway| memory(gateway.server.pid())).transpose()
    }

    /// Begins to measure what both cores do.
    pub(crate) fn meter(&self) -> Result<Meter, Fault> {
        let server = self.gateway.as_ref().map(|gateway| gateway.server.pid());
        Ok(Meter {
            began: Instant::now(),
            own: cpu(process::id()).unwrap_or_default(),
            server: server.map(|pid| Ok::<_, Fault>((pid, cpu(pid)?))).transpose()?,
            cores: self.gateway.as_ref().map_or(1.0, |gateway| gateway.cores),
        })
    }

    /// Compares the ledger with the gateway's events up to now; how much was acknowledged.
    pub(crate) async fn check(&self) -> Result<u64, Fault> {
        // Entries are told in the journal's order: what is not there before this one's `started` is missing.
        let token = self.signer.mint("the-last", (unix_now() + Duration::from_hours(1)).as_secs())?;
        let mut last = Widget::connect(&self.chat, None).await?;
        let marker = last.start(&token).await?.conversation;
        let mut check = self.ledger.take().check();
        let mut events = Events::open(&self.consumer, self.since.as_deref()).await?;
        loop {
            let Line::Data(data) = events.next().await? else { continue };
            let event: Event<'_> =
                serde_json::from_slice(&data).map_err(|error| format!("an event can't be read: {error}"))?;
            if event.subject == marker {
                break;
            }
            check.take(&event);
        }
        last.cut()?;
        Ok(check.finish()?)
    }

    /// Ends this round's gateway and removes its journal.
    pub(crate) fn finish(self) -> Result<(), Fault> {
        if let Some(mut gateway) = self.gateway {
            gateway.server.kill()?;
            fs::remove_dir_all(&gateway.journal)?;
        }
        Ok(())
    }
}

/// The gateway's program.
pub(crate) fn usher(common: &Common) -> Result<PathBuf, Fault> {
    match &common.usher {
        Some(path) => Ok(path.clone()),
        None => Ok(std::env::current_exe()?.with_file_name("usher")),
    }
}

async fn address(host: &str) -> Result<SocketAddr, Fault> {
    let found = lookup_host(host).await.map_err(|error| format!("{host}: {error}"))?.next();
    found.ok_or_else(|| format!("{host} has no address").into())
}

/// What both cores did since it was made.
#[derive(Debug)]
pub(crate) struct Meter {
    began: Instant,
    own: Duration,
    server: Option<(u32, Duration)>,
    cores: f64,
}

/// What both cores did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) lasted: Duration,
    own: Duration,
    server: Option<Duration>,
    cores: f64,
}

impl Meter {
    pub(crate) fn stop(&self) -> Result<Usage, Fault> {
        let server = self.server.map(|(pid, before)| Ok::<_, Fault>(cpu(pid)?.saturating_sub(before)));
        Ok(Usage {
            lasted: self.began.elapsed(),
            own: cpu(process::id()).unwrap_or_default().saturating_sub(self.own),
            server: server.transpose()?,
            cores: self.cores,
        })
    }
}

impl Usage {
    /// How much of what it may use the gateway did use.
    pub(crate) fn server_share(&self) -> Option<f64> {
        let lasted = self.lasted.as_secs_f64().max(f64::MIN_POSITIVE);
        self.server.map(|server| server.as_secs_f64() / lasted / self.cores)
    }

    /// Tells both shares, and what the gateway took for each of so many; what the figures are bound by.
    pub(crate) fn tell(&self, count: u64, each: &str, figures: &mut Figures) -> &'static str {
        let lasted = self.lasted.as_secs_f64().max(f64::MIN_POSITIVE);
        let own = self.own.as_secs_f64() / lasted;
        let server = self.server_share();
        if let Some(server) = self.server {
            let micros = server.as_secs_f64() * 1e6 / float(count.max(1));
            figures.add(format!("gateway CPU per {each}"), Unit::Microseconds, micros);
        }
        if let Some(server) = server {
            figures.add("gateway core busy", Unit::Share, server);
        }
        figures.add("generator core busy", Unit::Share, own);
        bound(own, server)
    }
}

fn bound(own: f64, server: Option<f64>) -> &'static str {
    match (own > BUSY, server.map(|server| server > BUSY)) {
        (true, Some(true)) => "both cores are busy: neither alone is the bound",
        (true, _) => "generator-bound: the gateway could take more than this shows",
        (false, Some(true)) => "server-bound: the gateway's core is busy",
        (false, Some(false)) => "neither core is busy: bound by waiting, or by the rate that was asked for",
        (false, None) => "the gateway's core can't be seen from here",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_generator_beside_an_idle_gateway_is_said_to_be_the_bound() {
        assert!(bound(0.91, Some(0.9)).starts_with("generator-bound"));
        assert!(bound(0.9, Some(0.91)).starts_with("server-bound"));
        assert!(bound(0.91, Some(0.91)).starts_with("both"));
        assert!(bound(0.9, Some(0.9)).starts_with("neither"));
        assert!(bound(0.91, None).starts_with("generator-bound"));
    }
}
