//! Exports of a real site: the command and the server write the same bytes, while the coordinator writes.

#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, params};
use tempfile::TempDir;
use wattboard::app::{App, Hub, Options};
use wattboard::archive::{Archive, Footing, Rollup};
use wattboard::base::clock::{Clock, SystemClock};
use wattboard::base::shutdown;
use wattboard::base::zones;
use wattboard::config::Config;
use wattboard::model::balance::Balance;
use wattboard::model::day::Sums;
use wattboard::model::price::{Entity, Point, PriceOrigin, PublishedDay};

const CONFIG: &str = "
web_server: {host: 127.0.0.1, port: 0}
price_analysis: {api_url: 'http://127.0.0.1:1/api/csdac-pln'}
electricity_tariff: {tariff_type: g11, distribution_pricing: {g11: {type: static, price: 0.2464}}}
";
const BIN: &str = env!("CARGO_BIN_EXE_wattboard");

/// The rows of the autumn day, the hour 02 twice: the second time is told by when the row was written.
fn write_site(root: &Path) -> PathBuf {
    std::fs::create_dir_all(root.join("config")).unwrap();
    std::fs::create_dir_all(root.join("data")).unwrap();
    let site = Connection::open(root.join("data/goodwe_energy.db")).unwrap();
    site.execute_batch(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE energy_data(timestamp TEXT PRIMARY KEY, battery_soc REAL, pv_power INTEGER, grid_power INTEGER,
             grid_voltage REAL, created_at TEXT, grid_import_total_kwh REAL, tariff_zone TEXT);
         CREATE TABLE coordinator_decisions(id INTEGER PRIMARY KEY, timestamp TEXT, decision_type TEXT, action TEXT,
             reason TEXT, parameters TEXT, source_module TEXT, created_at TEXT);
         CREATE TABLE system_state(id INTEGER PRIMARY KEY, timestamp TEXT, metrics TEXT, created_at TEXT);",
    )
    .unwrap();
    let start: jiff::Timestamp = "2024-10-26T22:00:00Z".parse().unwrap();
    let zone = zones::zone("Europe/Warsaw").unwrap();
    for index in 0..300_u32 {
        let at = start + Duration::from_secs(300) * index;
        // Seconds that differ, so that the second pass does not replace the first.
        let local = (at + Duration::from_secs(u64::from(index) % 60)).to_zoned(zone.clone());
        site.execute(
            "INSERT INTO energy_data VALUES (?1, ?2, ?3, -250, 231.5, ?4, ?5, 'T2')",
            params![
                local.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
                50.0 + f64::from(index) / 10.0,
                index,
                at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
                100.0 + f64::from(index) * 0.05
            ],
        )
        .unwrap();
    }
    site.execute(
        "INSERT INTO coordinator_decisions VALUES (7, '2024-10-27T12:00:00', 'charging', 'wait', ?1, ?2, NULL,
             '2024-10-27 11:00:01')",
        ["=cmd|' /C calc'!A0, \"now\"\nor never", r#"{"confidence": 0.5, "pv_power": 1.5}"#],
    )
    .unwrap();
    let file = root.join("config/c.yaml");
    std::fs::write(&file, CONFIG).unwrap();
    file
}

fn write_memory(config: &Config) {
    let (_trigger, shutdown) = shutdown::channel();
    let clock = Arc::new(SystemClock);
    let mut archive = Archive::new(config.own_database.clone(), config.zone.clone(), clock.clone(), shutdown);
    let date = "2024-10-27".parse().unwrap();
    let points = PublishedDay::axis(Entity::DayAhead, date, &config.zone)
        .enumerate()
        .map(|(index, start)| Point { start, value: index as i64 * 1_000 })
        .collect();
    let (entity, origin) = (Entity::DayAhead, PriceOrigin::Network);
    let day = PublishedDay { entity, date, points, publication: None, fetched_at: clock.now(), origin };
    assert_eq!(archive.keep(&[day]).unwrap(), 1);
    let balance = Balance::of(date, &[], None, &config.zone);
    archive.keep_rollup(&Rollup { footing: Footing::default(), sums: Sums::default(), balance }).unwrap();
}

fn command(file: &Path, arguments: &[&str]) -> Output {
    Command::new(BIN).arg("export").args(arguments).arg("--config").arg(file).output().unwrap()
}

