//! What others make of the documents: validators of both formats, and Schemathesis, which calls a real gateway by
//! what its `/openapi.json` says.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use tokio::process::Command;

use crate::support::consumer::Consumer;
use crate::support::keys::KeyEndpoint;
use crate::support::setup::{ROUTER, Setup};
use crate::support::tools::{root, unpacked};
use crate::support::usher::Usher;
use crate::support::widget::Widget;

/// Far longer than Schemathesis takes; past this something hangs.
const DEADLINE: Duration = Duration::from_mins(4);

/// A program of the environment that `make it` installs.
fn python(program: &str) -> Command {
    let file: PathBuf = unpacked("schemathesis").join("bin").join(program);
    assert!(file.is_file(), "there is no {}: `make it` installs it", file.display());
    let mut command = Command::new(file);
    command.kill_on_drop(true);
    command
}

/// What a program says, where it finds nothing to complain about.
async fn passes(mut command: Command) {
    let judged = tokio::time::timeout(DEADLINE, command.output()).await.expect("it ends").unwrap();
    let said =
        [judged.stdout, judged.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(judged.status.success(), "{said}");
}

#[tokio::test]
async fn both_documents_are_valid_by_the_schemas_of_their_formats() {
    let mut command = python("python");
    command.arg(root().join("tests/schema/documents.py"));
    passes(command).await;
}

/// A conversation for each call that acts on one, so that none is in another's way.
async fn conversations(usher: &Usher, calls: &[&str]) -> String {
    let mut settings = String::new();
    for call in calls {
        let (mut widget, ticket) = Widget::start(usher, "contoso/web").await;
        for number in 1..=3 {
            widget.say(&format!("m{number}"), "Hello").await;
        }
        widget.close().await;
        let id = &ticket.conversation;
        settings.extend(["[[operations]]\ninclude-name = \"", call, "\"\n"]);
        settings.extend(["parameters = { \"path.id\" = \"", id, "\" }\n"]);
    }
    settings
}

#[tokio::test]
async fn every_answer_is_one_that_the_document_says() {
    let keys = KeyEndpoint::start().await;
    let usher = Usher::start(Setup::new().tenant("contoso", &keys.url())).await;
    let in_conversation = [
        "GET /v1/conversations/{id}",
        "GET /v1/conversations/{id}/events",
        "POST /v1/conversations/{id}/messages",
        "POST /v1/conversations/{id}/authentication-request",
        "POST /v1/conversations/{id}/typing",
        "POST /v1/conversations/{id}/read",
        "POST /v1/conversations/{id}/reconnect",
        "PUT /v1/conversations/{id}/assignment",
        "POST /v1/conversations/{id}/end",
    ];
    let folder = tempfile::tempdir().unwrap();
    let own = conversations(&usher, &in_conversation).await;
    fs::write(
        folder.path().join("schemathesis.toml"),
        include_str!("../schema/schemathesis.toml").to_owned() + &own,
    )
    .unwrap();
    let revoked = json!({ "tenant": "contoso", "kid": "none", "id": "one" });
    assert_eq!(Consumer::new(&usher, ROUTER).post("/v1/revocations", &revoked).await.status, 201);
    let mut command = python("st");
    command.current_dir(folder.path()).arg("run").arg(format!("http://{}/openapi.json", usher.at().consumer));
    command.args(["--header", &format!("Authorization: Bearer {ROUTER}"), "--no-color"]);
    passes(command).await;
}
