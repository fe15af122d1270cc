//! What is told of the past alone: each decision at its own time, each closed day at its noon.

use super::{Family, Kind};

type Labels = &'static [&'static str];

/// A series has what `series` puts into it; of the present there is nothing.
const fn gauge(name: &'static str, unit: &'static str, labels: Labels, help: &'static str) -> Family {
    Family { name, kind: Kind::Gauge, unit, labels, help, read: |_, _| {} }
}

pub const FAMILIES: &[Family] = &[
    gauge("wattboard_decision_made", "", &["kind"], "1 at the time of each decision of the kind."),
    gauge(
        "wattboard_decision_energy_kwh",
        "kwh",
        &["kind"],
        "What a decision was to charge or sell, where it tells; at its time.",
    ),
    gauge(
        "wattboard_decision_cost_pln",
        "pln",
        &["kind"],
        "What a charging decision was to cost, where it tells; at its time.",
    ),
    gauge(
        "wattboard_decision_revenue_pln",
        "pln",
        &["kind"],
        "What a selling decision was to bring, where it tells; at its time.",
    ),
    gauge(
        "wattboard_day_pv_energy_kwh",
        "kwh",
        &[],
        "What the panels gave in a closed day; at its noon, as all of days.",
    ),
    gauge("wattboard_day_grid_import_energy_kwh", "kwh", &[], "Taken from the grid in a closed day."),
    gauge("wattboard_day_grid_export_energy_kwh", "kwh", &[], "Fed into the grid in a closed day."),
    gauge("wattboard_day_house_energy_kwh", "kwh", &[], "Taken by the house in a closed day."),
    gauge("wattboard_day_battery_charge_energy_kwh", "kwh", &[], "Put into the battery in a closed day."),
    gauge("wattboard_day_battery_discharge_energy_kwh", "kwh", &[], "Taken out of the battery in a closed day."),
    gauge(
        "wattboard_day_cost_pln",
        "pln",
        &[],
        "What a closed day's import cost, as far as it has a price; the rest is wattboard_day_unpriced_energy_kwh.",
    ),
    gauge(
        "wattboard_day_income_pln",
        "pln",
        &[],
        "What a closed day's export brought, as far as it has a price; the rest is told as above.",
    ),
    gauge("wattboard_day_rows", "", &[], "Rows that a closed day's sums are made of."),
    gauge("wattboard_day_rows_expected", "", &[], "Rows that a closed day has when none is missing."),
    gauge(
        "wattboard_day_unknown_seconds",
        "seconds",
        &["flow"],
        "For how long of a closed day an energy is not known: pv, import, export, house, charge, discharge.",
    ),
    gauge(
        "wattboard_day_unpriced_energy_kwh",
        "kwh",
        &["flow"],
        "How much of a closed day's import or export has no price.",
    ),
];
