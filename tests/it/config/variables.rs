//! The environment lays its values over the files.

use std::time::Duration;

use usher::config::{AllowedTenants, AuthenticationMode};

use super::{Vars, Written, faults, warnings};

#[test]
fn a_variable_replaces_a_setting() {
    let usher = "[listen]\npublic = \"0.0.0.0:80\"\ntrusted_proxies = [\"10.0.0.0/8\"]\n";
    let written = Written::new(usher, &[("a", "")]);
    let vars = Vars::from([
        ("USHER_LISTEN_PUBLIC", "127.0.0.1:0"),
        ("USHER_LISTEN_TRUSTED_PROXIES", "192.168.0.0/16, fd00::/8"),
        ("USHER_LIMITS_DRAIN_FOR", "5s"),
        ("USHER_LIMITS_CONNECTIONS", "7"),
        ("USHER_JOURNAL_PATH", "/var/lib/usher.db"),
        ("USHER_KEYS_ALLOW_HTTP_HOSTS", "[\"localhost\"]"),
        ("USHER_KEYS_ALLOW_NETWORKS", ""),
    ]);
    let config = written.load(&vars).unwrap();
    assert_eq!(config.listen.public.to_string(), "127.0.0.1:0");
    assert_eq!(config.listen.trusted_proxies.len(), 2);
    assert_eq!(config.limits.drain_for, Duration::from_secs(5));
    assert_eq!(config.limits.connections, 7);
    assert_eq!(config.journal.path.to_str(), Some("/var/lib/usher.db"));
    assert_eq!(config.keys.allow_http_hosts, ["localhost"]);
    assert_eq!(config.warnings, []);
}

#[test]
fn clients_are_replaced_as_a_whole() {
    let client = format!(
        "[{{ id = \"bot\", secret_sha256 = [\"{}\"], scopes = [\"events:read\"], tenants = [\"a\"] }}]",
        "ab".repeat(32)
    );
    let config = Written::new("", &[("a", "")]).load(&Vars::from([("USHER_CLIENT", &*client)])).unwrap();
    assert_eq!(config.clients[0].id.as_str(), "bot");
    assert_eq!(config.clients[0].secrets, [[0xab; 32]]);
    assert_eq!(config.clients[0].tenants, AllowedTenants::Listed(["a".parse().unwrap()].into()));
}

#[test]
fn a_tenants_settings_are_replaced_by_its_id() {
    let tenant = "[widgets.web-2]\nauthentication = \"off\"\nallowed_origins = []\n";
    let vars = Vars::from([
        ("USHER_TENANTS_BIG_SHOP_AUTHENTICATION_PUBLIC_KEY_URL", "https://keys.test/k"),
        ("USHER_TENANTS_BIG_SHOP_AUTHENTICATION_STRICT_CONTEXT", "true"),
        ("USHER_TENANTS_BIG_SHOP_WIDGETS_WEB_2_AUTHENTICATION", "required"),
        ("USHER_TENANTS_BIG_SHOP_WIDGETS_WEB_2_ALLOWED_ORIGINS", "https://a.test,https://b.test"),
    ]);
    let config = Written::new("", &[("big-shop", tenant)]).load(&vars).unwrap();
    let tenant = &config.tenants[&"big-shop".parse().unwrap()];
    assert!(tenant.policy.strict_context && tenant.public_key_url.is_some());
    let widget = &tenant.widgets[&"web-2".parse().unwrap()];
    assert_eq!(widget.authentication, AuthenticationMode::Required);
    assert!(widget.allowed_origins.admits("https://b.test"));
    assert_eq!(config.warnings, []);
}

#[test]
fn a_fault_of_a_variable_names_it_after_the_files_own() {
    let vars = Vars::from([
        ("USHER_LIMITS_PING", "25"),
        ("USHER_LIMITS_CONNECTIONS", "many"),
        ("USHER_KEYS_REDIRECTS", "4"),
        ("USHER_LISTEN_TRUSTED_PROXIES", "10.0.0.0/8,home"),
        ("USHER_TENANTS_A_AUTHENTICATION_KEY_EXPIRY", "sometimes"),
    ]);
    assert_eq!(
        faults("[limits]\ndrain_for = \"1y\"\n", &[("a", "")], &vars),
        [
            "usher.toml:2: limits.drain_for: months and years have no fixed length; days have. Write a span from 0s \
             to 1h, such as \"10m\".",
            "environment variable USHER_LIMITS_CONNECTIONS: limits.connections: the variable's value can't be read. \
             Write it as it would stand in the file, after the =.",
            "environment variable USHER_KEYS_REDIRECTS: keys.redirects: 4 is out of range. Write a whole number from \
             0 to 3.",
            "environment variable USHER_LISTEN_TRUSTED_PROXIES: listen.trusted_proxies[1]: `home` is no network. \
             Write it in CIDR form, such as \"10.0.0.0/8\" or \"fd00::/8\".",
            "environment variable USHER_LIMITS_PING: limits.ping: `25` has no unit; ms, s, m, h and d are known. Write \
             a span from 1s to 10m, such as \"10m\".",
            "environment variable USHER_TENANTS_A_AUTHENTICATION_KEY_EXPIRY: authentication.key_expiry: `sometimes` \
             isn't one of the values that it takes. Write one of \"enforce\", \"warn\", \"ignore\".",
        ]
    );
}

#[test]
fn an_unknown_variable_is_a_warning_unless_kubernetes_sets_it() {
    let vars = Vars::from([
        ("USHER_LISTEN_PORT", "80"),
        ("USHER_LOG", "debug"),
        ("USHER_SERVICE_HOST", "10.0.0.1"),
        ("USHER_PORT", "tcp://10.0.0.1:8080"),
        ("USHER_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("USHERETTE", "x"),
        ("HOME", "/"),
    ]);
    assert_eq!(
        warnings("", &[("a", "")], &vars),
        [
            "environment variable USHER_LISTEN_PORT: warning: the variable names no setting, and was not used. Write \
             USHER_ and the setting's path in capitals, as in USHER_LIMITS_DRAIN_FOR, or unset it."
        ]
    );
}

#[test]
fn a_secret_comes_from_a_variable_or_a_file() {
    let usher = "[[client]]\nid = \"bot\"\nsecret_sha256 = [{ env = \"BOT_HASH\" }, { file = \"hash\" }]\n\
                 scopes = [\"*\"]\ntenants = [\"*\"]\n";
    let (first, second) = ("01".repeat(32), "02".repeat(32));
    let written = Written::new(usher, &[("a", "")]);
    std::fs::write(written.path().join("hash"), format!("{second}\n")).unwrap();
    let config = written.load(&Vars::from([("BOT_HASH", &*first)])).unwrap();
    assert_eq!(config.clients[0].secrets, [[1; 32], [2; 32]]);
    let refused = Written::new(usher, &[("a", "")]);
    let said = refused.said(&refused.load(&Vars::new()).unwrap_err());
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with(
        "usher.toml:3: client[0].secret_sha256[0]: the environment variable BOT_HASH isn't set"
    ));
    assert!(said[1].contains("secret_sha256[1]: the file …/hash can't be read"), "{said:?}");
}
