//! The gateway's process.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::Fault;
use crate::cores;

/// How it is started, again and again.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) usher: PathBuf,
    pub(crate) config: PathBuf,
    pub(crate) variables: Vec<(String, String)>,
    /// What it logs goes there.
    pub(crate) log: PathBuf,
    pub(crate) server_core: Option<usize>,
    pub(crate) generator_core: Option<usize>,
}

/// A gateway that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    pub(crate) at: Addresses,
}

/// Where its listeners are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    pub(crate) public: SocketAddr,
    pub(crate) consumer: SocketAddr,
    pub(crate) ops: SocketAddr,
}

impl Launch {
    /// Starts it, and returns as soon as it listens: with all ports of its own choice, or at these addresses.
    pub(crate) fn start(&self, at: Option<Addresses>) -> Result<Server, Fault> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let port = |address: Option<SocketAddr>| address.map_or("127.0.0.1:0".into(), |at| at.to_string());
        let mut command = Command::new(&self.usher);
        command
            .args(["serve", "--config"])
            .arg(&self.config)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("USHER_LISTEN_PUBLIC", port(at.map(|at| at.public)))
            .env("USHER_LISTEN_CONSUMER", port(at.map(|at| at.consumer)))
            .env("USHER_LISTEN_OPS", port(at.map(|at| at.ops)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        // A child is born on the cores of its parent.
        self.server_core.map_or(Ok(()), cores::pin)?;
        let process = command.spawn().map_err(|error| format!("{}: {error}", self.usher.display()));
        self.generator_core.map_or(Ok(()), cores::pin)?;
        let mut process = process?;
        let out = process.stdout.take().ok_or("the gateway has no output")?;
        let lines = BufReader::new(out).lines().take(3).collect::<Result<Vec<_>, _>>();
        // From here on its end is the drop's.
        let mut server = Server { process, at: Addresses::NONE };
        server.at = Addresses::parse(&lines?).ok_or_else(|| self.no_start())?;
        Ok(server)
    }

    fn no_start(&self) -> Fault {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let last = log.lines().rev().take(5).collect::<Vec<_>>().join("\n  ");
        format!("the gateway didn't start; the end of {}:\n  {last}", self.log.display()).into()
    }
}

impl Addresses {
    const NONE: Self = {
        let none = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);
        Self { public: none, consumer: none, ops: none }
    };

    fn parse(lines: &[String]) -> Option<Self> {
        let find = |name| lines.iter().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        Some(Self { public: find("public ")?, consumer: find("consumer ")?, ops: find("ops ")? })
    }
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Ends it as a machine's end would.
    pub(crate) fn kill(&mut self) -> Result<(), Fault> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already, or ends now.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The version that the program says it has.
pub(crate) fn version(usher: &Path) -> Result<String, Fault> {
    let told = Command::new(usher).arg("--version").output();
    let told =
        told.map_err(|error| format!("{}: {error}; `cargo build --release` makes it", usher.display()))?;
    Ok(String::from_utf8_lossy(&told.stdout).trim().to_owned())
}
