//! Names, addresses and certificates: to whom usher speaks at all.

use super::hostile_endpoint::{Authority, HostileEndpoint, Script, answer};
use super::*;

const NEVER: i32 = 2999;

struct Endpoint {
    authority: Authority,
    endpoint: HostileEndpoint,
}

impl Endpoint {
    async fn with_certificate(name: &str, last_year: i32) -> Self {
        let authority = Authority::new();
        let tls = authority.tls(name, last_year);
        let endpoint = HostileEndpoint::https(Script::Say(answer("200 OK", &[], b"[]")), tls).await;
        Self { authority, endpoint }
    }

    fn fetcher(&self, names: Arc<Names>) -> HttpFetcher {
        let extra_roots = vec![self.authority.pem.clone().into_bytes()];
        HttpFetcher::with_lookup(&FetchSettings { extra_roots, ..settings() }, names).unwrap()
    }

    fn url(&self) -> Url {
        Url::parse(&format!("https://keys.test:{}/", self.endpoint.address.port())).unwrap()
    }
}

#[tokio::test]
async fn a_certified_endpoint_is_fetched_from() {
    let endpoint = Endpoint::with_certificate("keys.test", NEVER).await;
    let got = endpoint.fetcher(Names::new(&[&["127.0.0.1"]])).fetch(&endpoint.url(), None).await.unwrap();
    assert_eq!(body(got), b"[]");
}

#[tokio::test]
async fn endpoint_tls_wrong_name_is_refused() {
    let endpoint = Endpoint::with_certificate("other.test", NEVER).await;
    let names = Names::new(&[&["127.0.0.1"]]);
    let error = endpoint.fetcher(names).fetch(&endpoint.url(), None).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Tls, "{error}");
    assert!(endpoint.endpoint.requests().is_empty());
}

#[tokio::test]
async fn endpoint_tls_expired_is_refused() {
    let endpoint = Endpoint::with_certificate("keys.test", 2001).await;
    let names = Names::new(&[&["127.0.0.1"]]);
    let error = endpoint.fetcher(names).fetch(&endpoint.url(), None).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Tls, "{error}");
    assert!(error.to_string().contains("Renew"), "{error}");
}

#[tokio::test]
async fn an_authority_that_nobody_trusts_is_refused() {
    let endpoint = Endpoint::with_certificate("keys.test", NEVER).await;
    let names = Names::new(&[&["127.0.0.1"]]);
    let fetcher = HttpFetcher::with_lookup(&settings(), names).unwrap();
    let error = fetcher.fetch(&endpoint.url(), None).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Tls, "{error}");
    assert!(error.to_string().contains("SSL_CERT_FILE"), "{error}");
}

#[tokio::test]
async fn an_endpoint_that_speaks_no_tls_is_refused() {
    let endpoint = HostileEndpoint::http(Script::Say(answer("200 OK", &[], b"[]"))).await;
    let url = format!("https://{}/", endpoint.address);
    let settings = FetchSettings { connect_timeout: Duration::from_millis(300), ..settings() };
    // The endpoint waits for the end of a request that never comes in clear text.
    assert_eq!(failure(&settings, &url).await, FailureKind::Timeout);
}

#[tokio::test]
async fn endpoint_dns_private_one_private_address_in_the_answer_refuses_the_name() {
    for answer in
        [&["10.0.0.5"][..], &["127.0.0.1", "10.0.0.5"], &["10.0.0.5", "127.0.0.1"], &["::ffff:10.0.0.5"]]
    {
        let endpoint = Endpoint::with_certificate("keys.test", NEVER).await;
        let error = endpoint.fetcher(Names::new(&[answer])).fetch(&endpoint.url(), None).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::BlockedAddress, "{answer:?}: {error}");
        assert!(error.message.starts_with("keys.test resolves to"), "{error}");
        assert!(endpoint.endpoint.requests().is_empty());
    }
}

#[tokio::test]
async fn endpoint_dns_rebinding_the_address_that_was_checked_is_the_one_connected_to() {
    let endpoint = Endpoint::with_certificate("keys.test", NEVER).await;
    let names = Names::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let fetcher = endpoint.fetcher(names.clone());
    assert!(fetcher.fetch(&endpoint.url(), None).await.is_ok());
    assert_eq!(names.asked(), 1, "one fetch asked more than once");
    let error = fetcher.fetch(&endpoint.url(), None).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::BlockedAddress);
    assert_eq!(names.asked(), 2, "the second fetch used an address that was not checked for it");
}

#[tokio::test]
async fn a_name_without_an_address_is_not_resolved() {
    let endpoint = Endpoint::with_certificate("keys.test", NEVER).await;
    let error = endpoint.fetcher(Names::new(&[&[]])).fetch(&endpoint.url(), None).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Dns);
}

#[tokio::test]
async fn the_system_s_own_name_for_loopback_is_refused() {
    let settings = FetchSettings { guard: GuardSettings::default(), ..settings() };
    let error = fetch(&settings, "https://localhost/").await.unwrap_err();
    assert_eq!(error.kind, FailureKind::BlockedAddress, "{error}");
}

#[tokio::test]
async fn a_literal_is_refused_though_it_never_meets_the_resolver() {
    let endpoint = HostileEndpoint::http(Script::Say(answer("200 OK", &[], b"[]"))).await;
    let guard = GuardSettings { plain_http: PlainHttp::Anywhere, ..GuardSettings::default() };
    let settings = FetchSettings { guard, ..settings() };
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0"] {
        let url = format!("http://{host}:{}/", endpoint.address.port());
        assert_eq!(failure(&settings, &url).await, FailureKind::BlockedAddress, "{host}");
    }
    assert!(endpoint.requests().is_empty());
}
