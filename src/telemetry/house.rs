//! The house: power, energy, the battery, as long as the newest reading is fresh.

use super::{Family, Moment, counter, gauge};
use crate::model::measure::Measured;
use crate::model::reading::Reading;

const STRINGS: [&str; 2] = ["1", "2"];
const PHASES: [&str; 3] = ["1", "2", "3"];

pub const FAMILIES: &[Family] = &[
    gauge("wattboard_pv_power_watts", "watts", &[], "Power of the solar panels.", |m, out| {
        out.put(known(m, |r| r.pv.power_w));
    }),
    gauge("wattboard_pv_string_power_watts", "watts", &["string"], "Power of each string of panels.", |m, out| {
        each(m, STRINGS, |r| r.pv.strings_w).for_each(|(name, value)| out.put_as("string", name, value));
    }),
    gauge("wattboard_house_power_watts", "watts", &[], "What the house takes.", |m, out| {
        out.put(known(m, |r| r.house.power_w));
    }),
    gauge(
        "wattboard_grid_power_watts",
        "watts",
        &[],
        "Power at the meter; positive: into the grid, negative: from it.",
        |m, out| out.put(known(m, |r| r.grid.power_w)),
    ),
    gauge(
        "wattboard_grid_phase_power_watts",
        "watts",
        &["phase"],
        "Power of each phase, as the meter tells it.",
        |m, out| {
            each(m, PHASES, |r| r.grid.phases_w).for_each(|(name, value)| out.put_as("phase", name, value));
        },
    ),
    gauge("wattboard_grid_phase_current_amperes", "amperes", &["phase"], "Current of each phase.", |m, out| {
        each(m, PHASES, |r| r.grid.phases_a).for_each(|(name, value)| out.put_as("phase", name, value));
    }),
    gauge("wattboard_grid_voltage_volts", "volts", &[], "Voltage of the grid.", |m, out| {
        out.put(known(m, |r| r.grid.voltage_v));
    }),
    gauge(
        "wattboard_battery_power_watts",
        "watts",
        &[],
        "Power of the battery; positive: it gives, negative: it is charged.",
        |m, out| out.put(known(m, |r| r.battery.power_w)),
    ),
    gauge("wattboard_battery_charge_ratio", "ratio", &[], "State of charge: 1 is full.", |m, out| {
        out.put(known(m, |r| r.battery.soc_pct).map(ratio));
    }),
    gauge("wattboard_battery_voltage_volts", "volts", &[], "Voltage of the battery.", |m, out| {
        out.put(known(m, |r| r.battery.voltage_v));
    }),
    gauge(
        "wattboard_battery_current_amperes",
        "amperes",
        &[],
        "Current of the battery, as the inverter tells it.",
        |m, out| {
            out.put(known(m, |r| r.battery.current_a));
        },
    ),
    gauge("wattboard_battery_temperature_celsius", "celsius", &[], "Temperature of the battery.", |m, out| {
        out.put(known(m, |r| r.battery.temperature_c));
    }),
    gauge(
        "wattboard_battery_grid_charging",
        "",
        &[],
        "1 while the battery is charged from the grid on purpose.",
        |m, out| {
            out.put(m.reading().and_then(|r| r.battery.grid_charging.ok()).and_then(super::flag));
        },
    ),
    gauge("wattboard_weather_temperature_celsius", "celsius", &[], "Temperature outside.", |m, out| {
        out.put(m.reading().and_then(|r| r.weather.as_ref()?.temperature_c.ok()));
    }),
    gauge("wattboard_weather_cloud_cover_ratio", "ratio", &[], "Estimated cloud cover: 1 is overcast.", |m, out| {
        out.put(m.reading().and_then(|r| r.weather.as_ref()?.cloud_cover_pct.ok()).map(ratio));
    }),
    counter(
        "wattboard_grid_import_energy_kwh",
        "kwh",
        &[],
        "Taken from the grid, by the meter's own counter; a new meter begins anew.",
        |m, out| out.put(counted(m, |r| r.grid.import_total_kwh)),
    ),
    counter(
        "wattboard_grid_export_energy_kwh",
        "kwh",
        &[],
        "Fed into the grid, by the meter's own counter; a new meter begins anew.",
        |m, out| out.put(counted(m, |r| r.grid.export_total_kwh)),
    ),
    counter(
        "wattboard_house_energy_kwh",
        "kwh",
        &[],
        "Taken by the house, by the inverter's own counter; a new inverter begins anew.",
        |m, out| out.put(counted(m, |r| r.house.total_kwh)),
    ),
    counter(
        "wattboard_pv_energy_kwh",
        "kwh",
        &[],
        "Given by the panels; the inverter's counter begins anew each midnight.",
        |m, out| out.put(counted(m, |r| r.pv.today_kwh)),
    ),
    gauge("wattboard_grid_import_energy_today_kwh", "kwh", &[], "Taken from the grid since midnight.", |m, out| {
        out.put(today(m, |r| r.grid.import_today_kwh));
    }),
    gauge("wattboard_grid_export_energy_today_kwh", "kwh", &[], "Fed into the grid since midnight.", |m, out| {
        out.put(today(m, |r| r.grid.export_today_kwh));
    }),
    gauge("wattboard_house_energy_today_kwh", "kwh", &[], "Taken by the house since midnight.", |m, out| {
        out.put(today(m, |r| r.house.today_kwh));
    }),
    gauge("wattboard_pv_energy_today_kwh", "kwh", &[], "Given by the panels since midnight.", |m, out| {
        out.put(today(m, |r| r.pv.today_kwh));
    }),
];

fn known(moment: &Moment<'_>, pick: fn(&Reading) -> Measured) -> Option<f64> {
    pick(moment.reading()?).ok()
}

fn each<const N: usize>(
    moment: &Moment<'_>,
    names: [&'static str; N],
    pick: fn(&Reading) -> [Measured; N],
) -> impl Iterator<Item = (&'static str, Option<f64>)> {
    let values = moment.reading().map(pick);
    names.into_iter().enumerate().map(move |(index, name)| (name, values.and_then(|values| values[index].ok())))
}

/// What a counter says; one that is negative says nothing.
fn counted(moment: &Moment<'_>, pick: fn(&Reading) -> Measured) -> Option<f64> {
    known(moment, pick).filter(|kwh| *kwh >= 0.0)
}

/// A figure since midnight: of the day on which it was read.
fn today(moment: &Moment<'_>, pick: fn(&Reading) -> Measured) -> Option<f64> {
    let reading = moment.reading()?;
    let is_of_today = moment.zone.date(reading.at) == moment.zone.date(moment.now);
    is_of_today.then(|| pick(reading).ok()).flatten()
}

/// Of per cent, without the noise that dividing adds.
fn ratio(percent: f64) -> f64 {
    (percent * 1e4).round() / 1e6
}
