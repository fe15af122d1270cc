//! The catalogue keeps its own rules, and docs/metrics.md tells of all of it.

use std::collections::BTreeSet;

use super::*;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
const BEGIN: &str = "## Series\n";

#[test]
fn names_carry_unit_and_kind_and_stand_there_once() {
    let mut names = BTreeSet::new();
    for family in families().chain(STORED.1) {
        let name = family.name;
        assert!(names.insert(name), "{name} stands there twice");
        assert!(name.starts_with("wattboard_") || name.starts_with("process_"), "{name}");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        assert!(family.unit.is_empty() || name.ends_with(&format!("_{}", family.unit)), "{name} {}", family.unit);
        for ending in ["_total", "_info", "_count", "_sum", "_bucket", "_created", "_gsum", "_gcount"] {
            assert!(!name.ends_with(ending), "{name}");
        }
        let units = ["watts", "kwh", "volts", "amperes", "celsius", "ratio", "pln", "pln_per_kwh", "seconds", "bytes"];
        assert!(family.unit.is_empty() || units.contains(&family.unit), "{name}");
        assert!(family.help.ends_with('.') && !family.help.contains(['"', '\\', '\n']), "{name}: {}", family.help);
        assert!(family.labels.iter().all(|label| *label != "site" && *label != "le"), "{name}");
    }
    assert!(names.len() > 60, "{}", names.len());
}

/// What docs/metrics.md says of every family.
fn told() -> String {
    let mut text = BEGIN.to_owned();
    for (title, families) in GROUPS.into_iter().chain([STORED]) {
        text.push_str(&format!("\n### {title}\n\n| series | kind | labels | what |\n|---|---|---|---|\n"));
        for family in families {
            let kind = match family.kind {
                Kind::Gauge => "gauge",
                Kind::Counter => "counter",
                Kind::Histogram => "histogram",
                Kind::Info => "info",
            };
            let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
            let (name, help) = (family.sample_name(), family.help);
            text.push_str(&format!("| `{name}` | {kind} | {} | {help} |\n", labels.join(", ")));
        }
    }
    text
}

/// `WRITE_DOCS=1 cargo test --lib metrics_md` writes it anew.
#[test]
fn metrics_md_tells_of_every_series() {
    let text = std::fs::read_to_string(DOCS).unwrap();
    let (head, rest) = text.split_once(BEGIN).expect("a section of series");
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(DOCS, format!("{head}{}", told())).unwrap();
        return;
    }
    assert!(format!("{BEGIN}{rest}") == told(), "docs/metrics.md is not what the catalogue says");
}
