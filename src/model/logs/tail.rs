//! The end of a log, made of its bytes as they come: lines, their times and levels, bounded in memory.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::lines::Ring;
use super::rates::Rates;
use super::summary::Summary;
use super::{Held, Level};
use crate::model::time::{FUTURE_ALLOWED, FoldResolver, SiteZone, parse_local};

/// A longer line is cut, with a mark.
pub const LINE_BYTES: usize = 8 * 1024;
/// The mark.
pub const CUT_MARK: &str = " […]";
/// So long before a new log is seen its first lines may have been written.
const UNSEEN: Duration = Duration::from_secs(10);
/// The last lines go by so much at once.
const BLOCK_BYTES: usize = 32 * 1024;
/// Lines of WARNING and above that are kept beyond the last lines, and what they may take.
const OLDER_LINES: usize = 500;
const OLDER_BYTES: usize = 128 * 1024;
const OLDER_BLOCK_BYTES: usize = 8 * 1024;

/// How a log's lines begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `2026-11-22 14:02:24,900 - module.name - INFO - message`
    Python,
    /// `2026-11-22T14:02:24+01:00 host unit[123]: `, and then such a line, or another one.
    Journal,
}

/// What a line says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told<'a> {
    /// Its level.
    pub level: Option<Level>,
    /// The time at its beginning, as text.
    time: Option<&'a str>,
    /// What is left of it.
    pub message: &'a str,
}

impl Dialect {
    /// Reads a line; `None` where it is not to be kept at all: the journal's own notes, and the requests that the
    /// replaced dashboard logged there.
    pub fn read(self, line: &str) -> Option<Told<'_>> {
        if self == Self::Python {
            return Some(python(line));
        }
        if line.starts_with("-- ") || ["werkzeug", "GET /", "HTTP/1.1"].iter().any(|words| line.contains(words)) {
            return None;
        }
        let mut fields = line.splitn(3, ' ');
        let (time, rest) = (fields.next().filter(|text| is_time(text)), fields.nth(1));
        let message = rest.and_then(|rest| rest.split_once(": ").map(|(_, message)| message));
        let inner = python(message.unwrap_or(line));
        Some(Told { time: time.or(inner.time), ..inner })
    }
}

fn python(line: &str) -> Told<'_> {
    let time = line.get(..19).filter(|text| is_time(text));
    let mut fields = line.splitn(4, " - ");
    let (_time, _logger, level, message) = (fields.next(), fields.next(), fields.next(), fields.next());
    match time.and(level).and_then(|level| Level::named(level.trim())).zip(message) {
        Some((level, message)) => Told { level: Some(level), time, message },
        None => Told { level: None, time, message: line },
    }
}

/// Whether a date may be there: parsing is for those that have a chance.
fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 19
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[13] == b':'
}

/// Gives lines their times and levels, in the order in which they were written.
#[derive(Debug)]
pub struct Reader {
    dialect: Dialect,
    zone: SiteZone,
    fold: FoldResolver,
    level: Option<Level>,
    at: Option<Timestamp>,
}

/// A line with what it says of itself or has from those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read<'a> {
    /// Its level.
    pub level: Option<Level>,
    /// When it was written.
    pub at: Option<Timestamp>,
    /// Whether it tells its level itself.
    pub is_head: bool,
    /// What it says.
    pub message: &'a str,
}

impl Reader {
    /// Before the first line.
    pub fn new(dialect: Dialect, zone: SiteZone) -> Self {
        Self { dialect, zone, fold: FoldResolver::default(), level: None, at: None }
    }

    /// The next line; `None` where it is not to be kept. `now` tells the two passes of a doubled hour apart.
    pub fn next<'a>(&mut self, line: &'a str, now: Timestamp) -> Option<Read<'a>> {
        let told = self.dialect.read(line)?;
        if let Some(at) = told.time.and_then(|text| self.time(text, now)) {
            self.at = Some(at);
        }
        self.level = told.level.or(self.level);
        Some(Read { level: self.level, at: self.at, is_head: told.level.is_some(), message: told.message })
    }

    fn time(&mut self, text: &str, now: Timestamp) -> Option<Timestamp> {
        match text.get(19..).filter(|offset| !offset.is_empty()) {
            // journalctl writes +0100 in older versions.
            Some(offset) => {
                let digits = offset.strip_prefix(['+', '-']).filter(|digits| digits.len() == 4);
                let text = match digits {
                    Some(_) => Cow::Owned(format!("{}:{}", text.get(..22)?, text.get(22..)?)),
                    None => Cow::Borrowed(text),
                };
                text.parse().ok()
            }
            None => parse_local(text, &self.zone).map(|local| self.fold.resolve(&self.zone, local, Some(now))),
        }
    }

    /// Whether a line tells its level itself.
    pub fn is_head(&self, line: &str) -> bool {
        self.dialect.read(line).is_some_and(|told| told.level.is_some())
    }
}

/// A line's text as it is kept: without what is no UTF-8, and not too long.
pub fn shown(line: &[u8]) -> Cow<'_, str> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() <= LINE_BYTES {
        return String::from_utf8_lossy(line);
    }
    // A character that is cut in two is no broken one.
    let mut end = LINE_BYTES;
    while end > LINE_BYTES - 4 && line[end] & 0xC0 == 0x80 {
        end -= 1;
    }
    Cow::Owned(format!("{}{CUT_MARK}", String::from_utf8_lossy(&line[..end])))
}

