//! The project's own corpus: one verdict a line.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use usher::domain::keys;
use usher::domain::time::UnixTime;
use usher::domain::token::{Presented, Reason, Refusal, Revocations, TokenPolicy};

#[derive(Deserialize)]
struct Case {
    id: String,
    keys: Answer,
    token: String,
    now: i64,
    expect: String,
    #[serde(default)]
    alt: Vec<String>,
    #[serde(default)]
    advisory: bool,
    #[serde(default)]
    config: Config,
}

#[derive(Deserialize)]
struct Answer {
    status: Option<u16>,
    body: Option<String>,
    body_b64: Option<String>,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
struct Config {
    #[serde(default)]
    issuer: Vec<String>,
    #[serde(default)]
    audience: Vec<String>,
}

/// The largest body that a fetch takes.
const MAX_BODY: usize = 256 * 1024;

fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(super::file("cases.jsonl")).expect("the corpus is vendored");
    text.lines().map(|line| serde_json::from_str(line).expect("each line is a case")).collect()
}

impl Answer {
    /// The document, where a fetch would hand one on.
    fn fetched(&self) -> Option<Vec<u8>> {
        let encoded = self.headers.keys().any(|name| name.eq_ignore_ascii_case("content-encoding"));
        let body = match (&self.body, &self.body_b64) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(base64)) => STANDARD.decode(base64).expect("the body is base64"),
            (None, None) => Vec::new(),
        };
        (self.status == Some(200) && !encoded && body.len() <= MAX_BODY).then_some(body)
    }
}

/// The verdict as the gateway comes to it: form, then keys, then the rest.
fn judge(case: &Case) -> Result<(), Refusal> {
    let policy = TokenPolicy {
        strict_context: true,
        clock_skew: Duration::from_mins(1),
        issuers: case.config.issuer.clone(),
        audiences: case.config.audience.clone(),
        ..TokenPolicy::default()
    };
    let presented = Presented::parse(&case.token, &policy)?;
    let document = case.keys.fetched().and_then(|body| keys::parse(&body, policy.max_key_bits).ok());
    let document = document.ok_or_else(|| Refusal::keys_unavailable(None))?;
    let now = UnixTime::from_seconds(case.now);
    presented.verify(&document.keys, &Revocations::default(), &policy, now).map(|_| ())
}

fn verdict(case: &Case) -> String {
    judge(case).map_or_else(|refusal| format!("reject:{}", refusal.reason), |()| "accept".to_owned())
}

#[test]
fn every_counted_case_gets_its_verdict() {
    let cases = cases();
    let counted: Vec<&Case> = cases.iter().filter(|case| !case.advisory).collect();
    let wrong: Vec<String> = counted
        .iter()
        .filter_map(|case| {
            let verdict = verdict(case);
            let right = verdict == case.expect || case.alt.contains(&verdict);
            (!right).then(|| format!("{}: {verdict}, not {}", case.id, case.expect))
        })
        .collect();
    assert!(counted.len() > 400, "the corpus is not whole: {} counted cases", counted.len());
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), counted.len(), wrong.join("\n"));
}

#[test]
fn no_refusal_quotes_the_token_or_a_claim() {
    for case in cases() {
        let Err(refusal) = judge(&case) else { continue };
        let said = refusal.to_string();
        for quoted in ["contoso", "aaaaaaaa-0000", "msdyn_", "eyJ", "BEGIN"] {
            assert!(!said.contains(quoted), "{}: {said}", case.id);
        }
        assert_eq!(refusal.temporary, refusal.reason == Reason::KeysUnavailable, "{}", case.id);
    }
}

#[test]
fn matters_of_policy_are_decided_as_documented() {
    let cases = cases();
    let advisory: Vec<String> = cases
        .iter()
        .filter(|case| case.advisory)
        .map(|case| format!("{} {}", case.id, verdict(case)))
        .collect();
    let decided = include_str!("advisory.txt");
    assert_eq!(advisory.join("\n"), decided.trim_end());
}
