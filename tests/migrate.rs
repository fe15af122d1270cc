//! `wattboard migrate` from outside: killed at any moment and begun again, it leaves the same rows as in one go.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;

const BIN: &str = env!("CARGO_BIN_EXE_wattboard");
const DAYS: u32 = 28;
const ROWS_A_DAY: u32 = 200;

fn site() -> (TempDir, PathBuf) {
    let dir = TempDir::new().unwrap();
    let root = dir.path();
    for folder in ["config", "data", "out/energy_data"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    let config = root.join("config/c.yaml");
    fs::write(
        &config,
        "electricity_tariff: {tariff_type: g11, distribution_pricing: {g11: {type: static, price: 0.2}}}\n",
    )
    .unwrap();
    let energy = root.join("out/energy_data");
    for day in 1..=DAYS {
        let rows: Vec<String> = (0..ROWS_A_DAY)
            .map(|row| {
                let time = format!("2026-02-{day:02}T{:02}:{:02}:22", row / 12, row % 12 * 5);
                format!(r#"{{"timestamp": "{time}", "battery_soc": {}, "pv_power": "{row}"}}"#, row % 100)
            })
            .collect();
        fs::write(energy.join(format!("energy_data_2026-02-{day:02}.json")), format!("[{}]", rows.join(","))).unwrap();
        for decision in 0..96 {
            let (hour, minute) = (decision / 4, decision % 4 * 15);
            let text = format!(
                r#"{{"timestamp": "2026-02-{day:02}T{hour:02}:{minute:02}:07.25", "action": "wait", "confidence": 0.{decision:02}}}"#
            );
            let name = format!("charging_decision_202602{day:02}_{hour:02}{minute:02}07.json");
            fs::write(energy.join(name), text).unwrap();
        }
    }
    (dir, config)
}

fn migrate(config: &Path) -> Output {
    // Another test's coordinator may be running on this machine.
    let arguments = ["migrate", "--force", "--config", config.to_str().unwrap()];
    Command::new(BIN).args(arguments).output().unwrap()
}

fn rows(root: &Path) -> Vec<String> {
    let connection = Connection::open(root.join("data/goodwe_energy.db")).unwrap();
    let mut found = Vec::new();
    for sql in [
        "SELECT timestamp || battery_soc || pv_power FROM energy_data ORDER BY 1",
        "SELECT timestamp || action || parameters FROM coordinator_decisions ORDER BY 1",
    ] {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        found.extend(rows.map(Result::unwrap));
    }
    found
}

#[test]
fn killed_twenty_times_it_leaves_the_rows_of_one_go() {
    let (whole, config) = site();
    let output = migrate(&config);
    assert!(output.status.success(), "{output:?}");
    let expected = rows(whole.path());
    assert_eq!(expected.len(), (DAYS * (ROWS_A_DAY + 96)) as usize);

    let (dir, config) = site();
    let mut seed = 20_261_122_u64;
    let mut ended = 0;
    for _ in 0..20 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let arguments = ["migrate", "--force", "--config", config.to_str().unwrap()];
        let mut child = Command::new(BIN).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(5 + (seed >> 33) % 90));
        ended += u32::from(child.try_wait().unwrap().is_some());
        let _ = child.kill();
        child.wait().unwrap();
        // Every file is in it whole or not at all.
        if let Ok(connection) = Connection::open(dir.path().join("data/goodwe_energy.db")) {
            let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            assert_eq!(check, "ok");
            let parts = "SELECT count(*) FROM (SELECT count(*) AS n FROM energy_data GROUP BY substr(timestamp, 1, 10)) \
                         WHERE n <> 200";
            if let Ok(parts) = connection.query_row(parts, [], |row| row.get::<_, u32>(0)) {
                assert_eq!(parts, 0);
            }
        }
    }
    assert!(ended < 20, "it was never killed on its way");
    let output = migrate(&config);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(rows(dir.path()), expected);
    let text = String::from_utf8(migrate(&config).stdout).unwrap();
    assert!(text.contains("energy rows       0 added, 5600 already there"), "{text}");
}

#[test]
fn exit_codes() {
    let (dir, config) = site();
    fs::write(dir.path().join("out/energy_data/energy_data_2026-03-01.json"), "[{").unwrap();
    let output = migrate(&config);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("refused: ") && text.contains("energy_data_2026-03-01.json: not readable"), "{text}");
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.lines().next().unwrap().starts_with("1000 of 2717 files, "), "{errors}");
    let missing = migrate(&dir.path().join("config/nowhere.yaml"));
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn a_signal_ends_it_with_130() {
    let (_dir, config) = site();
    let arguments = ["migrate", "--force", "--config", config.to_str().unwrap()];
    let mut child = Command::new(BIN).args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut first = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut first).unwrap();
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut out, &mut rest).unwrap();
    let code = child.wait().unwrap().code();
    assert_eq!(code, Some(130), "{first}{rest}");
    assert!(rest.contains("what was taken over stays, and the next run goes on from there"), "{rest}");
}
