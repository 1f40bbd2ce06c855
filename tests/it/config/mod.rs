//! What is wrong with a configuration is said at once, with its place and what to do.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use usher::config::{
    self, AllowedOrigins, AllowedTenants, AuthenticationMode, Config, Fault, InvalidToken, Place, Scope,
    Severity,
};
use usher::domain::context::{Undeclared, VariableType};
use usher::domain::token::KeyExpiry;

mod faults;
mod hostile;
mod queues;
mod variables;
mod webhooks;

/// The example of the specification, with a whole hash in the place of its shortened one.
const USHER: &str = include_str!("usher.toml");
/// The example's tenant.
const CONTOSO: &str = include_str!("contoso.toml");

type Vars<'a> = BTreeMap<&'a str, &'a str>;

/// A configuration on disk.
struct Written(TempDir);

impl Written {
    fn new(usher: &str, tenants: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("usher.toml"), usher).unwrap();
        fs::create_dir(folder.path().join("tenants")).unwrap();
        for (id, text) in tenants {
            fs::write(folder.path().join(format!("tenants/{id}.toml")), text).unwrap();
        }
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn load(&self, vars: &Vars<'_>) -> Result<Config, Vec<Fault>> {
        config::load(&self.path().join("usher.toml"), vars)
    }

    /// Each fault as `FILE:LINE: setting: message. Remedy.`, files named from the folder on.
    fn said(&self, faults: &[Fault]) -> Vec<String> {
        let short = |fault: &Fault| {
            let mut fault = fault.clone();
            if let Place::File { path, column, .. } = &mut fault.place {
                *path = path.strip_prefix(self.path()).unwrap().to_owned();
                *column = None;
            }
            fault.to_string().replace(&self.path().display().to_string(), "…")
        };
        faults.iter().map(short).collect()
    }
}

fn faults(usher: &str, tenants: &[(&str, &str)], vars: &Vars<'_>) -> Vec<String> {
    let written = Written::new(usher, tenants);
    match written.load(vars) {
        Ok(config) => panic!("taken without fault: {config:?}"),
        Err(faults) => written.said(&faults),
    }
}

fn warnings(usher: &str, tenants: &[(&str, &str)], vars: &Vars<'_>) -> Vec<String> {
    let written = Written::new(usher, tenants);
    let config = written.load(vars).map_err(|faults| written.said(&faults)).unwrap();
    written.said(&config.warnings)
}

