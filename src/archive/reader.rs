//! Reading Wattboard's own database from wherever it is wanted: opened for each question, closed after it, nothing created.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::civil::Date;
use rusqlite::Connection;

use super::file::{self, Patience};
use super::{Rollup, days, rollups};
use crate::base::fault::Fault;
use crate::model::day::{DayPrint, Sums};
use crate::model::price::{Entity, PublishedDay};
use crate::model::time::SiteZone;

/// How long a question may take: a stop is not heard meanwhile.
const WITHIN: Duration = Duration::from_secs(1);
/// How long looking through the whole file may take.
const CHECK_WITHIN: Duration = Duration::from_secs(30);

/// What the price memory holds.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Holdings {
    /// Days of day-ahead prices of which something is known.
    pub days: usize,
    /// The first of them.
    pub first: Option<Date>,
    /// The last of them.
    pub last: Option<Date>,
}

/// A read-only way into the price memory.
#[derive(Debug, Clone)]
pub struct PriceReader {
    path: PathBuf,
    zone: SiteZone,
}

impl PriceReader {
    /// Of the file at `path`, which need not exist.
    pub fn new(path: &Path, zone: SiteZone) -> Self {
        Self { path: path.to_owned(), zone }
    }

    /// What is remembered of a day.
    ///
    /// # Errors
    /// When the file is not to be read, or not in time.
    pub fn day(&self, entity: Entity, date: Date) -> Result<Option<PublishedDay>, Fault> {
        self.ask(WITHIN, |connection| {
            days::read(connection, entity, date, &self.zone).map_err(|error| file::sql_fault(&error))
        })
    }

    /// The first and the last day of which a price is remembered.
    ///
    /// # Errors
    /// As [`PriceReader::day`].
    pub fn span(&self) -> Result<Option<(Date, Date)>, Fault> {
        self.ask(WITHIN, |connection| days::span(connection).map_err(|error| file::sql_fault(&error)))
    }

    /// Looks through the whole file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<Option<Holdings>, Fault> {
        self.ask(CHECK_WITHIN, |connection| {
            file::check(connection)?;
            let known = days::known(connection).map_err(|error| file::sql_fault(&error))?;
            let mut of_market = known.keys().filter(|(entity, _)| *entity == Entity::DayAhead).map(|(_, date)| *date);
            let (first, days) = (of_market.clone().next(), of_market.clone().count());
            Ok(Some(Holdings { days, first, last: of_market.next_back() }))
        })
    }

    fn ask<T>(
        &self,
        within: Duration,
        work: impl FnOnce(&Connection) -> Result<Option<T>, Fault>,
    ) -> Result<Option<T>, Fault> {
        ask(&self.path, within, work)
    }
}

/// A read-only way to the closed days.
#[derive(Debug, Clone)]
pub struct RollupReader {
    path: PathBuf,
}

impl RollupReader {
    /// Of the file at `path`, which need not exist.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// A closed day; `None` where it is not remembered.
    ///
    /// # Errors
    /// When the file is not to be read, or not in time.
    pub fn day(&self, date: Date, zone: &SiteZone) -> Result<Option<Rollup>, Fault> {
        let read =
            |connection: &Connection| rollups::read(connection, date, zone).map_err(|error| file::sql_fault(&error));
        ask(&self.path, WITHIN, read)
    }

    /// Looks through the whole file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), Fault> {
        ask(&self.path, CHECK_WITHIN, |connection| file::check(connection).map(Some)).map(|_| ())
    }

    /// The first and the last day that are remembered.
    ///
    /// # Errors
    /// As [`RollupReader::day`].
    pub fn span(&self) -> Result<Option<(Date, Date)>, Fault> {
        ask(&self.path, WITHIN, |connection| rollups::span(connection).map_err(|error| file::sql_fault(&error)))
    }

    /// The month summaries' sums of every day that is remembered, and the rows they were made of.
    ///
    /// # Errors
    /// When the file is not to be read, or not in time.
    pub fn sums(&self) -> Result<BTreeMap<Date, (DayPrint, Sums)>, Fault> {
        let read =
            |connection: &Connection| rollups::sums(connection).map(Some).map_err(|error| file::sql_fault(&error));
        Ok(ask(&self.path, WITHIN, read)?.unwrap_or_default())
    }
}

fn ask<T>(
    path: &Path,
    within: Duration,
    work: impl FnOnce(&Connection) -> Result<Option<T>, Fault>,
) -> Result<Option<T>, Fault> {
    let patience = Patience { due: Instant::now() + within, shutdown: None };
    let answer = file::open_to_read(path, &patience).and_then(|opened| match opened {
        Some(connection) => work(&connection),
        None => Ok(None),
    });
    answer.map_err(|fault| fault.within(path.display()))
}
