//! A log file as it is told to subscribers: the last lines at first, then what is added.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use super::super::Ask;
use super::super::logs::file_name;
use crate::model::logs::LogLine;

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
    told: Mark,
}

/// How far it was told.
enum Mark {
    /// Nothing was.
    Nothing,
    /// That there are no lines, and why.
    NoLines(Option<String>),
    /// Up to this line. The lines themselves are shared by all snapshots that have them.
    UpTo(Arc<str>),
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
        Self { name, told: Mark::Nothing }
    }

    /// What was added since it was told last; at first, the last lines.
    pub fn news(&mut self, ask: &Ask<'_>) -> Option<String> {
        let (lines, reason) = self.lines(ask);
        let Some(last) = lines.last() else {
            return match &self.told {
                // It is gone: what was told of it stays true.
                Mark::UpTo(_) => None,
                Mark::NoLines(told) if *told == reason => None,
                Mark::NoLines(_) | Mark::Nothing => {
                    let text = self.write(&[], true, 0, reason.as_deref());
                    self.told = Mark::NoLines(reason);
                    Some(text)
                }
            };
        };
        let text = match &self.told {
            Mark::UpTo(told) if Arc::ptr_eq(told, &last.text) => return None,
            Mark::UpTo(told) => match end_of_told(told, lines) {
                Some(end) if end == lines.len() => None,
                Some(end) => Some(self.write(&lines[end..], false, MOST_LINES, None)),
                // Another file, or so much at once that memory does not reach back.
                None => Some(self.write(lines, true, FIRST_LINES, None)),
            },
            Mark::Nothing | Mark::NoLines(_) => Some(self.write(lines, true, FIRST_LINES, None)),
        };
        self.told = Mark::UpTo(Arc::clone(&last.text));
        text
    }

    /// The last lines, as far as they were told: what comes behind is news to everybody.
    pub fn whole(&self, ask: &Ask<'_>) -> String {
        let (lines, reason) = self.lines(ask);
        let end = match &self.told {
            Mark::UpTo(told) => end_of_told(told, lines).unwrap_or(0),
            Mark::Nothing | Mark::NoLines(_) => 0,
        };
        self.write(&lines[..end], true, FIRST_LINES, reason.as_deref())
    }

    /// Its lines in memory, and why there are none where there is a reason.
    fn lines<'a>(&self, ask: &'a Ask<'_>) -> (&'a [LogLine], Option<String>) {
        let section = &ask.snapshot.logs;
        let Some(logs) = section.value.as_deref() else {
            let why = section.error.clone().unwrap_or_else(|| "the log files are still being read".to_owned());
            return (&[], Some(why));
        };
        match logs.files.iter().find(|file| Some(file.name.as_str()) == file_name(self.name)) {
            Some(file) => (&file.lines, file.error.clone()),
            None => (&[], Some("there is no such file in the log folder".to_owned())),
        }
    }

    /// The last `most` of these lines, as many as there is room for.
    fn write(&self, lines: &[LogLine], replace: bool, most: usize, reason: Option<&str>) -> String {
        let mut written = Vec::new();
        let mut bytes = 0;
        for line in lines.iter().rev().take(most) {
            let text = serde_json::value::to_raw_value(&cut(&line.text)).expect("text is JSON");
            bytes += text.get().len() + 1;
            if bytes > MOST_BYTES {
                break;
            }
            written.push(text);
        }
        written.reverse();
        // Who is told anew does not miss what was before.
        let skipped = if replace { 0 } else { lines.len() - written.len() };
        let event = LogEvent { file: self.name, lines: written, replace, skipped, reason };
        serde_json::to_string(&event).expect("a plain struct is JSON")
    }
}

/// Where the lines that were told end; `None` when their last one is not there any more.
fn end_of_told(told: &Arc<str>, lines: &[LogLine]) -> Option<usize> {
    let same = lines.iter().rposition(|line| Arc::ptr_eq(&line.text, told));
    // Read again, after trouble, they are others with the same text.
    same.or_else(|| lines.iter().rposition(|line| line.text == *told)).map(|at| at + 1)
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
