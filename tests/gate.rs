//! Who gets in: every mixture of who speaks, for whom, with which token, to which name, for which page. The answers are
//! the site's own, behind the door and the gate.
//!
//! How a client of any address is made: the server trusts the proxy 127.0.0.1, which tells in `X-Forwarded-For` for whom
//! it asks. Clients that are bound to 127.0.0.2 are on loopback as well, but no proxy: what they tell is not believed.

#![allow(clippy::unwrap_used, reason = "clippy sees no test in functions beside the tests")]

mod edge;

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use edge::{Answered, Client, Server};
use wattboard::app::{App, Hub, Options};
use wattboard::base::clock::{SharedClock, SimulatedClock, SystemClock};
use wattboard::config::Config;
use wattboard::http::api::Api;
use wattboard::http::gate::token::Token;
use wattboard::http::gate::{Gate, Rules};
use wattboard::http::message::header;
use wattboard::http::{Answer, Handler, Limits, Request};
use wattboard::inquiry::Desk;
use wattboard::snapshot::SnapshotCell;

const SECRET: &str = "correct-horse-battery";
/// Nobody is asked for prices.
const REST: &str = "
price_analysis: {api_url: 'http://127.0.0.1:1/api/csdac-pln'}
electricity_tariff: {tariff_type: g11, distribution_pricing: {g11: {type: static, price: 0.2}}}
";
const ACCESS: &str = "trusted_proxies: [127.0.0.1], allowed_hosts: [house.example, .ts.net], cors_enabled: true, \
                      cors_origins: ['https://panel.example']";

fn config(file: &Path, web_server: &str) -> Config {
    Config::parse(file, &format!("{REST}\nweb_server: {{{web_server}}}\n")).unwrap()
}

fn rules(web_server: &str, token: bool) -> Rules {
    let config = config(Path::new("/site/config/c.yaml"), web_server);
    Rules::new(&config.access, "pi.office.example".into(), token.then(|| Token::parse(SECRET).unwrap()))
}

/// The site's answers behind a gate, and the clock that counts failures.
fn guarded(web_server: &str, token: bool) -> (Server, Arc<SimulatedClock>) {
    let clock = Arc::new(SimulatedClock::new("2026-11-22T13:00:00Z".parse().unwrap()));
    let server = Server::behind("127.0.0.1", Limits::default(), 1, |_| {
        let config = config(Path::new("/site/config/c.yaml"), web_server);
        let (desk, _) = Desk::new();
        let api = Api::new(Arc::new(SnapshotCell::default()), clock.clone(), desk, &config, false);
        Arc::new(Gate::new(Arc::new(api), rules(web_server, token), clock.clone()))
    });
    (server, clock)
}

/// A client at this address of the machine itself.
fn client_at(own: Ipv4Addr, server: SocketAddr) -> Client {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((own, 0)).into()).unwrap();
    socket.connect(&server.into()).unwrap();
    Client::new(TcpStream::from(socket))
}

const PROXY: Ipv4Addr = Ipv4Addr::LOCALHOST;
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Where who asks is, in the eyes of a server that believes the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whence {
    Loopback,
    Home,
    Tailscale,
    Outside,
    /// The proxy talks nonsense.
    Unsaid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    None,
    Wrong,
    Right,
}

const FORWARDED: [(&str, Whence); 9] = [
    ("", Whence::Loopback),
    ("X-Forwarded-For: 192.168.1.7\r\n", Whence::Home),
    ("X-Forwarded-For: ::ffff:10.1.2.3\r\n", Whence::Home),
    ("X-Forwarded-For: fd00::7\r\n", Whence::Home),
    ("X-Forwarded-For: 100.101.102.103\r\n", Whence::Tailscale),
    ("X-Forwarded-For: 203.0.113.9\r\n", Whence::Outside),
    ("X-Forwarded-For: 192.168.1.7\r\nX-Forwarded-For: 203.0.113.9\r\n", Whence::Outside),
    ("X-Forwarded-For: 203.0.113.9, 192.168.1.7, 127.0.0.1\r\n", Whence::Home),
    ("X-Forwarded-For: 192.168.1.7, nonsense\r\n", Whence::Unsaid),
];
const TOKENS: [(&str, Sign); 6] = [
    ("", Sign::None),
    ("Authorization: Digest username=\"me\"\r\n", Sign::None),
    ("Authorization: Bearer correct-horse-battery\r\n", Sign::Right),
    // me:correct-horse-battery
    ("Authorization: Basic bWU6Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5\r\n", Sign::Right),
    ("Authorization: Bearer correct-horse-batterz\r\n", Sign::Wrong),
    // me:wrong
    ("Authorization: Basic bWU6d3Jvbmc=\r\n", Sign::Wrong),
];
/// Whether a name is one of this server's.
const HOSTS: [(&str, bool); 8] = [
    ("127.0.0.1:8080", true),
    ("[fd00::1]:8080", true),
    ("a", true),
    ("Pi.local.:8080", true),
    ("PI.office.example", true),
    ("house.example:443", true),
    ("pi.ts.net", true),
    ("rebound.evil.example", false),
];
/// Whether pages of an origin may read answers.
const ORIGINS: [(&str, bool); 4] =
    [("", false), ("http://192.168.1.9:8123", true), ("https://panel.example", true), ("https://evil.example", false)];
