//! `usher widget`: the lines for a page.

use std::process::Output;

use aws_lc_rs::digest::{SHA384, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::process::Command;

use super::*;

const GATEWAY: [&str; 2] = ["--gateway", "https://chat.example.com"];
const PROVIDER: &str = "<script>window.addEventListener(\"usher:ready\", () => \
    Usher.setAuthTokenProvider(async () => (await fetch(\"/token\")).text()))</script>";

async fn command(setup: &Setup, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
    command.arg("widget").args(arguments).current_dir(setup.path());
    soon("the lines", command.output()).await.unwrap()
}

/// The lines for the widget `contoso/web`.
pub(super) async fn lines(setup: &Setup, more: &[&str]) -> Output {
    command(setup, &[&["--tenant", "contoso", "--widget", "web"], more].concat()).await
}

fn setup() -> Setup {
    let setup = Setup::new().tenant("contoso", "http://127.0.0.1:1/none");
    setup.write();
    setup
}

fn said(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_page_needs_two_lines() {
    let output = lines(&setup(), &GATEWAY).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!said(&output.stderr).contains("usher: "), "there is nothing to hint at: {output:?}");
    let script = "<script src=\"https://chat.example.com/widget/v1/usher.js\" data-tenant=\"contoso\" \
        data-widget=\"web\" defer></script>";
    assert_eq!(said(&output.stdout), format!("{script}\n{PROVIDER}\n"));
    assert!(
        include_str!("../../../docs/widget.md").contains(said(&output.stdout)),
        "the manual says otherwise"
    );
}

#[tokio::test]
async fn a_page_that_hands_out_tokens_by_a_function_or_takes_none_needs_one_line() {
    let mut setup = setup();
    let open = command(&setup, &[&["--tenant", "contoso", "--widget", "open"], &GATEWAY[..]].concat()).await;
    assert_eq!(said(&open.stdout).lines().count(), 1, "{open:?}");
    setup.change(
        "contoso",
        "[authentication]\n",
        "[authentication]\njavascript_client_function = \"auth.token\"\n",
    );
    setup.write();
    let named = lines(&setup, &GATEWAY).await;
    assert_eq!(said(&named.stdout).lines().count(), 1, "{named:?}");
}

#[tokio::test]
async fn a_pinned_script_is_the_one_that_is_served_and_its_hash_is_that_of_its_bytes() {
    let (usher, _keys) = usher().await;
    let at = format!("http://{}", usher.at().public);
    let output = lines(usher.setup(), &["--integrity", "--gateway", &at]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let line = said(&output.stdout).lines().next().unwrap();
    let attribute = |name: &str| {
        let (_, rest) = line.split_once(&format!(" {name}=\"")).unwrap_or_else(|| panic!("{name}: {line}"));
        rest.split_once('"').unwrap().0
    };
    assert!(line.contains(" crossorigin "), "{line}");
    let path = attribute("src").strip_prefix(&at).unwrap();
    let served = ask(usher.at().public, "GET", path, "").await;
    assert_eq!(served.status, 200);
    let hash = STANDARD.encode(digest(&SHA384, &served.body));
    assert_eq!(attribute("integrity"), format!("sha384-{hash}"));
    assert!(said(&output.stderr).contains("after an upgrade"), "{output:?}");
}

#[tokio::test]
async fn json_tells_everything_about_every_file() {
    let output = lines(&setup(), &[&GATEWAY[..], &["--json", "--integrity"]].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["tenant"], &told["widget"]), (&json!("contoso"), &json!("web")));
    assert_eq!(
        told["content_security_policy"],
        json!({
            "script-src": ["https://chat.example.com"],
            "connect-src": ["https://chat.example.com", "wss://chat.example.com"],
        })
    );
    assert_eq!(told["lines"][1], PROVIDER);
    for (name, _) in FILES {
        let file = &told["files"][name];
        let bytes = std::fs::read(built(name)).unwrap();
        assert_eq!(file["integrity"], format!("sha384-{}", STANDARD.encode(digest(&SHA384, &bytes))));
        assert_eq!(file["url"], format!("https://chat.example.com/widget/v1/{name}"));
        let pinned = file["immutable_url"].as_str().unwrap();
        assert!(
            pinned.starts_with("https://chat.example.com/widget/v1/") && pinned.ends_with(name),
            "{pinned}"
        );
    }
    let script = &told["files"]["usher.js"];
    let line = told["lines"][0].as_str().unwrap();
    for part in [&script["immutable_url"], &script["integrity"]] {
        assert!(line.contains(part.as_str().unwrap()), "{line}");
    }
}

#[tokio::test]
async fn what_keeps_a_page_from_chatting_is_said_beside_the_lines() {
    let setup = setup();
    let nowhere = ["--tenant", "contoso", "--widget", "nowhere"];
    for (arguments, hint) in [
        (&[&nowhere[..], &GATEWAY].concat()[..], "allowed_origins of [widgets.nowhere] is empty"),
        (
            &[&nowhere[..], &["--gateway", "http://chat.example.com"]].concat(),
            "a page of https loads no script over http",
        ),
        (&[&nowhere[..], &["--gateway", "http://127.0.0.1:8080"]].concat(), "for pages on this machine"),
        (&[&nowhere[..], &["--gateway", "http://localhost:8080"]].concat(), "for pages on this machine"),
    ] {
        let output = command(&setup, arguments).await;
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(said(&output.stderr).contains(hint), "{hint}: {output:?}");
        assert!(said(&output.stdout).starts_with("<script src="), "{output:?}");
    }
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_a_fault_of_usage() {
    let setup = setup();
    let known = ["--tenant", "contoso", "--widget", "web"];
    for (arguments, why) in [
        (&["--tenant", "fabrikam", "--widget", "web"][..], "there is no tenant `fabrikam`"),
        (
            &["--tenant", "contoso", "--widget", "mobile"],
            "anywhere, guarded, lenient, nowhere, open, second, strict, web",
        ),
        (&known, "say with --gateway"),
        (&[&known[..], &["--gateway", "chat.example.com"]].concat(), "write https://host"),
        (&[&known[..], &["--gateway", "https://chat.example.com/usher"]].concat(), "nothing after it"),
        (&["--tenant", "contoso"], "--widget"),
    ] {
        let output = command(&setup, arguments).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(said(&output.stderr).contains(why), "{why}: {output:?}");
        assert!(output.stdout.is_empty());
    }
    std::fs::write(setup.path().join("usher.toml"), "tenants = 1\n").unwrap();
    assert_eq!(lines(&setup, &GATEWAY).await.status.code(), Some(64));
}
