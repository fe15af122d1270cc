//! What lies before a log's last lines: warnings and worse, and counts by the hour, looked for from there backwards, a
//! piece at a time.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;

use jiff::Timestamp;

use crate::model::logs::Level;
use crate::model::logs::rates::{HOURS, Rates};
use crate::model::logs::tail::{Before, Dialect, Reader, Warning, shown};
use crate::model::time::SiteZone;

/// How far it is looked back.
const REACH: u64 = 64 * 1024 * 1024;
/// How much is read at once.
const PIECE: u64 = 256 * 1024;
/// The beginning of a piece that belongs to a line further back; of more, the rest is given up.
const MOST_CARRIED: usize = 1024 * 1024;
/// Lines that are enough.
const ENOUGH: usize = 500;
/// And what they take.
const ENOUGH_BYTES: usize = 128 * 1024;

/// The way back through a file.
pub struct Backwards {
    file: File,
    /// What lies before this was not looked at.
    position: u64,
    /// Where it ends.
    lowest: u64,
    /// The beginning of what was looked at, whose line begins further back.
    carried: Vec<u8>,
    /// Of each piece, newest first.
    found: Vec<VecDeque<Warning>>,
    count: usize,
    bytes: usize,
    since: Option<Timestamp>,
    rates: Rates,
    zone: SiteZone,
}

impl Backwards {
    /// From a line's beginning.
    pub fn new(file: File, position: u64, zone: SiteZone) -> Self {
        let lowest = position.saturating_sub(REACH);
        Self {
            file,
            position,
            lowest,
            carried: Vec::new(),
            found: Vec::new(),
            count: 0,
            bytes: 0,
            since: None,
            rates: Rates::default(),
            zone,
        }
    }

    /// Looks at one piece more. Answers with all that was found when it is enough, or when there is no more.
    pub fn step(&mut self, now: Timestamp) -> Option<Before> {
        let start = self.position.saturating_sub(PIECE).max(self.lowest);
        let mut bytes = vec![0; (self.position - start) as usize];
        // A file that is not what it was is left as it is: nothing is told of it.
        if self.file.read_exact_at(&mut bytes, start).is_err() {
            return Some(self.finish());
        }
        self.position = start;
        bytes.append(&mut self.carried);
        let reader = Reader::new(Dialect::Python, self.zone.clone());
        // In the middle of the file it begins with a line that tells its level: what is before that goes further back.
        let begin = if start == 0 { Some(0) } else { first_head(&bytes, &reader) };
        let Some(begin) = begin else {
            if bytes.len() <= MOST_CARRIED {
                self.carried = bytes;
            }
            return self.is_done(now).then(|| self.finish());
        };
        self.read(&bytes[begin..], reader, now);
        bytes.truncate(begin);
        self.carried = bytes;
        self.is_done(now).then(|| self.finish())
    }

    fn read(&mut self, bytes: &[u8], mut reader: Reader, now: Timestamp) {
        let (mut found, mut first) = (VecDeque::new(), None);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = shown(line.strip_suffix(b"\n").unwrap_or(line));
            let Some(read) = reader.next(&text, now) else { continue };
            first = first.or(read.at);
            let Some(level) = read.level else { continue };
            if let (true, Some(at)) = (read.is_head, read.at)
                && at <= now
            {
                self.rates.count(at, level);
            }
            if level >= Level::Warning {
                let (at, is_head) = (read.at, read.is_head);
                found.push_back((text.into_owned(), at, level, is_head));
                if found.len() > ENOUGH {
                    found.pop_front();
                }
            }
        }
        self.since = first.or(self.since);
        // What is beyond enough is only counted.
        let mut kept = VecDeque::new();
        while let Some(warning) = found.pop_back().filter(|_| !self.has_enough()) {
            (self.count, self.bytes) = (self.count + 1, self.bytes + warning.0.len());
            kept.push_front(warning);
        }
        self.found.push(kept);
    }

    fn has_enough(&self) -> bool {
        self.count >= ENOUGH || self.bytes >= ENOUGH_BYTES
    }

    fn is_done(&self, now: Timestamp) -> bool {
        let day = std::time::Duration::from_secs(HOURS as u64 * 3600);
        self.position == self.lowest || (self.has_enough() && self.since.is_some_and(|since| since <= now - day))
    }

    fn finish(&mut self) -> Before {
        let lines = self.found.drain(..).rev().flatten().collect();
        Before { lines, since: self.since, rates: std::mem::take(&mut self.rates) }
    }
}

/// Where the first line begins that tells its level. What is before the first line end may be the rest of a line.
fn first_head(bytes: &[u8], reader: &Reader) -> Option<usize> {
    let mut start = bytes.iter().position(|byte| *byte == b'\n')? + 1;
    loop {
        let end = start + bytes[start..].iter().position(|byte| *byte == b'\n')?;
        if reader.is_head(&shown(&bytes[start..end])) {
            return Some(start);
        }
        start = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_is_beyond_enough_is_not_kept() {
        let now = "2026-11-22T13:00:00Z".parse().unwrap();
        let zone = SiteZone::named("Europe/Warsaw").unwrap();
        for text in ["x".repeat(60), "y".repeat(5_000), "\n".repeat(1_000)] {
            let line = format!("2026-11-22 13:00:00,000 - m - ERROR - {text}\n");
            let (count, mut file) = (4_000_000 / line.len() as u64, tempfile::tempfile().unwrap());
            file.write_all(line.repeat(count as usize).as_bytes()).unwrap();
            let mut back = Backwards::new(file, count * line.len() as u64, zone.clone());
            let before = loop {
                if let Some(before) = back.step(now) {
                    break before;
                }
                let kept: usize = back.found.iter().map(VecDeque::len).sum();
                assert!(kept <= ENOUGH && back.bytes <= ENOUGH_BYTES + 16_384, "{kept} {}", back.bytes);
            };
            assert_eq!(before.rates.of(now - std::time::Duration::from_secs(3600)).iter().sum::<u32>() as u64, count);
            assert!(
                before.lines.len() == ENOUGH
                    || before.lines.iter().map(|one| one.0.len()).sum::<usize>() > ENOUGH_BYTES
            );
        }
    }
}
