//! Webhooks: events are posted to endpoints, at least once, in order within a conversation.
//!
//! An endpoint follows the journal from a place that is kept in it. [`schedule`] says when a failed delivery is tried
//! again and when its conversation is parked, `lane` how far one conversation is, `endpoint` moves the lanes, and
//! `checkpoint` makes durable what a restart has to know.
//!
//! One node posts for an endpoint, for as long as it renews a lease beside the place; whose lease is over is judged by
//! whoever wants it. Where a node's clock is wrong, or it stood still and goes on, two may post for a moment: what a
//! receiver gets twice bears the same `webhook-id`.

mod checkpoint;
mod endpoint;
mod kept;
mod lane;
mod operate;
mod pass;
mod post;
mod run;
mod schedule;
mod signature;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Webhook;
use crate::domain::digest;
use crate::domain::id::WebhookId;
use crate::journal::{Journal, JournalError, Position, Revision, Written};
use crate::key_source::fetch::FetcherError;
use crate::key_source::jitter::Jitter;
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;

use self::checkpoint::LEASE;
use self::endpoint::{Bounds, Endpoint, Left};
use self::kept::{Place, decode, encode, place_key};
use self::post::{HttpPost, Post, RESULTS};
use self::run::Runner;

pub use self::operate::routes;

/// How often a node looks whether an endpoint is free.
const LOOKS_EVERY: Duration = Duration::from_secs(5);
/// How long a journal that can't be read or written is left alone.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What the deliveries need.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The endpoints.
    pub webhooks: Vec<Arc<Webhook>>,
    /// Where events and places lie.
    pub journal: Journal,
    /// Whether no other node can use this journal while this one does.
    pub alone: bool,
    /// What time it is.
    pub clock: Clock,
    /// What spreads the retries.
    pub jitter: Jitter,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// When it ends.
    pub lifecycle: Lifecycle,
}

/// The endpoints of this node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Webhooks(Arc<BTreeMap<WebhookId, Shared>>);

/// What the parts of one endpoint share.
#[derive(Clone)]
struct Shared {
    webhook: Arc<Webhook>,
    post: Arc<dyn Post>,
    journal: Journal,
    alone: bool,
    /// This process's name in leases.
    node: String,
    clock: Clock,
    jitter: Jitter,
    metrics: Arc<Metrics>,
    lifecycle: Lifecycle,
    /// Told when something was released.
    wake: Arc<Notify>,
    standing: watch::Sender<Standing>,
    bounds: Bounds,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("webhook", &self.webhook.id).finish_non_exhaustive()
    }
}

/// How an endpoint stands, as far as this node knows.
#[derive(Debug, Clone, Default)]
struct Standing {
    /// The place as it is kept; empty where another node posts.
    position: String,
    /// The age of the oldest event that is neither delivered nor parked.
    lag: Duration,
    /// Conversations that are parked.
    parked: u64,
    /// Conversations whose next event has failed.
    retrying: usize,
}

impl Webhooks {
    /// The endpoints of the configuration.
    ///
    /// # Errors
    /// The client for an endpoint can't be made.
    pub fn new(setup: Setup) -> Result<Self, FetcherError> {
        let mut random = [0; 16];
        // Without randomness two nodes might share a name; that no lease is told apart then is the lesser evil.
        let _ = aws_lc_rs::rand::fill(&mut random);
        let node = digest::hex(&random);
        let mut endpoints = BTreeMap::new();
        for webhook in setup.webhooks {
            setup.metrics.webhooks.announce(&webhook.id, &RESULTS);
            let shared = Shared {
                post: Arc::new(HttpPost::new(webhook.clone(), setup.clock)?),
                webhook: webhook.clone(),
                journal: setup.journal.clone(),
                alone: setup.alone,
                node: node.clone(),
                clock: setup.clock,
                jitter: setup.jitter.clone(),
                metrics: setup.metrics.clone(),
                lifecycle: setup.lifecycle.clone(),
                wake: Arc::default(),
                standing: watch::Sender::default(),
                bounds: Bounds::default(),
            };
            endpoints.insert(webhook.id.clone(), shared);
        }
        Ok(Self(Arc::new(endpoints)))
    }

