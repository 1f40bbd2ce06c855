//! Which refusals cause a refetch, which don't, and what a customer is told when there is none to be had.

use serde_json::{Value, json};
use usher::domain::token::Refusal;

use super::corpus::lines;
use super::scenarios::{Stage, unsigned};
use super::*;

/// The stage of a scenario with its first document served, and the first token presented as good.
async fn stage(id: &str) -> (Stage, String) {
    let scenarios = lines("scenarios.jsonl");
    let scenario = scenarios.iter().find(|scenario| scenario["id"] == id).expect("the scenario is there");
    let steps = scenario["steps"].as_array().unwrap();
    let stage = Stage::new(steps);
    stage.play(&steps[0]).await;
    let good = steps.iter().find(|step| step["op"] == "present").expect("a token is presented");
    stage.play(good).await;
    (stage, good["token"].as_str().unwrap().to_owned())
}

/// The same token with another signature.
fn forged(token: &str) -> String {
    let (signed, _) = token.rsplit_once('.').unwrap();
    format!("{signed}.{}", "A".repeat(342))
}

async fn refused(stage: &Stage, token: &str) -> Refusal {
    stage.verify(&json!({ "tenant": "a" }), token).await.unwrap_err()
}

fn code(refusal: &Refusal) -> (&'static str, bool, Option<Duration>) {
    (refusal.reason.code(), refusal.temporary, refusal.retry_after)
}

#[tokio::test(start_paused = true)]
async fn a_known_kid_with_a_bad_signature_fetches_nothing() {
    let (stage, token) = stage("cache/rotation-new-kid").await;
    for _ in 0..10 {
        assert_eq!(code(&refused(&stage, &forged(&token)).await), ("bad_signature", false, None));
    }
    assert_eq!(stage.fetches(), 1);
    let judged = stage.metrics.render();
    assert!(judged.contains("usher_token_verify_seconds_count 11\n"), "{judged}");
}

#[tokio::test(start_paused = true)]
async fn a_token_without_a_kid_fetches_nothing() {
    let (stage, _) = stage("cache/rotation-new-kid").await;
    for _ in 0..10 {
        assert_eq!(code(&refused(&stage, &unsigned(None)).await), ("unknown_kid", false, None));
    }
    assert_eq!(stage.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_kid_fetches_twice_and_is_then_told_to_come_again() {
    let (stage, _) = stage("cache/rotation-new-kid").await;
    for fetches in [2, 3] {
        assert_eq!(code(&refused(&stage, &unsigned(Some("k9"))).await), ("unknown_kid", false, None));
        assert_eq!(stage.fetches(), fetches);
    }
    let (reason, temporary, retry_after) = code(&refused(&stage, &unsigned(Some("k9"))).await);
    assert_eq!((reason, temporary, stage.fetches()), ("unknown_kid", true, 3));
    let retry_after = retry_after.expect("a wait");
    assert!(
        retry_after <= Duration::from_secs(30) && retry_after > Duration::from_secs(29),
        "{retry_after:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_signature_against_a_single_pem_fetches_twice_and_is_then_told_to_come_again() {
    let (stage, token) = stage("endpoint/goes-bad-after-good").await;
    for fetches in [2, 3] {
        assert_eq!(code(&refused(&stage, &forged(&token)).await), ("bad_signature", false, None));
        assert_eq!(stage.fetches(), fetches);
    }
    let (reason, temporary, retry_after) = code(&refused(&stage, &forged(&token)).await);
    assert_eq!((reason, temporary, retry_after.is_some(), stage.fetches()), ("bad_signature", true, true, 3));
}

#[tokio::test(start_paused = true)]
async fn without_keys_a_token_is_told_why_and_when_to_come_again() {
    let steps: Vec<Value> =
        vec![json!({ "op": "serve", "tenant": "a", "response": { "status": 503, "body": "" } })];
    let stage = Stage::new(&steps);
    stage.play(&steps[0]).await;
    let refusal = refused(&stage, &unsigned(Some("k1"))).await;
    assert_eq!(code(&refusal), ("keys_unavailable", true, Some(Duration::from_secs(1))));
    assert!(refusal.message.ends_with("the key endpoint answered with an error"), "{}", refusal.message);
}
