//! `usher queue explain`: what the rules say to a token and variables, as the gateway would find.

use std::fs;
use std::path::Path;
use std::process::Output;

use tokio::process::Command;

use super::*;
use crate::support::soon;

/// The configuration on disk, and the endpoint with its tenant's keys.
async fn configured() -> (Setup, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let setup = setup(&keys, QUEUES);
    setup.write();
    (setup, keys)
}

async fn explain(setup: &Setup, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
    command.args(["queue", "explain", "--tenant", "contoso"]).args(more).current_dir(setup.path());
    soon("an explanation", command.output()).await.unwrap()
}

async fn explained(setup: &Setup, more: &[&str]) -> Value {
    let output = explain(setup, &[more, &["--json"]].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn said(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn write_token(folder: &Path, token: &str) -> String {
    let path = folder.join("token.jwt");
    fs::write(&path, token).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_token_is_verified_by_the_tenants_own_keys_and_the_rules_are_told_one_by_one() {
    let (setup, _keys) = configured().await;
    let token = write_token(setup.path(), &worth(10.0, HOUR, &json!(5000)));
    let report = explained(&setup, &["--token", &token]).await;
    assert_eq!(
        (&report["authenticated"], &report["queue"], &report["rule"]),
        (&json!(true), &json!("vip"), &json!("vip"))
    );
    assert_eq!(report["priority"], 10);
    let outcomes = [("vip", "matched"), ("gold", "not_reached"), ("others", "not_reached")];
    for (told, (name, outcome)) in report["queues"].as_array().unwrap().iter().zip(outcomes) {
        assert_eq!((&told["name"], &told["outcome"]), (&json!(name), &json!(outcome)));
    }
    assert_eq!(report["variables"]["msdyn_cartvalue"]["verified"], true);
    let poor = write_token(setup.path(), &worth(10.0, HOUR, &json!(1000)));
    let report = explained(&setup, &["--token", &poor]).await;
    assert_eq!(report["queues"][0]["outcome"], "not_matched");
    assert_eq!(
        report["queues"][1],
        json!({ "name": "gold", "when": "claimed.tier == \"gold\"",
        "outcome": "failed", "reason": "claimed.tier is absent" })
    );
    assert_eq!(report["queue"], "others");
}

#[tokio::test]
async fn without_a_token_nobody_is_signed_in_and_variables_are_claimed_alone() {
    let (setup, _keys) = configured().await;
    let report = explained(&setup, &[]).await;
    assert_eq!((&report["authenticated"], &report["queue"]), (&json!(false), &json!("others")));
    let context = r#"{"tier": "gold", "portalcontactid": "1"}"#;
    let report = explained(&setup, &["--context", context]).await;
    assert_eq!((&report["queue"], &report["priority"]), (&json!("gold"), &json!(-3)));
    assert_eq!(report["rejected"], json!([{ "name": "portalcontactid", "reason": "signed_only" }]));
    let told = explain(&setup, &["--context", context]).await;
    let told = said(&told.stdout);
    for line in [
        "nobody is signed in",
        "  tier = gold (claimed)",
        "  portalcontactid is not taken: signed_only",
        "   vip, priority 10: its rule is false",
        "-> gold, priority -3: takes it, for its rule is true",
        "     when claimed.tier == \"gold\"",
        "   others: not asked, for an earlier queue takes it",
    ] {
        assert!(told.lines().any(|told| told == line), "`{line}` is not in\n{told}");
    }
    let told = explain(&setup, &[]).await;
    let failed = "   gold, priority -3: its rule fails, and so does not match: claimed.tier is absent";
    assert!(said(&told.stdout).contains(failed), "{told:?}");
}

#[tokio::test]
async fn a_token_that_the_gateway_would_refuse_is_a_refusal() {
    let (setup, keys) = configured().await;
    let expired = write_token(setup.path(), &worth(7200.0, -HOUR, &json!(5000)));
    let refused = explain(&setup, &["--token", &expired, "--json"]).await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let report: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!((&report["verdict"], &report["reason"]), (&json!("refused"), &json!("expired")));
    keys.fail();
    let good = write_token(setup.path(), &worth(10.0, HOUR, &json!(5000)));
    let unknown = explain(&setup, &["--token", &good]).await;
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
    assert!(said(&unknown.stdout).starts_with("the token is refused: keys_unavailable"), "{unknown:?}");
}

#[tokio::test]
async fn keys_can_be_named() {
    let (setup, keys) = configured().await;
    keys.fail();
    let document = setup.path().join("keys.json");
    let key = crate::support::keys::KEY.entry(crate::support::keys::KID, None);
    fs::write(&document, json!([key]).to_string()).unwrap();
    let token = write_token(setup.path(), &worth(10.0, HOUR, &json!(5000)));
    let report = explained(&setup, &["--token", &token, "--keys", document.to_str().unwrap()]).await;
    assert_eq!(report["queue"], "vip");
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_a_fault_of_usage() {
    let (setup, _keys) = configured().await;
    let cases: [(&[&str], &str); 4] = [
        (&["--token", "nowhere.jwt"], "nowhere.jwt can't be read"),
        (&["--context", "[1]"], "--context is no JSON object"),
        (&["--now", "soon"], "neither RFC 3339"),
        (&["--tier", "gold"], "unexpected argument"),
    ];
    for (arguments, message) in cases {
        let refused = explain(&setup, arguments).await;
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        assert!(said(&refused.stderr).contains(message), "{refused:?}");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
    command.args(["queue", "explain", "--tenant", "fabrikam"]).current_dir(setup.path());
    let unknown = soon("a refusal", command.output()).await.unwrap();
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
    assert!(said(&unknown.stderr).contains("there is no tenant `fabrikam`"), "{unknown:?}");
}

#[tokio::test]
async fn a_configuration_that_can_not_be_used_ends_with_64_and_its_faults() {
    let (mut setup, _keys) = configured().await;
    setup.change("contoso", "claimed.tier ==", "claimed.teir ==");
    setup.write();
    let refused = explain(&setup, &[]).await;
    assert_eq!(refused.status.code(), Some(64), "{refused:?}");
    let fault = "queue[1].when: column 1 of the rule: claimed.teir is not declared";
    assert!(said(&refused.stderr).contains(fault), "{refused:?}");
}
