//! From an answer to bytes: tiny_http writes the head, and what it cannot know of the connection is added.

use std::cell::RefCell;
use std::io::{self, IoSlice, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use super::message::{Body, Bytes, Response, header};

/// Bodies up to this size are rendered behind their head; larger ones are sent from where they are.
const COPIED_BYTES: usize = 8 * 1024;
/// What is kept of a head's buffer between answers.
const KEPT_BYTES: usize = 2 * COPIED_BYTES;

/// `Sun, 22 Nov 2026 20:00:08 GMT`
const DATE_BYTES: usize = 29;
/// Where the minor version stands in `HTTP/1.1 200 OK`.
const MINOR_AT: usize = 7;

/// How an answer is to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// The minor version of HTTP/1 that was asked in.
    pub minor: u8,
    /// Whether the connection stays open.
    pub keep_alive: bool,
    /// Whether the head is all that is wanted.
    pub head_only: bool,
}

impl Manner {
    /// The line that the client needs to be told about the connection.
    fn connection_line(self) -> &'static [u8] {
        match (self.keep_alive, self.minor) {
            (true, 1) => b"",
            (true, _) => b"Connection: keep-alive\r\n",
            (false, _) => b"Connection: close\r\n",
        }
    }
}

impl Manner {
    /// How requests are answered that could not be read.
    pub const LAST_WORD: Self = Self { minor: 1, keep_alive: false, head_only: false };
}

/// An answer that was rendered once, to be sent many times.
#[derive(Debug)]
pub struct Rendered {
    /// Its status.
    pub status: u16,
    /// The head, and the body where that is small.
    bytes: Box<[u8]>,
    /// Where the status line ends, where the date is, where the head ends.
    line_end: usize,
    date_at: Option<usize>,
    head_end: usize,
    /// The body where it is large.
    body: Option<Bytes>,
}

impl Rendered {
    /// Renders an answer.
    pub fn of(response: Response<Body>) -> Self {
        let status = response.status_code().0;
        let mut output = Output::default();
        output.render(response, Manner { minor: 1, keep_alive: true, head_only: false });
        let bytes = output.head.into_boxed_slice();
        let find = |what: &[u8]| bytes.windows(what.len()).position(|window| window == what).map(|at| at + what.len());
        let head_end = find(b"\r\n\r\n").unwrap_or(bytes.len());
        let date_at = find(b"\r\nDate: ").filter(|at| at + DATE_BYTES <= head_end);
        Self { status, line_end: find(b"\n").unwrap_or(0), date_at, head_end, bytes, body: output.body }
    }
}

/// Calls `use_it` with the date as HTTP writes it; written anew once a second.
fn with_date(use_it: impl FnOnce(&[u8; DATE_BYTES])) {
    thread_local! {
        static WRITTEN: RefCell<(u64, [u8; DATE_BYTES])> = const { RefCell::new((0, [b' '; DATE_BYTES])) };
    }
    let second = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    WRITTEN.with_borrow_mut(|(written, date)| {
        if *written != second {
            let at = Timestamp::from_second(second.try_into().unwrap_or(0)).unwrap_or_default();
            let text = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            if let Ok(bytes) = text.as_bytes().try_into() {
                *date = bytes;
            }
            *written = second;
        }
        use_it(date);
    });
}

/// An answer on its way: a head, a body, and how much of both the socket has taken.
#[derive(Debug, Default)]
pub struct Output {
    head: Vec<u8>,
    body: Option<Bytes>,
    sent: usize,
}

impl Output {
    /// Replaces what was there by this answer, nothing of it sent.
    pub fn render(&mut self, mut response: Response<Body>, manner: Manner) {
        self.clear();
        let status = response.status_code().0;
        let has_none = matches!(status, 100..=199 | 204 | 304);
        let bodiless = manner.head_only || has_none;
        if !response.headers().iter().any(|h| h.field.equiv("Server")) {
            response.add_header(header("Server", "Wattboard"));
        }
        let version = tiny_http::HTTPVersion(1, manner.minor);
        let printed = match response.data_length() {
            Some(length) if length > COPIED_BYTES && !bodiless => {
                let alone =
                    Response::new(response.status_code(), response.headers().to_vec(), io::empty(), Some(length), None);
                self.body = Some(response.into_reader().into_inner());
                alone.with_chunked_threshold(usize::MAX).raw_print(&mut self.head, version, &[], true, None)
            }
            _ => response.with_chunked_threshold(usize::MAX).raw_print(
                &mut self.head,
                version,
                &[],
                manner.head_only,
                None,
            ),
        };
        debug_assert!(printed.is_ok(), "memory takes everything");
        if has_none {
            self.strip_length();
        }
        self.mark_connection(manner);
    }

