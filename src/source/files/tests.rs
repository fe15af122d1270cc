//! Both file layouts, with what goes wrong in them.

use std::fs;

use tempfile::TempDir;

use super::*;

struct Site {
    dir: TempDir,
    files: Files,
}

fn site() -> Site {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("out");
    fs::create_dir_all(out.join("energy_data")).unwrap();
    let files = Files::new(out.clone(), out.join("energy_data"), SiteZone::named("Europe/Warsaw").unwrap());
    Site { dir, files }
}

impl Site {
    fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join("out").join(name), text).unwrap();
    }

    fn soc(&mut self) -> Option<f64> {
        self.files
            .latest_state("2026-11-22T20:00:00Z".parse().unwrap())
            .unwrap()
            .map(|state| state.reading.battery.soc_pct.unwrap())
    }
}

fn state(time: &str, soc: u32) -> String {
    format!(
        r#"{{"timestamp": "2026-11-22T{time}", "current_data": {{"timestamp": "2026-11-22T{time}", "battery": {{"soc_percent": {soc}}}}}}}"#
    )
}

fn range(from: &str, to: &str) -> Range {
    Range { from: from.parse().unwrap(), to: to.parse().unwrap() }
}

#[test]
fn the_newest_state_of_both_layouts() {
    let mut site = site();
    assert_eq!(site.soc(), None);
    let pretty =
        serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(&state("10:00:00", 10)).unwrap())
            .unwrap();
    site.write("coordinator_state_20261122_100000.json", &pretty);
    assert_eq!(site.soc(), Some(10.0));
    site.write("coordinator_state_20261122.json", &format!("{}\n{}\n", state("09:00:00", 9), state("11:00:00", 11)));
    assert_eq!(site.soc(), Some(11.0));
    // Half-written last line.
    site.write(
        "coordinator_state_20261122.json",
        &format!("{}\n{}", state("11:00:00", 11), &state("12:00:00", 12)[..60]),
    );
    assert_eq!(site.soc(), Some(11.0));
    // A later file that is broken does not hide it.
    site.write("coordinator_state_20261122_130000.json", "{");
    assert_eq!(site.soc(), Some(11.0));
    site.write("coordinator_state_20261122_140000.json", &state("14:00:00", 14));
    assert_eq!(site.soc(), Some(14.0));
    site.write("coordinator_state_notes.json", "{}");
    // Written under a clock that was a year ahead.
    site.write("coordinator_state_20271122_140000.json", &state("14:00:00", 99).replace("2026", "2027"));
    assert_eq!(site.soc(), Some(14.0));
}

#[test]
fn a_long_file_of_lines_is_read_from_its_end() {
    let mut site = site();
    let padding = format!("{{\"timestamp\": \"x\", \"padding\": \"{}\"}}\n", "ą".repeat(40_000));
    site.write(
        "coordinator_state_20261122.json",
        &format!("{}{}\n{padding}", padding.repeat(3), state("11:00:00", 11)),
    );
    assert_eq!(site.soc(), Some(11.0));
}

#[test]
fn decisions_of_both_layouts_once_each() {
    let mut site = site();
    let charge = r#"{"timestamp": "2026-11-22T10:00:00", "action": "charge", "energy_kwh": 1.5}"#;
    site.write("energy_data/charging_decision_20261122_100000.json", charge);
    site.write(
        "energy_data/battery_selling_decision_20261122_110000.json",
        r#"{"timestamp": "2026-11-22T11:00:00", "energy_sold_kwh": 2}"#,
    );
    site.write(
        "energy_data/battery_selling_decision_20261122_113000.json",
        r#"{"session_id": "s", "start_time": "2026-11-22T11:30:00"}"#,
    );
    site.write("energy_data/charging_decision_20261122_120000.json", "{half");
    site.write(
        "energy_data/charging_decision_20261121_100000.json",
        r#"{"timestamp": "2026-11-21T10:00:00", "action": "wait"}"#,
    );
    site.write(
        "charging_decision_20261122.json",
        &format!("{charge}\n{}\n{{\"timest", r#"{"timestamp": "2026-11-22T10:15:00", "action": "battery_selling"}"#),
    );
    let found = site.files.decisions(range("2026-11-21T23:00:00Z", "2026-11-22T23:00:00Z")).unwrap();
    let seen: Vec<_> = found.iter().map(|d| (d.timestamp.as_str(), d.action.as_str())).collect();
    assert_eq!(
        seen,
        [
            ("2026-11-22T10:00:00", "charge"),
            ("2026-11-22T10:15:00", "battery_selling"),
            ("2026-11-22T11:00:00", "battery_selling")
        ]
    );
    let day = |text: &str| text.parse::<Date>().unwrap();
    assert_eq!(site.files.first_day().unwrap(), Some(day("2026-11-21")));
    let days = site.files.days(day("2026-11-01"), day("2026-11-30")).unwrap();
    assert_eq!(days.len(), 2);
    assert_eq!(days[&day("2026-11-21")].decisions.0, 1);
}

#[test]
fn energy_rows_from_the_days_array() {
    let mut site = site();
    site.write(
        "energy_data/energy_data_2026-11-22.json",
        r#"[{"timestamp": "2026-11-22T10:05:00", "battery_soc": NaN, "pv_power": 5, "grid_import_total_kwh": 7.5, "tariff_zone": "T1"},
            {"timestamp": "2026-11-22T10:00:00", "battery_soc": 50.5}, {"no": "time"}, 7]"#,
    );
    site.write("energy_data/energy_data_2026-11-21.json", "[");
    fs::create_dir(site.dir.path().join("out/energy_data/energy_data_2026-11-20.json")).unwrap();
    fs::create_dir(site.dir.path().join("out/charging_decision_20261121.json")).unwrap();
    assert_eq!(site.files.decisions(range("2026-11-20T23:00:00Z", "2026-11-22T23:00:00Z")).unwrap(), []);
    let rows = site.files.energy(range("2026-11-19T23:00:00Z", "2026-11-22T23:00:00Z")).unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].soc_pct, rows[0].is_peak), (Some(50.5), false));
    assert_eq!((rows[1].soc_pct, rows[1].import_total_kwh, rows[1].is_peak), (None, Some(7.5), true));
}

#[test]
fn a_site_without_any_folder_has_nothing() {
    let mut files =
        Files::new("/nonexistent/out".into(), "/nonexistent/e".into(), SiteZone::named("Europe/Warsaw").unwrap());
    let all = range("2026-11-20T23:00:00Z", "2026-11-22T23:00:00Z");
    assert_eq!(files.latest_state(Timestamp::UNIX_EPOCH).unwrap(), None);
    assert_eq!(files.decisions(all).unwrap(), []);
    assert_eq!(files.energy(all).unwrap(), []);
    assert_eq!(files.first_day().unwrap(), None);
}
