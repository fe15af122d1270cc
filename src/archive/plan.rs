//! What the price memory lacks, and in which order it is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};

use crate::model::price::Entity;
use crate::model::time::Month;

/// The first delivery day that the price API has.
pub const API_BEGINS: Date = date(2024, 6, 14);
/// An incomplete day is asked for again in the background after this time at the earliest: PSE may mend what is young.
const ASK_AGAIN_YOUNG: Duration = Duration::from_secs(86_400);
const ASK_AGAIN_OLD: Duration = Duration::from_secs(30 * 86_400);
/// How many days a young one is old at most.
const YOUNG: SignedDuration = SignedDuration::from_hours(30 * 24);

/// When an incomplete day is asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// After some time, in the background.
    InTime,
    /// When it was fetched before this instant: somebody asks for it.
    Since(Timestamp),
}

impl Again {
    fn is_due(self, known: &Known, date: Date, today: Date, now: Timestamp) -> bool {
        match self {
            Self::Since(begun) => known.fetched_at < begun,
            Self::InTime => {
                let young = today.duration_since(date) <= YOUNG;
                now >= known.fetched_at + if young { ASK_AGAIN_YOUNG } else { ASK_AGAIN_OLD }
            }
        }
    }
}

/// What is remembered of a day, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Whether no value is missing.
    pub is_complete: bool,
    /// When it was fetched.
    pub fetched_at: Timestamp,
}

/// One question to the price API: days of one month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub entity: Entity,
    /// The first missing day.
    pub first: Date,
    /// The last missing day.
    pub last: Date,
}

impl Request {
    /// The month that both days lie in.
    pub fn month(&self) -> Month {
        Month::of(self.first)
    }
}

