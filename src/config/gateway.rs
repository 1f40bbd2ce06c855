//! `usher.toml`, typed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use url::Host;

use super::client::{self, Client};
use super::fault::{At, Place, shown};
use super::raw::{RawConversations, RawEngine, RawJournal, RawKeys, RawLimits, RawListen, RawUsher, Span};
use super::reader::Reader;
use super::vars::Vars;
use super::webhook::{self, Webhook};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// The protocol's bound on a message, in characters.
const PROTOCOL_MESSAGE_CHARACTERS: u32 = 6000;

/// What stands in `usher.toml` besides the tenants' folder.
#[derive(Debug)]
pub(super) struct Gateway {
    pub(super) tenants: PathBuf,
    pub(super) listen: Listen,
    pub(super) journal: JournalConfig,
    pub(super) keys: KeysConfig,
    pub(super) limits: Limits,
    pub(super) conversations: ConversationsConfig,
    pub(super) clients: Vec<Client>,
    /// Where each client's tenants are listed.
    pub(super) client_places: Vec<Place>,
    pub(super) webhooks: Vec<Arc<Webhook>>,
    /// Where each webhook's tenants are listed.
    pub(super) webhook_places: Vec<Place>,
}

/// Where usher listens.
#[derive(Debug, Clone)]
pub struct Listen {
    /// For widgets.
    pub public: SocketAddr,
    /// For routing engines and other programs.
    pub consumer: SocketAddr,
    /// For health checks and metrics.
    pub ops: SocketAddr,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
}

/// Where conversations are kept.
#[derive(Debug, Clone)]
pub struct JournalConfig {
    /// The database's file.
    pub path: PathBuf,
    /// How long ended conversations are kept.
    pub keep: Duration,
}

/// How tenants' public keys are fetched and kept.
#[derive(Debug, Clone)]
pub struct KeysConfig {
    /// How long fetched keys serve before they are fetched again; 1 s to 24 h.
    pub fresh_for: Duration,
    /// How much longer they serve while the endpoint is down; 0 to 30 days.
    pub stale_for: Duration,
    /// Hosts that may be asked by plain `http`, in the form of [`url::Url::host_str`].
    pub allow_http_hosts: Vec<String>,
    /// Networks that may be reached though their addresses are not global.
    pub allow_networks: Vec<IpNet>,
    /// How many redirects are followed, 0 to 3.
    pub redirects: u8,
}

/// What one gateway takes. Of the counts, 0 is no limit.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections of widgets at one time.
    pub connections: u32,
    /// Connections of one address at one time; IPv6 by /64.
    pub connections_per_address: u32,
    /// Connections begun by one address in a second.
    pub connects_per_address_per_second: u32,
    /// Conversations begun by one address in a minute.
    pub starts_per_address_per_minute: u32,
    /// Tokens presented in one conversation in a minute.
    pub authentications_per_minute: u32,
    /// Messages in one conversation in a minute.
    pub messages_per_minute: u32,
    /// Frames of any kind in one conversation in a minute.
    pub frames_per_minute: u32,
    /// Requests of one client of the consumer API in a minute.
    pub consumer_requests_per_minute: u32,
    /// Wrong keys, secrets and access tokens from one address in a minute, at the consumer listener; IPv6 by /64.
    pub wrong_keys_per_address_per_minute: u32,
    /// Characters (Unicode scalar values) of one message, 1 to 6000; never 0.
    pub message_characters: usize,
    /// How long a new connection may take to say its first frame.
    pub first_frame: Duration,
    /// How often a quiet connection is pinged; at least 1 s.
    pub ping: Duration,
    /// Over how long connections are sent away when usher stops.
    pub drain_for: Duration,
    /// Frames that wait for one connection before it is closed as too slow.
    pub outgoing_queue: usize,
}

/// When conversations end and authentications lapse.
#[derive(Debug, Clone)]
pub struct ConversationsConfig {
    /// Without a message or a socket for this long, a conversation is ended.
    pub end_after: Duration,
    /// Without a customer's frame for this long, a conversation is downgraded; zero: never.
    pub downgrade_idle_after: Duration,
    /// How long after its expiry a token still resumes a conversation as anonymous.
    pub resume_expired_for: Duration,
}

/// Types `usher.toml`. Relative paths are taken from `folder`.
pub(super) fn build(raw: RawUsher, folder: &Path, vars: &dyn Vars, reader: &mut Reader<'_, '_>) -> Gateway {
    let webhook_tenants = |index| reader.place(&At::path("webhook").index(index).key("tenants"));
    let webhook_places = (0..raw.webhook.len()).map(webhook_tenants).collect();
    let client_tenants = |index| reader.place(&At::path("client").index(index).key("tenants"));
    let client_places = (0..raw.client.len()).map(client_tenants).collect();
    Gateway {
        client_places,
        webhook_places,
        tenants: folder.join(raw.tenants),
        listen: listen(&raw.listen, reader),
        journal: journal(&raw.journal, folder, reader),
        keys: keys(&raw.keys, reader),
        limits: limits(&raw.limits, reader),
        conversations: conversations(&raw.conversations, reader),
        clients: client::build(raw.client, folder, vars, reader),
        webhooks: webhook::build(raw.webhook, folder, vars, reader),
    }
}

