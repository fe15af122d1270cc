//! What parameters may be, by their schemas.

use serde_json::Value;

/// Values that a parameter may have, and some that it may not.
pub fn samples(schema: &Value) -> (Vec<String>, Vec<String>) {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if let Some(parts) = schema["anyOf"].as_array() {
        let (allowed, _): (Vec<_>, Vec<_>) = parts.iter().map(samples).unzip();
        return (allowed.concat(), vec!["nonsense".into(), String::new()]);
    }
    if let Some(values) = schema["enum"].as_array() {
        return (values.iter().map(text).collect(), vec!["nonsense".into()]);
    }
    if schema["items"].is_object() {
        return samples(&schema["items"]);
    }
    match (schema["type"].as_str().unwrap(), schema["format"].as_str()) {
        ("integer", _) => {
            let ends = [&schema["minimum"], &schema["maximum"]].map(|end| end.as_i64().unwrap());
            let beyond = [ends[0] - 1, ends[1] + 1].map(|end| end.to_string());
            let wrong = ["", "x", "1.5", "99999999999999999999"].map(str::to_owned);
            (ends.map(|end| end.to_string()).into(), [beyond.to_vec(), wrong.to_vec()].concat())
        }
        ("string", Some("date")) => (vec!["2026-11-22".into(), "2100-12-31".into()], Vec::new()),
        ("string", Some("date-time")) => (vec!["2026-11-22T13:00:00+01:00".into()], vec!["2026-11-22T25:00".into()]),
        ("string", None) if schema.get("pattern").is_some() => {
            (vec!["1795345200000000.1".into()], vec!["1".into(), "x.y".into(), String::new()])
        }
        ("string", None) => (vec!["anything".into()], Vec::new()),
        other => panic!("no samples of {other:?}"),
    }
}
