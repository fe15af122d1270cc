//! What every answer tells browsers: nothing from elsewhere, no guessing, no frames but those of the house. Pure.

use std::sync::Arc;

use crate::http::message::{Body, Header, Response, header};

/// What leaves on a thread of its own passes no gate: adds the same to what is saved to a file and never shown.
pub fn by_hand(response: Response<Body>) -> Response<Body> {
    response
        .with_header(header("Content-Security-Policy", "default-src 'none'"))
        .with_header(header("X-Content-Type-Options", "nosniff"))
        .with_header(header("Referrer-Policy", "no-referrer"))
}

/// The headers, prepared once.
#[derive(Debug, Clone)]
pub struct Headers {
    each: Arc<[Header]>,
    lines: Arc<[u8]>,
}

impl Headers {
    /// With these origins as the only strangers whose pages may show ours in a frame.
    pub fn new(frame_ancestors: &[String]) -> Self {
        let ancestors: String = frame_ancestors.iter().map(|origin| format!(" {origin}")).collect();
        let policy =
            format!("default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'{ancestors}");
        let mut headers = vec![
            header("Content-Security-Policy", &policy),
            header("X-Content-Type-Options", "nosniff"),
            header("Referrer-Policy", "no-referrer"),
        ];
        if frame_ancestors.is_empty() {
            // It knows no lists; whoever understands the policy needs it not.
            headers.push(header("X-Frame-Options", "SAMEORIGIN"));
        }
        let lines: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        Self { each: headers.into(), lines: lines.into_bytes().into() }
    }

    /// Adds what the answer does not say itself.
    pub fn add(&self, mut response: Response<Body>) -> Response<Body> {
        let own = response.headers().len();
        for header in self.each.iter() {
            if !response.headers()[..own].iter().any(|known| known.field == header.field) {
                response.add_header(header.clone());
            }
        }
        response
    }

    /// All of them as lines, for heads that are rendered before and say none of it themselves.
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::message::{Bytes, ready};

    const POLICY: &str =
        "Content-Security-Policy: default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

    fn added(ancestors: &[&str], response: Response<Body>) -> Vec<String> {
        let ancestors: Vec<String> = ancestors.iter().map(ToString::to_string).collect();
        Headers::new(&ancestors).add(response).headers().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_answer_has_them_once() {
        let answer = || ready(200, "a/b", Bytes::Static(b""));
        let rest = ["X-Content-Type-Options: nosniff", "Referrer-Policy: no-referrer"];
        let expected = ["Content-Type: a/b", POLICY, rest[0], rest[1], "X-Frame-Options: SAMEORIGIN"];
        assert_eq!(added(&[], answer()), expected);
        let framed = format!("{POLICY} https://ha.local:8123 http://192.168.1.9");
        let expected = ["Content-Type: a/b", &framed, rest[0], rest[1]];
        assert_eq!(added(&["https://ha.local:8123", "http://192.168.1.9"], answer()), expected);
        let own = answer().with_header(header("x-content-type-options", "nosniff"));
        let found = added(&[], own);
        assert_eq!(found.iter().filter(|line| line.to_ascii_lowercase().ends_with("nosniff")).count(), 1, "{found:?}");
    }

    #[test]
    fn heads_by_hand_say_the_same() {
        let prepared = Headers::new(&[]);
        let lines = std::str::from_utf8(prepared.lines()).unwrap();
        let names =
            |lines: &str| lines.lines().map(|line| line.split(':').next().unwrap().to_owned()).collect::<Vec<_>>();
        // What is never shown needs no word about frames.
        let saved: String = by_hand(ready(200, "a/b", Bytes::Static(b""))).headers()[1..]
            .iter()
            .map(|line| format!("{line}\r\n"))
            .collect();
        assert_eq!(names(&saved), names(lines)[..3]);
        let each: Vec<String> = prepared.each.iter().map(ToString::to_string).collect();
        assert_eq!(lines.split_terminator("\r\n").collect::<Vec<_>>(), each);
    }
}
