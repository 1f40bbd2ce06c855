//! `usher.toml` as it is written. These types are the schema too: what a doc comment says here, an editor shows.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::secret::Secret;

/// The gateway's settings. Relative paths are taken from this file's folder.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawUsher {
    /// The folder with one `ID.toml` a tenant.
    pub(super) tenants: String,
    pub(super) listen: RawListen,
    pub(super) journal: RawJournal,
    pub(super) keys: RawKeys,
    pub(super) limits: RawLimits,
    pub(super) conversations: RawConversations,
    /// The programs that may call the consumer API.
    pub(super) client: Vec<RawClient>,
    /// Endpoints to which events are posted.
    pub(super) webhook: Vec<RawWebhook>,
}

impl Default for RawUsher {
    fn default() -> Self {
        Self {
            tenants: "tenants/".into(),
            listen: RawListen::default(),
            journal: RawJournal::default(),
            keys: RawKeys::default(),
            limits: RawLimits::default(),
            conversations: RawConversations::default(),
            client: Vec::new(),
            webhook: Vec::new(),
        }
    }
}

/// A span of time, such as `"30s"`, `"10m"`, `"24h"` or `"30d"`.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(super) struct Span(pub(super) String);

impl From<&str> for Span {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl JsonSchema for Span {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^ *[0-9].*[a-z] *$", "examples": ["30s", "10m", "24h", "30d"] })
    }
}

/// Where usher listens.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawListen {
    /// For widgets.
    pub(super) public: String,
    /// For routing engines and other programs.
    pub(super) consumer: String,
    /// For health checks and metrics.
    pub(super) ops: String,
    /// Networks whose `X-Forwarded-For` is believed.
    pub(super) trusted_proxies: Vec<String>,
    /// Certificates. Not available in this version.
    pub(super) tls: RawTls,
}

impl Default for RawListen {
    fn default() -> Self {
        Self {
            public: "0.0.0.0:8080".into(),
            consumer: "127.0.0.1:8081".into(),
            ops: "127.0.0.1:8082".into(),
            trusted_proxies: Vec::new(),
            tls: RawTls::default(),
        }
    }
}

/// A certificate for each listener that speaks TLS.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawTls {
    pub(super) public: Option<RawCertificate>,
    pub(super) consumer: Option<RawCertificate>,
    pub(super) ops: Option<RawCertificate>,
}

/// A listener's certificate; reloaded when the files change.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawCertificate {
    /// The file with the certificate and its chain, PEM.
    pub(super) certificate: Option<String>,
    /// The file with the private key, PEM.
    pub(super) key: Option<String>,
}

/// Where conversations are kept.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawJournal {
    pub(super) engine: RawEngine,
    /// The database's file.
    pub(super) path: String,
    /// How long ended conversations are kept.
    pub(super) keep: Span,
}

impl Default for RawJournal {
    fn default() -> Self {
        Self { engine: RawEngine::Embedded, path: "data/usher.db".into(), keep: "30d".into() }
    }
}

/// Which journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RawEngine {
    Embedded,
    Nats,
}

/// How tenants' public keys are fetched and kept.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawKeys {
    /// How long fetched keys serve before they are fetched again.
    pub(super) fresh_for: Span,
    /// How much longer they serve while the endpoint is down.
    pub(super) stale_for: Span,
    /// Hosts that may be asked by plain `http`.
    pub(super) allow_http_hosts: Vec<String>,
    /// Networks that may be reached though their addresses are not global.
    pub(super) allow_networks: Vec<String>,
    /// How many redirects are followed.
    #[schemars(range(min = 0, max = 3))]
    pub(super) redirects: u8,
}

impl Default for RawKeys {
    fn default() -> Self {
        Self {
            fresh_for: "10m".into(),
            stale_for: "24h".into(),
            allow_http_hosts: Vec::new(),
            allow_networks: Vec::new(),
            redirects: 0,
        }
    }
}

/// What one gateway takes. 0: no limit.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawLimits {
    /// Connections of widgets at one time.
    #[schemars(range(min = 0, max = 10_000_000))]
    pub(super) connections: u32,
    /// Connections of one address at one time; IPv6 by /64.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub(super) connections_per_address: u32,
    #[schemars(range(min = 0, max = 1_000_000))]
    pub(super) connects_per_address_per_second: u32,
    #[schemars(range(min = 0, max = 1_000_000))]
    pub(super) starts_per_address_per_minute: u32,
    /// Tokens presented in one conversation.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub(super) authentications_per_minute: u32,
    /// Messages in one conversation.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub(super) messages_per_minute: u32,
    /// Frames of any kind in one conversation.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub(super) frames_per_minute: u32,
    /// Requests of one client of the consumer API.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub(super) consumer_requests_per_minute: u32,
    /// Wrong keys, secrets and access tokens from one address, at the consumer listener.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub(super) wrong_keys_per_address_per_minute: u32,
    /// Characters of one message; 0 is the protocol's own bound, 6000.
    #[schemars(range(min = 0, max = 6000))]
    pub(super) message_characters: u32,
    /// How long a new connection may take to say its first frame.
    pub(super) first_frame: Span,
    /// How often a quiet connection is pinged.
    pub(super) ping: Span,
    /// Over how long connections are sent away when usher stops.
    pub(super) drain_for: Span,
    /// Frames that wait for one connection before it is closed as too slow.
    #[schemars(range(min = 16, max = 65_536))]
    pub(super) outgoing_queue: u32,
}

