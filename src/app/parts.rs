//! What everything stands on, and what is made of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::config::{Config, ConversationsConfig, KeysConfig, Tenant};
use crate::consumer::{AccessTokens, ConsumerLimits, ConsumerState};
use crate::conversations::{Conversations, Expiry, Idle};
use crate::domain::conversation::IdleAfter;
use crate::domain::id::TenantId;
use crate::domain::token;
use crate::gateway::{Addresses, ConversationRates, Gateway};
use crate::journal::Journal;
use crate::journal::projection::Projection;
use crate::key_source::cache::Freshness;
use crate::key_source::fetch::{FetchSettings, HttpFetcher};
use crate::key_source::guard::{GuardSettings, PlainHttp, SettingNames};
use crate::key_source::jitter::Jitter;
use crate::key_source::{KeySource, Setup, TenantKeys};
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;
use crate::ops::{OpsState, Readiness};
use crate::revocations::{self, Revocations};
use crate::webhooks::{self, Webhooks};

use super::StartError;
use super::documents::JournalDocuments;

/// The parts that all others share.
pub(super) struct Parts {
    pub(super) journal: Journal,
    pub(super) projection: Projection,
    pub(super) conversations: Conversations,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
    pub(super) lifecycle: Lifecycle,
}

impl Parts {
    /// Opens the journal, and what follows it.
    pub(super) fn open(config: &Config, lifecycle: Lifecycle) -> Result<Self, StartError> {
        let (metrics, clock) = (Arc::new(Metrics::new()), Clock::system());
        let journal = Journal::open(&config.journal.path, metrics.clone())?;
        let projection = Projection::start(&journal, &lifecycle)?;
        let idle_after = idle_after(&config.conversations);
        let conversations =
            Conversations::idling(journal.clone(), clock, metrics.clone(), lifecycle.clone(), idle_after);
        for tenant in config.tenants.values() {
            conversations.replace_queues(tenant.id.clone(), tenant.queues.clone());
        }
        Ok(Self { journal, projection, conversations, clock, metrics, lifecycle })
    }

    /// The tenants' keys, fetched as the configuration says.
    pub(super) fn key_source(&self, config: &Config) -> Result<KeySource, StartError> {
        let tenants = config.tenants.values().filter_map(|tenant| {
            let url = tenant.public_key_url.clone()?;
            Some(TenantKeys { tenant: tenant.id.clone(), url, max_key_bits: tenant.policy.max_key_bits })
        });
        Ok(KeySource::start(Setup {
            tenants: tenants.collect(),
            freshness: Freshness { fresh_for: config.keys.fresh_for, stale_for: config.keys.stale_for },
            fetcher: Arc::new(HttpFetcher::new(&fetch_settings(&config.keys))?),
            store: Arc::new(JournalDocuments::new(self.journal.clone())),
            clock: self.clock,
            jitter: Jitter::random(),
            metrics: self.metrics.clone(),
            lifecycle: self.lifecycle.clone(),
        }))
    }

    /// What tenants took back; none is in force before they are loaded.
    pub(super) fn revocations(&self, config: &Config) -> Revocations {
        Revocations::new(revocations::Setup {
            kept_for: kept_for(config),
            conversations: self.conversations.clone(),
            journal: self.journal.clone(),
            projection: self.projection.clone(),
            clock: self.clock,
            metrics: self.metrics.clone(),
            lifecycle: self.lifecycle.clone(),
        })
    }

    /// The wheel of all authentications.
    pub(super) fn expiry(&self) -> Expiry {
        Expiry {
            conversations: self.conversations.clone(),
            projection: self.projection.clone(),
            journal: self.journal.clone(),
            clock: self.clock,
            lifecycle: self.lifecycle.clone(),
        }
    }

    /// The wheel of all silence.
    pub(super) fn idle(&self) -> Idle {
        Idle {
            conversations: self.conversations.clone(),
            projection: self.projection.clone(),
            clock: self.clock,
            lifecycle: self.lifecycle.clone(),
        }
    }

