//! Decisions and energy rows out of the text of files.

use serde_json::{Map, Value};

use super::index::DecisionName;
use crate::base::fault::Fault;
use crate::model::decision::{Decision, RawDecision, as_number};
use crate::model::energy::EnergyRow;
use crate::model::time::{FoldResolver, SiteZone, parse_local, parse_utc};
use crate::source::json;

/// The decision in a file of its own; `None` for a selling session, which lies under the same name.
pub fn decision_file(text: &str, name: &DecisionName, zone: &SiteZone) -> Result<Option<Decision>, Fault> {
    let object = json::parse_object(text).map_err(|error| Fault::invalid(format!("not readable: {error}")))?;
    if is_session(&object) {
        return Ok(None);
    }
    let named = name.local().map(|local| local.to_string());
    Ok(decision(object, named, name.is_selling(), &mut FoldResolver::default(), zone))
}

/// The decisions of a day's file of lines; lines that do not parse (the last one may be half written) are left out.
pub fn decision_lines(text: &str, zone: &SiteZone) -> Vec<Decision> {
    let mut resolver = FoldResolver::default();
    text.lines()
        .filter_map(|line| json::parse_object(line).ok())
        .filter(|object| !is_session(object))
        .filter_map(|object| decision(object, None, false, &mut resolver, zone))
        .collect()
}

fn is_session(object: &Map<String, Value>) -> bool {
    !object.contains_key("timestamp") && object.contains_key("session_id") && object.contains_key("start_time")
}

fn decision(
    object: Map<String, Value>,
    named: Option<String>,
    selling_file: bool,
    resolver: &mut FoldResolver,
    zone: &SiteZone,
) -> Option<Decision> {
    let field = |key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
    let timestamp = field("timestamp").or(named)?;
    let at = resolver.resolve(zone, parse_local(&timestamp, zone)?, None);
    let raw = RawDecision {
        id: None,
        timestamp,
        action: field("action"),
        decision_type: field("decision_type"),
        reason: field("reason"),
        source_module: field("source_module"),
        created_at: field("created_at"),
        selling_file,
        parameters: object,
    };
    Some(Decision::new(at, raw))
}

/// The rows of a day's energy file: an array of objects with the table's columns.
pub fn energy_file(text: &str, zone: &SiteZone) -> Result<Vec<EnergyRow>, Fault> {
    // Wrapped, so that the one parser that knows Python's NaN reads it.
    let mut wrapped = json::parse_object(&format!("{{\"rows\":{text}}}"))
        .map_err(|error| Fault::invalid(format!("not readable: {error}")))?;
    let Some(Value::Array(rows)) = wrapped.remove("rows") else {
        return Err(Fault::invalid("not a JSON array"));
    };
    let mut resolver = FoldResolver::default();
    Ok(rows
        .iter()
        .filter_map(|row| {
            let field = |key: &str| row.get(key).and_then(Value::as_str);
            let number = |key: &str| row.get(key).and_then(as_number);
            let local = parse_local(field("timestamp")?, zone)?;
            Some(EnergyRow {
                at: resolver.resolve(zone, local, field("created_at").and_then(parse_utc)),
                soc_pct: number("battery_soc"),
                pv_power_w: number("pv_power"),
                grid_power_w: number("grid_power"),
                house_power_w: number("house_consumption"),
                battery_power_w: number("battery_power"),
                temperature_c: number("battery_temperature"),
                import_total_kwh: number("grid_import_total_kwh"),
                export_total_kwh: number("grid_export_total_kwh"),
                house_total_kwh: number("house_consumption_total_kwh"),
                pv_day_kwh: number("pv_generation_total_kwh"),
                price_pln: number("price_pln"),
                battery_voltage_v: number("battery_voltage"),
                battery_current_a: number("battery_current"),
                grid_voltage_v: number("grid_voltage"),
                grid_frequency_hz: number("grid_frequency"),
                tariff_zone: field("tariff_zone").map(Box::from),
                is_peak: field("tariff_zone") == Some("T1"),
            })
        })
        .collect())
}