    /// Gives each new endpoint its place: the present. Called before anybody is let in, so that it misses nothing.
    pub async fn begin(&self) {
        for shared in self.0.values() {
            if let Err(error) = shared.kept_place().await {
                // It is tried again before the first delivery.
                tracing::warn!(endpoint = %shared.webhook.id, %error, "the endpoint's place can't be read");
            }
        }
    }

    /// Delivers until the node stops.
    pub fn start(&self) {
        for shared in self.0.values() {
            shared.lifecycle.spawn(shared.clone().run());
        }
    }
}

impl Shared {
    /// Posts for the endpoint whenever it is this node's.
    async fn run(self) {
        loop {
            let served = tokio::select! {
                () = self.lifecycle.stopped() => return,
                taken = self.take_over() => taken,
            };
            let Some((place, revision, position)) = served else { return };
            tracing::info!(endpoint = %self.webhook.id, "posting for an endpoint");
            let runner = Runner {
                webhook: self.webhook.clone(),
                post: self.post.clone(),
                journal: self.journal.clone(),
                clock: self.clock,
                metrics: self.metrics.clone(),
                cut: CancellationToken::new(),
            };
            let follow = self.journal.follow(position);
            let endpoint = Endpoint::new(self.clone(), runner, follow, place, revision);
            match endpoint.serve().await {
                Left::Stopping => return,
                Left::Lost => tracing::warn!(endpoint = %self.webhook.id, "another node posts now"),
            }
        }
    }

    /// Waits until the endpoint is this node's; none where the journal is closed.
    async fn take_over(&self) -> Option<(Place, Revision, Position)> {
        loop {
            match self.try_take_over().await {
                Ok(Some(taken)) => return Some(taken),
                Ok(None) => sleep(LOOKS_EVERY).await,
                Err(JournalError::Closed) => return None,
                Err(_) => sleep(AGAIN_AFTER).await,
            }
        }
    }

    async fn try_take_over(&self) -> Result<Option<(Place, Revision, Position)>, JournalError> {
        let Some((place, revision)) = self.kept_place().await? else { return Ok(None) };
        let now = self.clock.now();
        if !place.is_free(&self.node, self.alone, now) {
            return Ok(None);
        }
        let position = match self.journal.locate(&place.position).await? {
            Ok(position) => position,
            Err(refused) => {
                let endpoint = &self.webhook.id;
                tracing::error!(%endpoint, "the endpoint's place is gone; it goes on at the oldest event: {refused}");
                self.journal.oldest().await?
            }
        };
        let taken = Place {
            holder: self.node.clone(),
            until: now.plus(LEASE).millis(),
            position: position.to_string(),
        };
        let written = self.journal.put(&place_key(&self.webhook.id), encode(&taken), revision).await;
        Ok(match written {
            Written::Stored(revision) => Some((taken, revision, position)),
            Written::Conflict | Written::Unknown => None,
        })
    }

    /// The endpoint's place; a new one is the journal's end. None where nobody can tell, or it isn't understood.
    async fn kept_place(&self) -> Result<Option<(Place, Revision)>, JournalError> {
        let key = place_key(&self.webhook.id);
        if let Some(item) = self.journal.get(&key).await? {
            let place = decode(&item.value).map(|place| (place, item.revision));
            if place.is_none() {
                tracing::error!(
                    key,
                    "the endpoint's place is not understood: run the same version on every node"
                );
            }
            return Ok(place);
        }
        let place = Place { position: self.journal.latest().to_string(), holder: String::new(), until: 0 };
        Ok(match self.journal.create(&key, encode(&place)).await {
            Written::Stored(revision) => Some((place, revision)),
            Written::Conflict | Written::Unknown => None,
        })
    }
}
