//! From bytes to a [`Request`], strictly: what is ambiguous is refused, and a body is refused by its header. Pure.
//!
//! [`scan`] finds out, as bytes arrive, whether a head is whole; [`parse`] reads a whole one.

use std::mem::MaybeUninit;
use std::net::IpAddr;

use super::limits::MOST_HEADERS;
use super::message::{Method, Request};
use super::refusal::Refusal;

/// What the bytes so far amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan {
    /// More is needed; the next scan may begin at this offset.
    Partial(usize),
    /// A head of this many bytes, its empty line included.
    Whole(usize),
    /// No continuation makes a head of it; why.
    Hopeless(&'static str),
}

/// A request, and what its sender expects of the connection.
#[derive(Debug, Clone)]
pub struct Head {
    /// The request itself.
    pub request: Request,
    /// The minor version of HTTP/1: 0 or 1.
    pub minor: u8,
    /// Whether another request may follow.
    pub keep_alive: bool,
}

/// Looks for the end of a head in `bytes`, of which the first `from` were looked at before.
///
/// Empty lines before the request line are passed over, as old clients send them. Lines end with CR LF and nothing else.
pub fn scan(bytes: &[u8], from: usize) -> Scan {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    if let Some(first) = bytes.get(start)
        && !first.is_ascii_alphabetic()
    {
        return Scan::Hopeless("the first byte begins no request line; this port speaks plain HTTP, not TLS");
    }
    let mut at = from;
    while let Some(step) = bytes[at..].iter().position(|byte| *byte == b'\n') {
        let end = at + step;
        if end == 0 || bytes[end - 1] != b'\r' {
            return Scan::Hopeless("a line of the head ends without CR; lines end with CR LF");
        }
        if end > start && end >= 3 && bytes[end - 2] == b'\n' {
            return Scan::Whole(end + 1);
        }
        at = end + 1;
    }
    Scan::Partial(bytes.len())
}

/// Reads one whole head, as found by [`scan`].
///
/// # Errors
/// The refusal to answer with; it is the connection's last answer.
pub fn parse(bytes: &[u8], peer: IpAddr, most_headers: usize) -> Result<Head, Refusal> {
    let mut room = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let mut raw = httparse::Request::new(&mut []);
    let room = &mut room[..most_headers.min(MOST_HEADERS)];
    match raw.parse_with_uninit_headers(bytes, room) {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
        Ok(_) => return Err(Refusal::bad("the head of the request does not end where its empty line is")),
        Err(error) => return Err(unreadable(error, bytes, most_headers)),
    }
    let (Some(method), Some(target), Some(minor)) = (raw.method, raw.path, raw.version) else {
        return Err(Refusal::bad("the request line is incomplete"));
    };
    let facts = Facts::gather(raw.headers)?;
    facts.check(minor)?;
    let method = match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "OPTIONS" => Method::Options,
        _ => return Err(Refusal::new(405, "only GET, HEAD and OPTIONS are answered here")),
    };
    let (authority, path, query) = split_target(target, method)?;
    let mut headers: Vec<(String, String)> =
        raw.headers.iter().map(|h| (h.name.to_ascii_lowercase(), text_of(h.value))).collect();
    if let Some(authority) = authority {
        // The target names the host; whatever Host says is to be ignored.
        match headers.iter_mut().find(|(name, _)| name == "host") {
            Some((_, host)) => authority.clone_into(host),
            None => headers.push(("host".to_owned(), authority.to_owned())),
        }
    }
    let request = Request { method, path: path.to_owned(), query: query.to_owned(), headers, peer };
    Ok(Head { request, minor, keep_alive: facts.keep_alive(minor) })
}

/// What the headers say about the message itself.
#[derive(Default)]
struct Facts {
    hosts: usize,
    lengths: usize,
    has_body: bool,
    coded: bool,
    expects: Option<bool>,
    close: bool,
    keep: bool,
}

impl Facts {
    fn gather(headers: &[httparse::Header<'_>]) -> Result<Self, Refusal> {
        let mut facts = Self::default();
        for header in headers {
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            match header.name.len() {
                4 if is("host") => {
                    facts.hosts += 1;
                    if !header.value.iter().all(|byte| is_host_byte(*byte)) {
                        return Err(Refusal::bad("the Host header is no host name with an optional port"));
                    }
                }
                6 if is("expect") => facts.expects = Some(header.value.eq_ignore_ascii_case(b"100-continue")),
                10 if is("connection") => {
                    for word in header.value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                        facts.close |= word.eq_ignore_ascii_case(b"close");
                        facts.keep |= word.eq_ignore_ascii_case(b"keep-alive");
                    }
                }
                14 if is("content-length") => {
                    facts.lengths += 1;
                    if header.value.is_empty() || !header.value.iter().all(u8::is_ascii_digit) {
                        return Err(Refusal::bad("the Content-Length header is no number"));
                    }
                    facts.has_body |= header.value.iter().any(|digit| *digit != b'0');
                }
                17 if is("transfer-encoding") => facts.coded = true,
                _ => {}
            }
        }
        Ok(facts)
    }

