//! The widgets' side: one connection's story from the socket to the close frame.

mod addresses;
mod authenticate;
mod connection;
#[cfg(debug_assertions)]
pub mod echo;
mod entrance;
mod first_frame;
mod framing;
mod handshake;
mod member;
mod metered;
mod rates;
mod refused;
mod replay;
mod resume;
mod serve;
mod session;
mod start;
mod upgrade;
mod websocket;
mod widget_files;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use ipnet::IpNet;
use tokio::net::TcpListener;

use crate::clock::Clock;
use crate::config::{Limits, Tenant};
use crate::conversations::Conversations;
use crate::domain::id::TenantId;
use crate::journal::Journal;
use crate::journal::projection::Projection;
use crate::key_source::KeySource;
use crate::lifecycle::Lifecycle;
use crate::listener::{self, Gate, HalfOpen};
use crate::metrics::Metrics;

pub use addresses::Addresses;
pub use rates::ConversationRates;
pub use widget_files::WidgetFile;

/// What every session needs, shared by all.
#[derive(Debug)]
pub struct Gateway {
    /// Whose websites they are.
    pub tenants: BTreeMap<TenantId, Arc<Tenant>>,
    /// The limits of the configuration.
    pub limits: Limits,
    /// How long the past of an expired token still opens an anonymous conversation.
    pub resume_expired_for: Duration,
    /// The tenants' keys.
    pub keys: KeySource,
    /// The conversations.
    pub conversations: Conversations,
    /// The journal, for replays.
    pub journal: Journal,
    /// The projection, for the newest conversation of a customer.
    pub projection: Projection,
    /// The time.
    pub clock: Clock,
    /// The series.
    pub metrics: Arc<Metrics>,
    /// The drain and the stop.
    pub lifecycle: Lifecycle,
    /// The addresses that connect, for the limits per address.
    pub addresses: Addresses,
    /// The rates of each conversation.
    pub conversation_rates: ConversationRates,
    /// Proxies that are believed as to whose connection it is.
    pub trusted_proxies: Vec<IpNet>,
    /// Upgraded connections, for `limits.connections`.
    pub connected: AtomicU32,
}

/// Serves the widgets until the process stops. While it drains, new upgrades are answered 503.
pub async fn serve(gateway: Arc<Gateway>, listener: TcpListener) {
    let lifecycle = gateway.lifecycle.clone();
    let answer = |peer| {
        let gateway = gateway.clone();
        move |request| upgrade::answer(&gateway, request, peer)
    };
    // No address has more that aren't upgraded yet than it may have connections.
    let half_open = HalfOpen::new(gateway.limits.connections_per_address, gateway.trusted_proxies.clone());
    let gate = Gate { half_open, metrics: gateway.metrics.clone() };
    listener::serve_strangers(listener, lifecycle, gate, answer).await;
}

/// The longest frame of a widget for a tenant, in bytes: room for the largest token and the fields beside it.
fn frame_bytes(tenant: &Tenant) -> usize {
    /// What a frame may hold besides a token.
    const BESIDE_TOKEN: usize = 32_768;
    /// The least that every widget may send.
    const LEAST: usize = 98_304;
    LEAST.max(tenant.policy.max_token_bytes + BESIDE_TOKEN)
}
