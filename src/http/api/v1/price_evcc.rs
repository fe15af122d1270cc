//! Prices of today and tomorrow as evcc reads them: the forecast of its tariff `type: custom`, a list of
//! `{"start", "end", "value"}` with times of RFC 3339 and a price in the currency of the site for each kWh
//! (evcc's `api.Rates`, github.com/evcc-io/evcc, api/rates.go; since evcc 0.203, before that `value` was `price`).

use serde::Serialize;

use super::super::{Ask, Refusal, Reply, json};
use super::price_day::Pen;
use super::prices::why_unknown;
use crate::model::price::PricedSlot;

#[derive(Serialize)]
struct Rate {
    start: String,
    end: String,
    value: f64,
}

/// The quarter-hours whose price is known, of selling where `sells`; 503 while there is none, so that evcc asks again.
pub fn answer(ask: &Ask<'_>, sells: bool) -> Reply {
    let pen = Pen { facts: ask.facts };
    let today = ask.facts.zone.date(ask.now);
    let prices = ask.snapshot.prices.value.as_deref();
    let days = [Ok(today), today.tomorrow()].into_iter().flatten().filter_map(|date| prices?.day(date));
    let rate = |slot: &PricedSlot| {
        let price = if sells { slot.sell } else { slot.buy };
        price.map(|price| Rate { start: pen.at(slot.start), end: pen.at(slot.end()), value: price.to_f64() })
    };
    let rates: Vec<Rate> = days.flat_map(|day| &day.slots).filter_map(rate).collect();
    if rates.is_empty() {
        let what = if sells { "selling prices" } else { "buying prices" };
        return Err(Refusal::not_yet(what, Some(&why_unknown(ask, today))));
    }
    Ok(json(200, &rates))
}
