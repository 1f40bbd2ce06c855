//! An example as the program that it is.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use crate::support::setup::ROUTER;
use crate::support::soon;
use crate::support::tools::{installed, root};
use crate::support::usher::Usher;

/// What an example is written in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Language {
    program: &'static str,
    /// The package that has it.
    package: &'static str,
    file: &'static str,
}

impl Language {
    pub(super) const PYTHON: Self = Self { program: "python3", package: "python3", file: "python/engine.py" };
    pub(super) const NODE: Self = Self { program: "node", package: "nodejs", file: "node/engine.mjs" };
}

/// A routing engine. Dropped, it is killed.
pub(super) struct Engine {
    language: Language,
    url: String,
    folder: PathBuf,
    child: Child,
    log: Arc<Mutex<String>>,
    readers: JoinSet<()>,
}

impl Engine {
    /// Starts it in this folder, where it keeps its place.
    pub(super) fn start(language: Language, usher: &Usher, folder: &Path) -> Self {
        let url = format!("http://{}", usher.at().consumer);
        let child = command(language, &url, folder).spawn().unwrap();
        let log = Arc::default();
        let mut engine =
            Self { language, url, folder: folder.to_owned(), child, log, readers: JoinSet::new() };
        engine.listen();
        engine
    }

    pub(super) fn start_again(&mut self) {
        self.child = command(self.language, &self.url, &self.folder).spawn().unwrap();
        self.listen();
    }

    /// Ends it as a power failure would.
    pub(super) async fn kill(&mut self) {
        self.child.start_kill().unwrap();
        soon("the engine's end", self.child.wait()).await.unwrap();
    }

    pub(super) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// All that it said so far.
    pub(super) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    fn listen(&mut self) {
        self.readers.spawn(keep(self.child.stdout.take().unwrap(), self.log.clone()));
        self.readers.spawn(keep(self.child.stderr.take().unwrap(), self.log.clone()));
    }
}

fn command(language: Language, url: &str, folder: &Path) -> Command {
    let mut command = Command::new(installed(language.package, language.program));
    command.arg(root().join("examples/routing-engine").join(language.file)).current_dir(folder);
    command.env("USHER_URL", url).env("USHER_API_KEY", ROUTER);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn keep(from: impl AsyncRead + Unpin, log: Arc<Mutex<String>>) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut log = log.lock().unwrap();
        log.push_str(&line);
        log.push('\n');
    }
}
