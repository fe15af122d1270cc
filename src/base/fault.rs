//! The one error type: a kind that code decides by, and a sentence that people read.
//!
//! A sentence says what was being done, to what, what was wrong and, where there is something, what to do. No
//! trailing full stop, so that it can stand in a larger one.

use std::fmt;

/// What sort of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What was asked for is not there.
    Missing,
    /// Somebody else holds it; trying again may help.
    Locked,
    /// It took longer than its deadline.
    Timeout,
    /// It is there but not what it should be.
    Invalid,
    /// A part of it makes no sense; the rest may.
    Unreadable,
    /// The system refused or failed.
    Io,
    /// The other end of a network is not to be had.
    Unreachable,
    /// The program is stopping.
    Stopping,
}

/// An error with a kind and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    kind: Kind,
    text: String,
}

impl Fault {
    /// A fault of this kind.
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
    /// See [`Kind::Missing`].
    pub fn missing(text: impl Into<String>) -> Self {
        Self::new(Kind::Missing, text)
    }
    /// See [`Kind::Invalid`].
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, text)
    }
    /// See [`Kind::Io`].
    pub fn io(text: impl Into<String>) -> Self {
        Self::new(Kind::Io, text)
    }
    /// See [`Kind::Unreachable`].
    pub fn unreachable(text: impl Into<String>) -> Self {
        Self::new(Kind::Unreachable, text)
    }
    /// See [`Kind::Timeout`].
    pub fn timeout(text: impl Into<String>) -> Self {
        Self::new(Kind::Timeout, text)
    }

    /// What sort of trouble it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The same trouble, said within a larger sentence: `context: text`.
    #[must_use]
    pub fn within(self, context: impl fmt::Display) -> Self {
        Self { kind: self.kind, text: format!("{context}: {}", self.text) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Fault {}

/// An I/O error about a path: `cannot {doing} {path}: {error}`.
pub fn io_fault(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Fault {
    let kind = if error.kind() == std::io::ErrorKind::NotFound { Kind::Missing } else { Kind::Io };
    Fault::new(kind, format!("cannot {doing} {}: {error}", path.display()))
}
