//! Where usher may be sent by its configuration, to fetch keys or to post events, as far as the address itself tells.

use std::net::IpAddr;

use ipnet::IpNet;
use url::{Host, Url};

use crate::domain::address::{effective, not_global};

/// What an endpoint is for, in the words of its faults.
#[derive(Debug)]
pub(super) struct Purpose {
    /// A whole URL of this kind.
    pub(super) example: &'static str,
    /// Why no credentials are needed.
    pub(super) without_credentials: &'static str,
    /// What plain HTTP would cost.
    pub(super) plain_http: &'static str,
    /// Where a host is listed that may be asked without TLS.
    pub(super) http_hosts: &'static str,
    /// Where a network is listed that isn't global.
    pub(super) networks: &'static str,
}

/// The tenants' public keys.
pub(super) const KEYS: Purpose = Purpose {
    example: "https://www.contoso.com/auth/publickey",
    without_credentials: "the endpoint is public",
    plain_http: "whoever is on the way could put in keys of their own",
    http_hosts: "[keys] allow_http_hosts, for a test's sake",
    networks: "[keys] allow_networks if it is meant",
};

/// Events that are posted.
pub(super) const WEBHOOK: Purpose = Purpose {
    example: "https://crm.contoso.com/usher",
    without_credentials: "a delivery proves itself by its signature",
    plain_http: "whoever is on the way could read what customers say",
    http_hosts: "allow_http_hosts of this webhook",
    networks: "allow_networks of this webhook",
};

/// What is allowed beside global addresses and TLS.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exceptions<'a> {
    /// Hosts as a URL holds them.
    pub(super) http_hosts: &'a [String],
    pub(super) networks: &'a [IpNet],
}

/// Reads an endpoint's URL: `https`, or `http` to an allowed host; without credentials and fragment; an address in the
/// place of a name is global, or in an allowed network. Without `exceptions`, what could be one is taken for one.
/// The error says what is wrong and what to do, and never holds the URL, which may hold a secret.
pub(super) fn parse(
    text: &str,
    purpose: &Purpose,
    exceptions: Option<Exceptions<'_>>,
) -> Result<Url, (String, String)> {
    let refused = |message: &str, remedy: &str| Err((message.to_owned(), remedy.to_owned()));
    let Ok(url) = Url::parse(text) else {
        let remedy = format!("Write the endpoint's whole URL, such as \"{}\"", purpose.example);
        return refused("is no URL", &remedy);
    };
    if !url.username().is_empty() || url.password().is_some() {
        let remedy = format!("Remove what stands before the @: {}", purpose.without_credentials);
        return refused("holds credentials", &remedy);
    }
    if url.fragment().is_some() {
        return refused("holds a fragment, which no server sees", "Remove the # and what follows it");
    }
    let Some(host) = url.host_str() else {
        return refused("has no host", "Write https:// and the endpoint's host");
    };
    let excepted = |by: &dyn Fn(Exceptions<'_>) -> bool| exceptions.is_none_or(by);
    match url.scheme() {
        "https" => {}
        "http" if excepted(&|these| these.http_hosts.iter().any(|allowed| allowed == host)) => {}
        "http" => {
            let message = format!("is plain http: {}", purpose.plain_http);
            return refused(
                &message,
                &format!("Write https, or list \"{host}\" under {}", purpose.http_hosts),
            );
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
        Some(what) if !excepted(&|these| these.networks.iter().any(listed)) => refused(
            &format!("leads to {what}, which usher does not connect to"),
            &format!("Write the endpoint's public name, or list {literal} under {}", purpose.networks),
        ),
        _ => Ok(url),
    }
}
