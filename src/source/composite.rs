//! Database first: files are asked only when the database is disabled, absent, empty for the range, or failing.
//!
//! A database that answered before and fails now is another matter than one that never was: its last good values are in
//! memory, and files that older versions left behind must not take their place. Who asks decides that by
//! [`Composite::keep_to_database`], or by comparing the age of what both have.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;

use super::files::Files;
use super::sqlite::Database;
use super::{DayPrint, SiteSource, StateRecord};
use crate::base::fault::{Fault, Kind};
use crate::base::shutdown::Shutdown;
use crate::config::Config;
use crate::model::decision::Decision;
use crate::model::energy::EnergyRow;
use crate::model::time::Range;
use crate::snapshot::Origin;

/// A database reading younger than this needs no look at the state files.
const FRESH: Duration = Duration::from_secs(120);

/// One thread's way of reading a site.
pub struct Composite {
    database: Option<Database>,
    /// Whether the config asks for the database; else it is used as soon as there is one.
    expected: bool,
    /// Whether it ever answered in this process.
    answered: bool,
    /// Whether files may answer for a database that answered before and fails now.
    strict: bool,
    files: Files,
    /// Which way the last answer came.
    origin: Origin,
    /// What was wrong with the database at the last question, also when files answered it.
    database_fault: Option<Fault>,
    /// Which way each kind of answer came last, so that the log tells changes.
    told: BTreeMap<&'static str, Origin>,
}

impl Composite {
    /// As the config says; `eager` as for [`Database::new`].
    pub fn open(config: &Config, shutdown: &Shutdown, eager: bool) -> Self {
        let database =
            config.database.clone().map(|path| Database::new(path, config.zone.clone(), shutdown.clone(), eager));
        let files = Files::new(config.out_dir.clone(), config.energy_data_dir.clone(), config.zone.clone());
        Self {
            database,
            expected: config.database_expected,
            answered: false,
            strict: false,
            files,
            origin: Origin::Nowhere,
            database_fault: None,
            told: BTreeMap::new(),
        }
    }

    /// Which way the last answer came.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// What was wrong with the database at the last question; `None` also in files-only mode.
    pub fn database_fault(&self) -> Option<&Fault> {
        self.database_fault.as_ref()
    }

    /// The database, unless in files-only mode or while an unasked-for one does not exist.
    pub fn database(&mut self) -> Option<&mut Database> {
        let (expected, answered) = (self.expected, self.answered);
        self.database.as_mut().filter(|database| expected || answered || database.path().exists())
    }

    /// From now on (not) only the database answers, once it has answered: sums of a day are not made of half this, half that.
    pub fn keep_to_database(&mut self, strict: bool) {
        self.strict = strict;
    }

    /// From now on no question to the database takes longer than `patience`.
    pub fn hurry(&mut self, patience: Duration) {
        if let Some(database) = &mut self.database {
            database.hurry(patience);
        }
    }

    /// The refresh is over: nothing is kept open.
    pub fn rest(&mut self) {
        if let Some(database) = &mut self.database {
            database.rest();
        }
    }

    /// Asks the database, then, if `is_empty` or failing, the files.
    fn first<T>(
        &mut self,
        what: &'static str,
        ask: impl Fn(&mut dyn SiteSource) -> Result<T, Fault>,
        count: impl Fn(&T) -> usize,
    ) -> Result<T, Fault> {
        let started = Instant::now();
        let from_database = self.database().map(|database| ask(database));
        self.answered |= matches!(from_database, Some(Ok(_)));
        self.database_fault = match &from_database {
            Some(Err(fault)) => Some(fault.clone()),
            _ => None,
        };
        if let Some(fault) = &self.database_fault
            && (fault.kind() == Kind::Stopping || (self.strict && self.answered))
        {
            return Err(fault.clone());
        }
        let found = match from_database {
            Some(Ok(value)) if count(&value) > 0 => {
                self.origin = Origin::Database;
                Ok(value)
            }
            other => match (ask(&mut self.files), other) {
                (Ok(value), _) if count(&value) > 0 => {
                    self.origin = Origin::Files;
                    Ok(value)
                }
                (_, Some(Ok(value))) => {
                    self.origin = Origin::Database;
                    Ok(value)
                }
                // Absent from the beginning: the files' nothing is the answer.
                (files, Some(Err(fault))) if fault.kind() == Kind::Missing && !self.answered => {
                    self.origin = Origin::Files;
                    files
                }
                (_, Some(Err(fault))) => Err(fault),
                (files, None) => {
                    self.origin = Origin::Files;
                    files
                }
            },
        };
        let count = found.as_ref().map_or(0, count);
        self.tell(what, found.as_ref().err(), count, started.elapsed());
        found
    }