    fn check(&self, minor: u8) -> Result<(), Refusal> {
        if self.hosts > 1 {
            return Err(Refusal::bad("there is more than one Host header; send exactly one"));
        }
        if self.hosts == 0 && minor == 1 {
            return Err(Refusal::bad("the Host header is missing; HTTP/1.1 needs one"));
        }
        if self.lengths > 1 {
            return Err(Refusal::bad("there is more than one Content-Length header"));
        }
        if self.coded {
            return Err(Refusal::bad("requests with a Transfer-Encoding are not accepted; send no body"));
        }
        if self.has_body {
            return Err(Refusal::new(413, "requests with a body are not accepted; send none"));
        }
        if self.expects == Some(false) {
            return Err(Refusal::new(417, "the only expectation that is understood is 100-continue"));
        }
        Ok(())
    }

    fn keep_alive(&self, minor: u8) -> bool {
        !self.close && (minor == 1 || self.keep)
    }
}

/// Authority (of an absolute form), path and query of a request target.
fn split_target(target: &str, method: Method) -> Result<(Option<&str>, &str, &str), Refusal> {
    let (authority, local) = if target.starts_with('/') {
        (None, target)
    } else if target == "*" && method == Method::Options {
        (None, "/")
    } else {
        let rest = strip_scheme(target).ok_or_else(|| {
            Refusal::bad("the request target is neither a path that begins with / nor an http address")
        })?;
        let (authority, local) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.is_empty() || !authority.bytes().all(is_host_byte) {
            return Err(Refusal::bad("the request target names no host"));
        }
        (Some(authority), local)
    };
    let local = local.split_once('#').map_or(local, |(before, _)| before);
    let (path, query) = local.split_once('?').unwrap_or((local, ""));
    Ok((authority, if path.is_empty() { "/" } else { path }, query))
}

fn strip_scheme(target: &str) -> Option<&str> {
    ["http://", "https://"].into_iter().find_map(|scheme| {
        let (head, rest) = target.split_at_checked(scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':' | b'[' | b']' | b'%' | b'~')
}

/// A header's value as text: bytes outside ASCII become question marks.
fn text_of(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) if text.is_ascii() => text.to_owned(),
        _ => value.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect(),
    }
}

