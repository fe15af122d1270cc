//! The first view from snapshots made by hand: what is known, and a reason for everything that is not.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::super::tests::Bench;
use crate::base::fault::Fault;
use crate::model::coordinator::Coordinator;
use crate::model::logs::Logs;
use crate::snapshot::Origin;
use std::sync::Arc;

const READING: &str = r#"{"battery": {"soc_percent": 15.5, "voltage": "Unknown"}, "grid": {"power_w": -250,
    "today_imported_kwh": 3.5, "today_exported_kwh": 0.25}, "photovoltaic": {"daily_production_kwh": 7.25}}"#;

/// The paths of all nulls, those of the arrays of slots left out.
fn nulls(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Null => found.push(path.to_owned()),
        Value::Object(map) => map.iter().for_each(|(key, value)| nulls(value, &format!("{path}.{key}"), found)),
        _ => {}
    }
}

/// Every null has a reason, at its own path or at one above it.
fn assert_explained(state: &Value) {
    let mut found = Vec::new();
    nulls(state, "", &mut found);
    let told = |path: &str| {
        let mut path = path.trim_start_matches('.');
        loop {
            let at_top = state["unknown"].get(path);
            let in_live = path.strip_prefix("live.").and_then(|path| state["live"]["unknown"].get(path));
            if at_top.or(in_live).is_some_and(Value::is_string) {
                return true;
            }
            match path.rsplit_once('.') {
                Some((above, _)) => path = above,
                None => return false,
            }
        }
    };
    // That there is no error needs no reason; when a thing that is not known was read has the reason of the thing.
    let needs_none = |path: &&String| {
        path.ends_with(".error")
            || path.ends_with("as_of")
            || path.ends_with("stale_after")
            || path.ends_with(".source")
    };
    let silent: Vec<&String> = found.iter().filter(|path| !needs_none(path) && !told(path)).collect();
    assert!(silent.is_empty(), "{silent:?} in {state:#}");
}

#[test]
fn before_the_first_load_everything_is_null_and_says_why() {
    let bench = Bench::new("");
    let (status, state) = bench.ask("/api/v1/state");
    assert_eq!(status, 200);
    assert_explained(&state);
    assert_eq!(state["timestamp"], "2026-11-22T14:00:00+01:00");
    assert_eq!((&state["version"], &state["demo"]), (&json!(env!("CARGO_PKG_VERSION")), &json!(false)));
    assert_eq!((&state["live"]["battery"]["soc_percent"], &state["live"]["stale"]), (&Value::Null, &json!(true)));
    assert_eq!(state["live"]["unknown"]["battery"], "nothing was read yet");
    assert_eq!(state["unknown"]["prices.today"], "prices are still being loaded");
    assert_eq!(state["unknown"]["decision"], "decisions are still being loaded");
    assert_eq!(state["coordinator"], json!({"running": null, "pid": null}));
    for source in ["live", "metrics", "prices", "process", "logs", "months"] {
        assert_eq!(state["sources"][source]["state"], "loading", "{source}");
    }
}

