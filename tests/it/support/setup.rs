//! A gateway's configuration on disk.

use std::fs;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use tempfile::TempDir;

/// The page that the widgets stand on.
pub(crate) const ORIGIN: &str = "https://www.contoso.com";
/// The API key of a client that may do everything.
pub(crate) const ROUTER: &str = "router.5up3r-s3cr3t-of-the-router";
/// The API key of a client that sees the tenant `fabrikam` alone.
pub(crate) const FABRIKAMS: &str = "fabrikams.5up3r-s3cr3t-of-fabrikam";
/// The API key of a client that may read and not write.
pub(crate) const READER: &str = "reader.5up3r-s3cr3t-of-the-reader";

/// The widgets that each tenant has, one for each way to be set.
const WIDGETS: &str = r#"
[widgets.web]
authentication = "optional"
allowed_origins = ["https://www.contoso.com"]
[widgets.second]
authentication = "optional"
allowed_origins = ["https://www.contoso.com"]
[widgets.strict]
authentication = "required"
allowed_origins = ["https://www.contoso.com"]
[widgets.open]
authentication = "off"
allowed_origins = ["https://www.contoso.com"]
[widgets.lenient]
authentication = "optional"
invalid_token = "anonymous"
allowed_origins = ["https://www.contoso.com"]
[widgets.guarded]
authentication = "optional"
allowed_origins = ["https://www.contoso.com"]
require_origin = true
[widgets.anywhere]
authentication = "optional"
allowed_origins = ["*"]
[widgets.nowhere]
authentication = "optional"
allowed_origins = []
"#;

