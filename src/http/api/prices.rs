//! `/prices`: today's final prices by the hour, and the quarter-hour that it is now.

use std::time::Duration;

use serde::Serialize;

use super::{Ask, Refusal, Reply, Unknown, json};
use crate::base::units::Micro;
use crate::model::price::{PriceOrigin, Trend};
use crate::snapshot::Prices as Known;

/// How far ahead the trend looks.
const TREND_HOURS: u32 = 4;
const HOUR: Duration = Duration::from_secs(3600);

/// The answer to `/prices`, also the `pricing` of `/current-state`.
#[derive(Serialize)]
pub struct Prices {
    current_price_pln_kwh: Option<f64>,
    cheapest_price_pln_kwh: Option<f64>,
    cheapest_hour: Option<String>,
    average_price_pln_kwh: Option<f64>,
    price_trend: &'static str,
    data_source: &'static str,
    last_updated: String,
    calculation_method: &'static str,
    prices: Vec<Hour>,
    current_slot_pln_kwh: Option<f64>,
    slot_start: Option<String>,
    as_of: String,
    stale_after: Option<String>,
    source: &'static str,
    unknown: Unknown,
}

#[derive(Serialize)]
struct Hour {
    hour: i8,
    hour_str: String,
    price: f64,
    market_price: f64,
}

/// `/prices`
pub fn answer(ask: &Ask<'_>) -> Reply {
    match today(ask) {
        Some(prices) => Ok(json(200, &prices)),
        None => {
            let why = ask.snapshot.prices.error.as_deref().unwrap_or("they are still being loaded");
            Err(Refusal::not_found(format!("no prices of today are known: {why}")))
        }
    }
}

/// Today's prices, where there are any.
pub fn today(ask: &Ask<'_>) -> Option<Prices> {
    let known = ask.snapshot.prices.value.as_deref()?;
    let zone = &ask.facts.zone;
    let local = zone.local(ask.now);
    let day = known.day(local.date()).filter(|day| !day.hours.is_empty())?;
    let market = day.market.as_ref()?;
    let now = day.hour(local.hour());
    let slot = day.slot_at(ask.now);
    let slot_price = slot.and_then(|slot| slot.buy);
    let cheapest = day.cheapest();
    let mut unknown = Unknown::new();
    if now.is_none() {
        unknown.insert("current_price_pln_kwh".into(), "PSE's prices lack this hour".into());
    }
    if slot_price.is_none() {
        unknown.insert("current_slot_pln_kwh".into(), "PSE's prices lack this quarter-hour".into());
    }
    let hours_ahead = later(known, ask);
    if now.is_none() || hours_ahead.is_empty() {
        unknown.insert("price_trend".into(), "prices of this hour or of the next ones are not known".into());
    }
    if market.received < market.expected {
        unknown.insert("prices".into(), format!("{} of {} quarter-hours are known", market.received, market.expected));
    }
    let data_source = match market.origin {
        PriceOrigin::Network => "PSE API (CSDAC-PLN)",
        _ => "disk_cache_fallback",
    };
    Some(Prices {
        current_price_pln_kwh: now.map(|hour| from_e4(hour.buy_e4)),
        cheapest_price_pln_kwh: cheapest.map(|hour| from_e4(hour.buy_e4)),
        cheapest_hour: cheapest.map(|hour| format!("{:02}:00", hour.hour)),
        average_price_pln_kwh: day.average_e4().map(from_e4),
        price_trend: now.map_or(Trend::Stable, |now| Trend::of(now.buy_e4, &hours_ahead)).name(),
        data_source,
        last_updated: ask.naive(market.fetched_at),
        calculation_method: "tariff_aware",
        prices: day
            .hours
            .iter()
            .map(|hour| Hour {
                hour: hour.hour,
                hour_str: format!("{:02}:00", hour.hour),
                price: from_e4(hour.buy_e4),
                market_price: from_e4(hour.market_e4),
            })
            .collect(),
        current_slot_pln_kwh: slot_price.map(Micro::to_f64),
        slot_start: slot_price.and(slot).map(|slot| ask.rfc3339(slot.start)),
        as_of: ask.rfc3339(market.fetched_at),
        stale_after: slot.map(|slot| ask.rfc3339(slot.end())),
        source: market.origin.name(),
        unknown,
    })
}

fn from_e4(value: i64) -> f64 {
    value as f64 / 10_000.0
}

/// The known ones of the next four hours' prices, tomorrow's included: real hours, whatever the clock does.
fn later(known: &Known, ask: &Ask<'_>) -> Vec<i64> {
    let hour = |ahead: u32| {
        let local = ask.facts.zone.local(ask.now + HOUR * ahead);
        known.day(local.date())?.hour(local.hour())
    };
    (1..=TREND_HOURS).filter_map(hour).map(|entry| entry.buy_e4).collect()
}
