//! Whose connection it is, behind a proxy and without one.

use super::{dial, usher};
use crate::support::keys::KeyEndpoint;
use crate::support::setup::Setup;
use crate::support::usher::Usher;

const PROXY: &str = "127.0.0.1";
const OUTSIDER: &str = "127.0.0.2";

/// A gateway that lets every address hold one connection.
async fn behind_proxy() -> (Usher, KeyEndpoint) {
    let keys = KeyEndpoint::start().await;
    let setup = Setup::new().tenant("contoso", &keys.url()).limit("connections_per_address = 1");
    let setup = setup.listen("trusted_proxies = [\"127.0.0.1/32\", \"10.0.0.0/8\"]");
    (Usher::start(setup).await, keys)
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_rightmost_hop_that_is_none_counts() {
    let (usher, _keys) = behind_proxy().await;
    let mut held = Vec::new();
    for (name, line, is_new) in [
        ("x-forwarded-for", "192.0.2.1", true),
        ("x-forwarded-for", "192.0.2.1", false),
        ("x-forwarded-for", "198.51.100.9, 192.0.2.1", false),
        ("x-forwarded-for", "192.0.2.1, 10.0.0.7", false),
        ("forwarded", "for=192.0.2.1;proto=https", false),
        ("x-forwarded-for", "192.0.2.1, 198.51.100.9", true),
        ("forwarded", "for=192.0.2.77, for=198.51.100.10;by=10.0.0.7", true),
        ("x-forwarded-for", "198.51.100.10", false),
        ("x-forwarded-for", "2001:db8::1", true),
        ("forwarded", "for=\"[2001:db8::ffff:1]:4711\"", false),
        ("x-forwarded-for", "2001:db8:0:1::1", true),
    ] {
        let dialled = dial(&usher, PROXY, &[(name, line)]).await;
        assert_eq!(dialled.is_ok(), is_new, "{name}: {line}");
        held.extend(dialled.ok());
    }
}

#[tokio::test]
async fn whoever_is_no_trusted_proxy_speaks_for_itself_alone() {
    let (usher, _keys) = behind_proxy().await;
    let _held = dial(&usher, OUTSIDER, &[("x-forwarded-for", "192.0.2.1")]).await.unwrap();
    let again = dial(&usher, OUTSIDER, &[("x-forwarded-for", "192.0.2.2")]).await.err();
    assert_eq!(again.map(|(code, _)| code).as_deref(), Some("too_many_connections_of_address"));
    dial(&usher, PROXY, &[("x-forwarded-for", "192.0.2.1")]).await.unwrap();
}

#[tokio::test]
async fn without_trusted_proxies_the_headers_say_nothing() {
    let (usher, _keys) = usher(&["connections_per_address = 1"]).await;
    let _held = dial(&usher, PROXY, &[("x-forwarded-for", "192.0.2.1")]).await.unwrap();
    assert!(dial(&usher, PROXY, &[("x-forwarded-for", "192.0.2.2")]).await.is_err());
}
