//! Who may call the consumer API: tokens of the real program, and the clients that its command line makes.

mod command;
mod refusals;
mod tokens;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

use crate::support::consumer::{Answer, Consumer, answer};
use crate::support::setup::Setup;
use crate::support::soon;
use crate::support::usher::Usher;

const LIST: &str = "/v1/conversations";
const GRANT: &str = "grant_type=client_credentials";

/// A request to the token endpoint with this form.
fn asking(usher: &Usher, form: &str) -> RequestBuilder {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("http://{}/oauth/token", usher.at().consumer));
    request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned())
}

/// The answer to whoever asks for a token with this API key.
async fn ask(usher: &Usher, key: &str, form: &str) -> Answer {
    let (id, secret) = key.split_once('.').unwrap();
    answer(asking(usher, form).basic_auth(id, Some(secret))).await
}

/// A token with all that the client has.
async fn token(usher: &Usher, key: &str) -> String {
    let answer = ask(usher, key, GRANT).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["access_token"].as_str().unwrap().to_owned()
}

async fn status(usher: &Usher, key: &str) -> u16 {
    Consumer::new(usher, key).get(LIST).await.status
}

/// An answer with its header fields.
async fn call(usher: &Usher, key: &str, method: Method, path: &str, body: &str) -> (Response, Value) {
    let request = Consumer::new(usher, key).request(method, path);
    let request = request.header("content-type", "application/json").body(body.to_owned());
    let mut response = soon(path, request.send()).await.unwrap();
    let mut bytes = Vec::new();
    while let Some(chunk) = soon(path, response.chunk()).await.unwrap() {
        bytes.extend_from_slice(&chunk);
    }
    (response, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

async fn plain() -> Usher {
    Usher::start(
        Setup::new()
            .tenant("contoso", "http://127.0.0.1:1/none")
            .tenant("fabrikam", "http://127.0.0.1:1/none"),
    )
    .await
}
