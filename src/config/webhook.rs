//! The endpoints to which events are posted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use url::Url;

use crate::domain::digest;
use crate::domain::id::WebhookId;
use crate::wire::{EVENT_TYPES, TYPING_TYPE};

use super::client::{self, AllowedTenants};
use super::endpoint_url::{self, Exceptions};
use super::fault::{At, shown};
use super::gateway::http_host;
use super::raw::{RawSecrets, RawWebhook};
use super::reader::Reader;
use super::secret::Secret;
use super::vars::Vars;

/// What a secret begins with (Standard Webhooks, "Signature scheme").
const SECRET_PREFIX: &str = "whsec_";
/// How many bytes a secret has (Standard Webhooks: 24 to 64).
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Endpoints of one gateway: each has a reader of the journal.
const WEBHOOKS_MAX: usize = 100;
/// Of a host's name, what goes into an id that is made from a URL.
const ID_HOST_CHARACTERS: usize = 48;

/// An endpoint to which events are posted.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Its name, under which its place is kept.
    pub id: WebhookId,
    /// Where events are posted: `https`, or `http` to an allowed host; without credentials and fragment.
    pub url: Url,
    /// Full names of the types that are posted.
    pub types: BTreeSet<&'static str>,
    /// Whose events are posted.
    pub tenants: AllowedTenants,
    /// What deliveries are signed with: one, or two while it is replaced.
    pub secrets: Vec<WebhookSecret>,
    /// How long a delivery is tried again, from its first attempt on; 1 s to 7 days.
    pub retry_for: Duration,
    /// How long the endpoint may take to answer, from the look-up of its name on; 100 ms to 60 s.
    pub timeout: Duration,
    /// Hosts that may be posted to by plain `http`, in the form of [`url::Url::host_str`].
    pub allow_http_hosts: Vec<String>,
    /// Networks that may be reached though their addresses are not global.
    pub allow_networks: Vec<IpNet>,
}

impl Webhook {
    /// Whether events of this tenant and type are posted.
    #[must_use]
    pub fn admits(&self, tenant: &crate::domain::id::TenantId, kind: &str) -> bool {
        self.types.contains(kind) && self.tenants.admit(tenant)
    }
}

/// What deliveries are signed with: 24 to 64 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Vec<u8>);

impl WebhookSecret {
    /// The key itself.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret")
    }
}

impl FromStr for WebhookSecret {
    type Err = (String, String);

    /// The error is what is wrong and what to do, and holds nothing of the text.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let remedy = || {
            let make = "printf 'whsec_%s' \"$(openssl rand -base64 32)\"";
            format!("Write whsec_ and the base64 of 24 to 64 random bytes, as `{make}` prints it")
        };
        let encoded = text
            .strip_prefix(SECRET_PREFIX)
            .ok_or_else(|| ("doesn't begin with whsec_".to_owned(), remedy()))?;
        let bytes =
            STANDARD.decode(encoded).map_err(|_| ("is no base64 after whsec_".to_owned(), remedy()))?;
        if SECRET_BYTES.contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err((format!("has {} bytes", bytes.len()), remedy()))
        }
    }
}

/// Types every `[[webhook]]`.
pub(super) fn build(
    raw: Vec<RawWebhook>,
    folder: &Path,
    vars: &dyn Vars,
    reader: &mut Reader<'_, '_>,
) -> Vec<Arc<Webhook>> {
    if raw.len() > WEBHOOKS_MAX {
        let message = format!("{} endpoints are listed", raw.len());
        reader.fault(&At::path("webhook"), message, format!("Leave at most {WEBHOOKS_MAX}"));
    }
    let mut taken = BTreeMap::new();
    let mut webhooks = Vec::with_capacity(raw.len());
    for (index, raw) in raw.into_iter().enumerate() {
        let at = At::path("webhook").index(index);
        let named = raw.id.is_some();
        let Some(webhook) = webhook(raw, &at, folder, vars, reader) else { continue };
        if let Some(first) = taken.insert(webhook.id.clone(), index) {
            let (key, message) = if named {
                ("id", format!("`{}` is the id of webhook[{first}] too", webhook.id))
            } else {
                ("url", format!("webhook[{first}] has this URL too, and so the same id"))
            };
            reader.fault(&at.key(key), message, "Give each webhook an `id` of its own");
        }
        webhooks.push(Arc::new(webhook));
    }
    webhooks
}

