//! `[[webhook]]`: four settings suffice, and what is wrong with any is said at its place.

use std::time::Duration;

use usher::config::{AllowedTenants, Config};
use usher::wire::EVENT_TYPES;

use super::{Vars, Written, faults, warnings};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

fn load(text: &str) -> Config {
    let written = Written::new(text, &[("a", "")]);
    written.load(&Vars::new()).map_err(|faults| written.said(&faults)).unwrap()
}

/// A `[[webhook]]` with this setting on its second line, otherwise right.
fn with(setting: &str) -> String {
    let url = "url = \"https://crm.test/usher\"".to_owned();
    let sound = [url, format!("secret = \"{SECRET}\"")];
    let key = |line: &str| line.split(' ').next().map(str::to_owned);
    let others = sound.into_iter().filter(|line| key(line) != key(setting));
    ["[[webhook]]".to_owned(), setting.to_owned()].into_iter().chain(others).collect::<Vec<_>>().join("\n")
}

fn fault(setting: &str, expected: &str) {
    let said = faults(&with(setting), &[("a", "")], &Vars::new());
    let [only] = said.as_slice() else { panic!("one fault was expected of {setting}: {said:#?}") };
    let (start, wanted) = expected.split_once(" … ").unwrap_or((expected, ""));
    assert!(only.starts_with(&format!("usher.toml:2: webhook[0].{start}")), "{only}\nis not\n{expected}");
    assert!(only.contains(wanted), "{only}\nis not\n{expected}");
}

fn secret_of(bytes: usize) -> String {
    use base64::Engine as _;
    format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(vec![7; bytes]))
}

#[test]
fn url_and_secret_suffice_and_the_rest_has_defaults() {
    let config = load(&with("tenants = [\"*\"]"));
    let [webhook] = config.webhooks.as_slice() else { panic!("{:?}", config.webhooks) };
    assert_eq!(webhook.url.as_str(), "https://crm.test/usher");
    assert_eq!((&webhook.tenants, webhook.types.len()), (&AllowedTenants::Any, EVENT_TYPES.len()));
    assert_eq!(webhook.secrets[0].as_bytes(), b"0123456789abcdef0123456789abcdef");
    assert_eq!((webhook.retry_for, webhook.timeout), (Duration::from_hours(24), Duration::from_secs(10)));
    let again = load(&with("types = [\"usher.conversation.ended\"]"));
    assert_eq!(again.webhooks[0].id, webhook.id, "the place is kept under it");
    assert!(webhook.id.as_str().starts_with("crm-test-"), "{}", webhook.id);
    assert_eq!(again.webhooks[0].types.iter().collect::<Vec<_>>(), [&"usher.conversation.ended"]);
    assert_eq!(load(&with("id = \"crm\"")).webhooks[0].id.as_str(), "crm");
}

#[test]
fn each_webhook_has_a_place_of_its_own() {
    let one = with("tenants = [\"*\"]") + "\n";
    let elsewhere = one.replace("/usher", "/other");
    assert_eq!(load(&(one.clone() + &elsewhere)).webhooks.len(), 2);
    let named = one.replace("tenants", "id = \"crm\"\ntenants");
    for (text, expected) in [
        (one.repeat(2), "usher.toml:7: webhook[1].url: webhook[0] has this URL too, and so the same id"),
        (named.repeat(2), "usher.toml:7: webhook[1].id: `crm` is the id of webhook[0] too"),
    ] {
        let said = faults(&text, &[("a", "")], &Vars::new());
        assert!(said.len() == 1 && said[0].starts_with(expected), "{said:#?}");
    }
}

#[test]
fn a_secret_is_whsec_and_base64_of_24_to_64_bytes() {
    for bytes in [24, 25, 63, 64] {
        assert_eq!(load(&with(&format!("secret = \"{}\"", secret_of(bytes)))).webhooks.len(), 1);
    }
    for (secret, why) in [
        (secret_of(23), "has 23 bytes"),
        (secret_of(65), "has 65 bytes"),
        ("whsec_".to_owned(), "has 0 bytes"),
        ("whsec_hunter2!".to_owned(), "is no base64 after whsec_"),
        ("hunter2".to_owned(), "doesn't begin with whsec_"),
    ] {
        fault(&format!("secret = \"{secret}\""), &format!("secret: {why}"));
        let said = faults(&with(&format!("secret = [\"{secret}\"]")), &[("a", "")], &Vars::new());
        assert!(said[0].starts_with("usher.toml:2: webhook[0].secret[0]: "), "{said:#?}");
        assert!(!said[0].contains("hunter2"), "{said:#?}");
    }
    let list = |count: usize| format!("secret = [{}]", format!("\"{SECRET}\",").repeat(count));
    assert_eq!(load(&with(&list(1))).webhooks[0].secrets.len(), 1);
    assert_eq!(load(&with(&list(2))).webhooks[0].secrets.len(), 2);
    fault(&list(0), "secret: 0 secrets are listed. List one, or two");
    fault(&list(3), "secret: 3 secrets are listed");
    fault("secret = 1", "secret: must be text or a table, and is a whole number");
}

