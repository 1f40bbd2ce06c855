//! The real program as a process of its own.

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinSet;

use super::setup::Setup;
use super::{soon, until};

/// `usher serve`, from its configuration to its exit. Dropped, it is killed.
pub(crate) struct Usher {
    setup: Setup,
    process: Process,
}

struct Process {
    child: Child,
    addresses: Addresses,
    readers: JoinSet<()>,
    log: Log,
}

/// Where a process listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    pub(crate) public: SocketAddr,
    pub(crate) consumer: SocketAddr,
    pub(crate) ops: SocketAddr,
}

/// All that was logged, over every restart.
type Log = Arc<Mutex<String>>;

impl Usher {
    /// Starts it and waits until it is ready.
    pub(crate) async fn start(setup: Setup) -> Self {
        let command = serve(&setup);
        Self::start_by(setup, command).await
    }

    /// The same on the files as they lie there, changed since they were written.
    pub(crate) async fn start_as_written(setup: Setup) -> Self {
        let command = serve_written(&setup);
        Self::start_by(setup, command).await
    }

    /// The same by this command, which has the configuration that was written.
    pub(crate) async fn start_by(setup: Setup, command: Command) -> Self {
        let process = Process::start(command, Log::default()).await;
        let usher = Self { setup, process };
        usher.ready().await;
        usher
    }

    /// Where it listens now.
    pub(crate) fn at(&self) -> Addresses {
        self.process.addresses
    }

    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Waits until `/readyz` answers 200.
    pub(crate) async fn ready(&self) {
        until("ready", async || (self.ops("/readyz").await.0 == 200).then_some(())).await;
    }

    /// Status and body of an answer of the operations listener.
    pub(crate) async fn ops(&self, path: &str) -> (u16, String) {
        let answer = soon(path, reqwest::get(format!("http://{}{path}", self.at().ops))).await.unwrap();
        (answer.status().as_u16(), soon(path, answer.text()).await.unwrap())
    }

    /// The value of a series, written with its labels; none where it has no such.
    pub(crate) async fn metric(&self, series: &str) -> Option<f64> {
        let (_, text) = self.ops("/metrics").await;
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
        Some(line.parse().unwrap())
    }

    /// Ends the process as a power failure would.
    pub(crate) async fn kill(&mut self) {
        self.kill_now();
        self.killed().await;
    }

    /// The same without waiting for it.
    pub(crate) fn kill_now(&self) {
        self.process.signal(Signal::KILL);
    }

