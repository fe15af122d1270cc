//! `/api/v1/history`: which range and fields are asked for, of what they are made, and who is asked.

use std::sync::Arc;
use std::time::Duration;

use super::super::{Ask, Refusal};
use super::history_answer::{Asked, Buckets, Field, of_buckets, of_rows};
use super::when::When;
use crate::http::message::{Answer, Request};
use crate::inquiry::{WantedDays, WantedRows};
use crate::model::time::Range;
use crate::model::totals::Days;

/// The range where none is asked for.
const USUAL: Duration = Duration::from_secs(86_400);
/// Longer ranges are made of hours: 2,304 rows are read in some milliseconds. With an hour for the day on which clocks go back.
const MOST_RAW: Duration = Duration::from_secs(8 * 86_400 + 3_600);
/// Longer ranges are made of days: the hours of a year are 2 MiB while they are thinned.
const MOST_DAYS_BY_HOUR: i64 = 366;
const POINTS: std::ops::RangeInclusive<i64> = 10..=2000;
const USUAL_POINTS: i64 = 300;

/// `/api/v1/history`
pub fn answer(ask: &Ask<'_>, request: &Request) -> Result<Answer, Refusal> {
    let zone = &ask.facts.zone;
    let from = When::asked(ask, "from")?.map(|when| when.start(zone));
    let to = When::asked(ask, "to")?.map(|when| when.end(zone));
    let points = ask.integer("points", POINTS)?.unwrap_or(USUAL_POINTS);
    let fields = fields(ask)?;
    let question = format!("{} {from:?} {to:?} {points} {fields:?}", request.path);
    let end = to.unwrap_or_else(|| from.map_or(ask.now, |from| if from < ask.now { ask.now } else { from + USUAL }));
    let range = Range { from: from.unwrap_or(end - USUAL), to: end };
    if range.from >= range.to {
        let value = ask.query.get("to").unwrap_or_default();
        return Err(Refusal::bad_parameter("to", value, &format!("after from={}", ask.rfc3339(range.from))));
    }
    let days = Days { first: zone.date(range.from), last: zone.date(range.to - Duration::from_nanos(1)) };
    let length = Duration::try_from(range.to.duration_since(range.from)).unwrap_or_default();
    let with_hours = days.count() <= MOST_DAYS_BY_HOUR && days.count() < points;
    let prices = ask.snapshot.prices.value.as_deref();
    let prices = prices.map_or(Vec::new(), |prices| prices.days.values().map(Arc::clone).collect());
    let facts = Arc::clone(ask.facts);
    let asked =
        Asked { range, days, points: points as usize, with_hours, now: ask.now, backfill: ask.snapshot.backfill };
    if length <= MOST_RAW {
        let priced = fields.contains(&Field::Price).then_some(days);
        let wanted = WantedRows { range: Range { to: range.to.min(ask.now), ..range }, priced, prices };
        return Ok(ask.recent.answer(question, ask, request, move |books| match books.rows(&wanted) {
            Ok(past) => of_rows(&facts, &asked, &fields, &past),
            Err(fault) => Refusal::unreadable(&fault).response(),
        }));
    }
    let wanted = WantedDays { days, with_hours, now: ask.now, prices };
    Ok(ask.recent.answer(question, ask, request, move |books| {
        let mut buckets = Buckets::new(&asked, &facts.zone);
        match books.balances(&wanted, &mut |balance| buckets.take(&balance)) {
            Ok(past) => of_buckets(&facts, &asked, &fields, &buckets.finish(), &past),
            Err(fault) => Refusal::unreadable(&fault).response(),
        }
    }))
}

fn fields(ask: &Ask<'_>) -> Result<Vec<Field>, Refusal> {
    let Some(text) = ask.query.get("fields") else { return Ok(Field::ALL.to_vec()) };
    let named = |name: &str| Field::ALL.into_iter().find(|field| field.name() == name);
    let wanted: Option<Vec<Field>> = text.split(',').map(named).collect();
    let allowed = "one or more of soc, pv, grid, load, battery, price and temperature, with commas between";
    let wanted = wanted.ok_or_else(|| Refusal::bad_parameter("fields", text, allowed))?;
    Ok(Field::ALL.into_iter().filter(|field| wanted.contains(field)).collect())
}

#[cfg(test)]
mod tests;
