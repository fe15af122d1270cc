//! What a site that was made by hand remembers of the past.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::base::fault::Fault;
use crate::inquiry::{Books, Case, Moment, PastDays, PastRows, RememberedDay, WantedDays, WantedRows};
use crate::model::search::{Id, Page, Search};

/// The same for every question, as far as it is asked for.
#[derive(Default)]
pub struct Shelf {
    pub days: PastDays,
    pub rows: PastRows,
    pub fault: Option<Fault>,
    /// How often something was looked up.
    pub asked: u32,
}

impl Shelf {
    fn found<T>(&mut self, found: T) -> Result<T, Fault> {
        self.asked += 1;
        self.fault.clone().map_or(Ok(found), Err)
    }
}

impl Books for Shelf {
    fn prices(&mut self, _: Date) -> Result<RememberedDay, Fault> {
        self.found(RememberedDay::default())
    }

    fn balances(&mut self, wanted: &WantedDays) -> Result<PastDays, Fault> {
        let mut days = self.days.clone();
        let is_wanted = |date: &Date| wanted.stretches.iter().any(|(days, _)| (days.first..=days.last).contains(date));
        days.known.retain(|date, _| is_wanted(date));
        self.found(days)
    }

    fn rows(&mut self, wanted: &WantedRows) -> Result<PastRows, Fault> {
        let mut past = self.rows.clone();
        past.rows.retain(|row| wanted.range.contains(row.at));
        self.found(past)
    }

    fn decisions(&mut self, _: &Search) -> Result<Page, Fault> {
        Err(Fault::missing("no decisions stand on this shelf"))
    }

    fn decision(&mut self, _: Id) -> Result<Option<Case>, Fault> {
        Err(Fault::missing("no decisions stand on this shelf"))
    }

    fn moment(&mut self, _: Timestamp) -> Result<Moment, Fault> {
        Err(Fault::missing("no moments stand on this shelf"))
    }
}
