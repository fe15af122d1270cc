//! Request heads: what is scanned whole and what is scanned in pieces is the same; what is accepted is what it says.

#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use libfuzzer_sys::fuzz_target;
use wattboard::http::head::{Head, Scan, parse, scan};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const MOST_HEADERS: usize = 16;

/// Scans as a connection does: each time a piece arrives, from where the last scan ended.
fn in_pieces(bytes: &[u8], mut size: impl FnMut() -> usize) -> Scan {
    let (mut length, mut from) = (0, 0);
    while length < bytes.len() {
        length = (length + size().max(1)).min(bytes.len());
        match scan(&bytes[..length], from) {
            Scan::Partial(next) => {
                assert!(next <= length);
                from = next;
            }
            end => return end,
        }
    }
    Scan::Partial(from)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn check(head: &Head, bytes: &[u8]) {
    let request = &head.request;
    assert!(head.minor <= 1);
    assert!(request.path.starts_with('/'));
    assert!(!request.path.contains(['?', '#']) && !request.query.contains('#'));
    let plain = |text: &str| text.bytes().all(|byte| byte > b' ' && byte != 0x7f);
    assert!(plain(&request.path) && plain(&request.query));
    // One more than was sent when the target names the host.
    assert!(request.headers.len() <= MOST_HEADERS + 1);
    for (name, value) in &request.headers {
        assert!(!name.is_empty() && name.bytes().all(|byte| is_token(byte) && !byte.is_ascii_uppercase()), "{name:?}");
        let clean = |byte: u8| byte == b'\t' || (b' '..0x7f).contains(&byte);
        assert!(value.bytes().all(clean), "{name}: {value:?}");
        assert!(!value.starts_with([' ', '\t']) && !value.ends_with([' ', '\t']), "{name}: {value:?}");
    }
    let values =
        |wanted: &'static str| request.headers.iter().filter(move |(name, _)| name == wanted).map(|(_, value)| value);
    assert!(values("host").count() <= 1 && (head.minor == 0 || values("host").count() == 1));
    assert!(values("transfer-encoding").next().is_none(), "a body that nobody reads");
    assert!(values("content-length").all(|value| value.bytes().all(|byte| byte == b'0')), "a body that nobody reads");
    let sent: usize = request.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(request.path.len() + request.query.len() + sent <= 2 * bytes.len());
}

fuzz_target!(|data: &[u8]| {
    let Some((&seed, bytes)) = data.split_first() else { return };
    let whole = scan(bytes, 0);
    let mut turn = seed;
    let pieces = in_pieces(bytes, || {
        turn = turn.wrapping_mul(5).wrapping_add(1);
        usize::from(turn % 23)
    });
    let single = in_pieces(bytes, || 1);
    for other in [pieces, single] {
        match (whole, other) {
            // Which line is hopeless first depends on what has arrived.
            (Scan::Hopeless(_), Scan::Hopeless(_)) => {}
            (whole, other) => assert_eq!(whole, other),
        }
    }
    let Scan::Whole(length) = whole else { return };
    let head = &bytes[..length];
    assert!(head.ends_with(b"\r\n\r\n"));
    let parsed = parse(head, PEER, MOST_HEADERS);
    match &parsed {
        Ok(parsed) => check(parsed, head),
        Err(refusal) => {
            assert!([400, 405, 413, 417, 431, 505].contains(&refusal.status), "{}", refusal.status);
            assert!(!refusal.text.is_empty() && refusal.text.len() < 200);
        }
    }
    // Empty lines before the request line say nothing.
    let mut bare = head;
    while let Some(rest) = bare.strip_prefix(b"\r\n") {
        bare = rest;
    }
    let bare = parse(bare, PEER, MOST_HEADERS);
    let shown = |result: &Result<Head, _>| result.as_ref().map(|head| format!("{head:?}")).map_err(Clone::clone);
    assert_eq!(shown(&parsed), shown(&bare));
});
