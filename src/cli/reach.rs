//! Where a listener is reached from the machine that it listens on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// An address that listens everywhere is reached on loopback.
pub(super) fn reachable(listens: SocketAddr) -> SocketAddr {
    let address = match listens.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(address, listens.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_everywhere_is_reached_on_loopback() {
        for (listens, reached) in
            [("0.0.0.0:8082", "127.0.0.1:8082"), ("[::]:8082", "[::1]:8082"), ("10.0.0.1:1", "10.0.0.1:1")]
        {
            assert_eq!(reachable(listens.parse().unwrap()), reached.parse().unwrap());
        }
    }
}