/// A folder with a configuration and a journal, which goes away with it.
pub(crate) struct Setup {
    folder: TempDir,
    limits: String,
    conversations: String,
    clients: String,
    listen: String,
    webhooks: String,
    tenants: Vec<(&'static str, String)>,
    variables: Vec<(&'static str, String)>,
}

impl Setup {
    /// Without rate limits, so that a test meets those that it asks for.
    pub(crate) fn new() -> Self {
        let limits = ["connections", "connections_per_address", "connects_per_address_per_second"]
            .into_iter()
            .chain(["starts_per_address_per_minute", "authentications_per_minute"])
            .chain(["messages_per_minute", "frames_per_minute"])
            .chain(["consumer_requests_per_minute", "wrong_keys_per_address_per_minute"]);
        let limits: Vec<_> = limits.map(|limit| format!("{limit} = 0\n")).collect();
        Self {
            folder: tempfile::tempdir().unwrap(),
            limits: limits.concat(),
            conversations: String::new(),
            clients: String::new(),
            listen: String::new(),
            webhooks: String::new(),
            tenants: Vec::new(),
            variables: Vec::new(),
        }
    }

    /// With this variable in the process's environment.
    pub(crate) fn variable(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// What the process's environment has beside that of the tests.
    pub(crate) fn variables(&self) -> &[(&'static str, String)] {
        &self.variables
    }

    /// With this line in `[limits]` instead of any that sets the same.
    pub(crate) fn limit(mut self, line: &str) -> Self {
        let name = line.split('=').next().unwrap();
        let others = self.limits.lines().filter(|other| other.split('=').next() != Some(name));
        self.limits = others.chain([line, ""]).collect::<Vec<_>>().join("\n");
        self
    }

    /// With this line in `[conversations]`.
    pub(crate) fn conversations(mut self, line: &str) -> Self {
        self.conversations = format!("[conversations]\n{line}\n");
        self
    }

    /// With a client of this API key that may do everything, and these lines in its table.
    pub(crate) fn client(mut self, key: &str, lines: &str) -> Self {
        self.clients += &client(key, r#"["*"]"#, r#"["*"]"#);
        self.clients += lines;
        self.clients.push('\n');
        self
    }

    /// With this line in `[listen]`.
    pub(crate) fn listen(mut self, line: &str) -> Self {
        self.listen = format!("{line}\n");
        self
    }

    /// With a `[[webhook]]` that may reach this machine, and has these lines besides.
    pub(crate) fn webhook(self, url: &str, lines: &str) -> Self {
        let allowed = "allow_http_hosts = [\"127.0.0.1\"]\nallow_networks = [\"127.0.0.0/8\"]";
        self.lines(&format!("[[webhook]]\nurl = \"{url}\"\n{allowed}\n{lines}\n"))
    }

    /// With these lines at the end of `usher.toml`.
    pub(crate) fn lines(mut self, lines: &str) -> Self {
        self.webhooks += lines;
        self
    }

    /// With a tenant that has every kind of widget and its keys there.
    pub(crate) fn tenant(self, id: &'static str, public_key_url: &str) -> Self {
        let authentication = format!("[authentication]\npublic_key_url = \"{public_key_url}\"\n");
        let variables = "[context.variables]\nmsdyn_cartvalue = \"number\"\n\
            portalcontactid = { type = \"text\", signed = true }\n";
        let queues = "[[queue]]\nname = \"general\"\n[[queue]]\nname = \"vip\"\n";
        self.tenant_file(id, format!("{authentication}{variables}{WIDGETS}{queues}"))
    }

    /// With a tenant whose file is this.
    pub(crate) fn tenant_file(mut self, id: &'static str, text: String) -> Self {
        self.tenants.push((id, text));
        self
    }

    /// Changes a text in a tenant's file.
    pub(crate) fn change(&mut self, tenant: &str, from: &str, to: &str) {
        let (_, file) = self.tenants.iter_mut().find(|(id, _)| *id == tenant).unwrap();
        assert!(file.contains(from), "{file}");
        *file = file.replace(from, to);
    }

    /// Changes a text in what [`Setup::client`] added.
    pub(crate) fn change_clients(&mut self, from: &str, to: &str) {
        assert!(self.clients.contains(from), "{}", self.clients);
        self.clients = self.clients.replace(from, to);
    }

    /// Writes the files; the path of `usher.toml`.
    pub(crate) fn write(&self) -> PathBuf {
        fs::create_dir_all(self.path().join("tenants")).unwrap();
        for (id, text) in &self.tenants {
            fs::write(self.path().join(format!("tenants/{id}.toml")), text).unwrap();
        }
        let main = self.path().join("usher.toml");
        fs::write(&main, self.main()).unwrap();
        main
    }

    fn main(&self) -> String {
        let clients = client(ROUTER, r#"["*"]"#, r#"["*"]"#)
            + &client(FABRIKAMS, r#"["*"]"#, r#"["fabrikam"]"#)
            + &client(READER, r#"["conversations:read", "events:read"]"#, r#"["*"]"#);
        format!(
            r#"
[listen]
public = "127.0.0.1:0"
consumer = "127.0.0.1:0"
ops = "127.0.0.1:0"
{listen}[journal]
path = "data/usher.db"
[keys]
allow_http_hosts = ["127.0.0.1"]
allow_networks = ["127.0.0.0/8"]
[limits]
{limits}{conversations}{clients}{more}{webhooks}"#,
            limits = self.limits,
            conversations = self.conversations,
            more = self.clients,
            listen = self.listen,
            webhooks = self.webhooks,
        )
    }

    /// Where it all lies.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The journal's file.
    pub(crate) fn journal(&self) -> PathBuf {
        self.path().join("data/usher.db")
    }
}

fn client(key: &str, scopes: &str, tenants: &str) -> String {
    let (id, secret) = key.split_once('.').unwrap();
    let hash = digest(&SHA256, secret.as_bytes());
    let hash: Vec<_> = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let hash = hash.concat();
    format!(
        "[[client]]\nid = \"{id}\"\nsecret_sha256 = [\"{hash}\"]\nscopes = {scopes}\ntenants = {tenants}\n"
    )
}
