//! How a stream is written: `text/event-stream`, as the HTML standard has it. Pure.

use std::fmt::Write;
use std::sync::Arc;

use crate::http::message::{Body, Response, header};

/// The first line of a stream: how long a client waits before it connects again.
pub const RETRY: &[u8] = b"retry: 3000\n\n";
/// Keeps connections alive that have nothing to say.
pub const COMMENT: &[u8] = b":\n\n";
/// The last event. It has no identifier: there is nothing to resume from it.
pub const BYE: &[u8] = b"event: bye\ndata: {}\n\n";

/// One event. Whatever the text is, it stays one: each of its lines becomes a `data:` line.
pub fn event(id: &str, name: &str, data: &str) -> Arc<[u8]> {
    debug_assert!(!id.contains(['\0', '\r', '\n']) && !name.contains(['\r', '\n']), "{id:?} {name:?}");
    let mut text = String::with_capacity(id.len() + name.len() + data.len() + 32);
    let _ = writeln!(text, "id: {id}\nevent: {name}");
    for line in lines(data) {
        let _ = writeln!(text, "data: {line}");
    }
    text.push('\n');
    text.into_bytes().into()
}

/// The lines of a text as clients split them: at CR LF, LF and CR, and nowhere else.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let here = rest?;
        let Some(at) = here.find(['\r', '\n']) else {
            rest = None;
            return Some(here);
        };
        let end = if here[at..].starts_with("\r\n") { at + 2 } else { at + 1 };
        rest = Some(&here[end..]);
        Some(&here[..at])
    })
}

/// The head of an answer that has no length: it ends when the connection does. Its body is not looked at.
pub fn head(response: &Response<Body>) -> Vec<u8> {
    let status = response.status_code();
    let mut headers = response.headers().to_vec();
    headers.push(header("Server", "Wattboard"));
    let empty = tiny_http::Response::new(status, headers, std::io::empty(), Some(0), None);
    let mut text = Vec::new();
    let printed = empty.raw_print(&mut text, tiny_http::HTTPVersion(1, 1), &[], true, None);
    debug_assert!(printed.is_ok(), "memory takes everything");
    // tiny_http writes the length last.
    const LENGTH: &[u8] = b"Content-Length: 0\r\n\r\n";
    if text.ends_with(LENGTH) {
        text.truncate(text.len() - LENGTH.len());
        text.extend_from_slice(b"Connection: close\r\n\r\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::message::{Bytes, ready};

    /// What a client makes of a stream: the events' identifiers, names and data.
    fn understood(stream: &str) -> Vec<(String, String, String)> {
        let (mut events, mut id, mut name, mut data) = (Vec::new(), String::new(), String::new(), None::<String>);
        for line in lines(stream) {
            match line.split_once(": ").unwrap_or((line, "")) {
                ("", _) => {
                    if let Some(data) = data.take() {
                        events.push((id.clone(), std::mem::take(&mut name), data));
                    }
                }
                ("id", value) => value.clone_into(&mut id),
                ("event", value) => value.clone_into(&mut name),
                ("data", value) => match &mut data {
                    Some(data) => {
                        data.push('\n');
                        data.push_str(value);
                    }
                    None => data = Some(value.to_owned()),
                },
                _ => {}
            }
        }
        events
    }

    #[test]
    fn an_event_is_one_whatever_it_says() {
        for (data, meaning) in [
            ("{}", "{}"),
            ("", ""),
            ("a\nb", "a\nb"),
            ("a\r\nb\rc\n", "a\nb\nc\n"),
            ("\n\nid: 9\nevent: bye\ndata: x\n\n", "\n\nid: 9\nevent: bye\ndata: x\n\n"),
            (": no comment", ": no comment"),
            (" led by a space", " led by a space"),
            ("\u{2028}\u{85}\0\u{feff}ł", "\u{2028}\u{85}\0\u{feff}ł"),
        ] {
            let frame = event("b-1", "state", data);
            let stream = [RETRY, &frame, COMMENT, &frame, BYE].concat();
            let one = ("b-1".to_owned(), "state".to_owned(), meaning.to_owned());
            let bye = ("b-1".to_owned(), "bye".to_owned(), "{}".to_owned());
            assert_eq!(understood(std::str::from_utf8(&stream).unwrap()), [one.clone(), one, bye], "{data:?}");
        }
        assert_eq!(&*event("b-1", "state", "{\"a\": 1}"), b"id: b-1\nevent: state\ndata: {\"a\": 1}\n\n");
        assert!(understood("retry: 3000\n\n:\n\n").is_empty());
    }

    #[test]
    fn the_head_ends_with_the_connection() {
        let response = ready(200, "text/event-stream", Bytes::Static(b"")).with_header(header("Vary", "Origin"));
        let head = String::from_utf8(head(&response)).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
        for line in ["Content-Type: text/event-stream", "Vary: Origin", "Connection: close", "Server: Wattboard"] {
            assert_eq!(head.split("\r\n").filter(|found| *found == line).count(), 1, "{line}: {head}");
        }
        assert!(head.contains("\r\nDate: ") && !head.contains("Length") && !head.contains("Encoding"), "{head}");
    }
}
