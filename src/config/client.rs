//! The programs that may call the consumer API.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use crate::domain::id::{ClientId, TenantId};

use super::fault::{At, shown};
use super::raw::RawClient;
use super::reader::{Reader, parse_span, written};
use super::secret::Secret;
use super::vars::Vars;

/// The SHA-256 of no bytes: a hash made of an empty secret by mistake.
const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// How long an access token may be made to live.
const TOKEN_LIFETIMES: RangeInclusive<Duration> = Duration::from_mins(5)..=Duration::from_hours(48);
/// After how long an unused one may be made to stop working.
const IDLE_TIMEOUTS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(48);

/// The text of a `token_lifetime`, if it is one: 300 s to 172800 s.
///
/// # Errors
/// What is wrong with it.
pub fn token_lifetime(text: &str) -> Result<String, String> {
    span_within(text, &TOKEN_LIFETIMES)
}

/// The text of an `idle_timeout`, if it is one: 1 s to 172800 s.
///
/// # Errors
/// What is wrong with it.
pub fn idle_timeout(text: &str) -> Result<String, String> {
    span_within(text, &IDLE_TIMEOUTS)
}

fn span_within(text: &str, range: &RangeInclusive<Duration>) -> Result<String, String> {
    let span = parse_span(text)?;
    let (least, most) = (written(*range.start()), written(*range.end()));
    let refused = || format!("{} is out of range: write a span from {least} to {most}", written(span));
    if range.contains(&span) { Ok(text.trim().to_owned()) } else { Err(refused()) }
}

/// A program that may call the consumer API.
#[derive(Clone)]
pub struct Client {
    /// Its name, the first part of its API key.
    pub id: ClientId,
    /// SHA-256 of each secret in force: one, or two while a secret is replaced.
    pub secrets: Vec<[u8; 32]>,
    /// What it may do.
    pub scopes: Scopes,
    /// Whose conversations it may see.
    pub tenants: AllowedTenants,
    /// How long an access token lives; 300 s to 172800 s.
    pub token_lifetime: Duration,
    /// After how long an unused access token stops working.
    pub idle_timeout: Option<Duration>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .field("scopes", &self.scopes)
            .field("tenants", &self.tenants)
            .finish_non_exhaustive()
    }
}

/// One thing that a client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// `events:read`
    EventsRead,
    /// `conversations:read`
    ConversationsRead,
    /// `conversations:write`
    ConversationsWrite,
    /// `revocations:read`
    RevocationsRead,
    /// `revocations:write`
    RevocationsWrite,
    /// `keys:read`
    KeysRead,
    /// `keys:write`
    KeysWrite,
}

impl Scope {
    /// Every scope, each once.
    pub const ALL: [Self; 7] = [
        Self::EventsRead,
        Self::ConversationsRead,
        Self::ConversationsWrite,
        Self::RevocationsRead,
        Self::RevocationsWrite,
        Self::KeysRead,
        Self::KeysWrite,
    ];

    /// The scope's name, as configured and as spoken in OAuth.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EventsRead => "events:read",
            Self::ConversationsRead => "conversations:read",
            Self::ConversationsWrite => "conversations:write",
            Self::RevocationsRead => "revocations:read",
            Self::RevocationsWrite => "revocations:write",
            Self::KeysRead => "keys:read",
            Self::KeysWrite => "keys:write",
        }
    }
}

/// What a client may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// Every scope.
    #[must_use]
    pub fn all() -> Self {
        Self(Scope::ALL.into())
    }

    /// Whether `scope` is among them.
    #[must_use]
    pub fn allow(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// The scopes in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

/// Whose conversations a client may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedTenants {
    /// Every tenant's.
    Any,
    /// These tenants'.
    Listed(BTreeSet<TenantId>),
}

impl AllowedTenants {
    /// Whether the tenant is among them.
    #[must_use]
    pub fn admit(&self, tenant: &TenantId) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(listed) => listed.contains(tenant),
        }
    }
}

/// Types every `[[client]]`.
pub(super) fn build(
    raw: Vec<RawClient>,
    folder: &Path,
    vars: &dyn Vars,
    reader: &mut Reader<'_, '_>,
) -> Vec<Client> {
    let mut taken = BTreeMap::new();
    let mut clients = Vec::with_capacity(raw.len());
    for (index, raw) in raw.into_iter().enumerate() {
        let at = At::path("client").index(index);
        if let Some(id) = &raw.id
            && let Some(first) = taken.insert(id.clone(), index)
        {
            let message = format!("`{}` is the id of client[{first}] too", shown(id));
            let remedy = "Give each client its own id; for a second secret, list both in secret_sha256";
            reader.fault(&at.key("id"), message, remedy);
        }
        clients.extend(client(raw, &at, folder, vars, reader));
    }
    clients
}

