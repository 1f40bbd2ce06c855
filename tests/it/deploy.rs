//! What is shipped to run usher with: the image's parts, the example of compose, systemd's unit. No container and no
//! systemd runs here; what they would do to usher is done without them as far as that goes.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use rustix::process::geteuid;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::keys::KeyEndpoint;
use crate::support::setup::Setup;
use crate::support::soon;
use crate::support::tools::{root, tool, unpacked};
use crate::support::usher::{Usher, failing_start};
use crate::support::widget::Widget;

const UNIT: &str = include_str!("../../deploy/usher.service");
const COMPOSE: &str = include_str!("../../deploy/compose.yaml");
const DOCKERFILE: &str = include_str!("../../deploy/Dockerfile");
/// The user of the image.
const NOBODY: u32 = 65_532;

/// All that stands behind `start`, a line each.
fn settings<'a>(text: &'a str, start: &'a str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.trim_start().strip_prefix(start)).map(str::trim).collect()
}

/// What stands behind `start` on the one line that begins with it.
fn setting<'a>(text: &'a str, start: &'a str) -> &'a str {
    let found = settings(text, start);
    assert_eq!(found.len(), 1, "{start} {found:?}");
    found[0]
}

fn span(text: &str) -> Duration {
    text.parse::<SignedDuration>().unwrap().unsigned_abs()
}

/// The default of a setting in `[limits]`.
fn default_limits() -> usher::config::Limits {
    let nothing: std::collections::BTreeMap<&str, &str> = std::collections::BTreeMap::new();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("tenants")).unwrap();
    fs::copy(root().join("examples/tenants/contoso.toml"), folder.path().join("tenants/contoso.toml"))
        .unwrap();
    let file = folder.path().join("usher.toml");
    fs::write(&file, "").unwrap();
    usher::config::load(&file, &nothing).unwrap().limits
}

/// systemd-analyze and where it looks for units: its own ones are needed beside `folder`'s.
fn systemd_analyze(folder: &Path) -> Command {
    let program = tool("systemd", "systemd-analyze");
    let mut command = Command::new(&program);
    let own = unpacked("systemd");
    if program.starts_with(&own) {
        let libraries = ["usr/lib/x86_64-linux-gnu/systemd", "usr/lib/aarch64-linux-gnu/systemd"];
        command.env("LD_LIBRARY_PATH", libraries.map(|part| own.join(part).display().to_string()).join(":"));
    }
    let units = [folder.to_owned(), own.join("lib/systemd/system"), PathBuf::from("/lib/systemd/system")];
    command.env("SYSTEMD_UNIT_PATH", std::env::join_paths(units).unwrap());
    command
}

/// The unit in a folder of its own, with the binary that the tests run.
fn unit() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("usher.service");
    let installed = "/usr/local/bin/usher";
    assert!(UNIT.contains(installed));
    fs::write(&file, UNIT.replace(installed, env!("CARGO_BIN_EXE_usher"))).unwrap();
    (folder, file)
}

#[tokio::test]
async fn systemd_finds_no_fault_in_the_unit() {
    let (folder, file) = unit();
    let mut command = systemd_analyze(folder.path());
    let judged = soon("a verdict", command.args(["verify", "--man=no"]).arg(file).output()).await.unwrap();
    let said = String::from_utf8_lossy(&judged.stderr);
    assert!(judged.status.success() && said.is_empty(), "{said}");
}

#[tokio::test]
async fn systemd_rates_the_unit_among_the_least_exposed() {
    let (folder, file) = unit();
    let mut command = systemd_analyze(folder.path());
    // Of 100, the least being best; what is left is the network, which usher is for.
    command.args(["security", "--offline=true", "--no-pager", "--threshold=15"]).arg(file);
    let judged = soon("a verdict", command.output()).await.unwrap();
    let said = String::from_utf8_lossy(&judged.stdout);
    assert!(judged.status.success() && said.contains("Overall exposure level"), "{said}");
}

#[test]
fn every_supervisor_waits_longer_than_the_drain_and_the_grace_after_it() {
    let app = include_str!("../../src/app/mod.rs");
    let grace = setting(app, "const STOP_GRACE: Duration = Duration::from_secs(").trim_end_matches(");");
    let needed = default_limits().drain_for + Duration::from_secs(grace.parse().unwrap());
    for waits in [setting(UNIT, "TimeoutStopSec="), setting(COMPOSE, "stop_grace_period:")] {
        assert!(span(waits) >= needed + Duration::from_secs(10), "{waits}, {needed:?} are needed");
    }
    assert_eq!(setting(UNIT, "KillSignal="), setting(DOCKERFILE, "STOPSIGNAL "));
}

