//! A key source that a test leads: a store in memory, and an endpoint that answers at once and counts.

use std::collections::HashMap;
use std::sync::Mutex;

use usher::clock::Clock;
use usher::domain::id::TenantId;
use usher::key_source::cache::Freshness;
use usher::key_source::jitter::Jitter;
use usher::key_source::store::{DocumentStore, StoreError, StoredDocument};
use usher::key_source::{KeySource, Setup, TenantKeys};
use usher::lifecycle::Lifecycle;
use usher::metrics::Metrics;

use super::*;

/// Keeps documents for as long as the test lives.
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

/// One answer: a status, a body, and how long it takes.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    pub(super) delay: Duration,
}

/// Answers by URL and counts.
#[derive(Debug, Default)]
pub(super) struct Scripted {
    answers: Mutex<HashMap<Url, Answer>>,
    fetches: Mutex<HashMap<Url, usize>>,
}

impl Scripted {
    pub(super) fn serve(&self, url: Url, answer: Answer) {
        self.answers.lock().unwrap().insert(url, answer);
    }

    pub(super) fn fetches(&self, url: &Url) -> usize {
        self.fetches.lock().unwrap().get(url).copied().unwrap_or_default()
    }
}

impl Fetch for Scripted {
    fn fetch<'a>(
        &'a self,
        url: &'a Url,
        _etag: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        *self.fetches.lock().unwrap().entry(url.clone()).or_default() += 1;
        let answer = self.answers.lock().unwrap()[url].clone();
        Box::pin(async move {
            tokio::time::sleep(answer.delay).await;
            match answer.status {
                200 => Ok(Fetched { content: Content::Body(answer.body), etag: None, max_age: None }),
                status => Err(FetchError::new(FailureKind::HttpStatus, format!("Status {status}."), "")),
            }
        })
    }
}

pub(super) fn key_source(
    tenants: Vec<TenantKeys>,
    fetcher: Arc<dyn Fetch>,
    clock: Clock,
) -> (KeySource, Lifecycle) {
    key_source_with(Arc::new(Memory::default()), tenants, fetcher, clock, Arc::default())
}

pub(super) fn key_source_with(
    store: Arc<dyn DocumentStore>,
    tenants: Vec<TenantKeys>,
    fetcher: Arc<dyn Fetch>,
    clock: Clock,
    metrics: Arc<Metrics>,
) -> (KeySource, Lifecycle) {
    let lifecycle = Lifecycle::new();
    let (freshness, jitter) = (Freshness::default(), Jitter::fixed(0.5));
    let setup =
        Setup { tenants, freshness, fetcher, store, clock, jitter, metrics, lifecycle: lifecycle.clone() };
    (KeySource::start(setup), lifecycle)
}
