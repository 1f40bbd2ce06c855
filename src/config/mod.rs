//! The configuration: as written, then typed, all faults reported at once.
//!
//! Reading is a pure function of the files and the variables to one immutable [`Config`], valid by construction. That
//! is the place of a reload too: read again, and where there is no fault, put the new value in the old one's place as
//! a whole; nothing of an old one changes under whoever still holds it.
//!
//! A file goes through these steps: its TOML is parsed with the place of everything (`document`), variables are laid
//! over it (`overrides`), the schema is followed through it so that every unknown or misformed setting is found
//! (`walk`), and what is left becomes typed settings whose ranges and relations are checked.
//!
//! A variable is `USHER_` and the setting's path in capitals, its parts joined by `_`: `USHER_LIMITS_DRAIN_FOR`, or
//! `USHER_TENANTS_CONTOSO_NAME` in a tenant's file. A list is written with commas or as TOML.

mod client;
mod document;
mod endpoint_url;
mod fault;
mod files;
mod gateway;
mod origin;
mod overrides;
mod queue;
mod raw;
mod raw_tenant;
mod reader;
mod schema;
mod secret;
mod tenant;
mod vars;
mod walk;
mod webhook;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use serde_json::Value;

use crate::domain::id::TenantId;
use crate::domain::token::TokenPolicy;

pub use client::{AllowedTenants, Client, Scope, Scopes, idle_timeout, token_lifetime};
pub use fault::{Fault, Place, Severity};
pub use gateway::{ConversationsConfig, JournalConfig, KeysConfig, Limits, Listen};
pub use origin::AllowedOrigins;
pub use schema::{schema, tenant_schema};
pub use secret::{Elsewhere, Secret};
pub use tenant::{AuthenticationMode, InvalidToken, Tenant, Widget};
pub use vars::{ProcessVars, Vars};
pub use webhook::{Webhook, WebhookSecret};

use gateway::Gateway;
use overrides::Taken;
use raw::RawUsher;
use raw_tenant::RawTenant;

/// A configuration file takes at most this many bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Tenants of one gateway.
const MAX_TENANTS: usize = 10_000;

/// Everything that is configured.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where usher listens.
    pub listen: Listen,
    /// Where conversations are kept.
    pub journal: JournalConfig,
    /// How tenants' public keys are fetched and kept.
    pub keys: KeysConfig,
    /// What one gateway takes.
    pub limits: Limits,
    /// When conversations end and authentications lapse.
    pub conversations: ConversationsConfig,
    /// The programs that may call the consumer API.
    pub clients: Vec<Client>,
    /// The endpoints to which events are posted, each with an id of its own.
    pub webhooks: Vec<Arc<Webhook>>,
    /// The tenants by their ids.
    pub tenants: BTreeMap<TenantId, Arc<Tenant>>,
    /// What serves, but perhaps not as meant. Each has [`Severity::Warning`].
    pub warnings: Vec<Fault>,
}