/// A part of the page, whose path the page tells.
const ICON: &str = "GET {icon}";
/// What is asked, whether it needs the token, and the status of the answer behind the gate.
const REQUESTS: [(&str, bool, u16); 4] =
    [("GET /health", false, 200), (ICON, true, 200), ("HEAD /status", true, 200), ("OPTIONS /", false, 204)];

/// The rule, as a table that is read from the top: the first line that fits says what is answered.
fn expected(
    whence: Whence,
    tailscale_only: bool,
    host: bool,
    asks_token: bool,
    sign: Sign,
    inside: u16,
) -> (u16, &'static str) {
    let served = match whence {
        Whence::Loopback => true,
        Whence::Home => !tailscale_only,
        Whence::Tailscale => tailscale_only,
        Whence::Outside | Whence::Unsaid => false,
    };
    let table = [
        (whence == Whence::Unsaid, 400, "bad_request"),
        (!served, 403, "forbidden"),
        (!host, 403, "host_not_allowed"),
        (asks_token && sign != Sign::Right, 401, "unauthorized"),
        (true, inside, ""),
    ];
    table.into_iter().find(|(fits, ..)| *fits).map(|(_, status, code)| (status, code)).unwrap()
}

const SAFE: [&str; 4] = ["content-security-policy", "x-content-type-options", "referrer-policy", "x-frame-options"];

fn assert_safe(answer: &Answered) {
    for name in SAFE {
        let count =
            answer.head.lines().filter(|line| line.to_ascii_lowercase().starts_with(&format!("{name}: "))).count();
        assert_eq!(count, 1, "{name} in {}", answer.head);
    }
}

