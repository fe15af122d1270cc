//! Log lines of the coordinator: `2026-11-22 14:02:24,900 - module.name - INFO - message`.

pub mod lines;
pub mod rates;
pub mod summary;
pub mod tail;

use std::sync::Arc;

use jiff::Timestamp;

use lines::{Line, Lines};
use rates::Rates;
use summary::Summary;

/// A line's level, least to greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Details.
    Debug,
    /// What happens.
    Info,
    /// What should be looked at.
    Warning,
    /// What failed.
    Error,
    /// What cannot go on.
    Critical,
}

impl Level {
    /// All of them, least to greatest.
    pub const ALL: [Self; 5] = [Self::Debug, Self::Info, Self::Warning, Self::Error, Self::Critical];

    /// Its name.
    pub fn name(self) -> &'static str {
        ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"][self as usize]
    }

    /// The level of this name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "DEBUG" => Self::Debug,
            "INFO" => Self::Info,
            "WARNING" => Self::Warning,
            "ERROR" => Self::Error,
            "CRITICAL" => Self::Critical,
            _ => return None,
        })
    }
}

/// Which lines are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LevelFilter {
    /// All.
    All,
    /// Exactly this level.
    Only(Level),
    /// This level and above.
    AtLeast(Level),
}

impl LevelFilter {
    /// From the `level` parameter: empty, a level, or a level with a trailing plus (or the space that it decodes to).
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::All);
        }
        match text.strip_suffix(['+', ' ']) {
            Some(name) => Level::named(name).map(Self::AtLeast),
            None => Level::named(text).map(Self::Only),
        }
    }

    /// Whether only lines above this level are wanted.
    pub fn is_above(self, level: Level) -> bool {
        match self {
            Self::All => false,
            Self::Only(wanted) | Self::AtLeast(wanted) => wanted > level,
        }
    }

    /// Whether a line of this level is wanted.
    pub fn admits(self, level: Option<Level>) -> bool {
        match self {
            Self::All => true,
            Self::Only(wanted) => level == Some(wanted),
            Self::AtLeast(least) => level.is_some_and(|level| level >= least),
        }
    }
}

/// What is looked for in lines, in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(String);

impl Words {
    /// These.
    pub fn new(words: &str) -> Self {
        Self(words.to_lowercase())
    }

    /// Whether a text has them.
    pub fn are_in(&self, text: &str) -> bool {
        let words = self.0.as_bytes();
        if self.0.is_ascii() {
            // What is not ASCII has no byte that an ASCII character has.
            return words.is_empty()
                || text.as_bytes().windows(words.len()).any(|part| part.eq_ignore_ascii_case(words));
        }
        text.to_lowercase().contains(&self.0)
    }
}

/// A log file: what the folder says of it and its last lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// File name.
    pub name: String,
    /// Where it lies.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// When it was written last.
    pub modified: Option<Timestamp>,
    /// What memory holds of it.
    pub held: Held,
    /// Why its lines cannot be read, where they cannot.
    pub error: Option<String>,
}

/// What memory holds of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// The last lines, as many as memory is given for.
    pub lines: Lines,
    /// The number of the last line that there was, also where it is not among these.
    pub last: u64,
    /// Lines of WARNING and above that are older than these.
    pub older: Lines,
    /// From where on all lines of WARNING and above, and all counts, are known; `None` where there is no line with a time.
    pub seen_from: Option<Timestamp>,
    /// How many lines each hour has.
    pub rates: Arc<Rates>,
    /// How many lines of each level, in the order of [`Level::ALL`], were written since this program looks at it.
    pub counted: [u64; Level::ALL.len()],
    /// What happened, in few words.
    pub summary: Arc<Summary>,
}

impl Held {
    /// The older warnings and then the last lines.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = Line<'_>> {
        self.older.iter().chain(self.lines.iter())
    }
}

#[cfg(test)]
impl Held {
    /// These lines, numbered from `first`.
    pub fn of_lines(first: u64, lines: &[(Option<Level>, &str)]) -> Self {
        let mut ring = lines::Ring::new(first, 32 * 1024);
        lines.iter().for_each(|(level, text)| ring.push(text, None, *level, level.is_some()));
        Self { lines: ring.lines(), last: ring.next() - 1, ..Self::default() }
    }

    /// What is held of this text, of a log that is written like this.
    pub fn of_text(dialect: tail::Dialect, text: &str, now: Timestamp) -> Self {
        let zone = crate::model::time::SiteZone::named("Europe/Warsaw").expect("a zone");
        let mut tail = tail::Tail::new(dialect, zone, 1, true);
        tail.take(text.as_bytes(), now);
        tail.held()
    }
}

/// The journal of the coordinator's unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Journal {
    /// What memory holds of it.
    pub held: Held,
    /// When its last line was read.
    pub read: Option<Timestamp>,
    /// Why there are no lines, or no new ones, where there is a reason.
    pub error: Option<String>,
}

/// The log folder and the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Logs {
    /// By name.
    pub files: Vec<LogFile>,
    /// `None` until it was looked for.
    pub journal: Option<Journal>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        for (text, filter) in [
            ("", Some(LevelFilter::All)),
            ("error", Some(LevelFilter::Only(Level::Error))),
            ("WARNING+", Some(LevelFilter::AtLeast(Level::Warning))),
            ("Warning ", Some(LevelFilter::AtLeast(Level::Warning))),
            ("LOUD", None),
            ("+", None),
        ] {
            assert_eq!(LevelFilter::parse(text), filter, "{text:?}");
        }
        assert!(LevelFilter::AtLeast(Level::Warning).admits(Some(Level::Critical)));
        assert!(!LevelFilter::AtLeast(Level::Warning).admits(None));
        assert!(!LevelFilter::Only(Level::Warning).admits(Some(Level::Error)));
    }
}