/// Reads `usher.toml` at `path`, the tenants' folder that it names, and what `vars` lay over both.
///
/// # Errors
///
/// Every fault of every file, warnings among them, in the order of files and lines.
pub fn load(path: &Path, vars: &dyn Vars) -> Result<Config, Vec<Fault>> {
    let mut taken = Taken::default();
    let folder = path.parent().unwrap_or(Path::new(""));
    let text = files::read_text(path, MAX_FILE_BYTES).map_err(|why| {
        let remedy = "Name the file with --config, and let the user that runs usher read it";
        vec![of_file(path, format!("can't be read: {why}"), remedy)]
    })?;
    let schema = schema::usher();
    // The tenants are read even where `usher.toml` has faults, so that all are seen at once.
    let mut drafted = None;
    let build = |raw: RawUsher, reader: &mut reader::Reader<'_, '_>| {
        let gateway = gateway::build(raw, folder, vars, reader);
        drafted = Some(Draft {
            tenants: gateway.tenants.clone(),
            place: reader.place(&fault::At::path("tenants")),
            keys: (!reader.doubts("keys")).then(|| gateway.keys.clone()),
        });
        Some(gateway)
    };
    let (gateway, mut faults) = reader::read(path, &text, &schema, (&[], vars, &mut taken), build);
    let draft = drafted.or_else(|| Draft::by_default(path, folder));
    let mut tenants = BTreeMap::new();
    if let Some(draft) = draft {
        faults.extend(read_tenants(&draft, (vars, &mut taken), &mut tenants));
    }
    faults.extend(taken.unknown(vars));
    if let Some(gateway) = &gateway {
        faults.extend(unknown_tenants(gateway, &tenants));
    }
    match gateway {
        Some(gateway) if faults.iter().all(|fault| fault.severity == Severity::Warning) => Ok(Config {
            listen: gateway.listen,
            journal: gateway.journal,
            keys: gateway.keys,
            limits: gateway.limits,
            conversations: gateway.conversations,
            clients: gateway.clients,
            webhooks: gateway.webhooks,
            tenants,
            warnings: faults,
        }),
        _ => Err(faults),
    }
}

/// Reads a tenant's policy alone: `text` is a tenant's file, or one with its `[authentication]` (and `[context]`)
/// table alone. `path` is for the faults' places.
///
/// # Errors
///
/// Every fault of the file.
pub fn read_tenant_policy(path: &Path, text: &str) -> Result<TokenPolicy, Vec<Fault>> {
    let nothing: BTreeMap<&str, &str> = BTreeMap::new();
    let mut taken = Taken::default();
    let build = |raw: RawTenant, reader: &mut reader::Reader<'_, '_>| {
        Some(tenant::policy(&raw.authentication, &raw.context, reader))
    };
    let (policy, faults) = reader::read(path, text, &schema::tenant(), (&[], &nothing, &mut taken), build);
    policy.ok_or(faults)
}

/// What of `usher.toml` the tenants depend on.
struct Draft {
    /// Their folder.
    tenants: PathBuf,
    /// Where it is named.
    place: Place,
    /// What their URLs may be, where that can be told.
    keys: Option<KeysConfig>,
}

impl Draft {
    /// For a `usher.toml` that can't be read: the usual folder, where there is one.
    fn by_default(path: &Path, folder: &Path) -> Option<Self> {
        let tenants = folder.join(RawUsher::default().tenants);
        let place = Place::File { path: path.to_owned(), line: None, column: None };
        tenants.is_dir().then_some(Self { tenants, place, keys: None })
    }
}

fn read_tenants(
    draft: &Draft,
    (vars, taken): (&dyn Vars, &mut Taken),
    tenants: &mut BTreeMap<TenantId, Arc<Tenant>>,
) -> Vec<Fault> {
    let folder = &draft.tenants;
    let in_usher = |message: String, remedy: &str, severity| Fault {
        place: draft.place.clone(),
        setting: "tenants".to_owned(),
        message,
        remedy: remedy.to_owned(),
        severity,
    };
    let files = match files::toml_files(folder) {
        Ok(files) if files.len() <= MAX_TENANTS => files,
        Ok(files) => {
            let message = format!("the folder {} holds {} files", folder.display(), files.len());
            return vec![in_usher(
                message,
                "Spread them over several gateways; one takes 10000",
                Severity::Fault,
            )];
        }
        Err(why) => {
            let message = format!("the folder {} can't be read: {why}", folder.display());
            return vec![in_usher(
                message,
                "Make the folder, with one ID.toml a tenant in it",
                Severity::Fault,
            )];
        }
    };
    let schema = schema::tenant();
    let mut faults = Vec::new();
    if files.is_empty() {
        let message = format!("the folder {} holds no tenant, so every widget is unknown", folder.display());
        faults.push(in_usher(message, "Put one ID.toml a tenant in it", Severity::Warning));
    }
    for file in &files {
        let (read, found) = read_tenant(file, &schema, draft.keys.as_ref(), vars, taken);
        faults.extend(found);
        if let Some((tenant, url_place)) = read {
            faults.extend(shared_url(url_place, &tenant, tenants));
            tenants.insert(tenant.id.clone(), Arc::new(tenant));
        }
    }
    faults
}

