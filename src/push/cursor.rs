//! How far a site's rows were sent, in a small file that outlives the process.
//!
//! Of the newest [`KEPT_DAYS`] days it is known what was sent, as a number that is made of its lines: a day whose rows
//! changed later tells itself by that, and one that only grew goes on where it ended.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::base::atomic_file;
use crate::base::fault::{Fault, io_fault};
use crate::export::What;

/// Its name, beside the price cache.
pub const FILE: &str = "wattboard_push.json";
/// Days that are looked at again for rows that came late or changed.
pub const KEPT_DAYS: i64 = 31;
/// A month of four tables has 10 KB.
const MAX_BYTES: u64 = 1024 * 1024;
const VERSION: u32 = 1;

/// Where rows go, and under which name: to another place they are sent from the beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// Where lines are posted to.
    pub url: String,
    /// InfluxDB's organisation.
    pub org: String,
    /// InfluxDB's bucket.
    pub bucket: String,
    /// What the site is called there.
    pub site: String,
}

/// What was sent of a day.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// How many of its lines, from the first on.
    pub lines: u32,
    /// [`Fnv`](crate::base::fnv::Fnv) of these.
    pub print: u64,
    /// How often it was told again with other values.
    pub again: u32,
}

/// How far one kind of rows is.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The first day that there was when it was begun.
    pub first: Option<Date>,
    /// The newest day of which anything was sent.
    pub through: Option<Date>,
    /// What was sent of the newest days.
    pub days: BTreeMap<Date, Told>,
}

/// How far all is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    version: u32,
    destination: Destination,
    energy: Table,
    decisions: Table,
    prices: Table,
    days: Table,
}

impl Cursor {
    fn new(destination: Destination) -> Self {
        let [energy, decisions, prices, days] = Default::default();
        Self { version: VERSION, destination, energy, decisions, prices, days }
    }

    /// How far one kind is.
    pub fn table(&self, what: What) -> &Table {
        match what {
            What::Energy => &self.energy,
            What::Decisions => &self.decisions,
            What::Prices => &self.prices,
            What::Days => &self.days,
        }
    }

    fn table_mut(&mut self, what: What) -> &mut Table {
        match what {
            What::Energy => &mut self.energy,
            What::Decisions => &mut self.decisions,
            What::Prices => &mut self.prices,
            What::Days => &mut self.days,
        }
    }

    /// The newest day of which anything was sent.
    pub fn through(&self) -> Option<Date> {
        What::ALL.into_iter().filter_map(|what| self.table(what).through).max()
    }
}

/// Keeps the cursor: in memory, and at times in its file.
pub struct Keeper {
    /// `None`: in memory alone.
    file: Option<PathBuf>,
    cursor: Cursor,
    is_written: bool,
    written: Option<Instant>,
}

impl Keeper {
    /// The cursor of this file, where it is one of this destination; else a new one, and why it is new.
    pub fn open(file: Option<PathBuf>, destination: Destination) -> (Self, Option<String>) {
        let read = file.as_deref().map_or(Ok(None), read);
        let (cursor, why) = match read {
            Ok(Some(cursor)) if cursor.destination == destination => (Some(cursor), None),
            Ok(Some(_)) => (None, Some("the engine or the site's name is another one than before".to_owned())),
            Ok(None) => (None, None),
            Err(fault) => (None, Some(fault.to_string())),
        };
        let is_written = cursor.is_some();
        let cursor = cursor.unwrap_or_else(|| Cursor::new(destination));
        (Self { file, cursor, is_written, written: None }, why)
    }

    /// How far all is.
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// What was sent of a day.
    pub fn told(&self, what: What, date: Date) -> Told {
        self.cursor.table(what).days.get(&date).copied().unwrap_or_default()
    }

    /// The first day that there is. One before those that were known: it begins anew, and of the newest days it stays
    /// known what was sent.
    pub fn begin(&mut self, what: What, first: Date) {
        let table = self.cursor.table_mut(what);
        if table.first.is_none_or(|known| first < known) {
            (table.first, table.through) = (Some(first), None);
            self.is_written = false;
        }
    }

    /// So much of a day was taken.
    pub fn advance(&mut self, what: What, date: Date, told: Told, today: Date) {
        let table = self.cursor.table_mut(what);
        if table.days.insert(date, told) == Some(told) {
            return;
        }
        if told.lines > 0 {
            table.through = table.through.max(Some(date));
        }
        let newest = table.through.map_or(date, |through| through.min(today));
        let oldest = days_before(newest, KEPT_DAYS);
        table.days.retain(|date, _| *date >= oldest);
        self.is_written = false;
    }

    /// Writes it, unless it is there already or was written within `pause`.
    ///
    /// # Errors
    /// When it cannot be written; that is tried again after `pause`.
    pub fn keep(&mut self, now: Instant, pause: Duration) -> Result<bool, Fault> {
        let Some(file) = self.file.as_deref().filter(|_| !self.is_written) else { return Ok(false) };
        if self.written.is_some_and(|at| now.saturating_duration_since(at) < pause) {
            return Ok(false);
        }
        self.written = Some(now);
        let text = serde_json::to_vec(&self.cursor).map_err(|error| Fault::invalid(error.to_string()))?;
        atomic_file::replace(file, &text)?;
        self.is_written = true;
        Ok(true)
    }
}