    /// `Content-Length` has no place in an answer that can have no body (RFC 9110, 8.6); tiny_http writes it last.
    fn strip_length(&mut self) {
        const NAME: &[u8] = b"\r\nContent-Length: ";
        if let Some(at) = self.head.windows(NAME.len()).rposition(|window| window == NAME) {
            self.head.truncate(at);
            self.head.extend_from_slice(b"\r\n\r\n");
        }
    }

    /// `Connection` is the edge's to say: tiny_http takes it from nobody. It goes behind the status line.
    fn mark_connection(&mut self, manner: Manner) {
        let line = manner.connection_line();
        if !line.is_empty()
            && let Some(at) = self.head.iter().position(|byte| *byte == b'\n')
        {
            self.head.splice(at + 1..at + 1, line.iter().copied());
        }
    }

    /// Replaces what was there by an answer that was rendered before; `extra` is whole header lines of this request.
    pub fn repeat(&mut self, rendered: &Rendered, manner: Manner, extra: &[u8]) {
        self.clear();
        let bytes = if manner.head_only { &rendered.bytes[..rendered.head_end] } else { &rendered.bytes[..] };
        // `HTTP/1.` comes before the minor version.
        let (status_line, rest) = bytes.split_at(rendered.line_end);
        self.head.extend_from_slice(status_line);
        self.head[MINOR_AT] = b'0' + manner.minor;
        self.head.extend_from_slice(manner.connection_line());
        self.head.extend_from_slice(extra);
        let shift = self.head.len() - rendered.line_end;
        self.head.extend_from_slice(rest);
        if let Some(at) = rendered.date_at {
            let at = at + shift;
            with_date(|date| self.head[at..at + DATE_BYTES].copy_from_slice(date));
        }
        self.body = rendered.body.clone().filter(|_| !manner.head_only);
    }

