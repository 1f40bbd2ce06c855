//! The composition root: the only place that names the concrete parts together.

mod documents;
mod parts;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::{Config, Limits};
use crate::consumer;
use crate::gateway::{self, Gateway};
use crate::journal::OpenError;
use crate::journal::projection::Projection;
use crate::key_source::fetch::FetcherError;
use crate::lifecycle::Lifecycle;
use crate::listener;
use crate::metrics::Metrics;
use crate::ops;
use crate::revocations::LoadError;
use crate::webhooks;

use parts::Parts;
pub use parts::fetch_settings;

/// How often the gauges that are counted, not stepped, are read anew.
const GAUGES_EVERY: Duration = Duration::from_secs(5);
/// Beyond the drain itself: the widgets' answers to the close, and requests in flight.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// What keeps a gateway from starting.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener's address can't be had.
    #[error("[listen] {listener} = \"{address}\" can't be listened on: {source}")]
    Listen {
        /// Which listener.
        listener: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The journal can't be opened.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// The client for endpoints can't be made.
    #[error(transparent)]
    Fetcher(#[from] FetcherError),
    /// Not all that was revoked is known.
    #[error(transparent)]
    Revocations(#[from] LoadError),
}

/// Where a running gateway listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// Widgets.
    pub public: SocketAddr,
    /// Consumers.
    pub consumer: SocketAddr,
    /// Operators.
    pub ops: SocketAddr,
}

/// A running gateway.
#[derive(Debug)]
pub struct App {
    addresses: Addresses,
    gateway: Arc<Gateway>,
    projection: Projection,
}

/// How a gateway ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// As asked.
    Drained,
    /// Because nothing could be stored or told any more.
    Failed,
}

struct Listeners {
    public: TcpListener,
    consumer: TcpListener,
    ops: TcpListener,
}

impl App {
    /// Binds the listeners, opens the journal and starts everything. It is ready once the projection has caught up.
    ///
    /// # Errors
    /// What keeps it from starting.
    pub async fn start(config: Config, lifecycle: Lifecycle) -> Result<Self, StartError> {
        let (listeners, addresses) = bind(&config)?;
        let parts = Parts::open(&config, lifecycle)?;
        let (expiry, idle, absence) = (parts.expiry(), parts.idle(), parts.absence());
        let revocations = parts.revocations(&config);
        revocations.load().await?;
        let keys = parts.key_source(&config)?;
        let gateway = parts.gateway(&config, keys.clone());
        let webhooks = parts.webhooks(&config)?;
        webhooks.begin().await;
        let access_tokens = parts.access_tokens();
        let consumer = consumer::router(parts.consumers(config, &revocations, &access_tokens, keys));
        let consumer = move |peer| TowerToHyperService::new(consumer::called_from(consumer.clone(), peer));
        let (started, started_seen) = watch::channel(false);
        let ops = ops::router(parts.operations(started_seen)).merge(webhooks::routes(webhooks.clone()));
        let ops = TowerToHyperService::new(ops);
        let Parts { journal, projection, conversations, metrics, lifecycle, .. } = parts;
        lifecycle.spawn(listener::serve(listeners.ops, lifecycle.clone(), move |_| ops.clone()));
        // What ran out while no process was up, or was revoked and not seen to, ends before anybody is let in.
        if projection.caught_up(journal.latest()).await.is_ok() {
            expiry.downgrade_due().await;
            revocations.sweep_all().await;
            started.send_replace(true);
        }
        lifecycle.spawn(expiry.run());
        lifecycle.spawn(idle.run());
        lifecycle.spawn(absence.run());
        lifecycle.spawn(revocations.run());
        webhooks.start();
        lifecycle.spawn(conversations.reap_idempotency_keys());
        lifecycle.spawn(access_tokens.run());
        lifecycle.spawn(listener::serve(listeners.consumer, lifecycle.clone(), consumer));
        lifecycle.spawn(gateway::serve(gateway.clone(), listeners.public));
        lifecycle.spawn(count_conversations(projection.clone(), metrics, lifecycle.clone(), started));
        Ok(Self { addresses, gateway, projection })
    }

    /// Where it listens.
    #[must_use]
    pub const fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Serves until the drain is asked for and done, or until nothing can be stored any more.
    pub async fn finish(self) -> Ended {
        let Self { gateway, projection, .. } = self;
        let lifecycle = &gateway.lifecycle;
        let ended = tokio::select! {
            () = lifecycle.drained() => Ended::Drained,
            () = gateway.journal.failed() => Ended::Failed,
            () = projection.failed() => Ended::Failed,
        };
        if ended == Ended::Failed {
            tracing::error!("the journal can't go on, and usher doesn't go on without one");
        } else {
            gateway.metrics.draining.set(1);
            tokio::select! {
                () = drained(&gateway) => {}
                () = gateway.journal.failed() => {}
                () = lifecycle.stopped() => {}
            }
        }
        lifecycle.stop();
        if tokio::time::timeout(STOP_GRACE, lifecycle.finished()).await.is_err() {
            tracing::warn!("some connections did not end in time, and are dropped");
        }
        gateway.journal.close().await;
        ended
    }
}

/// Completes when the last widget has left, or the drain's time is up.
async fn drained(gateway: &Gateway) {
    const LOOK_EVERY: Duration = Duration::from_millis(20);
    let Limits { drain_for, .. } = gateway.limits;
    let all_gone = async {
        while gateway.connected.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    // At the end of that time the last widgets are just being closed: the stop waits for them.
    let _ = tokio::time::timeout(drain_for, all_gone).await;
}

fn bind(config: &Config) -> Result<(Listeners, Addresses), StartError> {
    let listen = &config.listen;
    let (public, public_at) = bind_one("public", listen.public)?;
    let (consumer, consumer_at) = bind_one("consumer", listen.consumer)?;
    let (ops, ops_at) = bind_one("ops", listen.ops)?;
    let addresses = Addresses { public: public_at, consumer: consumer_at, ops: ops_at };
    Ok((Listeners { public, consumer, ops }, addresses))
}

fn bind_one(listener: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { listener, address, source };
    let bound = listener::listen(address).map_err(failed)?;
    let address = bound.local_addr().map_err(failed)?;
    Ok((bound, address))
}

/// `started` is kept here: a node whose start was cut short stays unready.
async fn count_conversations(
    projection: Projection,
    metrics: Arc<Metrics>,
    lifecycle: Lifecycle,
    started: watch::Sender<bool>,
) {
    while !lifecycle.is_stopping() {
        if let Ok(counts) = projection.open_counts().await {
            for (authenticated, count) in [(true, counts.authenticated), (false, counts.anonymous)] {
                metrics.conversations_open(authenticated).set(i64::try_from(count).unwrap_or(i64::MAX));
            }
        }
        tokio::select! {
            () = lifecycle.stopped() => break,
            () = tokio::time::sleep(GAUGES_EVERY) => {}
        }
    }
    drop(started);
}
