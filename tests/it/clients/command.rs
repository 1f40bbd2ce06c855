//! `usher client`: clients made, rotated and listed by the real program.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::setup::Setup;
use crate::support::usher::Usher;

use super::{status, token};

fn usher(arguments: &[&str], config: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
    command.arg("client").args(arguments).arg("--config").arg(config).output().unwrap()
}

/// What it printed on its standard output, having done as asked.
fn done(arguments: &[&str], config: &Path) -> String {
    let output = usher(arguments, config);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

/// Its exit code and what it said of the fault; it printed nothing.
fn refused(arguments: &[&str], config: &Path) -> (i32, String) {
    let output = usher(arguments, config);
    assert!(output.stdout.is_empty(), "{arguments:?}");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

const ADD: [&str; 7] =
    ["add", "--id", "bot", "--scopes", "conversations:read,events:read", "--tenants", "contoso"];

fn setup() -> Setup {
    Setup::new().tenant("contoso", "http://127.0.0.1:1/none")
}

#[tokio::test]
async fn a_client_that_was_added_calls_and_its_secret_was_shown_once() {
    let setup = setup();
    let config = setup.write();
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o640)).unwrap();
    let before = std::fs::read_to_string(&config).unwrap();
    let shown = done(&[&ADD[..], &["--token-lifetime", "48h", "--idle-timeout", "15m"]].concat(), &config);
    let key = shown.strip_suffix('\n').unwrap();
    let (id, secret) = key.split_once('.').unwrap();
    assert_eq!((id, secret.len()), ("bot", 43), "256 bits in base64url, alone on one line");
    let after = std::fs::read_to_string(&config).unwrap();
    assert!(after.starts_with(&before), "what stood there stands there");
    assert!(!after.contains(secret));
    assert_eq!(std::fs::metadata(&config).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(std::fs::read_dir(setup.path()).unwrap().count(), 2, "no draft is left behind");

    let listed: Value = serde_json::from_str(&done(&["list", "--json"], &config)).unwrap();
    let bot = listed.as_array().unwrap().iter().find(|client| client["id"] == "bot").unwrap();
    let expected = json!({
        "id": "bot", "scopes": ["events:read", "conversations:read"], "tenants": ["contoso"], "secrets": 1,
        "token_lifetime": 172_800, "idle_timeout": 900,
    });
    assert_eq!(*bot, expected);
    let text = done(&["list"], &config);
    assert!(text.contains("bot\n  scopes          events:read, conversations:read\n"), "{text}");
    let hash = after.lines().rfind(|line| line.starts_with("secret_sha256")).unwrap();
    let hash = hash.split('"').nth(1).unwrap();
    assert!(hash.len() == 64 && !text.contains(hash) && !listed.to_string().contains(hash));

    let usher = Usher::start_as_written(setup).await;
    assert_eq!(status(&usher, key).await, 200);
    assert_eq!(status(&usher, &token(&usher, key).await).await, 200);
}

#[tokio::test]
async fn during_a_rotation_both_secrets_are_taken_and_afterwards_the_new_one_alone() {
    let setup = setup();
    let config = setup.write();
    let first = done(&ADD, &config).trim().to_owned();
    let second = done(&["rotate", "--id", "bot"], &config).trim().to_owned();
    assert!(second.starts_with("bot.") && second != first);
    let before = std::fs::read_to_string(&config).unwrap();
    let (code, why) = refused(&["rotate", "--id", "bot"], &config);
    assert!(code == 1 && why.contains("usher client rotate --id bot --finish"), "{why}");
    assert_eq!(std::fs::read_to_string(&config).unwrap(), before);

    let mut usher = Usher::start_as_written(setup).await;
    let (by_first, by_second) = (token(&usher, &first).await, token(&usher, &second).await);
    for key in [&first, &second, &by_first, &by_second] {
        assert_eq!(status(&usher, key).await, 200);
    }
    assert_eq!(done(&["rotate", "--id", "bot", "--finish"], &config), "");
    let (code, why) = refused(&["rotate", "--id", "bot", "--finish"], &config);
    assert!(code == 1 && why.contains("has one secret"), "{why}");
    usher.restart_as_written().await;
    for (key, expected) in [(&first, 401), (&by_first, 401), (&second, 200), (&by_second, 200)] {
        assert_eq!(status(&usher, key).await, expected);
    }
}

#[test]
fn what_is_asked_wrongly_is_a_fault_of_usage_and_changes_nothing() {
    let setup = setup();
    let config = setup.write();
    let before = std::fs::read(&config).unwrap();
    let add = |id, scopes, tenants| ["add", "--id", id, "--scopes", scopes, "--tenants", tenants];
    for arguments in [
        add("No Id", "*", "*"),
        add("bot", "events:write", "*"),
        add("bot", "", "*"),
        add("bot", "*", "No Tenant"),
        ["add", "--id", "bot", "--scopes", "*", "--scopes", "*"],
    ] {
        assert_eq!(refused(&arguments, &config).0, 2, "{arguments:?}");
    }
    let span = |name, span| {
        let output = [&add("bot", "*", "*")[..], &[name, span]].concat();
        usher(&output, &config).status.code()
    };
    for (name, text) in
        [("--token-lifetime", "299s"), ("--token-lifetime", "172801s"), ("--idle-timeout", "999ms")]
    {
        assert_eq!(span(name, text), Some(2), "{name} {text}");
    }
    assert_eq!(std::fs::read(&config).unwrap(), before);
    assert_eq!(span("--token-lifetime", "300s"), Some(0));
    assert_eq!(refused(&add("bot", "*", "*"), &config).0, 1, "the id is taken");
    assert_eq!(refused(&["rotate", "--id", "nobody"], &config).0, 1);
}

#[test]
fn a_file_that_cannot_be_used_or_would_not_be_stays_as_it_is() {
    let setup = Setup::new();
    let config = setup.write();
    let unchanged = |text: &str, code: i32, says: &str| {
        std::fs::write(&config, text).unwrap();
        let (exit, why) = refused(&ADD, &config);
        assert_eq!(exit, code, "{why}");
        assert!(why.contains(says), "{why}");
        assert_eq!(std::fs::read_to_string(&config).unwrap(), text);
    };
    unchanged("nothing = 1\n", 64, "nothing");
    unchanged("client = []\n", 1, "usher.toml");
    let none = setup.path().join("none.toml");
    assert_eq!(refused(&ADD, &none).0, 64);
    assert_eq!(refused(&["list"], &none).0, 64);
    std::fs::write(&config, "").unwrap();
    let draft = setup.path().join(".usher.toml.new");
    std::fs::write(&draft, "another's").unwrap();
    let (exit, why) = refused(&ADD, &config);
    assert!(exit == 1 && why.contains("somebody else is just changing the file"), "{why}");
    assert_eq!(std::fs::read_to_string(&draft).unwrap(), "another's");
    std::fs::remove_file(&draft).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
    command.arg("client").args(ADD).arg("--config").arg(&config).env("USHER_CLIENT", "[]");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("USHER_CLIENT"));
}