/// The names of a tenant's queues.
fn names(tenant: &config::Tenant) -> Vec<&str> {
    tenant.queues.listed().iter().map(|queue| &*queue.name).collect()
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

#[test]
fn the_specifications_example_loads() {
    let written = Written::new(USHER, &[("contoso", CONTOSO)]);
    let config = written.load(&Vars::new()).unwrap();

    assert_eq!(config.warnings, []);
    assert_eq!(config.listen.public.to_string(), "0.0.0.0:8080");
    assert_eq!(config.listen.consumer.to_string(), "127.0.0.1:8081");
    assert_eq!(config.listen.ops.to_string(), "127.0.0.1:8082");
    assert_eq!(config.journal.path, written.path().join("data/usher.db"));
    assert_eq!(config.journal.keep, hours(30 * 24));
    assert_eq!((config.keys.fresh_for, config.keys.stale_for), (hours(1) / 6, hours(24)));
    assert_eq!(config.keys.allow_http_hosts, ["127.0.0.1"]);
    assert_eq!(config.keys.allow_networks, ["127.0.0.0/8".parse().unwrap()]);
    assert_eq!(config.limits.connections, 100_000);
    assert_eq!(config.limits.message_characters, 6000);
    assert_eq!(config.limits.first_frame, Duration::from_secs(10));
    assert_eq!(config.limits.outgoing_queue, 256);
    assert_eq!(config.conversations.end_after, hours(24));
    assert_eq!(config.conversations.downgrade_idle_after, Duration::ZERO);

    let [router] = config.clients.as_slice() else { panic!("{:?}", config.clients) };
    assert_eq!(router.id.as_str(), "router");
    assert_eq!(router.secrets[0][..3], [0x9f, 0x86, 0xd0]);
    assert!(Scope::ALL.into_iter().all(|scope| router.scopes.allow(scope)));
    assert_eq!(router.tenants, AllowedTenants::Any);
    assert_eq!((router.token_lifetime, router.idle_timeout), (hours(1), None));
}

#[test]
fn the_specifications_tenant_loads() {
    let written = Written::new(USHER, &[("contoso", CONTOSO)]);
    let config = written.load(&Vars::new()).unwrap();
    let tenant = &config.tenants[&"contoso".parse().unwrap()];

    assert_eq!(tenant.name, "Contoso");
    assert_eq!(tenant.policy.issuers, ["contosohelp.com"]);
    assert_eq!(tenant.policy.key_expiry, KeyExpiry::Enforce);
    assert_eq!(tenant.policy.max_token_bytes, 16_384);
    assert_eq!(tenant.policy.context.undeclared, Undeclared::Text);
    let declared = &tenant.policy.context.declared;
    assert_eq!(declared["msdyn_cartvalue"].kind, VariableType::Number);
    assert!(declared["portalcontactid"].signed && !declared["msdyn_isvip"].signed);
    assert_eq!(
        tenant.public_key_url.as_ref().map(url::Url::as_str),
        Some("https://www.contoso.com/auth/publickey")
    );
    assert_eq!(tenant.javascript_client_function.as_deref(), Some("auth.getAuthenticationToken"));
    let widget = &tenant.widgets[&"web".parse().unwrap()];
    assert_eq!(widget.authentication, AuthenticationMode::Optional);
    assert_eq!(widget.invalid_token, InvalidToken::Refuse);
    assert!(widget.allowed_origins.admits("https://www.contoso.com"));
    for other in ["https://www.contoso.com:8443", "http://www.contoso.com", "https://contoso.com", "null", ""]
    {
        assert!(!widget.allowed_origins.admits(other), "{other} was admitted");
    }
    assert!(!widget.require_origin);
    assert_eq!(names(tenant), ["vip", "default"]);
}

#[test]
fn an_empty_file_has_the_defaults() {
    let config = Written::new("", &[("a", "")]).load(&Vars::new()).unwrap();
    assert_eq!(config.listen.public.to_string(), "0.0.0.0:8080");
    assert_eq!(config.limits.drain_for, Duration::from_secs(30));
    assert!(config.keys.allow_http_hosts.is_empty() && config.keys.allow_networks.is_empty());
    let tenant = &config.tenants[&"a".parse().unwrap()];
    assert_eq!(tenant.name, "a");
    assert_eq!(names(tenant), ["default"]);
    assert_eq!(tenant.policy, usher::domain::token::TokenPolicy::default());
}

#[test]
fn a_widget_requires_authentication_unless_it_says_otherwise() {
    let tenant =
        "[authentication]\npublic_key_url = \"https://a.test/k\"\n[widgets.w]\nallowed_origins = [\"*\"]\n";
    let config = Written::new("", &[("a", tenant)]).load(&Vars::new()).unwrap();
    let widget = &config.tenants[&"a".parse().unwrap()].widgets[&"w".parse().unwrap()];
    assert_eq!(widget.authentication, AuthenticationMode::Required);
    assert_eq!(widget.allowed_origins, AllowedOrigins::Any);
}

#[test]
fn tenants_that_share_a_url_and_pin_nothing_are_warned_of() {
    let unpinned = "[authentication]\npublic_key_url = \"https://keys.test/k\"\n";
    let pinned = "[authentication]\npublic_key_url = \"https://keys.test/k\"\nissuers = [\"a\"]\n";
    let audience = "[authentication]\npublic_key_url = \"https://keys.test/k\"\naudiences = [\"a\"]\n";
    let said = warnings("", &[("a", unpinned), ("b", unpinned)], &Vars::new());
    assert_eq!(
        said,
        [
            "tenants/b.toml:2: warning: authentication.public_key_url: the tenant a has this URL too, so the customers \
             of one are the other's. Pin `issuers` or `audiences` in both tenants."
        ]
    );
    assert_eq!(warnings("", &[("a", pinned), ("b", unpinned)], &Vars::new()), [""; 0]);
    assert_eq!(warnings("", &[("a", unpinned), ("b", audience)], &Vars::new()), [""; 0]);
}

#[test]
fn a_tenants_policy_can_be_read_alone() {
    let text =
        "[authentication]\nissuers = [\"me\"]\nclock_skew = \"0s\"\n[context]\nundeclared = \"reject\"\n";
    let policy = config::read_tenant_policy(Path::new("policy.toml"), text).unwrap();
    assert_eq!((policy.issuers, policy.clock_skew), (vec!["me".to_owned()], Duration::ZERO));
    assert_eq!(policy.context.undeclared, Undeclared::Reject);
    assert!(config::read_tenant_policy(Path::new("contoso.toml"), CONTOSO).is_ok());
    let refused =
        config::read_tenant_policy(Path::new("p.toml"), "[authentication]\nissuer = \"me\"\n").unwrap_err();
    assert!(refused[0].to_string().starts_with("p.toml:2:1: authentication.issuer: "), "{refused:?}");
}

#[test]
fn the_schema_has_every_setting_of_the_example() {
    let schema = config::schema();
    let tenant = &schema["$defs"]["tenant"];
    assert_eq!(tenant["properties"], config::tenant_schema()["properties"]);
    let keys = |schema: &serde_json::Value| {
        schema["properties"].as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(keys(&schema), "client conversations journal keys limits listen tenants webhook");
    assert_eq!(keys(tenant), "authentication context name queue widgets");
    let at = |path: &str| schema.pointer(path).unwrap_or_else(|| panic!("no {path}"));
    assert_eq!(at("/properties/limits/properties/connections/default"), 100_000);
    assert_eq!(at("/properties/keys/properties/redirects/maximum"), 3);
    assert_eq!(at("/properties/journal/properties/engine/enum").to_string(), r#"["embedded","nats"]"#);
    assert_eq!(at("/properties/client/items/additionalProperties"), false);
    assert_eq!(at("/$defs/tenant/properties/widgets/additionalProperties/required/0"), "allowed_origins");
    assert!(!schema.to_string().contains("null"), "TOML has no null");
}

fn usher(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_usher")).args(args).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn check_passes_the_deployable_example() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/usher.toml");
    assert_eq!(usher(&["check", "--config", path]), (Some(0), format!("{path}: no fault; 1 tenant\n")));
}

#[test]
fn check_prints_every_fault_and_exits_with_1() {
    let written = Written::new("[limits]\nping = \"never\"\n", &[("a", "nmae = \"A\"\n")]);
    let path = written.path().join("usher.toml");
    let (code, said) = usher(&["check", "--config", path.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("usher.toml:2:1: limits.ping: "), "{said}");
    assert!(said.contains("a.toml:1:1: nmae: ") && said.contains("Did you mean `name`"), "{said}");
    assert!(said.ends_with("2 faults\n"), "{said}");
}

#[test]
fn check_exits_with_64_where_this_build_has_no_such_journal() {
    let written = Written::new("[journal]\nengine = \"nats\"\n", &[]);
    let path = written.path().join("usher.toml");
    let (code, said) = usher(&["check", "--config", path.to_str().unwrap()]);
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("usher.toml:2:1: journal.engine: this build of usher has no NATS"), "{said}");
}

#[test]
fn check_without_a_file_is_a_fault_and_with_an_unknown_option_usage() {
    assert_eq!(usher(&["check", "--config", "/nowhere/usher.toml"]).0, Some(1));
    assert_eq!(usher(&["check", "--cofnig", "usher.toml"]).0, Some(2));
}

#[test]
fn config_schema_prints_json() {
    let (code, said) = usher(&["config", "schema"]);
    assert_eq!(code, Some(0));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&said).unwrap(), config::schema());
}

