//! `/historical-data`: state of charge and PV power of the last 24 hours. Real rows only; holes are null.

use std::sync::Arc;

use serde::Serialize;

use super::status::refuse_before_first;
use super::{Ask, Refusal, Reply, Unknown, json_bytes};
use crate::base::document::Document;
use crate::base::units::Micro;
use crate::http::message::Bytes;
use crate::model::energy::Point;
use crate::model::measure::Why;
use crate::snapshot::Scene;

#[derive(Serialize)]
struct History<'a> {
    timestamps: Vec<String>,
    soc_data: Vec<Option<f64>>,
    pv_power_data: Vec<Option<f64>>,
    data_points: usize,
    data_source: &'a str,
    last_update: String,
    current_soc: Option<f64>,
    current_pv_power: Option<f64>,
    soc_range: Option<String>,
    pv_peak: Option<String>,
    as_of: String,
    stale_after: String,
    source: Option<&'a str>,
    unknown: Unknown,
}

/// Why figures of the series are null.
fn unknown_of(points: &[Point]) -> Unknown {
    let mut unknown = Unknown::new();
    let never = |value: fn(&Point) -> Option<f64>| points.iter().all(|point| value(point).is_none());
    let latest = |value: fn(&Point) -> Option<f64>| points.last().and_then(value).is_none();
    let why = if points.is_empty() { "there are no rows of the last 24 hours" } else { Why::NotRecorded.words() };
    for (field, is_null) in [
        ("current_soc", latest(|point| point.soc_pct)),
        ("soc_range", never(|point| point.soc_pct)),
        ("current_pv_power", latest(|point| point.pv_power_w)),
        ("pv_peak", never(|point| point.pv_power_w)),
    ] {
        if is_null {
            unknown.insert(field.into(), why.into());
        }
    }
    if !points.is_empty() && points.iter().any(|point| point.soc_pct.is_none() || point.pv_power_w.is_none()) {
        unknown
            .insert("soc_data, pv_power_data".into(), "a null stands where no row, or no value, was recorded".into());
    }
    unknown
}

/// `/historical-data`
pub fn answer(ask: &Ask<'_>) -> Reply {
    let section = &ask.snapshot.metrics;
    refuse_before_first(section, "rows of the last 24 hours")?;
    match section.value.as_deref().and_then(|metrics| metrics.history.as_deref()) {
        Some(feed) => Ok(json_bytes(200, Bytes::Document(Arc::clone(&feed.content)))),
        None => Err(Refusal::not_yet("rows of the last 24 hours", section.error.as_deref())),
    }
}

/// A figure with so many decimals, a tie rounded away from zero: 3655 W are 3.66 kW, though no binary fraction is 3.655.
fn shown(value: f64, decimals: u32) -> String {
    format!("{:.*}", decimals as usize, Micro::from_f64(value).rounded(decimals))
}

/// Writes the answer, at publication.
pub fn body(points: &[Point], scene: &Scene<'_>) -> Arc<Document> {
    let measured = |value: fn(&Point) -> Option<f64>| points.iter().filter_map(value);
    let soc = |point: &Point| point.soc_pct;
    let pv = |point: &Point| point.pv_power_w;
    let (least, most) = (measured(soc).reduce(f64::min), measured(soc).reduce(f64::max));
    let last = points.last();
    let history = History {
        timestamps: points.iter().map(|point| scene.zone.local(point.at).strftime("%H:%M").to_string()).collect(),
        soc_data: points.iter().map(soc).collect(),
        pv_power_data: points.iter().map(|point| point.pv_power_w.map(|watts| watts / 1000.0)).collect(),
        data_points: points.len(),
        data_source: if points.is_empty() { "none" } else { "real" },
        last_update: scene.zone.naive(scene.now),
        current_soc: last.and_then(soc),
        current_pv_power: last.and_then(pv),
        soc_range: least.zip(most).map(|(least, most)| format!("{}% - {}%", shown(least, 1), shown(most, 1))),
        pv_peak: measured(pv).reduce(f64::max).map(|watts| format!("{} kW", shown(watts / 1000.0, 2))),
        as_of: scene.zone.rfc3339(scene.now),
        stale_after: scene.zone.rfc3339(scene.stale_after),
        source: scene.origin.name(),
        unknown: unknown_of(points),
    };
    let text = serde_json::to_vec(&history).expect("a plain struct is JSON");
    Arc::new(Document::new(text).packed_now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_are_rounded_away_from_zero() {
        for (value, decimals, text) in
            [(3.655, 2, "3.66"), (3.645, 2, "3.65"), (76.25, 1, "76.3"), (0.8, 2, "0.80"), (100.0, 1, "100.0")]
        {
            assert_eq!(shown(value, decimals), text, "{value}");
        }
    }
}
