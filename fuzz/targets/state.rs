//! A state of the house as JSON: every leaf is a finite number or a reason, and Python's non-numbers are null.

#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use wattboard::model::measure::Measured;
use wattboard::model::reading::Reading;
use wattboard::source::json::{parse_object, reading};

fn leaves(reading: &Reading) -> Vec<Measured> {
    let Reading { battery, pv, house, grid, weather, .. } = reading;
    let mut leaves = vec![
        battery.soc_pct,
        battery.temperature_c,
        battery.power_w,
        battery.voltage_v,
        battery.current_a,
        pv.power_w,
        pv.today_kwh,
        house.power_w,
        house.today_kwh,
        grid.power_w,
        grid.import_today_kwh,
        grid.export_today_kwh,
        grid.voltage_v,
    ];
    leaves.extend(pv.strings_w.iter().chain(&grid.phases_a).chain(&grid.phases_w).copied());
    leaves.extend(weather.iter().flat_map(|weather| [weather.temperature_c, weather.cloud_cover_pct]));
    leaves
}

fn read(object: &Map<String, Value>) -> Reading {
    let data = object.get("current_data").and_then(Value::as_object).unwrap_or(object);
    reading(data, Timestamp::UNIX_EPOCH)
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let strict = serde_json::from_str::<Map<String, Value>>(&text);
    let object = match (parse_object(&text), strict) {
        (Ok(object), Ok(strict)) => {
            assert_eq!(object, strict, "what is JSON is read as JSON");
            object
        }
        (Ok(object), Err(_)) => {
            assert!(text.contains("NaN") || text.contains("Infinity"), "only Python's non-numbers are forgiven");
            object
        }
        (Err(why), strict) => {
            assert!(strict.is_err() && !why.is_empty());
            return;
        }
    };
    let found = read(&object);
    assert!(leaves(&found).iter().all(|leaf| leaf.is_ok_and(f64::is_finite) || leaf.is_err()));
    if found.is_one() {
        assert!(leaves(&found).iter().any(Result::is_ok), "a reading says something");
    }
    // Written and read again it says the same, to the last bit but one: the last is JSON's.
    let again = read(&parse_object(&Value::Object(object).to_string()).expect("what was written is read"));
    assert_eq!(found.is_one(), again.is_one());
    for (one, other) in leaves(&found).iter().zip(leaves(&again)) {
        match (one, other) {
            (Ok(one), Ok(other)) => assert!((one - other).abs() <= one.abs() * 4.0 * f64::EPSILON, "{one} {other}"),
            (one, other) => assert_eq!(*one, other),
        }
    }
});
