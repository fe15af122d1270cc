//! Prices: this quarter-hour's, today's and tomorrow's in figures, and whether tomorrow's should be there.

use super::{Family, Moment, flag, gauge, seconds};
use crate::base::units::Micro;
use crate::model::price::{Entity, Outlook, PricedDay, PricedSlot, PublishedDay, Statistics};

/// PSE publishes in the early afternoon; from this local hour on, tomorrow's prices are late.
const DUE_HOUR: i8 = 18;
const UNIT: &str = "pln_per_kwh";

pub const FAMILIES: &[Family] = &[
    gauge(
        "wattboard_price_buy_pln_per_kwh",
        UNIT,
        &[],
        "What a kWh bought costs in this quarter-hour, all included.",
        |m, out| {
            out.put(slot(m).and_then(|slot| pln(slot.buy)));
        },
    ),
    gauge("wattboard_price_sell_pln_per_kwh", UNIT, &[], "What a kWh sold pays in this quarter-hour.", |m, out| {
        out.put(slot(m).and_then(|slot| pln(slot.sell)));
    }),
    gauge("wattboard_price_market_pln_per_kwh", UNIT, &[], "The market price of this quarter-hour.", |m, out| {
        out.put(slot(m).and_then(|slot| pln(slot.market)));
    }),
    gauge(
        "wattboard_price_rank",
        "",
        &[],
        "Place of this quarter-hour among those of today by what buying costs: 1 is the cheapest.",
        |m, out| {
            let outlook = day(m, 0).and_then(|today| Outlook::of(today, None, m.now));
            out.put(outlook.and_then(|outlook| outlook.current.rank).map(|rank| rank as f64));
        },
    ),
    gauge("wattboard_price_buy_today_min_pln_per_kwh", UNIT, &[], "The lowest buying price of today.", |m, out| {
        out.put(figures(m, 0).and_then(|of| pln(of.min_buy.map(|(price, _)| price))));
    }),
    gauge("wattboard_price_buy_today_mean_pln_per_kwh", UNIT, &[], "The mean buying price of today.", |m, out| {
        out.put(figures(m, 0).and_then(|of| pln(of.mean_buy)));
    }),
    gauge("wattboard_price_buy_today_max_pln_per_kwh", UNIT, &[], "The highest buying price of today.", |m, out| {
        out.put(figures(m, 0).and_then(|of| pln(of.max_buy.map(|(price, _)| price))));
    }),
    gauge(
        "wattboard_price_buy_tomorrow_min_pln_per_kwh",
        UNIT,
        &[],
        "The lowest buying price of tomorrow.",
        |m, out| {
            out.put(figures(m, 1).and_then(|of| pln(of.min_buy.map(|(price, _)| price))));
        },
    ),
    gauge(
        "wattboard_price_buy_tomorrow_mean_pln_per_kwh",
        UNIT,
        &[],
        "The mean buying price of tomorrow.",
        |m, out| {
            out.put(figures(m, 1).and_then(|of| pln(of.mean_buy)));
        },
    ),
    gauge(
        "wattboard_price_buy_tomorrow_max_pln_per_kwh",
        UNIT,
        &[],
        "The highest buying price of tomorrow.",
        |m, out| {
            out.put(figures(m, 1).and_then(|of| pln(of.max_buy.map(|(price, _)| price))));
        },
    ),
    gauge(
        "wattboard_price_cheapest_start_timestamp_seconds",
        "seconds",
        &["delivery"],
        "When the cheapest quarter-hour begins.",
        |m, out| {
            for (ahead, name) in DELIVERIES {
                out.put_as("delivery", name, figures(m, ahead).and_then(|of| Some(seconds(of.min_buy?.1))));
            }
        },
    ),
    gauge("wattboard_price_slots_known", "", &["delivery"], "Quarter-hours whose market price is known.", |m, out| {
        for (ahead, name) in DELIVERIES {
            let known = day(m, ahead).map_or(0, |day| day.slots.iter().filter(|slot| slot.market.is_some()).count());
            out.put_as("delivery", name, Some(known as f64));
        }
    }),
    gauge("wattboard_price_slots_expected", "", &["delivery"], "Quarter-hours that there are.", |m, out| {
        for (ahead, name) in DELIVERIES {
            let axis = date(m, ahead).map(|date| PublishedDay::axis(Entity::DayAhead, date, m.zone).count());
            out.put_as("delivery", name, axis.map(|count| count as f64));
        }
    }),
    gauge(
        "wattboard_price_tomorrow_due",
        "",
        &[],
        "1 from 18:00 of the site's clock to midnight, when all prices of tomorrow should be known, else 0.",
        |m, out| out.put(flag(m.zone.local(m.now).hour() >= DUE_HOUR)),
    ),
];

const DELIVERIES: [(usize, &str); 2] = [(0, "today"), (1, "tomorrow")];

fn date(moment: &Moment<'_>, ahead: usize) -> Option<jiff::civil::Date> {
    let today = moment.zone.date(moment.now);
    if ahead == 0 { Some(today) } else { today.tomorrow().ok() }
}

fn day<'a>(moment: &Moment<'a>, ahead: usize) -> Option<&'a PricedDay> {
    moment.snapshot.prices.value.as_deref()?.day(date(moment, ahead)?)
}

fn slot<'a>(moment: &Moment<'a>) -> Option<&'a PricedSlot> {
    day(moment, 0)?.slot_at(moment.now)
}

fn figures(moment: &Moment<'_>, ahead: usize) -> Option<Statistics> {
    day(moment, ahead).map(Statistics::of)
}

fn pln(price: Option<Micro>) -> Option<f64> {
    price.map(Micro::to_f64)
}
