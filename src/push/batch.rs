//! Lines on their way, and what is known to be there once they are taken.

use std::ops::Range;

use jiff::civil::Date;

use super::cursor::Told;
use crate::export::What;

/// Most bytes of a request, but for a single line that is longer.
pub const MAX_BYTES: usize = 64 * 1024;
/// Most lines of a request.
pub const MAX_LINES: usize = 500;

/// So much of a day is in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// What.
    pub what: What,
    /// Which day.
    pub date: Date,
    /// How much.
    pub told: Told,
}

/// What is sent at once.
#[derive(Debug, Default)]
pub struct Batch {
    text: String,
    ends: Vec<usize>,
    /// Whose time has come when it was taken.
    pub marks: Vec<Mark>,
    /// The time of its oldest row, in milliseconds since 1970.
    pub oldest_ms: Option<i64>,
    /// The time of its newest row.
    pub newest_ms: Option<i64>,
}

impl Batch {
    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Adds a line with its end, unless there is no room for it. `at_ms` is the time of what is recorded as it comes:
    /// prices, which are known ahead, and days have none.
    pub fn add(&mut self, line: &str, at_ms: Option<i64>) -> bool {
        if !self.is_empty() && (self.len() >= MAX_LINES || self.text.len() + line.len() > MAX_BYTES) {
            return false;
        }
        self.text.push_str(line);
        self.ends.push(self.text.len());
        self.oldest_ms = self.oldest_ms.into_iter().chain(at_ms).min();
        self.newest_ms = self.newest_ms.max(at_ms);
        true
    }

    /// Some of its lines.
    pub fn lines(&self, which: Range<usize>) -> &str {
        let end = |line: usize| if line == 0 { 0 } else { self.ends[line - 1] };
        &self.text[end(which.start)..end(which.end)]
    }

    /// Empties it; its memory stays.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.marks.clear();
        (self.oldest_ms, self.newest_ms) = (None, None);
    }

    /// Gives its memory back.
    pub fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.marks.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_full_by_lines_or_by_bytes_and_a_long_line_goes_alone() {
        let mut batch = Batch::default();
        let taken = (0..600).filter(|at| batch.add("a b=1 1\n", Some(*at))).count();
        assert_eq!((taken, batch.len(), batch.oldest_ms, batch.newest_ms), (MAX_LINES, MAX_LINES, Some(0), Some(499)));
        assert_eq!(batch.lines(0..2), "a b=1 1\na b=1 1\n");
        assert_eq!(batch.lines(499..500), "a b=1 1\n");
        assert_eq!(batch.lines(7..7), "");
        batch.clear();
        assert_eq!((batch.len(), batch.oldest_ms, batch.lines(0..0)), (0, None, ""));
        let long = "x".repeat(MAX_BYTES + 1);
        assert!(batch.add(&long, Some(5)));
        assert!(!batch.add("a", None));
        batch.clear();
        assert!(batch.add("a", None) && !batch.add(&long, Some(5)));
    }
}
