//! Endpoints that mean harm: the tenant gets no keys within the fetch's time and for little memory, and another
//! tenant's customer signs in meanwhile.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::*;
use super::scenarios;
use super::stage::{ALLOWED, Endpoint, Stage, scenario, setup, start, verdict};
use crate::support::hostile_endpoint::{Authority, Script, answer};
use crate::support::setup::Setup;
use crate::support::until;

/// More than the process grows by in a fetch of 256 KiB, and far less than an endpoint can send in its 5 s.
const GROWTH_MAX: u64 = 16 << 20;

const HEAD: &str = "HTTP/1.1 200 OK\r\n";
const NEVER: i32 = 2999;

scenarios! {
    an_endpoint_that_says_nothing_is_given_up: hangs("endpoint/slow-headers");
    an_endpoint_that_drips_its_body_is_given_up: hangs("endpoint/slow-body");
    a_body_without_end_is_cut_off: fails("endpoint/infinite-body", &["too_large"]);
    chunks_without_end_are_cut_off: fails("endpoint/infinite-chunked", &["too_large", "timeout"]);
    header_lines_without_end_are_cut_off: fails("endpoint/infinite-headers", &["http"]);
    a_body_is_as_long_as_its_length_says: fails("endpoint/lying-content-length", &["parse"]);
    a_body_shorter_than_its_length_is_no_document: fails("endpoint/short-content-length", &["http"]);
    a_connection_reset_mid_body_is_no_document: fails("endpoint/reset-mid-body", &["http"]);
    a_body_without_a_status_line_is_no_document: fails("endpoint/http-0.9", &["http"]);
    a_second_answer_is_never_read: fails("endpoint/two-responses", &["parse"]);
    a_redirect_to_itself_ends_at_the_limit: fails("endpoint/redirect-loop", &["redirect"]);
    a_certificate_for_another_name_is_refused: fails("endpoint/tls-wrong-name", &["tls"]);
    an_expired_certificate_is_refused: fails("endpoint/tls-expired", &["tls"]);
    a_name_with_a_private_address_is_refused: fails("endpoint/dns-private", &["blocked_address"]);
}

async fn hangs(id: &str) {
    harms_nobody(id, Ends { while_the_other_waits: true, kinds: &["timeout"] }).await;
}

async fn fails(id: &str, kinds: &[&str]) {
    harms_nobody(id, Ends { while_the_other_waits: false, kinds }).await;
}

struct Ends<'a> {
    /// The other tenant's customer is in before this fetch is over.
    while_the_other_waits: bool,
    /// What the operator's log may call it.
    kinds: &'a [&'a str],
}

/// Everything that is said of each of these scenarios.
async fn harms_nobody(id: &str, ends: Ends<'_>) {
    let steps = scenario(id);
    let [serve_a, serve_b, present_a, present_b] = &steps[..] else { panic!("{id} has other steps") };
    let behaviour = serve_a["response"]["behaviour"].as_str().unwrap();
    let authority = Authority::new();
    let (stage, hostile) = stage(behaviour, &steps, &authority).await;
    hostile_speaks(&stage, &serve_a["response"]);
    stage.endpoints[1].speak(stage.plain(&serve_b["response"]));
    let before = stage.usher.resident_bytes();

    let mut waiting = stage.connect(present_a).await;
    let token = |step: &Value| stage.recast.token(step["token"].as_str().unwrap());
    waiting.send(start(&token(present_a))).await;
    if ends.while_the_other_waits {
        until("the fetch", async || (stage.endpoints[0].fetches() > 0).then_some(())).await;
    }
    assert_eq!(stage.present(present_b, &token(present_b)).await, present_b["expect"], "the other tenant");
    if ends.while_the_other_waits {
        assert_eq!(waiting.try_next(), None, "the other tenant had to wait for this one");
    }
    let within = Duration::from_millis(present_a["within_ms"].as_u64().unwrap());
    let verdict = tokio::time::timeout(within, verdict(&mut waiting)).await;
    assert_eq!(verdict.expect("the fetch has its limit"), present_a["expect"]);
    waiting.expect_close(4005).await;

    let grown = stage.usher.peak_resident_bytes().saturating_sub(before);
    assert!(grown < GROWTH_MAX, "{grown} bytes more");
    let kind = until("the failure in the log", async || failure_of_a(&stage.usher.log())).await;
    assert!(ends.kinds.contains(&kind.as_str()), "{kind} is not among {:?}", ends.kinds);
    match hostile {
        Expected::Fetches(fetches) => assert_eq!(stage.endpoints[0].fetches(), fetches),
        Expected::NoConnection => assert_eq!(stage.endpoints[0].fetches(), 0),
    }
}

/// How often the hostile endpoint is asked.
enum Expected {
    Fetches(usize),
    NoConnection,
}

