//! `/api/v1/prices`: which day is asked for, and who knows it: the snapshot, or the price memory.

use std::sync::Arc;

use jiff::civil::Date;

use super::super::{Ask, Refusal};
use super::price_day::{Days, Wish, compose};
use super::price_evcc;
use super::when;
use crate::http::message::{Answer, Request};
use crate::inquiry::RememberedDay;

/// `/api/v1/prices`
pub fn answer(ask: &Ask<'_>, request: &Request) -> Result<Answer, Refusal> {
    let sells = match ask.query.get("price") {
        None | Some("buy") => false,
        Some("sell") => true,
        Some(text) => return Err(Refusal::bad_parameter("price", text, "buy or sell")),
    };
    let today = ask.facts.zone.date(ask.now);
    let wish = Wish { date: date(ask, today)?, by_hour: by_hour(ask)?, now: ask.now };
    match ask.query.get("format") {
        None | Some("json") => {}
        Some("evcc") => return price_evcc::answer(ask, sells).map(Answer::Ready),
        Some(text) => return Err(Refusal::bad_parameter("format", text, "json or evcc")),
    }
    let known = |date: Result<Date, _>| ask.snapshot.prices.value.as_deref()?.days.get(&date.ok()?).map(Arc::clone);
    let (day, before) = (known(Ok(wish.date)), known(wish.date.yesterday()));
    let is_today = wish.date == today;
    if wish.date >= today || (day.is_some() && before.is_some()) {
        let after = if is_today { known(wish.date.tomorrow()) } else { None };
        let days = Days { day: day.as_deref(), before: before.as_deref(), after: after.as_deref(), is_today };
        return Ok(Answer::Ready(compose(ask.facts, wish, &days, || why_unknown(ask, wish.date))));
    }
    let facts = Arc::clone(ask.facts);
    let question = format!("{} {} by hour: {}", request.path, wish.date, wish.by_hour);
    Ok(ask.recent.answer(question, ask, request, move |books| {
        let (found, trouble) = match books.prices(wish.date) {
            Ok(found) => (found, None),
            Err(fault) => (RememberedDay::default(), Some(fault)),
        };
        let days = Days {
            day: found.day.as_ref().or(day.as_deref()),
            before: found.before.as_ref().or(before.as_deref()),
            ..Days::default()
        };
        let reason = || match &trouble {
            Some(fault) => format!("the price memory cannot be read: {fault}"),
            None => format!("no prices of {} are remembered", wish.date),
        };
        compose(&facts, wish, &days, reason)
    }))
}

fn date(ask: &Ask<'_>, today: Date) -> Result<Date, Refusal> {
    let allowed = "today, tomorrow or a day as YYYY-MM-DD, from 2000 to 2100";
    match ask.query.get("day") {
        None | Some("today") => Ok(today),
        Some("tomorrow") => Ok(today.tomorrow().unwrap_or(today)),
        Some(text) => when::parse_day(text).ok_or_else(|| Refusal::bad_parameter("day", text, allowed)),
    }
}

fn by_hour(ask: &Ask<'_>) -> Result<bool, Refusal> {
    match ask.query.get("by") {
        None | Some("slot") => Ok(false),
        Some("hour") => Ok(true),
        Some(text) => Err(Refusal::bad_parameter("by", text, "slot or hour")),
    }
}

/// Why there are no prices of a day from today on.
pub fn why_unknown(ask: &Ask<'_>, date: Date) -> String {
    let today = ask.facts.zone.date(ask.now);
    if today.tomorrow().is_ok_and(|tomorrow| date > tomorrow) {
        return format!("PSE publishes the prices of {date} around 14:00 of the day before");
    }
    match ask.snapshot.prices.error.as_deref() {
        Some(error) => error.to_owned(),
        None if ask.snapshot.prices.attempted.is_none() => "prices are still being loaded".to_owned(),
        None if date > today => format!("PSE has not published the prices of {date} yet: it does so around 14:00"),
        None => format!("no prices of {date} are known"),
    }
}
