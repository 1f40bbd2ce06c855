//! A fetch from its beginning to its end: what was kept, what the endpoint says, what to keep of it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, timeout};

use super::cache::{Kept, Trigger};
use super::failure::{FailureKind, FetchError};
use super::fetch::{Content, Fetched};
use super::source::Inner;
use super::store::StoredDocument;
use super::tenant::{Flight, Tenant};
use crate::domain::keys::{self, DocumentRefused, KeyDocument};

/// A store that takes longer to answer is not waited for.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);
/// Faulty entries that are logged of one document.
const MAX_LOGGED_FAULTS: usize = 10;

/// What a fetch found.
enum Found {
    Same { etag: Option<String>, max_age: Option<Duration> },
    New { document: Arc<KeyDocument>, body: Arc<[u8]>, etag: Option<String>, max_age: Option<Duration> },
}

/// Fetches a tenant's document and lets everyone who waits know, whatever happens.
pub(super) async fn fly(inner: Arc<Inner>, tenant: Arc<Tenant>, trigger: Trigger, flight: Flight) {
    let began = Instant::now();
    let found = tokio::select! {
        found = AssertUnwindSafe(find(&inner, &tenant, trigger)).catch_unwind() => found.unwrap_or_else(|_panic| {
            let remedy = "Report this: it is a fault of usher.";
            Some(Err(FetchError::new(FailureKind::Internal, "The fetch of the keys panicked.", remedy)))
        }),
        () = inner.lifecycle.stopped() => None,
    };
    let Some(found) = found else { return };
    let label = match &found {
        Ok(Found::New { .. }) => "ok",
        Ok(Found::Same { .. }) => "not_modified",
        Err(error) => error.kind.label(),
    };
    inner.metrics.key_fetched(trigger.label(), label, began.elapsed());
    let succeeded = found.is_ok();
    apply(&inner, &tenant, found);
    drop(flight);
    inner.wake_refresher();
    if succeeded {
        keep(&inner, &tenant).await;
    }
}

/// Looks into the store first: what is fresh there, from before a restart or by another node, saves the fetch.
async fn find(inner: &Inner, tenant: &Tenant, trigger: Trigger) -> Option<Result<Found, FetchError>> {
    let restored = restore(inner, tenant).await;
    let for_age_only = matches!(trigger, Trigger::Cold | Trigger::Expired | Trigger::RefreshAhead);
    let now = inner.clock.now();
    if restored && for_age_only && tenant.slot().cache.held().is_some_and(|held| held.is_fresh(now)) {
        inner.wake_refresher();
        return None;
    }
    Some(fetch(inner, tenant).await)
}

/// Takes the document that was kept, where it is newer than what is held.
pub(super) async fn restore(inner: &Inner, tenant: &Tenant) -> bool {
    let id = &tenant.keys.tenant;
    let stored = match timeout(STORE_TIMEOUT, inner.store.load(id)).await {
        Ok(Ok(stored)) => stored,
        Ok(Err(error)) => {
            tracing::warn!(tenant = %id, %error, "the kept key document cannot be read");
            None
        }
        Err(_elapsed) => {
            tracing::warn!(tenant = %id, "the kept key document was not read in time");
            None
        }
    };
    let held_since = tenant.slot().cache.held().map(|held| held.fetched_at);
    let newer = |stored: &StoredDocument| held_since.is_none_or(|held| held < stored.fetched_at);
    // What exposes a secret is kept without its body, so that no older document takes its place.
    let of_this_url =
        |stored: &StoredDocument| stored.url == tenant.keys.url.as_str() && !stored.body.is_empty();
    let Some(stored) = stored.filter(of_this_url).filter(newer) else { return false };
    match keys::parse(&stored.body, tenant.keys.max_key_bits) {
        Ok(document) => {
            let StoredDocument { body, etag, fetched_at, fresh_until, .. } = stored;
            let kept = Kept { document: Arc::new(document), body, etag, fetched_at, fresh_until };
            tenant.slot().cache.on_restored(inner.clock.now(), kept)
        }
        Err(refused) => {
            tracing::warn!(tenant = %id, %refused, "the kept key document is refused");
            false
        }
    }
}

async fn fetch(inner: &Inner, tenant: &Tenant) -> Result<Found, FetchError> {
    let etag = tenant.slot().cache.held().and_then(|held| held.etag.clone());
    let Fetched { content, etag, max_age } = inner.fetcher.fetch(&tenant.keys.url, etag.as_deref()).await?;
    let body = match content {
        Content::NotModified => return Ok(Found::Same { etag, max_age }),
        Content::Body(body) => body,
    };
    let same = tenant.slot().cache.held().is_some_and(|held| *held.body == *body);
    if same {
        return Ok(Found::Same { etag, max_age });
    }
    let document = keys::parse(&body, tenant.keys.max_key_bits).map_err(|refused| refusal(&refused))?;
    // A private key that lies open is kept nowhere, neither here nor in the store.
    let body: Arc<[u8]> = if document.exposes_secret() { Arc::default() } else { body.into() };
    Ok(Found::New { document: Arc::new(document), body, etag, max_age })
}

fn refusal(refused: &DocumentRefused) -> FetchError {
    let mut message = format!("The document is refused: {}.", refused.fault.message);
    if let Some(first) = refused.entries.first() {
        message = format!("{message} Its {first}.");
    }
    let error = FetchError::new(FailureKind::Parse, message, sentence(&refused.fault.action));
    FetchError { entries: refused.entries.clone(), ..error }
}

/// Actions are written as clauses; a remedy is a sentence.
fn sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

fn apply(inner: &Inner, tenant: &Tenant, found: Result<Found, FetchError>) {
    let (id, now, random) = (&tenant.keys.tenant, inner.clock.now(), inner.jitter.draw());
    match found {
        Ok(Found::Same { etag, max_age }) => tenant.slot().cache.on_confirmed(now, etag, max_age, random),
        Ok(Found::New { document, body, etag, max_age }) => {
            log_faults(tenant, &document);
            let mut slot = tenant.slot();
            slot.cache.on_replaced(now, document, body);
            slot.cache.on_confirmed(now, etag, max_age, random);
        }
        Err(error) => {
            tracing::warn!(tenant = %id, kind = error.kind.label(), %error, "the keys could not be fetched");
            tenant.slot().cache.on_failed(now, error, random);
        }
    }
}

fn log_faults(tenant: &Tenant, document: &KeyDocument) {
    let id = &tenant.keys.tenant;
    for fault in document.faults.iter().take(MAX_LOGGED_FAULTS) {
        tracing::warn!(tenant = %id, %fault, "a key cannot be used");
    }
    let more = document.faults.len().saturating_sub(MAX_LOGGED_FAULTS);
    if more > 0 {
        tracing::warn!(tenant = %id, more, "further keys cannot be used");
    }
}

/// Keeps what is in force. That this fails costs something only where the process restarts and the endpoint is
/// down, so tokens don't wait for it.
async fn keep(inner: &Inner, tenant: &Tenant) {
    let id = &tenant.keys.tenant;
    let document = tenant.slot().cache.held().map(|held| StoredDocument {
        url: tenant.keys.url.as_str().to_owned(),
        body: Arc::clone(&held.body),
        etag: held.etag.clone(),
        fetched_at: held.fetched_at,
        fresh_until: held.fresh_until,
    });
    let Some(document) = document else { return };
    match timeout(STORE_TIMEOUT, inner.store.save(id, document)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(tenant = %id, %error, "the key document cannot be kept"),
        Err(_elapsed) => tracing::warn!(tenant = %id, "the key document was not kept in time"),
    }
}
