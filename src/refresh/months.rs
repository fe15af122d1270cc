//! Past months. Those whose days are all closed come from Wattboard's own database at once, before anybody looks at
//! rows. Then every month is compared with its rows, newest first, at the start and once a day (the newest ones every hour,
//! for late rows), and what changed is summed again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::civil::Date;

use super::days::{Closed, DayBook};
use super::{Context, Kind as Refresh, Next, Refresher};
use crate::archive::RollupReader;
use crate::base::fault::{Fault, Kind};
use crate::model::time::Month;
use crate::source::composite::Composite;
use crate::source::saved::Saved;
use crate::source::{DayPrint, SiteSource};

/// When the source fails.
const RETRY: Duration = Duration::from_secs(60);
/// So many sweeps look at the newest months only, then one looks at all.
const SWEEPS_A_DAY: u32 = 24;
/// How many months every sweep looks at.
const NEWEST: usize = 3;

pub struct Months {
    context: Context,
    source: Composite,
    saved: Saved,
    rollups: RollupReader,
    /// The closed days' sums, as long as a sweep needs them.
    closed: Option<Closed>,
    summed: BTreeMap<Month, BTreeMap<Date, DayPrint>>,
    began: bool,
    /// Sweeps since the last one of all months.
    sweeps: u32,
}

impl Months {
    pub fn new(context: Context) -> Self {
        let source = Composite::open(&context.config, &context.shutdown, false);
        let saved = Saved::new(&context.config.out_dir);
        let rollups = RollupReader::new(&context.config.own_database);
        Self { context, source, saved, rollups, closed: None, summed: BTreeMap::new(), began: false, sweeps: 0 }
    }

    /// Sums every past month that changed. Answers `false` at the stop.
    fn sweep(&mut self) -> Result<bool, Fault> {
        let zone = self.context.config.zone.clone();
        let current = Month::of(zone.date(self.context.clock.now()));
        let first_day = self.source.first_day()?;
        let oldest = [first_day.map(Month::of), self.saved.first_month()].into_iter().flatten().min();
        let months = std::iter::successors(Some(current.previous()), |month| Some(month.previous()));
        let months: Vec<Month> = months.take_while(|month| oldest.is_some_and(|oldest| *month >= oldest)).collect();
        self.take_closed(&months, oldest.unwrap_or(current), first_day);
        let whole = self.sweeps == 0;
        for (age, month) in months.into_iter().enumerate() {
            if age >= NEWEST && !whole && self.summed.contains_key(&month) {
                continue;
            }
            self.context.beat.busy(Refresh::Months.patience());
            let began = Instant::now();
            // After a month whose rows were read as long a pause: half of a processor at most.
            let pause = if self.sum(month)? { began.elapsed() } else { Duration::ZERO };
            if !self.context.shutdown.wait(pause) {
                return Ok(false);
            }
        }
        self.sweeps = (self.sweeps + 1) % SWEEPS_A_DAY;
        Ok(true)
    }

    /// Takes over the months that are not known yet and whose days are all closed.
    fn take_closed(&mut self, months: &[Month], oldest: Month, first_day: Option<Date>) {
        let now = self.context.clock.now();
        let config = Arc::clone(&self.context.config);
        let mut found = BTreeMap::new();
        for month in months {
            if self.summed.contains_key(month) {
                continue;
            }
            let closed = self.closed.get_or_insert_with(|| read_closed(&self.rollups));
            let mut book = DayBook::default();
            if let Some(summary) = book.closed_month(&self.saved, closed, *month, first_day, || config.zone.naive(now))
            {
                found.insert(*month, Arc::new(summary));
                self.summed.insert(*month, book.prints());
            }
        }
        let all = months.iter().all(|month| self.summed.contains_key(month));
        self.context.cell.publish(|next| {
            let months = Arc::make_mut(&mut next.months);
            months.oldest = Some(oldest);
            months.known.extend(found);
            months.complete |= all;
        });
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
        let closed = self.closed.get_or_insert_with(|| read_closed(&self.rollups));
        let mut book = DayBook::default();
        let summary = book.month(&mut self.source, &self.saved, closed, month, zone, self.context.clock.now())?;
        self.summed.insert(month, book.prints());
        self.context.cell.publish(|next| {
            Arc::make_mut(&mut next.months).known.insert(month, Arc::new(summary));
        });
        Ok(book.read_days > 0)
    }
}

fn read_closed(rollups: &RollupReader) -> Closed {
    rollups.sums().unwrap_or_else(|fault| {
        log::debug!("ARCHIVE: {fault}; rows are summed instead");
        Closed::new()
    })
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
