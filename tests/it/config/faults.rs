//! Every kind of fault, at its line, with its remedy.

use super::{Vars, faults};

/// One fault is expected, in a file with this text.
fn one(said: &[String], expected: &str) {
    let [only] = said else { panic!("{} faults where one was expected: {said:#?}", said.len()) };
    let (place, wanted) = expected.split_once(" … ").unwrap_or((expected, ""));
    assert!(only.starts_with(place) && only.contains(wanted), "{only}\nis not\n{expected}");
}

fn usher(text: &str, expected: &str) {
    one(&faults(text, &[("a", "")], &Vars::new()), expected);
}

fn tenant(text: &str, expected: &str) {
    one(&faults("", &[("a", text)], &Vars::new()), &format!("tenants/a.toml:{expected}"));
}

/// Within a `[[client]]` that is otherwise right; the setting stands on line 2.
fn client(setting: &str, expected: &str) {
    let hash = "ab".repeat(32);
    let mut lines = vec!["[[client]]".to_owned(), setting.to_owned()];
    let sound =
        ["id = \"bot\"", &format!("secret_sha256 = [\"{hash}\"]"), "scopes = [\"*\"]", "tenants = [\"*\"]"];
    let key = |line: &str| line.split(' ').next().map(str::to_owned);
    lines.extend(sound.into_iter().filter(|line| key(line) != key(setting)).map(str::to_owned));
    usher(&lines.join("\n"), &format!("usher.toml:2: client[0].{expected}"));
}

#[test]
fn all_faults_of_all_files_come_at_once_in_order() {
    let broken =
        "[authentication]\nissuers = \"me\"\nclock_skew = \"1y\"\n[widgets.web]\nallowed_origin = []\n";
    let said = faults(
        "[limits]\nconections = 1\nping = 25\n[[client]]\nid = \"A\"\nscopes = [\"events\"]\ntenants = [\"*\"]\n",
        &[("a", broken), ("b", "name = \n"), ("C", "")],
        &Vars::new(),
    );
    let begin: Vec<_> =
        said.iter().map(|fault| fault.split(": ").take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        begin,
        [
            "usher.toml:2 limits.conections",
            "usher.toml:3 limits.ping",
            "usher.toml:4 client[0].secret_sha256",
            "usher.toml:5 client[0].id",
            "usher.toml:6 client[0].scopes[0]",
            "tenants/C.toml the file's name is the tenant's id, which must be 1 to 63 of a-z, 0-9 and -, and not \
             begin with -. Rename the file, as in contoso.toml.",
            "tenants/a.toml:1 authentication.public_key_url",
            "tenants/a.toml:2 authentication.issuers",
            "tenants/a.toml:3 authentication.clock_skew",
            "tenants/a.toml:4 widgets.web.allowed_origins",
            "tenants/a.toml:5 widgets.web.allowed_origin",
            "tenants/b.toml:1 this isn't TOML",
        ],
        "{said:#?}"
    );
}

#[test]
fn what_is_no_toml_is_said_with_its_line_and_none_of_its_text() {
    let said = faults("[limits]\nping = hunter2\n\n[[client]\n", &[("a", "")], &Vars::new());
    assert!(said.iter().any(|fault| fault.starts_with("usher.toml:2: this isn't TOML: ")), "{said:#?}");
    assert!(said.iter().any(|fault| fault.starts_with("usher.toml:4: this isn't TOML: ")), "{said:#?}");
    assert!(said.iter().all(|fault| !fault.contains("hunter2")), "{said:#?}");
    usher("[limits]\nping = \"1s\"\nping = \"2s\"\n", "usher.toml:3: this isn't TOML: duplicate key");
}

#[test]
fn an_unknown_setting_is_named_with_its_nearest() {
    usher("[keys]\nfresh_fro = \"1m\"\n", "usher.toml:2: keys.fresh_fro: … Did you mean `fresh_for`?");
    usher("fresh_for = \"1m\"\n", "usher.toml:1: fresh_for: … `fresh_for` belongs in [keys]");
    usher("[authentication]\n", "usher.toml:1: authentication: … belongs in a tenant's file");
    tenant("[limits]\n", "1: limits: … belongs in usher.toml");
    usher("[journal]\nzzz = 1\n", "usher.toml:2: journal.zzz: … known here are engine, keep, path");
    tenant(
        "[context.variables]\nx = { type = \"text\", sign = true }\n",
        "2: context.variables.x.sign: … `signed`",
    );
    tenant(
        "javascript_client_function = \"f\"\n",
        "1: javascript_client_function: … belongs in [authentication]",
    );
}