fn client(
    raw: RawClient,
    at: &At,
    folder: &Path,
    vars: &dyn Vars,
    reader: &mut Reader<'_, '_>,
) -> Option<Client> {
    let id = raw.id.and_then(|id| {
        let parsed = ClientId::from_str(&id);
        parsed
            .map_err(|error| reader.fault(&at.key("id"), error.to_string(), "Write an id like \"router\""))
            .ok()
    });
    let secrets = raw.secret_sha256.map(|raw| secrets(&raw, &at.key("secret_sha256"), folder, vars, reader));
    let scopes = raw.scopes.map(|raw| scopes(&raw, &at.key("scopes"), reader));
    let tenants = raw.tenants.map(|raw| tenants(&raw, &at.key("tenants"), reader));
    let token_lifetime = reader.span(&at.key("token_lifetime"), &raw.token_lifetime, TOKEN_LIFETIMES);
    let idle_timeout = raw.idle_timeout.map(|raw| reader.span(&at.key("idle_timeout"), &raw, IDLE_TIMEOUTS));
    Some(Client {
        id: id?,
        secrets: secrets?,
        scopes: scopes?,
        tenants: tenants?,
        token_lifetime,
        idle_timeout,
    })
}

fn secrets(
    raw: &[Secret],
    at: &At,
    folder: &Path,
    vars: &dyn Vars,
    reader: &mut Reader<'_, '_>,
) -> Vec<[u8; 32]> {
    if !(1..=2).contains(&raw.len()) {
        let message = format!("{} hashes are listed", raw.len());
        reader.fault(at, message, "List one, or two while a secret is replaced");
    }
    let mut secrets = Vec::with_capacity(2);
    for (index, secret) in raw.iter().take(2).enumerate() {
        let at = at.index(index);
        match secret.read(folder, vars).and_then(|text| hash(&text)) {
            Ok(hash) => secrets.push(hash),
            Err((message, remedy)) => reader.fault(&at, message, remedy),
        }
    }
    secrets
}

fn hash(text: &str) -> Result<[u8; 32], (String, String)> {
    let text = text.trim();
    let make = "Write the SHA-256 of the secret as 64 hexadecimal digits, as `printf %s SECRET | sha256sum` prints it";
    if text.eq_ignore_ascii_case(OF_NOTHING) {
        return Err(("this is the SHA-256 of an empty secret".to_owned(), make.to_owned()));
    }
    let refused = || (format!("is no SHA-256: it has {} characters", text.chars().count()), make.to_owned());
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.ok_or_else(|| {
        ("is no SHA-256: it holds something that is no hexadecimal digit".to_owned(), make.to_owned())
    })?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    if digits.len() % 2 == 1 { Err(refused()) } else { bytes.try_into().map_err(|_| refused()) }
}

fn scopes(raw: &[String], at: &At, reader: &mut Reader<'_, '_>) -> Scopes {
    if raw.is_empty() {
        reader.fault(at, "is empty, so the client may do nothing", "List scopes, or [\"*\"] for all");
    }
    let parse = |name: &str| {
        if name == "*" {
            return Ok(Scope::ALL.to_vec());
        }
        let known = Scope::ALL.into_iter().find(|scope| scope.as_str() == name);
        known.map(|scope| vec![scope]).ok_or_else(|| {
            let names = Scope::ALL.map(Scope::as_str).join(", ");
            (format!("`{}` is no scope", shown(name)), format!("Write one of {names}, or *"))
        })
    };
    reader.each(at, raw, parse).into_iter().flatten().collect()
}

pub(super) fn tenants(raw: &[String], at: &At, reader: &mut Reader<'_, '_>) -> AllowedTenants {
    if raw.is_empty() {
        reader.fault(at, "is empty, so nothing may be seen", "List tenants' ids, or [\"*\"] for all");
    }
    if raw.iter().any(|name| name == "*") {
        return AllowedTenants::Any;
    }
    let listed = reader.each(at, raw, |name| {
        let remedy = || "Write the name of the tenant's file without .toml, or * for all".to_owned();
        TenantId::from_str(name).map_err(|error| (format!("a tenant's id {error}"), remedy()))
    });
    AllowedTenants::Listed(listed.into_iter().collect())
}
