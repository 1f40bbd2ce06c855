//! `usher token` and `usher keys`, as a person or a script runs them.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::mint::{fixture, fixture_text};

fn usher(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_usher"))
        .args(args)
        .current_dir(fixture(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

const VERIFY: [&str; 8] = [
    "token",
    "verify",
    "--keys",
    "documents/set.json",
    "--tenant-policy",
    "tenant.toml",
    "--now",
    "1760000000",
];

fn verify(more: &[&str], token: &str) -> Output {
    usher(&[&VERIFY[..], more].concat(), &fixture_text(&format!("tokens/{token}.jwt")))
}

#[test]
fn a_verdict_is_told_to_a_program() {
    let accepted = verify(&["--json", "-"], "accepted");
    assert_eq!(accepted.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&accepted.stdout).unwrap();
    assert_eq!((&report["verdict"], &report["kid"]), (&"accepted".into(), &"a".into()));
    assert_eq!(report["expires_at"], "2025-10-09T09:08:20.000Z");
    assert_eq!(report["claims"]["sub"], "87b3ab4d");
    assert_eq!(report["variables"]["msdyn_cartvalue"]["value"], 10000.0);
    assert_eq!(report.get("reason"), None);

    let refused = verify(&["--json"], "expired");
    assert_eq!(refused.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!((&report["verdict"], &report["reason"]), (&"refused".into(), &"expired".into()));
    assert!(report["message"].is_string() && report["action"].is_string());
}

#[test]
fn a_verdict_is_told_to_a_person_step_by_step() {
    let output = verify(&[], "bad_signature");
    let said = text(&output);
    assert!(
        said.contains("ok  kid: \"a\"") && said.contains("no  signature") && !said.contains("payload's form"),
        "{said}"
    );
    assert!(said.contains("refused: bad_signature"), "{said}");
    let said = text(&verify(&[], "accepted"));
    assert!(said.contains("subject        87b3ab4d") && said.contains("in 900 s"), "{said}");
}

#[test]
fn a_question_that_makes_no_sense_is_a_fault_of_usage() {
    let token = fixture_text("tokens/accepted.jwt");
    for args in [
        &["token", "verify", "--keys", "nowhere.json", &token][..],
        &["token", "verify", "--keys", "documents/set.json", "--now", "yesterday", &token],
        &["token", "verify", "--keys", "documents/set.json", "--tenant-policy", "README.md", &token],
        &["token", "verify", &token],
        &["token", "mint", "--key", "keys/ec.private.pem", "--iss", "i", "--sub", "s"],
        &["token", "mint", "--key", "keys/a.private.pem", "--iss", "i", "--sub", "s", "--context", "[]"],
        &["token", "mint", "--key", "keys/a.private.pem", "--iss", "i", "--sub", "s", "--lifetime", "15"],
        &["keys", "inspect", "nowhere.json"],
    ] {
        let output = usher(args, "");
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn what_is_minted_is_accepted() {
    let minted = usher(
        &[
            "token",
            "mint",
            "--key",
            "keys/a.private.pem",
            "--kid",
            "a",
            "--iss",
            "contosohelp.com",
            "--sub",
            "x",
            "--lifetime",
            "90s",
            "--context",
            r#"{"msdyn_isvip":true}"#,
        ],
        "",
    );
    assert_eq!(minted.status.code(), Some(0));
    let args =
        ["token", "verify", "--keys", "documents/set.json", "--tenant-policy", "tenant.toml", "--json"];
    let verified = usher(&args, &text(&minted));
    let report: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(report["verdict"], "accepted", "{report}");
    let lifetime = report["claims"]["exp"].as_i64().unwrap() - report["claims"]["iat"].as_i64().unwrap();
    assert_eq!((lifetime, &report["variables"]["msdyn_isvip"]["raw"]), (90, &true.into()));
}

#[test]
fn an_address_that_is_not_global_is_not_asked() {
    let output = usher(
        &["token", "verify", "--keys", "https://127.0.0.1/keys", "--json", "-"],
        &fixture_text("tokens/accepted.jwt"),
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &report["reason"]), (Some(1), &"keys_unavailable".into()));
    assert!(report["action"].as_str().unwrap().contains("--allow-network"), "{report}");
}

#[test]
fn a_document_is_inspected_entry_by_entry() {
    let set = usher(&["keys", "inspect", "documents/set.json", "--json"], "");
    let report: Value = serde_json::from_slice(&set.stdout).unwrap();
    assert_eq!((set.status.code(), &report["form"]), (Some(0), &"key_set".into()));
    let kids: Vec<&Value> = report["keys"].as_array().unwrap().iter().map(|key| &key["kid"]).collect();
    assert_eq!(kids, ["a", "b", "old"]);
    assert_eq!((&report["keys"][2]["expired"], &report["keys"][0]["bits"]), (&true.into(), &2048.into()));
    let said = text(&usher(&["keys", "inspect", "documents/vendor-expired.json"], ""));
    assert!(said.contains("2020-12-20T20:17:03.000Z, past"), "{said}");
    let broken = usher(&["keys", "inspect", "documents/vendor-missing-quote.json"], "");
    assert_eq!(broken.status.code(), Some(1));
    assert!(text(&broken).contains("line 4 column 14"), "{}", text(&broken));
}
