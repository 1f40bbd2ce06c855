//! The limits of `[limits]`, over real sockets. That a bucket refills at its rate for hours is the domain's to show.

mod address;
mod conversation;
mod proxies;

use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

use crate::support::keys::KeyEndpoint;
use crate::support::setup::{ORIGIN, Setup};
use crate::support::usher::Usher;
use crate::support::widget::Widget;

/// A gateway with these lines in `[limits]` and no other limit for the rate.
async fn usher(lines: &[&str]) -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let setup = Setup::new().tenant("contoso", &keys.url());
    let setup = lines.iter().fold(setup, |setup, line| setup.limit(line));
    (Usher::start(setup).await, keys)
}

/// Connects from an address; else the refusal's code and its `Retry-After` in seconds.
async fn dial(
    usher: &Usher,
    from: &str,
    headers: &[(&'static str, &str)],
) -> Result<Widget, (String, Option<u64>)> {
    let headers = [&[("origin", ORIGIN)], headers].concat();
    match Widget::dial_from(from, usher, "contoso/web", &headers).await {
        Ok((widget, _)) => Ok(widget),
        Err(Error::Http(answer)) => {
            assert_eq!(answer.status(), 429, "{answer:?}");
            let retry_after = answer.headers().get("retry-after").map(|wait| wait.to_str().unwrap());
            let problem: Value = serde_json::from_slice(answer.body().as_ref().unwrap()).unwrap();
            let code = problem["code"].as_str().unwrap().to_owned();
            Err((code, retry_after.map(|wait| wait.parse().unwrap())))
        }
        Err(other) => panic!("{other}"),
    }
}

fn message(id: usize) -> Value {
    json!({ "type": "message", "id": id.to_string(), "text": "Hello" })
}

/// The wait that a refusal for the rate names, which is at most this.
fn wait(error: &Value, at_most: Duration) -> Duration {
    assert_eq!((&error["code"], &error["temporary"]), (&json!("rate_limited"), &json!(true)), "{error}");
    let wait = Duration::from_millis(error["retry_after_ms"].as_u64().unwrap());
    assert!(wait > Duration::ZERO && wait <= at_most, "{error}");
    wait
}