    /// Offers what is left to `socket`, once; answers how many bytes it took.
    ///
    /// # Errors
    /// Those of the socket, "would block" among them.
    pub fn send(&mut self, socket: &mut impl Write) -> io::Result<usize> {
        loop {
            let body = self.body.as_ref().map_or(&[][..], Bytes::as_ref);
            let taken = match (self.head.get(self.sent..).unwrap_or_default(), body) {
                (&[], body) => socket.write(&body[self.sent - self.head.len()..]),
                (head, &[]) => socket.write(head),
                (head, body) => socket.write_vectored(&[IoSlice::new(head), IoSlice::new(body)]),
            };
            match taken {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => {
                    self.sent += taken;
                    return Ok(taken);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether everything was taken.
    pub fn is_sent(&self) -> bool {
        self.sent >= self.head.len() + self.body.as_ref().map_or(0, |body| body.as_ref().len())
    }

    /// Forgets the answer; keeps the buffer for the next one.
    pub fn clear(&mut self) {
        self.head.clear();
        self.head.shrink_to(KEPT_BYTES);
        self.body = None;
        self.sent = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::message::{StatusCode, ready};
    use std::io::Cursor;
    use std::sync::Arc;

    fn rendered(response: Response<Body>, manner: Manner) -> (String, Vec<u8>) {
        let mut output = Output::default();
        output.render(response, manner);
        let mut bytes = Vec::new();
        while !output.is_sent() {
            output.send(&mut bytes).unwrap();
        }
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        (String::from_utf8(bytes[..end].to_vec()).unwrap(), bytes[end..].to_vec())
    }

    fn count(head: &str, name: &str) -> usize {
        head.lines().filter(|line| line.to_ascii_lowercase().starts_with(&format!("{name}: "))).count()
    }

    const USUAL: Manner = Manner { minor: 1, keep_alive: true, head_only: false };

    #[test]
    fn small_and_large_bodies_look_alike() {
        for length in [0, 1, COPIED_BYTES, COPIED_BYTES + 1, 1_000_000] {
            let bytes: Arc<[u8]> = (0..length).map(|i| i as u8).collect();
            let (head, body) = rendered(ready(200, "text/plain", Bytes::Shared(Arc::clone(&bytes))), USUAL);
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
            assert!(head.contains(&format!("\r\nContent-Length: {length}\r\n")), "{head}");
            assert!(head.contains("\r\nContent-Type: text/plain\r\n") && head.contains("\r\nServer: Wattboard\r\n"));
            for (name, times) in [("date", 1), ("server", 1), ("connection", 0), ("transfer-encoding", 0)] {
                assert_eq!(count(&head, name), times, "{name} in {head}");
            }
            assert_eq!(body, &*bytes);
        }
    }

    #[test]
    fn a_large_shared_body_is_not_copied() {
        let bytes: Arc<[u8]> = vec![7; 1_000_000].into();
        let mut output = Output::default();
        output.render(ready(200, "text/plain", Bytes::Shared(Arc::clone(&bytes))), USUAL);
        assert_eq!(Arc::strong_count(&bytes), 2);
        assert!(output.head.capacity() < KEPT_BYTES);
    }

    #[test]
    fn heads_alone_keep_their_length_and_bodiless_answers_have_none() {
        let body = || Bytes::Owned(vec![1; 40_000]);
        let (head, rest) = rendered(ready(200, "a/b", body()), Manner { head_only: true, ..USUAL });
        assert!(head.contains("Content-Length: 40000\r\n") && rest.is_empty(), "{head}");
        for status in [204, 304] {
            let (head, rest) = rendered(ready(status, "a/b", Bytes::Static(b"")), USUAL);
            assert!(count(&head, "content-length") == 0 && rest.is_empty(), "{head}");
            for head_only in [false, true] {
                let (head, rest) = rendered(ready(status, "a/b", body()), Manner { head_only, ..USUAL });
                assert!(count(&head, "content-length") == 0 && rest.is_empty(), "{head}");
            }
        }
    }

    #[test]
    fn the_connection_is_named_where_it_is_not_as_usual() {
        for (minor, keep_alive, start) in [
            (1, false, "HTTP/1.1 200 OK\r\nConnection: close\r\n"),
            (0, false, "HTTP/1.0 200 OK\r\nConnection: close\r\n"),
            (0, true, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"),
        ] {
            for length in [3, 30_000] {
                let manner = Manner { minor, keep_alive, head_only: false };
                let (head, body) = rendered(ready(200, "a/b", Bytes::Owned(vec![1; length])), manner);
                assert!(head.starts_with(start) && count(&head, "connection") == 1, "{head}");
                assert_eq!(body.len(), length);
            }
        }
    }

    #[test]
    fn a_body_of_unstated_length_is_sent_whole_in_either_version() {
        for minor in [0, 1] {
            let response = Response::new(StatusCode(200), Vec::new(), Cursor::new(Bytes::Static(b"hello")), None, None);
            let (head, body) = rendered(response, Manner { minor, ..USUAL });
            assert!(head.contains(if minor == 0 { "Content-Length: 5" } else { "Transfer-Encoding: chunked" }));
            assert!(body.windows(5).any(|w| w == b"hello"));
        }
    }

    /// Takes so many bytes at a time.
    struct Narrow(usize, Vec<u8>);
    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.0);
            self.1.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_narrow_socket_gets_every_byte_once() {
        let bytes: Vec<u8> = (0..20_000_u32).map(|i| (i % 251) as u8).collect();
        for width in [1, 7, 100, 4096, 1_000_000] {
            let mut output = Output::default();
            output.render(ready(200, "a/b", Bytes::Owned(bytes.clone())), USUAL);
            let mut socket = Narrow(width, Vec::new());
            while !output.is_sent() {
                assert!(output.send(&mut socket).unwrap() > 0);
            }
            assert!(socket.1.ends_with(&bytes) && socket.1.starts_with(b"HTTP/1.1 200 OK\r\n"));
        }
    }
}
