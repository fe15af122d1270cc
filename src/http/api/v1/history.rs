//! `/api/v1/history`: which range and fields are asked for, of what they are made, and who is asked.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

use super::super::{Ask, Refusal};
use super::history_answer::{Asked, Buckets, Field, of_buckets, of_rows};
use crate::http::message::{Answer, Request};
use crate::inquiry::{WantedDays, WantedRows};
use crate::model::time::{Range, YEARS};
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
    let (from, to) = (instant(ask, "from", false)?, instant(ask, "to", true)?);
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

/// A time as RFC 3339 (a plus that came as a space counts), as local time, or a local day: its beginning or its end.
fn instant(ask: &Ask<'_>, name: &str, is_end: bool) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = ask.query.get(name) else { return Ok(None) };
    let zone = &ask.facts.zone;
    let day = |date: Date| if is_end { Range::day(date, zone).to } else { zone.day_start(date) };
    let found = if text.len() == 10 {
        text.parse::<Date>().ok().filter(|date| YEARS.contains(&date.year())).map(day)
    } else {
        let whole = match text.get(..11).zip(text.get(11..)) {
            Some((date, time)) => format!("{date}{}", time.replace(' ', "+")),
            None => String::new(),
        };
        let local = || whole.parse::<DateTime>().ok().map(|local| zone.instant(local));
        let at = whole.parse::<Timestamp>().ok().or_else(local);
        at.filter(|at| YEARS.contains(&zone.date(*at).year()))
    };
    let allowed = "a time such as 2026-11-22T14:00:00+01:00, a local time such as 2026-11-22T14:00, or a day such as \
                   2026-11-22, from 2000 to 2100";
    found.map(Some).ok_or_else(|| Refusal::bad_parameter(name, text, allowed))
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