#[test]
fn a_secret_comes_from_a_variable_and_a_webhook_from_one_too() {
    let text = with("secret = { env = \"HOOK\" }");
    let written = Written::new(&text, &[("a", "")]);
    let vars = Vars::from([("HOOK", SECRET)]);
    assert_eq!(written.load(&vars).unwrap().webhooks[0].secrets.len(), 1);
    let whole = format!("[{{ url = \"https://erp.test/\", secret = [\"{SECRET}\", \"{SECRET}\"] }}]");
    let config = written.load(&Vars::from([("USHER_WEBHOOK", whole.as_str())])).unwrap();
    assert_eq!(config.webhooks[0].url.as_str(), "https://erp.test/");
    let shown = format!("{config:?}");
    assert!(!shown.contains("0123456789") && !shown.contains("48, 49, 50"), "{shown}");
}

#[test]
fn a_url_is_https_to_a_global_address_unless_allowed() {
    for (url, why) in [
        ("crm.test/usher", "is no URL"),
        ("http://crm.test/", "is plain http: … list \"crm.test\" under allow_http_hosts of this webhook"),
        ("ftp://crm.test/", "is neither https nor http"),
        ("https://u:hunter2@crm.test/", "holds credentials"),
        ("https://crm.test/#x", "holds a fragment"),
        ("https://10.0.0.1/", "leads to a private address … list 10.0.0.1 under allow_networks"),
        ("https://[::1]/", "leads to a loopback address"),
        ("https://169.254.169.254/", "leads to a link-local address"),
    ] {
        fault(&format!("url = \"{url}\""), &format!("url: {why}"));
    }
    for (url, allowed) in [
        ("http://crm.test/", "allow_http_hosts = [\"crm.test\"]"),
        ("https://10.0.0.1/", "allow_networks = [\"10.0.0.0/8\"]"),
        ("http://127.0.0.1:1/", "allow_http_hosts = [\"127.0.0.1\"]\nallow_networks = [\"127.0.0.0/8\"]"),
        ("http://[::1]:1/", "allow_http_hosts = [\"::1\"]\nallow_networks = [\"::1/128\"]"),
    ] {
        let config = load(&with(&format!("url = \"{url}\"\n{allowed}")));
        assert_eq!(config.webhooks[0].url.as_str(), url);
    }
    // What the keys may reach says nothing of webhooks.
    let keys = "\n[keys]\nallow_http_hosts = [\"crm.test\"]\n";
    let said = faults(&(with("url = \"http://crm.test/\"") + keys), &[("a", "")], &Vars::new());
    assert!(said[0].contains("is plain http"), "{said:#?}");
}

#[test]
fn the_other_settings_have_their_bounds() {
    for setting in ["retry_for = \"1s\"", "retry_for = \"7d\"", "timeout = \"100ms\"", "timeout = \"1m\""] {
        assert_eq!(load(&with(setting)).webhooks.len(), 1);
    }
    for (setting, why) in [
        ("retry_for = \"999ms\"", "retry_for: 999ms is out of range. Write a span from 1s to 7d"),
        ("retry_for = \"604801s\"", "retry_for: 604801s is out of range"),
        ("timeout = \"99ms\"", "timeout: 99ms is out of range. Write a span from 100ms to 1m"),
        ("timeout = \"60001ms\"", "timeout: 60001ms is out of range"),
        ("id = \"A\"", "id: must be 1 to 63 of a-z"),
        ("types = []", "types: is empty, so nothing would be posted"),
        ("types = [\"message\"]", "types[0]: `message` is no type of event. … usher.conversation.message"),
        ("types = [\"usher.conversation.typing\"]", "types[0]: is never stored, and so never posted"),
        ("tenants = []", "tenants: is empty"),
        ("tenants = [\"B\"]", "tenants[0]: a tenant's id must be"),
        ("retry = 1", "retry: there is no setting `retry` here"),
        ("allow_networks = [\"10.0.0.0/33\"]", "allow_networks[0]: … CIDR"),
    ] {
        fault(setting, why);
    }
    let said = warnings(&with("tenants = [\"b\"]"), &[("a", "")], &Vars::new());
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].contains("webhook[0].tenants: the tenant b has no file"), "{said:#?}");
}

#[test]
fn what_has_to_be_there_is_missed() {
    let said = faults("[[webhook]]\n", &[("a", "")], &Vars::new());
    let begin: Vec<_> = said.iter().map(|fault| fault.split(": ").nth(1).unwrap()).collect();
    assert_eq!(begin, ["webhook[0].url", "webhook[0].secret"], "{said:#?}");
}