#[test]
fn the_first_view_has_it_all() {
    let bench = Bench::new("");
    bench.show(READING, 30, Origin::Database);
    bench.price();
    bench.decide(&[(10, "wait", r#"{"confidence": 0.5}"#), (100, "charge", "{}"), (80_000, "charge", "{}")]);
    let attempt = bench.attempt();
    bench.cell.publish(|next| {
        next.process.succeed(Arc::new(Coordinator { pid: Some(42) }), attempt);
        next.logs.succeed(Arc::new(Logs::default()), attempt);
        Arc::make_mut(&mut next.months).complete = true;
    });
    let (status, state) = bench.ask("/api/v1/state");
    assert_eq!(status, 200);
    assert_explained(&state);
    let (_, current) = bench.ask("/current-state");
    for part in
        ["battery", "photovoltaic", "house_consumption", "grid", "age_s", "stale", "as_of", "stale_after", "source"]
    {
        assert_eq!(state["live"][part], current[part], "{part}");
    }
    assert_eq!(state["live"]["unknown"]["battery.voltage"], "the inverter reported Unknown");

    let prices = &state["prices"];
    let today = &prices["today"];
    assert_eq!((&today["day"], &today["slot_s"]), (&json!("2026-11-22"), &json!(900)));
    assert_eq!(today["start"], "2026-11-22T00:00:00+01:00");
    assert_eq!(today["slots"].as_array().unwrap().len(), 96);
    assert_eq!((&today["slots"][4], &today["slots"][20]), (&json!([0.3001, 0.0001]), &json!([null, null])));
    let provenance = json!({
        "source": "network", "fetched_at": "2026-11-22T14:00:00+01:00", "received": 92, "expected": 96,
    });
    assert_eq!((&today["provenance"], &prices["tomorrow"]), (&provenance, &Value::Null));
    assert_eq!(state["unknown"]["prices.today.slots.market_pln_kwh"], "PSE sent 92 of 96 quarter-hours");
    let (_, day) = bench.ask("/api/v1/prices");
    assert_eq!((&prices["current"], &prices["cheapest"]), (&day["current"], &day["windows"]["cheapest"]));
    assert_eq!((&prices["dearest"], &prices["stale_after"]), (&day["windows"]["dearest"], &day["stale_after"]));

    assert_eq!(
        state["decision"],
        json!({
            "id": 1, "timestamp": "10 s ago", "action": "wait", "kind": "wait", "reason": "", "confidence": 0.5,
            "decided_at": "2026-11-22T13:59:50+01:00",
        })
    );
    // 80,000 s ago it was yesterday.
    assert_eq!(
        state["today"],
        json!({
            "imported_kwh": 3.5, "exported_kwh": 0.25, "produced_kwh": 7.25, "consumed_kwh": null,
            "decisions": {"total": 2, "charging": 1, "wait": 1, "selling": 0},
        })
    );
    assert_eq!(state["coordinator"], json!({"running": true, "pid": 42}));
    for source in ["live", "metrics", "prices", "process", "logs", "months"] {
        assert_eq!(
            (&state["sources"][source]["state"], &state["sources"][source]["error"]),
            (&json!("ok"), &Value::Null)
        );
    }
    assert_eq!(state["sources"]["process"]["age_s"], 0.0);
}

#[test]
fn what_is_of_yesterday_is_not_todays() {
    let bench = Bench::new("");
    bench.show(READING, 30, Origin::Files);
    bench.decide(&[(10, "wait", "{}")]);
    bench.price();
    bench.clock.advance(Duration::from_secs(11 * 3600));
    let (_, state) = bench.ask("/api/v1/state");
    assert_explained(&state);
    assert_eq!((&state["live"]["stale"], &state["live"]["age_s"]), (&json!(true), &json!(39_630.0)));
    for leaf in ["imported_kwh", "exported_kwh", "produced_kwh", "consumed_kwh", "decisions"] {
        assert_eq!(state["today"][leaf], Value::Null, "{leaf}");
    }
    assert_eq!(state["unknown"]["today.imported_kwh"], "the newest reading is of 2026-11-22");
    assert_eq!(state["unknown"]["today.decisions"], "decisions were last read at 2026-11-22T14:00:00+01:00");
    assert_eq!((&state["prices"]["today"], &state["prices"]["current"]), (&Value::Null, &Value::Null));
    assert_eq!(state["unknown"]["prices.today"], "no prices of 2026-11-23 are known");
    assert_eq!(state["decision"]["action"], "wait", "it is still the newest one");
}

#[test]
fn a_source_has_one_word() {
    let word = |bench: &Bench, source: &str| {
        let (_, state) = bench.ask("/api/v1/state");
        assert_explained(&state);
        (state["sources"][source]["state"].as_str().unwrap().to_owned(), state["sources"][source]["error"].clone())
    };
    let off = Bench::new("web_server: {price_refresh_interval_seconds: 999999}");
    assert_eq!(word(&off, "prices").0, "loading");
    off.price();
    off.clock.advance(Duration::from_secs(99_999));
    assert_eq!(word(&off, "prices").0, "off");

    let bench = Bench::new("");
    bench.show(READING, 119, Origin::Database);
    assert_eq!(word(&bench, "live").0, "ok");
    bench.clock.advance(Duration::from_secs(2));
    let old = format!("the newest reading is of {}", bench.ask("/api/v1/state").1["live"]["as_of"].as_str().unwrap());
    assert_eq!(word(&bench, "live"), ("stale".into(), json!(old)));
    let attempt = bench.attempt();
    bench.cell.publish(|next| next.live.fail(&Fault::io("no disk"), attempt));
    assert_eq!(word(&bench, "live"), ("failed".into(), json!("no disk")));
    bench.decide(&[]);
    assert_eq!(word(&bench, "metrics").0, "ok");
    bench.clock.advance(Duration::from_secs(601));
    let (_, state) = bench.ask("/api/v1/state");
    let late = format!("it was last read at {}", state["sources"]["metrics"]["as_of"].as_str().unwrap());
    assert_eq!(word(&bench, "metrics"), ("stale".into(), json!(late)));
    bench.cell.publish(|next| {
        next.gone.insert("metrics".into(), "it panicked: boom".into());
        Arc::make_mut(&mut next.months).error = Some("held".into());
    });
    assert_eq!(word(&bench, "metrics"), ("failed".into(), json!("it panicked: boom")));
    assert_eq!(word(&bench, "months"), ("failed".into(), json!("held")));
}
