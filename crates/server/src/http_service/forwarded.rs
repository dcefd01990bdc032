//! Whose request it is that a proxy hands on.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str;

use http::HeaderMap;

/// The address that the request of `peer` comes from: the peer's, unless that is one of the
/// `trusted` proxies and names another in `X-Forwarded-For`. Then it is the last one named that
/// is none of theirs, however many lines the header has.
///
/// Fails, for the request to be refused, if a trusted proxy has named what is no address. The
/// proxy's own address would stand for whoever wrote that, and no address at all would lift
/// every Deny that names some. What is further to the left than the answer is not read: that is
/// what strangers wrote.
pub(super) fn source_ip(
    peer: IpAddr,
    trusted: &[IpAddr],
    headers: &HeaderMap,
) -> Result<IpAddr, &'static str> {
    if !trusted.contains(&peer) {
        return Ok(peer);
    }
    let lines = headers.get_all("x-forwarded-for").iter();
    let named: Vec<&[u8]> = lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .collect();
    for name in named.into_iter().rev() {
        let address = address(name).ok_or(UNREADABLE)?;
        if !trusted.contains(&address) {
            return Ok(address);
        }
    }
    Ok(peer)
}

/// An address as proxies write it; some add the port, and brackets without one.
fn address(name: &[u8]) -> Option<IpAddr> {
    let name = str::from_utf8(name).ok()?.trim();
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    if let Some(address) = bare.and_then(|bare| bare.parse::<Ipv6Addr>().ok()) {
        return Some(IpAddr::V6(address).to_canonical());
    }
    let with_port = || name.parse().map(|address: SocketAddr| address.ip());
    let address: IpAddr = name.parse().or_else(|_| with_port()).ok()?;
    Some(address.to_canonical())
}

const UNREADABLE: &str = "the proxy names no address in X-Forwarded-For that can be read";

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// What comes of these lines of a proxy at 127.0.0.1, beside which one at 10.0.0.9 is trusted.
    fn check(lines: &[&[u8]], expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        for line in lines {
            let line = HeaderValue::from_bytes(line).unwrap();
            headers.append("x-forwarded-for", line);
        }
        let [peer, other] = ["127.0.0.1", "10.0.0.9"].map(|text| text.parse().unwrap());
        let found = source_ip(peer, &[peer, other], &headers).ok();
        assert_eq!(
            found,
            expected.map(|text| text.parse().unwrap()),
            "{lines:?}"
        );
        let stranger = "192.0.2.1".parse().unwrap();
        assert_eq!(source_ip(stranger, &[peer, other], &headers), Ok(stranger));
    }

    #[test]
    fn the_last_address_that_is_no_proxy_s_is_believed() {
        check(&[], Some("127.0.0.1"));
        check(&[b"8.8.8.8"], Some("8.8.8.8"));
        check(&[b"10.0.0.5, 8.8.8.8,10.0.0.9"], Some("8.8.8.8"));
        check(&[b"10.0.0.5", b"8.8.8.8"], Some("8.8.8.8"));
        check(&[b"::ffff:8.8.8.8"], Some("8.8.8.8"));
        check(&[b"10.0.0.9"], Some("127.0.0.1"));
    }

    #[test]
    fn an_address_may_have_a_port() {
        check(&[b"10.0.0.5, 8.8.8.8:567"], Some("8.8.8.8"));
        check(&[b"[2001:db8::1]:567"], Some("2001:db8::1"));
        check(&[b"[2001:db8::1]"], Some("2001:db8::1"));
        check(&[b"[::ffff:8.8.8.8]"], Some("8.8.8.8"));
        check(&[b"[8.8.8.8]"], None);
    }

    #[test]
    fn what_a_stranger_wrote_further_left_does_not_hide_the_proxy_s_own_word() {
        check(&[b"\xff, 8.8.8.8"], Some("8.8.8.8"));
        check(&[b"10.0.0.5", b"\xff, 8.8.8.8"], Some("8.8.8.8"));
        check(&[b"nonsense", b"8.8.8.8"], Some("8.8.8.8"));
    }

    #[test]
    fn a_proxy_that_names_no_address_is_not_replaced_by_its_own() {
        for line in [
            b"\xff".as_slice(),
            b"unknown",
            b"",
            b"8.8.8.8,",
            b"8.8.8.8, _hidden",
        ] {
            check(&[line], None);
            check(&[b"10.0.0.5", line], None);
            check(&[line, b"10.0.0.9"], None);
        }
    }
}
