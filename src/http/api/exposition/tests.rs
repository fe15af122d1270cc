//! Both formats, line by line, of sites of every kind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::http::api::openapi::tests::sites::{benches, empty, full};
use crate::http::api::tests::Bench;
use crate::http::message::Method;
use crate::model::footprint::Footprint;
use crate::snapshot::Origin;

const OPEN: &str = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
const PLAIN: &str = "text/plain;version=0.0.4";

fn asked(bench: &Bench, path: &str, accept: &str) -> (Vec<String>, String) {
    let (status, headers, body) = bench.ask_with(path, Method::Get, &[("accept", accept)]);
    assert_eq!(status, 200, "{path} {accept}");
    (headers, String::from_utf8(body).unwrap())
}

/// Samples by name and labels, after a look at every line.
fn samples(text: &str, is_open: bool) -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    let (mut family, mut seen) = (String::new(), BTreeSet::new());
    let body = if is_open { text.strip_suffix("# EOF\n").expect("an end") } else { text };
    for line in body.lines() {
        if let Some(meta) = line.strip_prefix("# ") {
            let (word, rest) = meta.split_once(' ').unwrap();
            let name = rest.split(' ').next().unwrap();
            match word {
                "TYPE" => {
                    assert!(seen.insert(name.to_owned()), "{name} comes twice");
                    name.clone_into(&mut family);
                }
                "HELP" => assert_eq!(name, family),
                "UNIT" => {
                    assert!(is_open && name.ends_with(&format!("_{}", rest.split(' ').nth(1).unwrap())), "{line}")
                }
                _ => panic!("{line}"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(series.starts_with(&family) && series.contains("{site=\"") && series.ends_with('}'), "{line}");
        let value: f64 = value.parse().unwrap();
        assert!(value.is_finite(), "{line}");
        assert!(!series.contains("_total{") || value >= 0.0, "{line}");
        assert!(found.insert(series.to_owned(), value).is_none(), "{line}");
    }
    found
}

fn names(found: &BTreeMap<String, f64>) -> BTreeSet<&str> {
    found.keys().map(|series| series.split('{').next().unwrap()).collect()
}

#[test]
fn who_asks_how_gets_what() {
    let bench = full(Origin::Database);
    for (path, accept, kind) in [
        ("/metrics", OPEN, OPENMETRICS),
        ("/metrics", PLAIN, TEXT),
        ("/metrics", "*/*", "application/json"),
        ("/metrics?x=1", "application/json, text/plain, */*", "application/json"),
        ("/metrics/prometheus", OPEN, OPENMETRICS),
        ("/metrics/prometheus", "*/*", TEXT),
        ("/metrics/prometheus?x", "application/json", TEXT),
    ] {
        // The second time out of memory.
        for _ in 0..2 {
            let (headers, text) = asked(&bench, path, accept);
            assert!(headers.contains(&format!("Content-Type: {kind}")), "{path} {accept}: {headers:?}");
            assert!(headers.contains(&"Vary: Accept".to_owned()), "{path} {accept}: {headers:?}");
            assert!(headers.iter().any(|line| line.starts_with("ETag: ")), "{headers:?}");
            assert_eq!(text.ends_with("# EOF\n"), kind == OPENMETRICS);
        }
    }
    let headers = [("accept", OPEN), ("accept-encoding", "gzip")];
    let (_, headers, body) = bench.ask_with("/metrics", Method::Get, &headers);
    assert!(headers.contains(&"Content-Encoding: gzip".to_owned()) && body.starts_with(&[0x1f, 0x8b]), "{headers:?}");
    // Before anything is known there is something to tell, but no JSON.
    let bench = empty();
    assert_eq!(bench.ask("/metrics").0, 503);
    samples(&asked(&bench, "/metrics", OPEN).1, true);
}

#[test]
fn every_site_is_told_rightly_in_both_formats_and_only_what_the_catalogue_has() {
    let mut told = BTreeSet::new();
    for (name, bench) in benches().into_iter().chain([("rich", rich())]) {
        let open = samples(&asked(&bench, "/metrics", OPEN).1, true);
        let plain = samples(&asked(&bench, "/metrics/prometheus", PLAIN).1, false);
        assert_eq!(open, plain, "{name}");
        for (family, found) in known(&bench) {
            told.insert(family.name);
            for labels in found {
                assert_eq!(labels, family.labels, "{name}: {}", family.name);
            }
        }
    }
    let never: Vec<&str> =
        telemetry::families().map(|family| family.name).filter(|name| !told.contains(name)).collect();
    assert!(never.is_empty(), "no site has {never:?}");
}

/// It tells what the others keep to themselves.
fn rich() -> Bench {
    let bench = full(Origin::Database);
    bench.show(r#"{"battery": {"soc_percent": 50}, "grid": {"today_exported_kwh": 1}}"#, 0, Origin::Database);
    let attempt = bench.attempt();
    bench.cell.publish(|next| {
        let known = **next.footprint.value.as_ref().unwrap();
        next.footprint.succeed(Arc::new(Footprint { read_bytes: Some(4096), ..known }), attempt);
    });
    bench
}

/// The families that a site has, and the labels of their samples.
fn known(bench: &Bench) -> Vec<(&'static Family, Vec<Vec<&'static str>>)> {
    let text = asked(bench, "/metrics", PLAIN).1;
    let labels = |line: &str| {
        let inner = line.split_once('{').unwrap().1.rsplit_once('}').unwrap().0;
        let names = inner.split("\",").map(|part| part.split('=').next().unwrap());
        let names: Vec<String> = names.filter(|name| !["site", "le"].contains(name)).map(str::to_owned).collect();
        names
    };
    let of_family = |family: &'static Family| {
        let name = family.sample_name();
        let begins = |line: &&str| {
            let rest = line.strip_prefix(&*name);
            rest.is_some_and(|rest| rest.starts_with('{') || family.kind == Kind::Histogram)
        };
        let found: Vec<Vec<String>> = text.lines().filter(begins).map(labels).collect();
        let place = |names: &Vec<String>| {
            let known = |name: &String| family.labels.iter().find(|label| *label == name).copied().unwrap_or("?");
            names.iter().map(known).collect()
        };
        (!found.is_empty()).then(|| (family, found.iter().map(place).collect()))
    };
    telemetry::families().filter_map(of_family).collect()
}

#[test]
fn values_have_units_and_signs() {
    let bench = full(Origin::Database);
    let found = samples(&asked(&bench, "/metrics", OPEN).1, true);
    let site = crate::base::machine::own_name();
    let value = |name: &str, labels: &str| found.get(&format!("{name}{{site=\"{site}\"{labels}}}")).copied();
    for (name, labels, expected) in [
        ("wattboard_pv_power_watts", "", Some(900.0)),
        ("wattboard_pv_string_power_watts", ",string=\"1\"", Some(450.0)),
        ("wattboard_pv_string_power_watts", ",string=\"2\"", None),
        ("wattboard_grid_power_watts", "", Some(-250.0)),
        ("wattboard_battery_charge_ratio", "", Some(0.155)),
        ("wattboard_battery_power_watts", "", Some(700.0)),
        ("wattboard_battery_grid_charging", "", Some(1.0)),
        ("wattboard_weather_cloud_cover_ratio", "", Some(0.8)),
        ("wattboard_grid_import_energy_kwh_total", "", Some(8123.4)),
        ("wattboard_pv_energy_kwh_total", "", Some(7.25)),
        ("wattboard_grid_import_energy_today_kwh", "", Some(3.5)),
        ("wattboard_grid_export_energy_today_kwh", "", None),
        ("wattboard_price_slots_known", ",delivery=\"today\"", Some(92.0)),
        ("wattboard_price_slots_expected", ",delivery=\"tomorrow\"", Some(96.0)),
        ("wattboard_price_tomorrow_due", "", Some(0.0)),
        ("wattboard_decision_kind", ",kind=\"wait\"", Some(1.0)),
        ("wattboard_decision_kind", ",kind=\"selling\"", Some(0.0)),
        ("wattboard_decisions_today", ",kind=\"charging\"", Some(1.0)),
        ("wattboard_decisions_month", ",kind=\"charging\"", Some(2.0)),
        ("wattboard_coordinator_running", "", Some(1.0)),
        ("wattboard_source_state", ",source=\"live\",state=\"ok\"", Some(1.0)),
        ("wattboard_source_state", ",source=\"live\",state=\"stale\"", Some(0.0)),
        ("wattboard_own_written_bytes_total", "", Some(0.0)),
        ("wattboard_own_read_bytes_total", "", None),
        ("process_resident_memory_bytes", "", Some(9_437_184.0)),
    ] {
        assert_eq!(value(name, labels), expected, "{name}{labels}");
    }
}

#[test]
fn what_is_stale_is_gone_and_its_time_stays() {
    let bench = full(Origin::Database);
    let before = samples(&asked(&bench, "/metrics", OPEN).1, true);
    // The newest reading was 30 s old; everything else is looked at in time.
    bench.clock.advance(Duration::from_secs(89));
    let fresh = samples(&asked(&bench, "/metrics", OPEN).1, true);
    assert_eq!(names(&fresh), names(&before));
    bench.clock.advance(Duration::from_secs(1));
    let stale = samples(&asked(&bench, "/metrics", OPEN).1, true);
    let gone: BTreeSet<&str> = names(&before).difference(&names(&stale)).copied().collect();
    for name in ["wattboard_pv_power_watts", "wattboard_battery_charge_ratio", "wattboard_grid_import_energy_kwh_total"]
    {
        assert!(gone.contains(name), "{name}: {gone:?}");
    }
    let of_the_house =
        |name: &str| ["pv_", "house_", "grid_", "battery_", "weather_"].iter().any(|part| name[10..].starts_with(part));
    assert!(gone.iter().all(|name| of_the_house(name)), "{gone:?}");
    let time = |found: &BTreeMap<String, f64>| {
        found.iter().find(|(series, _)| series.starts_with("wattboard_reading_timestamp_seconds")).map(|(_, at)| *at)
    };
    assert_eq!((time(&stale), time(&stale).is_some()), (time(&before), true));
    let state = |state: &str| {
        let of_live = |series: &String| series.contains(&format!("source=\"live\",state=\"{state}\""));
        stale.iter().find(|(series, _)| of_live(series)).map(|(_, value)| *value)
    };
    assert_eq!((state("ok"), state("stale")), (Some(0.0), Some(1.0)));
    // When everything is old, the rest goes too.
    bench.clock.advance(Duration::from_secs(700));
    let old = samples(&asked(&bench, "/metrics", OPEN).1, true);
    for name in [
        "wattboard_coordinator_running",
        "wattboard_decisions_today",
        "process_resident_memory_bytes",
        "wattboard_log_lines_total",
    ] {
        assert!(!names(&old).contains(name), "{name}");
    }
    assert!(names(&old).contains("wattboard_decision_timestamp_seconds"));
    // A reading of the future is none.
    bench.clock.set_wall("2025-11-22T13:00:00Z".parse().unwrap());
    assert!(!names(&samples(&asked(&bench, "/metrics", OPEN).1, true)).contains("wattboard_pv_power_watts"));
}

#[test]
fn tomorrow_is_due_by_the_clock_of_the_site_whatever_the_season() {
    for (at, due, slots) in [
        ("2026-11-22T16:59:59Z", 0.0, 96.0),
        ("2026-11-22T17:00:00Z", 1.0, 96.0),
        ("2026-11-22T22:59:59Z", 1.0, 96.0),
        ("2026-11-22T23:00:00Z", 0.0, 96.0),
        ("2026-07-01T15:59:59Z", 0.0, 96.0),
        ("2026-07-01T16:00:00Z", 1.0, 96.0),
        ("2026-03-28T17:00:00Z", 1.0, 92.0),
        ("2026-10-24T16:00:00Z", 1.0, 100.0),
    ] {
        let bench = Bench::new("web_server: {site: dom}");
        bench.clock.set_wall(at.parse().unwrap());
        let found = samples(&asked(&bench, "/metrics", OPEN).1, true);
        assert_eq!(found["wattboard_price_tomorrow_due{site=\"dom\"}"], due, "{at}");
        assert_eq!(found["wattboard_price_slots_expected{site=\"dom\",delivery=\"tomorrow\"}"], slots, "{at}");
        assert_eq!(found["wattboard_price_slots_known{site=\"dom\",delivery=\"tomorrow\"}"], 0.0, "{at}");
    }
}

#[test]
fn text_of_the_site_cannot_break_out() {
    let bench = Bench::new("web_server: {site: 'a\"} 1 \\ ą{x=\"'}");
    let attempt = bench.attempt();
    let file = crate::model::logs::LogFile {
        name: "x\",y=\"\n# EOF\n\\\u{0}\u{1b}[31m\u{85}.log".into(),
        path: String::new(),
        size: 7,
        modified: None,
        held: crate::model::logs::Held::default(),
        error: None,
    };
    let logs = crate::model::logs::Logs { files: vec![file], journal: None };
    bench.cell.publish(|next| next.logs.succeed(Arc::new(logs), attempt));
    let (_, text) = asked(&bench, "/metrics", OPEN);
    samples(&text, true);
    let expected = "wattboard_log_size_bytes{site=\"a\\\"} 1 \\\\ ą{x=\\\"\",log=\"x\\\",y=\\\"\\n# EOF\\n\\\\\u{fffd}\u{fffd}[31m\u{fffd}.log\"} 7\n";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn the_start_stays_but_for_a_clock_that_was_set() {
    let bench = Bench::new("web_server: {site: dom}");
    let start =
        |bench: &Bench| samples(&asked(bench, "/metrics", OPEN).1, true)["process_start_time_seconds{site=\"dom\"}"];
    let first = start(&bench);
    bench.clock.advance(Duration::from_millis(7_777));
    assert_eq!(start(&bench), first);
    bench.clock.set_wall(bench_time("2027-01-01T00:00:07.777Z"));
    assert_eq!(start(&bench), bench_time("2027-01-01T00:00:00Z").as_second() as f64);
}

fn bench_time(text: &str) -> jiff::Timestamp {
    text.parse().unwrap()
}
