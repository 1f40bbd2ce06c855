//! One POST of one event: bounded in time, to checked addresses only, believing nothing of the answer but its status.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Response};

use crate::clock::Clock;
use crate::config::Webhook;
use crate::key_source::failure::{FailureKind, FetchError};
use crate::key_source::fetch::{FetchSettings, FetcherError, client};
use crate::key_source::guard::{Guard, GuardSettings, PlainHttp, SettingNames};
use crate::key_source::resolve::{GuardedResolver, SystemLookup};
use crate::key_source::transport::explain;

use super::schedule::{Answered, answered, retry_after};
use super::signature::sign;

/// The media type of one event (CloudEvents 1.0, HTTP binding §3.2, structured mode).
const EVENT_MEDIA_TYPE: &str = "application/cloudevents+json";
/// From the look-up of the name to the end of the TLS handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Of the body of an answer, no more bytes than these are waited for: the status has said everything.
const BODY_BYTES_MAX: usize = 16 * 1024;
/// Nor for longer.
const BODY_WITHIN: Duration = Duration::from_secs(1);

/// The label `result` of an event that was delivered.
pub(super) const DELIVERED: &str = "delivered";
/// The values of the label `result` that are there from the start.
pub(super) const RESULTS: [&str; 9] = [
    DELIVERED,
    FailureKind::HttpStatus.label(),
    FailureKind::Redirect.label(),
    FailureKind::Timeout.label(),
    FailureKind::Connect.label(),
    FailureKind::Dns.label(),
    FailureKind::Tls.label(),
    FailureKind::BlockedAddress.label(),
    FailureKind::Http.label(),
];

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    /// The value of the label `result`.
    pub(super) result: &'static str,
    /// A sentence for the log, without path or query of the URL.
    pub(super) message: String,
    /// How long the endpoint asks to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl From<FetchError> for Failed {
    fn from(error: FetchError) -> Self {
        // The other remedies speak of keys.
        let message = match error.kind {
            FailureKind::BlockedAddress | FailureKind::Url => error.to_string(),
            _ => error.message,
        };
        Self { result: error.kind.label(), message, retry_after: None }
    }
}

/// Whatever can post: the real one is [`HttpPost`].
pub(super) trait Post: Send + Sync {
    /// Posts one event.
    fn post<'a>(&'a self, id: &'a str, body: String) -> BoxFuture<'a, Result<(), Failed>>;
}

/// Posts to one endpoint.
pub(super) struct HttpPost {
    webhook: Arc<Webhook>,
    client: Client,
    guard: Arc<Guard>,
    clock: Clock,
}

impl HttpPost {
    pub(super) fn new(webhook: Arc<Webhook>, clock: Clock) -> Result<Self, FetcherError> {
        let guard = GuardSettings {
            allow_networks: webhook.allow_networks.clone(),
            plain_http: PlainHttp::Hosts(webhook.allow_http_hosts.clone()),
            names: SettingNames::WEBHOOK,
        };
        let guarded = Arc::new(Guard::new(&guard));
        let resolver = GuardedResolver::new(guarded.clone(), Arc::new(SystemLookup::default()));
        let settings = FetchSettings {
            guard,
            connect_timeout: CONNECT_TIMEOUT.min(webhook.timeout),
            ..FetchSettings::default()
        };
        let client = client(&settings, &Arc::new(resolver))?;
        Ok(Self { webhook, client, guard: guarded, clock })
    }

    async fn send(&self, id: &str, body: String) -> Result<Response, Failed> {
        let Webhook { url, secrets, .. } = &*self.webhook;
        self.guard.check_url(url)?;
        let host = url.host_str().unwrap_or("the endpoint");
        let timestamp = self.clock.now().seconds();
        let request = self
            .client
            .post(url.clone())
            .header(CONTENT_TYPE, EVENT_MEDIA_TYPE)
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", sign(secrets, id, timestamp, body.as_bytes()))
            .body(body);
        let response = request.send().await.map_err(|error| explain(host, &error))?;
        let status = response.status().as_u16();
        let failed = |kind: FailureKind, message| Failed {
            result: kind.label(),
            message,
            retry_after: self.retry_after(response.headers()),
        };
        match answered(status) {
            Answered::Delivered => Ok(response),
            Answered::Redirected => {
                let message = format!("{host} answered with status {status}; no redirect is followed.");
                Err(failed(FailureKind::Redirect, message))
            }
            Answered::Refused => {
                let message = format!("{host} answered with status {status}.");
                Err(failed(FailureKind::HttpStatus, message))
            }
        }
    }

    fn retry_after(&self, headers: &HeaderMap) -> Option<Duration> {
        retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?, self.clock.now())
    }
}

impl Post for HttpPost {
    fn post<'a>(&'a self, id: &'a str, body: String) -> BoxFuture<'a, Result<(), Failed>> {
        Box::pin(async move {
            let sent = tokio::time::timeout(self.webhook.timeout, self.send(id, body)).await;
            let answer = sent.unwrap_or_else(|_elapsed| {
                let host = self.webhook.url.host_str().unwrap_or("the endpoint");
                let message = format!("{host} did not answer within {:?}.", self.webhook.timeout);
                Err(Failed { result: FailureKind::Timeout.label(), message, retry_after: None })
            });
            // Whatever the body does, the status has said that the event is taken.
            drain(answer?).await;
            Ok(())
        })
    }
}

/// Takes a short body off the wire, so that an endpoint that writes one is not cut off in the middle of it.
async fn drain(mut response: Response) {
    let read = async {
        let mut bytes = 0;
        while let Ok(Some(chunk)) = response.chunk().await {
            bytes += chunk.len();
            if bytes > BODY_BYTES_MAX {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(BODY_WITHIN, read).await;
}