#[test]
fn every_supervisor_lets_usher_open_more_files_than_it_takes_connections() {
    let connections = default_limits().connections;
    let limits = [setting(UNIT, "LimitNOFILE="), setting(COMPOSE, "soft:"), setting(COMPOSE, "hard:")];
    for files in limits.map(|limit| limit.parse::<u32>().unwrap()) {
        assert!(files > connections + connections / 10, "{files} for {connections} connections");
    }
}

#[tokio::test]
async fn the_unit_tries_no_start_again_that_would_end_the_same() {
    let prevented: BTreeSet<_> = setting(UNIT, "RestartPreventExitStatus=").split(' ').collect();
    let faulty = Setup::new().tenant_file("contoso", "name = 1\n".to_owned());
    let (code, _) = failing_start(&faulty).await;
    assert!(prevented.contains(&*code.unwrap().to_string()), "{code:?} {prevented:?}");
    let mut usage = Command::new(env!("CARGO_BIN_EXE_usher"));
    let code = soon("a fault", usage.args(["serve", "--no-such"]).output()).await.unwrap().status.code();
    assert!(prevented.contains(&*code.unwrap().to_string()), "{code:?} {prevented:?}");
    assert_eq!(settings(UNIT, "ExecStartPre="), [""; 0], "its exit code prevents nothing");
}

#[test]
fn the_example_of_compose_gives_the_container_no_more_than_usher_needs() {
    let (usher, _) = COMPOSE.split_once("\n  prometheus:\n").unwrap();
    for line in ["    read_only: true", "    cap_drop:\n      - ALL", "      - no-new-privileges:true"] {
        assert!(usher.contains(line), "{line}");
    }
    let (_, ports) = usher.split_once("    ports:\n").unwrap();
    let published: Vec<_> = ports.lines().map_while(|line| line.strip_prefix("      - ")).collect();
    assert_eq!(published.len(), 1, "the public listener alone: {published:?}");
    assert!(published[0].starts_with("\"127.0.0.1:8080:8080\""), "{published:?}");
    let journal = setting(DOCKERFILE, "ENV USHER_JOURNAL_PATH=");
    let volume = setting(DOCKERFILE, "VOLUME ");
    assert!(Path::new(journal).starts_with(volume) && usher.contains(&format!("- journal:{volume}\n")));
}

#[test]
fn the_image_is_built_by_the_projects_release_of_rust_for_a_user_without_rights() {
    let toolchain = include_str!("../../rust-toolchain.toml");
    let release = setting(toolchain, "channel = ").trim_matches('"');
    let minor = release.rsplit_once('.').unwrap().0;
    assert!(setting(DOCKERFILE, "FROM rust:").starts_with(&format!("{minor}-")), "{minor}");
    assert_eq!(setting(DOCKERFILE, "USER "), format!("{NOBODY}:{NOBODY}"));
    assert!(DOCKERFILE.contains("cargo build --profile dist --locked "));
}

/// Copies what `.dockerignore` lets through, in its one form: `*`, then `!` and a path on each line.
fn build_context(to: &Path) {
    let rules = include_str!("../../.dockerignore").lines().filter(|line| !line.starts_with('#'));
    let mut rules = rules.filter(|line| !line.is_empty());
    assert_eq!(rules.next(), Some("*"));
    let mut paths: Vec<_> = rules.map(|rule| PathBuf::from(rule.strip_prefix('!').unwrap())).collect();
    while let Some(path) = paths.pop() {
        let from = root().join(&path);
        if from.is_dir() {
            paths.extend(fs::read_dir(from).unwrap().map(|entry| path.join(entry.unwrap().file_name())));
        } else {
            fs::create_dir_all(to.join(&path).parent().unwrap()).unwrap();
            fs::copy(from, to.join(&path)).unwrap();
        }
    }
}

