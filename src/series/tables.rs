//! What each kind of record tells: names of samples and where their values stand.

use std::time::Duration;

use jiff::Timestamp;

use super::{Number, Point};
use crate::base::units::Micro;
use crate::export::ClosedDay;
use crate::model::balance::{Flow, How, Money};
use crate::model::decision::{Decision, Kind};
use crate::model::energy::EnergyRow;
use crate::model::price::{PricedDay, PricedSlot};

/// A sample's name, and what it says.
type Value<T> = (&'static str, fn(&T) -> Option<Number>);
/// What is told under one label, which is `None` or a name and a value.
type Label = Option<(&'static str, &'static str)>;

const ENERGY: &[Value<EnergyRow>] = &[
    ("wattboard_pv_power_watts", |row| float(row.pv_power_w)),
    ("wattboard_house_power_watts", |row| float(row.house_power_w)),
    ("wattboard_grid_power_watts", |row| float(row.grid_power_w)),
    ("wattboard_grid_voltage_volts", |row| float(row.grid_voltage_v)),
    ("wattboard_battery_power_watts", |row| float(row.battery_power_w)),
    ("wattboard_battery_charge_ratio", |row| float(row.soc_pct.map(|percent| (percent * 1e4).round() / 1e6))),
    ("wattboard_battery_voltage_volts", |row| float(row.battery_voltage_v)),
    ("wattboard_battery_current_amperes", |row| float(row.battery_current_a)),
    ("wattboard_battery_temperature_celsius", |row| float(row.temperature_c)),
    ("wattboard_grid_import_energy_kwh_total", |row| counted(row.import_total_kwh)),
    ("wattboard_grid_export_energy_kwh_total", |row| counted(row.export_total_kwh)),
    ("wattboard_house_energy_kwh_total", |row| counted(row.house_total_kwh)),
    ("wattboard_pv_energy_kwh_total", |row| counted(row.pv_day_kwh)),
];

const DECISION: &[Value<Decision>] = &[
    ("wattboard_decision_timestamp_seconds", |row| {
        Some(Number::Float(row.at.as_nanosecond().div_euclid(1_000_000) as f64 / 1e3))
    }),
    ("wattboard_decision_confidence_ratio", |row| float(row.confidence())),
];

/// Of a decision's own kind; the other kinds have the first alone, with 0.
const DECISION_OF_KIND: &[Value<Decision>] = &[
    ("wattboard_decision_kind", |_| Some(Number::Float(1.0))),
    ("wattboard_decision_made", |_| Some(Number::Float(1.0))),
    ("wattboard_decision_energy_kwh", |row| float(row.lifted("energy_kwh").filter(|_| row.kind != Kind::Wait))),
    ("wattboard_decision_cost_pln", |row| {
        float(row.lifted("estimated_cost_pln").filter(|_| row.kind == Kind::Charging))
    }),
    ("wattboard_decision_revenue_pln", |row| float(row.revenue_pln().filter(|_| row.kind == Kind::Selling))),
];

const KINDS: [(&str, Kind); 3] = [("charging", Kind::Charging), ("wait", Kind::Wait), ("selling", Kind::Selling)];

const SLOT: &[Value<PricedSlot>] = &[
    ("wattboard_price_market_pln_per_kwh", |slot| exact(slot.market)),
    ("wattboard_price_buy_pln_per_kwh", |slot| exact(slot.buy)),
    ("wattboard_price_sell_pln_per_kwh", |slot| exact(slot.sell)),
];

const DAY: &[Value<ClosedDay>] = &[
    ("wattboard_day_pv_energy_kwh", |day| kwh(day, Flow::Pv)),
    ("wattboard_day_grid_import_energy_kwh", |day| kwh(day, Flow::Import)),
    ("wattboard_day_grid_export_energy_kwh", |day| kwh(day, Flow::Export)),
    ("wattboard_day_house_energy_kwh", |day| kwh(day, Flow::House)),
    ("wattboard_day_battery_charge_energy_kwh", |day| kwh(day, Flow::Charge)),
    ("wattboard_day_battery_discharge_energy_kwh", |day| kwh(day, Flow::Discharge)),
    ("wattboard_day_cost_pln", |day| paid(day, Flow::Import, day.balance.day.cost)),
    ("wattboard_day_income_pln", |day| paid(day, Flow::Export, day.balance.day.income)),
    ("wattboard_day_rows", |day| Some(Number::Float(day.balance.day.rows.into()))),
    ("wattboard_day_rows_expected", |day| Some(Number::Float(day.balance.day.expected.into()))),
];

const FLOWS: [(&str, Flow); 6] = [
    ("pv", Flow::Pv),
    ("import", Flow::Import),
    ("export", Flow::Export),
    ("house", Flow::House),
    ("charge", Flow::Charge),
    ("discharge", Flow::Discharge),
];

/// Rows of the same millisecond, but for the last of them, are left out.
pub fn energy(rows: &[EnergyRow]) -> impl Iterator<Item = Point> {
    let ms = |row: &EnergyRow| row.at.as_nanosecond().div_euclid(1_000_000);
    let is_last = move |(index, row): &(usize, &EnergyRow)| rows.get(index + 1).is_none_or(|next| ms(next) != ms(row));
    rows.iter().enumerate().filter(is_last).filter_map(|(_, row)| Point::new(row.at, None, told(ENERGY, row)))
}

/// Each as far as it goes beside labels, then of each kind.
pub fn decisions(decisions: &[Decision]) -> impl Iterator<Item = Point> {
    let mut free_ms = i64::MIN;
    decisions.iter().flat_map(move |decision| {
        let mut found = Vec::with_capacity(1 + KINDS.len());
        found.extend(Point::new(decision.at, None, told(DECISION, decision)));
        for (name, kind) in KINDS {
            let values = match kind == decision.kind {
                true => told(DECISION_OF_KIND, decision),
                false => vec![(DECISION_OF_KIND[0].0, Number::Float(0.0))],
            };
            found.extend(Point::new(decision.at, Some(("kind", name)), values));
        }
        if let Some(first) = found.first() {
            let at_ms = first.at_ms.max(free_ms);
            free_ms = at_ms + 1;
            found.iter_mut().for_each(|point| point.at_ms = at_ms);
        }
        found
    })
}

/// Quarter-hours of which a price is known.
pub fn prices(day: &PricedDay) -> impl Iterator<Item = Point> {
    day.slots.iter().filter_map(|slot| Point::new(slot.start, None, told(SLOT, slot)))
}

/// The sums, told at the day's noon, and beside them how complete each is.
pub fn day(day: &ClosedDay, noon: Timestamp) -> impl Iterator<Item = Point> {
    let of_flow = move |(name, flow): (&'static str, Flow)| {
        let holes = day.balance.holes.iter().filter(|hole| hole.flow == flow);
        let unknown: Duration = holes
            .map(|hole| Duration::try_from(hole.range.to.duration_since(hole.range.from)).unwrap_or_default())
            .sum();
        let mut values = vec![("wattboard_day_unknown_seconds", Number::Float(unknown.as_secs_f64().round()))];
        let unpriced = match flow {
            Flow::Import => Some(day.balance.day.cost.unpriced),
            Flow::Export => Some(day.balance.day.income.unpriced),
            _ => None,
        };
        let unpriced = exact(unpriced.filter(|_| knows(day, flow)));
        values.extend(unpriced.map(|kwh| ("wattboard_day_unpriced_energy_kwh", kwh)));
        Point::new(noon, Some(("flow", name)), values)
    };
    Point::new(noon, None, told(DAY, day)).into_iter().chain(FLOWS.into_iter().filter_map(of_flow))
}

/// Every name of a table with the label that it stands under, in the order of the table; a family's labels in a row.
pub fn names(what: crate::export::What) -> Vec<(&'static str, Label)> {
    use crate::export::What;
    fn plain<T>(values: &[Value<T>]) -> impl Iterator<Item = (&'static str, Label)> {
        values.iter().map(|(name, _)| (*name, None))
    }
    let kinds = || KINDS.map(|(name, _)| Some(("kind", name)));
    let flows = || FLOWS.map(|(name, _)| Some(("flow", name)));
    match what {
        What::Energy => plain(ENERGY).collect(),
        What::Prices => plain(SLOT).collect(),
        What::Decisions => {
            let of_kinds = DECISION_OF_KIND.iter().flat_map(|(name, _)| kinds().map(|label| (*name, label)));
            plain(DECISION).chain(of_kinds).collect()
        }
        What::Days => {
            let of_flows = ["wattboard_day_unknown_seconds", "wattboard_day_unpriced_energy_kwh"];
            let of_flows = of_flows.into_iter().flat_map(|name| flows().map(|label| (name, label)));
            plain(DAY).chain(of_flows).collect()
        }
    }
}

fn told<T>(values: &[Value<T>], row: &T) -> Vec<(&'static str, Number)> {
    values.iter().filter_map(|(name, read)| Some((*name, read(row)?))).collect()
}

fn float(value: Option<f64>) -> Option<Number> {
    value.filter(|value| value.is_finite()).map(Number::Float)
}

/// What a counter says; one that is negative says nothing.
fn counted(value: Option<f64>) -> Option<Number> {
    float(value.filter(|value| *value >= 0.0))
}

fn exact(value: Option<Micro>) -> Option<Number> {
    value.map(Number::Exact)
}

fn knows(day: &ClosedDay, flow: Flow) -> bool {
    day.balance.day.flow(flow).how != How::Unknown
}

fn kwh(day: &ClosedDay, flow: Flow) -> Option<Number> {
    exact(knows(day, flow).then(|| day.balance.day.flow(flow).kwh))
}

/// What was paid or earned for what has a price, as `/api/v1/energy` adds it up; `None` where nothing has.
fn paid(day: &ClosedDay, flow: Flow, money: Money) -> Option<Number> {
    let kwh = day.balance.day.flow(flow).kwh;
    exact((knows(day, flow) && (kwh == Micro::ZERO || kwh != money.unpriced)).then_some(money.pln))
}
