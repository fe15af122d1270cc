//! `/api/v1/energy`: which days are asked for, what they are compared with, and who is asked.

use std::sync::Arc;

use jiff::civil::Date;

use super::super::{Ask, Refusal};
use super::energy_answer::{Asked, Found, compose};
use super::when;
use crate::base::fault::Fault;
use crate::http::message::{Answer, Request};
use crate::inquiry::{Books, WantedDays};
use crate::model::time::{Range, SiteZone, YEARS};
use crate::model::totals::{By, Days, Sums};

/// How many buckets are answered at once.
const MOST_BUCKETS: i64 = 800;
/// How many years are answered by the year where nothing else is said.
const YEARS_BACK: i16 = 9;

/// `/api/v1/energy`
pub fn answer(ask: &Ask<'_>, request: &Request) -> Result<Answer, Refusal> {
    let today = ask.facts.zone.date(ask.now);
    let by = by(ask)?;
    let days = days(ask, by, today)?;
    let asked = Asked::new(days, by, ask.now, today, ask.snapshot.backfill);
    let prices = ask.snapshot.prices.value.as_deref();
    let wanted = WantedDays {
        days,
        with_hours: by == By::Hour,
        now: ask.now,
        prices: prices.map_or(Vec::new(), |prices| prices.days.values().map(Arc::clone).collect()),
    };
    let question = format!("{} {}/{} by {}", request.path, days.first, days.last, by.name());
    let facts = Arc::clone(ask.facts);
    Ok(ask.recent.answer(question, ask, request, move |books| match look_up(books, &asked, wanted, &facts.zone) {
        Ok(found) => compose(&facts, &asked, &found),
        Err(fault) => Refusal::unreadable(&fault).response(),
    }))
}

/// The days, and those that they are compared with, are added up as they are read.
fn look_up(books: &mut dyn Books, asked: &Asked, wanted: WantedDays, zone: &SiteZone) -> Result<Found, Fault> {
    let mut sum = |days: Days, by: By| {
        let mut sums = Sums::new(days, by, wanted.now, zone);
        let wanted = WantedDays { days, with_hours: by == By::Hour, ..wanted.clone() };
        let past = books.balances(&wanted, &mut |balance| sums.take(&balance))?;
        Ok((sums.finish(), past))
    };
    let mut compare = |days: Option<Days>| days.map(|days| Ok(sum(days, By::Year)?.0)).transpose();
    let (previous, year_ago) = (compare(asked.previous)?, compare(asked.year_ago)?);
    let (sums, past) = sum(wanted.days, asked.by)?;
    Ok(Found { sums, past, previous, year_ago })
}

fn by(ask: &Ask<'_>) -> Result<By, Refusal> {
    let Some(text) = ask.query.get("by") else { return Ok(By::Day) };
    let found = By::ALL.into_iter().find(|by| by.name() == text);
    found.ok_or_else(|| Refusal::bad_parameter("by", text, "hour, day, month or year"))
}

fn days(ask: &Ask<'_>, by: By, today: Date) -> Result<Days, Refusal> {
    let (from, to) = (when::day(ask, "from")?, when::day(ask, "to")?);
    let last = to.unwrap_or_else(|| from.map_or(today, |from| from.max(today)));
    let first = from.unwrap_or_else(|| match by {
        By::Hour => last,
        By::Day => last.first_of_month(),
        By::Month => last.first_of_year(),
        By::Year => Date::new((last.year() - YEARS_BACK).max(*YEARS.start()), 1, 1).unwrap_or(last),
    });
    if first > last {
        return Err(Refusal::bad_parameter("to", &last.to_string(), &format!("a day not before from={first}")));
    }
    let days = Days { first, last };
    let buckets = match by {
        By::Hour => {
            let Range { from, to } = days.range(&ask.facts.zone);
            (to.as_second() - from.as_second() + 3599) / 3600
        }
        By::Day => days.count(),
        By::Month | By::Year => days.by(by).len() as i64,
    };
    if buckets > MOST_BUCKETS {
        let text = format!(
            "from={first} to to={last} has {buckets} buckets by={}; at most {MOST_BUCKETS} are answered: ask for fewer days, \
             or by a longer bucket",
            by.name()
        );
        return Err(Refusal { status: 400, code: "bad_request", text, retry_after_s: None });
    }
    Ok(days)
}

#[cfg(test)]
pub mod tests;