/// Where the page has its icon.
fn icon_of(server: &Server) -> String {
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {SECRET}\r\n\r\n");
    let page = client_at(NEIGHBOUR, server.addr).ask(&request).unwrap().text();
    let (_, rest) = page.split_once("rel=\"icon\" href=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// All cells of one server. Answers how many there were.
fn sweep(tailscale_only: bool, token: bool) -> usize {
    let networks = if tailscale_only { ", allowed_networks: [100.64.0.0/10]" } else { "" };
    let (server, clock) = guarded(&format!("{ACCESS}{networks}"), token);
    let icon = icon_of(&server);
    let mut cells = 0;
    for speaker in [PROXY, NEIGHBOUR] {
        let mut client = client_at(speaker, server.addr);
        for (forwarded, told) in FORWARDED {
            let whence = if speaker == PROXY { told } else { Whence::Loopback };
            for (authorization, sign) in TOKENS {
                for (host, known) in HOSTS {
                    for (origin, may_read) in ORIGINS {
                        let origin_line =
                            if origin.is_empty() { String::new() } else { format!("Origin: {origin}\r\n") };
                        for (line, needs_token, inside) in REQUESTS {
                            // Never so many failures that one is too many.
                            clock.advance(Duration::from_secs(6));
                            let line = line.replace("{icon}", &icon);
                            let request = format!(
                                "{line} HTTP/1.1\r\nHost: {host}\r\n{forwarded}{authorization}{origin_line}\r\n"
                            );
                            let answer = client.ask(&request).unwrap();
                            let (status, code) =
                                expected(whence, tailscale_only, known, token && needs_token, sign, inside);
                            let cell = format!("{speaker} {request:?}: {:?}", answer.head);
                            assert_eq!(answer.status, status, "{cell}");
                            if !code.is_empty() && !line.starts_with("HEAD") {
                                assert!(answer.text().contains(&format!("\"code\":\"{code}\"")), "{cell}");
                            }
                            assert_eq!(answer.header("WWW-Authenticate").is_some(), status == 401, "{cell}");
                            let reader = (code.is_empty() && may_read).then_some(origin);
                            assert_eq!(answer.header("Access-Control-Allow-Origin"), reader, "{cell}");
                            assert_safe(&answer);
                            cells += 1;
                        }
                    }
                }
            }
        }
    }
    server.stop();
    cells
}

#[test]
fn every_cell_of_who_gets_in() {
    let servers = [(false, false), (false, true), (true, false), (true, true)];
    let sweeps = servers.map(|(tailscale, token)| std::thread::spawn(move || sweep(tailscale, token)));
    let cells: usize = sweeps.into_iter().map(|sweep| sweep.join().unwrap()).sum();
    assert_eq!(cells, 4 * 2 * FORWARDED.len() * TOKENS.len() * HOSTS.len() * ORIGINS.len() * REQUESTS.len());
}

#[test]
fn wrong_tokens_are_counted_by_client() {
    let (server, clock) = guarded(ACCESS, true);
    let mut client = server.connect();
    let mut ask = |from: &str, authorization: &str| {
        let more = if authorization.is_empty() { String::new() } else { format!("Authorization: {authorization}\r\n") };
        let answer =
            client.ask(&format!("GET /status HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {from}\r\n{more}\r\n")).unwrap();
        assert_safe(&answer);
        (answer.status, answer.header("Retry-After").map(|seconds| seconds.parse().unwrap()))
    };
    let (somebody, other, wrong, right) = ("192.168.1.7", "192.168.1.8", "Bearer wrong", format!("Bearer {SECRET}"));
    let turned_away = |seconds: u32| (429, Some(seconds));
    for _ in 0..50 {
        assert_eq!(ask(somebody, ""), (401, None), "a browser's first request is no failure");
    }
    for _ in 0..10 {
        assert_eq!(ask(somebody, wrong), (401, None));
    }
    assert_eq!(ask(somebody, wrong), turned_away(6));
    assert_eq!(ask(somebody, "Basic bWU6d3Jvbmc="), turned_away(6));
    assert_eq!(ask(somebody, &right), (200, None), "the right one always gets in");
    assert_eq!(ask(somebody, ""), (401, None), "a browser may ask for it");
    assert_eq!(ask(other, wrong), (401, None), "everybody has ten of their own");
    clock.advance(Duration::from_millis(2500));
    assert_eq!(ask(somebody, wrong), turned_away(4), "never told too early");
    clock.advance(Duration::from_millis(3500));
    assert_eq!(ask(somebody, wrong), (401, None), "one is regained");
    assert_eq!(ask(somebody, wrong), turned_away(6));
    clock.set_wall("2031-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(ask(somebody, wrong), turned_away(6), "a clock that jumps forgives nothing");
    clock.advance(Duration::from_secs(3600));
    for _ in 0..10 {
        assert_eq!(ask(somebody, wrong), (401, None));
    }
    assert_eq!(ask(somebody, wrong), turned_away(6));
    server.stop();
}

#[test]
fn names_count_where_they_stand() {
    let (server, _) = guarded(ACCESS, false);
    for (request, status) in [
        ("GET /health HTTP/1.0\r\n\r\n", 200),
        ("GET /health HTTP/1.0\r\nHost: evil.example\r\n\r\n", 403),
        ("GET http://evil.example/health HTTP/1.1\r\nHost: a\r\n\r\n", 403),
        ("GET http://a/health HTTP/1.1\r\nHost: evil.example\r\n\r\n", 200),
        ("GET /health HTTP/1.1\r\nHost:\r\n\r\n", 403),
        ("GET /health HTTP/1.1\r\n\r\n", 400),
    ] {
        assert_eq!(server.connect().ask(request).unwrap().status, status, "{request:?}");
    }
    server.stop();
}

/// Finishes answers as a handler of its own would, before the gate does.
struct Finishing(Arc<dyn Handler>);
impl Handler for Finishing {
    fn handle(&self, request: &Request) -> Answer {
        match self.0.handle(request) {
            Answer::Later(hand_over) => {
                Answer::Later(Box::new(move |pending| {
                    hand_over(pending.finished_by(Box::new(|response| {
                        response.with_header(header("Referrer-Policy", "same-origin"))
                    })));
                }))
            }
            answer => answer,
        }
    }
}

#[test]
fn answers_that_come_later_are_finished_by_everybody() {
    let server = Server::behind("127.0.0.1", Limits::default(), 1, |telling| {
        let clock: SharedClock = Arc::new(SystemClock);
        Arc::new(Gate::new(Arc::new(Finishing(telling)), rules("", false), clock))
    });
    let mut client = server.connect();
    client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    let pending = server.pending.recv_timeout(edge::PATIENCE).unwrap();
    pending.complete(wattboard::http::message::ready(200, "a/b", wattboard::http::message::Bytes::Static(b"at last")));
    let mut answers = vec![client.answer(false).unwrap()];
    answers.push(client.ask("GET /later-dropped HTTP/1.1\r\nHost: a\r\n\r\n").unwrap());
    assert_eq!((answers[0].status, answers[1].status), (200, 503));
    for answer in &answers {
        assert_safe(answer);
        assert_eq!(answer.header("Referrer-Policy"), Some("same-origin"), "what the handler said stays");
    }
    let refused = client.ask("GET /later HTTP/1.1\r\nHost: evil.example\r\n\r\n").unwrap();
    assert_eq!((refused.status, server.pending.is_empty()), (403, true), "who is refused never gets so far");
    server.stop();
}

#[test]
fn refusals_that_no_handler_has_seen_have_the_same_headers() {
    let quick = Duration::from_millis(80);
    let limits = Limits { queue: 1, head_time: quick, connections: 4, ..Limits::default() };
    let server = Server::behind("127.0.0.1", limits, 1, |telling| {
        Arc::new(Gate::new(telling, rules("", false), Arc::new(SystemClock)))
    });
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(9000));
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(70));
    for (request, status) in [
        ("nonsense\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("GET / HT", 408),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", 413),
        (&*long, 414),
        (&*many, 431),
        ("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n", 500),
        ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
    ] {
        let answer = server.connect().ask(request).unwrap();
        assert_eq!(answer.status, status, "{request:.40}: {}", answer.head);
        assert_safe(&answer);
    }
    edge::eventually("all are gone", || server.count().open() == 0);
    let mut working = server.connect();
    working.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    server.begun.recv_timeout(edge::PATIENCE).unwrap();
    let mut queued = server.connect();
    queued.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    edge::eventually("a request waits", || server.count().open() == 2);
    let busy = server.connect().ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(busy.status, 503);
    assert_safe(&busy);
    server.go_on.send(()).unwrap();
    assert_eq!((working.answer(false).unwrap().status, queued.answer(false).unwrap().status), (200, 200));
    server.stop();
}

#[test]
fn the_server_takes_all_this_from_its_config() {
    let dir = tempfile::TempDir::new().unwrap();
    std::fs::create_dir(dir.path().join("config")).unwrap();
    let start = || {
        let web_server = "host: 127.0.0.1, auth: {token_file: config/token}, limits: {headers: 16}, \
                          frame_ancestors: ['https://ha.local:8123']";
        let config = config(&dir.path().join("config/c.yaml"), web_server);
        let options = Options {
            config,
            host: None,
            port: Some(0),
            demo: false,
            proc_root: PathBuf::from("/proc"),
            clock: Arc::new(SystemClock),
        };
        App::start(options, Hub::default())
    };
    let refused = start().err().unwrap().to_string();
    let token = dir.path().join("config/token");
    assert!(
        refused.starts_with(&format!("web_server.auth.token_file: cannot read the token file {}", token.display()))
    );
    std::fs::write(&token, "short\n").unwrap();
    assert!(start().err().unwrap().to_string().ends_with("it must have 16 to 512"));
    std::fs::write(&token, format!("{SECRET}\n")).unwrap();
    let app = start().unwrap();
    let (address, trigger) = (app.address(), app.trigger());
    let running = std::thread::spawn(move || app.run());
    let mut client = Client::new(TcpStream::connect(address).unwrap());
    let mut ask = |more: &str| client.ask(&format!("GET / HTTP/1.1\r\nHost: localhost\r\n{more}\r\n"));
    assert_eq!(ask("").unwrap().status, 401);
    let page = ask(&format!("Authorization: Bearer {SECRET}\r\n")).unwrap();
    let policy =
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self' https://ha.local:8123";
    assert_eq!((page.status, page.header("Content-Security-Policy")), (200, Some(policy)));
    assert_eq!(page.header("X-Frame-Options"), None);
    assert_eq!(ask(&"X: y\r\n".repeat(16)).unwrap().status, 431);
    trigger.stop();
    running.join().unwrap().unwrap();
}
