//! A month's summary, put together from its days, and the comparison of two months.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::day::{DayOrigin, DaySummary, Sums};
use super::time::Month;

/// One month, summed.
#[derive(Debug, Clone, PartialEq)]
pub struct MonthSummary {
    /// Which.
    pub month: Month,
    /// The sum of its days, or what a saved monthly file says where no day is left.
    pub sums: Sums,
    /// Days that have rows or a saved file, first to last.
    pub days: Vec<DaySummary>,
    /// Days with decisions.
    pub days_with_data: u32,
    /// Days among them without any meter reading.
    pub days_without_meter: u32,
    /// Whether any of it comes from saved files.
    pub has_saved: bool,
}

impl MonthSummary {
    /// A month without anything.
    pub fn empty(month: Month) -> Self {
        Self::of_days(month, Vec::new())
    }

    /// The sum of these days.
    pub fn of_days(month: Month, days: Vec<DaySummary>) -> Self {
        let mut sums = Sums::default();
        days.iter().for_each(|day| sums.merge(&day.sums));
        let count =
            |holds: fn(&DaySummary) -> bool| u32::try_from(days.iter().filter(|day| holds(day)).count()).unwrap_or(0);
        Self {
            month,
            sums,
            days_with_data: count(DaySummary::has_data),
            days_without_meter: count(|day| day.sums.import_readings == 0),
            has_saved: days.iter().any(|day| day.origin == DayOrigin::Saved),
            days,
        }
    }
}

/// The months summed so far.
#[derive(Debug, Default, Clone)]
pub struct Months {
    /// Past months and this one.
    pub known: BTreeMap<Month, Arc<MonthSummary>>,
    /// The oldest month that has anything; `None` until that is known.
    pub oldest: Option<Month>,
    /// Whether every month from the oldest one on was summed.
    pub complete: bool,
    /// Why summing is held up, where it is.
    pub error: Option<String>,
}

/// What is known of a month that somebody asks for.
#[derive(Debug, Clone)]
pub enum Known {
    /// Its summary.
    Summed(Arc<MonthSummary>),
    /// It has neither rows nor saved files.
    Empty,
    /// It is the present month, which has only begun or cannot be read: nobody summed it yet.
    Unsummed,
    /// Its turn has not come yet.
    NotYet,
}

impl Months {
    /// What is known of `month`, when `current` is the present one.
    pub fn get(&self, month: Month, current: Month) -> Known {
        match self.known.get(&month) {
            Some(summary) => Known::Summed(Arc::clone(summary)),
            None if month > current || (self.complete && month < current) => Known::Empty,
            None if month == current && self.complete => Known::Unsummed,
            None if self.oldest.is_some_and(|oldest| month < oldest) => Known::Empty,
            None => Known::NotYet,
        }
    }
}

/// By how much a figure changed, %: 0 when both are 0, 100 when only the previous one is.
pub fn change_pct(current: f64, previous: f64) -> f64 {
    match (current == 0.0, previous == 0.0) {
        (true, true) => 0.0,
        (false, true) => 100.0,
        _ => (current - previous) / previous.abs() * 100.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes() {
        for (current, previous, pct) in [(0.0, 0.0, 0.0), (5.0, 0.0, 100.0), (0.0, 5.0, -100.0), (15.0, 10.0, 50.0)] {
            assert_eq!(change_pct(current, previous), pct);
        }
    }

    #[test]
    fn a_month_is_summed_or_empty_or_still_to_come() {
        let month = |month| Month { year: 2026, month };
        let mut months = Months::default();
        assert!(matches!(months.get(month(5), month(11)), Known::NotYet));
        assert!(matches!(months.get(month(12), month(11)), Known::Empty));
        months.oldest = Some(month(6));
        assert!(matches!(months.get(month(5), month(11)), Known::Empty));
        assert!(matches!(months.get(month(6), month(11)), Known::NotYet));
        months.known.insert(month(6), Arc::new(MonthSummary::empty(month(6))));
        assert!(matches!(months.get(month(6), month(11)), Known::Summed(_)));
        months.complete = true;
        assert!(matches!(months.get(month(7), month(11)), Known::Empty));
        assert!(matches!(months.get(month(11), month(11)), Known::Unsummed));
    }
}
