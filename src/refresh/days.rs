//! A month's days, summed once and summed again only when their rows changed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::base::fault::Fault;
use crate::model::day::{DayOrigin, DaySummary, Sums};
use crate::model::decision::Decision;
use crate::model::energy::EnergyRow;
use crate::model::month::MonthSummary;
use crate::model::time::{Month, Range, SiteZone};
use crate::source::saved::Saved;
use crate::source::{DayPrint, SiteSource};

/// Sums of closed days, and the rows they were made of.
pub type Closed = BTreeMap<Date, (DayPrint, Sums)>;

/// The days of one month.
#[derive(Default)]
pub struct DayBook {
    month: Option<Month>,
    days: BTreeMap<Date, (DayPrint, Option<DaySummary>)>,
    /// Of how many days rows were read.
    pub read_days: u32,
}

impl DayBook {
    /// The month's summary. Days without decision rows take the decision sums of a saved summary, the day's or the
    /// month's, where there is one. Days that are closed and did not change since are not read again.
    pub fn month(
        &mut self,
        source: &mut dyn SiteSource,
        saved: &Saved,
        closed: &Closed,
        month: Month,
        zone: &SiteZone,
        now: Timestamp,
    ) -> Result<MonthSummary, Fault> {
        let last = month.days().last().unwrap_or(month.first_day());
        let prints = source.days(month.first_day(), last)?;
        let created_at = || zone.naive(now);
        self.fill(month, &prints, saved, created_at, |date, print| match closed.get(&date) {
            Some((same, sums)) if *same == print => Ok((sums.clone(), 0)),
            _ => Ok((read_sums(source, date, print, zone)?, u32::from(print != DayPrint::default()))),
        })
    }

    /// The summary of a month whose days are all closed, without a look at its rows; takes these days out of `closed`. `None` where a day from `first` on,
    /// the site's first one with rows, is not.
    pub fn closed_month(
        &mut self,
        saved: &Saved,
        closed: &mut Closed,
        month: Month,
        first: Option<Date>,
        created_at: impl Fn() -> String,
    ) -> Option<MonthSummary> {
        let has_rows = |date: &Date| first.is_some_and(|first| *date >= first);
        if !month.days().filter(has_rows).all(|date| closed.contains_key(&date)) {
            return None;
        }
        let prints = month.days().filter_map(|date| Some((date, closed.get(&date)?.0))).collect();
        let sums = |date, _| Ok((closed.remove(&date).map(|(_, sums)| sums).unwrap_or_default(), 0));
        self.fill(month, &prints, saved, created_at, sums).ok()
    }

    /// The summary of a month with these rows; `sums` gives a day's sums and of how many days rows were read for them.
    fn fill(
        &mut self,
        month: Month,
        prints: &BTreeMap<Date, DayPrint>,
        saved: &Saved,
        created_at: impl Fn() -> String,
        mut sums: impl FnMut(Date, DayPrint) -> Result<(Sums, u32), Fault>,
    ) -> Result<MonthSummary, Fault> {
        if self.month != Some(month) {
            *self = Self { month: Some(month), ..Self::default() };
        }
        for date in month.days() {
            let print = prints.get(&date).copied().unwrap_or_default();
            if self.days.get(&date).is_none_or(|(known, _)| *known != print) {
                let (sums, read_days) = sums(date, print)?;
                self.read_days += read_days;
                self.days.insert(date, (print, summary(saved, date, print, sums, &created_at)));
            }
        }
        let mut days: Vec<DaySummary> = self.days.values().filter_map(|(_, day)| day.clone()).collect();
        let Some(whole) = saved.month(month) else { return Ok(MonthSummary::of_days(month, days)) };
        if days.is_empty() {
            return Ok(whole);
        }
        // Days that are left only in the month's saved summary.
        let lost: Vec<DaySummary> =
            whole.days.into_iter().filter(|day| days.iter().all(|known| known.date != day.date)).collect();
        days.extend(lost);
        days.sort_by_key(|day| day.date);
        Ok(MonthSummary::of_days(month, days))
    }

    /// What tells whether the month's rows changed since.
    pub fn prints(&self) -> BTreeMap<Date, DayPrint> {
        let known = self.days.iter().map(|(date, (print, _))| (*date, *print));
        known.filter(|(_, print)| *print != DayPrint::default()).collect()
    }
}

/// What a day's rows come to.
pub fn sums_of(decisions: &[Decision], energy: &[EnergyRow]) -> Sums {
    let mut sums = Sums::default();
    decisions.iter().for_each(|decision| sums.add_decision(decision));
    sums.add_import(energy);
    sums
}

fn read_sums(source: &mut dyn SiteSource, date: Date, print: DayPrint, zone: &SiteZone) -> Result<Sums, Fault> {
    let range = Range::day(date, zone);
    let decisions = if print.decisions.0 > 0 { source.decisions(range)? } else { Vec::new() };
    let energy = if print.energy.0 > 0 { source.energy(range)? } else { Vec::new() };
    Ok(sums_of(&decisions, &energy))
}

/// A day of these sums. Without decisions in it, a saved summary takes their place.
fn summary(
    saved: &Saved,
    date: Date,
    print: DayPrint,
    sums: Sums,
    created_at: impl Fn() -> String,
) -> Option<DaySummary> {
    let saved = if sums.total() == 0 { saved.day(date) } else { None };
    match saved {
        Some(mut day) => {
            if print.energy.0 > 0 {
                day.sums.import_real = sums.import_real;
                day.sums.import_t1 = sums.import_t1;
                day.sums.import_t2 = sums.import_t2;
                day.sums.import_readings = sums.import_readings;
            }
            Some(day)
        }
        None if print == DayPrint::default() => None,
        None => Some(DaySummary { date, sums, origin: DayOrigin::Rows, created_at: created_at() }),
    }
}
