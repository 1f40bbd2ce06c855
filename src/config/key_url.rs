//! Where a tenant may publish its keys, as far as the address itself tells.

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

use crate::domain::address::{effective, not_global};

use super::gateway::KeysConfig;

/// Reads a `public_key_url`: `https`, or `http` to an allowed host; without credentials and fragment; an address in the
/// place of a name is global, or in `allow_networks`. Without `keys`, what could be an exception is taken for one.
/// The error says what is wrong and what to do, and never holds the URL, which may hold credentials.
pub(super) fn parse(text: &str, keys: Option<&KeysConfig>) -> Result<Url, (String, String)> {
    let refused = |message: &str, remedy: &str| Err((message.to_owned(), remedy.to_owned()));
    let Ok(url) = Url::parse(text) else {
        let remedy = "Write the endpoint's whole URL, such as \"https://www.contoso.com/auth/publickey\"";
        return refused("is no URL", remedy);
    };
    if !url.username().is_empty() || url.password().is_some() {
        return refused("holds credentials", "Remove what stands before the @: the endpoint is public");
    }
    if url.fragment().is_some() {
        return refused("holds a fragment, which no server sees", "Remove the # and what follows it");
    }
    let Some(host) = url.host_str() else {
        return refused("has no host", "Write https:// and the endpoint's host");
    };
    let excepted = |by: &dyn Fn(&KeysConfig) -> bool| keys.is_none_or(by);
    match url.scheme() {
        "https" => {}
        "http" if excepted(&|keys| keys.allow_http_hosts.iter().any(|allowed| allowed == host)) => {}
        "http" => {
            let remedy =
                format!("Write https, or list \"{host}\" under [keys] allow_http_hosts, for a test's sake");
            return refused("is plain http: whoever is on the way could put in keys of their own", &remedy);
        }
        _ => return refused("is neither https nor http", "Write the endpoint's https URL"),
    }
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::from(address),
        Some(Host::Ipv6(address)) => IpAddr::from(address),
        _ => return Ok(url),
    };
    // As a connection will be judged: by the address itself and by the one within.
    let forms = [literal.to_canonical(), effective(literal)];
    let listed = |network: &IpNet| forms.iter().any(|form| network.contains(form));
    match not_global(literal) {
        Some(what) if !excepted(&|keys| keys.allow_networks.iter().any(listed)) => refused(
            &format!("leads to {what}, which usher does not connect to"),
            &format!(
                "Write the endpoint's public name, or list {literal} under [keys] allow_networks if it is meant"
            ),
        ),
        _ => Ok(url),
    }
}