#[test]
fn warnings_alone_refuse_nothing() {
    let vars = Vars::from([("USHER_LIMIT_PING", "1s")]);
    let config = Written::new("", &[]).load(&vars).unwrap();
    let severities: Vec<_> = config.warnings.iter().map(|warning| warning.severity).collect();
    assert_eq!(severities, [Severity::Warning; 2], "{:?}", config.warnings);
}

#[test]
fn a_client_that_names_a_tenant_which_is_not_is_warned_of() {
    let usher = format!(
        "[[client]]\nid = \"bot\"\nsecret_sha256 = [\"{}\"]\nscopes = [\"*\"]\ntenants = [\"a\", \"b\"]\n",
        "ab".repeat(32)
    );
    assert_eq!(
        warnings(&usher, &[("a", "")], &Vars::new()),
        [
            "usher.toml:5: warning: client[0].tenants: the tenant b has no file. Correct the id, or add the tenant's \
             file."
        ]
    );
}

#[test]
fn a_log_line_is_json_off_a_terminal() {
    let output = Command::new(env!("CARGO_BIN_EXE_usher"))
        .args(["config", "schema"])
        .env("USHER_LOG", "no=such=filter")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<serde_json::Value> =
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [line] = lines.as_slice() else { panic!("{said}") };
    assert_eq!((&line["level"], &line["variable"]), (&"WARN".into(), &"USHER_LOG".into()), "{said}");
}
