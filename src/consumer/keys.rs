//! A tenant's keys as whoever is woken for them needs to see them: what is held, until when it serves, what is wrong
//! with the rest, and why the last fetch failed. Public parts alone.

use std::time::Duration;

use axum::http::{HeaderValue, header};
use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::id::TenantId;
use crate::domain::keys::{KeyFault, PublicKey};
use crate::domain::time::UnixTime;
use crate::key_source::cache::FORCED_EVERY;
use crate::key_source::failure::FetchError;
use crate::key_source::{NoEndpoint, NotRefreshed, Status};
use crate::wire::Rfc3339;

use super::answer::{Shown, Written};
use super::body::Members;
use super::call::Call;
use super::gestures::NOTHING;
use super::problem::{Code, Problem};

/// How long a refresh is waited for: a fetch in flight and the one after it, each with the look into the store before
/// it, end within less.
const REFRESH_WITHIN: Duration = Duration::from_secs(20);

/// `GET /v1/tenants/{tenant}/keys`
pub(super) async fn show(call: Call) -> Result<Shown<View<'static>>, Problem> {
    let tenant = call.tenant_in_path()?;
    call.query.none()?;
    let status = call.shared.keys.status(&tenant).await?;
    Ok(Shown(write(&tenant, &status, call.shared.clock.now())))
}

/// `POST /v1/tenants/{tenant}/keys/refresh`
pub(super) async fn refresh(mut call: Call) -> Result<Shown<View<'static>>, Problem> {
    let tenant = call.tenant_in_path()?;
    call.query.none()?;
    Members::parse(&call.body().await?, NOTHING)?.finish()?;
    let refreshing = tokio::time::timeout(REFRESH_WITHIN, call.shared.keys.refresh(&tenant)).await;
    let now = call.shared.clock.now();
    match refreshing {
        Ok(Ok(status)) => Ok(Shown(write(&tenant, &status, now))),
        Ok(Err(NotRefreshed::Failed(status))) => {
            let error = status.last_failure.as_ref().map(|failed| last_error(&status, failed));
            let told = error.as_ref().map_or("", |error| error.message);
            let detail = format!(
                "The keys could not be fetched, and those held before stay. {told} What to do stands in last_error."
            );
            let error = serde_json::to_value(error).expect("it has string keys");
            Err(Problem::new(Code::KeyFetchFailed, detail).with_last_error(error).after(FORCED_EVERY))
        }
        Ok(Err(NotRefreshed::Throttled { retry_after })) => {
            let seconds = FORCED_EVERY.as_secs();
            let detail = format!(
                "The tenant's keys were fetched on demand less than {seconds} s ago: read them, or ask again after \
                 the wait."
            );
            Err(Problem::new(Code::RateLimited, detail).after(retry_after))
        }
        Ok(Err(NotRefreshed::NoEndpoint(none))) => Err(none.into()),
        Ok(Err(NotRefreshed::Stopping)) => Err(Problem::new(
            Code::KeyFetchFailed,
            "Usher is stopping, and fetches nothing more: ask again after the wait.",
        )),
        Err(_elapsed) => Err(Problem::new(
            Code::KeyFetchFailed,
            "The fetch takes longer than this call waits and goes on: read the keys after the wait.",
        )
        .after(FORCED_EVERY)),
    }
}

impl From<NoEndpoint> for Problem {
    fn from(_: NoEndpoint) -> Self {
        Self::new(
            Code::NoKeyEndpoint,
            "The tenant has no key endpoint, and so no token of its customers is judged: have the operator write \
             public_key_url under [authentication] in the tenant's file.",
        )
    }
}

/// A tenant's keys as they are held.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Keys")]
pub(super) struct View<'a> {
    tenant: &'a str,
    url: String,
    state: &'static str,
    fetching: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    form: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fetched_at: Option<Rfc3339>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fresh_until: Option<Rfc3339>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stale_until: Option<Rfc3339>,
    keys: Vec<KeyView<'a>>,
    faults: Vec<FaultView<'a>>,
    passed_over: Vec<FaultView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<ErrorView<'a>>,
}

