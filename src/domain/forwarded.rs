//! Whose connection it is, behind proxies: what `X-Forwarded-For` and `Forwarded` (RFC 7239) say, as far as the
//! proxies that wrote it are trusted.

use std::net::IpAddr;

use ipnet::IpNet;

/// The two ways in which proxies name those that they speak for. Each item is one header line, in their order.
#[derive(Debug, Clone, Default)]
pub struct ForwardedHeaders<'a> {
    /// `X-Forwarded-For`.
    pub x_forwarded_for: Vec<&'a str>,
    /// `Forwarded`.
    pub forwarded: Vec<&'a str>,
}

/// The rightmost hop that is no trusted proxy: each trusted one is believed as to whom it spoke with, and nobody
/// else. Where a hop is not named by an address, it counts as the proxy's that wrote so. A proxy that writes one of
/// the headers may pass the other on as the client wrote it: where the two disagree, neither is believed, and the
/// connection counts as the peer's own.
#[must_use]
pub fn client_address(peer: IpAddr, headers: &ForwardedHeaders<'_>, trusted_proxies: &[IpNet]) -> IpAddr {
    let walk = |hops: Vec<Option<IpAddr>>| rightmost_untrusted(peer.to_canonical(), &hops, trusted_proxies);
    let by_x = walk(headers.x_forwarded_for.iter().flat_map(|line| x_forwarded_for(line)).collect());
    let by_standard = walk(headers.forwarded.iter().flat_map(|line| forwarded(line)).collect());
    match (headers.x_forwarded_for.is_empty(), headers.forwarded.is_empty()) {
        (_, true) => by_x,
        (true, false) => by_standard,
        (false, false) if by_x == by_standard => by_x,
        (false, false) => peer.to_canonical(),
    }
}

fn rightmost_untrusted(peer: IpAddr, hops: &[Option<IpAddr>], trusted_proxies: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted_proxies.iter().any(|network| network.contains(address));
    let mut client = peer;
    for hop in hops.iter().rev() {
        match hop {
            Some(hop) if is_trusted(&client) => client = *hop,
            _ => break,
        }
    }
    client
}

fn x_forwarded_for(line: &str) -> impl Iterator<Item = Option<IpAddr>> {
    line.split(',').map(|hop| address(hop.trim()))
}

fn forwarded(line: &str) -> impl Iterator<Item = Option<IpAddr>> {
    split(line, ',').map(|element| {
        let node = split(element, ';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim().eq_ignore_ascii_case("for").then_some(value.trim())
        })?;
        // RFC 7239 §4: a quoted string where there is more than a token's characters, as in every IPv6 address.
        address(node.strip_prefix('"').and_then(|node| node.strip_suffix('"')).unwrap_or(node))
    })
}

/// Splits where `separator` stands outside quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => return c == separator && !quoted,
        }
        false
    })
}

/// An address, with or without a port; an IPv6 one may stand in brackets.
fn address(node: &str) -> Option<IpAddr> {
    let bare = match node.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => match node.split_once(':') {
            // One colon is a port's, more are an IPv6 address's own.
            Some((v4, port)) if !port.contains(':') => v4,
            _ => node,
        },
    };
    bare.parse().ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "10.0.0.9";

    fn of(peer: &str, x_forwarded_for: &[&str], forwarded: &[&str]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let headers =
            ForwardedHeaders { x_forwarded_for: x_forwarded_for.to_vec(), forwarded: forwarded.to_vec() };
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_peer_that_is_no_trusted_proxy_is_believed_nothing() {
        assert_eq!(of("192.0.2.1", &["198.51.100.7"], &[]), "192.0.2.1");
        assert_eq!(of("192.0.2.1", &[], &["for=198.51.100.7"]), "192.0.2.1");
        assert_eq!(
            of("11.0.0.0", &["198.51.100.7"], &[]),
            "11.0.0.0",
            "the address after the trusted network"
        );
    }

    #[test]
    fn the_rightmost_hop_that_no_trusted_proxy_is_counts() {
        for (lines, client) in [
            (&["198.51.100.7"][..], "198.51.100.7"),
            (&["203.0.113.1, 198.51.100.7"], "198.51.100.7"),
            (&["203.0.113.1, 198.51.100.7, 10.1.1.1"], "198.51.100.7"),
            (&["203.0.113.1,198.51.100.7", "10.1.1.1"], "198.51.100.7"),
            (&["10.2.2.2, 10.1.1.1"], "10.2.2.2"),
            (&[], PEER),
        ] {
            assert_eq!(of(PEER, lines, &[]), client, "{lines:?}");
        }
    }

    #[test]
    fn what_is_no_address_counts_as_the_proxys_that_wrote_it() {
        for (line, client) in [
            ("198.51.100.7, nonsense", PEER),
            ("198.51.100.7, unknown, 10.1.1.1", "10.1.1.1"),
            ("198.51.100.7,", PEER),
            ("198.51.100.7.1", PEER),
            ("", PEER),
        ] {
            assert_eq!(of(PEER, &[line], &[]), client, "{line}");
        }
    }

    #[test]
    fn ports_brackets_and_mapped_addresses_are_understood() {
        for (hop, client) in [
            ("198.51.100.7:4711", "198.51.100.7"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
        ] {
            assert_eq!(of(PEER, &[hop], &[]), client);
        }
        assert_eq!(of("::ffff:10.0.0.9", &["198.51.100.7"], &[]), "198.51.100.7");
        assert_eq!(of("fd00::1", &["198.51.100.7"], &[]), "198.51.100.7");
    }

    #[test]
    fn the_standard_header_is_read_as_rfc_7239_writes_it() {
        for (lines, client) in [
            (&["for=198.51.100.7"][..], "198.51.100.7"),
            (&["For=\"[2001:db8:cafe::17]:4711\""], "2001:db8:cafe::17"),
            (&["by=10.0.0.1;for=203.0.113.43;proto=http"], "203.0.113.43"),
            (&["for=203.0.113.1, for=198.51.100.7;by=\"a,b;for=1.1.1.1\""], "198.51.100.7"),
            (&["for=203.0.113.1", "for=198.51.100.7, for=10.1.1.1"], "198.51.100.7"),
            (&["for=203.0.113.1, for=_hidden"], PEER),
            (&["for=203.0.113.1, proto=https"], PEER),
            (&["for=\"198.51.100.7"], PEER),
        ] {
            assert_eq!(of(PEER, &[], lines), client, "{lines:?}");
        }
    }

    #[test]
    fn where_the_two_headers_disagree_neither_is_believed() {
        assert_eq!(of(PEER, &["198.51.100.7"], &["for=198.51.100.7"]), "198.51.100.7");
        assert_eq!(of(PEER, &["198.51.100.7"], &["for=198.51.100.8"]), PEER);
        assert_eq!(of(PEER, &["198.51.100.7"], &["for=unknown"]), PEER);
    }
}
