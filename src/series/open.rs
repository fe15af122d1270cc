//! OpenMetrics 1.0 with times, as `promtool tsdb create-blocks-from openmetrics` takes it: family after family, of each
//! label after label, of each its samples in order of time, in seconds.

use std::fmt::Write as _;

use super::Number;
use crate::telemetry::{Family, Kind};

/// The last line.
pub const END: &str = "# EOF\n";

/// Adds what a family begins with.
pub fn head(family: &Family, out: &mut String) {
    let Family { name, unit, help, .. } = family;
    let kind = if family.kind == Kind::Counter { "counter" } else { "gauge" };
    // Text takes whatever is written to it.
    let _ = writeln!(out, "# TYPE {name} {kind}");
    if !unit.is_empty() {
        let _ = writeln!(out, "# UNIT {name} {unit}");
    }
    let _ = writeln!(out, "# HELP {name} {help}");
}

/// `{site="home",kind="wait"}`.
pub fn labels(site: &str, label: Option<(&str, &str)>) -> String {
    let mut text = String::from("{site=\"");
    for character in site.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            control if control.is_control() => text.push(char::REPLACEMENT_CHARACTER),
            other => text.push(other),
        }
    }
    text.push('"');
    if let Some((name, value)) = label {
        let _ = write!(text, ",{name}=\"{value}\"");
    }
    text.push('}');
    text
}

/// Adds a sample.
pub fn sample(name: &str, labels: &str, number: Number, at_ms: i64, out: &mut String) {
    let _ = write!(out, "{name}{labels} {number} {}", at_ms / 1_000);
    match at_ms % 1_000 {
        0 => out.push('\n'),
        ms => {
            let _ = writeln!(out, ".{ms:03}");
        }
    }
}
