//! What the coordinator writes as JSON, turned into the model at one place: `"Unknown"`, numbers as text, missing keys,
//! null and Python's `NaN` all become "not known, and why" here and are not looked at again.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::model::decision::as_number;
use crate::model::measure::{Measured, Why};
use crate::model::reading::{Battery, Grid, House, Photovoltaic, Reading, Weather};

/// Parses an object; Python's bare `NaN`, `Infinity` and `-Infinity` count as null.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn parse_object(text: &str) -> Result<Map<String, Value>, String> {
    let parsed = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => match without_nan(text) {
            Some(clean) => serde_json::from_str(&clean).map_err(|error| error.to_string())?,
            None => return Err(error.to_string()),
        },
    };
    match parsed {
        Value::Object(object) => Ok(object),
        _ => Err("not a JSON object".to_owned()),
    }
}

/// `text` with Python's non-numbers outside strings replaced by null; `None` where there are none.
fn without_nan(text: &str) -> Option<String> {
    const WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];
    let mut clean = String::with_capacity(text.len());
    let (mut rest, mut in_string, mut found) = (text, false, false);
    while let Some(next) = rest.chars().next() {
        if !in_string && let Some(word) = WORDS.iter().find(|word| rest.starts_with(**word)) {
            clean.push_str("null");
            rest = &rest[word.len()..];
            found = true;
            continue;
        }
        let mut taken = next.len_utf8();
        match next {
            '"' => in_string = !in_string,
            '\\' if in_string => taken += rest[1..].chars().next().map_or(0, char::len_utf8),
            _ => {}
        }
        clean.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    found.then_some(clean)
}

/// The first known value among `keys` of a section, else why the first one that is there is not known.
fn measured(section: Option<&Value>, keys: &[&str]) -> Measured {
    let mut why = Why::NotRecorded;
    for key in keys {
        match section.and_then(|section| section.get(key)) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text.eq_ignore_ascii_case("unknown") => why = Why::ReportedUnknown,
            Some(value) => match as_number(value) {
                Some(number) => return Ok(number),
                None => why = Why::NotANumber,
            },
        }
    }
    Err(why)
}

fn flag(section: Option<&Value>, key: &str) -> Result<bool, Why> {
    match section.and_then(|section| section.get(key)) {
        None | Some(Value::Null) => Err(Why::NotRecorded),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("unknown") => Err(Why::ReportedUnknown),
        Some(Value::Number(number)) => Ok(number.as_f64() != Some(0.0)),
        Some(_) => Err(Why::NotANumber),
    }
}

