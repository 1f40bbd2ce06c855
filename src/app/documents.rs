//! Key documents in the journal's keyed state: what was fetched last serves after a restart too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::domain::id::TenantId;
use crate::domain::time::UnixTime;
use crate::journal::{Item, Journal, Written};
use crate::key_source::store::{DocumentStore, StoreError, StoredDocument};

/// How often a document is offered again because another node wrote first.
const TRIES: usize = 4;

/// One document per tenant, under `keys/{tenant}`; the one that was fetched last wins.
#[derive(Debug, Clone)]
pub(super) struct JournalDocuments(Journal);

#[derive(Serialize, Deserialize)]
struct Stored {
    url: String,
    body: String,
    etag: Option<String>,
    fetched_at: i64,
    fresh_until: i64,
}

impl JournalDocuments {
    pub(super) const fn new(journal: Journal) -> Self {
        Self(journal)
    }

    async fn kept(&self, key: &str) -> Result<Option<(Item, StoredDocument)>, StoreError> {
        let item = self.0.get(key).await.map_err(|error| StoreError(error.to_string()))?;
        // What can't be read is as good as none: the next fetch replaces it.
        Ok(item.and_then(|item| decode(&item.value).map(|document| (item, document))))
    }

    async fn keep(&self, tenant: &TenantId, document: &StoredDocument) -> Result<(), StoreError> {
        let key = key(tenant);
        for _ in 0..TRIES {
            let item = self.0.get(&key).await.map_err(|error| StoreError(error.to_string()))?;
            let newer = item.as_ref().and_then(|item| decode(&item.value));
            if newer.is_some_and(|kept| kept.url == document.url && kept.fetched_at > document.fetched_at) {
                return Ok(());
            }
            let value = encode(document);
            let written = match item {
                Some(item) => self.0.put(&key, value, item.revision).await,
                None => self.0.create(&key, value).await,
            };
            match written {
                Written::Stored(_) => return Ok(()),
                Written::Conflict => {}
                Written::Unknown => return Err(StoreError("the journal did not confirm it".to_owned())),
            }
        }
        Err(StoreError("other nodes kept writing first".to_owned()))
    }
}

impl DocumentStore for JournalDocuments {
    fn load<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<Option<StoredDocument>, StoreError>> {
        Box::pin(async move { Ok(self.kept(&key(tenant)).await?.map(|(_, document)| document)) })
    }

    fn save<'a>(
        &'a self,
        tenant: &'a TenantId,
        document: StoredDocument,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.keep(tenant, &document).await })
    }
}

fn key(tenant: &TenantId) -> String {
    format!("keys/{tenant}")
}

fn encode(document: &StoredDocument) -> Vec<u8> {
    let stored = Stored {
        url: document.url.clone(),
        body: STANDARD.encode(&document.body),
        etag: document.etag.clone(),
        fetched_at: document.fetched_at.millis(),
        fresh_until: document.fresh_until.millis(),
    };
    serde_json::to_vec(&stored).expect("strings and numbers are JSON")
}

fn decode(value: &[u8]) -> Option<StoredDocument> {
    let stored: Stored = serde_json::from_slice(value).ok()?;
    Some(StoredDocument {
        url: stored.url,
        body: STANDARD.decode(stored.body).ok()?.into(),
        etag: stored.etag,
        fetched_at: UnixTime::from_millis(stored.fetched_at),
        fresh_until: UnixTime::from_millis(stored.fresh_until),
    })
}
