//! What the thread `archive` looks up for whoever asks about the past: Wattboard's own database, and the site.

mod decisions;
mod moments;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;

use super::prices::price_day;
use crate::archive::Archive;
use crate::base::fault::Fault;
use crate::config::Config;
use crate::inquiry::{Books, Case, Moment, RememberedDay};
use crate::model::price::{Entity, PricedDay, PublishedDay};
use crate::model::search::{Id, Page, Search};
use crate::model::time::Range;
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

    /// As PSE published it, where that is remembered; else as the coordinator recorded it.
    fn day(&mut self, date: Date, due: Instant) -> Result<Option<PricedDay>, Fault> {
        let sheets = self.sheets(date, due);
        let has_market = sheets.as_ref().is_ok_and(|sheets| sheets.contains_key(&Entity::DayAhead));
        let recorded = if has_market { None } else { self.recorded(date, due)? };
        if recorded.is_some() {
            return Ok(recorded);
        }
        let sheets = sheets?;
        let priced = || price_day(date, &self.config, |entity| sheets.get(&entity));
        Ok((!sheets.is_empty()).then(priced))
    }

    fn sheets(&mut self, date: Date, due: Instant) -> Result<BTreeMap<Entity, PublishedDay>, Fault> {
        let mut sheets = BTreeMap::new();
        for entity in self.config.entities() {
            if let Some(day) = self.archive.day(entity, date, due)? {
                sheets.insert(entity, day);
            }
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