fn read_tenant(
    file: &Path,
    schema: &Value,
    keys: Option<&KeysConfig>,
    vars: &dyn Vars,
    taken: &mut Taken,
) -> (Option<(Tenant, Place)>, Vec<Fault>) {
    let name = file.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let id = match TenantId::from_str(&name) {
        Ok(id) => id,
        Err(error) => {
            let message = format!("the file's name is the tenant's id, which {error}");
            return (None, vec![of_file(file, message, "Rename the file, as in contoso.toml")]);
        }
    };
    let text = match files::read_text(file, MAX_FILE_BYTES) {
        Ok(text) => text,
        Err(why) => {
            let remedy = "Let the user that runs usher read the file, or remove it";
            return (None, vec![of_file(file, format!("can't be read: {why}"), remedy)]);
        }
    };
    let within = ["tenants", name.as_str()];
    reader::read(file, &text, schema, (&within, vars, taken), |raw: RawTenant, reader| {
        let url_place = reader.place(&fault::At::path("authentication.public_key_url"));
        Some((tenant::build(id, raw, keys, reader), url_place))
    })
}

/// Where two tenants share a URL and neither pins issuers or audiences, one's customers are the other's too.
fn shared_url(place: Place, tenant: &Tenant, others: &BTreeMap<TenantId, Arc<Tenant>>) -> Option<Fault> {
    let unpinned = |tenant: &Tenant| tenant.policy.issuers.is_empty() && tenant.policy.audiences.is_empty();
    let url = tenant.public_key_url.as_ref().filter(|_| unpinned(tenant))?;
    let other =
        others.values().find(|other| other.public_key_url.as_ref() == Some(url) && unpinned(other))?;
    Some(Fault {
        place,
        setting: "authentication.public_key_url".to_owned(),
        message: format!("the tenant {} has this URL too, so the customers of one are the other's", other.id),
        remedy: "Pin `issuers` or `audiences` in both tenants".to_owned(),
        severity: Severity::Warning,
    })
}

/// Clients and webhooks that name tenants which aren't: perhaps to come, perhaps mistyped.
fn unknown_tenants(gateway: &Gateway, tenants: &BTreeMap<TenantId, Arc<Tenant>>) -> Vec<Fault> {
    let of_clients = gateway.clients.iter().map(|client| &client.tenants).zip(&gateway.client_places);
    let of_webhooks = gateway.webhooks.iter().map(|webhook| &webhook.tenants).zip(&gateway.webhook_places);
    let clients = of_clients.enumerate().map(|(index, named)| (format!("client[{index}].tenants"), named));
    let webhooks = of_webhooks.enumerate().map(|(index, named)| (format!("webhook[{index}].tenants"), named));
    let mut warnings = Vec::new();
    for (setting, (named, place)) in clients.chain(webhooks) {
        let AllowedTenants::Listed(listed) = named else { continue };
        let missing = listed.iter().filter(|id| !tenants.contains_key(*id));
        warnings.extend(missing.map(|tenant| Fault {
            place: place.clone(),
            setting: setting.clone(),
            message: format!("the tenant {tenant} has no file"),
            remedy: "Correct the id, or add the tenant's file".to_owned(),
            severity: Severity::Warning,
        }));
    }
    warnings
}

fn of_file(path: &Path, message: String, remedy: &str) -> Fault {
    Fault {
        place: Place::File { path: path.to_owned(), line: None, column: None },
        setting: String::new(),
        message,
        remedy: remedy.to_owned(),
        severity: Severity::Fault,
    }
}