/// What has to be asked for: `wanted` days before today that the API has and that are not remembered, newest month first.
pub fn plan(
    wanted: &BTreeSet<Date>,
    known: &BTreeMap<(Entity, Date), Known>,
    entities: &[Entity],
    (today, now): (Date, Timestamp),
    again: Again,
) -> Vec<Request> {
    let mut months: BTreeMap<Month, BTreeMap<Entity, Request>> = BTreeMap::new();
    for date in wanted.iter().copied().filter(|date| (API_BEGINS..today).contains(date)) {
        let settled = |known: &Known| known.is_complete || !again.is_due(known, date, today, now);
        let missing = |entity: &Entity| !known.get(&(*entity, date)).is_some_and(settled);
        for entity in entities.iter().copied().filter(missing) {
            let month = months.entry(Month::of(date)).or_default();
            month.entry(entity).or_insert(Request { entity, first: date, last: date }).last = date;
        }
    }
    months.into_values().rev().flat_map(BTreeMap::into_values).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::each_day;
    use Entity::{DayAhead, Kompas, Settlement};

    const NOW: &str = "2026-11-22T12:00:00Z";

    fn days(ranges: &[(&str, &str)]) -> BTreeSet<Date> {
        let range = |(first, last): &(&str, &str)| {
            let (first, last): (Date, Date) = (first.parse().unwrap(), last.parse().unwrap());
            each_day(first, last)
        };
        ranges.iter().flat_map(range).collect()
    }

    /// Name, stretches of days with rows, what is remembered, what is asked for, the requests.
    type Case<'a> =
        (&'a str, &'a [(&'a str, &'a str)], Vec<(Entity, BTreeSet<Date>, Known)>, &'a [Entity], &'a [&'a str]);

    #[test]
    fn months_newest_first_and_only_what_is_missing() {
        let now: Timestamp = NOW.parse().unwrap();
        let whole = Known { is_complete: true, fetched_at: Timestamp::UNIX_EPOCH };
        let part =
            |days_ago: u64| Known { is_complete: false, fetched_at: now - Duration::from_secs(days_ago * 86_400) };
        let cases: [Case<'_>; 9] = [
            ("nothing anywhere", &[], vec![], &[DayAhead, Settlement], &[]),
            (
                "whole months, this one to yesterday",
                &[("2026-09-10", "2026-11-22")],
                vec![],
                &[DayAhead, Settlement],
                &[
                    "csdac-pln 2026-11-01 2026-11-21",
                    "rce-pln 2026-11-01 2026-11-21",
                    "csdac-pln 2026-10-01 2026-10-31",
                    "rce-pln 2026-10-01 2026-10-31",
                    "csdac-pln 2026-09-10 2026-09-30",
                    "rce-pln 2026-09-10 2026-09-30",
                ],
            ),
            (
                "from the first missing day to the last, the other entity apart",
                &[("2026-10-01", "2026-10-31")],
                vec![(DayAhead, days(&[("2026-10-01", "2026-10-05"), ("2026-10-20", "2026-10-31")]), whole)],
                &[DayAhead, Settlement],
                &["csdac-pln 2026-10-06 2026-10-19", "rce-pln 2026-10-01 2026-10-31"],
            ),
            (
                "a month without rows is not asked for, nor what is known",
                &[("2026-08-30", "2026-08-30"), ("2026-10-02", "2026-10-03")],
                vec![(Settlement, days(&[("2026-08-30", "2026-10-03")]), whole)],
                &[DayAhead, Settlement],
                &["csdac-pln 2026-10-02 2026-10-03", "csdac-pln 2026-08-30 2026-08-30"],
            ),
            (
                "the API begins in the middle of June 2024",
                &[("2023-12-01", "2024-06-20")],
                vec![],
                &[DayAhead],
                &["csdac-pln 2024-06-14 2024-06-20"],
            ),
            ("all of it before the API", &[("2023-12-01", "2024-06-13")], vec![], &[DayAhead], &[]),
            (
                "an incomplete day is asked for again after 30 days, a young one after one",
                &[("2026-09-01", "2026-09-03"), ("2026-10-23", "2026-10-24")],
                vec![
                    (DayAhead, days(&[("2026-09-01", "2026-09-01")]), part(30)),
                    (DayAhead, days(&[("2026-09-02", "2026-09-02")]), part(29)),
                    (DayAhead, days(&[("2026-09-03", "2026-09-03")]), whole),
                    (DayAhead, days(&[("2026-10-23", "2026-10-23")]), part(1)),
                    (DayAhead, days(&[("2026-10-24", "2026-10-24")]), part(0)),
                ],
                &[DayAhead],
                &["csdac-pln 2026-10-23 2026-10-23", "csdac-pln 2026-09-01 2026-09-01"],
            ),
            (
                "the Kompas where it is wanted",
                &[("2026-09-01", "2026-09-01")],
                vec![],
                &[DayAhead, Settlement, Kompas],
                &["csdac-pln 2026-09-01 2026-09-01", "rce-pln 2026-09-01 2026-09-01", "pdgsz 2026-09-01 2026-09-01"],
            ),
            (
                "neither today nor what is dated in the future",
                &[("2026-11-22", "2027-01-03")],
                vec![],
                &[DayAhead],
                &[],
            ),
        ];
        for (name, rows, known, entities, expected) in cases {
            let known = known
                .into_iter()
                .flat_map(|(entity, dates, state)| dates.into_iter().map(move |date| ((entity, date), state)))
                .collect();
            let planned = |again| -> Vec<String> {
                plan(&days(rows), &known, entities, (date(2026, 11, 22), now), again)
                    .iter()
                    .map(|request| format!("{} {} {}", request.entity.name(), request.first, request.last))
                    .collect()
            };
            assert_eq!(planned(Again::InTime), expected, "{name}");
            if name.starts_with("an incomplete day") {
                // Who asks now gets all that are incomplete, each once.
                let both = ["csdac-pln 2026-10-23 2026-10-24", "csdac-pln 2026-09-01 2026-09-02"];
                assert_eq!(planned(Again::Since(now + Duration::from_secs(1))), both);
                assert!(planned(Again::Since(Timestamp::UNIX_EPOCH)).is_empty());
            }
        }
    }
}
