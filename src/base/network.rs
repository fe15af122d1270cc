//! Networks of addresses, as in `192.168.1.0/24`. An IPv4 address that is written as IPv6 is the IPv4 address.

use std::fmt;
use std::net::IpAddr;

/// All addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u32,
}

impl Network {
    /// The networks of a home, beside loopback: RFC 1918, link-local, and what IPv6 has in their place.
    pub const HOME: [&str; 6] =
        ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"];

    /// Reads `ADDRESS/BITS`, or an address alone. Bits of the address behind the network's own do not count.
    pub fn parse(text: &str) -> Option<Self> {
        let Some((address, bits)) = text.split_once('/') else {
            return text.parse::<IpAddr>().ok().map(Self::from);
        };
        let (written, canonical) = address.parse::<IpAddr>().ok().map(|ip| (ip, ip.to_canonical()))?;
        // `parse` alone would take a plus.
        let bits: u32 = bits.parse().ok().filter(|_| bits.bytes().all(|byte| byte.is_ascii_digit()))?;
        // Of ::ffff:192.168.1.0/120 the first 96 bits only say that it is IPv4.
        let bits = if written == canonical { bits } else { bits.checked_sub(96)? };
        (bits <= width(canonical)).then_some(Self { first: canonical, bits })
    }

    /// Whether an address is one of its.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                // No bits at all leave nothing to compare: the shift is then as wide as the number.
                (first.to_bits() ^ address.to_bits()).checked_shr(32 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                (first.to_bits() ^ address.to_bits()).checked_shr(128 - self.bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        let first = address.to_canonical();
        Self { first, bits: width(first) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        for (network, address, inside) in [
            ("192.168.1.0/24", "192.168.1.0", true),
            ("192.168.1.0/24", "192.168.1.255", true),
            ("192.168.1.0/24", "192.168.2.0", false),
            ("192.168.1.77/24", "192.168.1.3", true),
            ("192.168.1.0/24", "::ffff:192.168.1.9", true),
            ("::ffff:192.168.1.0/120", "192.168.1.9", true),
            ("::ffff:192.168.1.0/120", "192.168.2.9", false),
            ("::ffff:0.0.0.0/96", "8.8.8.8", true),
            ("172.16.0.0/12", "172.31.255.255", true),
            ("172.16.0.0/12", "172.32.0.0", false),
            ("100.64.0.0/10", "100.127.255.255", true),
            ("100.64.0.0/10", "100.128.0.0", false),
            ("192.168.1.7", "192.168.1.7", true),
            ("192.168.1.7", "192.168.1.6", false),
            ("192.168.1.7/32", "192.168.1.7", true),
            ("::ffff:192.168.1.7", "192.168.1.7", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "192.168.1.7", false),
            ("fc00::/7", "fdff:ffff::1", true),
            ("fc00::/7", "fe00::1", false),
            ("fe80::/10", "febf::1", true),
            ("fe80::/10", "fec0::1", false),
            ("2001:db8::1", "2001:db8::1", true),
            ("2001:db8::1/128", "2001:db8::2", false),
            ("::1/127", "::", true),
        ] {
            let found = Network::parse(network).unwrap_or_else(|| panic!("{network}"));
            assert_eq!(found.contains(address.parse().unwrap()), inside, "{address} in {network}");
        }
    }

    #[test]
    fn what_is_no_network_is_none() {
        for text in [
            "",
            "/",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/ 8",
            "10.0.0.0/255.0.0.0",
            "10.0.0/8",
            "10/8",
            "010.0.0.0/8",
            "fc00::/129",
            "::ffff:10.0.0.0/95",
            "::ffff:10.0.0.0/129",
            "fe80::1%eth0",
            "[::1]",
            "home",
            "192.168.1.0/24, 10.0.0.0/8",
        ] {
            assert_eq!(Network::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn networks_are_shown_as_they_are_written() {
        for text in Network::HOME {
            assert_eq!(Network::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Network::parse("::ffff:10.0.0.0/104").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(Network::parse("::1").unwrap().to_string(), "::1/128");
    }
}