/// A public key.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Key")]
pub(super) struct KeyView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    fingerprint: String,
    bits: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry: Option<Rfc3339>,
    expired: bool,
}

/// What is wrong with an entry of the fetched document.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "KeyFault")]
pub(super) struct FaultView<'a> {
    entry: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    message: &'a str,
    action: &'a str,
    exposes_secret: bool,
}

/// Why the last fetch failed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "KeyFetchError")]
pub(super) struct ErrorView<'a> {
    at: Rfc3339,
    code: &'static str,
    lies_with: &'static str,
    message: &'a str,
    action: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<FaultView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_try_at: Option<Rfc3339>,
}

fn write(tenant: &TenantId, status: &Status, now: UnixTime) -> Written<View<'static>> {
    let document = status.document.as_ref().map(|served| &*served.document);
    let view = View {
        tenant: tenant.as_str(),
        url: public_part(status),
        state: state(status, now),
        fetching: status.is_fetching,
        form: document.map(|document| document.form.name()),
        fetched_at: status.document.as_ref().map(|served| Rfc3339(served.fetched_at)),
        fresh_until: status.fresh_until.map(Rfc3339),
        stale_until: status.stale_until.map(Rfc3339),
        keys: document
            .map_or_else(Vec::new, |found| found.keys.iter().map(|key| view_key(key, now)).collect()),
        faults: document.map_or_else(Vec::new, |found| view_faults(&found.faults)),
        passed_over: document.map_or_else(Vec::new, |found| view_faults(&found.passed_over)),
        last_error: status.last_failure.as_ref().map(|failed| last_error(status, failed)),
    };
    Written::as_if(&view)
}

/// The URL without what may let somebody in: credentials, which the configuration refuses anyway, and the query.
fn public_part(status: &Status) -> String {
    let url = &status.url;
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

/// Whether tokens are judged by what is held.
fn state(status: &Status, now: UnixTime) -> &'static str {
    match &status.document {
        None => "none",
        Some(served) if !served.stale => "fresh",
        Some(_) if status.stale_until.is_some_and(|until| now < until) => "stale",
        Some(_) => "expired",
    }
}

fn view_key(key: &PublicKey, now: UnixTime) -> KeyView<'_> {
    KeyView {
        kid: key.kid().map(|kid| &**kid),
        fingerprint: key.fingerprint().to_string(),
        bits: key.bits(),
        expiry: key.expiry().map(Rfc3339),
        expired: key.expiry().is_some_and(|expiry| now >= expiry),
    }
}

fn view_faults(faults: &[KeyFault]) -> Vec<FaultView<'_>> {
    faults.iter().map(view_fault).collect()
}

fn view_fault(KeyFault { entry, kid, fault }: &KeyFault) -> FaultView<'_> {
    FaultView {
        entry: *entry,
        kid: kid.as_deref(),
        message: &fault.message,
        action: &fault.action,
        exposes_secret: fault.exposes_secret,
    }
}

fn last_error<'a>(status: &Status, (at, error): &'a (UnixTime, FetchError)) -> ErrorView<'a> {
    ErrorView {
        at: Rfc3339(*at),
        code: error.kind.label(),
        lies_with: error.kind.lies_with(),
        message: &error.message,
        action: &error.remedy,
        faults: view_faults(&error.entries),
        next_try_at: status.next_try_at.map(Rfc3339),
    }
}

/// Whole seconds, so that whoever waits for them is not too early.
pub(super) fn whole_seconds(wait: Duration) -> HeaderValue {
    HeaderValue::from(wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX))
}

impl Problem {
    /// The same, worth trying again after this long.
    fn after(self, wait: Duration) -> Self {
        self.with_header(header::RETRY_AFTER, whole_seconds(wait))
    }
}
