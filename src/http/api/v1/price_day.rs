//! A day of prices as it is answered.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::super::{Facts, Unknown, json};
use crate::base::units::Micro;
use crate::http::message::{Body, Response};
use crate::model::price::{
    Entity, HourMean, Outlook, PricedDay, PricedSlot, Provenance, PublishedDay, SLOT, Statistics, Stretch, Window,
    cheap_and_dear, negative, of_length,
};
use crate::model::time::{Range, parse_local};

/// The longest of the windows.
const WINDOW_HOURS: usize = 4;

#[derive(Serialize)]
struct PriceDay<'a> {
    day: String,
    timezone: &'a str,
    by: &'a str,
    slots: Vec<Slot<'a>>,
    current: Option<Current<'a>>,
    next: Vec<Next>,
    statistics: Figures,
    windows: Windows,
    provenance: Origins<'a>,
    sell_provenance: Option<Origins<'a>>,
    kompas_provenance: Option<Origins<'a>>,
    reason: Option<String>,
    as_of: Option<String>,
    stale_after: Option<String>,
    source: Option<&'a str>,
    demo: bool,
    unknown: Unknown,
}

/// A quarter-hour, or an hour, with every step of its price.
#[derive(Serialize)]
pub struct Slot<'a> {
    start: String,
    end: String,
    market_pln_kwh: Option<f64>,
    margin_pln_kwh: Option<f64>,
    distribution_pln_kwh: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extras_pln_kwh: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vat_pln_kwh: Option<f64>,
    zone: Option<&'a str>,
    kompas: Option<u8>,
    buy_pln_kwh: Option<f64>,
    sell_pln_kwh: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    received: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<usize>,
}

/// The present quarter-hour.
#[derive(Serialize)]
pub struct Current<'a> {
    start: String,
    end: String,
    market_pln_kwh: Option<f64>,
    buy_pln_kwh: Option<f64>,
    sell_pln_kwh: Option<f64>,
    zone: Option<&'a str>,
    rank: Option<usize>,
    of: usize,
    trend: &'static str,
}

#[derive(Serialize)]
struct Next {
    start: String,
    buy_pln_kwh: Option<f64>,
    sell_pln_kwh: Option<f64>,
}

#[derive(Default, Serialize)]
struct Figures {
    mean_buy_pln_kwh: Option<f64>,
    min_buy_pln_kwh: Option<f64>,
    min_at: Option<String>,
    max_buy_pln_kwh: Option<f64>,
    max_at: Option<String>,
    mean_market_pln_kwh: Option<f64>,
    min_market_pln_kwh: Option<f64>,
    max_market_pln_kwh: Option<f64>,
    remaining_mean_buy_pln_kwh: Option<f64>,
    yesterday_mean_buy_pln_kwh: Option<f64>,
    difference_to_yesterday_pln_kwh: Option<f64>,
}

#[derive(Default, Serialize)]
struct Windows {
    cheapest: Vec<HoursInARow>,
    dearest: Vec<HoursInARow>,
    negative: Vec<Negative>,
    cheap: Vec<Mean>,
    dear: Vec<Mean>,
}

/// So many hours in a row and their mean price.
#[derive(Serialize)]
pub struct HoursInARow {
    hours: usize,
    #[serde(flatten)]
    mean: Mean,
}

#[derive(Serialize)]
struct Mean {
    start: String,
    end: String,
    mean_buy_pln_kwh: f64,
}

#[derive(Serialize)]
struct Negative {
    start: String,
    end: String,
    min_market_pln_kwh: f64,
}

#[derive(Serialize)]
struct Hole {
    start: String,
    end: String,
}

#[derive(Serialize)]
struct Origins<'a> {
    source: Option<&'a str>,
    fetched_at: Option<String>,
    publication_ts: Option<String>,
    received: usize,
    expected: usize,
    holes: Vec<Hole>,
    rule: String,
}

