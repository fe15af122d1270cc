//! `/current-state`: the newest reading, with a reason for every value that is not known.

use std::time::Duration;

use serde::Serialize;

use super::status::{Age, FRESH, data_source, is_fresh, live_error, refuse_before_first};
use super::{Ask, Reply, Unknown, json, prices};
use crate::base::units::round_to;
use crate::model::decision::Decision;
use crate::model::measure::{Measured, Why};
use crate::model::reading::{FlowDirection, Reading, Weather};
use crate::model::time::human_duration;
use crate::snapshot::{Live, Origin};

/// Above this state of charge the battery counts as good, %.
const GOOD_ABOVE_PCT: f64 = 20.0;

#[derive(Serialize)]
struct CurrentState<'a> {
    timestamp: Option<String>,
    data_source: &'a str,
    source: Option<&'a str>,
    data_timestamp: Option<&'a str>,
    cache_age_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_warning: Option<String>,
    battery: Battery<'a>,
    photovoltaic: Photovoltaic,
    house_consumption: House,
    grid: Grid<'a>,
    pricing: Option<prices::Prices>,
    weather: Option<WeatherNow>,
    decision_factors: Factors,
    recommendations: Option<Recommendation<'a>>,
    system_health: Health<'a>,
    age_s: Option<f64>,
    stale: bool,
    as_of: Option<String>,
    stale_after: Option<String>,
    demo: bool,
    unknown: Unknown,
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
struct House {
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

#[derive(Serialize)]
struct WeatherNow {
    condition: Option<String>,
    temperature_c: Option<f64>,
    cloud_cover_percent: Option<f64>,
    forecast_4h: Option<String>,
}

#[derive(Serialize)]
struct Factors {
    price_score: Option<f64>,
    battery_score: Option<f64>,
    pv_score: Option<f64>,
    consumption_score: Option<f64>,
    weather_score: Option<f64>,
    overall_confidence: Option<f64>,
}

#[derive(Serialize)]
struct Recommendation<'a> {
    primary_action: &'a str,
    reason: &'a str,
    confidence: Option<f64>,
    alternative_actions: [&'a str; 0],
    decided_at: String,
}

#[derive(Serialize)]
struct Health<'a> {
    status: &'a str,
    last_error: Option<String>,
    uptime_hours: f64,
    uptime_human: String,
    data_quality: &'a str,
}

/// Takes values out of measurements and keeps the reasons of those that are not known.
struct Known {
    unknown: Unknown,
    nothing_read: Option<String>,
}

impl Known {
    fn value(&mut self, path: &str, measured: Option<Measured>) -> Option<f64> {
        self.any(path, measured)
    }

    fn any<T>(&mut self, path: &str, measured: Option<Result<T, Why>>) -> Option<T> {
        match measured {
            Some(Ok(value)) => return Some(value),
            Some(Err(why)) => self.unknown.insert(path.to_owned(), why.words().to_owned()),
            // Nothing was read at all: said once, not for every leaf.
            None => None,
        };
        None
    }
}

