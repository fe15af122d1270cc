//! A request as a handler sees it, and an answer as a handler gives it.

use std::fmt;
use std::io::{Cursor, Read};
use std::net::IpAddr;
use std::sync::Arc;

use crate::base::document::Document;
pub use tiny_http::{Header, Response, StatusCode};

use super::given::Given;
use super::later::Pending;
use super::outflow::Outflow;
use super::prepared::Prepared;

/// The methods that reach a handler. Every other one is answered 405 before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Send the answer.
    Get,
    /// Send the answer's head alone; handlers answer as for GET, the body is left away when it is rendered.
    Head,
    /// Say what is allowed.
    Options,
}

/// One request, whole: its head is parsed, it has no body.
#[derive(Clone)]
pub struct Request {
    /// What is to be done.
    pub method: Method,
    /// The path as sent (percent-encoded), without query and fragment; begins with a slash.
    pub path: String,
    /// The query as sent, without the question mark; empty where there is none.
    pub query: String,
    /// Names in lower case, values as text (bytes outside ASCII replaced), in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// Who asks.
    pub peer: IpAddr,
}

impl Request {
    /// All headers of this (lower-case) name, which together are one list.
    pub fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The first header of this (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Without what its sender keeps secret.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(name, value): &(String, String)| match name.as_str() {
            "authorization" | "cookie" => format!("{name}: (not shown)"),
            _ => format!("{name}: {value}"),
        };
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &self.query)
            .field("headers", &self.headers.iter().map(shown).collect::<Vec<_>>())
            .field("peer", &self.peer)
            .finish()
    }
}

/// Bytes that are ready: shared with the snapshot, or made for this answer.
#[derive(Debug, Clone)]
pub enum Bytes {
    /// Prepared at publication.
    Shared(Arc<[u8]>),
    /// Serialised for this request.
    Owned(Vec<u8>),
    /// Compiled into the program.
    Static(&'static [u8]),
    /// A document, which has more forms than one.
    Document(Arc<Document>),
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Owned(bytes) => bytes,
            Self::Static(bytes) => bytes,
            Self::Document(document) => document.plain(),
        }
    }
}

/// A body that tiny_http can read.
pub type Body = Cursor<Bytes>;

/// What is done on a thread of its own with a connection that leaves the workers (downloads).
///
/// It is given the socket and the minor version of HTTP/1 that was asked in, and writes head and body itself; the socket
/// closes when it returns.
pub type Detached = Box<dyn FnOnce(Outflow, u8) -> Parting + Send>;

/// How an answer on a thread of its own ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    /// The client can tell whether it is whole.
    Told,
    /// It is cut, which only a broken connection tells.
    Cut,
}

/// Takes a connection over.
pub type Taken = Box<dyn FnOnce(Given) + Send>;

/// What a handler answers.
pub enum Answer {
    /// All of it, ready to be rendered and sent.
    Ready(Response<Body>),
    /// Rendered before; with whole header lines of this request's own.
    Prepared(Arc<Prepared>, Vec<u8>),
    /// Not from memory: a thread of its own takes the connection. The name is the thread's.
    Detach(&'static str, Detached),
    /// Nor from a thread of its own: called at once with the connection, which it passes on to its next owner (event
    /// streams), who writes the head too. Like the handler itself it must not wait.
    Give(Taken),
    /// Later: called at once with the request, which it passes on to whoever will have the answer. It must not wait.
    Later(Box<dyn FnOnce(Pending) + Send>),
}

/// Answers requests. Called by several threads at once; must not block, must not touch disk.
pub trait Handler: Send + Sync + 'static {
    /// The answer to one request.
    fn handle(&self, request: &Request) -> Answer;

    /// Adds what every answer leaves with to one that the edge gives by itself: a refusal that no handler has seen.
    fn finish(&self, response: Response<Body>) -> Response<Body> {
        response
    }

    /// Which class a request belongs to, for the statistics; below [`super::latency::CLASSES`].
    fn class(&self, request: &Request) -> usize {
        let _ = request;
        0
    }
}

/// An answer of these bytes.
pub fn ready(status: u16, content_type: &str, bytes: Bytes) -> Response<Body> {
    let length = bytes.as_ref().len();
    Response::new(
        StatusCode(status),
        vec![header("Content-Type", content_type)],
        Cursor::new(bytes),
        Some(length),
        None,
    )
    // Never chunked: the length is always known.
    .with_chunked_threshold(usize::MAX)
}

/// An answer that has no content, and so no type of it.
pub fn empty(status: u16) -> Response<Body> {
    Response::new(StatusCode(status), Vec::new(), Cursor::new(Bytes::Static(b"")), Some(0), None)
        .with_chunked_threshold(usize::MAX)
}

/// A header of ASCII text; anything else in `value` becomes a question mark, so that site text cannot break the head.
pub fn header(name: &'static str, value: &str) -> Header {
    let clean: Vec<u8> = value.bytes().map(|b| if b == b' ' || b.is_ascii_graphic() { b } else { b'?' }).collect();
    Header::from_bytes(name.as_bytes(), clean).expect("an ASCII name and a cleaned value make a header")
}

/// Reads a body back, for tests and for rendering.
pub fn body_of(response: Response<Body>) -> Vec<u8> {
    let mut bytes = Vec::new();
    response.into_reader().read_to_end(&mut bytes).expect("memory can be read");
    bytes
}
