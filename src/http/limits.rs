//! How much the edge takes on: the numbers, and the questions that are asked of them. Pure.

use std::net::IpAddr;
use std::time::Duration;

use crate::base::network::Network;

/// The most headers that any configuration may allow: room for them is made on the worker's stack.
pub const MOST_HEADERS: usize = 128;

/// Bounds of the listening half. The defaults suit a small Pi that serves a household.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, those on threads of their own and event streams included. At the limit the longest idle one is closed for a new one.
    pub connections: usize,
    /// Connections at once from one address. Loopback and [`Limits::trusted_proxies`] are exempt.
    pub per_address: usize,
    /// Reverse proxies: many people come through one address.
    pub trusted_proxies: Vec<Network>,
    /// Bytes of a request's head, the empty line included. More is answered 431 (414 when the request line alone is longer).
    pub head_bytes: usize,
    /// Headers of a request, [`MOST_HEADERS`] at most. More is answered 431.
    pub headers: usize,
    /// From a head's first byte to its last. Slower ones are answered 408.
    pub head_time: Duration,
    /// How long a connection without a request is kept.
    pub idle_time: Duration,
    /// How long an answer may be stuck without one byte taken.
    pub write_time: Duration,
    /// Whole heads waiting for a worker. Beyond it, requests are answered 503.
    pub queue: usize,
    /// Answers under way at once: waiting for a worker, being made, or being taken by a slow reader. Beyond it, requests are answered 503.
    pub in_flight: usize,
    /// How long a connection is safe from making room for a new one, so that it can ask at all. At the limit with none
    /// older, newcomers wait outside.
    pub grace: Duration,
    /// Answers at once that have a thread of their own (downloads). Beyond it, they are answered 503.
    pub detached: usize,
    /// Event streams at once, half the connections at most. Each keeps its place among [`Limits::connections`] and
    /// [`Limits::per_address`], and is never closed for a new one. Beyond it, they are answered 503.
    pub event_streams: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            per_address: 16,
            trusted_proxies: Vec::new(),
            head_bytes: 8 * 1024,
            headers: 64,
            head_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(60),
            write_time: Duration::from_secs(30),
            queue: 256,
            in_flight: 256,
            grace: Duration::from_millis(50),
            detached: 2,
            event_streams: 32,
        }
    }
}

impl Limits {
    /// Whether connections from `peer` are not counted by address.
    pub fn is_exempt(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        peer.is_loopback() || self.trusted_proxies.iter().any(|proxy| proxy.contains(peer))
    }

    /// Whether an address that holds `open` connections may have one more.
    pub fn admits_from(&self, peer: IpAddr, open: usize) -> bool {
        open < self.per_address || self.is_exempt(peer)
    }

    /// The same bounds with everything at least where the edge can work, and at most where it has room.
    #[must_use]
    pub fn sane(mut self) -> Self {
        self.connections = self.connections.max(1);
        self.per_address = self.per_address.max(1);
        self.head_bytes = self.head_bytes.clamp(256, 1024 * 1024);
        self.headers = self.headers.clamp(1, MOST_HEADERS);
        self.queue = self.queue.max(1);
        self.in_flight = self.in_flight.max(1);
        self.event_streams = self.event_streams.min(self.connections / 2);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_counted_by_address_and_proxies_are_not() {
        let trusted_proxies = ["192.168.1.2", "10.9.0.0/16"].map(|text| Network::parse(text).unwrap()).to_vec();
        let limits = Limits { trusted_proxies, ..Limits::default() };
        for (peer, open, admitted) in [
            ("192.168.1.7", 0, true),
            ("192.168.1.7", 15, true),
            ("192.168.1.7", 16, false),
            ("192.168.1.2", 200, true),
            ("::ffff:192.168.1.2", 200, true),
            ("10.9.8.7", 200, true),
            ("10.8.8.7", 16, false),
            ("127.0.0.1", 200, true),
            ("127.8.8.8", 200, true),
            ("::1", 200, true),
            ("::ffff:127.0.0.1", 200, true),
            ("fe80::1", 16, false),
        ] {
            assert_eq!(limits.admits_from(peer.parse().unwrap(), open), admitted, "{peer} with {open}");
        }
    }

    #[test]
    fn nonsense_is_made_workable() {
        let nothing = Limits {
            connections: 0,
            per_address: 0,
            head_bytes: 0,
            headers: 0,
            queue: 0,
            in_flight: 0,
            ..Limits::default()
        };
        let sane = nothing.sane();
        assert_eq!(
            (sane.connections, sane.per_address, sane.head_bytes, sane.headers, sane.queue, sane.in_flight),
            (1, 1, 256, 1, 1, 1)
        );
        assert_eq!(Limits { headers: 5000, ..Limits::default() }.sane().headers, MOST_HEADERS);
        assert_eq!(Limits { connections: 20, ..Limits::default() }.sane().event_streams, 10, "others find places, too");
        assert_eq!(Limits::default().sane(), Limits::default());
    }
}
