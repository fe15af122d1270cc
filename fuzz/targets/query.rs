//! Query strings: decoded as another, plainer reading of the rules decodes them, and what was encoded comes back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wattboard::http::query::{Query, decode};

/// Percent-decoding, written anew.
fn plainly(text: &str, plus_is_space: bool) -> String {
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    let (bytes, mut decoded, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        let escaped = match (bytes[at], digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => Some((high * 16 + low) as u8),
            _ => None,
        };
        at += if escaped.is_some() { 3 } else { 1 };
        decoded.push(match escaped {
            Some(byte) => byte,
            None if bytes[at - 1] == b'+' && plus_is_space => b' ',
            None => bytes[at - 1],
        });
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    for plus_is_space in [false, true] {
        let decoded = decode(&text, plus_is_space);
        assert_eq!(decoded, plainly(&text, plus_is_space));
        assert!(decoded.len() <= 3 * text.len());
    }
    let query = Query::parse(&text);
    let mut seen = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = plainly(key, true);
        if !seen.contains(&key) {
            assert_eq!(query.get(&key), Some(plainly(value, true).as_str()), "the first of a name counts: {key:?}");
            seen.push(key);
        }
    }
    let query = Query::parse(&format!("a=1&{0}={0}&b=2", encode(&text)));
    if !["a", "b"].contains(&text.as_ref()) {
        assert_eq!(query.get(&text), Some(text.as_ref()));
        assert_eq!((query.get("a"), query.get("b")), (Some("1"), Some("2")));
    }
});
