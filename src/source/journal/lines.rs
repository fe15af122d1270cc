//! The lines that a row of children tells, each once: what a child tells again of what its predecessor told is left out.
//!
//! A line of the journal begins with its second (`2026-11-22T14:02:24+0100`), one that continues a message with spaces.
//! A new child is asked for all since the second of the last line that was told, so it begins with lines that are known.
//! These are known by what they are (a continuation by its first line, too), each as often as it was told.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;

/// A longer line is cut: its rest is not told.
pub const LINE_BYTES: usize = 16 * 1024;
/// How many of the last lines are known again: those of one second, and what a clock that was set back repeats.
pub const KNOWN: usize = 4096;

/// Cuts what children write into lines.
#[derive(Default)]
pub struct Lines {
    partial: Vec<u8>,
    told: VecDeque<u64>,
    last: Option<i64>,
    /// Lines that this child tells again, and how often.
    again: HashMap<u64, u32>,
    /// While what it tells is older than what it was asked for.
    early: Option<i64>,
    /// The message that a continuation belongs to, and whether it is left out.
    message: u64,
    skipped: bool,
}

impl Lines {
    /// The second of the last line that was told, since 1970.
    pub fn last(&self) -> Option<i64> {
        self.last
    }

    /// What comes is told by a new child.
    pub fn restart(&mut self) {
        self.partial.clear();
        self.again.clear();
        for known in &self.told {
            *self.again.entry(*known).or_default() += 1;
        }
        self.early = self.last;
        self.message = 0;
        self.skipped = false;
    }

    /// Takes pieces of any size and tells whole lines, their ends included. Answers whether one was told.
    pub fn take(&mut self, bytes: &[u8], tell: &mut dyn FnMut(&[u8])) -> bool {
        let mut any = false;
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            let room = LINE_BYTES.saturating_sub(self.partial.len());
            self.partial.extend_from_slice(&text[..text.len().min(room)]);
            if text.len() < piece.len() {
                let mut line = std::mem::take(&mut self.partial);
                if self.is_new(&line) {
                    line.push(b'\n');
                    tell(&line);
                    any = true;
                }
                line.clear();
                self.partial = line;
            }
        }
        any
    }

    fn is_new(&mut self, line: &[u8]) -> bool {
        // journalctl's own: "-- No entries --", "-- Boot 6c7c... --".
        if line.starts_with(b"-- ") && line.ends_with(b" --") {
            return false;
        }
        let second = stamp(line);
        let known = if second.is_some() { hash(&line) } else { hash(&(self.message, line)) };
        self.message = known;
        if let Some(second) = second {
            self.skipped = self.early.is_some_and(|since| second < since);
            if !self.skipped {
                self.early = None;
            }
        }
        if self.skipped || self.was_told(known) {
            return false;
        }
        if self.told.len() == KNOWN {
            self.told.pop_front();
        }
        self.told.push_back(known);
        self.last = second.or(self.last);
        true
    }

    fn was_told(&mut self, known: u64) -> bool {
        let Some(times) = self.again.get_mut(&known) else { return false };
        *times -= 1;
        if *times == 0 {
            self.again.remove(&known);
        }
        true
    }
}

