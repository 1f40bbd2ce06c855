use futures_util::future::BoxFuture;

use super::*;
use crate::domain::id::TenantId;
use crate::key_source::cache::Freshness;
use crate::key_source::fetch::{FetchSettings, HttpFetcher};
use crate::key_source::jitter::Jitter;
use crate::key_source::store::{DocumentStore, StoreError, StoredDocument};
use crate::key_source::{self, KeySource};

#[derive(Debug)]
struct NothingKept;

impl DocumentStore for NothingKept {
    fn load<'a>(&'a self, _: &'a TenantId) -> BoxFuture<'a, Result<Option<StoredDocument>, StoreError>> {
        Box::pin(async { Ok(None) })
    }

    fn save<'a>(&'a self, _: &'a TenantId, _: StoredDocument) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
}

/// A key source for tenants that all have no endpoint.
pub(super) fn of_nobody(clock: Clock, metrics: &Arc<Metrics>, lifecycle: &Lifecycle) -> KeySource {
    KeySource::start(key_source::Setup {
        tenants: Vec::new(),
        freshness: Freshness::default(),
        fetcher: Arc::new(HttpFetcher::new(&FetchSettings::default()).unwrap()),
        store: Arc::new(NothingKept),
        clock,
        jitter: Jitter::fixed(0.5),
        metrics: metrics.clone(),
        lifecycle: lifecycle.clone(),
    })
}

const KEYS: &str = "/v1/tenants/alpha/keys";
const REFRESH: &str = "/v1/tenants/alpha/keys/refresh";

#[tokio::test]
async fn a_tenant_without_a_key_endpoint_has_no_keys_to_show_or_fetch() {
    let node = Node::start();
    for answer in [node.get(ALPHA, KEYS).await, node.send(Method::POST, ALPHA, REFRESH, "").await] {
        assert_eq!((answer.status, answer.code()), (404, "no_key_endpoint"));
        assert!(answer.detail().contains("public_key_url"), "{answer:?}");
    }
}

#[tokio::test]
async fn another_tenants_keys_and_nobodys_are_refused_alike_after_the_scope() {
    let node = Node::start();
    for tenant in ["beta", "nobody", "NO-SLUG"] {
        for (method, path) in [
            (Method::GET, format!("/v1/tenants/{tenant}/keys")),
            (Method::POST, format!("/v1/tenants/{tenant}/keys/refresh")),
        ] {
            let answer = node.send(method.clone(), ALPHA, &path, "").await;
            assert_eq!((answer.status, answer.code()), (403, "tenant_forbidden"), "{path}");
            let answer = node.send(method.clone(), "events.first", &path, "").await;
            assert_eq!((answer.status, answer.code()), (403, "insufficient_scope"), "{path}");
            assert_eq!(node.send(method, "", &path, "").await.status, 401, "{path}");
        }
    }
}

#[tokio::test]
async fn what_a_call_does_not_take_is_named() {
    let node = Node::start();
    let answer = node.send(Method::POST, ALPHA, REFRESH, r#"{"force": true}"#).await;
    assert_eq!((answer.status, answer.code()), (400, "invalid_request"));
    assert!(answer.detail().contains("force"), "{answer:?}");
    for answer in [
        node.get(ALPHA, &format!("{KEYS}?kid=a")).await,
        node.send(Method::POST, ALPHA, &format!("{REFRESH}?kid=a"), "").await,
    ] {
        assert_eq!((answer.status, answer.code()), (400, "invalid_request"));
    }
}
