//! What operators see: the fixed series, and logs that explain without telling anything secret.

use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use serde_json::{Value, json};

use crate::support::consumer::Consumer;
use crate::support::keys::{KeyEndpoint, expired_token, token};
use crate::support::setup::{FABRIKAMS, ROUTER, Setup};
use crate::support::usher::Usher;
use crate::support::widget::Widget;
use crate::support::{raw, until};

/// Every series of the contract, with its labels.
const FIXED: [(&str, &[&str]); 18] = [
    ("usher_connections", &["authentication"]),
    ("usher_connections_closed_total", &["code"]),
    ("usher_connections_refused_total", &["reason"]),
    ("usher_conversations_open", &["authentication"]),
    ("usher_token_verifications_total", &["result", "reason"]),
    ("usher_token_verify_seconds", &[]),
    ("usher_authentication_transitions_total", &["to", "reason"]),
    ("usher_key_fetches_total", &["trigger", "result"]),
    ("usher_key_fetch_seconds", &[]),
    ("usher_key_set_age_seconds", &["tenant"]),
    ("usher_key_fetch_throttled_total", &[]),
    ("usher_messages_total", &["from", "authenticated"]),
    ("usher_journal_append_seconds", &[]),
    ("usher_journal_errors_total", &["operation"]),
    ("usher_event_readers", &[]),
    ("usher_revocations", &[]),
    ("usher_draining", &[]),
    ("usher_build_info", &["version"]),
];

const SUBJECT: &str = "customer-who-stays-private";
const WORDS: &str = "words-that-stay-private";

/// A gateway that has seen something of everything, and the secrets that went through it.
async fn lived() -> (Usher, KeyEndpoint, Vec<String>) {
    let keys = KeyEndpoint::start().await;
    let usher = Usher::start(Setup::new().tenant("contoso", &keys.url())).await;
    let (brief, expired) =
        (token(SUBJECT, Duration::from_millis(1500)), expired_token(SUBJECT, Duration::from_mins(1)));
    let (mut widget, ticket) = Widget::sign_in(&usher, "contoso/web", &brief).await;
    widget.say("m1", WORDS).await;
    let context = json!({ "page": WORDS });
    widget.send(json!({ "type": "start", "context": context, "token": brief })).await;
    widget.expect_error("out_of_order").await;
    let refused = json!({ "type": "start", "token": expired });
    let (mut stranger, error) = Widget::open(&usher, "contoso/web", refused).await;
    assert_eq!(error["code"], "expired");
    stranger.expect_close(4500).await;
    let (mut stranger, error) = Widget::open(&usher, "contoso/second", ticket.resume_with(&brief)).await;
    assert_eq!(error["code"], "unknown_conversation");
    stranger.expect_close(4500).await;
    let refused = raw::handshake("/chat/contoso/web", "Origin: https://evil.example\r\n");
    assert_eq!(raw::exchange(usher.at().public, &refused).await.status, 403);
    let consumer = Consumer::new(&usher, ROUTER);
    let path = format!("/v1/conversations/{}/messages", ticket.conversation);
    assert_eq!(consumer.post(&path, &json!({ "text": WORDS, "id": "a1" })).await.status, 201);
    assert_eq!(consumer.post(&path, &json!({ "text": WORDS, "id": "a1", "more": WORDS })).await.status, 400);
    let summary = format!("/v1/conversations/{}", ticket.conversation);
    let wrong_key = format!("{ROUTER}x");
    assert_eq!(Consumer::new(&usher, &wrong_key).get(&summary).await.status, 401);
    assert_eq!(Consumer::new(&usher, FABRIKAMS).get(&summary).await.status, 404);
    widget.expect("message").await;
    widget.expect("authentication").await;
    usher.limit_files(Some(0));
    widget.send(json!({ "type": "message", "id": "m2", "text": WORDS })).await;
    widget.expect_error("storage_unavailable").await;
    usher.limit_files(None);
    usher.ready().await;
    let secret = ROUTER.split_once('.').unwrap().1;
    let secrets = [&*brief, &expired, &ticket.resume_token, secret, WORDS, SUBJECT].map(str::to_owned);
    (usher, keys, secrets.to_vec())
}

