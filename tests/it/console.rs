//! The agent's console: it is where consumers are and nowhere else, and what it exchanges a key for works.

use serde_json::Value;

use crate::support::raw;
use crate::support::setup::{ROUTER, Setup};
use crate::support::usher::Usher;

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: usher\r\nConnection: close\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn the_console_is_on_the_consumer_listener_and_on_no_other() {
    let usher = Usher::start(Setup::new()).await;
    for path in ["/console", "/console/main.js", "/console/console.css", "/console/icon.svg"] {
        let page = raw::exchange(usher.at().consumer, &get(path)).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.head.contains("content-security-policy: default-src 'none'"), "{}", page.head);
        assert!(page.head.contains("etag: \""), "{}", page.head);
        for other in [usher.at().public, usher.at().ops] {
            assert_eq!(raw::exchange(other, &get(path)).await.status, 404, "{path} at {other}");
        }
    }
}

#[tokio::test]
async fn a_key_is_exchanged_as_the_console_does_it_and_the_token_opens_what_the_console_reads() {
    let usher = Usher::start(Setup::new()).await;
    let base = format!("http://{}", usher.at().consumer);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let list = format!("{base}/v1/conversations?limit=1");
    assert_eq!(client.get(&list).send().await.unwrap().status(), 401, "so the console asks for a key");

    let (id, secret) = ROUTER.split_once('.').unwrap();
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let asked = client.post(format!("{base}/oauth/token")).body(form);
    let answer = asked.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
    let granted: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert!(granted["expires_in"].is_u64() && granted["scope"].is_string(), "{granted}");
    let token = granted["access_token"].as_str().unwrap();
    assert!(token.starts_with("usher_at_"), "the console tells a token from a key by that");
    assert_eq!(client.get(&list).bearer_auth(token).send().await.unwrap().status(), 200);
    let events =
        client.get(format!("{base}/v1/events?after=latest")).bearer_auth(token).send().await.unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
}
