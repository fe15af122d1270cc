//! Days that PSE's API does not have: the final prices as the coordinator recorded them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use super::selling::mean;
use super::{Entity, Point, PriceOrigin, PricedDay, PricedSlot, Provenance, PublishedDay, SLOT};
use crate::base::units::Micro;
use crate::model::decision::Decision;
use crate::model::energy::{EnergyRow, one_an_instant};
use crate::model::time::SiteZone;

impl PricedDay {
    /// A day of final prices alone: those of its energy rows, else those of its decisions; `None` where neither has any.
    /// Each slot's price is the mean of what was recorded within it.
    pub fn recorded(date: Date, energy: &[EnergyRow], decisions: &[Decision], zone: &SiteZone) -> Option<Self> {
        let rows = one_an_instant(energy).map(|row| (row.at, row.price_pln));
        let said = decisions.iter().map(|decision| {
            (decision.at, decision.lifted("current_price").or_else(|| decision.lifted("current_price_pln")))
        });
        recorded(date, PriceOrigin::EnergyRows, rows, zone)
            .or_else(|| recorded(date, PriceOrigin::Decisions, said, zone))
    }
}

fn recorded(
    date: Date,
    origin: PriceOrigin,
    prices: impl Iterator<Item = (Timestamp, Option<f64>)>,
    zone: &SiteZone,
) -> Option<PricedDay> {
    let (start, length) = (zone.day_start(date), zone.day_length(date));
    let mut by_slot: BTreeMap<Timestamp, Vec<Micro>> = BTreeMap::new();
    let mut newest = None;
    for (at, price) in prices {
        // A recorded 0 means that the coordinator did not know it.
        let Some(price) = price.map(Micro::from_f64).filter(|price| *price != Micro::ZERO) else { continue };
        if at < start || at >= start + length {
            continue;
        }
        let index = at.duration_since(start).as_secs() / SLOT.as_secs() as i64;
        by_slot.entry(start + SLOT * index as u32).or_default().push(price);
        newest = newest.max(Some(at));
    }
    let points = by_slot.into_iter().filter_map(|(start, prices)| Some(Point { start, value: mean(prices)?.0 }));
    let sheet = PublishedDay {
        entity: Entity::DayAhead,
        date,
        points: points.collect(),
        publication: None,
        fetched_at: newest?,
        origin,
    };
    let slot = |start: Timestamp| PricedSlot {
        start,
        market: None,
        charge: None,
        buy: sheet.price_at(start),
        sell: None,
        kompas: None,
    };
    let place = match origin {
        PriceOrigin::EnergyRows => "in energy_data.price_pln",
        _ => "as current_price of its decisions",
    };
    Some(PricedDay {
        date,
        slots: PublishedDay::axis(Entity::DayAhead, date, zone).map(slot).collect(),
        hours: Vec::new(),
        market: Some(Provenance::of(&sheet, zone)),
        settlement: None,
        kompas: None,
        rule: format!("final prices as the coordinator recorded them {place}"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::model::decision::RawDecision;

    fn row(at: Timestamp, price_pln: Option<f64>) -> EnergyRow {
        EnergyRow { at, price_pln, ..EnergyRow::default() }
    }

    fn decision(at: Timestamp, parameters: Value) -> Decision {
        let parameters: Map<String, Value> = parameters.as_object().unwrap().clone();
        Decision::new(at, RawDecision { parameters, ..RawDecision::default() })
    }

    #[test]
    fn energy_rows_first_then_decisions_and_zero_is_unknown() {
        let zone = SiteZone::named("Europe/Warsaw").unwrap();
        let date: Date = "2024-05-01".parse().unwrap();
        let start = zone.day_start(date);
        let minute = |count: u32| start + std::time::Duration::from_secs(60) * count;
        let rows = [
            row(minute(0), Some(0.5)),
            row(minute(5), Some(0.1)),
            row(minute(5), Some(0.7)),
            row(minute(10), Some(0.0)),
            row(minute(20), None),
            row(minute(35), Some(-0.1)),
            row(minute(24 * 60), Some(9.0)),
        ];
        let decisions = [
            decision(minute(1), json!({"current_price": 0.4})),
            decision(minute(16), json!({"current_price": 0})),
            decision(minute(31), json!({"current_price_pln": 0.2})),
        ];
        let day = PricedDay::recorded(date, &rows, &decisions, &zone).unwrap();
        let buys: Vec<_> = day.slots[..4].iter().map(|slot| slot.buy.map(|price| price.0)).collect();
        assert_eq!(buys, [Some(600_000), None, Some(-100_000), None]);
        assert!(day.slots.iter().all(|slot| slot.market.is_none() && slot.charge.is_none()));
        let market = day.market.unwrap();
        assert_eq!((market.origin, market.fetched_at), (PriceOrigin::EnergyRows, minute(35)));
        assert_eq!((market.received, market.expected, market.holes.len()), (2, 96, 2));
        assert_eq!(day.rule, "final prices as the coordinator recorded them in energy_data.price_pln");

        let day = PricedDay::recorded(date, &rows[3..5], &decisions, &zone).unwrap();
        assert_eq!(day.mean_buy(), Some(Micro(300_000)));
        assert_eq!(day.hour_means()[0].received, 2);
        assert_eq!(day.market.unwrap().origin, PriceOrigin::Decisions);
        assert_eq!(day.rule, "final prices as the coordinator recorded them as current_price of its decisions");
        assert_eq!(PricedDay::recorded(date, &rows[3..5], &decisions[1..2], &zone), None);
    }
}
