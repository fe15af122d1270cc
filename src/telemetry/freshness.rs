//! How fresh things are: ages of readings, and how each source is doing, by the same rules for every answer.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::base::units::round_to;
use crate::config::Interval;
use crate::snapshot::{Live, Section, Snapshot};

/// A reading is fresh below this age.
pub const FRESH: Duration = Duration::from_secs(120);
/// Beyond this age the state counts as too old.
pub const TOO_OLD: Duration = Duration::from_secs(600);
/// A cache may be this old before its refresher counts as stale, or twice its interval if that is longer.
const CACHE_STALE: Duration = Duration::from_secs(600);
/// How often log files are looked at: so often that they are late when any other source would be.
pub const LOGS: Interval = Interval::Every(Duration::ZERO);

/// How old a reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// This old.
    Known(Duration),
    /// It is dated in the future, so nobody can tell.
    Future,
}

impl Age {
    /// Of something dated `at`.
    pub fn of(at: Timestamp, now: Timestamp) -> Self {
        let age = now.duration_since(at);
        match Duration::try_from(age) {
            Ok(age) => Self::Known(age),
            // Clocks that differ by a little.
            Err(_) if age.unsigned_abs() <= FRESH => Self::Known(Duration::ZERO),
            Err(_) => Self::Future,
        }
    }

    /// Seconds with a decimal, `None` where it is not known.
    pub fn seconds(self) -> Option<f64> {
        match self {
            Self::Known(age) => Some(round_to(age.as_secs_f64(), 1)),
            Self::Future => None,
        }
    }

    /// Whether it is below a limit.
    pub fn is_below(self, limit: Duration) -> bool {
        matches!(self, Self::Known(age) if age < limit)
    }
}

/// Whether a live value is fresh: the reading is, and the file that it came from.
pub fn is_fresh(live: &Live, now: Timestamp) -> bool {
    let file_is_fresh = live.file_modified.is_none_or(|modified| Age::of(modified, now).is_below(FRESH));
    Age::of(live.reading.at, now).is_below(FRESH) && file_is_fresh
}

/// How old a cache may be; any age where its refresher is switched off.
pub fn cache_limit(interval: Interval) -> Option<Duration> {
    match interval {
        Interval::Off => None,
        Interval::Every(interval) => Some(CACHE_STALE.max(interval.saturating_mul(2))),
    }
}

/// Whether what a refresher published is older than it may be, or was never there.
pub fn is_late(age: Option<Duration>, interval: Interval) -> bool {
    cache_limit(interval).is_some_and(|limit| age.is_none_or(|age| age > limit))
}

/// How one source is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It answers.
    Ok,
    /// It is older than it should be.
    Stale,
    /// The last attempt failed, or its thread is gone.
    Failed,
    /// It was looked at once and is not any more.
    Off,
    /// Nothing was read yet.
    Loading,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Ok, Self::Stale, Self::Failed, Self::Off, Self::Loading];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Stale => "stale",
            Self::Failed => "failed",
            Self::Off => "off",
            Self::Loading => "loading",
        }
    }

    /// Of a section; whether its thread `is_gone`.
    pub fn of<T>(section: &Section<T>, is_gone: bool, interval: Interval, instant: Instant) -> Self {
        match (section.attempted, interval) {
            _ if is_gone => Self::Failed,
            (None, _) => Self::Loading,
            _ if section.failures > 0 => Self::Failed,
            (Some(_), Interval::Off) => Self::Off,
            _ if is_late(section.age(instant), interval) => Self::Stale,
            _ => Self::Ok,
        }
    }

    /// Of past months, which have no section: they are summed once, then looked at for late rows.
    pub fn of_months(snapshot: &Snapshot) -> Self {
        let has_error = snapshot.gone.contains_key("months") || snapshot.months.error.is_some();
        match (has_error, snapshot.months.complete) {
            (true, _) => Self::Failed,
            (false, false) => Self::Loading,
            (false, true) => Self::Ok,
        }
    }

    /// Of the house's readings: the state of their section, but for a reading that is old itself.
    #[must_use]
    pub fn with_reading(self, live: &Section<Live>, now: Timestamp) -> Self {
        let is_old = live.value.as_deref().is_some_and(|live| !is_fresh(live, now));
        if self == Self::Ok && is_old { Self::Stale } else { self }
    }
}
