//! Every case of the corpus, its key document fetched from a real HTTP server.

use std::collections::HashMap;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use usher::clock::Clock;
use usher::domain::time::UnixTime;
use usher::domain::token::{Revocations, TokenPolicy};
use usher::key_source::TenantKeys;

use super::hostile_endpoint::{HostileEndpoint, Script, answer};
use super::scripted::key_source;
use super::*;

pub(super) fn lines(file: &str) -> Vec<Value> {
    let path = format!("{}/tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A string, or an array of strings.
pub(super) fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        Value::Array(several) => several.iter().map(|one| one.as_str().unwrap().to_owned()).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn policy(config: &Value) -> TokenPolicy {
    TokenPolicy {
        strict_context: true,
        issuers: strings(&config["issuer"]),
        audiences: strings(&config["audience"]),
        ..TokenPolicy::default()
    }
}

fn served(keys: &Value) -> Vec<u8> {
    let body = match (&keys["body"], &keys["body_b64"]) {
        (Value::String(text), _) => text.clone().into_bytes(),
        (_, Value::String(encoded)) => STANDARD.decode(encoded).unwrap(),
        _ => Vec::new(),
    };
    let mut headers =
        vec![format!("Content-Type: {}", keys["content_type"].as_str().unwrap_or("text/plain"))];
    let more = keys["headers"].as_object().into_iter().flatten();
    headers.extend(more.map(|(name, value)| format!("{name}: {}", value.as_str().unwrap())));
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    answer(&format!("{} Status", keys["status"]), &headers, &body)
}

#[tokio::test]
async fn every_counted_case_gets_its_verdict_over_http() {
    let cases = lines("cases.jsonl");
    let answers: HashMap<_, _> = cases
        .iter()
        .enumerate()
        .map(|(number, case)| (format!("/{number}"), served(&case["keys"])))
        .collect();
    let endpoint = HostileEndpoint::http(Script::ByPath(Arc::new(answers))).await;
    let fetcher = Arc::new(HttpFetcher::new(&settings()).unwrap());
    let (mut counted, mut wrong) = (0, Vec::new());
    for (number, case) in cases.iter().enumerate() {
        if case["advisory"] == true {
            continue;
        }
        counted += 1;
        let tenant: usher::domain::id::TenantId = format!("case-{number}").parse().unwrap();
        let url = Url::parse(&format!("http://{}/{number}", endpoint.address)).unwrap();
        let keys = TenantKeys { tenant: tenant.clone(), url, max_key_bits: 4096 };
        let clock = Clock::following_runtime(UnixTime::from_seconds(case["now"].as_i64().unwrap()));
        let (source, lifecycle) = key_source(vec![keys], fetcher.clone(), clock);
        let token = case["token"].as_str().unwrap();
        let verdict = source.verify(&tenant, token, &policy(&case["config"]), &Revocations::default()).await;
        lifecycle.stop();
        let verdict = verdict
            .map_or_else(|refusal| format!("reject:{}", refusal.reason.code()), |_| "accept".to_owned());
        let mut expected = strings(&case["expect"]);
        expected.extend(strings(&case["alt"]));
        if !expected.contains(&verdict) {
            wrong.push(format!("{}: {verdict}, expected {expected:?}", case["id"]));
        }
    }
    assert!(counted > 400, "only {counted} cases were found");
    assert!(wrong.is_empty(), "{} of {counted}:\n{}", wrong.len(), wrong.join("\n"));
}