/// A `current_data` object as a reading taken at `at`. Older names of the same values are understood.
pub fn reading(data: &Map<String, Value>, at: Timestamp) -> Reading {
    let battery = data.get("battery");
    let pv = data.get("photovoltaic").or_else(|| data.get("pv"));
    let house = data.get("house_consumption").or_else(|| data.get("consumption"));
    let grid = data.get("grid");
    let conditions = data.get("weather").and_then(|weather| weather.get("current_conditions"));
    Reading {
        at,
        battery: Battery {
            soc_pct: measured(battery, &["soc_percent"]),
            temperature_c: measured(battery, &["temperature"]),
            power_w: measured(battery, &["power_w"]),
            voltage_v: measured(battery, &["voltage"]),
            current_a: measured(battery, &["current"]),
            grid_charging: flag(battery, "charging_status"),
        },
        pv: Photovoltaic {
            power_w: measured(pv, &["current_power_w", "power_w", "power"]),
            today_kwh: measured(pv, &["daily_production_kwh", "daily_generation_kwh"]),
            strings_w: [measured(pv, &["pv1_power_w"]), measured(pv, &["pv2_power_w"])],
        },
        house: House {
            power_w: measured(house, &["current_power_w", "power_w"]),
            total_kwh: measured(house, &["total_consumption_kwh"]),
            today_kwh: measured(house, &["daily_total_kwh", "daily_consumption_kwh"]),
        },
        grid: Grid {
            power_w: measured(grid, &["power_w", "current_power_w"]),
            import_total_kwh: measured(grid, &["total_imported_kwh"]),
            export_total_kwh: measured(grid, &["total_exported_kwh"]),
            import_today_kwh: measured(grid, &["today_imported_kwh", "daily_import_kwh"]),
            export_today_kwh: measured(grid, &["today_exported_kwh", "daily_export_kwh"]),
            phases_a: ["l1_current_a", "l2_current_a", "l3_current_a"].map(|key| measured(grid, &[key])),
            phases_w: ["l1_power", "l2_power", "l3_power"].map(|key| measured(grid, &[key])),
            voltage_v: measured(grid, &["voltage"]),
        },
        weather: conditions.filter(|conditions| conditions.is_object()).map(|conditions| Weather {
            temperature_c: measured(Some(conditions), &["temperature"]),
            cloud_cover_pct: measured(Some(conditions), &["cloud_cover_estimated"]),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Reading {
        reading(&parse_object(text).unwrap(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn leaves_are_numbers_or_reasons() {
        let reading = read(
            r#"{"battery": {"soc_percent": 76.9, "voltage": "Unknown", "current": null, "temperature": "25.5", "power_w": NaN,
                "charging_status": false},
                "photovoltaic": {"current_power_w": [1]}, "grid": {"power_w": -350, "power_kw": 0.0, "flow_direction": "Neutral"}}"#,
        );
        assert_eq!(reading.battery.soc_pct, Ok(76.9));
        assert_eq!(reading.battery.temperature_c, Ok(25.5));
        assert_eq!(reading.battery.voltage_v, Err(Why::ReportedUnknown));
        assert_eq!(reading.battery.current_a, Err(Why::NotRecorded));
        assert_eq!(reading.battery.power_w, Err(Why::NotRecorded));
        assert_eq!(reading.battery.grid_charging, Ok(false));
        assert_eq!(reading.pv.power_w, Err(Why::NotANumber));
        assert_eq!(reading.grid.power_w, Ok(-350.0));
        assert_eq!(reading.house.power_w, Err(Why::NotRecorded));
        assert!(reading.is_one());
        let counters = read(
            r#"{"grid": {"total_imported_kwh": 8123.4, "total_exported_kwh": "Unknown"}, "house_consumption": {"total_consumption_kwh": 9}}"#,
        );
        assert_eq!(counters.grid.import_total_kwh, Ok(8123.4));
        assert_eq!(counters.grid.export_total_kwh, Err(Why::ReportedUnknown));
        assert_eq!(counters.house.total_kwh, Ok(9.0));
    }

    #[test]
    fn older_names() {
        let reading =
            read(r#"{"pv": {"power": 1200}, "consumption": {"power_w": 400}, "grid": {"current_power_w": 5}}"#);
        assert_eq!((reading.pv.power_w, reading.house.power_w, reading.grid.power_w), (Ok(1200.0), Ok(400.0), Ok(5.0)));
        let daily = read(
            r#"{"photovoltaic": {"daily_generation_kwh": 3}, "house_consumption": {"daily_total_kwh": 4, "daily_consumption_kwh": 0}}"#,
        );
        assert_eq!((daily.pv.today_kwh, daily.house.today_kwh), (Ok(3.0), Ok(4.0)));
    }

    #[test]
    fn all_unknown_is_no_reading() {
        for text in [
            "{}",
            r#"{"battery": {"soc_percent": "Unknown"}, "photovoltaic": {"current_power_w": "Unknown"}, "grid": {"power_w": "Unknown"}, "house_consumption": {"current_power_w": 300}}"#,
        ] {
            assert!(!read(text).is_one(), "{text}");
        }
    }

    #[test]
    fn weather_is_read_where_it_is() {
        let weather = read(r#"{"weather": {"current_conditions": {"temperature": 4.5, "cloud_cover_estimated": 80}}}"#)
            .weather
            .unwrap();
        assert_eq!((weather.temperature_c, weather.cloud_cover_pct), (Ok(4.5), Ok(80.0)));
        assert_eq!(read(r#"{"weather": {}}"#).weather, None);
    }

    #[test]
    fn python_s_non_numbers_are_null_but_text_stays() {
        let object =
            parse_object(r#"{"a": NaN, "b": -Infinity, "c": "NaN \" Infinity", "d": [Infinity], "ą": 1}"#).unwrap();
        assert_eq!(
            Value::Object(object),
            serde_json::json!({"a": null, "b": null, "c": "NaN \" Infinity", "d": [null], "ą": 1})
        );
        for garbage in ["", "{", "[]", "NaN", "{\"a\": NaNo}", "{\"a\": \"\\"] {
            assert!(parse_object(garbage).is_err(), "{garbage}");
        }
    }
}