/// What is asked for.
#[derive(Clone, Copy)]
pub struct Wish {
    /// The local delivery day.
    pub date: Date,
    /// Means of hours in place of quarter-hours.
    pub by_hour: bool,
    /// The instant of the answer.
    pub now: Timestamp,
}

/// The days that an answer draws on.
#[derive(Default)]
pub struct Days<'a> {
    /// The asked one.
    pub day: Option<&'a PricedDay>,
    /// The one before it.
    pub before: Option<&'a PricedDay>,
    /// The one after it, where the asked one is today.
    pub after: Option<&'a PricedDay>,
    /// Whether the asked one is today.
    pub is_today: bool,
}

/// The answer; `reason` says why there are no prices, where there are none.
pub fn compose(facts: &Facts, wish: Wish, days: &Days<'_>, reason: impl Fn() -> String) -> Response<Body> {
    let pen = Pen { facts };
    let Days { day, before, after, is_today } = *days;
    let outlook = day.filter(|_| is_today).and_then(|day| Outlook::of(day, after, wish.now));
    let has_prices = day.is_some_and(|day| day.slots.iter().any(|slot| slot.buy.is_some()));
    let reason = (!has_prices).then(reason);
    let mut unknown = Unknown::new();
    if let Some(reason) = &reason {
        unknown.insert("slots".into(), reason.clone());
    }
    if let Some(day) = day {
        pen.gaps(day, &outlook, &mut unknown);
    }
    let market = day.and_then(|day| day.market.as_ref());
    let hours = day.filter(|_| wish.by_hour).map(PricedDay::hour_means);
    let current_end = outlook.as_ref().map(|outlook| outlook.current.slot.end());
    json(
        200,
        &PriceDay {
            day: wish.date.to_string(),
            timezone: &facts.zone_name,
            by: if wish.by_hour { "hour" } else { "slot" },
            slots: match (day, &hours) {
                (_, Some(hours)) => hours.iter().map(|hour| pen.hour(hour)).collect(),
                (Some(day), None) => day.slots.iter().map(|slot| pen.slot(slot, slot.end())).collect(),
                (None, None) => Vec::new(),
            },
            current: outlook.as_ref().map(|outlook| pen.current(outlook)),
            next: outlook.as_ref().map_or(Vec::new(), |outlook| pen.next(outlook)),
            statistics: day.map_or_else(Figures::default, |day| pen.figures(day, before, is_today.then_some(wish.now))),
            windows: day.map_or_else(Windows::default, |day| pen.windows(day, &outlook)),
            provenance: pen.origins(
                market,
                PublishedDay::expected_of(Entity::DayAhead, wish.date, &facts.zone),
                day.map_or(String::new(), |day| day.rule.clone()),
            ),
            sell_provenance: day
                .and_then(|day| day.settlement.as_ref())
                .map(|origin| pen.origins(Some(origin), origin.expected, facts.selling.to_string())),
            kompas_provenance: day
                .and_then(|day| day.kompas.as_ref())
                .map(|origin| pen.origins(Some(origin), origin.expected, "usage_fcst of the hour".to_owned())),
            as_of: market.map(|origin| pen.at(origin.fetched_at)),
            // Today's answer says what the current slot is: until its end. A day's prices themselves do not change.
            stale_after: current_end.map(|end| pen.at(end)),
            source: market.map(|origin| origin.origin.name()),
            reason,
            demo: facts.demo,
            unknown,
        },
    )
}

/// Writes values as answers have them.
pub struct Pen<'a> {
    /// The site.
    pub facts: &'a Facts,
}

/// A price as answers have it.
pub fn pln(price: Option<Micro>) -> Option<f64> {
    price.map(Micro::to_f64)
}