/// The day that lies so many days back.
pub fn days_before(date: Date, days: i64) -> Date {
    date.checked_sub(jiff::Span::new().days(days)).unwrap_or(Date::MIN)
}

/// What a file tells; `None` where there is none.
///
/// # Errors
/// When it cannot be read, or is no cursor of this version.
pub fn read(file: &std::path::Path) -> Result<Option<Cursor>, Fault> {
    let failed = |error: std::io::Error| io_fault("read", file, &error);
    match fs::metadata(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
        Ok(found) if found.len() > MAX_BYTES => {
            return Err(Fault::invalid(format!("{} is too large for a cursor", file.display())));
        }
        Ok(_) => {}
    }
    let bytes = fs::read(file).map_err(failed)?;
    let wrong = |why: &str| Fault::invalid(format!("{} is no cursor: {why}", file.display()));
    let cursor: Cursor = serde_json::from_slice(&bytes).map_err(|error| wrong(&error.to_string()))?;
    if cursor.version != VERSION {
        return Err(wrong(&format!("version {} is not known here", cursor.version)));
    }
    Ok(Some(cursor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(site: &str) -> Destination {
        Destination { url: "http://db/api/v2/write".into(), org: String::new(), bucket: "b".into(), site: site.into() }
    }

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    fn told(lines: u32) -> Told {
        Told { lines, print: u64::MAX - u64::from(lines), again: 0 }
    }

    #[test]
    fn a_cursor_is_written_when_it_changed_and_read_back_whole() {
        let dir = tempfile::TempDir::new().unwrap();
        let file = dir.path().join(FILE);
        let (mut keeper, why) = Keeper::open(Some(file.clone()), to("home"));
        assert_eq!((why, keeper.cursor().through()), (None, None));
        let (start, minute) = (Instant::now(), Duration::from_secs(60));
        keeper.begin(What::Energy, day("2026-11-01"));
        keeper.advance(What::Energy, day("2026-11-22"), told(5), day("2026-11-22"));
        assert!(keeper.keep(start, minute).unwrap());
        keeper.advance(What::Energy, day("2026-11-22"), told(5), day("2026-11-22"));
        assert!(!keeper.keep(start + 2 * minute, minute).unwrap(), "nothing changed");
        keeper.advance(What::Energy, day("2026-11-22"), told(6), day("2026-11-22"));
        assert!(!keeper.keep(start + minute / 2, minute).unwrap(), "too soon");
        assert!(keeper.keep(start + minute, minute).unwrap());
        let (again, why) = Keeper::open(Some(file.clone()), to("home"));
        assert_eq!((again.cursor(), why), (keeper.cursor(), None));
        assert_eq!(again.told(What::Energy, day("2026-11-22")), told(6));
        assert_eq!(again.told(What::Prices, day("2026-11-22")), Told::default());
        let (other, why) = Keeper::open(Some(file.clone()), to("cottage"));
        assert_eq!(other.cursor().through(), None);
        assert!(why.unwrap().contains("another one"));
        for (text, words) in [("", "no cursor"), ("{}", "no cursor"), ("{\"version\":2}", "no cursor")] {
            fs::write(&file, text).unwrap();
            let (new, why) = Keeper::open(Some(file.clone()), to("home"));
            assert_eq!(new.cursor().through(), None, "{text}");
            assert!(why.as_deref().is_some_and(|why| why.contains(words)), "{text}: {why:?}");
        }
    }

    #[test]
    fn the_newest_days_stay_whatever_the_clock_says() {
        let (mut keeper, _) = Keeper::open(None, to("home"));
        keeper.begin(What::Days, day("2026-01-01"));
        let days = |keeper: &Keeper| -> Vec<String> {
            keeper.cursor().table(What::Days).days.keys().map(ToString::to_string).collect()
        };
        for date in day("2026-01-01").series(jiff::Span::new().days(1)).take(100) {
            keeper.advance(What::Days, date, told(1), day("2026-11-22"));
        }
        assert_eq!(days(&keeper).len(), 32);
        assert_eq!(days(&keeper)[0], "2026-03-10");
        // The clock was years ahead, and a row has that date; then it is right again.
        keeper.advance(What::Days, day("2031-01-01"), told(1), day("2026-04-11"));
        assert_eq!(days(&keeper).len(), 32, "one went, one came");
        assert_eq!(keeper.cursor().through(), Some(day("2031-01-01")));
        // A clock at its beginning takes nothing away.
        keeper.advance(What::Days, day("1970-01-01"), told(1), day("1970-01-01"));
        assert_eq!(days(&keeper).len(), 33);
        keeper.begin(What::Days, day("2026-01-05"));
        assert_eq!(days(&keeper).len(), 33);
        keeper.begin(What::Days, day("2025-12-31"));
        assert_eq!((days(&keeper).len(), keeper.cursor().through()), (33, None), "older rows came to light");
    }
}
