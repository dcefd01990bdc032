//! Address ranges in conditions: CIDR of IPv4 and IPv6.

use std::net::IpAddr;

/// A range of addresses; a bare address is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    network: IpAddr,
    bits: u8,
}

impl Range {
    /// Reads `203.0.113.0/24`, `2001:db8::/32` or a bare address.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let network: IpAddr = address.parse().ok()?;
        let width = if network.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok()?
            }
            Some(_) => return None,
            None => width,
        };
        (bits <= width).then_some(Self { network, bits })
    }

    /// Whether `address` lies in the range. IPv4 and IPv6 never match each other.
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        match (self.network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let host = 32_u32.saturating_sub(u32::from(self.bits));
                (network.to_bits() ^ address.to_bits())
                    .checked_shr(host)
                    .unwrap_or(0)
                    == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let host = 128_u32.saturating_sub(u32::from(self.bits));
                (network.to_bits() ^ address.to_bits())
                    .checked_shr(host)
                    .unwrap_or(0)
                    == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(range: &str, address: &str, expected: bool) {
        let range = Range::parse(range).unwrap();
        assert_eq!(
            range.contains(address.parse().unwrap()),
            expected,
            "{range:?} {address}"
        );
    }

    #[test]
    fn ranges_compare_their_leading_bits() {
        check("203.0.113.0/24", "203.0.113.255", true);
        check("203.0.113.0/24", "203.0.114.0", false);
        check("203.0.113.77/24", "203.0.113.1", true);
        check("0.0.0.0/0", "255.1.2.3", true);
        check("2001:db8::/32", "2001:db8:ffff::1", true);
        check("2001:db8::/32", "2001:db9::", false);
        check("::/0", "2001:db8::1", true);
    }

    #[test]
    fn a_bare_address_is_itself_only() {
        check("203.0.113.7", "203.0.113.7", true);
        check("203.0.113.7", "203.0.113.6", false);
        check("2001:db8::1", "2001:db8::1", true);
        check("2001:db8::1", "2001:db8::2", false);
    }

    #[test]
    fn address_families_never_match_each_other() {
        check("0.0.0.0/0", "::ffff:203.0.113.7", false);
        check("::/0", "203.0.113.7", false);
    }

    #[test]
    fn other_text_is_no_range() {
        for text in [
            "",
            "203.0.113",
            "203.0.113.0/33",
            "203.0.113.0/",
            "::/129",
            "1.2.3.4/+8",
            "*",
        ] {
            assert_eq!(Range::parse(text), None, "{text}");
        }
    }
}
