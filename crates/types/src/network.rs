//! Which addresses count as one host.

use std::net::{IpAddr, Ipv6Addr};

/// The address of `peer`, or the network that one host of IPv6 has to itself: whoever has one of
/// its 2^64 addresses has them all, so that what is bounded for an address is bounded for them
/// together. An IPv4 address that is written as one of IPv6 is the former.
pub fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(peer) => peer.into(),
        IpAddr::V6(peer) => Ipv6Addr::from_bits(peer.to_bits() & (u128::MAX << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(peer: &str, expected: &str) {
        let expected: IpAddr = expected.parse().unwrap();
        assert_eq!(network(peer.parse().unwrap()), expected);
    }

    #[test]
    fn a_host_of_ipv6_is_its_network() {
        check("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::");
        check("2001:db8:0:1::", "2001:db8:0:1::");
        check("2001:db8:0:2::1", "2001:db8:0:2::");
    }

    #[test]
    fn a_host_of_ipv4_is_its_address_however_it_is_written() {
        check("192.0.2.7", "192.0.2.7");
        check("::ffff:192.0.2.7", "192.0.2.7");
    }
}