    /// Waits for a killed process to be gone.
    pub(crate) async fn killed(&mut self) {
        let status = self.process.exit().await;
        assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "it ended by itself: {}", self.log());
    }

    /// Stops the process's time: a machine that is suspended, or far too busy.
    pub(crate) async fn freeze(&self) {
        self.process.signal(Signal::STOP);
        let tasks = format!("/proc/{}/task", self.process.pid().as_raw_nonzero());
        // The signal reaches one thread after the other.
        let stands = |task: std::fs::DirEntry| {
            let status = std::fs::read_to_string(task.path().join("status")).unwrap_or_default();
            status.lines().any(|line| line.starts_with("State:") && line.contains("(stopped)"))
        };
        until("every thread stopped", async || {
            std::fs::read_dir(&tasks).unwrap().all(|task| stands(task.unwrap())).then_some(())
        })
        .await;
    }

    pub(crate) fn thaw(&self) {
        self.process.signal(Signal::CONT);
    }

    pub(crate) fn terminate(&self) {
        self.process.signal(Signal::TERM);
    }

    /// Waits for the process's own end; its exit code.
    pub(crate) async fn exit_code(&mut self) -> Option<i32> {
        self.process.exit().await.code()
    }

    /// Starts it anew on the same configuration and journal; returns once it listens, before it is ready.
    pub(crate) async fn start_again(&mut self) {
        let log = self.process.log.clone();
        self.process = Process::start(serve(&self.setup), log).await;
    }

    /// Kills it and starts it anew.
    pub(crate) async fn restart(&mut self) {
        self.kill().await;
        self.start_again().await;
        self.ready().await;
    }

    /// The same on the files as they lie there.
    pub(crate) async fn restart_as_written(&mut self) {
        self.kill().await;
        let log = self.process.log.clone();
        self.process = Process::start(serve_written(&self.setup), log).await;
        self.ready().await;
    }

    /// The same with another configuration.
    pub(crate) async fn restart_with(&mut self, change: impl FnOnce(&mut Setup)) {
        change(&mut self.setup);
        self.restart().await;
    }

    /// Lets the process make no file longer than this from now on, as a full disk would; `None` lifts it.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) {
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Some(self.process.pid()), Resource::Fsize, limit).unwrap();
    }

    /// Memory in use, in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.status("VmRSS:", " kB") * 1024
    }

    /// The most memory that was ever in use, in bytes.
    pub(crate) fn peak_resident_bytes(&self) -> u64 {
        self.status("VmHWM:", " kB") * 1024
    }

    /// For how many descriptors the kernel's table of them has room.
    pub(crate) fn room_for_descriptors(&self) -> u64 {
        self.status("FDSize:", "")
    }

    fn status(&self, field: &str, unit: &str) -> u64 {
        let path = format!("/proc/{}/status", self.process.pid().as_raw_nonzero());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim().trim_end_matches(unit).parse().unwrap()
    }

    /// How many files and sockets it has open, those of the databases left out: their readers are opened as they are
    /// asked for, kept, and bounded.
    pub(crate) fn open_descriptors(&self) -> usize {
        let path = format!("/proc/{}/fd", self.process.pid().as_raw_nonzero());
        let targets =
            std::fs::read_dir(path).unwrap().filter_map(|entry| entry.unwrap().path().read_link().ok());
        targets.filter(|target| !target.to_string_lossy().contains("usher.db")).count()
    }

    /// All that was logged so far.
    pub(crate) fn log(&self) -> String {
        self.process.log.lock().unwrap().clone()
    }
}

impl Process {
    async fn start(mut command: Command, log: Log) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let mut readers = JoinSet::new();
        readers.spawn(keep(child.stderr.take().unwrap(), log.clone()));
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let addresses = soon("listening", Addresses::read(&mut lines)).await;
        let addresses = addresses.unwrap_or_else(|| panic!("it did not start: {}", log.lock().unwrap()));
        Self { child, addresses, readers, log }
    }

    fn pid(&self) -> Pid {
        let pid = self.child.id().expect("it runs");
        Pid::from_raw(pid.try_into().unwrap()).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    async fn exit(&mut self) -> ExitStatus {
        let status = soon("the process's end", self.child.wait()).await.unwrap();
        while soon("the log's end", self.readers.join_next()).await.is_some() {}
        status
    }
}

impl Addresses {
    async fn read(lines: &mut BufReader<ChildStdout>) -> Option<Self> {
        Some(Self {
            public: address(lines, "public ").await?,
            consumer: address(lines, "consumer ").await?,
            ops: address(lines, "ops ").await?,
        })
    }
}

async fn address(lines: &mut BufReader<ChildStdout>, name: &str) -> Option<SocketAddr> {
    let mut line = String::new();
    lines.read_line(&mut line).await.unwrap();
    line.strip_prefix(name)?.trim().parse().ok()
}

async fn keep(mut from: impl AsyncRead + Unpin, log: Log) {
    let mut bytes = [0; 8192];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        log.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
}

fn serve(setup: &Setup) -> Command {
    setup.write();
    serve_written(setup)
}

fn serve_written(setup: &Setup) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
    command.args(["serve", "--config"]).arg(setup.path().join("usher.toml"));
    command.envs(setup.variables().iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a start that fails says and exits with.
pub(crate) async fn failing_start(setup: &Setup) -> (Option<i32>, String) {
    let output = soon("a failing start", serve(setup).kill_on_drop(true).output()).await.unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}