#[test]
fn a_value_of_another_kind_is_said_with_a_sample() {
    usher(
        "[limits]\nconnections = \"1\"\n",
        "usher.toml:2: limits.connections: must be a whole number, and is text",
    );
    usher(
        "[limits]\nping = 25\n",
        "usher.toml:2: limits.ping: must be text in quotes … Write it like \"30s\"",
    );
    usher("limits = 1\n", "usher.toml:1: limits: must be a table, and is a whole number");
    usher("[keys]\nallow_networks = \"10.0.0.0/8\"\n", "usher.toml:2: keys.allow_networks: must be a list");
    usher("[keys]\nallow_networks = [1]\n", "usher.toml:2: keys.allow_networks[0]: must be text in quotes");
    tenant(
        "[authentication]\nstrict_context = 1\n",
        "2: authentication.strict_context: must be true or false",
    );
    tenant(
        "[authentication]\nkey_expiry = \"never\"\n",
        "2: authentication.key_expiry: … \"enforce\", \"warn\"",
    );
    tenant(
        "[context.variables]\nx = \"date\"\n",
        "2: context.variables.x: … Write one of \"text\", \"number\"",
    );
    tenant("[context.variables]\nx = { signed = true }\n", "2: context.variables.x.type: is missing");
    tenant("[context.variables]\nx = 1\n", "2: context.variables.x: must be text or a table");
}

#[test]
fn a_number_has_its_range_to_the_last() {
    let text = |count: i64| format!("[limits]\noutgoing_queue = {count}\n");
    for taken in [16, 65_536] {
        assert!(super::Written::new(&text(taken), &[]).load(&Vars::new()).is_ok(), "{taken} was refused");
    }
    for refused in [15, 65_537, -1, i64::MAX] {
        usher(
            &text(refused),
            &format!("usher.toml:2: limits.outgoing_queue: {refused} is out of range. … 16 to 65536"),
        );
    }
}

#[test]
fn a_span_has_its_range_to_the_last_and_a_unit() {
    let text = |span: &str| format!("[limits]\nping = \"{span}\"\n");
    for taken in ["1s", "10m", "600s", "1m 30s", "1000ms"] {
        assert!(super::Written::new(&text(taken), &[]).load(&Vars::new()).is_ok(), "{taken} was refused");
    }
    for (refused, why) in [
        ("999ms", "999ms is out of range. Write a span from 1s to 10m"),
        ("601s", "601s is out of range"),
        ("25", "`25` has no unit; ms, s, m, h and d are known"),
        ("1 fortnight", "`1 fortnight` is no span of time"),
        ("-5s", "`-5s` is no span of time"),
        ("", "`` is no span of time"),
        ("2mo", "months and years have no fixed length"),
    ] {
        usher(&text(refused), &format!("usher.toml:2: limits.ping: {why}"));
    }
}

#[test]
fn a_clients_faults_stand_at_their_settings() {
    client("id = \"A B\"", "id: must be 1 to 63 of a-z");
    client("secret_sha256 = []", "secret_sha256: 0 hashes are listed. List one, or two");
    client("secret_sha256 = [\"hunter2\"]", "secret_sha256[0]: is no SHA-256: it holds something");
    client(
        &format!("secret_sha256 = [\"{}\"]", "a".repeat(63)),
        "secret_sha256[0]: is no SHA-256: it has 63",
    );
    client(
        "secret_sha256 = [\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"]",
        "secret_sha256[0]: this is the SHA-256 of an empty secret",
    );
    client(
        "secret_sha256 = [{ env = \"A\", file = \"b\" }]",
        "secret_sha256[0]: a secret is named by `env` or",
    );
    client("scopes = []", "scopes: is empty");
    client(
        "scopes = [\"events:write\"]",
        "scopes[0]: `events:write` is no scope. Write one of events:read, ",
    );
    client("tenants = []", "tenants: is empty");
    client("tenants = [\"B\"]", "tenants[0]: a tenant's id must be");
    client("token_lifetime = \"299s\"", "token_lifetime: 299s is out of range. Write a span from 5m to 2d");
    client("token_lifetime = \"172801s\"", "token_lifetime: 172801s is out of range");
    client("idle_timeout = \"0s\"", "idle_timeout: 0s is out of range");
}