/// The end of a log.
#[derive(Debug)]
pub struct Tail {
    reader: Reader,
    /// The beginning of a line whose end is not written yet.
    partial: Vec<u8>,
    ring: Ring,
    older: Ring,
    /// Whether some of the older ones went: what lies further back does not join what is left.
    has_gap: bool,
    /// Of when the first line was.
    since: Option<Timestamp>,
    rates: Arc<Rates>,
    /// When it was given something first.
    begun: Option<Timestamp>,
    counted: [u64; Level::ALL.len()],
    /// `None` where none is wanted.
    summary: Option<Arc<Summary>>,
}

impl Tail {
    /// Of a log of which nothing was read. Its lines are numbered from `first`, 1 or more.
    pub fn new(dialect: Dialect, zone: SiteZone, first: u64, has_summary: bool) -> Self {
        Self {
            reader: Reader::new(dialect, zone),
            partial: Vec::new(),
            ring: Ring::new(first, BLOCK_BYTES),
            older: Ring::new(1, OLDER_BLOCK_BYTES),
            has_gap: false,
            since: None,
            rates: Arc::default(),
            begun: None,
            counted: [0; Level::ALL.len()],
            summary: has_summary.then(Arc::default),
        }
    }

    /// Takes what the log has more of, in pieces of any size.
    pub fn take(&mut self, bytes: &[u8], now: Timestamp) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end);
            rest = &after[1..];
            if self.partial.is_empty() {
                self.push(line, now);
            } else {
                self.extend_partial(line);
                self.end_line(now);
            }
        }
        self.extend_partial(rest);
    }

    /// What was begun is a line: more of it will not come.
    pub fn end_line(&mut self, now: Timestamp) {
        if !self.partial.is_empty() {
            let whole = std::mem::take(&mut self.partial);
            self.push(&whole, now);
        }
    }

    /// Keeps no more of an endless line than will be shown.
    fn extend_partial(&mut self, bytes: &[u8]) {
        // Two more: of what is too long, a carriage return alone does not count.
        let room = (LINE_BYTES + 2).saturating_sub(self.partial.len());
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn push(&mut self, line: &[u8], now: Timestamp) {
        let text = shown(line);
        let Some(read) = self.reader.next(&text, now) else { return };
        self.since = self.since.or(read.at);
        if let (true, Some(level), Some(at)) = (read.is_head, read.level, read.at)
            && at <= now + FUTURE_ALLOWED
        {
            Arc::make_mut(&mut self.rates).count(at, level);
            // What was written before is nobody's news: it would be counted again at every start.
            let begun = *self.begun.get_or_insert(now);
            self.counted[level as usize] += u64::from(at + UNSEEN >= begun);
        }
        if let (true, Some(summary)) = (read.is_head || read.level.is_none(), &mut self.summary) {
            Arc::make_mut(summary).take(read.message, read.level, read.at);
        }
        self.ring.push(&text, read.at, read.level, read.is_head);
    }

    /// What memory it takes.
    pub fn bytes(&self) -> usize {
        self.ring.bytes() + self.older.bytes() + self.partial.capacity()
    }

    /// Lets its oldest lines go, but for warnings and worse. Answers whether there were any to go.
    pub fn shed(&mut self) -> bool {
        let Some(gone) = self.ring.shed() else { return false };
        for line in gone.iter().filter(|line| line.level >= Some(Level::Warning)) {
            self.older.push(line.text, line.at, line.level, line.is_head);
        }
        self.bound_older();
        true
    }

    fn bound_older(&mut self) {
        while self.older.count() >= OLDER_LINES + self.older.oldest() || self.older.bytes() > OLDER_BYTES {
            if self.older.shed().is_none() {
                return;
            }
            self.has_gap = true;
        }
    }

    /// Lets lines go until it takes no more than so much.
    pub fn shrink(&mut self, most: usize) {
        while self.bytes() > most && self.shed() {}
    }

    /// How many bytes of lines came after a number, at most.
    pub fn bytes_after(&self, number: u64) -> usize {
        self.ring.bytes_after(number)
    }

    /// The number of the next line.
    pub fn next(&self) -> u64 {
        self.ring.next()
    }

    /// Puts what was found before the first line that was read.
    pub fn precede(&mut self, before: Before) {
        let (mut older, known) = (Ring::new(1, OLDER_BLOCK_BYTES), self.older.lines());
        let joining = before.lines.into_iter().filter(|_| !self.has_gap);
        for (text, at, level, is_head) in joining {
            older.push(&text, at, Some(level), is_head);
        }
        for line in known.iter() {
            older.push(line.text, line.at, line.level, line.is_head);
        }
        self.older = older;
        self.bound_older();
        self.since = before.since.or(self.since);
        Arc::make_mut(&mut self.rates).merge(&before.rates);
    }

    /// What it holds, to be shared.
    pub fn held(&mut self) -> Held {
        Held {
            lines: self.ring.lines(),
            last: self.ring.next() - 1,
            older: self.older.lines(),
            seen_from: self.since,
            rates: Arc::clone(&self.rates),
            counted: self.counted,
            summary: self.summary.clone().unwrap_or_default(),
        }
    }
}

/// A line of WARNING or above: text, time, level, and whether it tells its level itself.
pub type Warning = (String, Option<Timestamp>, Level, bool);

/// What was found of a log before its last lines.
#[derive(Debug, Default)]
pub struct Before {
    /// Lines of WARNING and above, oldest first.
    pub lines: Vec<Warning>,
    /// Of when the first line was that was looked at.
    pub since: Option<Timestamp>,
    /// Counts of all lines that were looked at.
    pub rates: Rates,
}

#[cfg(test)]
mod tests;
