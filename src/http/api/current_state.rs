//! `/current-state`: the newest reading, with a reason for every value that is not known.

use serde::Serialize;

use super::house::{House, Known};
use super::status::{data_source, live_error, refuse_before_first};
use super::{Ask, Reply, Unknown, house, json, prices};
use crate::base::units::round_to;
use crate::model::decision::Decision;
use crate::model::measure::Why;
use crate::model::reading::{Reading, Weather};
use crate::model::time::human_duration;
use crate::snapshot::Live;

#[derive(Serialize)]
struct CurrentState<'a> {
    timestamp: Option<String>,
    data_source: &'a str,
    data_timestamp: Option<&'a str>,
    cache_age_seconds: Option<f64>,
    #[serde(flatten)]
    house: House<'a>,
    pricing: Option<prices::Prices>,
    weather: Option<WeatherNow>,
    decision_factors: Factors,
    recommendations: Option<Recommendation<'a>>,
    system_health: Health<'a>,
    demo: bool,
    unknown: Unknown,
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

/// `/current-state`
pub fn answer(ask: &Ask<'_>) -> Reply {
    let snapshot = &ask.snapshot;
    refuse_before_first(&snapshot.live, "readings of the house")?;
    let live = snapshot.live.value.as_deref();
    let reading = live.map(|live| &live.reading);
    let error = live_error(&snapshot.live, ask.now);
    let (house, mut known) = house::now(ask);
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
    let stale = house.stale;
    let uptime = ask.instant.saturating_duration_since(ask.facts.started);
    Ok(json(
        200,
        &CurrentState {
            timestamp: live.map(|live| stated(ask, live)),
            data_source: data_source(live, ask.now),
            data_timestamp: live.map(|live| live.recorded.as_str()),
            cache_age_seconds: house.age_s(),
            house,
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

fn quality(reading: Option<&Reading>, stale: bool) -> &'static str {
    match reading {
        None => "none",
        Some(_) if stale => "stale",
        Some(reading) if reading.is_complete() => "good",
        Some(_) => "degraded",
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