#[test]
fn nothing_of_a_value_that_may_be_secret_is_said() {
    let said = faults(
        "[[client]]\nid = \"a\"\nsecret_sha256 = [\"hunter2\"]\nscopes = [\"*\"]\ntenants = [\"*\"]\n",
        &[
            ("a", "[authentication]\npublic_key_url = \"https://u:hunter2@a.test/\"\n"),
            (
                "b",
                "[widgets.w]\nauthentication = \"off\"\nallowed_origins = [\"https://u:hunter2@a.test\"]\n",
            ),
        ],
        &Vars::new(),
    );
    assert_eq!(said.len(), 3, "{said:#?}");
    assert!(said.iter().all(|fault| !fault.contains("hunter2")), "{said:#?}");
}

#[test]
fn two_clients_can_not_have_one_id() {
    let one = format!(
        "[[client]]\nid = \"bot\"\nsecret_sha256 = [\"{}\"]\nscopes = [\"*\"]\ntenants = [\"*\"]\n",
        "ab".repeat(32)
    );
    usher(&one.repeat(2), "usher.toml:7: client[1].id: `bot` is the id of client[0] too");
}

#[test]
fn what_comes_with_a_later_version_is_refused() {
    usher("[listen.tls.public]\ncertificate = \"c\"\n", "usher.toml:1: listen.tls.public: TLS … let a proxy");
    usher("[journal]\nengine = \"nats\"\n", "usher.toml:2: journal.engine: this build of usher has no NATS");
}

#[test]
fn listeners_are_addresses_each_its_own() {
    usher(
        "[listen]\nops = \"localhost:1\"\n",
        "usher.toml:2: listen.ops: `localhost:1` is no address with a port",
    );
    usher(
        "[listen]\nops = \"0.0.0.0:8080\"\n",
        "usher.toml:2: listen.ops: is the address of listen.public too",
    );
    usher(
        "[listen]\ntrusted_proxies = [\"10.0.0.0/33\"]\n",
        "usher.toml:2: listen.trusted_proxies[0]: … CIDR",
    );
}

#[test]
fn a_key_url_is_https_and_nothing_else() {
    for (url, why) in [
        ("www.contoso.com/key", "is no URL"),
        ("http://a.test/k", "is plain http: … [keys] allow_http_hosts"),
        ("ftp://a.test/k", "is neither https nor http"),
        ("file:///etc/keys", "has no host"),
        ("https://a@a.test/k", "holds credentials"),
        ("https://a.test/k#1", "holds a fragment"),
        ("https://10.1.2.3/k", "leads to a private address … list 10.1.2.3 under [keys] allow_networks"),
        ("https://0x7f.1/k", "leads to a loopback address"),
        ("https://[::ffff:169.254.169.254]/k", "leads to a link-local address"),
    ] {
        let text = format!("[authentication]\npublic_key_url = \"{url}\"\n");
        tenant(&text, &format!("2: authentication.public_key_url: {why}"));
    }
    let local = "[authentication]\npublic_key_url = \"http://127.0.0.1:1/k\"\n";
    let open = "[keys]\nallow_http_hosts = [\"127.0.0.1\"]\nallow_networks = [\"127.0.0.0/8\"]\n";
    assert!(super::Written::new(open, &[("a", local)]).load(&Vars::new()).is_ok());
    usher(
        "[keys]\nallow_http_hosts = [\"a.test:80\"]\n",
        "usher.toml:2: keys.allow_http_hosts[0]: `a.test:80` is no",
    );
}