/// A process whose first tenant's endpoint can behave so, the other's being beyond reproach.
async fn stage(behaviour: &str, steps: &[Value], authority: &Authority) -> (Stage, Expected) {
    let good = || Some(authority.tls(&ALLOWED.to_string(), NEVER));
    let (tls, other_tls) = match behaviour {
        "tls_wrong_name" => (Some(authority.tls("other.test", NEVER)), good()),
        "tls_expired" => (Some(authority.tls(&ALLOWED.to_string(), 2001)), good()),
        "redirect_loop" => (good(), good()),
        _ => (None, None),
    };
    let encrypted = tls.is_some();
    // The name is in every system's hosts file, with an address that the process may not reach.
    let (host, address) = match behaviour {
        "dns_private" => ("localhost".to_owned(), "127.0.0.1".parse().unwrap()),
        _ => (ALLOWED.to_string(), ALLOWED),
    };
    let endpoints = [Endpoint::at(address, tls).await, Endpoint::at(ALLOWED, other_tls).await];
    let url = |host: &str, endpoint: &Endpoint, https: bool| {
        format!("{}://{host}:{}/keys", if https { "https" } else { "http" }, endpoint.port())
    };
    let a = url(&host, &endpoints[0], encrypted || behaviour == "dns_private");
    let b = url(&ALLOWED.to_string(), &endpoints[1], encrypted);
    let mut setup = setup(&a, &b);
    if encrypted {
        let trusted = trusted(&setup, authority);
        setup = setup.variable("SSL_CERT_FILE", trusted.to_str().unwrap());
    }
    let expected = match behaviour {
        // The first, and three more.
        "redirect_loop" => Expected::Fetches(4),
        "tls_wrong_name" | "tls_expired" | "dns_private" => Expected::NoConnection,
        _ => Expected::Fetches(1),
    };
    let setup = setup.variable("USHER_KEYS_REDIRECTS", "3");
    (Stage::new(setup, endpoints, steps, 0).await, expected)
}

fn trusted(setup: &Setup, authority: &Authority) -> PathBuf {
    let path = setup.path().join("authority.pem");
    std::fs::write(&path, &authority.pem).unwrap();
    path
}

/// Lets the first tenant's endpoint behave as the response says. The key that it has or hides is a good one.
fn hostile_speaks(stage: &Stage, response: &Value) {
    let text = response["body"].as_str().or(response["bytes"].as_str());
    let key = text
        .map_or_else(|| stage.recast.stranger().public_pem().to_owned(), |text| stage.recast.document(text));
    let head = |length: usize| {
        let content_type = response["content_type"].as_str().unwrap_or("application/x-pem-file");
        format!("{HEAD}Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n").into_bytes()
    };
    let number = |name: &str| response[name].as_u64().map(|number| usize::try_from(number).unwrap());
    let whole = [head(key.len()), key.clone().into_bytes()].concat();
    let script = match response["behaviour"].as_str().unwrap() {
        "accept_then_silence" => Script::SayAndHang(Vec::new()),
        "drip" => {
            let every = Duration::from_secs(1) / u32::try_from(number("bytes_per_s").unwrap()).unwrap();
            Script::Drip(head(key.len()), key.into_bytes(), every)
        }
        "infinite" => {
            let hundredth = vec![b'-'; number("bytes_per_s").unwrap() / 100];
            Script::Pour(format!("{HEAD}\r\n").into(), hundredth, Duration::from_millis(10))
        }
        "infinite_chunks" => {
            let head = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n");
            Script::Flood(head.into(), b"1\r\n-\r\n".repeat(1000))
        }
        "infinite_headers" => Script::Flood(HEAD.into(), b"X-Padding: x\r\n".repeat(100)),
        "content_length" => Script::Say([head(number("value").unwrap()), key.into_bytes()].concat()),
        "reset_after" => {
            let sent = head(key.len()).len() + number("bytes").unwrap();
            Script::SayAndReset(whole[..sent].to_vec())
        }
        "raw" => Script::Say(key.into_bytes()),
        "two_responses" => Script::Say([answer("200 OK", &[], b"no key"), whole].concat()),
        "redirect_loop" => {
            let itself = format!("Location: https://{ALLOWED}:{}/keys", stage.endpoints[0].port());
            Script::Say(answer("302 Found", &[&itself], key.as_bytes()))
        }
        "tls_wrong_name" | "tls_expired" | "dns_private" => Script::Say(whole),
        other => panic!("the behaviour {other} is not known"),
    };
    stage.endpoints[0].speak(script);
}

/// What the log calls the failure of the first tenant's fetch.
fn failure_of_a(log: &str) -> Option<String> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut failures = lines.filter(|line| line["tenant"] == json!("a"));
    failures.find_map(|line| line["kind"].as_str().map(str::to_owned))
}
