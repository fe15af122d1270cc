//! Database first: files are asked only when the database is disabled, absent, empty for the range, or failing.

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
        Self { database, files, origin: Origin::Nowhere, database_fault: None, told: BTreeMap::new() }
    }

    /// Which way the last answer came.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// What was wrong with the database at the last question; `None` also in files-only mode.
    pub fn database_fault(&self) -> Option<&Fault> {
        self.database_fault.as_ref()
    }

    /// The database, unless in files-only mode.
    pub fn database(&mut self) -> Option<&mut Database> {
        self.database.as_mut()
    }

    /// Asks the database, then, if `is_empty` or failing, the files.
    fn first<T>(
        &mut self,
        what: &'static str,
        ask: impl Fn(&mut dyn SiteSource) -> Result<T, Fault>,
        count: impl Fn(&T) -> usize,
    ) -> Result<T, Fault> {
        let started = Instant::now();
        let from_database = self.database.as_mut().map(|database| ask(database));
        self.database_fault = match &from_database {
            Some(Err(fault)) => Some(fault.clone()),
            _ => None,
        };
        if self.database_fault.as_ref().is_some_and(|fault| fault.kind() == Kind::Stopping) {
            return from_database.expect("a fault came from the database");
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
            (Origin::Files, ..) if self.database.is_some() => {
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
        let Some(database) = &mut self.database else { return from_files };
        match database.days(first, last) {
            Ok(mut days) => {
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
            Err(fault) => {
                self.database_fault = Some(fault.clone());
                from_files.ok().filter(|days| !days.is_empty()).ok_or(fault)
            }
        }
    }

    fn first_day(&mut self) -> Result<Option<Date>, Fault> {
        let from_files = self.files.first_day().unwrap_or(None);
        let Some(database) = &mut self.database else { return Ok(from_files) };
        match (database.first_day(), from_files) {
            (Ok(Some(a)), Some(b)) => Ok(Some(a.min(b))),
            (Ok(a), b) => Ok(a.or(b)),
            (Err(fault), b) => b.map(Some).ok_or(fault),
        }
    }
}