/// The content of a chunked answer, which must be whole.
fn download(address: SocketAddr, query: &str) -> Vec<u8> {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(socket, "GET /api/v1/export?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).unwrap();
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|window| window == what).unwrap();
    let head = find(&bytes, b"\r\n\r\n") + 4;
    assert!(bytes.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&bytes));
    let (mut rest, mut whole) = (&bytes[head..], Vec::new());
    loop {
        let line = find(rest, b"\r\n");
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&rest[line + 2..line + 2 + size]);
        rest = &rest[line + 4 + size..];
    }
}

#[test]
fn the_command_and_the_server_write_the_same() {
    let dir = TempDir::new().unwrap();
    let file = write_site(dir.path());
    let config = Config::load(&file).unwrap();
    write_memory(&config);
    let options = Options {
        config,
        host: None,
        port: Some(0),
        demo: false,
        proc_root: PathBuf::from("/proc"),
        clock: Arc::new(SystemClock),
    };
    let app = App::start(options, Hub::default()).unwrap();
    let (address, trigger) = (app.address(), app.trigger());
    let running = std::thread::spawn(move || app.run());
    // The coordinator is in the middle of a transaction.
    let coordinator = Connection::open(dir.path().join("data/goodwe_energy.db")).unwrap();
    coordinator.execute_batch("BEGIN IMMEDIATE; INSERT INTO coordinator_decisions(timestamp) VALUES ('x')").unwrap();
    for (what, csv_lines, json_lines) in
        [("energy", 301, 300), ("decisions", 3, 1), ("prices", 101, 100), ("days", 2, 1)]
    {
        for (format, lines) in [("csv", csv_lines), ("csv-pl", csv_lines), ("jsonl", json_lines)] {
            let written = || {
                let output = command(&file, &["--what", what, "--format", format, "--to", "2024-10-28"]);
                assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
                output.stdout
            };
            let mut bytes = written();
            // The server may sum the day anew meanwhile.
            let sent = loop {
                let sent = download(address, &format!("what={what}&format={format}&to=2024-10-28"));
                let again = written();
                if std::mem::replace(&mut bytes, again) == bytes {
                    break sent;
                }
            };
            let text = String::from_utf8(sent.clone()).unwrap();
            assert_eq!(sent, bytes, "{what} {format}");
            assert_eq!(text.matches('\n').count(), lines, "{what} {format}: {text}");
            assert!(format == "jsonl" || text.ends_with("\r\n"));
        }
    }
    let energy = String::from_utf8(download(address, "what=energy&from=2024-10-27&to=2024-10-27")).unwrap();
    assert_eq!(
        energy.lines().nth(1).unwrap(),
        "2024-10-27T00:00:00+02:00,2024-10-27T00:00:00,50,0,-250,,,,,,231.5,,100,,,,,T2"
    );
    let of_hour = |offset: &str| energy.lines().filter(|line| line.contains("T02:") && line.contains(offset)).count();
    assert_eq!((of_hour("+02:00,"), of_hour("+01:00,")), (12, 12));
    assert_eq!(download(address, "what=energy&to=2024-10-26").iter().filter(|byte| **byte == b'\n').count(), 1);
    let decisions = String::from_utf8(download(address, "what=decisions&to=2024-10-27")).unwrap();
    assert!(decisions.contains(",\"'=cmd|' /C calc'!A0, \"\"now\"\"\nor never\","), "{decisions}");
    coordinator.execute_batch("ROLLBACK").unwrap();
    trigger.stop();
    running.join().unwrap().unwrap();
}

