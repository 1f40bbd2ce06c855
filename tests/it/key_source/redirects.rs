//! Redirects: refused unless allowed, and then checked hop by hop.

use super::hostile_endpoint::{Authority, HostileEndpoint, Script, answer};
use super::*;

fn redirect(to: &str) -> Script {
    Script::Say(answer("302 Found", &[&format!("Location: {to}")], b"-----BEGIN PUBLIC KEY-----"))
}

fn allowing(redirects: u8) -> FetchSettings {
    FetchSettings { redirects, ..settings() }
}

#[tokio::test]
async fn without_leave_no_redirect_is_followed() {
    let target = HostileEndpoint::http(Script::Say(answer("200 OK", &[], b"[]"))).await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let script = Script::Say(answer(status, &[&format!("Location: {}", target.url())], b""));
        let endpoint = HostileEndpoint::http(script).await;
        assert_eq!(failure(&settings(), &endpoint.url()).await, FailureKind::Redirect, "{status}");
    }
    assert!(target.requests().is_empty());
}

#[tokio::test]
async fn endpoint_redirect_loop_ends_at_the_limit() {
    let authority = Authority::new();
    let tls = authority.tls("keys.test", 2999);
    let itself = |address: SocketAddr| redirect(&format!("https://keys.test:{}/keys", address.port()));
    let endpoint = HostileEndpoint::listen(itself, Some(tls)).await;
    for (allowed, requests) in [(0, 1), (1, 2), (3, 4), (200, 4)] {
        let before = endpoint.requests().len();
        let settings = FetchSettings { extra_roots: vec![authority.pem.clone().into()], ..allowing(allowed) };
        let fetcher = HttpFetcher::with_lookup(&settings, Names::new(&[&["127.0.0.1"]])).unwrap();
        let url = Url::parse(&format!("https://keys.test:{}/keys", endpoint.address.port())).unwrap();
        assert_eq!(fetcher.fetch(&url, None).await.unwrap_err().kind, FailureKind::Redirect);
        assert_eq!(endpoint.requests().len() - before, requests, "{allowed} redirects allowed");
    }
}

#[tokio::test]
async fn an_allowed_redirect_to_https_is_followed() {
    let authority = Authority::new();
    let target =
        HostileEndpoint::https(Script::Say(answer("200 OK", &[], b"[]")), authority.tls("keys.test", 2999))
            .await;
    let endpoint =
        HostileEndpoint::http(redirect(&format!("https://keys.test:{}/", target.address.port()))).await;
    let settings = FetchSettings { extra_roots: vec![authority.pem.clone().into()], ..allowing(1) };
    let fetcher = HttpFetcher::with_lookup(&settings, Names::new(&[&["127.0.0.1"]])).unwrap();
    let got = fetcher.fetch(&Url::parse(&endpoint.url()).unwrap(), None).await.unwrap();
    assert_eq!(body(got), b"[]");
}

#[tokio::test]
async fn a_hop_is_checked_as_the_first_url_is() {
    for (location, kind) in [
        ("http://127.0.0.1:9/", FailureKind::Redirect),
        ("http://169.254.169.254/latest/meta-data/iam/", FailureKind::Redirect),
        ("http://[::ffff:169.254.169.254]/", FailureKind::Redirect),
        ("http://2130706433/key", FailureKind::Redirect),
        ("http://10.0.0.5/key", FailureKind::Redirect),
        ("http://contoso.com/auth/publickey", FailureKind::Redirect),
        ("file:///etc/passwd", FailureKind::Redirect),
        ("data:text/plain,key", FailureKind::Redirect),
        ("gopher://127.0.0.1/", FailureKind::Redirect),
        ("/relative-and-so-not-https", FailureKind::Redirect),
        ("https://169.254.169.254/", FailureKind::BlockedAddress),
        ("https://[::ffff:169.254.169.254]/", FailureKind::BlockedAddress),
        ("https://167772165/key", FailureKind::BlockedAddress),
        ("https://[fd00:ec2::254]/", FailureKind::BlockedAddress),
        ("https://contoso.com@169.254.169.254/", FailureKind::Url),
        ("https://contoso.com/#key", FailureKind::Url),
        ("https://", FailureKind::Redirect),
        ("", FailureKind::Redirect),
    ] {
        let endpoint = HostileEndpoint::http(redirect(location)).await;
        let names = Names::new(&[]);
        let fetcher = HttpFetcher::with_lookup(&allowing(3), names.clone()).unwrap();
        let error = fetcher.fetch(&Url::parse(&endpoint.url()).unwrap(), None).await.unwrap_err();
        assert_eq!(error.kind, kind, "{location}: {error}");
        assert_eq!((endpoint.requests().len(), names.asked()), (1, 0), "{location}");
    }
}

#[tokio::test]
async fn a_hop_to_a_name_with_a_private_address_is_refused() {
    let endpoint = HostileEndpoint::http(redirect("https://intranet.test/")).await;
    let fetcher = HttpFetcher::with_lookup(&allowing(3), Names::new(&[&["10.0.0.5"]])).unwrap();
    let error = fetcher.fetch(&Url::parse(&endpoint.url()).unwrap(), None).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::BlockedAddress);
}

#[tokio::test]
async fn a_redirect_without_a_location_fails() {
    let endpoint = HostileEndpoint::http(Script::Say(answer("302 Found", &[], b""))).await;
    assert_eq!(failure(&allowing(3), &endpoint.url()).await, FailureKind::Redirect);
}