#[test]
fn a_widget_that_takes_tokens_needs_a_key_url() {
    let widget = "[widgets.web]\nallowed_origins = []\nauthentication = ";
    tenant(
        &format!("{widget}\"optional\"\n"),
        "1: authentication.public_key_url: is missing, and a widget takes tokens",
    );
    tenant(
        &format!("[authentication]\n{widget}\"required\"\n"),
        "1: authentication.public_key_url: is missing",
    );
    assert!(super::Written::new("", &[("a", &format!("{widget}\"off\"\n"))]).load(&Vars::new()).is_ok());
}

#[test]
fn a_widgets_faults_stand_at_their_settings() {
    let widget = |line: &str| format!("[widgets.web]\nauthentication = \"off\"\n{line}\n");
    tenant(&widget(""), "1: widgets.web.allowed_origins: is missing. Add allowed_origins = [\"…\"]");
    tenant(
        &widget("allowed_origins = [\"https://a.test/\"]"),
        "3: widgets.web.allowed_origins[0]: … \"https://a.test\"",
    );
    tenant(&widget("allowed_origins = [\"*\", \"https://a.test\"]"), "3: widgets.web.allowed_origins[0]: ");
    tenant(
        "[widgets.Web]\nauthentication = \"off\"\nallowed_origins = []\n",
        "1: widgets.Web: a widget's id must be",
    );
    let contradiction = "[authentication]\npublic_key_url = \"https://a.test/k\"\n[widgets.web]\n\
                         authentication = \"required\"\ninvalid_token = \"anonymous\"\nallowed_origins = []\n";
    tenant(contradiction, "5: widgets.web.invalid_token: \"anonymous\" contradicts");
}

#[test]
fn a_tenants_other_faults_stand_at_their_settings() {
    let authentication = |line: &str| format!("[authentication]\n{line}\n");
    tenant(
        &authentication("issuers = [\" \"]"),
        "2: authentication.issuers[0]: no token could have this value",
    );
    tenant(&authentication("max_key_bits = 8193"), "2: authentication.max_key_bits: 8193 is out of range");
    tenant(
        &authentication("max_token_bytes = 65537"),
        "2: authentication.max_token_bytes: 65537 is out of range",
    );
    tenant(&authentication("expiry_grace = \"25h\""), "2: authentication.expiry_grace: 25h is out of range");
    tenant(
        &authentication("javascript_client_function = \"auth.token()\""),
        "2: authentication.javascript_client_function: … without parentheses",
    );
    tenant("[context.variables]\n\"\" = \"text\"\n", "2: context.variables.: no variable can have this name");
    tenant(
        "[[queue]]\nname = \"q\"\n[[queue]]\nname = \"q\"\n",
        "4: queue[1].name: `q` is the name of an earlier",
    );
    tenant("[[queue]]\nname = \"\"\n", "2: queue[0].name: is no name for a queue");
}

#[test]
fn a_folder_of_tenants_that_is_not_there_is_a_fault_where_it_is_named() {
    let said = faults("\ntenants = \"elsewhere\"\n", &[], &Vars::new());
    one(&said, "usher.toml:2: tenants: the folder …/elsewhere can't be read");
}

#[test]
fn a_file_that_is_no_toml_hides_no_tenants_faults_and_causes_none() {
    let local = "[authentication]\npublic_key_url = \"http://127.0.0.1/k\"\nclock_skew = \"1\"\n";
    let said = faults("[limits\n", &[("a", local)], &Vars::new());
    let [first, second] = said.as_slice() else { panic!("{said:#?}") };
    assert!(first.starts_with("usher.toml:1: this isn't TOML: "), "{first}");
    assert!(second.starts_with("tenants/a.toml:3: authentication.clock_skew: "), "{second}");
}

#[test]
fn exceptions_that_can_not_be_read_cause_no_fault_elsewhere() {
    let local = "[authentication]\npublic_key_url = \"http://127.0.0.1/k\"\n";
    let said = faults("[keys]\nallow_http_hosts = \"127.0.0.1\"\n", &[("a", local)], &Vars::new());
    one(&said, "usher.toml:2: keys.allow_http_hosts: must be a list");
}
