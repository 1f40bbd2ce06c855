//! What a URL that somebody else wrote may make usher connect to.
//!
//! A host name is judged where it is resolved, by [`Guard::check_addresses`]; an IP literal never reaches the
//! resolver, so [`Guard::check_url`] judges it. Both must be asked.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use url::{Host, Url};

use super::failure::{FailureKind, FetchError};
use crate::domain::address::{effective, not_global};

/// To which hosts plain `http` may go.
#[derive(Debug, Clone, Default)]
pub enum PlainHttp {
    /// To none.
    #[default]
    Refused,
    /// To these hosts, names or addresses, compared as a URL parser normalises them.
    Hosts(Vec<String>),
    /// To any: for a person at a command line.
    Anywhere,
}

/// How the exceptions are called where the operator writes them, for the remedies.
#[derive(Debug, Clone, Copy)]
pub struct SettingNames {
    /// The list of networks that may be reached though they aren't global.
    pub networks: &'static str,
    /// The list of hosts that plain `http` may go to.
    pub plain_http: &'static str,
}

impl SettingNames {
    /// As in `usher.toml`, table `[keys]`.
    pub const KEYS: Self = Self { networks: "[keys] allow_networks", plain_http: "[keys] allow_http_hosts" };
    /// As in `usher.toml`, table `[[webhook]]`.
    pub const WEBHOOK: Self =
        Self { networks: "[[webhook]] allow_networks", plain_http: "[[webhook]] allow_http_hosts" };
    /// As options of the command line.
    pub const OPTIONS: Self = Self { networks: "--allow-network", plain_http: "--allow-http" };
}

/// The exceptions from "https to global addresses".
#[derive(Debug, Clone)]
pub struct GuardSettings {
    /// Networks that may be reached though they aren't global. An IPv4 network also covers its addresses in
    /// their mapped, NAT64 and 6to4 forms.
    pub allow_networks: Vec<IpNet>,
    /// Where plain `http` may go.
    pub plain_http: PlainHttp,
    /// How the two are called in remedies.
    pub names: SettingNames,
}

impl Default for GuardSettings {
    fn default() -> Self {
        Self { allow_networks: Vec::new(), plain_http: PlainHttp::Refused, names: SettingNames::KEYS }
    }
}

/// Judges URLs and addresses; pure.
#[derive(Debug, Clone)]
pub struct Guard {
    networks: Vec<IpNet>,
    plain_http: Http,
    names: SettingNames,
}

#[derive(Debug, Clone)]
enum Http {
    To(Vec<Host>),
    Anywhere,
}

impl Guard {
    /// A guard with these exceptions. A host in [`PlainHttp::Hosts`] that is none is passed over.
    #[must_use]
    pub fn new(settings: &GuardSettings) -> Self {
        let networks = settings.allow_networks.iter().map(|net| unmapped(*net)).collect();
        let plain_http = match &settings.plain_http {
            PlainHttp::Refused => Http::To(Vec::new()),
            PlainHttp::Hosts(hosts) => Http::To(hosts.iter().filter_map(|host| parse_host(host)).collect()),
            PlainHttp::Anywhere => Http::Anywhere,
        };
        Self { networks, plain_http, names: settings.names }
    }

    /// Judges all of a URL but the addresses behind its name.
    pub fn check_url(&self, url: &Url) -> Result<(), FetchError> {
        let refused =
            |message: String, remedy: String| Err(FetchError::new(FailureKind::Url, message, remedy));
        let Some(host) = url.host() else {
            let message = format!("A URL of the scheme `{}` has no host to fetch from.", url.scheme());
            return refused(message, "Write an https URL.".to_owned());
        };
        if !url.username().is_empty() || url.password().is_some() {
            let message = format!("The URL for {host} holds credentials.");
            return refused(
                message,
                "Public keys need none: write the URL without `user:password@`.".to_owned(),
            );
        }
        if url.fragment().is_some() {
            let message = format!("The URL for {host} holds a fragment.");
            return refused(message, "Write the URL without `#` and what follows.".to_owned());
        }
        match url.scheme() {
            "https" => {}
            "http" if self.allows_http(&host) => {}
            "http" => {
                let message =
                    format!("Plain http to {host} is refused: anyone on the way could replace the keys.");
                return refused(
                    message,
                    format!("Use https, or allow the host by `{}`.", self.names.plain_http),
                );
            }
            other => {
                let message = format!("The scheme `{other}` is refused for {host}.");
                return refused(message, "Write an https URL.".to_owned());
            }
        }
        match host {
            Host::Domain(_) => Ok(()),
            Host::Ipv4(address) => self.check_address(None, address.into()),
            Host::Ipv6(address) => self.check_address(None, address.into()),
        }
    }