#[tokio::test]
async fn every_fixed_series_is_there_with_its_labels_and_no_others() {
    let (usher, _keys, secrets) = lived().await;
    let text = until("the closed connections' series", async || {
        let (_, text) = usher.ops("/metrics").await;
        text.contains("usher_connections_closed_total{").then_some(text)
    })
    .await;
    for (name, labels) in FIXED {
        let help = format!("# HELP {name} ");
        assert!(
            text.lines().any(|line| line.strip_prefix(&help).is_some_and(|help| help.len() > 10)),
            "{name}"
        );
        let mut found = 0;
        for line in text.lines() {
            let Some(rest) = line.strip_prefix(name) else { continue };
            let rest =
                ["_bucket", "_sum", "_count"].iter().find_map(|end| rest.strip_prefix(end)).unwrap_or(rest);
            let (set, value) = match rest.strip_prefix('{').and_then(|rest| rest.split_once("} ")) {
                Some((set, value)) => (set, value),
                None if rest.starts_with(' ') => ("", &rest[1..]),
                None => continue,
            };
            found += 1;
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let mut names: Vec<_> =
                set.split(',').filter_map(|label| label.split_once('=')).map(|one| one.0).collect();
            names.retain(|label| *label != "le");
            let mut expected = labels.to_vec();
            names.sort_unstable();
            expected.sort_unstable();
            assert_eq!(names, expected, "{line}");
        }
        assert!(found > 0, "{name} has no sample");
    }
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} is in the metrics");
    }
    for sample in [
        "usher_token_verifications_total{reason=\"expired\",result=\"refused\"} 1",
        "usher_authentication_transitions_total{reason=\"token_expired\",to=\"anonymous\"} 1",
        "usher_messages_total{authenticated=\"true\",from=\"customer\"} 1",
        "usher_connections_refused_total{reason=\"origin_not_allowed\"} 1",
    ] {
        assert!(text.contains(sample), "{sample} is not in\n{text}");
    }
}

#[tokio::test]
async fn the_log_holds_no_token_secret_or_words_and_every_line_is_json() {
    let (mut usher, _keys, secrets) = lived().await;
    usher.terminate();
    assert_eq!(usher.exit_code().await, Some(0));
    let log = usher.log();
    assert!(log.lines().count() > 5, "{log}");
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
    }
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is in the log:\n{log}");
        // Not even the signature alone.
        if let Some((_, signature)) = secret.rsplit_once('.') {
            assert!(!log.contains(signature), "{signature} is in the log");
        }
    }
}

#[tokio::test]
async fn an_errors_correlation_id_leads_to_its_line_in_the_log() {
    let keys = KeyEndpoint::start().await;
    let usher = Usher::start(Setup::new().tenant("contoso", &keys.url())).await;
    let (mut widget, _) = Widget::start(&usher, "contoso/web").await;
    widget.send(json!({ "type": "frobnicate" })).await;
    let error = widget.expect_error("unsupported_frame").await;
    let id = error["correlation_id"].as_str().unwrap();
    let line =
        until("the line", async || usher.log().lines().find(|line| line.contains(id)).map(str::to_owned))
            .await;
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["code"], "unsupported_frame");
}

/// Room is made before the first thread is begun: in a running process it would cost every thread a pause.
#[tokio::test]
async fn a_start_takes_all_descriptors_that_are_allowed_and_makes_room_for_them() {
    let keys = KeyEndpoint::start().await;
    let usher = Usher::start(Setup::new().tenant("contoso", &keys.url())).await;
    let allowed = getrlimit(Resource::Nofile).maximum;
    let taken = usher.metric("usher_process_max_fds").await;
    assert_eq!(taken, allowed.map(|allowed| f64::from(u32::try_from(allowed).unwrap())));
    let room = usher.room_for_descriptors();
    assert!(room >= allowed.map_or(262_144, |allowed| allowed.min(262_144)), "{room} of {allowed:?}");
}
