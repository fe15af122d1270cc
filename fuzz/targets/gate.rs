//! The gate: `Host`, `X-Forwarded-For` and `Authorization` of any bytes. Nobody gets past who should not.

#![no_main]

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use wattboard::base::clock::SystemClock;
use wattboard::base::network::Network;
use wattboard::config::Access;
use wattboard::http::gate::forwarded::{NAME, Proxies};
use wattboard::http::gate::host::Hosts;
use wattboard::http::gate::networks::Networks;
use wattboard::http::gate::token::{Shown, Token};
use wattboard::http::gate::{Gate, Rules};
use wattboard::http::message::{Bytes, ready};
use wattboard::http::{Answer, Handler, Method, Request};

const SECRET: &str = "correct-horse-battery";
const OWN: &str = "pi.office.example";
const ALLOWED: [&str; 2] = ["house.example", ".tail.ts.net"];
const PEERS: [&str; 5] = ["127.0.0.1", "192.168.1.7", "10.0.0.1", "203.0.113.9", "::ffff:10.0.0.2"];
const TRUSTED: [&str; 2] = ["10.0.0.0/30", "127.0.0.1"];

fn networks(texts: &[&str]) -> Vec<Network> {
    texts.iter().map(|text| Network::parse(text).expect("a network")).collect()
}

fn request(peer: IpAddr, headers: &[(&str, &str)]) -> Request {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Request { method: Method::Get, path: "/status".into(), query: String::new(), headers, peer }
}

/// Whether a stranger's page could bear this name, by the endings alone.
fn is_ours(host: &str) -> bool {
    if host.starts_with('[') {
        return host.contains(']');
    }
    let name = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    let ends = [".local", ".lan", ".home.arpa", ALLOWED[1]];
    !name.is_empty()
        && (name.parse::<IpAddr>().is_ok()
            || name == OWN
            || name == ALLOWED[0]
            || ends.iter().any(|end| name.ends_with(end) && name.len() > end.len())
            || !name.contains('.') && name.parse::<u64>().is_err())
}

fn hosts(host: &str, hosts: &Hosts) -> bool {
    let admitted = hosts.admit(host);
    assert!(!admitted || is_ours(host), "{host:?}");
    assert_eq!(admitted, hosts.admit(&host.to_ascii_uppercase()), "{host:?}: names have no case");
    if !host.contains(':') && !host.is_empty() {
        assert_eq!(admitted, hosts.admit(&format!("{host}:8080")), "{host:?}: the port does not matter");
    }
    assert!(!hosts.admit(&format!("{host}.evil.example")), "{host:?}");
    admitted
}

fn clients(peer: IpAddr, list: &str, proxies: &Proxies) -> Option<IpAddr> {
    let client = proxies.client(&request(peer, &[(NAME, list)])).ok();
    if !proxies.trust(peer.to_canonical()) {
        assert_eq!(client, Some(peer.to_canonical()), "a stranger's word");
        return client;
    }
    if let Some(client) = client.filter(|client| !proxies.trust(*client)) {
        let hearsay = format!("203.0.113.200, garbage, {list}");
        assert_eq!(proxies.client(&request(peer, &[(NAME, &hearsay)])), Ok(client), "hearsay");
    }
    // Split over two headers it says the same.
    if let Some((left, right)) = list.split_once(',') {
        let split = proxies.client(&request(peer, &[(NAME, left), ("host", "a"), (NAME, right)])).ok();
        assert_eq!(split, client);
    }
    client
}

fn tokens(authorization: &str, token: &Token) -> Shown {
    let (scheme, rest) = authorization.split_once(' ').unwrap_or((authorization, ""));
    let decoded = STANDARD.decode(rest.trim()).ok().filter(|bytes| bytes.len() <= 1024);
    let password = decoded.as_deref().and_then(|pair| pair.splitn(2, |byte| *byte == b':').nth(1));
    let expected = match scheme.to_ascii_lowercase().as_str() {
        "bearer" if rest.trim() == SECRET => Shown::Right,
        "basic" if password == Some(SECRET.as_bytes()) => Shown::Right,
        "bearer" | "basic" => Shown::Wrong,
        _ => Shown::Nothing,
    };
    let shown = token.look(Some(authorization));
    // Room for decoding is a little less than what would fit without its padding.
    if shown != expected {
        assert!(expected == Shown::Right && shown == Shown::Wrong && rest.len() > 1_300, "{authorization:?}");
    }
    let name: String = authorization.chars().filter(|c| *c != ':').take(200).collect();
    let basic = format!("Basic {}", STANDARD.encode(format!("{name}:{SECRET}")));
    assert_eq!(token.look(Some(&basic)), Shown::Right, "any name goes with the token");
    shown
}

struct Inside;

impl Handler for Inside {
    fn handle(&self, _: &Request) -> Answer {
        Answer::Ready(ready(200, "text/plain", Bytes::Static(b"inside")))
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&chosen, bytes)) = data.split_first() else { return };
    // As heads are read: lines of ASCII.
    let text: String = bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect();
    let mut lines = text.split('\n').map(str::trim);
    let mut line = || lines.next().unwrap_or_default();
    let (host, list, authorization) = (line(), line(), line());
    let peer: IpAddr = PEERS[usize::from(chosen) % PEERS.len()].parse().expect("an address");

    let names = ALLOWED.map(String::from).to_vec();
    let host_admitted = hosts(host, &Hosts::new(OWN.into(), names.clone()));
    let client = clients(peer, list, &Proxies::new(networks(&TRUSTED)));
    let token = Token::parse(SECRET).expect("a token");
    let shown = tokens(authorization, &token);
    if let Some(network) = Network::parse(line()) {
        assert_eq!(Network::parse(&network.to_string()), Some(network), "{network}");
    }
    if let Ok(token) = Token::parse(&text) {
        let first = text.lines().next().unwrap_or_default().trim();
        assert!((16..=512).contains(&first.len()));
        assert_eq!(token.look(Some(&format!("Bearer {first}"))), Shown::Right);
    }

    let access = Access {
        allowed_networks: networks(&Network::HOME),
        trusted_proxies: networks(&TRUSTED),
        allowed_hosts: names,
        token_file: None,
        frame_ancestors: Vec::new(),
    };
    let home = Networks::new(access.allowed_networks.clone());
    let gate = Gate::new(Arc::new(Inside), Rules::new(&access, OWN.into(), Some(token)), Arc::new(SystemClock));
    let answer = gate.handle(&request(peer, &[("host", host), (NAME, list), ("authorization", authorization)]));
    let Answer::Ready(response) = answer else { panic!("another answer than the one inside") };
    let expected = match client {
        None => 400,
        Some(client) if !home.admit(client) => 403,
        Some(_) if !host_admitted => 403,
        Some(_) if shown != Shown::Right => 401,
        Some(_) => 200,
    };
    assert_eq!(response.status_code().0, expected);
    for header in response.headers() {
        assert!(header.value.as_str().bytes().all(|byte| (b' '..0x7f).contains(&byte)));
    }
});
