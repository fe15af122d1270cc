//! The answers that the edge gives by itself: what was wrong, in words, as JSON. Pure.

use std::borrow::Cow;

use super::message::{Body, Bytes, Response, header, ready};

/// Methods that are answered, for `Allow`.
const ALLOWED: &str = "GET, HEAD, OPTIONS";
/// Seconds after which a busy server is worth another try.
const RETRY_AFTER: &str = "1";

/// A request that reaches no handler, or whose handler failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The error's name for programs.
    pub code: &'static str,
    /// The error in words, for people.
    pub text: Cow<'static, str>,
}

impl Refusal {
    /// A refusal of this status; its code follows from the status.
    pub fn new(status: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code: code_of(status), text: text.into() }
    }

    /// 400: the head is not HTTP, or is ambiguous.
    pub fn bad(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, text)
    }

    /// 503: too much is under way.
    pub fn busy(text: &'static str) -> Self {
        Self::new(503, text)
    }

    /// The answer that says so.
    pub fn response(&self) -> Response<Body> {
        let json = serde_json::json!({"error": self.text, "code": self.code}).to_string();
        let response = ready(self.status, "application/json", Bytes::Owned(json.into_bytes()))
            .with_header(header("Cache-Control", "no-store"))
            .with_header(header("X-Content-Type-Options", "nosniff"));
        match self.status {
            405 => response.with_header(header("Allow", ALLOWED)),
            503 => response.with_header(header("Retry-After", RETRY_AFTER)),
            _ => response,
        }
    }
}

fn code_of(status: u16) -> &'static str {
    match status {
        405 => "method_not_allowed",
        408 => "request_timeout",
        413 => "body_not_accepted",
        414 => "uri_too_long",
        417 => "expectation_failed",
        431 => "headers_too_large",
        500 => "internal_error",
        501 => "not_implemented",
        503 => "busy",
        505 => "version_not_supported",
        _ => "bad_request",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::message::body_of;

    #[test]
    fn a_refusal_is_json_with_the_headers_of_its_status() {
        for (status, code, extra) in [
            (400, "bad_request", None),
            (405, "method_not_allowed", Some(("Allow", "GET, HEAD, OPTIONS"))),
            (503, "busy", Some(("Retry-After", "1"))),
        ] {
            let response = Refusal::new(status, "a \"word\" too much").response();
            assert_eq!(response.status_code().0, status);
            if let Some((name, value)) = extra {
                assert!(response.headers().iter().any(|h| h.field.equiv(name) && h.value == value), "{status}");
            }
            let body: serde_json::Value = serde_json::from_slice(&body_of(response)).unwrap();
            assert_eq!(body, serde_json::json!({"error": "a \"word\" too much", "code": code}));
        }
    }
}