    /// The widgets' side.
    pub(super) fn gateway(&self, config: &Config, keys: KeySource) -> Arc<Gateway> {
        Arc::new(Gateway {
            tenants: config.tenants.clone(),
            limits: config.limits.clone(),
            resume_expired_for: config.conversations.resume_expired_for,
            keys,
            conversations: self.conversations.clone(),
            journal: self.journal.clone(),
            projection: self.projection.clone(),
            clock: self.clock,
            metrics: self.metrics.clone(),
            lifecycle: self.lifecycle.clone(),
            addresses: Addresses::new(&config.limits),
            conversation_rates: ConversationRates::new(&config.limits),
            trusted_proxies: config.listen.trusted_proxies.clone(),
            connected: AtomicU32::new(0),
        })
    }

    /// The routing engines' side.
    pub(super) fn consumers(
        &self,
        config: Config,
        revocations: &Revocations,
        access_tokens: &AccessTokens,
    ) -> ConsumerState {
        let limits = ConsumerLimits {
            requests_per_minute: config.limits.consumer_requests_per_minute,
            wrong_keys_per_address_per_minute: config.limits.wrong_keys_per_address_per_minute,
        };
        ConsumerState {
            limits,
            access_tokens: access_tokens.clone(),
            clients: config.clients,
            tenants: config.tenants,
            message_characters: config.limits.message_characters,
            conversations: self.conversations.clone(),
            journal: self.journal.clone(),
            projection: self.projection.clone(),
            revocations: revocations.clone(),
            clock: self.clock,
            metrics: self.metrics.clone(),
            lifecycle: self.lifecycle.clone(),
        }
    }

    /// What consumers may call with beside their keys.
    pub(super) fn access_tokens(&self) -> AccessTokens {
        let (journal, lifecycle) = (self.journal.clone(), self.lifecycle.clone());
        AccessTokens::new(journal, self.clock, self.metrics.clone(), lifecycle)
    }

    /// The endpoints to which events are posted.
    pub(super) fn webhooks(&self, config: &Config) -> Result<Webhooks, StartError> {
        Ok(Webhooks::new(webhooks::Setup {
            webhooks: config.webhooks.clone(),
            journal: self.journal.clone(),
            alone: self.journal.is_exclusive(),
            clock: self.clock,
            jitter: Jitter::random(),
            metrics: self.metrics.clone(),
            lifecycle: self.lifecycle.clone(),
        })?)
    }

    /// The operators' side; `started` turns true when everybody may come.
    pub(super) fn operations(&self, started: watch::Receiver<bool>) -> OpsState {
        let journal = self.journal.writable_changes();
        let projection = self.projection.writable_changes();
        let readiness = Readiness::new(self.lifecycle.clone(), started, journal, projection);
        OpsState { readiness, metrics: self.metrics.clone() }
    }
}

fn idle_after(config: &ConversationsConfig) -> IdleAfter {
    let ConversationsConfig { end_after, downgrade_idle_after, .. } = *config;
    let downgrade = (!downgrade_idle_after.is_zero()).then_some(downgrade_idle_after);
    IdleAfter { end: Some(end_after), downgrade }
}

/// How long what was revoked of each tenant's tokens has to be known.
fn kept_for(config: &Config) -> HashMap<TenantId, Duration> {
    let resume_expired_for = config.conversations.resume_expired_for;
    let of = |tenant: &Tenant| (tenant.id.clone(), token::kept_for(&tenant.policy, resume_expired_for));
    config.tenants.values().map(|tenant| of(tenant)).collect()
}

/// The settings of the key fetch, from the configuration's `[keys]`.
#[must_use]
pub fn fetch_settings(keys: &KeysConfig) -> FetchSettings {
    FetchSettings {
        guard: GuardSettings {
            allow_networks: keys.allow_networks.clone(),
            plain_http: PlainHttp::Hosts(keys.allow_http_hosts.clone()),
            names: SettingNames::KEYS,
        },
        redirects: keys.redirects,
        ..FetchSettings::default()
    }
}
