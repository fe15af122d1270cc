//! `/logs`: the last lines of the log files and of the journal, and what happened in few words, from memory.

use jiff::Timestamp;
use serde::Serialize;

use super::v1::when::When;
use super::{Ask, Refusal, Reply, json};
use crate::model::logs::lines::Line;
use crate::model::logs::summary::Happening;
use crate::model::logs::{Held, Level, LevelFilter, LogFile, Words};
use crate::snapshot::Snapshot;

/// Names that clients use, and the files that they mean.
const FILES: [(&str, &str); 4] = [
    ("master", "master_coordinator.log"),
    ("data", "enhanced_data_collector.log"),
    ("enhanced_data_collector", "enhanced_data_collector.log"),
    ("fast_charge", "fast_charge.log"),
];
/// Those that event streams tell of.
pub const FOLLOWED: [&str; 4] = ["master", "data", "fast_charge", "journal"];
const ALLOWED: &str = "master, data, enhanced_data_collector, fast_charge, systemd, journal or summary";
/// What is looked for may be so long.
const MOST_WORDS: usize = 200;

/// A log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// The file of this name.
    File(&'static str),
    /// The journal of the coordinator's unit.
    Journal,
    /// The coordinator's key messages: of the journal, else of its log file.
    Summary,
}

impl Log {
    /// The log that a client's name means.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "systemd" | "journal" => Some(Self::Journal),
            "summary" => Some(Self::Summary),
            _ => FILES.iter().find(|(known, _)| *known == name).map(|(_, file)| Self::File(file)),
        }
    }

    /// Its name in answers.
    pub fn title(self) -> &'static str {
        match self {
            Self::File(name) => name,
            Self::Journal => "systemd-journal",
            Self::Summary => "coordinator-summary",
        }
    }

    /// What memory holds of it.
    pub fn held(self, snapshot: &Snapshot) -> Found<'_> {
        let section = &snapshot.logs;
        let nothing = |reason: &str| Found { held: None, reason: Some(reason.to_owned()), as_of: None, log: self };
        let Some(logs) = section.value.as_deref() else {
            return nothing(section.error.as_deref().unwrap_or("the log files are still being read"));
        };
        match self {
            Self::File(name) => match logs.files.iter().find(|file| file.name == name) {
                Some(LogFile { held, modified, error, .. }) => {
                    Found { held: Some(held), reason: error.clone(), as_of: *modified, log: self }
                }
                None => nothing(section.error.as_deref().unwrap_or("there is no such file in the log folder")),
            },
            Self::Journal => match &logs.journal {
                Some(journal) => {
                    let held = Some(&journal.held).filter(|held| !held.lines.is_empty() || journal.error.is_none());
                    Found { held, reason: journal.error.clone(), as_of: journal.read, log: self }
                }
                None => nothing("the journal is still being looked for"),
            },
            Self::Summary => {
                let journal = Self::Journal.held(snapshot);
                match journal.held {
                    Some(_) => journal,
                    None => Self::File(FILES[0].1).held(snapshot),
                }
            }
        }
    }
}

/// A log as memory holds it.
pub struct Found<'a> {
    /// `None` where there is nothing.
    pub held: Option<&'a Held>,
    /// Why there is nothing, or nothing new.
    pub reason: Option<String>,
    as_of: Option<Timestamp>,
    /// Of which log it is.
    log: Log,
}

/// Which lines are wanted.
#[derive(Debug)]
pub struct Filter {
    level: LevelFilter,
    words: Option<Words>,
    since: Option<Timestamp>,
    before: Option<Timestamp>,
}

impl Filter {
    /// Reads `level`, `q`, `since` and `before`.
    pub fn asked(ask: &Ask<'_>) -> Result<Self, Refusal> {
        let level = ask.query.get("level").unwrap_or("");
        let allowed = "DEBUG, INFO, WARNING, ERROR or CRITICAL, or one of these with a plus for it and above";
        let level = LevelFilter::parse(level).ok_or_else(|| Refusal::bad_parameter("level", level, allowed))?;
        let words = ask.query.get("q").filter(|words| !words.is_empty());
        if let Some(words) = words.filter(|words| words.chars().count() > MOST_WORDS) {
            return Err(Refusal::bad_parameter("q", words, &format!("at most {MOST_WORDS} characters")));
        }
        let zone = &ask.facts.zone;
        let since = When::asked(ask, "since")?.map(|when| when.start(zone));
        let before = When::asked(ask, "before")?.map(|when| when.start(zone));
        Ok(Self { level, words: words.map(Words::new), since, before })
    }

    /// Whether a line is wanted. One of which it is not known when it was written is of no time.
    pub fn admits(&self, line: &Line<'_>) -> bool {
        self.level.admits(line.level)
            && self.since.is_none_or(|since| line.at.is_some_and(|at| at >= since))
            && self.before.is_none_or(|before| line.at.is_some_and(|at| at < before))
            && self.words.as_ref().is_none_or(|words| words.are_in(line.text))
    }