    /// Says in the log which way data came: at the first time and whenever that changes; else only for debugging.
    fn tell(&mut self, what: &'static str, fault: Option<&Fault>, count: usize, took: Duration) {
        let origin = if fault.is_some() { Origin::Nowhere } else { self.origin };
        let level = match self.told.insert(what, origin) {
            before if before != Some(origin) => log::Level::Info,
            _ => log::Level::Debug,
        };
        let ms = took.as_millis();
        match (origin, fault, &self.database_fault) {
            (Origin::Nowhere, Some(fault), _) => log::warn!("DATABASE: no {what}: {fault}"),
            (Origin::Files, _, Some(fault)) => {
                log::warn!("FILES: loaded {count} {what} in {ms} ms, because {fault}");
            }
            (Origin::Files, ..) if self.expected && self.database.is_some() => {
                log::log!(level, "DATABASE: no rows, falling back to files: loaded {count} {what} in {ms} ms");
            }
            (Origin::Files, ..) => log::log!(level, "FILES: loaded {count} {what} in {ms} ms"),
            _ => log::log!(level, "DATABASE: loaded {count} {what} in {ms} ms"),
        }
    }
}

impl SiteSource for Composite {
    /// Of the database's and the files' newest reading the newer one wins.
    fn latest_state(&mut self, now: Timestamp) -> Result<Option<StateRecord>, Fault> {
        let found = self.first("states", |source| source.latest_state(now), |state| usize::from(state.is_some()))?;
        let Some(record) = found else { return Ok(None) };
        let age = now.duration_since(record.reading.at).unsigned_abs();
        if self.origin == Origin::Database
            && age > FRESH
            && let Ok(Some(file)) = self.files.latest_state(now)
            && file.reading.at > record.reading.at
            && file.reading.at <= now + FRESH
        {
            self.origin = Origin::Files;
            return Ok(Some(file));
        }
        Ok(Some(record))
    }

    fn decisions(&mut self, range: Range) -> Result<Vec<Decision>, Fault> {
        self.first("decisions", |source| source.decisions(range), Vec::len)
    }

    fn energy(&mut self, range: Range) -> Result<Vec<EnergyRow>, Fault> {
        self.first("energy rows", |source| source.energy(range), Vec::len)
    }

    /// Day by day: those that the database lacks are the files'.
    fn days(&mut self, first: Date, last: Date) -> Result<BTreeMap<Date, DayPrint>, Fault> {
        let from_files = self.files.days(first, last);
        let Some(asked) = self.database().map(|database| database.days(first, last)) else { return from_files };
        match asked {
            Ok(mut days) => {
                self.answered = true;
                self.database_fault = None;
                for (date, print) in from_files.unwrap_or_default() {
                    let day = days.entry(date).or_default();
                    if day.decisions.0 == 0 {
                        day.decisions = print.decisions;
                    }
                    if day.energy.0 == 0 {
                        day.energy = print.energy;
                    }
                }
                Ok(days)
            }
            Err(fault) if self.answered => {
                self.database_fault = Some(fault.clone());
                Err(fault)
            }
            Err(fault) if fault.kind() == Kind::Missing => from_files,
            Err(fault) => {
                self.database_fault = Some(fault.clone());
                from_files.ok().filter(|days| !days.is_empty()).ok_or(fault)
            }
        }
    }

