//! Wattboard's own database (`data_storage.wattboard_database`): the price memory, every price day that was ever
//! complete, and the rollups, every closed day of the site summed. [`Archive`] is its only writer, [`PriceReader`] and
//! [`RollupReader`] read it from anywhere.
//!
//! Without it everything works, but prices of days that are over are asked of PSE again, or not known, and their rows
//! are summed again at each start.

mod days;
mod file;
mod packed;
mod plan;
mod reader;
mod rollups;
mod schema;
mod takeover;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use rusqlite::{Connection, TransactionBehavior};

use crate::base::clock::SharedClock;
use crate::base::fault::{Fault, Kind};
use crate::base::shutdown::Shutdown;
use crate::model::balance::Balance;
use crate::model::price::{Entity, PublishedDay};
use crate::model::time::SiteZone;
use crate::model::totals::Days;
use crate::snapshot::OwnDatabase;

use file::{Patience, sql_fault};
pub use plan::{API_BEGINS, Again, Known, Request, plan};
pub use reader::{Holdings, PriceReader, RollupReader};
pub use rollups::{Footing, Footings, PriceCounts, Rollup};
pub use takeover::take_over;

/// How long a file that cannot be written is left alone; twice as long after each further try, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// A file that is damaged again so soon is not set aside again: what it lies on is broken.
const SOUND_FOR: Duration = Duration::from_secs(600);
/// How long writing may take; a month on a slow card takes a second.
const WRITE_WITHIN: Duration = Duration::from_secs(20);
/// How long listing what is there may take.
const LIST_WITHIN: Duration = Duration::from_secs(5);
/// PSE completes a day within this many days, or never.
const COMPLETED_WITHIN_DAYS: i64 = 3;

/// The price memory, for its owner. Nothing is open between two calls.
pub struct Archive {
    path: PathBuf,
    zone: SiteZone,
    clock: SharedClock,
    shutdown: Shutdown,
    outage: Option<Outage>,
    aside: Option<Aside>,
    /// Whether something was read out of it.
    is_there: bool,
    /// Whether what the file lacks is to be looked for, since it is a new one or can be written again.
    is_new: bool,
}

/// Why nothing can be written, and until when it is not tried again: what is handed in goes nowhere.
struct Outage {
    fault: Fault,
    until: Instant,
    pause: Duration,
}

/// The damaged file that was set aside last.
struct Aside {
    at: Instant,
    told: String,
}

impl Archive {
    /// In the file at `path`, which is created when there is something to write.
    pub fn new(path: PathBuf, zone: SiteZone, clock: SharedClock, shutdown: Shutdown) -> Self {
        Self { path, zone, clock, shutdown, outage: None, aside: None, is_there: false, is_new: false }
    }

    /// Remembers days, all or none. What is there whole is not written again; a day that PSE may still complete is left
    /// out. Answers of how many days values were written.
    ///
    /// # Errors
    /// When nothing can be written. Said in the log once; tried again after a minute at the earliest, then less often.
    pub fn keep(&mut self, days: &[PublishedDay]) -> Result<usize, Fault> {
        let zone = self.zone.clone();
        let lasting: Vec<&PublishedDay> = days.iter().filter(|day| is_final(day, &zone)).collect();
        if lasting.is_empty() {
            return Ok(0);
        }
        let written = self.write(|connection| {
            let mut written = 0;
            for day in &lasting {
                written += usize::from(days::keep(connection, day, &zone)?);
            }
            Ok(written)
        })?;
        self.recovered();
        Ok(written)
    }

    /// Makes sure that something could be remembered: creates the file. Whether a disk has room is not seen by that.
    ///
    /// # Errors
    /// As [`Archive::keep`].
    pub fn prepare(&mut self) -> Result<(), Fault> {
        self.write(|_| Ok(()))
    }

    /// Writes, but nothing new: whether what was in the way is over, when there is nothing to be remembered.
    ///
    /// # Errors
    /// As [`Archive::keep`].
    pub fn try_again(&mut self) -> Result<(), Fault> {
        self.write(|connection| {
            let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            connection.pragma_update(None, "user_version", version)
        })?;
        self.recovered();
        Ok(())
    }

    /// What was handed in is there.
    fn recovered(&mut self) {
        if self.outage.take().is_some() {
            log::info!("ARCHIVE: {} can be written again", self.path.display());
            self.is_new = true;
        }
    }

    /// Until when nothing is written; `None` while nothing is in the way.
    pub fn out_until(&self) -> Option<Instant> {
        self.outage.as_ref().map(|outage| outage.until)
    }

    /// Whether the file is a new one, or can be written again, since this was asked last: what it lacks is to be looked for.
    pub fn is_new(&mut self) -> bool {
        std::mem::take(&mut self.is_new)
    }

    /// How the file does, to be told.
    pub fn health(&self) -> OwnDatabase {
        OwnDatabase {
            error: self.outage.as_ref().map(|outage| outage.fault.to_string()),
            set_aside: self.aside.as_ref().map(|aside| aside.told.clone()),
        }
    }

    /// Somebody found the file damaged: it is set aside, where that is so.
    pub fn doubt(&mut self) {
        self.set_aside();
    }

