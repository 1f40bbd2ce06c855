//! An endpoint that does as it is told, stores that keep or fail, and a key source between them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::sleep;
use url::Url;

use crate::clock::Clock;
use crate::domain::id::TenantId;
use crate::domain::time::UnixTime;
use crate::key_source::cache::Freshness;
use crate::key_source::failure::{FailureKind, FetchError};
use crate::key_source::fetch::{Content, Fetch, Fetched};
use crate::key_source::jitter::Jitter;
use crate::key_source::store::{DocumentStore, StoreError, StoredDocument};
use crate::key_source::*;
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;

pub(super) const START: UnixTime = UnixTime::from_seconds(1_760_000_000);
/// How long every scripted fetch takes.
pub(super) const FETCH_TAKES: Duration = Duration::from_millis(500);
/// Two documents that hold no key, and are believed.
pub(super) const FIRST: &str = "[]";
pub(super) const SECOND: &str = r#"{"keys": []}"#;
pub(super) const RUBBISH: &str = "<html>";

/// Answers with what was last put here: a body with an optional `ETag`, or a failure.
#[derive(Debug, Default)]
pub(super) struct Endpoint {
    pub(super) answer: Mutex<HashMap<String, Result<Fetched, FailureKind>>>,
    pub(super) fetches: AtomicUsize,
    pub(super) conditional: Mutex<Vec<Option<String>>>,
    pub(super) panics: std::sync::atomic::AtomicBool,
}

impl Endpoint {
    pub(super) fn serve(&self, tenant: &str, body: &str, etag: Option<&str>) {
        let content = Content::Body(body.as_bytes().to_vec());
        let answer = Fetched { content, etag: etag.map(str::to_owned), max_age: None };
        self.answer.lock().unwrap().insert(url(tenant).to_string(), Ok(answer));
    }

    pub(super) fn not_modified(&self, tenant: &str) {
        let answer = Fetched { content: Content::NotModified, etag: None, max_age: None };
        self.answer.lock().unwrap().insert(url(tenant).to_string(), Ok(answer));
    }

    pub(super) fn fail(&self, tenant: &str) {
        self.answer.lock().unwrap().insert(url(tenant).to_string(), Err(FailureKind::Timeout));
    }

    pub(super) fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

impl Fetch for Endpoint {
    fn fetch<'a>(
        &'a self,
        url: &'a Url,
        etag: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        self.conditional.lock().unwrap().push(etag.map(str::to_owned));
        Box::pin(async move {
            sleep(FETCH_TAKES).await;
            assert!(!self.panics.load(Ordering::SeqCst), "as scripted");
            let answer = self.answer.lock().unwrap().get(url.as_str()).cloned();
            answer
                .expect("a script for this tenant")
                .map_err(|kind| FetchError::new(kind, "As scripted.", ""))
        })
    }
}

/// Keeps documents in memory, since a disk doesn't know of paused time.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<HashMap<TenantId, StoredDocument>>);

impl DocumentStore for Memory {
    fn load<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<Option<StoredDocument>, StoreError>> {
        Box::pin(async move { Ok(self.0.lock().unwrap().get(tenant).cloned()) })
    }

    fn save<'a>(
        &'a self,
        tenant: &'a TenantId,
        document: StoredDocument,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.0.lock().unwrap().insert(tenant.clone(), document);
            Ok(())
        })
    }
}

/// A store that is broken.
#[derive(Debug)]
pub(super) struct Broken;

impl DocumentStore for Broken {
    fn load<'a>(&'a self, _: &'a TenantId) -> BoxFuture<'a, Result<Option<StoredDocument>, StoreError>> {
        Box::pin(async { Err(StoreError("broken".to_owned())) })
    }

    fn save<'a>(&'a self, _: &'a TenantId, _: StoredDocument) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(std::future::pending())
    }
}

pub(super) fn url(tenant: &str) -> Url {
    Url::parse(&format!("https://{tenant}.example/keys")).unwrap()
}

pub(super) fn id(tenant: &str) -> TenantId {
    tenant.parse().unwrap()
}

pub(super) struct World {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) store: Arc<Memory>,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
    pub(super) lifecycle: Lifecycle,
    pub(super) source: KeySource,
}

impl World {
    pub(super) fn new() -> Self {
        let endpoint = Arc::new(Endpoint::default());
        endpoint.serve("a", FIRST, None);
        endpoint.serve("b", SECOND, None);
        let store = Arc::new(Memory::default());
        let (clock, metrics, lifecycle) =
            (Clock::following_runtime(START), Arc::new(Metrics::new()), Lifecycle::new());
        let source = source(&endpoint, store.clone(), clock, &metrics, &lifecycle, url("a"));
        Self { endpoint, store, clock, metrics, lifecycle, source }
    }

    /// A process that begins anew with the same store, and `a` at this URL.
    pub(super) fn restarted(&self, a: Url) -> KeySource {
        source(&self.endpoint, self.store.clone(), self.clock, &self.metrics, &self.lifecycle, a)
    }

    pub(super) async fn generation(&self, tenant: &str) -> Result<u64, KeysUnavailable> {
        self.source.keys(&id(tenant)).await.map(|served| served.generation)
    }

    pub(super) async fn refetch(&self, seen: u64) -> Result<u64, NoNewer> {
        self.source.refetch(&id("a"), seen, Reason::UnknownKid).await.map(|served| served.generation)
    }

    pub(super) fn counted(&self, series: &str) -> bool {
        self.metrics.render().lines().any(|line| line == series)
    }
}

pub(super) fn source(
    endpoint: &Arc<Endpoint>,
    store: Arc<dyn DocumentStore>,
    clock: Clock,
    metrics: &Arc<Metrics>,
    lifecycle: &Lifecycle,
    a: Url,
) -> KeySource {
    let tenant = |name: &str, url| TenantKeys { tenant: id(name), url, max_key_bits: 4096 };
    KeySource::start(Setup {
        tenants: vec![tenant("a", a), tenant("b", url("b"))],
        freshness: Freshness::default(),
        fetcher: endpoint.clone(),
        store,
        clock,
        jitter: Jitter::fixed(0.5),
        metrics: Arc::clone(metrics),
        lifecycle: lifecycle.clone(),
    })
}

/// Lets the background come to rest: on paused time, sleeping ends when nothing else is left to do.
pub(super) async fn settle() {
    sleep(SETTLING).await;
}

pub(super) const SETTLING: Duration = Duration::from_secs(1);

pub(super) const EIGHTY_PERCENT: Duration = Duration::from_mins(8);
