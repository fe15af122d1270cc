//! The columns of what is exported. Names carry the unit (`base/units.rs`), which also states the signs.

use std::time::Duration;

use serde_json::Value;

use super::ClosedDay;
use super::rows::{Cell, Column};
use crate::base::units::round_to;
use crate::model::balance::{Amount, Flow, Gauge, How, Unpriced};
use crate::model::decision::{Decision, Kind, OTHER_KEYS};
use crate::model::energy::EnergyRow;
use crate::model::price::{PricedDay, PricedSlot};

/// `energy_data` as it was recorded.
pub const ENERGY: &[Column<EnergyRow>] = &[
    ("time", |row, zone| Cell::time(row.at, zone)),
    ("local_time", |row, zone| Cell::wall_time(row.at, zone)),
    ("soc_pct", |row, _| Cell::number(row.soc_pct)),
    ("pv_power_w", |row, _| Cell::number(row.pv_power_w)),
    ("grid_power_w", |row, _| Cell::number(row.grid_power_w)),
    ("house_power_w", |row, _| Cell::number(row.house_power_w)),
    ("battery_power_w", |row, _| Cell::number(row.battery_power_w)),
    ("battery_temperature_c", |row, _| Cell::number(row.temperature_c)),
    ("battery_voltage_v", |row, _| Cell::number(row.battery_voltage_v)),
    ("battery_current_a", |row, _| Cell::number(row.battery_current_a)),
    ("grid_voltage_v", |row, _| Cell::number(row.grid_voltage_v)),
    ("grid_frequency_hz", |row, _| Cell::number(row.grid_frequency_hz)),
    ("grid_import_total_kwh", |row, _| Cell::number(row.import_total_kwh)),
    ("grid_export_total_kwh", |row, _| Cell::number(row.export_total_kwh)),
    ("house_total_kwh", |row, _| Cell::number(row.house_total_kwh)),
    ("pv_day_kwh", |row, _| Cell::number(row.pv_day_kwh)),
    ("price_pln_kwh", |row, _| Cell::number(row.price_pln)),
    ("tariff_zone", |row, _| Cell::text(row.tariff_zone.as_deref())),
];

/// Decisions with what `/decisions` lifts to their top level.
pub const DECISIONS: &[Column<Decision>] = &[
    ("time", |row, zone| Cell::time(row.at, zone)),
    ("local_time", |row, zone| Cell::wall_time(row.at, zone)),
    ("id", |row, _| row.id.map_or(Cell::Nothing, Cell::Whole)),
    ("kind", |row, _| Cell::text(Some(kind(row.kind)))),
    ("action", |row, _| Cell::text(Some(&row.action))),
    ("decision_type", |row, _| Cell::text(row.decision_type.as_deref())),
    ("reason", |row, _| Cell::text(Some(&row.reason).filter(|text| !text.is_empty()).map(String::as_str))),
    ("source_module", |row, _| Cell::text(row.source_module.as_deref())),
    ("created_at_utc", |row, _| Cell::text(row.created_at.as_deref())),
    ("confidence", |row, _| Cell::number(row.confidence())),
    ("current_price_pln_kwh", |row, _| {
        Cell::number(row.lifted("current_price").or_else(|| row.lifted("current_price_pln")))
    }),
    ("cheapest_price_pln_kwh", |row, _| Cell::number(row.lifted("cheapest_price"))),
    ("cheapest_hour", |row, _| other(row, "cheapest_hour")),
    ("battery_soc_pct", |row, _| Cell::number(row.lifted("battery_soc"))),
    ("pv_power_w", |row, _| watts(row, "pv_power")),
    ("house_power_w", |row, _| watts(row, "consumption")),
    ("decision_score", |row, _| Cell::number(row.lifted("decision_score"))),
    ("should_charge", |row, _| other(row, "should_charge")),
    ("energy_kwh", |row, _| Cell::number(row.lifted("energy_kwh"))),
    ("estimated_cost_pln", |row, _| Cell::number(row.lifted("estimated_cost_pln"))),
    ("estimated_savings_pln", |row, _| Cell::number(row.lifted("estimated_savings_pln"))),
    ("expected_revenue_pln", |row, _| Cell::number(row.lifted("expected_revenue_pln"))),
    ("tariff_zone", |row, _| other(row, "tariff_zone")),
    ("parameters", |row, _| Cell::Json((&*row.parameters).into())),
];

