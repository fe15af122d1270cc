//! A month's days, summed once and summed again only when their rows changed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::base::fault::Fault;
use crate::model::day::{DayOrigin, DaySummary, Sums};
use crate::model::month::MonthSummary;
use crate::model::time::{Month, Range, SiteZone};
use crate::source::saved::Saved;
use crate::source::{DayPrint, SiteSource};

/// The days of one month.
#[derive(Default)]
pub struct DayBook {
    month: Option<Month>,
    days: BTreeMap<Date, (DayPrint, Option<DaySummary>)>,
}

impl DayBook {
    /// The month's summary. Days without decision rows take the decision sums of a saved summary, the day's or the
    /// month's, where there is one.
    pub fn month(
        &mut self,
        source: &mut dyn SiteSource,
        saved: &Saved,
        month: Month,
        zone: &SiteZone,
        now: Timestamp,
    ) -> Result<MonthSummary, Fault> {
        if self.month != Some(month) {
            *self = Self { month: Some(month), days: BTreeMap::new() };
        }
        let last = month.days().last().unwrap_or(month.first_day());
        let prints = source.days(month.first_day(), last)?;
        for date in month.days() {
            let print = prints.get(&date).copied().unwrap_or_default();
            if self.days.get(&date).is_none_or(|(known, _)| *known != print) {
                let summary = sum_day(source, saved, date, print, zone, now)?;
                self.days.insert(date, (print, summary));
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

fn sum_day(
    source: &mut dyn SiteSource,
    saved: &Saved,
    date: Date,
    print: DayPrint,
    zone: &SiteZone,
    now: Timestamp,
) -> Result<Option<DaySummary>, Fault> {
    let range = Range::day(date, zone);
    let mut decided = Sums::default();
    if print.decisions.0 > 0 {
        source.decisions(range)?.iter().for_each(|decision| decided.add_decision(decision));
    }
    let saved = if decided.total() == 0 { saved.day(date) } else { None };
    let mut imported = Sums::default();
    if print.energy.0 > 0 {
        imported.add_import(&source.energy(range)?);
    }
    Ok(match saved {
        Some(mut day) => {
            if print.energy.0 > 0 {
                day.sums.import_real = imported.import_real;
                day.sums.import_t1 = imported.import_t1;
                day.sums.import_t2 = imported.import_t2;
                day.sums.import_readings = imported.import_readings;
            }
            Some(day)
        }
        None if print == DayPrint::default() => None,
        None => {
            decided.merge(&imported);
            Some(DaySummary { date, sums: decided, origin: DayOrigin::Rows, created_at: zone.naive(now) })
        }
    })
}