fn webhook(
    raw: RawWebhook,
    at: &At,
    folder: &Path,
    vars: &dyn Vars,
    reader: &mut Reader<'_, '_>,
) -> Option<Webhook> {
    let allow_http_hosts = reader.each(&at.key("allow_http_hosts"), &raw.allow_http_hosts, http_host);
    let allow_networks = reader.networks(&at.key("allow_networks"), &raw.allow_networks);
    let url = raw.url.and_then(|text| {
        let exceptions = Exceptions { http_hosts: &allow_http_hosts, networks: &allow_networks };
        let parsed = endpoint_url::parse(&text, &endpoint_url::WEBHOOK, Some(exceptions));
        parsed.map_err(|(message, remedy)| reader.fault(&at.key("url"), message, remedy)).ok()
    });
    let id = match raw.id {
        Some(text) => WebhookId::from_str(&text)
            .map_err(|error| reader.fault(&at.key("id"), error.to_string(), "Write an id like \"crm\""))
            .ok(),
        None => url.as_ref().and_then(derived_id),
    };
    let types = raw.types.map(|raw| types(&raw, &at.key("types"), reader));
    let tenants = raw.tenants.map(|raw| client::tenants(&raw, &at.key("tenants"), reader));
    let secrets = raw.secret.map(|raw| secrets(raw, &at.key("secret"), folder, vars, reader));
    let days = Duration::from_secs(1)..=Duration::from_hours(7 * 24);
    let retry_for = reader.span(&at.key("retry_for"), &raw.retry_for, days);
    let minute = Duration::from_millis(100)..=Duration::from_mins(1);
    let timeout = reader.span(&at.key("timeout"), &raw.timeout, minute);
    Some(Webhook {
        id: id?,
        url: url?,
        types: types.unwrap_or_else(|| EVENT_TYPES.into()),
        tenants: tenants.unwrap_or(AllowedTenants::Any),
        secrets: secrets?,
        retry_for,
        timeout,
        allow_http_hosts,
        allow_networks,
    })
}

/// The host and a hash of the whole URL: the same at every start, and told from others at a glance.
fn derived_id(url: &Url) -> Option<WebhookId> {
    let of_slug = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let host: String = url.host_str()?.chars().map(of_slug).take(ID_HOST_CHARACTERS).collect();
    let hash = digest::hex(&digest::of_parts(&[url.as_str()])[..6]);
    format!("{}-{hash}", host.trim_matches('-')).parse().ok()
}

fn types(raw: &[String], at: &At, reader: &mut Reader<'_, '_>) -> BTreeSet<&'static str> {
    if raw.is_empty() {
        reader.fault(at, "is empty, so nothing would be posted", "List types, or leave `types` out for all");
    }
    let parse = |name: &str| {
        let known = EVENT_TYPES.into_iter().find(|known| *known == name);
        known.ok_or_else(|| {
            let names = || format!("Write one of {}", EVENT_TYPES.join(", "));
            if name == TYPING_TYPE {
                let remedy = "Remove it; who types is told on GET /v1/events alone".to_owned();
                return ("is never stored, and so never posted".to_owned(), remedy);
            }
            (format!("`{}` is no type of event", shown(name)), names())
        })
    };
    reader.each(at, raw, parse).into_iter().collect()
}

fn secrets(
    raw: RawSecrets,
    at: &At,
    folder: &Path,
    vars: &dyn Vars,
    reader: &mut Reader<'_, '_>,
) -> Vec<WebhookSecret> {
    let listed = match raw {
        RawSecrets::One(secret) => vec![(at.clone(), secret)],
        RawSecrets::Several(secrets) => {
            if !(1..=2).contains(&secrets.len()) {
                let message = format!("{} secrets are listed", secrets.len());
                reader.fault(at, message, "List one, or two while a secret is replaced");
            }
            secrets.into_iter().take(2).enumerate().map(|(index, one)| (at.index(index), one)).collect()
        }
    };
    let read = |secret: &Secret| secret.read(folder, vars).and_then(|text| text.trim().parse());
    let mut secrets = Vec::with_capacity(2);
    for (at, secret) in listed {
        match read(&secret) {
            Ok(secret) => secrets.push(secret),
            Err((message, remedy)) => reader.fault(&at, message, remedy),
        }
    }
    secrets
}