/// Quarter-hours: what of the price is known stands there, the rest is empty.
pub const PRICES: &[Column<Slot>] = &[
    ("start", |row, zone| Cell::time(row.slot.start, zone)),
    ("end", |row, zone| Cell::time(row.slot.end(), zone)),
    ("local_start", |row, zone| Cell::wall_time(row.slot.start, zone)),
    ("market_pln_kwh", |row, _| Cell::exact(row.slot.market)),
    ("margin_pln_kwh", |row, _| Cell::exact(row.slot.charge.as_ref().map(|charge| charge.margin))),
    ("distribution_pln_kwh", |row, _| Cell::exact(row.slot.charge.as_ref().map(|charge| charge.distribution))),
    ("extras_pln_kwh", |row, _| Cell::exact(row.slot.charge.as_ref().map(|charge| charge.extras))),
    ("vat_pln_kwh", |row, _| {
        let parts = row.slot.market.zip(row.slot.charge.as_ref());
        Cell::exact(parts.map(|(market, charge)| charge.on(market).vat))
    }),
    ("buy_pln_kwh", |row, _| Cell::exact(row.slot.buy)),
    ("sell_pln_kwh", |row, _| Cell::exact(row.slot.sell)),
    ("zone", |row, _| Cell::text(row.slot.charge.as_ref().map(|charge| &*charge.zone))),
    ("kompas", |row, _| row.slot.kompas.map_or(Cell::Nothing, |kompas| Cell::Whole(kompas.code().into()))),
    ("source", |row, _| Cell::text(row.source)),
];

/// Closed days. Each energy stands beside how it was found and for how many seconds it is not known; money is empty
/// where a part of the energy has no price, and beside it stands how much that is, and why.
pub const DAYS: &[Column<ClosedDay>] = &[
    ("day", |row, _| Cell::Moment(row.balance.date.to_string())),
    ("rows", |row, _| Cell::Whole(row.balance.day.rows.into())),
    ("expected_rows", |row, _| Cell::Whole(row.balance.day.expected.into())),
    ("pv_kwh", |row, _| kwh(row, Flow::Pv)),
    ("pv_from", |row, _| how(row, Flow::Pv)),
    ("pv_unknown_s", |row, _| unknown_s(row, Flow::Pv)),
    ("import_kwh", |row, _| kwh(row, Flow::Import)),
    ("import_from", |row, _| how(row, Flow::Import)),
    ("import_unknown_s", |row, _| unknown_s(row, Flow::Import)),
    ("import_t1_kwh", |row, _| known(row, Flow::Import, |row, _| Cell::Exact(row.balance.day.import_t1))),
    ("import_t2_kwh", |row, _| known(row, Flow::Import, |row, _| Cell::Exact(row.balance.day.import_t2()))),
    ("export_kwh", |row, _| kwh(row, Flow::Export)),
    ("export_from", |row, _| how(row, Flow::Export)),
    ("export_unknown_s", |row, _| unknown_s(row, Flow::Export)),
    ("house_kwh", |row, _| kwh(row, Flow::House)),
    ("house_from", |row, _| how(row, Flow::House)),
    ("house_unknown_s", |row, _| unknown_s(row, Flow::House)),
    ("charge_kwh", |row, _| kwh(row, Flow::Charge)),
    ("charge_from", |row, _| how(row, Flow::Charge)),
    ("charge_unknown_s", |row, _| unknown_s(row, Flow::Charge)),
    ("discharge_kwh", |row, _| kwh(row, Flow::Discharge)),
    ("discharge_from", |row, _| how(row, Flow::Discharge)),
    ("discharge_unknown_s", |row, _| unknown_s(row, Flow::Discharge)),
    ("cost_pln", |row, _| known(row, Flow::Import, |row, _| Cell::exact(row.balance.day.cost.whole()))),
    ("cost_unpriced_kwh", |row, _| known(row, Flow::Import, |row, _| Cell::Exact(row.balance.day.cost.unpriced))),
    ("cost_reason", |row, _| Cell::text(row.balance.cost_unpriced.map(Unpriced::words))),
    ("income_pln", |row, _| known(row, Flow::Export, |row, _| Cell::exact(row.balance.day.income.whole()))),
    ("income_unpriced_kwh", |row, _| known(row, Flow::Export, |row, _| Cell::Exact(row.balance.day.income.unpriced))),
    ("income_reason", |row, _| Cell::text(row.balance.income_unpriced.map(Unpriced::words))),
    ("soc_min_pct", |row, _| gauge(row, 4, |gauge| gauge.min)),
    ("soc_mean_pct", |row, _| mean(row, 4)),
    ("soc_max_pct", |row, _| gauge(row, 4, |gauge| gauge.max)),
    ("pv_power_max_w", |row, _| gauge(row, 0, |gauge| gauge.max)),
    ("grid_power_min_w", |row, _| gauge(row, 1, |gauge| gauge.min)),
    ("grid_power_max_w", |row, _| gauge(row, 1, |gauge| gauge.max)),
    ("house_power_max_w", |row, _| gauge(row, 2, |gauge| gauge.max)),
    ("battery_power_min_w", |row, _| gauge(row, 3, |gauge| gauge.min)),
    ("battery_power_max_w", |row, _| gauge(row, 3, |gauge| gauge.max)),
    ("battery_temperature_min_c", |row, _| gauge(row, 5, |gauge| gauge.min)),
    ("battery_temperature_max_c", |row, _| gauge(row, 5, |gauge| gauge.max)),
    ("charging_decisions", |row, _| Cell::Whole(row.sums.charging.into())),
    ("wait_decisions", |row, _| Cell::Whole(row.sums.wait.into())),
    ("selling_decisions", |row, _| Cell::Whole(row.sums.selling.into())),
];

