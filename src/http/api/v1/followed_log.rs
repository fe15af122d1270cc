//! A log file as it is told to subscribers: the last lines at first, then what is added.

use serde::Serialize;
use serde_json::value::RawValue;

use super::super::Ask;
use super::super::logs::Log;
use crate::model::logs::lines::{Line, Lines};

/// Lines that a newcomer is told.
const FIRST_LINES: usize = 50;
/// Lines that one event tells at most.
const MOST_LINES: usize = 500;
/// Bytes of lines, as they are written, that one event tells at most: half of what may wait for a subscriber.
const MOST_BYTES: usize = 32 * 1024;
/// A longer line is cut, with a mark.
const LINE_BYTES: usize = 4 * 1024;
const CUT_MARK: &str = " […]";

/// One log.
pub struct FollowedLog {
    name: &'static str,
    log: Log,
    told: Mark,
}

/// How far it was told.
enum Mark {
    /// Nothing was.
    Nothing,
    /// That there are no lines, and why.
    NoLines(Option<String>),
    /// Up to the line of this number.
    UpTo(u64),
}

#[derive(Serialize)]
struct LogEvent<'a> {
    file: &'a str,
    lines: Vec<Box<RawValue>>,
    /// Whether these take the place of what was told before.
    replace: bool,
    /// How many older lines were left out.
    skipped: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl FollowedLog {
    /// The log of this name, of which nothing was told.
    pub fn new(name: &'static str) -> Self {
        let log = Log::named(name).expect("names are known");
        Self { name, log, told: Mark::Nothing }
    }

    /// What was added since it was told last; at first, the last lines.
    pub fn news(&mut self, ask: &Ask<'_>) -> Option<String> {
        let (lines, reason) = self.lines(ask);
        let Some((first, last)) = lines.first().zip(lines.last()) else {
            return match &self.told {
                // It is gone: what was told of it stays true.
                Mark::UpTo(_) => None,
                Mark::NoLines(told) if *told == reason => None,
                Mark::NoLines(_) | Mark::Nothing => {
                    let text = self.write(lines.iter(), true, 0, reason.as_deref());
                    self.told = Mark::NoLines(reason);
                    Some(text)
                }
            };
        };
        let text = match self.told {
            Mark::UpTo(told) if told == last => return None,
            Mark::UpTo(told) if first <= told + 1 => self.write(lines.after(told), false, MOST_LINES, None),
            // Another file, or so much at once that memory does not reach back.
            _ => self.write(lines.iter(), true, FIRST_LINES, None),
        };
        self.told = Mark::UpTo(last);
        Some(text)
    }

    /// The last lines, as far as they were told: what comes behind is news to everybody.
    pub fn whole(&self, ask: &Ask<'_>) -> String {
        let (lines, reason) = self.lines(ask);
        let end = if let Mark::UpTo(told) = self.told { told } else { 0 };
        self.write(lines.iter().filter(|line| line.number <= end), true, FIRST_LINES, reason.as_deref())
    }

    /// Its lines in memory, and why there are none, or no new ones, where there is a reason.
    fn lines(&self, ask: &Ask<'_>) -> (Lines, Option<String>) {
        let found = self.log.held(&ask.snapshot);
        (found.held.map(|held| held.lines.clone()).unwrap_or_default(), found.reason)
    }

    /// The last `most` of these lines, as many as there is room for.
    fn write<'a>(
        &self,
        lines: impl DoubleEndedIterator<Item = Line<'a>>,
        replace: bool,
        most: usize,
        reason: Option<&str>,
    ) -> String {
        let (mut written, mut bytes, mut skipped) = (Vec::new(), 0, 0);
        for line in lines.rev() {
            if skipped > 0 || written.len() == most {
                skipped += 1;
                continue;
            }
            let text = serde_json::value::to_raw_value(&cut(line.text)).expect("text is JSON");
            bytes += text.get().len() + 1;
            if bytes > MOST_BYTES {
                skipped += 1;
            } else {
                written.push(text);
            }
        }
        written.reverse();
        // Who is told anew does not miss what was before.
        let skipped = if replace { 0 } else { skipped };
        let event = LogEvent { file: self.name, lines: written, replace, skipped, reason };
        serde_json::to_string(&event).expect("a plain struct is JSON")
    }
}

fn cut(text: &str) -> String {
    if text.len() <= LINE_BYTES {
        return text.to_owned();
    }
    let mut end = LINE_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{CUT_MARK}", &text[..end])
}
