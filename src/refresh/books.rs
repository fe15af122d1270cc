//! What the thread `archive` looks up for whoever asks about the past: Wattboard's own database, and the site.

mod decisions;
mod moments;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;

use super::prices::price_past_day;
use crate::archive::Archive;
use crate::base::fault::{Fault, Kind};
use crate::config::Config;
use crate::inquiry::{Books, Case, Moment, PastDays, PastRows, RememberedDay, WantedDays, WantedRows};
use crate::model::balance::Balance;
use crate::model::price::{PricedDay, PublishedDay};
use crate::model::search::{Id, Page, Search};
use crate::model::time::Range;
use crate::model::totals::Days;
use crate::source::SiteSource;
use crate::source::composite::Composite;

/// How long finding the answer to a question may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// The books, in the hands of their one writer.
pub struct Library {
    /// Wattboard's own database.
    pub archive: Archive,
    /// The site, for what Wattboard did not remember.
    site: Composite,
    config: Arc<Config>,
}

impl Books for Library {
    fn prices(&mut self, date: Date) -> Result<RememberedDay, Fault> {
        let due = Instant::now() + ANSWER_WITHIN;
        let day = self.day(date, due);
        // Only to compare with: without it the answer is as good.
        let before = date.yesterday().ok().filter(|_| day.is_ok()).and_then(|date| self.day(date, due).ok().flatten());
        Ok(RememberedDay { day: day?, before })
    }

    fn balances(&mut self, wanted: &WantedDays, take: &mut dyn FnMut(Balance)) -> Result<PastDays, Fault> {
        let due = Instant::now() + ANSWER_WITHIN;
        let mut past = PastDays::default();
        let mut last = None;
        let read = self.archive.balances(wanted.days, wanted.with_hours, due, &mut |balance| {
            last = Some(balance.date);
            take(balance);
        });
        match read {
            Ok(()) => {}
            // Asking again may help.
            Err(fault) if matches!(fault.kind(), Kind::Locked | Kind::Timeout | Kind::Stopping) => return Err(fault),
            Err(fault) => past.lost = Some(fault),
        }
        let today = self.config.zone.date(wanted.now);
        let newest = [today.yesterday().ok(), Some(today)].into_iter().flatten();
        let open = newest.filter(|date| wanted.days.contains(*date) && last.is_none_or(|last| last < *date));
        match self.made_of_rows(&open.collect::<Vec<_>>(), wanted, due) {
            Ok(balances) => {
                past.from_rows.extend(balances.iter().map(|balance| balance.date));
                balances.into_iter().for_each(take);
            }
            Err(fault) => past.trouble = Some(fault),
        }
        Ok(past)
    }

    fn rows(&mut self, wanted: &WantedRows) -> Result<PastRows, Fault> {
        let due = Instant::now() + ANSWER_WITHIN;
        self.site.hurry(due.saturating_duration_since(Instant::now()));
        let mut past = PastRows { rows: self.site.energy(wanted.range)?, ..PastRows::default() };
        for date in wanted.priced.into_iter().flat_map(Days::iter) {
            match self.prices_of(date, &wanted.prices, due) {
                Ok(day) => past.prices.extend(day.map(|day| (date, day))),
                Err(fault) => past.trouble = Some(fault),
            }
        }
        Ok(past)
    }

    fn decisions(&mut self, search: &Search) -> Result<Page, Fault> {
        self.page(search, Instant::now() + ANSWER_WITHIN)
    }

    fn decision(&mut self, id: Id) -> Result<Option<Case>, Fault> {
        self.case(id, Instant::now() + ANSWER_WITHIN)
    }

    fn moment(&mut self, at: Timestamp) -> Result<Moment, Fault> {
        self.at(at, Instant::now() + ANSWER_WITHIN)
    }
}

impl Library {
    /// Nothing is opened before it is needed.
    pub fn new(archive: Archive, site: Composite, config: Arc<Config>) -> Self {
        Self { archive, site, config }
    }

    /// The question is answered: nothing is kept open.
    pub fn rest(&mut self) {
        self.site.rest();
    }

    /// The balances of those of these days (in order) that have rows.
    fn made_of_rows(&mut self, days: &[Date], wanted: &WantedDays, due: Instant) -> Result<Vec<Balance>, Fault> {
        let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(Vec::new()) };
        let zone = self.config.zone.clone();
        // What lies between two rows on both sides of midnight is shared between the two days.
        let around = Days { first: first.yesterday().unwrap_or(*first), last: last.tomorrow().unwrap_or(*last) };
        self.site.hurry(due.saturating_duration_since(Instant::now()));
        let rows = self.site.energy(around.range(&zone))?;
        let mut balances = Vec::new();
        for date in days {
            let range = Range::day(*date, &zone);
            let from = rows.partition_point(|row| row.at < range.from);
            let own = &rows[from..rows.partition_point(|row| row.at < range.to)];
            if own.is_empty() {
                continue;
            }
            let known = wanted.prices.iter().find(|day| day.date == *date && day.market.is_some()).map(Arc::clone);
            let prices = match known {
                Some(day) => Some(day),
                // Without prices the energy is as good.
                None => {
                    let recorded = || Ok(PricedDay::recorded(*date, own, &[], &zone));
                    let sheets = self.sheets(*date, due).unwrap_or_default();
                    price_past_day(*date, &self.config, &sheets, recorded)?.map(Arc::new)
                }
            };
            balances.push(Balance::of(*date, &rows, prices.as_deref(), &zone).until(wanted.now, &zone));
        }
        Ok(balances)
    }

    /// Prices of a day: the snapshot's, else what is remembered.
    fn prices_of(
        &mut self,
        date: Date,
        known: &[Arc<PricedDay>],
        due: Instant,
    ) -> Result<Option<Arc<PricedDay>>, Fault> {
        match known.iter().find(|day| day.date == date && day.market.is_some()) {
            Some(day) => Ok(Some(Arc::clone(day))),
            None => Ok(self.day(date, due)?.map(Arc::new)),
        }
    }

    /// As PSE published it, where that is remembered; else as the coordinator recorded it.
    fn day(&mut self, date: Date, due: Instant) -> Result<Option<PricedDay>, Fault> {
        let config = Arc::clone(&self.config);
        let sheets = self.sheets(date, due);
        let known = sheets.as_deref().unwrap_or_default();
        let day = price_past_day(date, &config, known, || self.recorded(date, due))?;
        if day.is_none() {
            sheets?;
        }
        Ok(day)
    }

    fn sheets(&mut self, date: Date, due: Instant) -> Result<Vec<PublishedDay>, Fault> {
        let mut sheets = Vec::new();
        for entity in self.config.entities() {
            sheets.extend(self.archive.day(entity, date, due)?);
        }
        Ok(sheets)
    }

    fn recorded(&mut self, date: Date, due: Instant) -> Result<Option<PricedDay>, Fault> {
        let zone = self.config.zone.clone();
        let range = Range::day(date, &zone);
        self.site.hurry(due.saturating_duration_since(Instant::now()));
        let energy = self.site.energy(range)?;
        if let Some(day) = PricedDay::recorded(date, &energy, &[], &zone) {
            return Ok(Some(day));
        }
        self.site.hurry(due.saturating_duration_since(Instant::now()));
        Ok(PricedDay::recorded(date, &[], &self.site.decisions(range)?, &zone))
    }
}

#[cfg(test)]
mod tests;
