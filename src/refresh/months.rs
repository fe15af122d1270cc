//! Past months, newest first after the start, then looked at again every hour for late rows. Closed days come from
//! Wattboard's own database where their rows are still the same; the others are summed from their rows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;

use super::days::{Closed, DayBook};
use super::{Context, Next, Refresher};
use crate::archive::RollupReader;
use crate::base::fault::{Fault, Kind};
use crate::model::time::Month;
use crate::source::composite::Composite;
use crate::source::saved::Saved;
use crate::source::{DayPrint, SiteSource};

/// After a month whose rows were read: a step back for whoever waits.
const BREATH: Duration = Duration::from_millis(10);
/// When the source fails.
const RETRY: Duration = Duration::from_secs(60);

pub struct Months {
    context: Context,
    source: Composite,
    saved: Saved,
    rollups: RollupReader,
    /// The closed days' sums, as long as a sweep needs them.
    closed: Option<Closed>,
    summed: BTreeMap<Month, BTreeMap<Date, DayPrint>>,
    began: bool,
}

impl Months {
    pub fn new(context: Context) -> Self {
        let source = Composite::open(&context.config, &context.shutdown, false);
        let saved = Saved::new(&context.config.out_dir);
        let rollups = RollupReader::new(&context.config.own_database);
        Self { context, source, saved, rollups, closed: None, summed: BTreeMap::new(), began: false }
    }

    /// Sums every past month that changed. Answers `false` at the stop.
    fn sweep(&mut self) -> Result<bool, Fault> {
        let zone = self.context.config.zone.clone();
        let current = Month::of(zone.date(self.context.clock.now()));
        let oldest = [self.source.first_day()?.map(Month::of), self.saved.first_month()].into_iter().flatten().min();
        self.context.cell.publish(|next| {
            let months = Arc::make_mut(&mut next.months);
            months.oldest = Some(oldest.unwrap_or(current));
        });
        let mut month = current.previous();
        while oldest.is_some_and(|oldest| month >= oldest) {
            let pause = if self.sum(month)? { BREATH } else { Duration::ZERO };
            if !self.context.shutdown.wait(pause) {
                return Ok(false);
            }
            month = month.previous();
        }
        Ok(true)
    }

    /// Sums a month, unless nothing in it changed. Answers whether rows were read for it.
    fn sum(&mut self, month: Month) -> Result<bool, Fault> {
        let zone = &self.context.config.zone;
        let last = month.days().last().unwrap_or(month.first_day());
        if let Some(known) = self.summed.get(&month)
            && *known == self.source.days(month.first_day(), last)?
        {
            return Ok(false);
        }
        if self.closed.is_none() {
            let closed = self.rollups.sums().unwrap_or_else(|fault| {
                log::debug!("ARCHIVE: {fault}; rows are summed instead");
                Closed::new()
            });
            self.closed = Some(closed);
        }
        let empty = Closed::new();
        let closed = self.closed.as_ref().unwrap_or(&empty);
        let mut book = DayBook::default();
        let summary = book.month(&mut self.source, &self.saved, closed, month, zone, self.context.clock.now())?;
        self.summed.insert(month, book.prints());
        self.context.cell.publish(|next| {
            Arc::make_mut(&mut next.months).known.insert(month, Arc::new(summary));
        });
        Ok(book.read_days > 0)
    }
}

impl Refresher for Months {
    fn refresh(&mut self) -> Next {
        if !std::mem::replace(&mut self.began, true) {
            self.context.wait_for_the_others();
        }
        self.source.keep_to_database(true);
        let swept = self.sweep();
        self.source.rest();
        self.closed = None;
        let stopping = swept.as_ref().is_err_and(|fault| fault.kind() == Kind::Stopping);
        if stopping || matches!(swept, Ok(false)) {
            return Next::AtInterval;
        }
        let fault = swept.err();
        if let Some(fault) = &fault {
            log::warn!("DATABASE: past months are not summed yet: {fault}");
        }
        self.context.cell.publish(|next| {
            let months = Arc::make_mut(&mut next.months);
            months.complete |= fault.is_none();
            months.error = fault.as_ref().map(ToString::to_string);
        });
        if fault.is_some() { Next::After(RETRY) } else { Next::AtInterval }
    }
}