    /// What is remembered of a day, found until `due`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn day(&mut self, entity: Entity, date: Date, due: Instant) -> Result<Option<PublishedDay>, Fault> {
        let zone = self.zone.clone();
        self.read(due, |connection| days::read(connection, entity, date, &zone))
    }

    /// Every day that is remembered.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn known(&mut self) -> Result<BTreeMap<(Entity, Date), Known>, Fault> {
        self.read(Instant::now() + LIST_WITHIN, days::known)
    }

    /// Remembers a closed day, in place of what was there of it.
    ///
    /// # Errors
    /// As [`Archive::keep`].
    pub fn keep_rollup(&mut self, rollup: &Rollup) -> Result<(), Fault> {
        let zone = self.zone.clone();
        self.write(|connection| rollups::keep(connection, rollup, &zone))?;
        self.recovered();
        Ok(())
    }

    /// What each remembered closed day stands on, and how many prices are known of each day now.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn footings(&mut self) -> Result<(Footings, PriceCounts), Fault> {
        self.read(Instant::now() + LIST_WITHIN, |connection| {
            Ok((rollups::footings(connection)?, rollups::prices(connection)?))
        })
    }

    /// A closed day, found until `due`; `None` where it is not remembered.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn rollup(&mut self, date: Date, due: Instant) -> Result<Option<Rollup>, Fault> {
        let zone = self.zone.clone();
        self.read(due, |connection| rollups::read(connection, date, &zone))
    }

    /// Gives `take` the balances of those of these days that are closed and remembered, in order, read until `due`;
    /// without their hours unless these are wanted.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn balances(
        &mut self,
        days: Days,
        with_hours: bool,
        due: Instant,
        take: &mut dyn FnMut(Balance),
    ) -> Result<(), Fault> {
        let zone = self.zone.clone();
        self.read(due, |connection| rollups::stretch(connection, days, with_hours, &zone, take))
    }

    fn read<T: Default>(
        &mut self,
        due: Instant,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Fault> {
        let patience = self.patience(due);
        let read = || match file::open_to_recover(&self.path, &patience)? {
            Some(connection) => work(&connection).map(Some).map_err(|error| sql_fault(&error)),
            None => Ok(None),
        };
        match read() {
            Ok(Some(found)) => {
                self.is_there = true;
                Ok(found)
            }
            Ok(None) => {
                if std::mem::take(&mut self.is_there) {
                    log::warn!("ARCHIVE: {} is gone or empty; a new one is begun", self.path.display());
                    self.is_new = true;
                }
                Ok(T::default())
            }
            Err(fault) if fault.kind() == Kind::Unreadable && self.set_aside() => {
                self.is_there = false;
                Ok(T::default())
            }
            Err(fault) => Err(self.named(fault)),
        }
    }

    /// Runs `work` in one transaction.
    fn write<T>(&mut self, work: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<T, Fault> {
        if let Some(outage) = &self.outage
            && self.clock.instant() < outage.until
        {
            return Err(outage.fault.clone());
        }
        let written = match self.write_once(&work) {
            Err(fault) if fault.kind() == Kind::Unreadable && self.set_aside() => self.write_once(&work),
            other => other,
        };
        written.map_err(|fault| {
            let fault = self.named(fault);
            // Who waits for another process, or is stopped, may try again at once.
            if !matches!(fault.kind(), Kind::Locked | Kind::Timeout | Kind::Stopping) {
                let before = self.outage.take();
                if before.as_ref().is_none_or(|outage| outage.fault != fault) {
                    log::warn!("ARCHIVE: prices and sums are not remembered: {fault}");
                }
                let pause = before.map_or(FIRST_PAUSE, |outage| (outage.pause * 2).min(LONGEST_PAUSE));
                self.outage = Some(Outage { fault: fault.clone(), until: self.clock.instant() + pause, pause });
            }
            fault
        })
    }

    fn write_once<T>(&self, work: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<T, Fault> {
        let mut connection = file::open_to_write(&self.path, &self.patience(Instant::now() + WRITE_WITHIN))?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let written = transaction.and_then(|transaction| {
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        });
        written.map_err(|error| sql_fault(&error))
    }

    fn patience(&self, due: Instant) -> Patience {
        Patience { due, shutdown: Some(self.shutdown.clone()) }
    }

    fn named(&self, fault: Fault) -> Fault {
        let waited = matches!(fault.kind(), Kind::Locked | Kind::Timeout);
        if waited && self.shutdown.is_stopping() {
            return Fault::new(Kind::Stopping, "stopped while waiting for the price memory");
        }
        fault.within(self.path.display())
    }

    /// Puts a damaged file aside. Answers whether it is gone: it stays where its damage is not confirmed (another
    /// process may have put it aside already), or where it cannot be renamed.
    fn set_aside(&mut self) -> bool {
        let instant = self.clock.instant();
        if self.aside.as_ref().is_some_and(|aside| instant.saturating_duration_since(aside.at) < SOUND_FOR) {
            return false;
        }
        let patience = self.patience(Instant::now() + WRITE_WITHIN);
        let found = match file::open_to_recover(&self.path, &patience) {
            Ok(Some(connection)) => file::check(&connection).err(),
            Ok(None) => return true,
            Err(fault) => Some(fault),
        };
        let Some(fault) = found.filter(|fault| fault.kind() == Kind::Unreadable) else { return false };
        let path = self.path.display();
        match file::set_aside(&self.path, self.clock.now()) {
            Ok(aside) => {
                let told = format!("{path}: {fault}; it is now {} and a new one is begun", aside.display());
                log::warn!("ARCHIVE: {told}");
                self.aside = Some(Aside { at: instant, told });
                self.is_new = true;
                true
            }
            Err(error) => {
                log::warn!("ARCHIVE: {path}: {fault}; it cannot be renamed: {error}");
                false
            }
        }
    }
}

/// Whether a day is whole, or was fetched so late that PSE will not complete it any more.
fn is_final(day: &PublishedDay, zone: &SiteZone) -> bool {
    let age = zone.date(day.fetched_at).since(day.date).map_or(0, |span| i64::from(span.get_days()));
    day.is_complete(zone) || age > COMPLETED_WITHIN_DAYS
}

#[cfg(test)]
mod tests;