impl Pen<'_> {
    /// An instant.
    pub fn at(&self, at: Timestamp) -> String {
        self.facts.zone.rfc3339(at)
    }

    /// A slot.
    pub fn slot<'s>(&self, slot: &'s PricedSlot, end: Timestamp) -> Slot<'s> {
        let charge = slot.charge.as_ref();
        let ladder = slot.market.zip(charge).map(|(market, charge)| charge.on(market));
        let part = |value: Option<Micro>| value.filter(|value| *value != Micro::ZERO).map(Micro::to_f64);
        Slot {
            start: self.at(slot.start),
            end: self.at(end),
            market_pln_kwh: pln(slot.market),
            margin_pln_kwh: charge.map(|charge| charge.margin.to_f64()),
            distribution_pln_kwh: charge.map(|charge| charge.distribution.to_f64()),
            extras_pln_kwh: part(charge.map(|charge| charge.extras)),
            vat_pln_kwh: part(ladder.map(|ladder| ladder.vat)),
            zone: charge.map(|charge| &*charge.zone),
            kompas: slot.kompas.map(|kompas| kompas.code()),
            buy_pln_kwh: pln(slot.buy),
            sell_pln_kwh: pln(slot.sell),
            received: None,
            expected: None,
        }
    }

    fn hour<'s>(&self, hour: &'s HourMean) -> Slot<'s> {
        let end = hour.mean.start + SLOT * hour.expected as u32;
        Slot { received: Some(hour.received), expected: Some(hour.expected), ..self.slot(&hour.mean, end) }
    }

    /// The present quarter-hour.
    pub fn current<'s>(&self, outlook: &Outlook<'s>) -> Current<'s> {
        let slot = outlook.current.slot;
        Current {
            start: self.at(slot.start),
            end: self.at(slot.end()),
            market_pln_kwh: pln(slot.market),
            buy_pln_kwh: pln(slot.buy),
            sell_pln_kwh: pln(slot.sell),
            zone: slot.charge.as_ref().map(|charge| &*charge.zone),
            rank: outlook.current.rank,
            of: outlook.current.of,
            trend: outlook.current.trend.name(),
        }
    }

    fn next(&self, outlook: &Outlook<'_>) -> Vec<Next> {
        let next = |slot: &&PricedSlot| Next {
            start: self.at(slot.start),
            buy_pln_kwh: pln(slot.buy),
            sell_pln_kwh: pln(slot.sell),
        };
        outlook.next().iter().map(next).collect()
    }

    fn figures(&self, day: &PricedDay, before: Option<&PricedDay>, now: Option<Timestamp>) -> Figures {
        let figures = Statistics::of(day);
        let yesterday = before.and_then(PricedDay::mean_buy);
        Figures {
            mean_buy_pln_kwh: pln(figures.mean_buy),
            min_buy_pln_kwh: pln(figures.min_buy.map(|(price, _)| price)),
            min_at: figures.min_buy.map(|(_, at)| self.at(at)),
            max_buy_pln_kwh: pln(figures.max_buy.map(|(price, _)| price)),
            max_at: figures.max_buy.map(|(_, at)| self.at(at)),
            mean_market_pln_kwh: pln(figures.mean_market),
            min_market_pln_kwh: pln(figures.min_market),
            max_market_pln_kwh: pln(figures.max_market),
            remaining_mean_buy_pln_kwh: pln(now.and_then(|now| Statistics::remaining(day, now))),
            yesterday_mean_buy_pln_kwh: pln(yesterday),
            difference_to_yesterday_pln_kwh: pln(figures.mean_buy.zip(yesterday).map(|(today, before)| today - before)),
        }
    }

    fn windows(&self, day: &PricedDay, outlook: &Option<Outlook<'_>>) -> Windows {
        let whole: Vec<&PricedSlot>;
        let searched = match outlook {
            Some(outlook) => &outlook.ahead,
            None => {
                whole = day.slots.iter().collect();
                &whole
            }
        };
        let (cheapest, dearest) = self.in_a_row(searched);
        let (cheap, dear) = cheap_and_dear(day);
        let below_zero = |stretch: &Stretch| Negative {
            start: self.at(stretch.start),
            end: self.at(stretch.end),
            min_market_pln_kwh: stretch.price.to_f64(),
        };
        Windows {
            cheapest,
            dearest,
            negative: negative(day).iter().map(below_zero).collect(),
            cheap: cheap.iter().map(|stretch| self.mean(stretch)).collect(),
            dear: dear.iter().map(|stretch| self.mean(stretch)).collect(),
        }
    }

    /// The cheapest and the dearest 1, 2, 3 and 4 hours in a row of these slots.
    pub fn in_a_row(&self, searched: &[&PricedSlot]) -> (Vec<HoursInARow>, Vec<HoursInARow>) {
        let in_a_row = |window: Window| HoursInARow {
            hours: window.hours,
            mean: self.mean(&Stretch { start: window.start, end: window.end, price: window.mean_buy }),
        };
        let found = (1..=WINDOW_HOURS).filter_map(|hours| of_length(searched, hours));
        found.map(|(cheap, dear)| (in_a_row(cheap), in_a_row(dear))).unzip()
    }

    fn mean(&self, stretch: &Stretch) -> Mean {
        Mean { start: self.at(stretch.start), end: self.at(stretch.end), mean_buy_pln_kwh: stretch.price.to_f64() }
    }

    fn origins<'s>(&self, origin: Option<&'s Provenance>, expected: usize, rule: String) -> Origins<'s> {
        let hole = |hole: &Range| Hole { start: self.at(hole.from), end: self.at(hole.to) };
        Origins {
            source: origin.map(|origin| origin.origin.name()),
            fetched_at: origin.map(|origin| self.at(origin.fetched_at)),
            publication_ts: origin.and_then(|origin| self.published(origin.publication.as_deref()?)),
            received: origin.map_or(0, |origin| origin.received),
            expected,
            holes: origin.map_or(Vec::new(), |origin| origin.holes.iter().map(hole).collect()),
            rule,
        }
    }

    /// PSE's publication time, which it writes as naive local time.
    fn published(&self, text: &str) -> Option<String> {
        let zone = &self.facts.zone;
        parse_local(text, zone).map(|local| self.at(zone.instant(local)))
    }

    /// Says what is not known of a day.
    pub fn gaps(&self, day: &PricedDay, outlook: &Option<Outlook<'_>>, unknown: &mut Unknown) {
        let mut say = |path: &str, why: String| unknown.insert(path.to_owned(), why);
        let recorded = |market: &Provenance| market.origin.is_recorded();
        if let Some(market) = day.market.as_ref().filter(|market| recorded(market)) {
            say("slots.market_pln_kwh", "PSE's prices of that day are not remembered".to_owned());
            if market.received < market.expected {
                let text = format!("recorded for {} of {} quarter-hours", market.received, market.expected);
                say("slots.buy_pln_kwh", text);
            }
            return;
        }
        if let Some(market) = day.market.as_ref().filter(|market| market.received < market.expected) {
            let text = format!("PSE sent {} of {} quarter-hours", market.received, market.expected);
            say("slots.market_pln_kwh", text);
        }
        if day.slots.iter().all(|slot| slot.charge.is_none()) {
            say("slots.buy_pln_kwh", day.rule.clone());
        }
        let fallback = |slot: &PricedSlot| slot.charge.as_ref().is_some_and(|charge| charge.fallback);
        let without = day.slots.iter().filter(|slot| fallback(slot)).count();
        if without > 0 {
            let text = format!("not known for {without} quarter-hours: the tariff's fallback price is used there");
            say("slots.kompas", text);
        }
        if day.settlement.is_none() {
            say("slots.sell_pln_kwh", "no settlement prices (rce-pln) are known".to_owned());
        } else if day.slots.iter().any(|slot| slot.sell.is_none()) {
            say("slots.sell_pln_kwh", "the settlement prices (rce-pln) lack quarters of some hours".to_owned());
        }
        if outlook.as_ref().is_some_and(|outlook| outlook.current.slot.buy.is_none()) {
            say("current.buy_pln_kwh", "PSE's prices lack this quarter-hour".to_owned());
        }
    }
}
