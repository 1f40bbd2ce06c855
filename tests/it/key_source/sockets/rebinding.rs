//! A name that resolves to one address when it is judged and to another when it is connected to. No process can be
//! given such a resolver from outside, so here the resolver alone is scripted: the key source, its fetcher, the
//! endpoints and their sockets are real.

use std::io::ErrorKind;
use std::net::TcpListener;

use usher::clock::Clock;
use usher::domain::id::TenantId;
use usher::domain::token::{Reason, Revocations, TokenPolicy};
use usher::key_source::{NotRefreshed, TenantKeys};

use super::super::scripted::key_source;
use super::super::*;
use super::scenarios;
use super::stage::{ALLOWED, Endpoint};
use crate::support::hostile_endpoint::{Script, answer};
use crate::support::keys::{KEY, token};

scenarios! {
    the_address_that_was_judged_is_the_only_one_connected_to: rebinds("endpoint/dns-rebinding");
}

/// What a rebinding name is after: a service on this machine that nobody else is to reach.
struct Internal(TcpListener);

impl Internal {
    fn is_untouched(&self) -> bool {
        self.0.accept().is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

/// An endpoint at the address that may be reached, and the internal service at the same port of 127.0.0.1.
async fn one_port_at_two_addresses() -> (Endpoint, Internal) {
    loop {
        let endpoint = Endpoint::at(ALLOWED, None).await;
        if let Ok(internal) = TcpListener::bind(("127.0.0.1", endpoint.port())) {
            internal.set_nonblocking(true).unwrap();
            return (endpoint, Internal(internal));
        }
    }
}

async fn rebinds(_: &str) {
    let (endpoint, internal) = one_port_at_two_addresses().await;
    let healthy = Endpoint::at(ALLOWED, None).await;
    healthy.speak(Script::Say(answer("200 OK", &[], KEY.public_pem().as_bytes())));
    let tenant = |id: &str, host: &str, port: u16| TenantKeys {
        tenant: id.parse().unwrap(),
        url: Url::parse(&format!("http://{host}:{port}/keys")).unwrap(),
        max_key_bits: 4096,
    };
    let [a, b] =
        [tenant("a", "keys.test", endpoint.port()), tenant("b", &ALLOWED.to_string(), healthy.port())];
    let (id_a, id_b) = (a.tenant.clone(), b.tenant.clone());
    let guard = GuardSettings {
        allow_networks: vec![format!("{ALLOWED}/32").parse().unwrap()],
        plain_http: PlainHttp::Hosts(vec!["keys.test".to_owned(), ALLOWED.to_string()]),
        names: SettingNames::KEYS,
    };
    let names = Names::new(&[&["127.0.0.2"], &["127.0.0.1"]]);
    let fetcher = HttpFetcher::with_lookup(&FetchSettings { guard, ..settings() }, names.clone()).unwrap();
    let (source, lifecycle) = key_source(vec![a, b], Arc::new(fetcher), Clock::system());
    let token = token("customer", Duration::from_mins(5));
    let verdict = async |tenant: &TenantId| {
        source.verify(tenant, &token, &TokenPolicy::default(), &Revocations::default()).await
    };

    // The name is judged by its first answer, and that is where the fetch goes: to an endpoint that has no keys.
    assert_eq!(verdict(&id_a).await.unwrap_err().reason, Reason::KeysUnavailable);
    assert_eq!((names.asked(), endpoint.fetches()), (1, 1), "one fetch asked for the name more than once");
    assert!(verdict(&id_b).await.is_ok(), "the other tenant");
    // The next one judges anew.
    let failed = source.refresh(&id_a).await.unwrap_err();
    let NotRefreshed::Failed(status) = failed else { panic!("{failed:?}") };
    let (_, failure) = status.last_failure.expect("a failure");
    assert_eq!(failure.kind, FailureKind::BlockedAddress);
    assert_eq!((names.asked(), endpoint.fetches()), (2, 1));
    assert!(internal.is_untouched());
    assert!(verdict(&id_b).await.is_ok(), "the other tenant");
    lifecycle.stop();
    lifecycle.finished().await;
}
