//! What each refusal says, and that nothing says the token.

use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::base::clock::SimulatedClock;
use crate::base::document::Document;
use crate::config::Config;
use crate::http::message::{Bytes, Parting, body_of, ready};
use crate::http::prepared::Prepared;

const SECRET: &str = "correct-horse-battery";

struct Inside;
impl Handler for Inside {
    fn class(&self, _: &Request) -> usize {
        7
    }

    fn handle(&self, request: &Request) -> Answer {
        match request.path.as_str() {
            "/detach" => Answer::Detach("download", Box::new(|_, _| Parting::Told)),
            "/give" => Answer::Give(Box::new(|_| ())),
            "/later" => Answer::Later(Box::new(drop)),
            "/prepared" => {
                let document = Arc::new(Document::new(b"inside".to_vec()));
                Answer::Prepared(Arc::new(Prepared::new(document, 200, Vec::new(), true)), b"X-Own: 1\r\n".to_vec())
            }
            _ => Answer::Ready(ready(200, "text/plain", Bytes::Static(b"inside"))),
        }
    }
}

fn gate(web_server: &str, token: bool) -> Gate {
    let tariff = "electricity_tariff: {tariff_type: g11, distribution_pricing: {g11: {type: static, price: 0.2}}}";
    let text = format!("{tariff}\nweb_server: {{{web_server}}}\n");
    let config = Config::parse(Path::new("/site/config/c.yaml"), &text).unwrap();
    let rules = Rules::new(&config.access, "pi".into(), token.then(|| Token::parse(SECRET).unwrap()));
    let clock = SimulatedClock::new("2026-11-22T13:00:00Z".parse().unwrap());
    Gate::new(Arc::new(Inside), rules, Arc::new(clock))
}

fn request(peer: &str, headers: &[(&str, &str)]) -> Request {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let path = "/".to_owned();
    Request { method: Method::Get, path, query: String::new(), headers, peer: peer.parse().unwrap() }
}

fn ask(gate: &Gate, request: &Request) -> (u16, Vec<String>, Value) {
    let Answer::Ready(response) = gate.handle(request) else { panic!("{} is not answered at once", request.path) };
    let headers = response.headers().iter().map(ToString::to_string).collect();
    (response.status_code().0, headers, serde_json::from_slice(&body_of(response)).unwrap_or(Value::Null))
}

#[test]
fn refusals_say_what_to_do() {
    let proxied = gate("trusted_proxies: [127.0.0.1]", true);
    let local = ("host", "localhost");
    let wrong = ("authorization", "Bearer nonsense");
    let challenge = "WWW-Authenticate: Basic realm=\"Wattboard\"";
    for (peer, headers, status, code, error, extra) in [
        (
            "127.0.0.1",
            &[local, ("x-forwarded-for", "nonsense")][..],
            400,
            "bad_request",
            "the X-Forwarded-For header of the trusted proxy names no address; it must be a list of them",
            None,
        ),
        (
            "203.0.113.9",
            &[local],
            403,
            "forbidden",
            "203.0.113.9 is not on a network that is served here; web_server.allowed_networks in the config says which are",
            None,
        ),
        (
            "192.168.1.7",
            &[("host", "evil.example:80")],
            403,
            "host_not_allowed",
            "\"evil.example:80\" is not known as a name of this server; use its address, or add the name to \
             web_server.allowed_hosts in the config",
            None,
        ),
        (
            "192.168.1.7",
            &[local],
            401,
            "unauthorized",
            "this needs the token: send Authorization: Bearer TOKEN, or the token as the password of any name",
            Some(challenge),
        ),
        (
            "192.168.1.7",
            &[local, wrong],
            401,
            "unauthorized",
            "this is not the token; it is in the file that web_server.auth.token_file in the config names",
            Some(challenge),
        ),
    ] {
        let (found, headers, body) = ask(&proxied, &request(peer, headers));
        assert_eq!((found, body), (status, json!({"error": error, "code": code})));
        assert!(extra.is_none_or(|extra| headers.iter().any(|header| header == extra)), "{headers:?}");
        assert_eq!(headers.contains(&"WWW-Authenticate: Bearer".to_owned()), status == 401, "a line of its own");
        assert_eq!(headers.iter().filter(|header| header.starts_with("X-Content-Type-Options")).count(), 1);
        assert!(headers.contains(&"X-Frame-Options: SAMEORIGIN".to_owned()), "{headers:?}");
    }
    let patient = request("192.168.1.7", &[local, wrong]);
    let (status, headers, body) = (0..10).map(|_| ask(&proxied, &patient)).last().unwrap();
    assert_eq!(status, 429);
    assert!(headers.contains(&"Retry-After: 6".to_owned()), "{headers:?}");
    let error = "too many wrong tokens came from this address; try again in 6 s";
    assert_eq!(body, json!({"error": error, "code": "too_many_wrong_tokens"}));
}

