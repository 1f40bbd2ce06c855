//! Endpoints that never end, break off or speak something else.

use std::time::Duration;

use usher::clock::Clock;
use usher::domain::id::TenantId;
use usher::key_source::TenantKeys;

use super::hostile_endpoint::{HostileEndpoint, Script, answer};
use super::scripted::key_source;
use super::*;

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n";
const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const UNTIL_CLOSE: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";

#[tokio::test]
async fn endpoint_slow_headers_end_at_the_whole_fetch_s_limit() {
    for said in [&b""[..], HEAD] {
        let endpoint = HostileEndpoint::http(Script::SayAndHang(said.to_vec())).await;
        assert_eq!(failure(&impatient(), &endpoint.url()).await, FailureKind::Timeout);
    }
}

#[tokio::test]
async fn endpoint_slow_body_ends_at_the_whole_fetch_s_limit_though_bytes_keep_coming() {
    let every = Duration::from_millis(20);
    let endpoint = HostileEndpoint::http(Script::Drip(UNTIL_CLOSE.to_vec(), vec![b'-'; 10_000], every)).await;
    assert_eq!(failure(&impatient(), &endpoint.url()).await, FailureKind::Timeout);
}

#[tokio::test]
async fn endpoint_infinite_body_is_cut_off_at_the_limit() {
    let endpoint = HostileEndpoint::http(Script::Flood(UNTIL_CLOSE.to_vec(), vec![b'-'; 8192])).await;
    assert_eq!(failure(&settings(), &endpoint.url()).await, FailureKind::TooLarge);
}

#[tokio::test]
async fn endpoint_infinite_chunked_is_cut_off_at_the_limit_of_size_or_time() {
    let endpoint = HostileEndpoint::http(Script::Flood(CHUNKED.to_vec(), b"1\r\n-\r\n".repeat(1000))).await;
    let kind = failure(&settings(), &endpoint.url()).await;
    assert_eq!(kind, FailureKind::TooLarge);
}

#[tokio::test]
async fn endpoint_infinite_headers_are_cut_off() {
    let endpoint = HostileEndpoint::http(Script::Flood(HEAD.to_vec(), b"X-Padding: x\r\n".repeat(100))).await;
    assert_eq!(failure(&settings(), &endpoint.url()).await, FailureKind::Http);
}

#[tokio::test]
async fn endpoint_infinite_header_line_is_cut_off() {
    let script = Script::Flood(b"HTTP/1.1 200 OK\r\nX-Padding: ".to_vec(), vec![b'x'; 8192]);
    let endpoint = HostileEndpoint::http(script).await;
    assert_eq!(failure(&settings(), &endpoint.url()).await, FailureKind::Http);
}

#[tokio::test]
async fn endpoint_infinite_interim_answers_end_at_the_whole_fetch_s_limit() {
    let endpoint =
        HostileEndpoint::http(Script::Flood(Vec::new(), b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec())).await;
    assert_eq!(failure(&impatient(), &endpoint.url()).await, FailureKind::Timeout);
}

#[tokio::test]
async fn endpoint_lying_content_length_yields_what_it_promised_and_no_more() {
    let said = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n-----BEGIN PUBLIC KEY-----";
    let endpoint = HostileEndpoint::http(Script::Say(said.to_vec())).await;
    assert_eq!(body(fetch(&settings(), &endpoint.url()).await.unwrap()), b"-----BEGIN");
}

#[tokio::test]
async fn endpoint_short_content_length_is_no_whole_answer() {
    let said = b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n-----BEGIN PUBLIC KEY-----";
    let endpoint = HostileEndpoint::http(Script::Say(said.to_vec())).await;
    assert_eq!(failure(&settings(), &endpoint.url()).await, FailureKind::Http);
}

#[tokio::test]
async fn endpoint_reset_mid_body_is_no_whole_answer() {
    let said = b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n-----BEGIN PUBLIC KEY-----";
    let endpoint = HostileEndpoint::http(Script::SayAndReset(said.to_vec())).await;
    assert_eq!(failure(&settings(), &endpoint.url()).await, FailureKind::Http);
}

#[tokio::test]
async fn endpoint_http_0_9_is_no_answer() {
    let endpoint = HostileEndpoint::http(Script::Say(b"-----BEGIN PUBLIC KEY-----\n".to_vec())).await;
    assert_eq!(failure(&settings(), &endpoint.url()).await, FailureKind::Http);
}

#[tokio::test]
async fn endpoint_two_responses_are_read_as_the_first_and_never_as_the_second() {
    let mut said = answer("200 OK", &[], b"first");
    said.extend(answer("200 OK", &[], b"second"));
    let endpoint = HostileEndpoint::http(Script::Say(said)).await;
    assert_eq!(body(fetch(&settings(), &endpoint.url()).await.unwrap()), b"first");
}

#[tokio::test]
async fn each_fetch_connects_anew_though_the_endpoint_keeps_the_connection_open() {
    let endpoint = HostileEndpoint::http(Script::SayAndHang(answer("200 OK", &[], b"[]"))).await;
    let fetcher = HttpFetcher::new(&settings()).unwrap();
    for connections in 1..=3 {
        assert!(fetcher.fetch(&Url::parse(&endpoint.url()).unwrap(), None).await.is_ok());
        assert_eq!(endpoint.requests().len(), connections);
    }
}

#[tokio::test]
async fn an_endpoint_that_closes_without_an_answer_fails() {
    let endpoint = HostileEndpoint::http(Script::Say(Vec::new())).await;
    assert_eq!(failure(&settings(), &endpoint.url()).await, FailureKind::Http);
}

#[tokio::test]
async fn an_endpoint_that_does_not_listen_fails_to_connect() {
    // Nothing listens on port 1 (tcpmux), and no test can be given it.
    let url = "http://127.0.0.1:1/keys";
    assert_eq!(failure(&settings(), url).await, FailureKind::Connect);
}

#[tokio::test]
async fn a_tenant_whose_endpoint_hangs_delays_no_other() {
    let hanging = HostileEndpoint::http(Script::SayAndHang(Vec::new())).await;
    let healthy = HostileEndpoint::http(Script::Say(answer("200 OK", &[], b"[]"))).await;
    let ids: Vec<TenantId> = vec!["hanging".parse().unwrap(), "healthy".parse().unwrap()];
    let tenants = ids.iter().zip([&hanging, &healthy]).map(|(tenant, endpoint)| TenantKeys {
        tenant: tenant.clone(),
        url: Url::parse(&endpoint.url()).unwrap(),
        max_key_bits: 4096,
    });
    let fetcher = Arc::new(HttpFetcher::new(&settings()).unwrap());
    let (source, lifecycle) = key_source(tenants.collect(), fetcher, Clock::system());
    tokio::select! {
        biased;
        answer = source.keys(&ids[0]) => panic!("a hanging endpoint answered: {answer:?}"),
        served = source.keys(&ids[1]) => assert!(served.is_ok()),
    }
    assert_eq!(healthy.requests().len(), 1);
    lifecycle.stop();
    lifecycle.finished().await;
}
