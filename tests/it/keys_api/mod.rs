//! What an operator sees of a tenant's keys, and fetches on demand, from a real endpoint that changes, fails and hangs.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::consumer::{Answer, Consumer};
use crate::support::hostile_endpoint::{HostileEndpoint, Script, answer};
use crate::support::keys::{KEY, KID, OTHER_KEY, now, token};
use crate::support::setup::{FABRIKAMS, READER, ROUTER, Setup};
use crate::support::usher::Usher;
use crate::support::widget::Widget;
use crate::support::{seconds, soon};

/// In the endpoint's query: it lets whoever has it in.
const SECRET: &str = "5up3r-s3cr3t-of-the-endpoint";

/// An endpoint that says what it is told to, from one request to the next.
struct Endpoint {
    script: Arc<Mutex<Script>>,
    server: HostileEndpoint,
}

impl Endpoint {
    async fn publishing(document: &Value) -> Self {
        let script = Arc::new(Mutex::new(Self::saying("200 OK", document)));
        let said = script.clone();
        let server = HostileEndpoint::listen(move |_| said.lock().unwrap().clone(), None).await;
        Self { script, server }
    }

    fn saying(status: &str, document: &Value) -> Script {
        Script::Say(answer(status, &["Content-Type: application/json"], document.to_string().as_bytes()))
    }

    fn play(&self, script: Script) {
        *self.script.lock().unwrap() = script;
    }

    fn url(&self) -> String {
        format!("{}?code={SECRET}", self.server.url())
    }

    fn fetches(&self) -> usize {
        self.server.requests().len()
    }
}

async fn usher(endpoint: &Endpoint) -> Usher {
    Usher::start(Setup::new().tenant("contoso", &endpoint.url())).await
}

fn path(tenant: &str) -> String {
    format!("/v1/tenants/{tenant}/keys")
}

async fn keys(usher: &Usher) -> Value {
    Consumer::new(usher, ROUTER).read(&path("contoso")).await
}

async fn refresh(usher: &Usher) -> Answer {
    Consumer::new(usher, ROUTER).post(&format!("{}/refresh", path("contoso")), &json!({})).await
}

async fn sign_in(usher: &Usher) {
    let _left = Widget::sign_in(usher, "contoso/web", &token("customer-1", Duration::from_hours(1))).await;
}

#[tokio::test]
async fn what_is_held_is_shown_with_what_is_wrong_in_it_and_survives_a_kill() {
    let expiry = 4_102_444_800; // 2100-01-01
    let faulty = json!({ "kid": "broken", "publicKey": "bm90IGEga2V5" });
    let endpoint = Endpoint::publishing(&json!([KEY.entry(KID, Some(expiry)), faulty])).await;
    let mut usher = usher(&endpoint).await;
    let before = keys(&usher).await;
    let public_url = endpoint.server.url();
    assert_eq!(
        before,
        json!({
            "tenant": "contoso", "url": public_url, "state": "none", "fetching": false,
            "keys": [], "faults": [], "passed_over": [],
        })
    );
    assert_eq!(endpoint.fetches(), 0, "to look is not to fetch");

    let began = now();
    sign_in(&usher).await;
    let held = keys(&usher).await;
    assert_eq!((&held["state"], &held["form"]), (&json!("fresh"), &json!("key_set")));
    let key = json!({
        "kid": KID, "fingerprint": KEY.fingerprint(), "bits": 2048,
        "expiry": "2100-01-01T00:00:00.000Z", "expired": false,
    });
    assert_eq!(held["keys"], json!([key]));
    let fault = &held["faults"][0];
    assert_eq!(
        (&fault["entry"], &fault["kid"], &fault["exposes_secret"]),
        (&json!(2), &json!("broken"), &json!(false))
    );
    assert!(["message", "action"].iter().all(|name| !fault[name].as_str().unwrap().is_empty()), "{fault}");
    assert!(seconds(&held["fetched_at"]) >= began - 0.001);
    assert!(seconds(&held["fetched_at"]) < seconds(&held["fresh_until"]));
    assert!(seconds(&held["fresh_until"]) < seconds(&held["stale_until"]));
    assert!(held.get("last_error").is_none());

    usher.restart().await;
    assert_eq!(keys(&usher).await, held, "what was kept is shown before anybody needs it");
    assert_eq!(endpoint.fetches(), 1);
    assert!(!held.to_string().contains(SECRET) && !usher.log().contains(SECRET));
}

#[tokio::test]
async fn a_refresh_brings_what_is_published_now_and_no_two_come_within_five_seconds() {
    let endpoint = Endpoint::publishing(&json!([KEY.entry(KID, None)])).await;
    let usher = usher(&endpoint).await;
    sign_in(&usher).await;
    let kids = |keys: &Value| -> Vec<String> {
        keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kids(&keys(&usher).await), [KID]);
    endpoint.play(Endpoint::saying("200 OK", &json!([OTHER_KEY.entry("next", None), KEY.entry(KID, None)])));
    assert_eq!(kids(&keys(&usher).await), [KID], "what is fresh serves until it is asked for");
    let answered = refresh(&usher).await;
    assert_eq!(answered.status, 200, "{answered:?}");
    assert_eq!(kids(&answered.body), ["next", KID]);
    assert_eq!(answered.body, keys(&usher).await);
    assert_eq!(endpoint.fetches(), 2);

    let consumer = Consumer::new(&usher, ROUTER);
    let request = consumer.request(Method::POST, &format!("{}/refresh", path("contoso")));
    let refused = soon("an answer", request.send()).await.unwrap();
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=5).contains(&wait), "{wait}");
    assert_eq!(refused.status(), 429);
    let body: Value = serde_json::from_slice(&refused.bytes().await.unwrap()).unwrap();
    assert_eq!((&body["code"], &body["temporary"]), (&json!("rate_limited"), &json!(true)));
    assert_eq!(endpoint.fetches(), 2, "what is refused costs the tenant nothing");
    let fetched = usher.metric("usher_key_fetches_total{result=\"ok\",trigger=\"admin\"}").await;
    assert_eq!(fetched, Some(1.0));
}