fn unreadable(error: httparse::Error, bytes: &[u8], most_headers: usize) -> Refusal {
    match error {
        httparse::Error::TooManyHeaders => {
            Refusal::new(431, format!("there are more than {most_headers} headers; send fewer"))
        }
        httparse::Error::Version if names_a_version(bytes) => {
            Refusal::new(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
        }
        httparse::Error::HeaderName => Refusal::bad("the name of a header has a byte that does not belong there"),
        httparse::Error::HeaderValue => Refusal::bad("the value of a header has a byte that does not belong there"),
        httparse::Error::NewLine => Refusal::bad("a carriage return stands alone in the head"),
        _ => Refusal::bad("the request line is not: method, space, path, space, HTTP/1.1"),
    }
}

/// Whether the request line ends with a version of HTTP that is not spoken here.
fn names_a_version(bytes: &[u8]) -> bool {
    let line = bytes.trim_ascii_start().split(|byte| *byte == b'\r').next().unwrap_or_default();
    let last = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    match last.strip_prefix(b"HTTP/") {
        Some(b"1.0" | b"1.1") => false,
        Some([major, b'.', minor]) => major.is_ascii_digit() && minor.is_ascii_digit(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn parsed(text: &str) -> Result<Head, u16> {
        assert_eq!(scan(text.as_bytes(), 0), Scan::Whole(text.len()), "{text:?}");
        parse(text.as_bytes(), PEER, 64).map_err(|refusal| refusal.status)
    }

    #[test]
    fn heads_are_found_whole_however_they_arrive() {
        let head = b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next";
        let whole = head.len() - "GET /next".len();
        let mut from = 0;
        for length in 0..whole {
            match scan(&head[..length], from) {
                Scan::Partial(next) => from = next,
                other => panic!("{other:?} at {length}"),
            }
        }
        assert_eq!(scan(head, from), Scan::Whole(whole));
        assert_eq!(scan(head, 0), Scan::Whole(whole));
    }

    #[test]
    fn hopeless_bytes_are_known_at_once() {
        for bytes in [
            &b"\x16\x03\x01\x02"[..],
            b"\0",
            b"GET / HTTP/1.1\n",
            b"\n",
            b"GET / HTTP/1.1\r\nHost: a\n\r\n",
            b"{\"a\": 1}",
        ] {
            assert!(matches!(scan(bytes, 0), Scan::Hopeless(_)), "{bytes:?}");
        }
    }

    #[test]
    fn targets_become_path_and_query() {
        for (line, path, query, host) in [
            ("GET / HTTP/1.1", "/", "", "a"),
            ("GET /x?y=1&z HTTP/1.1", "/x", "y=1&z", "a"),
            ("GET /x?y?z#w HTTP/1.1", "/x", "y?z", "a"),
            ("GET /x%20y HTTP/1.1", "/x%20y", "", "a"),
            ("GET http://pi.local:8080/x?y HTTP/1.1", "/x", "y", "pi.local:8080"),
            ("GET HTTP://pi.local HTTP/1.1", "/", "", "pi.local"),
            ("GET http://[fe80::1]:80?q HTTP/1.1", "/", "q", "[fe80::1]:80"),
            ("OPTIONS * HTTP/1.1", "/", "", "a"),
            ("HEAD //double HTTP/1.1", "//double", "", "a"),
        ] {
            let head =
                parsed(&format!("{line}\r\nHost: a\r\n\r\n")).unwrap_or_else(|status| panic!("{line}: {status}"));
            assert_eq!(
                (head.request.path.as_str(), head.request.query.as_str(), head.request.header("host")),
                (path, query, Some(host)),
                "{line}"
            );
        }
    }

    #[test]
    fn doubtful_heads_are_refused() {
        for (status, text) in [
            (400, "GET / HTTP/1.1\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
            (400, "GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nContent-Length: 3\r\n\r\n"),
            (413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000000\r\n\r\n"),
            (413, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999999999999\r\n\r\n"),
            (413, "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"),
            (417, "GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n"),
            (405, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
            (405, "DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n"),
            (405, "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
            (405, "get / HTTP/1.1\r\nHost: a\r\n\r\n"),
            (400, "GET x HTTP/1.1\r\nHost: a\r\n\r\n"),
            (400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
            (400, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
            (400, "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"),
            (400, "GET http://me@a/x HTTP/1.1\r\nHost: a\r\n\r\n"),
            (400, "GET /\r\n\r\n"),
            (400, "GET / x HTTP/1.1\r\nHost: a\r\n\r\n"),
            (505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
            (505, "PRI * HTTP/2.0\r\n\r\n"),
            (505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
            (400, "GET / HTTP/x\r\nHost: a\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\nX : a\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"),
            (400, "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
            (400, "GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n"),
        ] {
            assert_eq!(parsed(text).map(|_| ()), Err(status), "{text:?}");
        }
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(64));
        assert_eq!(parsed(&many).map(|_| ()), Err(431));
    }

    #[test]
    fn heads_out_of_the_ordinary_are_fine() {
        for text in [
            "GET / HTTP/1.0\r\n\r\n",
            "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost:\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n",
        ] {
            assert!(parsed(text).is_ok(), "{text:?}");
        }
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(63));
        assert_eq!(parsed(&many).unwrap().request.headers.len(), 64);
        let odd = parsed("GET / HTTP/1.1\r\nHost: a\r\nX-Name:  M\u{fc}ller \r\n\r\n").unwrap();
        assert_eq!(odd.request.header("x-name"), Some("M??ller"));
    }

    #[test]
    fn connections_stay_open_as_asked() {
        for (version, connection, keep_alive) in [
            ("1.1", "", true),
            ("1.1", "Connection: close\r\n", false),
            ("1.1", "Connection: Keep-Alive, CLOSE\r\n", false),
            ("1.1", "Connection: upgrade\r\nConnection: close\r\n", false),
            ("1.0", "", false),
            ("1.0", "Connection: Keep-Alive\r\n", true),
            ("1.0", "Connection: close\r\n", false),
        ] {
            let head = parsed(&format!("GET / HTTP/{version}\r\nHost: a\r\n{connection}\r\n")).unwrap();
            assert_eq!(head.keep_alive, keep_alive, "{version} {connection:?}");
        }
    }
}