    fn first_day(&mut self) -> Result<Option<Date>, Fault> {
        let from_files = self.files.first_day().unwrap_or(None);
        let asked = self.database().map(Database::first_day);
        self.database_fault = asked.as_ref().and_then(|asked| asked.as_ref().err().cloned());
        let Some(asked) = asked else { return Ok(from_files) };
        self.answered |= asked.is_ok();
        match (asked, from_files) {
            (Ok(Some(a)), Some(b)) => Ok(Some(a.min(b))),
            (Ok(a), b) => Ok(a.or(b)),
            (Err(fault), b) if fault.kind() == Kind::Missing && !self.answered => Ok(b),
            (Err(fault), None) => Err(fault),
            (Err(fault), _) if self.answered => Err(fault),
            (Err(_), b) => Ok(b),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use rusqlite::Connection;
    use tempfile::TempDir;

    use super::*;
    use crate::base::shutdown;

    const NOW: &str = "2026-11-22T12:00:00Z";

    struct Site {
        dir: TempDir,
        source: Composite,
        _trigger: shutdown::ShutdownTrigger,
    }

    fn site(database: bool) -> Site {
        let dir = TempDir::new().unwrap();
        fs::create_dir_all(dir.path().join("out/energy_data")).unwrap();
        fs::create_dir_all(dir.path().join("data")).unwrap();
        let text = format!(
            "electricity_tariff: {{tariff_type: g11, distribution_pricing: {{g11: {{type: static, price: 1}}}}}}\n\
             data_storage: {{database_storage: {{enabled: {database}}}}}\n"
        );
        let config = Config::parse(&dir.path().join("config/c.yaml"), &text).unwrap();
        let (trigger, shutdown) = shutdown::channel();
        let source = Composite::open(&config, &shutdown, false);
        Site { dir, source, _trigger: trigger }
    }

    impl Site {
        fn database(&self) -> Connection {
            let connection = Connection::open(self.dir.path().join("data/goodwe_energy.db")).unwrap();
            connection
                .execute_batch(
                    "PRAGMA journal_mode = wal;
                     CREATE TABLE energy_data(timestamp TEXT PRIMARY KEY, battery_soc REAL);
                     CREATE TABLE system_state(id INTEGER PRIMARY KEY, timestamp TEXT, metrics TEXT);
                     CREATE TABLE coordinator_decisions(id INTEGER PRIMARY KEY, timestamp TEXT, action TEXT);",
                )
                .unwrap();
            connection
        }

        fn decision_file(&self, day: &str) {
            let name = format!("out/energy_data/charging_decision_{}_100000.json", day.replace('-', ""));
            let text = format!(r#"{{"timestamp": "{day}T10:00:00", "action": "charge"}}"#);
            fs::write(self.dir.path().join(name), text).unwrap();
        }

        fn decisions(&mut self) -> Result<(usize, Origin), Fault> {
            let range = Range::last(Duration::from_secs(7 * 86_400), NOW.parse().unwrap());
            let found = self.source.decisions(range)?.len();
            Ok((found, self.source.origin()))
        }
    }

    fn state(path: &Path, time: &str, soc: u32) {
        let text =
            format!(r#"{{"timestamp": "2026-11-22T{time}", "current_data": {{"battery": {{"soc_percent": {soc}}}}}}}"#);
        fs::write(path.join("out/coordinator_state_20261122.json"), text).unwrap();
    }

    #[test]
    fn files_are_asked_when_the_database_is_disabled_absent_empty_or_failing() {
        let mut disabled = site(false);
        assert_eq!(disabled.decisions().unwrap(), (0, Origin::Files));
        disabled.decision_file("2026-11-22");
        assert_eq!(disabled.decisions().unwrap(), (1, Origin::Files));

        let mut site = site(true);
        assert_eq!(site.decisions().unwrap(), (0, Origin::Files), "absent, and no files either");
        site.decision_file("2026-11-22");
        assert_eq!(site.decisions().unwrap(), (1, Origin::Files));
        assert!(site.source.database_fault().is_some());
        let database = site.database();
        assert_eq!(site.decisions().unwrap(), (1, Origin::Files), "empty for the range");
        assert!(site.source.database_fault().is_none());
        for hour in 10..12 {
            let row = format!(
                "INSERT INTO coordinator_decisions(timestamp, action) VALUES ('2026-11-22T{hour}:30:00', 'wait')"
            );
            database.execute_batch(&row).unwrap();
        }
        assert_eq!(site.decisions().unwrap(), (2, Origin::Database));
        database.execute_batch("DROP TABLE coordinator_decisions").unwrap();
        assert_eq!(site.decisions().unwrap(), (1, Origin::Files), "failing");
        site.source.keep_to_database(true);
        let fault = site.decisions().unwrap_err();
        assert_eq!(fault.to_string(), "the database has no table coordinator_decisions");
        database.execute_batch("CREATE TABLE coordinator_decisions(timestamp TEXT)").unwrap();
        site.source.rest();
        site.source.first_day().unwrap();
        assert_eq!(site.source.database_fault(), None, "another question went well");
    }

    #[test]
    fn a_database_that_nobody_asked_for_is_used_once_it_is_there() {
        let mut site = site(true);
        site.source.expected = false;
        site.decision_file("2026-11-22");
        assert_eq!(site.decisions().unwrap(), (1, Origin::Files));
        assert!(site.source.database_fault().is_none() && site.source.database().is_none());
        let row = "INSERT INTO coordinator_decisions(timestamp, action) VALUES ('2026-11-22T10:30:00', 'wait')";
        site.database().execute_batch(&format!("{row}; {row};")).unwrap();
        assert_eq!(site.decisions().unwrap(), (2, Origin::Database));
    }

    #[test]
    fn an_empty_database_without_files_is_empty_not_failing() {
        let mut site = site(true);
        let _database = site.database();
        assert_eq!(site.decisions().unwrap(), (0, Origin::Database));
        assert_eq!(site.source.first_day().unwrap(), None);
    }

    #[test]
    fn of_two_readings_the_newer_one_wins() {
        let mut site = site(true);
        let database = site.database();
        let metrics = r#"{"current_data": {"timestamp": "2026-11-22T12:00:00", "battery": {"soc_percent": 12}}}"#;
        database
            .execute("INSERT INTO system_state(timestamp, metrics) VALUES ('2026-11-22T12:00:00', ?)", [metrics])
            .unwrap();
        let now = NOW.parse().unwrap();
        let soc = |site: &mut Site| {
            let record = site.source.latest_state(now).unwrap().unwrap();
            (record.reading.battery.soc_pct.unwrap(), site.source.origin())
        };
        assert_eq!(soc(&mut site), (12.0, Origin::Database));
        state(site.dir.path(), "11:00:00", 11);
        assert_eq!(soc(&mut site), (12.0, Origin::Database));
        state(site.dir.path(), "12:30:00", 30);
        assert_eq!(soc(&mut site), (30.0, Origin::Files));
        // From the future: a clock that was wrong.
        state(site.dir.path(), "23:30:00", 99);
        assert_eq!(soc(&mut site), (12.0, Origin::Database));
    }

    #[test]
    fn days_that_the_database_lacks_are_the_files() {
        let mut site = site(true);
        let database = site.database();
        database
            .execute_batch(
                "INSERT INTO coordinator_decisions(timestamp, action) VALUES ('2026-11-22T10:30:00', 'wait')",
            )
            .unwrap();
        site.decision_file("2026-11-20");
        site.decision_file("2026-11-22");
        let day = |text: &str| text.parse::<Date>().unwrap();
        let days = site.source.days(day("2026-11-01"), day("2026-11-30")).unwrap();
        assert_eq!(days.keys().copied().collect::<Vec<_>>(), [day("2026-11-20"), day("2026-11-22")]);
        let own = site.source.database().unwrap().days(day("2026-11-22"), day("2026-11-22")).unwrap();
        assert_eq!(days[&day("2026-11-22")], own[&day("2026-11-22")], "the database's own mark");
        assert_eq!(site.source.first_day().unwrap(), Some(day("2026-11-20")));
    }
}