#[test]
fn series_have_each_row_of_the_autumn_day_once() {
    let dir = TempDir::new().unwrap();
    let file = write_site(dir.path());
    write_memory(&Config::load(&file).unwrap());
    let text = |arguments: &[&str]| {
        let output = command(&file, arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let all = text(&["--format", "influx", "--to", "2024-10-28"]);
    let with = |field: &str| all.lines().filter(|line| line.contains(field)).collect::<Vec<_>>();
    // 2024-10-27T00:00:00+02:00 and, after 25 hours, 23:55:59+01:00.
    let rows = with("battery_charge_ratio=");
    assert!(rows[0].starts_with("wattboard,site="), "{}", rows[0]);
    assert!(
        rows[0].ends_with(
            " pv_power_watts=0,grid_power_watts=-250,grid_voltage_volts=231.5,battery_charge_ratio=0.5,grid_import_energy_kwh_total=100 \
             1729980000000000000"
        ),
        "{}",
        rows[0]
    );
    let times: Vec<i64> = rows.iter().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    assert!(times.len() == 300 && times.is_sorted_by(|one, other| one < other), "{}", times.len());
    assert_eq!(with("price_market_pln_per_kwh=").len(), 100);
    assert_eq!(with("decision_made=1").len(), 1);
    assert_eq!(with("day_rows_expected=300").len(), 1);
    let only = text(&["--format", "influx", "--what", "days", "--to", "2024-10-28"]);
    assert!(only.lines().count() == 7 && only.lines().all(|line| line.contains("day_")), "{only}");
    // The other form says the same.
    let open = text(&["--format", "openmetrics", "--to", "2024-10-28"]);
    let samples = open.lines().filter(|line| !line.starts_with('#')).count();
    let fields: usize = all.lines().map(|line| line.split(' ').nth(1).unwrap().split(',').count()).sum();
    assert!(samples == fields && open.ends_with("# EOF\n"), "{samples} {fields}");
}

#[test]
fn what_cannot_be_read_has_a_name_and_an_exit_code() {
    let dir = TempDir::new().unwrap();
    let file = write_site(dir.path());
    let site = Connection::open(dir.path().join("data/goodwe_energy.db")).unwrap();
    site.execute("INSERT INTO energy_data(timestamp) VALUES ('2024-10-28T00:00:00')", []).unwrap();
    site.close().unwrap();
    let output = command(&file, &["--what", "all"]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("--what all is not allowed; it must be energy, decisions, prices or days"), "{error}");
    // The closed days cannot be read.
    std::fs::write(dir.path().join("data/wattboard.db"), "x".repeat(5000)).unwrap();
    let output = command(&file, &["--what", "days"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("wattboard.db: it is not an SQLite database"));
    let output = command(&file, &["--what", "energy", "--from", "2024-10-28"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap().lines().nth(1).unwrap(),
        "2024-10-28T00:00:00+01:00,2024-10-28T00:00:00,,,,,,,,,,,,,,,,"
    );
}

#[test]
fn a_damaged_day_ends_it_and_the_days_before_it_are_whole() {
    let dir = TempDir::new().unwrap();
    let file = write_site(dir.path());
    let path = dir.path().join("data/goodwe_energy.db");
    let site = Connection::open(&path).unwrap();
    site.execute_batch(
        "PRAGMA journal_mode = DELETE; DELETE FROM energy_data;
         WITH RECURSIVE minute(n) AS (SELECT 0 UNION ALL SELECT n + 5 FROM minute WHERE n < 60 * 24 * 60)
         INSERT INTO energy_data(timestamp, battery_soc)
             SELECT strftime('%Y-%m-%dT%H:%M:%S', '2024-01-01', n || ' minutes'), 50.5 FROM minute;",
    )
    .unwrap();
    site.close().unwrap();
    // A page in the middle of the rows.
    let mut bytes = std::fs::read(&path).unwrap();
    let row = bytes.windows(19).position(|window| window == b"2024-02-10T12:00:00").unwrap();
    let page = row / 4096 * 4096;
    bytes[page..page + 4096].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let output = command(&file, &["--what", "energy", "--format", "jsonl"]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    let day = error.split("the export ends before ").nth(1).unwrap().get(..10).unwrap();
    assert!(("2024-02-05".."2024-02-11").contains(&day) && error.contains("which cannot be read: "), "{error}");
    assert!(error.contains("the database is damaged"), "{error}");
    let text = String::from_utf8(output.stdout).unwrap();
    let before = day.parse::<jiff::civil::Date>().unwrap().yesterday().unwrap();
    assert_eq!(text.lines().count() % 288, 0, "whole days");
    assert!(text.lines().last().unwrap().starts_with(&format!("{{\"time\":\"{before}T23:55:00+01:00\"")), "{error}");
}

#[test]
fn who_reads_no_further_ends_it_quietly() {
    let dir = TempDir::new().unwrap();
    let file = write_site(dir.path());
    let mut command = Command::new(BIN);
    command.args(["export", "--what", "energy", "--config"]).arg(&file);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), String::new()));
}