#[tokio::test]
async fn a_refresh_that_fails_says_why_and_changes_no_key() {
    let endpoint = Endpoint::publishing(&json!([KEY.entry(KID, None)])).await;
    let usher = usher(&endpoint).await;
    sign_in(&usher).await;
    let held = keys(&usher).await;
    endpoint.play(Endpoint::saying("503 Service Unavailable", &json!({ "why": SECRET })));
    let failed = refresh(&usher).await;
    assert_eq!((failed.status, &failed.body["code"]), (502, &json!("key_fetch_failed")), "{failed:?}");
    assert_eq!(failed.content_type, "application/problem+json");
    let error = &failed.body["last_error"];
    assert_eq!((&error["code"], &error["lies_with"]), (&json!("http_status"), &json!("endpoint")));
    assert!(error["message"].as_str().unwrap().contains("503"), "{error}");
    assert!(!error["action"].as_str().unwrap().is_empty());
    assert!(seconds(&error["next_try_at"]) > seconds(&error["at"]));
    let after = keys(&usher).await;
    assert_eq!(after["last_error"]["at"], error["at"]);
    for member in ["state", "keys", "fetched_at", "fresh_until", "stale_until"] {
        assert_eq!(after[member], held[member], "{member}");
    }
    sign_in(&usher).await;
    assert!(!failed.body.to_string().contains(SECRET) && !after.to_string().contains(SECRET));
    assert!(!usher.log().contains(SECRET));
}

#[tokio::test]
async fn a_document_of_which_nothing_can_be_used_is_told_entry_by_entry() {
    let private =
        json!({ "kid": "open", "publicKey": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----" });
    let faulty = json!({ "kid": "broken", "publicKey": "bm90IGEga2V5" });
    let endpoint = Endpoint::publishing(&json!([faulty, private])).await;
    let usher = usher(&endpoint).await;
    let failed = refresh(&usher).await;
    let error = &failed.body["last_error"];
    assert_eq!((failed.status, &error["code"]), (502, &json!("parse")), "{failed:?}");
    let entries = error["faults"].as_array().unwrap();
    let places: Vec<_> = entries.iter().map(|one| (&one["entry"], &one["kid"])).collect();
    assert_eq!(places, [(&json!(1), &json!("broken")), (&json!(2), &json!("open"))]);
    assert_eq!([&entries[0]["exposes_secret"], &entries[1]["exposes_secret"]], [false, true]);
    assert_eq!(keys(&usher).await["state"], "none");
    assert!(!failed.body.to_string().contains("AAAA"));
}

#[tokio::test]
async fn an_endpoint_that_hangs_is_waited_for_within_bounds() {
    let endpoint = Endpoint::publishing(&json!([])).await;
    endpoint.play(Script::SayAndHang(Vec::new()));
    let usher = usher(&endpoint).await;
    let (failed, fetching) = tokio::join!(refresh(&usher), async {
        crate::support::until("the fetch", async || (endpoint.fetches() > 0).then_some(())).await;
        keys(&usher).await
    });
    assert_eq!(fetching["fetching"], true);
    assert_eq!((failed.status, &failed.body["last_error"]["code"]), (502, &json!("timeout")), "{failed:?}");
    assert_eq!(endpoint.fetches(), 1);
}

#[tokio::test]
async fn scopes_and_tenants_are_judged_before_anything_is_told() {
    let endpoint = Endpoint::publishing(&json!([KEY.entry(KID, None)])).await;
    let bare = "[widgets.open]\nauthentication = \"off\"\nallowed_origins = [\"*\"]\n".to_owned();
    let usher = Usher::start(Setup::new().tenant("contoso", &endpoint.url()).tenant_file("bare", bare)).await;
    let refusals = async |key: &str, tenant: &str| {
        let consumer = Consumer::new(&usher, key);
        let read = consumer.get(&path(tenant)).await;
        let write = consumer.post(&format!("{}/refresh", path(tenant)), &json!({})).await;
        assert_eq!((read.status, &read.body["code"]), (write.status, &write.body["code"]));
        (read.status, read.body["code"].as_str().unwrap().to_owned(), read.body["detail"].clone())
    };
    let (status, code, of_another) = refusals(FABRIKAMS, "contoso").await;
    assert_eq!((status, &*code), (403, "tenant_forbidden"));
    let (status, code, of_nobody) = refusals(FABRIKAMS, "nobody").await;
    assert_eq!((status, &*code, of_nobody), (403, "tenant_forbidden", of_another));
    for (key, tenant, status, code) in [
        (READER, "contoso", 403, "insufficient_scope"),
        (READER, "nobody", 403, "insufficient_scope"),
        ("router.wrong", "contoso", 401, "unauthorized"),
        (ROUTER, "nobody", 403, "tenant_forbidden"),
        (ROUTER, "bare", 404, "no_key_endpoint"),
    ] {
        let (refused, with, _) = refusals(key, tenant).await;
        assert_eq!((refused, &*with), (status, code), "{key} {tenant}");
    }
    assert_eq!(endpoint.fetches(), 0);
}