    /// Judges a resolver's whole answer: one address that may not be reached refuses the name, since the next
    /// connection might go there.
    pub fn check_addresses<I>(&self, name: &str, addresses: I) -> Result<(), FetchError>
    where
        I: IntoIterator<Item = IpAddr>,
    {
        addresses.into_iter().try_for_each(|address| self.check_address(Some(name), address))
    }

    fn check_address(&self, name: Option<&str>, address: IpAddr) -> Result<(), FetchError> {
        let Some(what) = not_global(address) else { return Ok(()) };
        let reached = [address.to_canonical(), effective(address)];
        if self.networks.iter().any(|net| reached.iter().any(|address| net.contains(address))) {
            return Ok(());
        }
        let subject =
            name.map_or_else(|| format!("{address} is"), |name| format!("{name} resolves to {address},"));
        let within = match effective(address) {
            inner if inner != address => format!(" (by the {inner} within)"),
            _ => String::new(),
        };
        let message = format!("{subject} {what}{within}, which usher does not connect to.");
        let remedy = format!("If it is meant, list its network in `{}`.", self.names.networks);
        Err(FetchError::new(FailureKind::BlockedAddress, message, remedy))
    }

    fn allows_http(&self, host: &Host<&str>) -> bool {
        match &self.plain_http {
            Http::Anywhere => true,
            Http::To(hosts) => hosts.iter().any(|allowed| allowed == host),
        }
    }
}

/// Reads a host as a URL holds it, so that `[::1]`, `::1` and `0:0::1` are one.
fn parse_host(text: &str) -> Option<Host> {
    let bare: Result<IpAddr, _> = text.parse();
    match bare {
        Ok(IpAddr::V6(address)) => Some(Host::Ipv6(address)),
        _ => Url::parse(&format!("http://{text}/")).ok()?.host().map(|host| host.to_owned()),
    }
}