/// Name and file of everything that cargo would build of a workspace, the files taken from its folder.
async fn targets(workspace: &Path) -> BTreeSet<(String, PathBuf)> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version=1", "--no-deps", "--offline"]).current_dir(workspace);
    let read = soon("cargo", cargo.output()).await.unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let metadata: Value = serde_json::from_slice(&read.stdout).unwrap();
    let workspace = workspace.canonicalize().unwrap();
    let target = |target: &Value| {
        let file = Path::new(target["src_path"].as_str().unwrap());
        let inner = file.strip_prefix(&workspace).unwrap().to_owned();
        (target["name"].as_str().unwrap().to_owned(), inner)
    };
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages.flat_map(|package| package["targets"].as_array().unwrap()).map(target).collect()
}

#[tokio::test]
async fn what_docker_is_given_is_all_that_cargo_needs_and_not_much_more() {
    let folder = tempfile::tempdir().unwrap();
    build_context(folder.path());
    let expected = targets(root()).await;
    assert_eq!(targets(folder.path()).await, expected);
    let inner = expected.iter().map(|(_, file)| file.as_path());
    let read_by_them =
        [".cargo/config.toml", "Cargo.lock", "LICENSE", "widget/dist/usher.js.br"].map(Path::new);
    for file in inner.chain(read_by_them) {
        assert!(folder.path().join(file).is_file(), "{}", file.display());
    }
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let names: BTreeSet<_> = names.map(|name| name.into_string().unwrap()).collect();
    assert_eq!(
        names,
        [".cargo", "Cargo.lock", "Cargo.toml", "LICENSE", "benches", "load-tests", "src", "tests", "widget"]
            .map(str::to_owned)
            .into()
    );
}

/// The image's health check with the port that it asks.
fn health_check(port: u16) -> Command {
    let words = format!("[\"bash\"{}", setting(DOCKERFILE, "CMD [\"bash\""));
    let words: Vec<String> = serde_json::from_str(&words).unwrap();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).env("HEALTH_PORT", port.to_string());
    command
}

#[tokio::test]
async fn the_images_health_check_tells_an_answer_from_none_and_from_another() {
    let keys = KeyEndpoint::start().await;
    let mut usher = Usher::start(Setup::new().tenant("contoso", &keys.url())).await;
    let at = usher.at();
    let healthy = async |port| soon("the check", health_check(port).output()).await.unwrap().status.success();
    assert!(healthy(at.ops.port()).await);
    assert!(!healthy(at.public.port()).await, "a 404 is no sign of health");
    usher.terminate();
    assert_eq!(usher.exit_code().await, Some(0));
    assert!(!healthy(at.ops.port()).await);
}

/// A folder that this process, or the image's user where this is root, can write to only in `data`.
fn close_off(setup: &Setup) {
    let data = setup.path().join("data");
    fs::create_dir(&data).unwrap();
    if geteuid().is_root() {
        chown(&data, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    for folder in ["tenants", "."] {
        fs::set_permissions(setup.path().join(folder), Permissions::from_mode(0o555)).unwrap();
    }
}

#[tokio::test]
async fn as_an_unprivileged_user_that_can_write_to_its_data_alone_usher_serves_and_drains() {
    let keys = KeyEndpoint::start().await;
    let setup = Setup::new().tenant("contoso", &keys.url());
    let config = setup.write();
    // The user of the image may not be let into the folder that this was built in.
    let binary = setup.path().join("usher");
    fs::copy(env!("CARGO_BIN_EXE_usher"), &binary).unwrap();
    close_off(&setup);
    let mut command = Command::new(&binary);
    command.args(["serve", "--config"]).arg(config).current_dir(setup.path());
    // Nothing may be put anywhere else, not even for a moment.
    command.env("TMPDIR", setup.path());
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let mut usher = Usher::start_by(setup, command).await;
    let (mut widget, ticket) = Widget::start(&usher, "contoso/web").await;
    widget.say("m1", "Hello").await;
    usher.terminate();
    widget.expect("draining").await;
    widget.close().await;
    assert_eq!(usher.exit_code().await, Some(0));
    drop(ticket);
    let names = fs::read_dir(usher.setup().path()).unwrap().map(|entry| entry.unwrap().file_name());
    let names: BTreeSet<_> = names.map(|name| name.into_string().unwrap()).collect();
    assert_eq!(names, ["data", "tenants", "usher", "usher.toml"].map(str::to_owned).into());
    assert!(usher.setup().journal().is_file());
    fs::set_permissions(usher.setup().path(), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(usher.setup().path().join("tenants"), Permissions::from_mode(0o755)).unwrap();
}