/// `/current-state`
pub fn answer(ask: &Ask<'_>) -> Reply {
    let snapshot = &ask.snapshot;
    refuse_before_first(&snapshot.live, "readings of the house")?;
    let live = snapshot.live.value.as_deref();
    let reading = live.map(|live| &live.reading);
    let error = live_error(&snapshot.live, ask.now);
    let mut known = Known { unknown: Unknown::new(), nothing_read: None };
    if live.is_none() {
        let why = error.clone().unwrap_or_else(|| "nothing was read yet".into());
        known.nothing_read = Some(why.clone());
        for part in ["battery", "photovoltaic", "house_consumption", "grid"] {
            known.unknown.insert(part.to_owned(), why.clone());
        }
    }
    let battery = battery(reading, &mut known);
    let photovoltaic = photovoltaic(reading, &mut known);
    let house_consumption = House {
        current_power_w: known.value("house_consumption.current_power_w", reading.map(|r| r.house.power_w)),
        daily_consumption_kwh: known
            .value("house_consumption.daily_consumption_kwh", reading.map(|r| r.house.today_kwh)),
    };
    let grid = grid(reading, &mut known);
    let weather = weather(reading.and_then(|reading| reading.weather.as_ref()), &mut known);
    let pricing = prices::today(ask);
    if pricing.is_none() {
        let why = snapshot.prices.error.clone().unwrap_or_else(|| "no prices of today are known yet".into());
        known.unknown.insert("pricing".into(), why);
    }
    let feed = snapshot.metrics.value.as_deref().and_then(|metrics| metrics.decisions.as_deref());
    let newest = feed.and_then(|feed| feed.content.newest.as_deref());
    for factor in ["price_score", "battery_score", "pv_score", "consumption_score", "weather_score"] {
        known.unknown.insert(format!("decision_factors.{factor}"), Why::NotRecorded.words().into());
    }
    if newest.is_none() {
        known.unknown.insert("recommendations".into(), "no decision of the last 7 days is known".into());
    }
    let confidence = newest.and_then(Decision::confidence);
    if confidence.is_none() {
        known.unknown.insert("decision_factors.overall_confidence".into(), Why::NotRecorded.words().into());
    }
    let age = live.map(|live| Age::of(live.reading.at, ask.now));
    let stale = !live.is_some_and(|live| is_fresh(live, ask.now));
    let uptime = ask.instant.saturating_duration_since(ask.facts.started);
    Ok(json(
        200,
        &CurrentState {
            timestamp: live.map(|live| stated(ask, live)),
            data_source: data_source(live, ask.now),
            source: live.map(|live| source_name(live.origin)),
            data_timestamp: live.map(|live| live.recorded.as_str()),
            cache_age_seconds: age.and_then(Age::seconds),
            data_warning: live.and_then(|live| warning(ask, live)),
            battery,
            photovoltaic,
            house_consumption,
            grid,
            pricing,
            weather,
            decision_factors: Factors {
                price_score: None,
                battery_score: None,
                pv_score: None,
                consumption_score: None,
                weather_score: None,
                overall_confidence: confidence.map(|confidence| round_to(confidence * 100.0, 4)),
            },
            recommendations: newest.map(|decision| Recommendation {
                primary_action: &decision.action,
                reason: &decision.reason,
                confidence,
                alternative_actions: [],
                decided_at: ask.rfc3339(decision.at),
            }),
            system_health: Health {
                status: if stale || error.is_some() { "degraded" } else { "healthy" },
                last_error: error,
                uptime_hours: round_to(uptime.as_secs_f64() / 3600.0, 2),
                uptime_human: human_duration(uptime),
                data_quality: quality(reading, stale),
            },
            age_s: age.and_then(Age::seconds),
            stale,
            as_of: reading.map(|reading| ask.rfc3339(reading.at)),
            stale_after: reading.map(|reading| ask.rfc3339(reading.at + FRESH)),
            demo: ask.facts.demo,
            unknown: known.unknown,
        },
    ))
}

/// The reading's own timestamp as it stands on disk, if that is naive local time, as clients expect it.
fn stated(ask: &Ask<'_>, live: &Live) -> String {
    let is_naive = live.stated.get(10..).is_some_and(|time| !time.contains(['Z', 'z', '+', '-']));
    if is_naive { live.stated.clone() } else { ask.naive(live.reading.at) }
}

fn source_name(origin: Origin) -> &'static str {
    if origin == Origin::Database { "database" } else { "state_file" }
}

fn quality(reading: Option<&Reading>, stale: bool) -> &'static str {
    match reading {
        None => "none",
        Some(_) if stale => "stale",
        Some(reading) if reading.is_complete() => "good",
        Some(_) => "degraded",
    }
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

fn weather(weather: Option<&Weather>, known: &mut Known) -> Option<WeatherNow> {
    let Some(weather) = weather else {
        let why = known.nothing_read.clone().unwrap_or_else(|| Why::NotRecorded.words().into());
        known.unknown.insert("weather".into(), why);
        return None;
    };
    for leaf in ["condition", "forecast_4h"] {
        known.unknown.insert(format!("weather.{leaf}"), Why::NotRecorded.words().into());
    }
    Some(WeatherNow {
        condition: None,
        temperature_c: known.value("weather.temperature_c", Some(weather.temperature_c)),
        cloud_cover_percent: known.value("weather.cloud_cover_percent", Some(weather.cloud_cover_pct)),
        forecast_4h: None,
    })
}