/// A network of mapped addresses is the IPv4 network within.
fn unmapped(net: IpNet) -> IpNet {
    match (net.addr().to_canonical(), net.prefix_len()) {
        (IpAddr::V4(inner), length @ 96..) if matches!(net, IpNet::V6(_)) => {
            Ipv4Net::new(inner, length - 96).map_or(net, IpNet::V4)
        }
        _ => net,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(networks: &[&str], http: &[&str]) -> Guard {
        Guard::new(&GuardSettings {
            allow_networks: networks.iter().map(|net| net.parse().unwrap()).collect(),
            plain_http: PlainHttp::Hosts(http.iter().map(|&host| host.to_owned()).collect()),
            names: SettingNames::KEYS,
        })
    }

    fn kind(guard: &Guard, url: &str) -> Option<FailureKind> {
        guard.check_url(&Url::parse(url).unwrap()).err().map(|error| error.kind)
    }

    #[test]
    fn https_to_a_name_or_a_global_address_passes() {
        let guard = guard(&[], &[]);
        for url in [
            "https://contoso.com/keys",
            "https://contoso.com:8443/",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]/",
        ] {
            assert_eq!(kind(&guard, url), None, "{url}");
        }
    }

    #[test]
    fn a_loopback_literal_is_refused_in_every_notation() {
        let guard = guard(&[], &[]);
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "017700000001",
            "127.1",
            "127.0.1",
            "127.0.0.1.",
            "１２７.0.0.1",
            "%31%32%37.0.0.1",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[64:ff9b::127.0.0.1]",
            "[2002:7f00:1::]",
            "0",
            "0.0.0.0",
            "[::]",
        ] {
            let url = format!("https://{host}/keys");
            assert_eq!(kind(&guard, &url), Some(FailureKind::BlockedAddress), "{url}");
        }
    }

    #[test]
    fn schemes_credentials_and_fragments_are_refused() {
        let guard = guard(&["127.0.0.0/8"], &[]);
        for url in [
            "http://contoso.com/",
            "http://127.0.0.1/",
            "ftp://contoso.com/",
            "file:///etc/passwd",
            "data:text/plain,key",
            "ws://contoso.com/",
            "https://user@contoso.com/",
            "https://user:secret@contoso.com/",
            "https://:secret@contoso.com/",
            "https://contoso.com/#keys",
            "https://contoso.com/#",
        ] {
            assert_eq!(kind(&guard, url), Some(FailureKind::Url), "{url}");
        }
    }

    #[test]
    fn a_refusal_never_repeats_credentials() {
        let url = Url::parse("https://user:hunter2@contoso.com/path?sig=hunter3").unwrap();
        let text = guard(&[], &[]).check_url(&url).unwrap_err().to_string();
        assert!(text.contains("contoso.com") && !text.contains("hunter"), "{text}");
    }

    #[test]
    fn http_goes_to_listed_hosts_only_and_by_their_normal_form() {
        let guard = guard(&["127.0.0.0/8", "::1/128"], &["127.0.0.1", "Keys.Contoso.COM", "::1"]);
        for url in
            ["http://127.0.0.1:9000/", "http://2130706433/", "http://keys.contoso.com/", "http://[::1]:1/"]
        {
            assert_eq!(kind(&guard, url), None, "{url}");
        }
        for url in [
            "http://127.0.0.2/",
            "http://contoso.com/",
            "http://a.keys.contoso.com/",
            "http://keys.contoso.com./",
        ] {
            assert_eq!(kind(&guard, url), Some(FailureKind::Url), "{url}");
        }
    }

    #[test]
    fn a_host_allowed_for_http_still_needs_its_network_allowed() {
        assert_eq!(kind(&guard(&[], &["127.0.0.1"]), "http://127.0.0.1/"), Some(FailureKind::BlockedAddress));
    }

    #[test]
    fn an_exception_covers_its_network_in_every_form_and_nothing_beside_it() {
        for networks in [["10.1.0.0/16"], ["::ffff:10.1.0.0/112"]] {
            let guard = guard(&networks, &[]);
            for host in
                ["10.1.0.0", "10.1.255.255", "[::ffff:10.1.2.3]", "[64:ff9b::10.1.2.3]", "[2002:a01:203::]"]
            {
                assert_eq!(kind(&guard, &format!("https://{host}/")), None, "{host}");
            }
            for host in ["10.0.255.255", "10.2.0.0", "[::ffff:10.2.0.0]", "127.0.0.1", "[fd00::1]"] {
                let url = format!("https://{host}/");
                assert_eq!(kind(&guard, &url), Some(FailureKind::BlockedAddress), "{host}");
            }
        }
    }

    #[test]
    fn one_address_that_is_not_global_refuses_the_name() {
        let guard = guard(&[], &[]);
        let public: IpAddr = "93.184.216.34".parse().unwrap();
        let private: IpAddr = "10.0.0.5".parse().unwrap();
        assert_eq!(guard.check_addresses("contoso.com", [public]), Ok(()));
        for answer in [vec![private], vec![public, private], vec![private, public]] {
            let error = guard.check_addresses("contoso.com", answer).unwrap_err();
            assert_eq!(error.kind, FailureKind::BlockedAddress);
            assert_eq!(
                error.to_string(),
                "contoso.com resolves to 10.0.0.5, a private address (RFC 1918), which usher does not connect to. \
                 If it is meant, list its network in `[keys] allow_networks`."
            );
        }
    }
}
