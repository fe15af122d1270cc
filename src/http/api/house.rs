//! The house as one reading has it: the four devices, with a reason for every value that is not known. Shared by all
//! answers that show it.

use std::time::Duration;

use serde::Serialize;

use super::status::live_error;
use super::{Ask, Unknown};
use crate::model::measure::{Measured, Why};
use crate::model::reading::{FlowDirection, Reading};
use crate::snapshot::{Live, Origin};
use crate::telemetry::freshness::{Age, FRESH, is_fresh};

/// Above this state of charge the battery counts as good, %.
const GOOD_ABOVE_PCT: f64 = 20.0;

/// The house, as fresh as it is.
#[derive(Serialize)]
pub struct House<'a> {
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_warning: Option<String>,
    battery: Battery<'a>,
    photovoltaic: Photovoltaic,
    house_consumption: Consumption,
    grid: Grid<'a>,
    /// The outer one is left away where an age would freeze.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_s: Option<Option<f64>>,
    /// Whether it is older than it should be, or nothing is known.
    pub stale: bool,
    as_of: Option<String>,
    stale_after: Option<String>,
}

#[derive(Serialize)]
struct Battery<'a> {
    soc_percent: Option<f64>,
    temperature_c: Option<f64>,
    charging_status: Option<&'a str>,
    health_status: Option<&'a str>,
    power_w: Option<f64>,
    voltage: Option<f64>,
    current: Option<f64>,
}

#[derive(Serialize)]
struct Photovoltaic {
    current_power_w: Option<f64>,
    daily_generation_kwh: Option<f64>,
    efficiency_percent: Option<f64>,
    pv1_power_w: Option<f64>,
    pv2_power_w: Option<f64>,
}

#[derive(Serialize)]
struct Consumption {
    current_power_w: Option<f64>,
    daily_consumption_kwh: Option<f64>,
}

#[derive(Serialize)]
struct Grid<'a> {
    current_power_w: Option<f64>,
    flow_direction: Option<&'a str>,
    daily_import_kwh: Option<f64>,
    daily_export_kwh: Option<f64>,
    l1_current_a: Option<f64>,
    l2_current_a: Option<f64>,
    l3_current_a: Option<f64>,
    voltage: Option<f64>,
    l1_power: Option<f64>,
    l2_power: Option<f64>,
    l3_power: Option<f64>,
}

/// Takes values out of measurements and keeps the reasons of those that are not known.
#[derive(Default)]
pub struct Known {
    /// The reasons so far.
    pub unknown: Unknown,
    /// Why nothing was read at all, where nothing was.
    pub nothing_read: Option<String>,
}

impl Known {
    /// A number.
    pub fn value(&mut self, path: &str, measured: Option<Measured>) -> Option<f64> {
        self.any(path, measured)
    }

    /// A value of any kind.
    pub fn any<T>(&mut self, path: &str, measured: Option<Result<T, Why>>) -> Option<T> {
        match measured {
            Some(Ok(value)) => return Some(value),
            Some(Err(why)) => self.unknown.insert(path.to_owned(), why.words().to_owned()),
            // Nothing was read at all: said once, not for every leaf.
            None => None,
        };
        None
    }
}

/// The house now, and the reasons for what is not known of it.
pub fn now<'a>(ask: &Ask<'_>) -> (House<'a>, Known) {
    let live = ask.snapshot.live.value.as_deref();
    let reading = live.map(|live| &live.reading);
    let mut known = Known::default();
    if live.is_none() {
        let why = live_error(&ask.snapshot.live, ask.now).unwrap_or_else(|| "nothing was read yet".into());
        for part in ["battery", "photovoltaic", "house_consumption", "grid"] {
            known.unknown.insert(part.to_owned(), why.clone());
        }
        known.nothing_read = Some(why);
    }
    let house = House {
        source: live.map(|live| source_name(live.origin)),
        data_warning: live.and_then(|live| warning(ask, live)),
        battery: battery(reading, &mut known),
        photovoltaic: photovoltaic(reading, &mut known),
        house_consumption: Consumption {
            current_power_w: known.value("house_consumption.current_power_w", reading.map(|r| r.house.power_w)),
            daily_consumption_kwh: known
                .value("house_consumption.daily_consumption_kwh", reading.map(|r| r.house.today_kwh)),
        },
        grid: grid(reading, &mut known),
        age_s: Some(reading.and_then(|reading| Age::of(reading.at, ask.now).seconds())),
        stale: !live.is_some_and(|live| is_fresh(live, ask.now)),
        as_of: reading.map(|reading| ask.rfc3339(reading.at)),
        stale_after: reading.map(|reading| ask.rfc3339(reading.at + FRESH)),
    };
    (house, known)
}

