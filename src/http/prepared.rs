//! Answers that are rendered once and sent many times: tiny_http has written their heads; what differs from request to
//! request (the date, the connection, who may read) is put in as they are sent.

use std::io::Cursor;
use std::sync::{Arc, OnceLock};

use super::message::{Body, Bytes, Header, Request, Response, StatusCode, header};
use super::negotiate::{accepts_gzip, has_already};
use super::render::Rendered;
use crate::base::document::Document;

/// An answer in all its forms, each rendered when it is asked for first.
#[derive(Debug)]
pub struct Prepared {
    document: Arc<Document>,
    status: u16,
    headers: Vec<Header>,
    /// Whether it has a tag and is packed for those who like that; else it is gone in a moment and has one form.
    lasting: bool,
    plain: OnceLock<Form>,
    packed: OnceLock<Option<Form>>,
}

/// One encoding of an answer.
#[derive(Debug)]
struct Form {
    tag: String,
    whole: Rendered,
    /// The answer to somebody who has it already.
    unchanged: Rendered,
}

impl Prepared {
    /// An answer of this document. A `lasting` one gets a tag and is packed for those who like that.
    pub fn new(document: Arc<Document>, status: u16, headers: Vec<Header>, lasting: bool) -> Self {
        Self { document, status, headers, lasting, plain: OnceLock::new(), packed: OnceLock::new() }
    }

    /// Its body.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The form that a request is to be answered with.
    pub fn choose(&self, request: &Request) -> &Rendered {
        let packed = self.lasting && accepts_gzip(request.list("accept-encoding"));
        let packed = if packed { self.packed() } else { None };
        let form = packed.unwrap_or_else(|| self.plain.get_or_init(|| self.form(self.document.plain(), None)));
        let known = self.lasting && has_already(request.list("if-none-match"), &form.tag);
        if known { &form.unchanged } else { &form.whole }
    }

    /// The same for those who send it whole, with headers of their own.
    pub fn response(&self, request: &Request) -> Response<Body> {
        let packed = self.lasting && accepts_gzip(request.list("accept-encoding"));
        let packed = if packed { self.document.gzip() } else { None };
        let (bytes, encoding) = packed.map_or((self.document.plain(), None), |bytes| (bytes, Some("gzip")));
        let tag = self.tag(encoding);
        let known = self.lasting && has_already(request.list("if-none-match"), &tag);
        let (status, bytes) = if known { (304, Arc::from([])) } else { (self.status, Arc::clone(bytes)) };
        response(status, self.headers(&tag, encoding, known), bytes)
    }

    fn packed(&self) -> Option<&Form> {
        let render = || self.document.gzip().map(|bytes| self.form(bytes, Some("gzip")));
        self.packed.get_or_init(render).as_ref()
    }

    fn form(&self, bytes: &Arc<[u8]>, encoding: Option<&str>) -> Form {
        let tag = self.tag(encoding);
        let whole = Rendered::of(response(self.status, self.headers(&tag, encoding, false), Arc::clone(bytes)));
        let unchanged = Rendered::of(response(304, self.headers(&tag, encoding, true), Arc::from([])));
        Form { tag, whole, unchanged }
    }

    fn tag(&self, encoding: Option<&str>) -> String {
        format!("\"{:016x}{}\"", self.document.tag(), if encoding.is_some() { "-gz" } else { "" })
    }

    /// Of the whole answer, or of that to somebody who has it already: headers that tell how to keep it go along (RFC
    /// 9110, 15.4.5); those that describe the body do not.
    fn headers(&self, tag: &str, encoding: Option<&str>, is_known: bool) -> Vec<Header> {
        let describes = |header: &&Header| header.field.equiv("Content-Type");
        let mut headers: Vec<Header> =
            self.headers.iter().filter(|header| !is_known || !describes(header)).cloned().collect();
        if self.lasting {
            headers.push(header("ETag", tag));
            headers.push(header("Vary", "Accept-Encoding"));
        }
        if !is_known {
            headers.extend(encoding.map(|encoding| header("Content-Encoding", encoding)));
        }
        headers
    }
}

