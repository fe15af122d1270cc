//! `docs/configure.md` and the code say the same: keys, defaults, ranges.

use std::collections::{BTreeMap, BTreeSet};

use super::super::node::{Node, asked, parse as parse_yaml};
use super::*;

const SAMPLE: &str = include_str!("../../../config/sample.yaml");
const DOCUMENT: &str = include_str!("../../../docs/configure.md");
/// An entry of `distribution_pricing`, as the document calls it.
const ENTRY: &str = "electricity_tariff.distribution_pricing.NAME.";
/// Defaults that no value of the config would say.
const DEFAULTS_IN_WORDS: [&str; 12] = [
    "web_server.site",
    "web_server.auth.token_file",
    "price_analysis.ca_file",
    "prosumer.api_url",
    "electricity_tariff.preset",
    "electricity_tariff.sc_component_pln_kwh",
    "electricity_tariff.distribution_pricing",
    "data_storage.database_storage.enabled",
    "data_storage.database_storage.timeseries_db.url",
    "data_storage.database_storage.timeseries_db.token",
    "data_storage.database_storage.timeseries_db.org",
    "data_storage.database_storage.timeseries_db.bucket",
];

struct Row {
    default: String,
    allowed: String,
}

/// The rows of all tables, by their keys from the top of the file.
fn rows() -> BTreeMap<String, Row> {
    let lines = DOCUMENT.lines().filter(|line| line.starts_with("| `"));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [key, default, allowed, _meaning] = cells[..] else { panic!("not four cells: {line}") };
            let key = key.trim_matches('`').replacen("NAME.", ENTRY, 1);
            (key, Row { default: default.to_owned(), allowed: allowed.to_owned() })
        })
        .collect()
}

/// A key as the document calls it: names that are up to whoever writes the config have general ones.
fn general(path: &str) -> String {
    let mut path = path.to_owned();
    for (note, end) in [(" (as of ", ')'), ("[", ']')] {
        while let Some(from) = path.find(note) {
            let to = path[from..].find(end).unwrap() + from;
            path.replace_range(from..=to, "");
        }
    }
    let mut parts: Vec<&str> = path.split('.').collect();
    if !parts.starts_with(&["electricity_tariff", "distribution_pricing"]) || parts.len() == 2 {
        return path;
    }
    if ["start", "end"].contains(&parts[parts.len() - 1]) {
        parts.pop();
    }
    let own = match &parts[3..] {
        ["changes", ..] => "changes".to_owned(),
        ["seasons", _, "time_zones", _] => "seasons.SEASON.time_zones.ZONE".to_owned(),
        ["seasons", _, rest @ ..] => ["seasons.SEASON", &rest.join(".")].join("."),
        ["prices", "working_days", _, _] => "prices.working_days.SEASON.ZONE".to_owned(),
        ["prices", "working_days", _] => "prices.working_days.SEASON".to_owned(),
        [table @ ("prices" | "zones"), _, kind @ ("working" | "free"), _] => format!("{table}.SEASON.{kind}.ZONE"),
        [table @ ("prices" | "zones"), _, kind @ ("working" | "free")] => format!("{table}.SEASON.{kind}"),
        rest => rest.join("."),
    };
    format!("{ENTRY}{own}").trim_end_matches('.').to_owned()
}

/// The sample with what it shows in comments, so that every tariff can be chosen.
fn whole_sample() -> String {
    let (before, rest) = SAMPLE.split_once("    # g14dynamic:").unwrap();
    let (shown, after) = rest.split_once("\n\n").unwrap();
    let shown = format!("    g14dynamic:{shown}").replace("\n    # ", "\n    ");
    format!("{before}{shown}\n\n{after}")
}

/// Every key that the code asks for, of any tariff.
fn read_by_the_code() -> BTreeSet<String> {
    asked::take();
    let sample = whole_sample();
    let mut texts: Vec<String> = ["g11", "g12w", "g14dynamic", "g13s", "mine"]
        .map(|name| sample.replace("tariff_type: g12w", &format!("tariff_type: {name}")))
        .to_vec();
    let more = "changes: [{valid_from: 2030-01-01}]\n      \
                seasons: {hot: {start_month: 1, start_day: 1, end_month: 12, end_day: 31}}\n      peak_hours: {";
    texts.push(SAMPLE.replacen(" peak_hours: {", &format!(" {more}"), 1));
    texts.push(TARIFF.to_owned());
    let engine = "timeseries_db: {enabled: true, url: 'http://db'}";
    texts.push(format!("{TARIFF}data_storage: {{database_storage: {{{engine}}}}}\n"));
    texts.push("electricity_tariff: {preset: tauron-2026/g12w, include_extras: true, include_vat: true}".to_owned());
    for text in &texts {
        Config::parse(Path::new("/site/config/c.yaml"), text).unwrap_or_else(|fault| panic!("{fault}: {text}"));
    }
    asked::take().iter().map(|path| general(path)).filter(|path| !path.is_empty()).collect()
}