#[test]
fn answers_of_all_kinds_pass_through() {
    let gate = gate("frame_ancestors: ['https://ha.local:8123']", false);
    let mut home = request("192.168.1.7", &[("host", "pi")]);
    assert_eq!(gate.class(&home), 7, "statistics are those of what is behind it");
    let (status, headers, _) = ask(&gate, &home);
    assert_eq!(status, 200);
    assert!(headers.iter().any(|header| header.ends_with("frame-ancestors 'self' https://ha.local:8123")));
    assert!(headers.iter().all(|header| !header.starts_with("X-Frame-Options")), "{headers:?}");
    for path in ["/detach", "/give", "/later", "/prepared"] {
        home.path = path.into();
        let kind = match gate.handle(&home) {
            Answer::Ready(_) => "ready",
            Answer::Detach(..) => "/detach",
            Answer::Give(_) => "/give",
            Answer::Later(_) => "/later",
            Answer::Prepared(_, extra) => {
                let lines = String::from_utf8(extra).unwrap();
                assert!(
                    lines.starts_with("X-Own: 1\r\nContent-Security-Policy: ") && lines.ends_with("\r\n"),
                    "{lines}"
                );
                "/prepared"
            }
        };
        assert_eq!(kind, path);
    }
}

#[test]
fn health_and_preflights_need_no_token() {
    let gate = gate("", true);
    for (path, method, status) in [
        ("/health", Method::Get, 200),
        ("/health", Method::Head, 200),
        ("/healthy", Method::Get, 401),
        ("/health/", Method::Get, 401),
        ("//health", Method::Get, 401),
        ("/%68ealth", Method::Get, 401),
        ("/x/../health", Method::Get, 401),
        ("/", Method::Head, 401),
        ("/status", Method::Options, 200),
    ] {
        let mut asked = request("192.168.1.7", &[("host", "pi")]);
        (asked.path, asked.method) = (path.into(), method);
        assert_eq!(ask(&gate, &asked).0, status, "{method:?} {path}");
    }
    let stranger = request("203.0.113.9", &[("host", "pi")]);
    assert_eq!(ask(&gate, &Request { path: "/health".into(), ..stranger }).0, 403, "but they need a network");
}

#[test]
fn the_token_is_nowhere_to_be_read() {
    let gate = gate("", true);
    let shown = request("192.168.1.7", &[("host", "pi"), ("authorization", &format!("Bearer {SECRET}"))]);
    assert_eq!(ask(&gate, &shown).0, 200);
    let mut almost = shown.clone();
    almost.headers[1].1.push('x');
    let mut texts = vec![format!("{:?}", gate.rules), format!("{shown:?} {shown:#?} {almost:?}")];
    texts.extend((0..12).map(|_| format!("{:?}", ask(&gate, &almost))));
    for text in texts {
        assert!(!text.contains("horse"), "{text}");
    }
    assert!(format!("{shown:?}").contains("\"authorization: (not shown)\""), "{shown:?}");
}