fn response(status: u16, headers: Vec<Header>, bytes: Arc<[u8]>) -> Response<Body> {
    let length = bytes.len();
    Response::new(StatusCode(status), headers, Cursor::new(Bytes::Shared(bytes)), Some(length), None)
        // Never chunked: the length is always known.
        .with_chunked_threshold(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::message::Method;
    use crate::http::render::{Manner, Output};

    fn asked(prepared: &Prepared, headers: &[(&str, &str)], manner: Manner, extra: &[u8]) -> (String, Vec<u8>) {
        let request = Request {
            method: Method::Get,
            path: "/".into(),
            query: String::new(),
            headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            peer: [127, 0, 0, 1].into(),
        };
        let mut output = Output::default();
        output.repeat(prepared.choose(&request), manner, extra);
        let mut bytes = Vec::new();
        while !output.is_sent() {
            output.send(&mut bytes).unwrap();
        }
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        (String::from_utf8(bytes[..end].to_vec()).unwrap(), bytes[end..].to_vec())
    }

    const USUAL: Manner = Manner { minor: 1, keep_alive: true, head_only: false };

    fn prepared(length: usize, lasting: bool) -> Prepared {
        let document = Arc::new(Document::new(vec![b'x'; length]));
        Prepared::new(document, 200, vec![header("Content-Type", "text/plain")], lasting)
    }

    fn tag_of(head: &str) -> String {
        head.lines().find_map(|line| line.strip_prefix("ETag: ")).unwrap().to_owned()
    }

    #[test]
    fn encodings_have_tags_of_their_own_and_who_has_it_is_not_sent_it() {
        for length in [2_000, 100_000] {
            let prepared = prepared(length, true);
            let (plain, body) = asked(&prepared, &[], USUAL, b"");
            assert!(plain.starts_with("HTTP/1.1 200 OK\r\n") && body.len() == length, "{plain}");
            assert!(!plain.contains("Content-Encoding") && plain.contains("Vary: Accept-Encoding\r\n"));
            let (packed, body) = asked(&prepared, &[("accept-encoding", "gzip")], USUAL, b"");
            assert!(packed.contains("Content-Encoding: gzip\r\n") && body.len() < length / 5, "{packed}");
            assert!(packed.contains(&format!("Content-Length: {}\r\n", body.len())));
            assert_ne!(tag_of(&plain), tag_of(&packed));
            let tag = tag_of(&packed);
            let headers = [("accept-encoding", "gzip"), ("if-none-match", &*tag)];
            let (unchanged, body) = asked(&prepared, &headers, USUAL, b"");
            assert!(unchanged.starts_with("HTTP/1.1 304 ") && body.is_empty(), "{unchanged}");
            assert!(!unchanged.contains("Content-Length") && !unchanged.contains("Content-Type"), "{unchanged}");
            assert_eq!(tag_of(&unchanged), tag);
            // The tag of the other encoding is another thing.
            assert!(asked(&prepared, &[("if-none-match", &*tag)], USUAL, b"").0.starts_with("HTTP/1.1 200"));
        }
    }

    #[test]
    fn a_passing_answer_has_one_form() {
        let prepared = prepared(2_000, false);
        let (head, body) = asked(&prepared, &[("accept-encoding", "gzip"), ("if-none-match", "*")], USUAL, b"");
        assert!(head.starts_with("HTTP/1.1 200 ") && body.len() == 2_000);
        assert!(!head.contains("ETag") && !head.contains("Vary"), "{head}");
    }

    #[test]
    fn what_differs_from_request_to_request_is_put_in() {
        for length in [10, 100_000] {
            let prepared = prepared(length, true);
            for (minor, keep_alive, connection) in [
                (1, true, None),
                (1, false, Some("Connection: close\r\n")),
                (0, true, Some("Connection: keep-alive\r\n")),
                (0, false, Some("Connection: close\r\n")),
            ] {
                for head_only in [false, true] {
                    let manner = Manner { minor, keep_alive, head_only };
                    let (head, body) = asked(&prepared, &[], manner, b"X-Extra: 1\r\n");
                    assert!(head.starts_with(&format!("HTTP/1.{minor} 200 OK\r\n")), "{head}");
                    assert_eq!(head.matches("Connection: ").count(), usize::from(connection.is_some()), "{head}");
                    assert!(connection.is_none_or(|line| head.contains(line)), "{head}");
                    assert!(
                        head.contains("\r\nX-Extra: 1\r\n") && head.contains(&format!("Content-Length: {length}\r\n"))
                    );
                    assert_eq!(body.len(), if head_only { 0 } else { length });
                    assert_eq!(head.matches("\r\nDate: ").count(), 1);
                }
            }
        }
    }
}
