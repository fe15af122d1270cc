//! Log lines of the coordinator: `2026-11-22 14:02:24,900 - module.name - INFO - message`.

use std::sync::Arc;

use jiff::Timestamp;

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

    /// The level *field* of a line, `None` for a continuation line.
    pub fn of_line(line: &str) -> Option<Self> {
        let mut fields = line.splitn(4, " - ");
        let time = fields.next()?;
        let dated = time.len() >= 19 && time.starts_with(|c: char| c.is_ascii_digit());
        let (_logger, level, _message) = (fields.next()?, fields.next()?, fields.next()?);
        dated.then(|| Self::named(level.trim())).flatten()
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

    /// Whether a line of this level is wanted.
    pub fn admits(self, level: Option<Level>) -> bool {
        match self {
            Self::All => true,
            Self::Only(wanted) => level == Some(wanted),
            Self::AtLeast(least) => level.is_some_and(|level| level >= least),
        }
    }
}

/// One line; a continuation line has the level of the line that it continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Its level.
    pub level: Option<Level>,
    /// Its text, without the line end.
    pub text: Arc<str>,
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
    /// The last lines, oldest first, as many as memory is given for.
    pub lines: Arc<[LogLine]>,
    /// Why its lines cannot be read, where they cannot.
    pub error: Option<String>,
}

/// The log folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Logs {
    /// By name.
    pub files: Vec<LogFile>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_the_level_field() {
        for (line, level) in [
            ("2026-11-22 14:02:24,900 - module.name - INFO - message", Some(Level::Info)),
            ("2026-11-22 14:02:24,900 - a - WARNING - 5 - 3 - ERROR - not the field", Some(Level::Warning)),
            ("2026-11-22 14:02:24,900 - a - NOTICE - message", None),
            ("Traceback (most recent call last):", None),
            ("  File \"x.py\" - ERROR - in y - z", None),
            ("", None),
        ] {
            assert_eq!(Level::of_line(line), level, "{line}");
        }
    }

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
