//! Which `Host` is meant: DNS rebinding makes a stranger's name point at this server, whose answers the stranger's page
//! could then read. Addresses and local names cannot be a stranger's. Pure.

use std::net::{IpAddr, Ipv6Addr};

use crate::http::cors::{is_below, is_local_name};

/// The names of this server.
#[derive(Debug, Clone)]
pub struct Hosts {
    own: String,
    allowed: Vec<String>,
}

impl Hosts {
    /// Those in `allowed` (`.name`: all below it) and the machine's own, beside addresses and local names.
    pub fn new(own: String, allowed: Vec<String>) -> Self {
        Self { own, allowed }
    }

    /// Whether a `Host` header, port and all, names this server.
    pub fn admit(&self, host: &str) -> bool {
        match split(host) {
            Some(Host::Address) => true,
            Some(Host::Name(name)) => is_local_name(name) || self.knows(name),
            None => false,
        }
    }

    fn knows(&self, name: &str) -> bool {
        (!self.own.is_empty() && name.eq_ignore_ascii_case(&self.own))
            || self.allowed.iter().any(|allowed| {
                if allowed.starts_with('.') { is_below(name, allowed) } else { name.eq_ignore_ascii_case(allowed) }
            })
    }
}

enum Host<'a> {
    Address,
    /// Without the dot at its end.
    Name(&'a str),
}

/// What stands before the port.
fn split(host: &str) -> Option<Host<'_>> {
    let is_port = |port: &str| port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(rest) = host.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let address = address.split_once('%').map_or(address, |(address, _zone)| address);
        let is_address = address.parse::<Ipv6Addr>().is_ok();
        return (is_address
            && port.strip_prefix(':').is_none_or(is_port)
            && (port.is_empty() || port.starts_with(':')))
        .then_some(Host::Address);
    }
    let (name, port) = host.split_once(':').unwrap_or((host, ""));
    if !is_port(port) {
        return None;
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    Some(if name.parse::<IpAddr>().is_ok() { Host::Address } else { Host::Name(name) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::machine::own_name;

    #[test]
    fn names_that_no_stranger_can_have_are_admitted() {
        let allowed = ["house.example", ".tail1234.ts.net"].map(String::from).to_vec();
        let hosts = Hosts::new("pi.office.example".into(), allowed);
        for (host, admitted) in [
            ("127.0.0.1", true),
            ("127.0.0.1:8080", true),
            ("192.168.1.5:80", true),
            ("192.168.1.5:", true),
            ("192.168.1.5.", true),
            ("8.8.8.8", true),
            ("[::1]", true),
            ("[::1]:8080", true),
            ("[fe80::1%25eth0]:8080", true),
            ("localhost", true),
            ("LOCALHOST:8080", true),
            ("localhost.", true),
            ("pi", true),
            ("a", true),
            ("my_pi:8080", true),
            ("pi.local", true),
            ("Pi.Local.:8080", true),
            ("deep.pi.local", true),
            ("pi.lan", true),
            ("pi.home.arpa", true),
            ("pi.office.example", true),
            ("PI.Office.Example:8080", true),
            ("house.example", true),
            ("House.Example.:443", true),
            ("pi.tail1234.ts.net", true),
            ("a.b.TAIL1234.ts.net", true),
            ("tail1234.ts.net", false),
            (".tail1234.ts.net", false),
            ("eviltail1234.ts.net", false),
            ("evil.example", false),
            ("evil.example:8080", false),
            ("x.house.example", false),
            ("house.example.evil.example", false),
            ("evilhouse.example", false),
            ("office.example", false),
            ("x.pi.office.example", false),
            ("local", true),
            (".local", false),
            ("pi..local", false),
            ("evil.local.example", false),
            ("evilarpa", true),
            ("192.168.1.5.evil.example", false),
            ("192.168.1.5.nip.io", false),
            ("134744072", false),
            ("0x8080808", false),
            ("8.8.2056", false),
            ("1.2.3.4.5", false),
            ("", false),
            (".", false),
            ("..", false),
            (":8080", false),
            ("localhost:evil", false),
            ("localhost:80:80", false),
            ("localhost:999999", false),
            ("::1", false),
            ("[::1", false),
            ("[::1]8080", false),
            ("[::1]:evil", false),
            ("[127.0.0.1]", false),
            ("[localhost]", false),
            ("[]", false),
            ("l\u{f6}cal", false),
        ] {
            assert_eq!(hosts.admit(host), admitted, "{host:?}");
        }
        assert!(!Hosts::new(String::new(), Vec::new()).admit(""), "a machine without a name has no empty one");
    }

    #[test]
    fn the_machine_has_a_name() {
        let name = own_name();
        assert!(!name.is_empty() && !name.ends_with('.'), "{name:?}");
    }
}
