//! Where documents are kept, so that a restart while an endpoint is down costs nobody their chat.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::domain::id::TenantId;
use crate::domain::time::UnixTime;

/// A document as it came, with what is needed to go on where an earlier process stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDocument {
    /// The URL it came from. A document of another URL than the tenant's present one is not used.
    pub url: String,
    /// The body, at most `max_document_bytes`; empty where it exposes a private key and so must not be kept.
    pub body: Arc<[u8]>,
    /// The endpoint's `ETag`, at most 256 bytes.
    pub etag: Option<String>,
    /// When the endpoint last stood by it.
    pub fetched_at: UnixTime,
    /// Until when it needs no fetch.
    pub fresh_until: UnixTime,
}

/// A store that failed, in words for the log.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

/// Keeps one document per tenant.
pub trait DocumentStore: Send + Sync + fmt::Debug {
    /// The document kept for this tenant.
    fn load<'a>(&'a self, tenant: &'a TenantId) -> BoxFuture<'a, Result<Option<StoredDocument>, StoreError>>;

    /// Keeps this document, unless one that was fetched later is kept already.
    fn save<'a>(
        &'a self,
        tenant: &'a TenantId,
        document: StoredDocument,
    ) -> BoxFuture<'a, Result<(), StoreError>>;
}