/// A quarter-hour, and where its price came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    slot: PricedSlot,
    source: Option<&'static str>,
}

impl Slot {
    /// Those of a day.
    pub fn all_of(day: PricedDay) -> Vec<Self> {
        let source = day.market.as_ref().map(|market| market.origin.name());
        day.slots.into_iter().map(|slot| Self { slot, source }).collect()
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Charging => "charging",
        Kind::Wait => "wait",
        Kind::Selling => "selling",
    }
}

/// Powers are W in selling decisions and kW in all others.
fn watts<'a>(row: &'a Decision, key: &str) -> Cell<'a> {
    let scale = if row.kind == Kind::Selling { 1.0 } else { 1_000.0 };
    Cell::number(row.lifted(key).map(|value| round_to(value * scale, 3)))
}

fn other<'a>(row: &'a Decision, key: &str) -> Cell<'a> {
    debug_assert!(OTHER_KEYS.contains(&key));
    match row.others().find(|(known, _)| *known == key).map(|(_, value)| value) {
        None | Some(Value::Null) => Cell::Nothing,
        Some(Value::String(text)) => Cell::text(Some(text)),
        Some(Value::Number(number)) => Cell::number(number.as_f64()),
        Some(Value::Bool(flag)) => Cell::Flag(*flag),
        Some(other) => Cell::Json(other.to_string().into()),
    }
}

/// A figure of an energy, where anything of it is known.
fn known<'a>(row: &'a ClosedDay, flow: Flow, cell: impl Fn(&'a ClosedDay, Amount) -> Cell<'a>) -> Cell<'a> {
    let amount = row.balance.day.flow(flow);
    if amount.how == How::Unknown { Cell::Nothing } else { cell(row, amount) }
}

fn kwh(row: &ClosedDay, flow: Flow) -> Cell<'_> {
    known(row, flow, |_, amount| Cell::Exact(amount.kwh))
}

fn how(row: &ClosedDay, flow: Flow) -> Cell<'_> {
    Cell::text(row.balance.day.flow(flow).how.name())
}

/// How long the energy's holes are together.
fn unknown_s(row: &ClosedDay, flow: Flow) -> Cell<'_> {
    let holes = row.balance.holes.iter().filter(|hole| hole.flow == flow);
    let length: Duration =
        holes.map(|hole| Duration::try_from(hole.range.to.duration_since(hole.range.from)).unwrap_or_default()).sum();
    Cell::Whole(length.as_secs_f64().round() as i64)
}

/// One of [`Gauge::ALL`].
fn gauge<'a>(row: &'a ClosedDay, index: usize, pick: fn(&Gauge) -> i64) -> Cell<'a> {
    let gauge = row.balance.day.gauges.get(index).filter(|gauge| gauge.count > 0);
    Cell::number(gauge.map(|gauge| pick(gauge) as f64 / 100.0))
}

fn mean(row: &ClosedDay, index: usize) -> Cell<'_> {
    Cell::number(row.balance.day.gauges.get(index).and_then(Gauge::mean).map(|mean| round_to(mean, 2)))
}
