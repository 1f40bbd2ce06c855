//! Answers that are whole, and what is made of them.

use super::hostile_endpoint::{HostileEndpoint, Script, answer};
use super::*;

const LIMIT: usize = 256 * 1024;

async fn says(status: &str, headers: &[&str], body: &[u8]) -> HostileEndpoint {
    HostileEndpoint::http(Script::Say(answer(status, headers, body))).await
}

#[tokio::test]
async fn a_body_may_have_256_kib_and_not_a_byte_more() {
    for (length, taken) in [(LIMIT - 1, true), (LIMIT, true), (LIMIT + 1, false)] {
        let body = vec![b'-'; length];
        let mut until_close = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        until_close.extend_from_slice(&body);
        for said in [answer("200 OK", &[], &body), until_close] {
            let endpoint = HostileEndpoint::http(Script::Say(said)).await;
            match fetch(&settings(), &endpoint.url()).await {
                Ok(got) => {
                    assert!(taken && super::body(got).len() == length, "{length} bytes were taken");
                }
                Err(error) => {
                    assert!(!taken && error.kind == FailureKind::TooLarge, "{length} bytes: {error}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_content_length_over_the_limit_is_refused_before_a_byte_is_read() {
    let said = b"HTTP/1.1 200 OK\r\nContent-Length: 262145\r\n\r\n";
    let endpoint = HostileEndpoint::http(Script::SayAndHang(said.to_vec())).await;
    assert_eq!(failure(&settings(), &endpoint.url()).await, FailureKind::TooLarge);
}

#[tokio::test]
async fn only_status_200_brings_a_document() {
    for status in [201, 202, 203, 204, 206, 300, 304, 400, 401, 403, 404, 410, 418, 429, 500, 502, 503, 599] {
        let endpoint = says(&format!("{status} Some Reason"), &[], b"").await;
        let error = fetch(&settings(), &endpoint.url()).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::HttpStatus, "{status}");
        assert!(error.message.contains(&status.to_string()), "{error}");
    }
}

#[tokio::test]
async fn a_304_answers_a_conditional_request_only() {
    let endpoint = says("304 Not Modified", &["ETag: \"2\"", "Cache-Control: max-age=90"], b"").await;
    let (fetcher, url) = (HttpFetcher::new(&settings()).unwrap(), Url::parse(&endpoint.url()).unwrap());
    let got = fetcher.fetch(&url, Some("\"1\"")).await.unwrap();
    assert_eq!(got.content, Content::NotModified);
    assert_eq!((got.etag.as_deref(), got.max_age), (Some("\"2\""), Some(Duration::from_secs(90))));
    let unasked = fetcher.fetch(&url, None).await.unwrap_err();
    assert_eq!(unasked.kind, FailureKind::HttpStatus);
    let requests = endpoint.requests();
    assert!(requests[0].contains("if-none-match: \"1\"\r\n"), "{}", requests[0]);
    assert!(!requests[1].contains("if-none-match"), "{}", requests[1]);
}

#[tokio::test]
async fn a_request_is_a_plain_get_that_asks_for_no_encoding() {
    let endpoint = says("200 OK", &["ETag: \"1\"", "Cache-Control: public, max-age=120"], b"[]").await;
    let got = fetch(&settings(), &endpoint.url()).await.unwrap();
    assert_eq!((got.etag.as_deref(), got.max_age), (Some("\"1\""), Some(Duration::from_mins(2))));
    let request = &endpoint.requests()[0];
    assert!(request.starts_with("GET /keys HTTP/1.1\r\n"), "{request}");
    for unwanted in ["accept-encoding", "cookie", "authorization", "referer"] {
        assert!(!request.to_lowercase().contains(unwanted), "{request}");
    }
}

#[tokio::test]
async fn a_content_encoding_is_refused_unless_it_is_identity() {
    for (header, taken) in [
        ("Content-Encoding: gzip", false),
        ("Content-Encoding: br", false),
        ("Content-Encoding: deflate", false),
        ("Content-Encoding: identity, gzip", false),
        ("Content-Encoding: x-unknown", false),
        ("Content-Encoding: identity", true),
        ("Content-Encoding: Identity", true),
    ] {
        let endpoint = says("200 OK", &[header], b"[]").await;
        match fetch(&settings(), &endpoint.url()).await {
            Ok(_) => assert!(taken, "{header} was taken"),
            Err(error) => assert!(!taken && error.kind == FailureKind::ContentEncoding, "{header}: {error}"),
        }
    }
}

#[tokio::test]
async fn a_failure_says_what_happened_and_what_to_do_but_not_the_path() {
    let endpoint = says("404 Not Found", &[], b"secret body").await;
    let error = fetch(&settings(), &format!("{}?code=hunter2", endpoint.url())).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "127.0.0.1 answered with status 404 where 200 is expected. Check the path of the URL."
    );
}
