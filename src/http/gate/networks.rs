//! Which addresses are served. Pure.

use std::net::IpAddr;

use crate::base::network::Network;

/// The networks whose people are served.
#[derive(Debug, Clone)]
pub struct Networks(Vec<Network>);

impl Networks {
    /// These, and loopback.
    pub fn new(allowed: Vec<Network>) -> Self {
        Self(allowed)
    }

    /// Whether somebody at this address is served.
    pub fn admit(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        client.is_loopback() || self.0.iter().any(|network| network.contains(client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Networks {
        Networks::new(texts.iter().map(|text| Network::parse(text).unwrap()).collect())
    }

    #[test]
    fn the_home_is_served_until_the_config_says_otherwise() {
        let (home, tailscale, nobody) =
            (networks(&Network::HOME), networks(&["192.168.1.0/24", "100.64.0.0/10"]), networks(&[]));
        for (client, at_home, with_tailscale, alone) in [
            ("127.0.0.1", true, true, true),
            ("127.9.9.9", true, true, true),
            ("::1", true, true, true),
            ("::ffff:127.0.0.1", true, true, true),
            ("10.255.0.1", true, false, false),
            ("172.16.0.1", true, false, false),
            ("172.31.255.255", true, false, false),
            ("172.32.0.1", false, false, false),
            ("192.168.1.7", true, true, false),
            ("192.168.2.7", true, false, false),
            ("::ffff:192.168.1.7", true, true, false),
            ("169.254.3.4", true, false, false),
            ("fd12:3456::7", true, false, false),
            ("fe80::7", true, false, false),
            ("100.64.0.1", false, true, false),
            ("100.128.0.1", false, false, false),
            ("203.0.113.9", false, false, false),
            ("::ffff:203.0.113.9", false, false, false),
            ("192.169.0.1", false, false, false),
            ("0.0.0.0", false, false, false),
            ("2001:db8::1", false, false, false),
            ("::", false, false, false),
        ] {
            let client = client.parse().unwrap();
            let found = (home.admit(client), tailscale.admit(client), nobody.admit(client));
            assert_eq!(found, (at_home, with_tailscale, alone), "{client}");
        }
    }
}
