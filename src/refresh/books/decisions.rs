//! Decisions of any time: pages of them, and one with what its receipt is made of.
//!
//! They are read local day by local day, so that a site of ten years is never read as a whole, and a day that the
//! database lacks is the files'.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;

use super::Library;
use crate::base::fault::{Fault, Kind};
use crate::inquiry::{Case, Troubles};
use crate::model::decision::Kind as Decided;
use crate::model::energy::{COLLECTION_INTERVAL, EnergyRow};
use crate::model::forecast::Foreseen;
use crate::model::price::PricedDay;
use crate::model::receipt;
use crate::model::search::{Entry, Id, Page, Place, Search, entries};
use crate::model::session::Session;
use crate::model::time::{Range, each_day, parse_local};
use crate::source::SiteSource;
use crate::source::sqlite::Database;

/// So many days are looked through before it is asked where the site begins.
const DAYS_BEFORE_ASKING: u32 = 31;

/// Whether another try may bring what this one did not.
fn is_passing(fault: &Fault) -> bool {
    matches!(fault.kind(), Kind::Timeout | Kind::Locked | Kind::Stopping)
}

/// A part of an answer: what may pass is the whole question's fault, anything else is that part's.
pub fn part<T>(found: Result<T, Fault>, what: &'static str, troubles: &mut Troubles) -> Result<Option<T>, Fault> {
    match found {
        Ok(value) => Ok(Some(value)),
        Err(fault) if is_passing(&fault) => Err(fault),
        Err(fault) => {
            troubles.insert(what, fault.to_string());
            Ok(None)
        }
    }
}

impl Library {
    /// A page of decisions.
    pub(super) fn page(&mut self, search: &Search, due: Instant) -> Result<Page, Fault> {
        let zone = self.config.zone.clone();
        let mut page = Page::default();
        let mut first = zone.date(search.range.from);
        let mut date = zone.date(search.end() - Duration::from_nanos(1));
        let mut looked = 0;
        while date >= first {
            if looked == DAYS_BEFORE_ASKING
                && let Ok(Some(beginning)) = self.site.first_day()
            {
                first = first.max(beginning);
            }
            // The first day has the whole time; after it, what was found is better than nothing.
            let day = match self.decisions_of(date, due) {
                Ok(day) => Some(day),
                Err(fault) if looked > 0 && is_passing(&fault) => None,
                Err(fault) => return Err(fault),
            };
            let Some(day) = day.filter(|_| looked == 0 || Instant::now() < due) else {
                let searched_from = zone.day_start(date.tomorrow().unwrap_or(date));
                return Ok(Page {
                    next: Some(Place::start_of(searched_from)),
                    searched_from: Some(searched_from),
                    out_of_time: true,
                    ..page
                });
            };
            if search.add_day(&mut page, day) {
                return Ok(page);
            }
            looked += 1;
            let Ok(yesterday) = date.yesterday() else { break };
            date = yesterday;
        }
        page.searched_from = Some(search.range.from);
        Ok(page)
    }

    /// The decisions of a local day, oldest first. A database that answered before is not replaced by files.
    pub(super) fn decisions_of(&mut self, date: Date, due: Instant) -> Result<Vec<Entry>, Fault> {
        self.hurry(due);
        self.site.keep_to_database(true);
        let found = self.site.decisions(Range::day(date, &self.config.zone));
        self.site.keep_to_database(false);
        found.map(entries)
    }

    /// One decision and what its receipt is made of.
    pub(super) fn case(&mut self, id: Id, due: Instant) -> Result<Option<Case>, Fault> {
        let Some(date) = self.day_of(id, due)? else { return Ok(None) };
        let Some(entry) = self.decisions_of(date, due)?.into_iter().find(|entry| entry.id == id) else {
            return Ok(None);
        };
        let decision = &entry.decision;
        let (at, selling) = (decision.at, decision.kind == Decided::Selling);
        let mut troubles = Troubles::new();
        let row = part(self.row_near(at, due), "row", &mut troubles)?.flatten();
        let session = if decision.kind == Decided::Wait {
            None
        } else {
            let found = self.database_says(due, |database| database.sessions(at, selling));
            part(found, "session", &mut troubles)?.and_then(|sessions| Session::covering(&sessions, at).cloned())
        };
        let mut forecasts = |what| {
            let found = self.database_says(due, |database| database.forecasts(at, what));
            part(found, "forecasts", &mut troubles).map(Option::unwrap_or_default)
        };
        let (price_forecasts, solar_forecasts) = (forecasts(Foreseen::Price)?, forecasts(Foreseen::Solar)?);
        let lacking = receipt::lacking(self.config.stated_capacity, receipt::charge_then(decision, row.as_ref()));
        let days = self.days_of(receipt::span(decision, session.as_ref(), lacking), at, due, &mut troubles)?;
        Ok(Some(Case { row, session, price_forecasts, solar_forecasts, days, troubles, entry }))
    }

    /// The prices of these days, and of that of `at`.
    fn days_of(
        &mut self,
        span: Range,
        at: Timestamp,
        due: Instant,
        troubles: &mut Troubles,
    ) -> Result<Vec<PricedDay>, Fault> {
        let zone = self.config.zone.clone();
        let (first, last) = (zone.date(span.from.min(at)), zone.date(span.to));
        let mut days = Vec::new();
        for date in each_day(first, last) {
            days.extend(part(self.day(date, due), "prices", troubles)?.flatten());
        }
        Ok(days)
    }

    /// The local day of a decision; `None` where there is no such decision.
    fn day_of(&mut self, id: Id, due: Instant) -> Result<Option<Date>, Fault> {
        let zone = self.config.zone.clone();
        match id {
            Id::File(place) => Ok(Some(zone.date(place.at()))),
            Id::Row(row) => {
                self.hurry(due);
                let Some(database) = self.site.database() else { return Ok(None) };
                let stated = database.decision_timestamp(row)?;
                Ok(stated.and_then(|text| parse_local(&text, &zone)).map(|local| local.date()))
            }
        }
    }

    /// The energy row nearest to an instant, within two collection intervals.
    fn row_near(&mut self, at: Timestamp, due: Instant) -> Result<Option<EnergyRow>, Fault> {
        self.hurry(due);
        let near = 2 * COLLECTION_INTERVAL;
        let rows = self.site.energy(Range { from: at - near, to: at + near })?;
        Ok(rows.into_iter().min_by_key(|row| row.at.duration_since(at).abs()))
    }

    /// Asks the database alone, where there is one.
    fn database_says<T>(
        &mut self,
        due: Instant,
        ask: impl FnOnce(&mut Database) -> Result<Vec<T>, Fault>,
    ) -> Result<Vec<T>, Fault> {
        self.hurry(due);
        self.site.database().map_or_else(|| Ok(Vec::new()), ask)
    }

    pub(super) fn hurry(&mut self, due: Instant) {
        self.site.hurry(due.saturating_duration_since(Instant::now()));
    }
}
