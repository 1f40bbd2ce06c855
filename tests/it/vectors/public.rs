//! Vectors of others: Wycheproof, the RFCs, Envoy's verifier, `JSONTestSuite`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use usher::domain::json;
use usher::domain::keys;
use usher::domain::time::UnixTime;
use usher::domain::token::{Reason, Refusal, Revocations, Step, TokenPolicy, VerifiedCustomer, verify};

use super::{read_json, text};

const NOW: i64 = 1_760_000_000;

fn bytes(hex: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("the vector is hex");
    (0..hex.len()).step_by(2).map(digits).collect()
}

fn judge(token: &str, pem: &str) -> Result<VerifiedCustomer, Refusal> {
    let policy = TokenPolicy::default();
    let document =
        keys::parse(pem.as_bytes(), policy.max_key_bits).map_err(|_| Refusal::keys_unavailable(None))?;
    verify(token, &document.keys, &Revocations::default(), &policy, UnixTime::from_seconds(NOW))
}

/// The verdict at the layer of the signature: a fault found behind it means that it held.
fn signature_layer(token: &str, pem: &str) -> String {
    match judge(token, pem) {
        Err(refusal) if refusal.step <= Step::Signature => format!("reject:{}", refusal.reason),
        Ok(_) | Err(_) => "accept".to_owned(),
    }
}

#[test]
fn json_texts_are_taken_as_json_test_suite_says() {
    let suite = read_json("public/json_test_suite.json");
    let tests = suite["tests"].as_array().expect("the suite has tests");
    assert_eq!(tests.len(), 318);
    for test in tests {
        let (name, class) = (text(test, "name"), text(test, "class"));
        let body = STANDARD.decode(text(test, "body_b64")).expect("the body is base64");
        let parsed = json::parse_bytes(&body);
        match class {
            "y" => assert!(parsed.is_ok(), "{name}: {parsed:?}"),
            "n" => assert!(parsed.is_err(), "{name} was taken"),
            // Implementations differ on these: none may fail otherwise than by refusing.
            _ => drop(parsed),
        }
        if name.starts_with("y_object_duplicated_key") {
            let parsed = json::parse_bytes(&body).expect("it is JSON");
            assert!(parsed.as_object().is_some_and(|object| object.repeated().is_some()), "{name}");
        }
    }
}

#[test]
fn rsa_signatures_hold_as_wycheproof_says() {
    for bits in [2048, 3072, 4096] {
        let suite = read_json(&format!("public/wycheproof_rsa_signature_{bits}_sha256.json"));
        let mut judged = 0;
        for group in suite["testGroups"].as_array().expect("the suite has groups") {
            let Ok(document) = keys::parse(text(group, "publicKeyPem").as_bytes(), 4096) else {
                assert_eq!(group["publicKey"]["publicExponent"], "03", "only keys with e = 3 are refused");
                continue;
            };
            let key = document.keys.as_single().expect("a PEM is one key");
            for test in group["tests"].as_array().expect("a group has tests") {
                let held =
                    key.parsed().verify_sig(&bytes(text(test, "msg")), &bytes(text(test, "sig"))).is_ok();
                assert_eq!(held, text(test, "result") == "valid", "{bits} bits, test {}", test["tcId"]);
                judged += 1;
            }
        }
        assert!(judged >= 257, "only {judged} tests of {bits} bits were judged");
    }
}

#[test]
fn a_key_of_8192_bits_is_taken_only_where_the_tenant_says_so() {
    let suite = read_json("public/wycheproof_rsa_signature_8192_sha256.json");
    let pem = text(&suite["testGroups"][0], "publicKeyPem").as_bytes();
    assert!(keys::parse(pem, 4096).is_err_and(|refused| refused.fault.message.contains("8192 bits")));
    let document = keys::parse(pem, 8192).expect("the tenant allows it");
    let key = document.keys.as_single().expect("a PEM is one key");
    assert_eq!(key.bits(), 8192);
    for test in suite["testGroups"][0]["tests"].as_array().expect("a group has tests") {
        let held = key.parsed().verify_sig(&bytes(text(test, "msg")), &bytes(text(test, "sig"))).is_ok();
        assert_eq!(held, text(test, "result") == "valid", "test {}", test["tcId"]);
    }
}

#[test]
fn jose_tokens_get_the_verdict_of_an_rs256_verifier() {
    let suite = read_json("public/wycheproof_jose.json");
    let default = text(&suite, "default_pem");
    let mut wrong = Vec::new();
    for test in suite["tests"].as_array().expect("the suite has tests") {
        let (Some(token), Some(profile)) = (test["token"].as_str(), test["profile"].as_str()) else {
            continue;
        };
        let verdict = signature_layer(token, test["pem"].as_str().unwrap_or(default));
        if token.contains("..") && verdict == "reject:malformed" {
            continue; // an empty payload is no claims set, whoever signed it: said before any key is fetched
        }
        if !agrees(profile, &verdict) {
            wrong.push(format!(
                "{} {} {}: {verdict}, not {profile}",
                text(test, "source"),
                test["tcId"],
                test["comment"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn examples_of_the_rfcs_get_the_verdict_of_an_rs256_verifier() {
    let suite = read_json("public/rfc_examples.json");
    let mut held = Vec::new();
    for test in suite["tests"].as_array().expect("the suite has tests") {
        let (Some(token), Some(pem)) = (test["token"].as_str(), test["pem"].as_str()) else { continue };
        let id = text(test, "id");
        if signature_layer(token, pem) == "accept" {
            held.push((id, judge(token, pem).expect_err("no example is a token for us").reason));
        } else if let Some(profile) = test["profile"].as_str() {
            assert!(agrees(profile, &signature_layer(token, pem)), "{id}");
        }
    }
    let [a2, cookbook] = held[..] else { panic!("signatures held: {held:?}") };
    let mut reasons = [a2, cookbook];
    reasons.sort_by_key(|(id, _)| *id);
    assert_eq!(reasons.map(|(_, reason)| reason), [Reason::MissingClaim, Reason::Malformed], "{reasons:?}");
}

#[test]
fn tokens_of_envoys_tests_get_the_verdict_of_an_rs256_verifier() {
    let suite = read_json("public/envoy_jwt_verify_lib.json");
    let pem = text(&suite, "pem");
    let tests = suite["tests"].as_array().expect("the suite has tests");
    let held = tests.iter().filter(|test| signature_layer(text(test, "token"), pem) == "accept").count();
    assert_eq!(held, 1, "exactly one of the tokens is signed by the key");
    for test in tests {
        let verdict = signature_layer(text(test, "token"), pem);
        // {"alg":"RS256","typ":"JWT","kid":1}: Envoy passes over such a kid, RFC 7515 §4.1.4 wants a string.
        let numeric_kid = text(test, "token").starts_with("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6MX0.");
        let profile = if numeric_kid { "reject:malformed" } else { text(test, "profile") };
        assert!(agrees(profile, &verdict), "{}: {verdict}, not {profile}", text(test, "name"));
    }
}

/// The profile's verdict, or one that is as strict: what passes the signature there may fail behind it.
fn agrees(profile: &str, verdict: &str) -> bool {
    let passes = |verdict: &str| !verdict.starts_with("reject");
    let behind = ["reject:malformed", "reject:missing_claim", "accept"];
    profile == verdict
        || (passes(profile) && passes(verdict))
        || (verdict == "accept" && behind.contains(&profile))
}