fn listen(raw: &RawListen, reader: &mut Reader<'_, '_>) -> Listen {
    let tls = [("public", &raw.tls.public), ("consumer", &raw.tls.consumer), ("ops", &raw.tls.ops)];
    for (name, _) in tls.iter().filter(|(_, certificate)| certificate.is_some()) {
        reader.fault(
            &At::path("listen.tls").key(name),
            "TLS at usher's own listeners comes with a later version",
            "Remove the table, and let a proxy before usher speak TLS",
        );
    }
    let mut taken: Vec<(&str, SocketAddr)> = Vec::new();
    let mut address = |name: &'static str, text: &str, reader: &mut Reader<'_, '_>| {
        let at = At::path("listen").key(name);
        let address = text.parse().unwrap_or_else(|_| {
            let message = format!("`{}` is no address with a port", shown(text));
            reader.fault(
                &at,
                message,
                "Write an IP address and a port, such as \"127.0.0.1:8080\" or \"[::]:8080\"",
            );
            SocketAddr::from(([127, 0, 0, 1], 0))
        });
        if let Some((other, _)) = taken.iter().find(|(_, other)| *other == address && address.port() != 0) {
            reader.fault(
                &at,
                format!("is the address of listen.{other} too"),
                "Give each listener its own port",
            );
        }
        taken.push((name, address));
        address
    };
    Listen {
        public: address("public", &raw.public, reader),
        consumer: address("consumer", &raw.consumer, reader),
        ops: address("ops", &raw.ops, reader),
        trusted_proxies: reader.networks(&At::path("listen.trusted_proxies"), &raw.trusted_proxies),
    }
}

fn journal(raw: &RawJournal, folder: &Path, reader: &mut Reader<'_, '_>) -> JournalConfig {
    if raw.engine == RawEngine::Nats {
        let message = "this build of usher has no NATS";
        reader.unavailable(
            &At::path("journal.engine"),
            message,
            "Write engine = \"embedded\", or use a build with it",
        );
    }
    let at = At::path("journal.path");
    if raw.path.trim().is_empty() {
        reader.fault(&at, "is empty", "Name the database's file, such as \"data/usher.db\"");
    }
    let keep = reader.span(&At::path("journal.keep"), &raw.keep, Duration::ZERO..=3650 * DAY);
    JournalConfig { path: folder.join(&raw.path), keep }
}

fn keys(raw: &RawKeys, reader: &mut Reader<'_, '_>) -> KeysConfig {
    KeysConfig {
        fresh_for: reader.span(&At::path("keys.fresh_for"), &raw.fresh_for, SECOND..=DAY),
        stale_for: reader.span(&At::path("keys.stale_for"), &raw.stale_for, Duration::ZERO..=30 * DAY),
        allow_http_hosts: reader.each(&At::path("keys.allow_http_hosts"), &raw.allow_http_hosts, http_host),
        allow_networks: reader.networks(&At::path("keys.allow_networks"), &raw.allow_networks),
        redirects: raw.redirects,
    }
}

/// A host as a URL holds it, from its name or address alone.
pub(super) fn http_host(text: &str) -> Result<String, (String, String)> {
    let bare = text.parse().map(Host::<String>::Ipv6).ok();
    bare.or_else(|| Host::parse(text).ok()).map(|host| host.to_string()).ok_or_else(|| {
        let message = format!("`{}` is no host", shown(text));
        (message, "Write a host's name or address alone, without scheme, port or path".to_owned())
    })
}

fn limits(raw: &RawLimits, reader: &mut Reader<'_, '_>) -> Limits {
    let mut span =
        |name: &str, span: &Span, least, most| reader.span(&At::path("limits").key(name), span, least..=most);
    let first_frame = span("first_frame", &raw.first_frame, SECOND / 10, HOUR / 12);
    let ping = span("ping", &raw.ping, SECOND, HOUR / 6);
    let drain_for = span("drain_for", &raw.drain_for, Duration::ZERO, HOUR);
    let characters = match raw.message_characters {
        0 => PROTOCOL_MESSAGE_CHARACTERS,
        some => some,
    };
    Limits {
        connections: raw.connections,
        connections_per_address: raw.connections_per_address,
        connects_per_address_per_second: raw.connects_per_address_per_second,
        starts_per_address_per_minute: raw.starts_per_address_per_minute,
        authentications_per_minute: raw.authentications_per_minute,
        messages_per_minute: raw.messages_per_minute,
        frames_per_minute: raw.frames_per_minute,
        consumer_requests_per_minute: raw.consumer_requests_per_minute,
        wrong_keys_per_address_per_minute: raw.wrong_keys_per_address_per_minute,
        message_characters: usize::try_from(characters).unwrap_or(usize::MAX),
        first_frame,
        ping,
        drain_for,
        outgoing_queue: usize::try_from(raw.outgoing_queue).unwrap_or(usize::MAX),
    }
}

fn conversations(raw: &RawConversations, reader: &mut Reader<'_, '_>) -> ConversationsConfig {
    let mut span = |name: &str, span: &Span, least| {
        reader.span(&At::path("conversations").key(name), span, least..=365 * DAY)
    };
    ConversationsConfig {
        end_after: span("end_after", &raw.end_after, SECOND),
        downgrade_idle_after: span("downgrade_idle_after", &raw.downgrade_idle_after, Duration::ZERO),
        resume_expired_for: span("resume_expired_for", &raw.resume_expired_for, Duration::ZERO),
    }
}
