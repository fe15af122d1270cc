//! Prices of today and tomorrow in short, for the page's first view and for the events.

use jiff::civil::Date;
use serde::Serialize;

use super::super::{Ask, Unknown};
use super::price_day::{Current, HoursInARow, Pen, pln};
use super::prices::why_unknown;
use crate::model::price::{Outlook, PricedDay, Provenance, SLOT};

/// Prices in short.
#[derive(Serialize)]
pub struct Short<'a> {
    today: Option<Day<'a>>,
    tomorrow: Option<Day<'a>>,
    current: Option<Current<'a>>,
    cheapest: Vec<HoursInARow>,
    dearest: Vec<HoursInARow>,
    stale_after: Option<String>,
}

/// A day: `slots` are `[buy, sell]` in PLN/kWh from `start` on, one every `slot_s` seconds.
#[derive(Serialize)]
struct Day<'a> {
    day: String,
    start: Option<String>,
    slot_s: u64,
    slots: Vec<[Option<f64>; 2]>,
    provenance: Option<Origin<'a>>,
}

#[derive(Serialize)]
struct Origin<'a> {
    source: &'a str,
    fetched_at: String,
    received: usize,
    expected: usize,
}

/// Which days are known, and the present quarter-hour.
#[derive(Serialize)]
pub struct Notice<'a> {
    days: Vec<NoticeDay<'a>>,
    current: Option<Current<'a>>,
    stale_after: Option<String>,
    unknown: Unknown,
}

#[derive(Serialize)]
struct NoticeDay<'a> {
    day: String,
    provenance: Option<Origin<'a>>,
}

/// What there is of today and tomorrow.
struct Known<'a> {
    dates: [Date; 2],
    days: [Option<&'a PricedDay>; 2],
    outlook: Option<Outlook<'a>>,
}

fn known<'a>(ask: &'a Ask<'_>) -> Known<'a> {
    let today = ask.facts.zone.date(ask.now);
    let dates = [today, today.tomorrow().unwrap_or(today)];
    let prices = ask.snapshot.prices.value.as_deref();
    let says_something = |day: &&PricedDay| day.slots.iter().any(|slot| slot.market.or(slot.sell).is_some());
    let days = dates.map(|date| prices?.day(date).filter(says_something));
    let outlook = days[0].and_then(|today| Outlook::of(today, days[1], ask.now));
    Known { dates, days, outlook }
}

/// Prices of today and tomorrow; `unknown` takes the reasons below `prices.`.
pub fn short<'a>(ask: &'a Ask<'_>, unknown: &mut Unknown) -> Short<'a> {
    let pen = Pen { facts: ask.facts };
    let Known { dates, days, outlook } = known(ask);
    for ((name, date), day) in [("today", dates[0]), ("tomorrow", dates[1])].into_iter().zip(days) {
        let Some(day) = day else {
            unknown.insert(format!("prices.{name}"), why_unknown(ask, date));
            continue;
        };
        let mut gaps = Unknown::new();
        pen.gaps(day, &None, &mut gaps);
        unknown.extend(gaps.into_iter().map(|(path, why)| (format!("prices.{name}.{path}"), why)));
    }
    note_current(ask, &outlook, days[0], "prices.", unknown);
    let (cheapest, dearest) = outlook.as_ref().map(|outlook| pen.in_a_row(&outlook.ahead)).unwrap_or_default();
    let day = |day: &'a PricedDay| Day {
        day: day.date.to_string(),
        start: day.slots.first().map(|slot| pen.at(slot.start)),
        slot_s: SLOT.as_secs(),
        slots: day.slots.iter().map(|slot| [pln(slot.buy), pln(slot.sell)]).collect(),
        provenance: day.market.as_ref().map(|market| origin(&pen, market)),
    };
    let [today, tomorrow] = days.map(|known| known.map(day));
    let stale_after = outlook.as_ref().map(|outlook| pen.at(outlook.current.slot.end()));
    Short { today, tomorrow, current: outlook.map(|outlook| pen.current(&outlook)), cheapest, dearest, stale_after }
}

/// The event's data.
pub fn notice<'a>(ask: &'a Ask<'_>) -> Notice<'a> {
    let pen = Pen { facts: ask.facts };
    let Known { days, outlook, .. } = known(ask);
    let mut unknown = Unknown::new();
    note_current(ask, &outlook, days[0], "", &mut unknown);
    let day = |day: &'a PricedDay| NoticeDay {
        day: day.date.to_string(),
        provenance: day.market.as_ref().map(|market| origin(&pen, market)),
    };
    Notice {
        days: days.into_iter().flatten().map(day).collect(),
        stale_after: outlook.as_ref().map(|outlook| pen.at(outlook.current.slot.end())),
        current: outlook.map(|outlook| pen.current(&outlook)),
        unknown,
    }
}

/// Says what is not known of the present quarter-hour.
fn note_current(
    ask: &Ask<'_>,
    outlook: &Option<Outlook<'_>>,
    today: Option<&PricedDay>,
    path: &str,
    unknown: &mut Unknown,
) {
    let (Some(outlook), Some(today)) = (outlook, today) else {
        unknown.insert(format!("{path}current"), why_unknown(ask, ask.facts.zone.date(ask.now)));
        return;
    };
    let mut say = |leaf: &str, why: String| unknown.insert(format!("{path}current.{leaf}"), why);
    let slot = outlook.current.slot;
    if slot.market.is_none() {
        say("market_pln_kwh", "PSE's prices lack this quarter-hour".into());
    }
    if slot.charge.is_none() {
        say("zone", today.rule.clone());
    }
    if slot.buy.is_none() {
        let why = if slot.market.is_none() { "PSE's prices lack this quarter-hour" } else { &*today.rule };
        say("buy_pln_kwh", why.into());
        say("rank", "the price of this quarter-hour is not known".into());
    }
    if slot.sell.is_none() {
        say("sell_pln_kwh", "the settlement prices (rce-pln) of this hour are not known".into());
    }
}

fn origin<'a>(pen: &Pen<'_>, market: &'a Provenance) -> Origin<'a> {
    Origin {
        source: market.origin.name(),
        fetched_at: pen.at(market.fetched_at),
        received: market.received,
        expected: market.expected,
    }
}