impl Default for RawLimits {
    fn default() -> Self {
        Self {
            connections: 100_000,
            connections_per_address: 50,
            connects_per_address_per_second: 20,
            starts_per_address_per_minute: 30,
            authentications_per_minute: 10,
            messages_per_minute: 60,
            frames_per_minute: 240,
            consumer_requests_per_minute: 60_000,
            wrong_keys_per_address_per_minute: 600,
            message_characters: 6000,
            first_frame: "10s".into(),
            ping: "25s".into(),
            drain_for: "30s".into(),
            outgoing_queue: 256,
        }
    }
}

/// When conversations end and authentications lapse.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawConversations {
    /// Without a message or a connection for this long, a conversation is ended.
    pub(super) end_after: Span,
    /// Without a customer's frame for this long, a conversation is downgraded; `0s` is off.
    pub(super) downgrade_idle_after: Span,
    /// How long after its expiry a token still opens the history of a conversation, as anonymous.
    pub(super) resume_expired_for: Span,
}

impl Default for RawConversations {
    fn default() -> Self {
        Self { end_after: "24h".into(), downgrade_idle_after: "0s".into(), resume_expired_for: "24h".into() }
    }
}

/// A program that may call the consumer API.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawClient {
    /// Its name, the first part of its API key.
    #[schemars(required)]
    pub(super) id: Option<String>,
    /// SHA-256 of its secret in hexadecimal; two while a secret is replaced.
    #[schemars(required)]
    pub(super) secret_sha256: Option<Vec<Secret>>,
    /// What it may do; `*` is everything.
    #[schemars(required)]
    pub(super) scopes: Option<Vec<String>>,
    /// Whose conversations it may see; `*` is every tenant.
    #[schemars(required)]
    pub(super) tenants: Option<Vec<String>>,
    /// How long an access token lives, 5m to 48h.
    #[serde(default = "one_hour")]
    pub(super) token_lifetime: Span,
    /// After how long an unused access token stops working; left out: never before its end.
    pub(super) idle_timeout: Option<Span>,
}

fn one_hour() -> Span {
    "1h".into()
}

/// An endpoint to which events are posted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWebhook {
    /// Its name, under which its place is kept; left out: one made from the URL.
    pub(super) id: Option<String>,
    /// Where events are posted.
    #[schemars(required)]
    pub(super) url: Option<String>,
    /// Full names of types of events; left out: all that are stored.
    pub(super) types: Option<Vec<String>>,
    /// Whose events; `*`, or left out: every tenant's.
    pub(super) tenants: Option<Vec<String>>,
    /// What deliveries are signed with: `whsec_` and base64; two while it is replaced.
    #[schemars(required)]
    pub(super) secret: Option<RawSecrets>,
    /// How long a delivery is tried again, 1s to 7d.
    #[serde(default = "one_day")]
    pub(super) retry_for: Span,
    /// How long the endpoint may take to answer, 100ms to 60s.
    #[serde(default = "ten_seconds")]
    pub(super) timeout: Span,
    /// Hosts that may be posted to by plain `http`.
    #[serde(default)]
    pub(super) allow_http_hosts: Vec<String>,
    /// Networks that may be reached though their addresses are not global.
    #[serde(default)]
    pub(super) allow_networks: Vec<String>,
}

fn one_day() -> Span {
    "24h".into()
}

fn ten_seconds() -> Span {
    "10s".into()
}

/// One secret, or a list of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum RawSecrets {
    Several(Vec<Secret>),
    One(Secret),
}

impl JsonSchema for RawSecrets {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secrets".into()
    }

    /// The forms of one secret, and a list of them, side by side: whoever follows a schema looks one step deep.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = Secret::json_schema(generator).to_value();
        let mut forms = one["anyOf"].as_array().cloned().unwrap_or_default();
        forms.push(serde_json::json!({ "type": "array", "items": one }));
        json_schema!({ "anyOf": forms })
    }
}