#[test]
fn every_key_that_is_read_is_in_the_document_and_no_other() {
    let documented: BTreeSet<String> = rows().into_keys().collect();
    let read = read_by_the_code();
    // A preset's margin, which an entry of a config would call sc_component_pln_kwh.
    let of_presets = format!("{ENTRY}seller_margin_pln_kwh");
    let is_known =
        |path: &String| documented.contains(path) || documented.iter().any(|key| key.starts_with(&format!("{path}.")));
    let missing: Vec<&String> = read.iter().filter(|path| !is_known(path) && **path != of_presets).collect();
    assert_eq!(missing, Vec::<&String>::new(), "read, but not in docs/configure.md");
    let idle: Vec<&String> = documented.iter().filter(|key| !read.contains(*key)).collect();
    assert_eq!(idle, Vec::<&String>::new(), "in docs/configure.md, but never read");
    for key in WEB_SERVER_KEYS {
        assert!(DOCUMENT.contains(&format!("`web_server.{key}")), "web_server.{key}");
    }
}

#[test]
fn every_key_of_the_sample_is_in_the_document() {
    fn leaves(node: &Node, path: &str, found: &mut Vec<String>) {
        match node {
            Node::Map(entries) => {
                entries
                    .iter()
                    .for_each(|(key, value)| leaves(value, format!("{path}.{key}").trim_start_matches('.'), found));
            }
            _ => found.push(general(path)),
        }
    }
    let documented = rows();
    let mut found = Vec::new();
    leaves(&parse_yaml(&whole_sample()).unwrap(), "", &mut found);
    assert!(found.len() > 60, "{found:?}");
    for key in found {
        assert!(documented.contains_key(&key), "{key}");
    }
}

/// The config with one key, beside rates that are needed; nothing where the key is one of the rates themselves.
fn with(key: &str, value: &str) -> Option<Result<Config, Fault>> {
    if key.starts_with(ENTRY) {
        return None;
    }
    Some(match key.strip_prefix("electricity_tariff.") {
        Some(_) if key.ends_with("distribution_pricing") => return None,
        Some(rest) => parse(&format!("  {rest}: {value}\n")),
        None => {
            let (path, ends) = (key.replace('.', ": {"), "}".repeat(key.matches('.').count()));
            parse(&format!("{path}: {value}{ends}\n"))
        }
    })
}

/// What stands between backticks.
fn spans(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn defaults_are_those_of_the_document() {
    for (key, row) in rows() {
        let literal = row.default.starts_with('`') && row.default.ends_with('`') && spans(&row.default).len() == 1;
        if key.starts_with(ENTRY) {
            continue;
        }
        assert_eq!(literal, !DEFAULTS_IN_WORDS.contains(&&*key), "{key}: {}", row.default);
        if !literal {
            continue;
        }
        let default = row.default.trim_matches('`');
        // The tariff that the tests' config has is g11, which the document cannot know.
        let default = if key.ends_with(".tariff_type") { "g11" } else { default };
        let mut said = with(&key, default).unwrap().unwrap_or_else(|fault| panic!("{key}: {fault}"));
        if key == "battery_management.capacity_kwh" {
            assert_eq!(said.stated_capacity.take(), Some(said.capacity));
        }
        assert_eq!(format!("{said:?}"), format!("{:?}", parse("").unwrap()), "{key}: {default}");
    }
}

/// The least and the greatest value of a cell such as `seconds, 10 to 600`, and whether the least is allowed itself.
fn range(allowed: &str) -> Option<(f64, f64, bool)> {
    let number = |word: &str| word.trim_matches(',').parse::<f64>().ok();
    let words: Vec<&str> = allowed.split(' ').collect();
    for (index, word) in words.iter().enumerate() {
        match *word {
            "to" => return Some((number(words[index - 1])?, number(words[index + 1])?, true)),
            "than" => return Some((number(words[index + 1])?, number(words[index + 4])?, false)),
            _ => {}
        }
    }
    None
}

#[test]
fn what_is_allowed_is_what_the_document_allows() {
    let is_taken = |key: &str, value: &str| match with(key, value).unwrap() {
        Ok(config) => {
            // Half of the connections is a rule of its own.
            let warns = |text: &String| text.starts_with(&format!("{key}: ")) && !text.contains("more than half");
            !config.warnings.iter().any(warns)
        }
        Err(fault) => {
            assert!(fault.to_string().contains(key), "{fault}");
            false
        }
    };
    let mut ranges = 0;
    for (key, row) in rows().into_iter().filter(|(key, _)| !key.starts_with(ENTRY)) {
        if let Some((least, most, is_least_allowed)) = range(&row.allowed) {
            ranges += 1;
            assert_eq!(is_taken(&key, &least.to_string()), is_least_allowed, "{key}: {least}");
            assert!(is_taken(&key, &most.to_string()), "{key}: {most}");
            // A capacity that is too large is warned about as well.
            for outside in [(least - 1.0).to_string(), (most + 1.0).to_string()] {
                assert!(!is_taken(&key, &outside), "{key}: {outside}");
            }
        }
        if row.allowed.ends_with("`") && row.allowed.contains("` or `") {
            for value in spans(&row.allowed) {
                assert!(is_taken(&key, value), "{key}: {value}");
            }
            assert!(!is_taken(&key, "something_else"), "{key}");
        }
    }
    assert!(ranges >= 24, "{ranges}");
}