fn hash(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// The second of a line that begins with one, with an offset as `+0100` or `+01:00`.
fn stamp(line: &[u8]) -> Option<i64> {
    let first = line.split(|byte| *byte == b' ').next()?;
    if !(20..=32).contains(&first.len()) || !first[0].is_ascii_digit() {
        return None;
    }
    let time: Timestamp = std::str::from_utf8(first).ok()?.parse().ok()?;
    Some(time.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &mut Lines, text: &str) -> String {
        let mut out = Vec::new();
        lines.take(text.as_bytes(), &mut |line| out.extend_from_slice(line));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_second_of_a_line() {
        for (line, second) in [
            ("1970-01-01T01:00:07+0100 solar a[1]: x", Some(7)),
            ("1970-01-01T01:00:07+01:00 solar a[1]: x", Some(7)),
            ("1969-12-31T19:00:07-0500 solar", Some(7)),
            ("1970-01-01T00:00:07+0000 solar", Some(7)),
            ("1970-01-01T00:00:07.5+0000 solar", Some(7)),
            ("2026-11-22 14:02:24,900 - m - INFO - x", None),
            ("1970-01-01T00:00:07 solar", None),
            ("   1970-01-01T00:00:07+0000", None),
            ("", None),
            ("99999999999999999999999", None),
        ] {
            assert_eq!(stamp(line.as_bytes()), second, "{line}");
        }
    }

    #[test]
    fn a_line_in_pieces_is_one_line_and_a_lost_end_is_told_whole_by_the_next_child() {
        let mut lines = Lines::default();
        assert_eq!(told(&mut lines, "1970-01-01T00:00:07+0000 s a: on"), "");
        assert_eq!(told(&mut lines, "e\n1970-01-01T00:00:07+0000 s a: tw"), "1970-01-01T00:00:07+0000 s a: one\n");
        lines.restart();
        assert_eq!(lines.last(), Some(7));
        let again = "1970-01-01T00:00:07+0000 s a: one\n1970-01-01T00:00:07+0000 s a: two\n";
        assert_eq!(told(&mut lines, again), "1970-01-01T00:00:07+0000 s a: two\n");
    }

    #[test]
    fn the_same_line_twice_in_a_second_is_two_lines() {
        let mut lines = Lines::default();
        let x = "1970-01-01T00:00:07+0000 s a: x\n";
        assert_eq!(told(&mut lines, &x.repeat(2)), x.repeat(2));
        lines.restart();
        assert_eq!(told(&mut lines, &x.repeat(3)), x);
        lines.restart();
        assert_eq!(told(&mut lines, &x.repeat(3)), "");
        assert_eq!(told(&mut lines, x), x);
    }

    #[test]
    fn continuations_belong_to_their_message() {
        let mut lines = Lines::default();
        let first = "1970-01-01T00:00:07+0000 s a: Traceback:\n      File x\n";
        assert_eq!(told(&mut lines, first), first);
        lines.restart();
        // The child ended within a message, and the next one has the same continuation.
        let more = "        y\n1970-01-01T00:00:08+0000 s a: Traceback:\n      File x\n        y\n";
        assert_eq!(told(&mut lines, &format!("{first}{more}")), more);
    }

    #[test]
    fn a_child_that_begins_too_early_repeats_nothing() {
        let mut lines = Lines::default();
        let line = |second: u32| format!("1970-01-01T00:00:{second:02}+0000 s a: x\n      y\n");
        assert_eq!(told(&mut lines, &line(7)), line(7));
        lines.restart();
        let all: String = (0..10).map(line).collect();
        assert_eq!(told(&mut lines, &all), line(8) + &line(9));
        // A clock that is set back later: what is new is told.
        assert_eq!(told(&mut lines, &line(3)), line(3));
        assert_eq!(lines.last(), Some(3));
        lines.restart();
        assert_eq!(told(&mut lines, &(line(3) + &line(4) + &line(9))), line(4));
    }

    #[test]
    fn what_journalctl_says_itself_is_no_line() {
        let mut lines = Lines::default();
        let own = "-- Journal begins at Mon 2026-11-23 02:00:14 UTC. --\n-- No entries --\n-- Boot 7c7c --\n";
        assert_eq!(told(&mut lines, own), "");
        assert_eq!(lines.last(), None);
        let line = "1970-01-01T00:00:07+0000 s a: -- odd --\n";
        assert_eq!(told(&mut lines, line), line);
    }

    #[test]
    fn memory_is_bounded() {
        let mut lines = Lines::default();
        let mut longest = 0;
        for _ in 0..100 {
            lines.take(&[b'x'; 10_000], &mut |_| panic!("no line ended"));
        }
        lines.take(b"\n", &mut |line| longest = line.len());
        assert_eq!(longest, LINE_BYTES + 1);
        for number in 0..3 * KNOWN {
            told(&mut lines, &format!("{number}\n"));
        }
        lines.restart();
        assert_eq!((lines.told.len(), lines.again.len()), (KNOWN, KNOWN));
    }
}
