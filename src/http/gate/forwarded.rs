//! Who asks through a reverse proxy: `X-Forwarded-For`, believed from those alone that the config trusts. Pure.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::base::network::Network;
use crate::http::message::Request;

/// The header.
pub const NAME: &str = "x-forwarded-for";

/// A header of a trusted proxy that names no address where one is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Garbage;

/// Proxies that are believed.
#[derive(Debug, Clone)]
pub struct Proxies(Vec<Network>);

impl Proxies {
    /// Those of these networks.
    pub fn new(trusted: Vec<Network>) -> Self {
        Self(trusted)
    }

    /// Whether an address is one of theirs.
    pub fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|proxy| proxy.contains(address))
    }

    /// Who asks: read from the right, where the nearest proxy wrote, the first address that is no trusted proxy. What
    /// stands left of it is hearsay and is not looked at. The leftmost one when all are proxies; who is connected when
    /// that is no trusted proxy, or says nothing.
    ///
    /// # Errors
    /// When a trusted proxy says what is no address.
    pub fn client(&self, request: &Request) -> Result<IpAddr, Garbage> {
        let mut client = request.peer.to_canonical();
        if !self.trust(client) {
            return Ok(client);
        }
        // Several headers are one list, in their order.
        let lists = request.headers.iter().rev().filter(|(name, _)| name == NAME);
        for text in lists.flat_map(|(_, list)| list.rsplit(',')) {
            client = address(text.trim()).ok_or(Garbage)?;
            if !self.trust(client) {
                break;
            }
        }
        Ok(client)
    }
}

/// An address, with a port or without, as proxies write it.
fn address(text: &str) -> Option<IpAddr> {
    let alone = || text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    alone().or_else(with_port).or_else(bracketed).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::message::Method;

    fn client(trusted: &[&str], peer: &str, lists: &[&str]) -> Result<String, Garbage> {
        let proxies = Proxies::new(trusted.iter().map(|text| Network::parse(text).unwrap()).collect());
        let mut headers = vec![("host".to_owned(), "a".to_owned())];
        headers.extend(lists.iter().map(|list| (NAME.to_owned(), (*list).to_owned())));
        let request = Request {
            method: Method::Get,
            path: "/".into(),
            query: String::new(),
            headers,
            peer: peer.parse().unwrap(),
        };
        proxies.client(&request).map(|address| address.to_string())
    }

    #[test]
    fn the_rightmost_who_is_no_trusted_proxy_asks() {
        let proxy = "127.0.0.1";
        for (lists, expected) in [
            (&[][..], proxy),
            (&["203.0.113.9"], "203.0.113.9"),
            (&["  203.0.113.9\t"], "203.0.113.9"),
            (&["192.168.1.7, 203.0.113.9"], "203.0.113.9"),
            (&["192.168.1.7,203.0.113.9"], "203.0.113.9"),
            (&["nonsense, 203.0.113.9"], "203.0.113.9"),
            (&["192.168.1.7, 203.0.113.9, 10.9.0.3"], "203.0.113.9"),
            (&["203.0.113.9, 192.168.1.7, 10.9.0.3, 127.0.0.1"], "192.168.1.7"),
            (&["192.168.1.7", "203.0.113.9"], "203.0.113.9"),
            (&["192.168.1.7, 203.0.113.9", "10.9.0.3"], "203.0.113.9"),
            (&["10.9.0.3, 127.0.0.1"], "10.9.0.3"),
            (&["::ffff:203.0.113.9"], "203.0.113.9"),
            (&["::ffff:10.9.0.3"], "10.9.0.3"),
            (&["203.0.113.9:4711"], "203.0.113.9"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            (&["[2001:db8::1]:4711"], "2001:db8::1"),
        ] {
            assert_eq!(client(&["127.0.0.1", "10.9.0.0/16"], proxy, lists).as_deref(), Ok(expected), "{lists:?}");
        }
    }

    #[test]
    fn garbage_of_a_trusted_proxy_is_no_client() {
        for list in [
            "",
            ",",
            "nonsense",
            "203.0.113.9,",
            "203.0.113.9, unknown",
            "nonsense, 127.0.0.1",
            "203.0.113.999",
            "203.0.113.9:evil",
            "[203.0.113.9]",
            "203.0.113.0/24",
            "\"203.0.113.9\"",
            "for=203.0.113.9",
            "203.0.113.9 10.0.0.1",
        ] {
            assert_eq!(client(&["127.0.0.1"], "127.0.0.1", &[list]), Err(Garbage), "{list:?}");
        }
    }

    #[test]
    fn strangers_are_not_believed() {
        for (trusted, peer) in [(&[][..], "127.0.0.1"), (&["10.9.0.0/16"], "192.168.1.2"), (&["::1"], "127.0.0.1")] {
            for list in ["192.168.1.7", "127.0.0.1", "nonsense", ""] {
                assert_eq!(client(trusted, peer, &[list]).as_deref(), Ok(peer), "{list:?}");
            }
        }
        let mapped = client(&["127.0.0.1"], "::ffff:127.0.0.1", &["203.0.113.9"]);
        assert_eq!(mapped.as_deref(), Ok("203.0.113.9"), "an IPv4 proxy on an IPv6 socket");
    }
}
