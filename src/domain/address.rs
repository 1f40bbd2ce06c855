//! Which addresses lie on the public internet, by the registries that IANA keeps.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(first: [u16; 3], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first[0], first[1], first[2], 0, 0, 0, 0, 0), prefix)
}

/// IANA's IPv4 special-purpose address registry (RFC 6890), and multicast.
const NOT_GLOBAL_V4: [(Ipv4Net, &str); 15] = [
    (v4(0, 0, 0, 0, 8), "an address of \"this network\" (RFC 791)"),
    (v4(10, 0, 0, 0, 8), "a private address (RFC 1918)"),
    (v4(100, 64, 0, 0, 10), "a carrier's shared address (RFC 6598)"),
    (v4(127, 0, 0, 0, 8), "a loopback address"),
    (v4(169, 254, 0, 0, 16), "a link-local address (RFC 3927)"),
    (v4(172, 16, 0, 0, 12), "a private address (RFC 1918)"),
    (v4(192, 0, 0, 0, 24), "an address for protocol assignments (RFC 6890)"),
    (v4(192, 0, 2, 0, 24), "an address for documentation (RFC 5737)"),
    (v4(192, 88, 99, 0, 24), "a withdrawn 6to4 relay address (RFC 7526)"),
    (v4(192, 168, 0, 0, 16), "a private address (RFC 1918)"),
    (v4(198, 18, 0, 0, 15), "an address for benchmarks (RFC 2544)"),
    (v4(198, 51, 100, 0, 24), "an address for documentation (RFC 5737)"),
    (v4(203, 0, 113, 0, 24), "an address for documentation (RFC 5737)"),
    (v4(224, 0, 0, 0, 4), "a multicast address"),
    (v4(240, 0, 0, 0, 4), "a reserved address (RFC 1112)"),
];

/// Names for the ranges outside global unicast, so that a refusal can say what it met.
const NAMED_V6: [(Ipv6Net, &str); 4] = [
    (v6([0xfc00, 0, 0], 7), "a unique local address (RFC 4193)"),
    (v6([0xfe80, 0, 0], 10), "a link-local address (RFC 4291)"),
    (v6([0xff00, 0, 0], 8), "a multicast address"),
    (v6([0x64, 0xff9b, 1], 48), "a local NAT64 address (RFC 8215)"),
];

/// What IANA's IPv6 special-purpose registry takes out of global unicast.
const NOT_GLOBAL_V6: [(Ipv6Net, &str); 4] = [
    (v6([0x2001, 0, 0], 32), "a Teredo address (RFC 4380)"),
    (v6([0x2001, 0, 0], 23), "an address for protocol assignments (RFC 2928)"),
    (v6([0x2001, 0xdb8, 0], 32), "an address for documentation (RFC 3849)"),
    (v6([0x3fff, 0, 0], 20), "an address for documentation (RFC 9637)"),
];

/// All that IANA has given out as global unicast (RFC 4291 §2.4).
const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0], 3);
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0], 16);
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0], 96);

/// Where a packet for this address ends up: the IPv4 address within a mapped (RFC 4291 §2.5.5.2), NAT64
/// (RFC 6052) or 6to4 (RFC 3056) one, else the address itself.
#[must_use]
pub fn effective(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address.to_canonical() else { return address.to_canonical() };
    let octets = v6.octets();
    if NAT64.contains(&v6) {
        IpAddr::V4(Ipv4Addr::new(octets[12], octets[13], octets[14], octets[15]))
    } else if SIX_TO_FOUR.contains(&v6) {
        IpAddr::V4(Ipv4Addr::new(octets[2], octets[3], octets[4], octets[5]))
    } else {
        address
    }
}

/// What kind of address this is where it is not global, judged by where a packet for it ends up.
#[must_use]
pub fn not_global(address: IpAddr) -> Option<&'static str> {
    match effective(address) {
        IpAddr::V4(v4) => NOT_GLOBAL_V4.iter().find(|(net, _)| net.contains(&v4)).map(|(_, what)| *what),
        IpAddr::V6(v6) if !GLOBAL_UNICAST.contains(&v6) => Some(outside_global_unicast(v6)),
        IpAddr::V6(v6) => NOT_GLOBAL_V6.iter().find(|(net, _)| net.contains(&v6)).map(|(_, what)| *what),
    }
}

fn outside_global_unicast(address: Ipv6Addr) -> &'static str {
    if address.is_loopback() {
        return "a loopback address";
    }
    if address.is_unspecified() {
        return "the unspecified address";
    }
    let named = NAMED_V6.iter().find(|(net, _)| net.contains(&address));
    named.map_or("an address outside global unicast (RFC 4291)", |(_, what)| *what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_global(text: &str) -> bool {
        not_global(text.parse().unwrap()).is_none()
    }

    #[test]
    fn an_ipv4_range_is_refused_from_its_first_to_its_last_address_and_no_further() {
        for (before, first, last, after) in [
            ("", "0.0.0.0", "0.255.255.255", "1.0.0.0"),
            ("9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"),
            ("100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"),
            ("126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"),
            ("169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"),
            ("172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"),
            ("191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"),
            ("192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"),
            ("192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"),
            ("192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"),
            ("198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"),
            ("198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"),
            ("203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"),
            ("223.255.255.255", "224.0.0.0", "255.255.255.255", ""),
        ] {
            assert!(before.is_empty() || is_global(before), "{before} was refused");
            assert!(!is_global(first) && !is_global(last), "{first} to {last} was let through");
            assert!(after.is_empty() || is_global(after), "{after} was refused");
        }
    }

    #[test]
    fn of_ipv6_only_global_unicast_is_let_through() {
        for refused in [
            "::",
            "::1",
            "::7f00:1",
            "::ffff:0:808:808",
            "64:ff9b:1::808:808",
            "100::1",
            "1fff:ffff::1",
            "2001::1",
            "2001:1ff:ffff::1",
            "2001:db8::1",
            "2001:db8:ffff:ffff::1",
            "3fff::1",
            "3fff:fff:ffff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_global(refused), "{refused} was let through");
        }
        for global in
            ["2001:200::1", "2001:db7::1", "2001:db9::1", "2606:4700::1111", "3ffe::1", "3fff:1000::1"]
        {
            assert!(is_global(global), "{global} was refused");
        }
    }

    #[test]
    fn mapped_nat64_and_6to4_are_judged_by_the_ipv4_within() {
        for refused in [
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a00:5",
            "64:ff9b::7f00:1",
            "2002:7f00:1::1",
            "2002:a9fe:a9fe::",
            "2002:c0a8:1:ffff::1",
        ] {
            assert!(!is_global(refused), "{refused} was let through");
        }
        for global in ["::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"] {
            assert!(is_global(global), "{global} was refused");
        }
    }

    #[test]
    fn a_refusal_says_what_kind_of_address_it_met() {
        for (address, what) in [
            ("::1", "a loopback address"),
            ("::ffff:10.0.0.5", "a private address (RFC 1918)"),
            ("2001::1", "a Teredo address (RFC 4380)"),
            ("fd00:ec2::254", "a unique local address (RFC 4193)"),
        ] {
            assert_eq!(not_global(address.parse().unwrap()), Some(what), "{address}");
        }
    }
}