impl House<'_> {
    /// The same without what grows old by itself.
    #[must_use]
    pub fn ageless(self) -> Self {
        Self { age_s: None, data_warning: None, ..self }
    }

    /// Seconds since the reading.
    pub fn age_s(&self) -> Option<f64> {
        self.age_s.flatten()
    }
}

fn source_name(origin: Origin) -> &'static str {
    if origin == Origin::Database { "database" } else { "state_file" }
}

fn warning(ask: &Ask<'_>, live: &Live) -> Option<String> {
    let time = ask.facts.zone.local(live.reading.at).strftime("%H:%M:%S").to_string();
    match Age::of(live.reading.at, ask.now) {
        Age::Known(age) if age > FRESH => Some(format!("Data is {}s old (from {time})", age.as_secs())),
        Age::Known(_) => {
            let modified = Age::of(live.file_modified?, ask.now);
            (!modified.is_below(FRESH))
                .then(|| format!("The state file was not written for {} s", whole_seconds(modified)))
        }
        Age::Future => {
            Some(format!("Data is dated in the future ({}): check the clocks", ask.rfc3339(live.reading.at)))
        }
    }
}

fn whole_seconds(age: Age) -> u64 {
    match age {
        Age::Known(age) => age.as_secs(),
        Age::Future => Duration::ZERO.as_secs(),
    }
}

fn battery(reading: Option<&Reading>, known: &mut Known) -> Battery<'static> {
    let battery = reading.map(|reading| &reading.battery);
    let soc = known.value("battery.soc_percent", battery.map(|b| b.soc_pct));
    let charging = known.any("battery.charging_status", battery.map(|b| b.grid_charging));
    if battery.is_some() && soc.is_none() {
        known.unknown.insert("battery.health_status".into(), "the state of charge is not known".into());
    }
    Battery {
        soc_percent: soc,
        temperature_c: known.value("battery.temperature_c", battery.map(|b| b.temperature_c)),
        charging_status: charging.map(|charging| if charging { "charging" } else { "idle" }),
        health_status: soc.map(|soc| if soc > GOOD_ABOVE_PCT { "good" } else { "warning" }),
        power_w: known.value("battery.power_w", battery.map(|b| b.power_w)),
        voltage: known.value("battery.voltage", battery.map(|b| b.voltage_v)),
        current: known.value("battery.current", battery.map(|b| b.current_a)),
    }
}

fn photovoltaic(reading: Option<&Reading>, known: &mut Known) -> Photovoltaic {
    let pv = reading.map(|reading| &reading.pv);
    Photovoltaic {
        current_power_w: known.value("photovoltaic.current_power_w", pv.map(|pv| pv.power_w)),
        daily_generation_kwh: known.value("photovoltaic.daily_generation_kwh", pv.map(|pv| pv.today_kwh)),
        efficiency_percent: known.value("photovoltaic.efficiency_percent", pv.map(|_| Err(Why::NeverMeasured))),
        pv1_power_w: known.value("photovoltaic.pv1_power_w", pv.map(|pv| pv.strings_w[0])),
        pv2_power_w: known.value("photovoltaic.pv2_power_w", pv.map(|pv| pv.strings_w[1])),
    }
}

fn grid(reading: Option<&Reading>, known: &mut Known) -> Grid<'static> {
    let grid = reading.map(|reading| &reading.grid);
    let power = known.value("grid.current_power_w", grid.map(|grid| grid.power_w));
    if grid.is_some() && power.is_none() {
        known.unknown.insert("grid.flow_direction".into(), "the power at the meter is not known".into());
    }
    let phases = |index: usize| (grid.map(|grid| grid.phases_a[index]), grid.map(|grid| grid.phases_w[index]));
    let [(a1, w1), (a2, w2), (a3, w3)] = [phases(0), phases(1), phases(2)];
    Grid {
        current_power_w: power,
        flow_direction: power.map(|power| FlowDirection::of_grid_power(power).name()),
        daily_import_kwh: known.value("grid.daily_import_kwh", grid.map(|grid| grid.import_today_kwh)),
        daily_export_kwh: known.value("grid.daily_export_kwh", grid.map(|grid| grid.export_today_kwh)),
        l1_current_a: known.value("grid.l1_current_a", a1),
        l2_current_a: known.value("grid.l2_current_a", a2),
        l3_current_a: known.value("grid.l3_current_a", a3),
        voltage: known.value("grid.voltage", grid.map(|grid| grid.voltage_v)),
        l1_power: known.value("grid.l1_power", w1),
        l2_power: known.value("grid.l2_power", w2),
        l3_power: known.value("grid.l3_power", w3),
    }
}
