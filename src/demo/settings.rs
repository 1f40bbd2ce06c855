//! What the demo's gateway is configured with: files as an operator would write them, read as an operator's are.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};

use crate::config::{self, Config};
use crate::domain::digest::hex;

use super::folder::random_hex;
use super::{DemoError, Ports, tokens};

/// The tenant whose shop it is.
pub(super) const TENANT: &str = "demo";
/// The tenant's only widget.
pub(super) const WIDGET: &str = "web";

const USHER: &str = include_str!("assets/usher.toml");
const DEMO_TENANT: &str = include_str!("assets/tenant.toml");

/// A client of the consumer API, its secret made for this run.
pub(super) struct ApiKey {
    id: &'static str,
    secret: String,
}

impl ApiKey {
    pub(super) fn new(id: &'static str) -> Self {
        Self { id, secret: random_hex::<32>() }
    }

    /// The key as sent in `Authorization`.
    pub(super) fn bearer(&self) -> String {
        format!("Bearer {}.{}", self.id, self.secret)
    }

    fn sha256(&self) -> String {
        hex(digest(&SHA256, self.secret.as_bytes()).as_ref())
    }
}

/// The clients of the demo: the console may read, write and revoke; whoever types the line of the second terminal may
/// read.
pub(super) struct ApiKeys {
    pub(super) console: ApiKey,
    pub(super) terminal: ApiKey,
}

impl ApiKeys {
    pub(super) fn new() -> Self {
        Self { console: ApiKey::new("console"), terminal: ApiKey::new("terminal") }
    }
}

/// Writes the configuration into `folder` and reads it; `journal` is the database's file. The environment has no part
/// in it: there is nothing to configure, and nothing to spoil either.
pub(super) fn config(
    folder: &Path,
    journal: &Path,
    shop: SocketAddr,
    ports: Ports,
    keys: &ApiKeys,
) -> Result<Config, DemoError> {
    let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string();
    let usher = filled(
        USHER,
        &[
            ("{public}", &loopback(ports.public)),
            ("{consumer}", &loopback(ports.consumer)),
            ("{ops}", &loopback(ports.ops)),
            ("{console_sha256}", &keys.console.sha256()),
            ("{terminal_sha256}", &keys.terminal.sha256()),
        ],
    );
    let port = shop.port().to_string();
    let tenant = filled(DEMO_TENANT, &[("{port}", &port), ("{issuer}", tokens::ISSUER)]);

    let written = |error| DemoError::Folder { path: folder.to_owned(), source: error };
    let path = folder.join("usher.toml");
    let tenants = folder.join("tenants");
    fs::create_dir(&tenants).map_err(written)?;
    fs::write(&path, usher).map_err(written)?;
    fs::write(tenants.join(format!("{TENANT}.toml")), tenant).map_err(written)?;

    let no_variables: BTreeMap<&str, &str> = BTreeMap::new();
    let mut config = config::load(&path, &no_variables).map_err(|faults| {
        DemoError::Settings(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })?;
    // Set here, not in the file: a path may hold what TOML can't.
    journal.clone_into(&mut config.journal.path);
    Ok(config)
}

fn filled(template: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(name, value))
}

#[cfg(test)]
mod tests {
    use super::super::folder::TemporaryFolder;
    use super::*;

    #[test]
    fn the_demos_own_configuration_is_without_fault_and_admits_the_shop_alone() {
        let folder = TemporaryFolder::new().unwrap();
        let journal = folder.path().join("usher.db");
        let shop = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
        let ports = Ports::from_first(8080).unwrap();
        let config = config(folder.path(), &journal, shop, ports, &ApiKeys::new()).unwrap();
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
        assert_eq!(config.journal.path, journal);
        let listen = [config.listen.public, config.listen.consumer, config.listen.ops];
        assert_eq!(
            listen.map(|at| (at.ip().is_loopback(), at.port())),
            [(true, 8081), (true, 8082), (true, 8083)]
        );
        let tenant = &config.tenants[&TENANT.parse().unwrap()];
        let widget = &tenant.widgets[&WIDGET.parse().unwrap()];
        assert!(widget.allowed_origins.admits("http://127.0.0.1:8080"));
        assert!(!widget.allowed_origins.admits("http://127.0.0.1:8081"));
        let url = tenant.public_key_url.as_ref().unwrap();
        assert_eq!(url.as_str(), "http://127.0.0.1:8080/auth/publickey");
    }

    #[test]
    fn an_api_key_is_configured_by_the_hash_of_its_secret() {
        let key = ApiKey { id: "console", secret: "abc".to_owned() };
        assert_eq!(key.bearer(), "Bearer console.abc");
        // FIPS 180-2, appendix B.1.
        assert_eq!(key.sha256(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
