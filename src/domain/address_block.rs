//! What counts as one address where addresses are counted.

use std::net::{IpAddr, Ipv6Addr};

/// The addresses that count as one: an IPv4 address by itself, all IPv6 addresses of one /64. The smallest network that
/// is given to anybody is a /64 (RFC 6177 §1), and whoever has it has 2^64 addresses.
///
/// An IPv4 address that is mapped into IPv6 (RFC 4291 §2.5.5.2) is that IPv4 address: a listener on `[::]` shows the
/// same peer so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressBlock(IpAddr);

/// The bits of an IPv6 address that name its network; the other half names a host in it (RFC 4291 §2.5.1).
const NETWORK: u128 = u128::MAX << 64;

impl AddressBlock {
    /// The block that this address lies in.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(v4) => IpAddr::V4(v4),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & NETWORK)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn are_one(one: &str, other: &str) -> bool {
        let block = |text: &str| AddressBlock::of(text.parse().unwrap());
        block(one) == block(other)
    }

    #[test]
    fn every_ipv4_address_counts_by_itself() {
        assert!(are_one("192.0.2.1", "192.0.2.1"));
        assert!(!are_one("192.0.2.1", "192.0.2.2"));
        assert!(!are_one("192.0.2.1", "193.0.2.1"));
    }

    #[test]
    fn ipv6_addresses_count_as_one_up_to_the_last_of_their_64_and_no_further() {
        assert!(are_one("2001:db8:0:1::", "2001:db8:0:1:ffff:ffff:ffff:ffff"));
        assert!(!are_one("2001:db8:0:1::", "2001:db8:0:0:ffff:ffff:ffff:ffff"));
        assert!(!are_one("2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:2::"));
        assert!(!are_one("2001:db8:0:1::1", "2001:db9:0:1::1"));
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address_within() {
        assert!(are_one("::ffff:192.0.2.1", "192.0.2.1"));
        assert!(!are_one("::ffff:192.0.2.1", "::ffff:192.0.2.2"));
        // Compatible addresses (RFC 4291 §2.5.5.1) are long withdrawn, and nobody connects from one.
        assert!(!are_one("::192.0.2.1", "192.0.2.1"));
        assert!(are_one("::1", "::2"));
    }
}