    /// Lines in memory that may be among them: of warnings and worse also those that are older than the last lines.
    pub fn within<'a>(&self, held: &'a Held) -> Box<dyn DoubleEndedIterator<Item = Line<'a>> + 'a> {
        if self.level.is_above(Level::Info) { Box::new(held.all()) } else { Box::new(held.lines.iter()) }
    }
}

#[derive(Serialize)]
struct Lines<'a> {
    log_file: &'a str,
    total_lines: usize,
    filtered_lines: usize,
    returned_lines: usize,
    level_filter: &'a str,
    lines: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    happenings: Option<Vec<Told<'a>>>,
    timestamp: String,
    as_of: Option<String>,
    held_from: Option<String>,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

/// A key message.
#[derive(Serialize)]
struct Told<'a> {
    topic: &'static str,
    level: Option<&'static str>,
    message: &'a str,
    count: u32,
    first: Option<String>,
    last: Option<String>,
}

/// What is asked for.
pub struct Asked {
    /// Of which log.
    pub log: Log,
    /// Which lines.
    pub filter: Filter,
    count: usize,
    /// Whether what comes is to be told as it comes.
    pub follow: bool,
}

impl Asked {
    /// Reads the query.
    pub fn read(ask: &Ask<'_>) -> Result<Self, Refusal> {
        let name = ask.query.get("file").unwrap_or("master");
        let count = ask.integer("lines", 1..=1000)?.unwrap_or(100) as usize;
        let filter = Filter::asked(ask)?;
        let log = Log::named(name).ok_or_else(|| Refusal::bad_parameter("file", name, ALLOWED))?;
        let follow = ask.query.get("follow").is_some_and(|follow| follow.eq_ignore_ascii_case("true"));
        if follow && log == Log::Summary {
            return Err(Refusal::bad_parameter("follow", "true", "left out for file=summary"));
        }
        Ok(Self { log, filter, count, follow })
    }
}

/// `/logs` without following.
pub fn lines(ask: &Ask<'_>, asked: &Asked) -> Reply {
    let found = asked.log.held(&ask.snapshot);
    if let (Log::File(name), None, Some(_)) = (asked.log, found.held, ask.snapshot.logs.attempted) {
        let why = found.reason.as_deref().unwrap_or_default();
        return Err(Refusal::not_found(format!("{name} is not known: {why}")));
    }
    let nothing = Held::default();
    let held = found.held.unwrap_or(&nothing);
    let level = ask.query.get("level").unwrap_or("").replace(' ', "+");
    let mut answer = Lines {
        log_file: asked.log.title(),
        total_lines: 0,
        filtered_lines: 0,
        returned_lines: 0,
        level_filter: &level,
        lines: Vec::new(),
        happenings: None,
        timestamp: ask.naive(ask.now),
        as_of: found.as_of.map(|at| ask.rfc3339(at)),
        held_from: asked.filter.within(held).find_map(|line| line.at).map(|at| ask.rfc3339(at)),
        source: "its last lines, as far as they are kept in memory",
        note: found.reason.as_deref(),
    };
    if asked.log == Log::Summary {
        answer.source = match found.log {
            Log::Journal => "key messages of the journal, those that differ in numbers only told once",
            _ => "key messages of the coordinator's log file, those that differ in numbers only told once",
        };
        answer.summarize(ask, asked, held);
    } else {
        answer.collect(asked, held);
    }
    answer.returned_lines = answer.lines.len();
    Ok(json(200, &answer))
}

impl<'a> Lines<'a> {
    /// The newest of the lines that are wanted; those that are too many are only counted.
    fn collect(&mut self, asked: &Asked, held: &'a Held) {
        for line in asked.filter.within(held).rev() {
            self.total_lines += 1;
            if asked.filter.admits(&line) {
                self.filtered_lines += 1;
                if self.lines.len() < asked.count {
                    self.lines.push(line.text);
                }
            }
        }
        self.lines.reverse();
    }

    /// The newest of the key messages that are wanted.
    fn summarize(&mut self, ask: &Ask<'_>, asked: &Asked, held: &'a Held) {
        let mut wanted = held.summary.list();
        self.total_lines = wanted.len();
        wanted.retain(|one| {
            let text = &one.message;
            asked.filter.admits(&Line { number: 0, level: one.level, at: one.last, is_head: true, text })
        });
        self.filtered_lines = wanted.len();
        wanted.drain(..wanted.len().saturating_sub(asked.count));
        self.lines = wanted.iter().map(|one| one.message.as_str()).collect();
        let told = |one: &&'a Happening| Told {
            topic: one.topic.name(),
            level: one.level.map(Level::name),
            message: &one.message,
            count: one.count,
            first: one.first.map(|at| ask.rfc3339(at)),
            last: one.last.map(|at| ask.rfc3339(at)),
        };
        self.happenings = Some(wanted.iter().map(told).collect());
    }
}

/// The file that a download's name means: a known file of the folder, or an alias.
pub fn known_file<'a>(ask: &'a Ask<'_>, name: &str) -> Option<&'a LogFile> {
    let stem = name.strip_suffix(".log")?;
    let name = FILES[..2].iter().find(|(alias, _)| *alias == stem).map_or(name, |(_, file)| file);
    ask.snapshot.logs.value.as_deref()?.files.iter().find(|file| file.name == name)
}
