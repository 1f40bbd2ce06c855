//! What is kept of a document.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use usher::clock::Clock;
use usher::domain::id::TenantId;
use usher::domain::time::UnixTime;
use usher::key_source::TenantKeys;
use usher::key_source::store::DocumentStore;

use super::corpus::lines;
use super::scripted::{Answer, Memory, Scripted, key_source_with};
use super::*;

#[tokio::test(start_paused = true)]
async fn a_document_that_exposes_a_private_key_serves_but_its_body_is_not_kept() {
    let scenarios = lines("scenarios.jsonl");
    let scenario =
        scenarios.iter().find(|scenario| scenario["id"] == "cache/rotation-new-kid").expect("it is there");
    let document = scenario["steps"][0]["response"]["body"].as_str().unwrap();
    let mut entries: Vec<Value> = serde_json::from_str(document).unwrap();
    let label = "RSA PRIVATE KEY";
    let pem = format!("-----BEGIN {label}-----\r\nMIIB\r\n-----END {label}-----\r\n");
    let leaking =
        [entries.clone(), vec![json!({ "kid": "leak", "publicKey": STANDARD.encode(pem) })]].concat();
    entries.truncate(1);

    let tenant: TenantId = "a".parse().unwrap();
    let url = Url::parse("https://a.test/keys").unwrap();
    let (endpoint, store) = (Arc::new(Scripted::default()), Arc::new(Memory::default()));
    let clock = Clock::following_runtime(UnixTime::from_seconds(1_760_000_000));
    for (entries, kept) in [(leaking, false), (entries, true)] {
        let body = serde_json::to_vec(&entries).unwrap();
        endpoint.serve(url.clone(), Answer { status: 200, body: body.clone(), delay: Duration::ZERO });
        let keys = TenantKeys { tenant: tenant.clone(), url: url.clone(), max_key_bits: 4096 };
        let (source, lifecycle) =
            key_source_with(store.clone(), vec![keys], endpoint.clone(), clock, Arc::default());
        let served = source.refresh(&tenant).await.unwrap().document.expect("the readable rest serves");
        assert!(!served.document.keys.is_empty());
        tokio::time::sleep(Duration::from_secs(1)).await;
        let stored = store.load(&tenant).await.unwrap().expect("a document").body;
        assert_eq!(*stored == *body, kept);
        assert_eq!(stored.is_empty(), !kept);
        lifecycle.stop();
    }
}
