use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::model::day::Sums;
use crate::model::decision::Decision;
use crate::model::energy::series;
use crate::model::time::Range;
use crate::source::files::Files;
use crate::source::sqlite::Database;
use crate::source::{SiteSource, StateRecord};

const NOW: &str = "2026-11-22T12:00:00Z";

struct Site {
    dir: TempDir,
    config: Config,
}

impl Site {
    fn new() -> Self {
        Self::with("")
    }

    fn with(more: &str) -> Self {
        let dir = TempDir::new().unwrap();
        for folder in ["data", "out/energy_data", "proc"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let text = format!(
            "electricity_tariff: {{tariff_type: g11, distribution_pricing: {{g11: {{type: static, price: 0.2}}}}}}\n{more}"
        );
        let config = Config::parse(&dir.path().join("config/c.yaml"), &text).unwrap();
        Self { dir, config }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join("out").join(name), text).unwrap();
    }

    fn decision(&self, name: &str, text: &str) {
        self.write(&format!("energy_data/{name}.json"), text);
    }

    fn path(&self) -> &Path {
        self.config.database.as_deref().unwrap()
    }

    fn run(&self, flags: &MigrateFlags) -> (Result<bool, Ended>, String) {
        let (_trigger, shutdown) = shutdown::channel();
        self.run_until(flags, &shutdown)
    }

    fn run_until(&self, flags: &MigrateFlags, shutdown: &Shutdown) -> (Result<bool, Ended>, String) {
        let proc_root = self.dir.path().join("proc");
        let place = Place { config: &self.config, proc_root: &proc_root, shutdown, now: NOW.parse().unwrap() };
        let (mut out, mut errors) = (Vec::new(), Vec::new());
        let ended = run(flags, &place, &mut out, &mut errors);
        (ended, String::from_utf8(out).unwrap())
    }

    fn migrate(&self) -> (bool, String) {
        let (ended, text) = self.run(&MigrateFlags::default());
        (ended.unwrap(), text)
    }

    fn rows(&self, sql: &str) -> Vec<String> {
        let connection = Connection::open(self.path()).unwrap();
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| {
            let values = (0..row.as_ref().column_count()).map(|index| match row.get_ref(index).unwrap() {
                rusqlite::types::ValueRef::Null => "-".to_owned(),
                _ => crate::source::sqlite::column_text(row, index).unwrap(),
            });
            Ok(values.collect::<Vec<_>>().join("|"))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    fn hashes(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        for folder in ["out", "out/energy_data"] {
            for entry in fs::read_dir(self.dir.path().join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    found.insert(path.clone(), fs::read(&path).unwrap());
                }
            }
        }
        found
    }
}

/// What the server makes of a day.
type Seen = (Vec<Decision>, Vec<crate::model::energy::EnergyRow>, Sums, usize);

fn seen(source: &mut dyn SiteSource, config: &Config, days: &[Date]) -> Vec<Seen> {
    let day = |date: &Date, source: &mut dyn SiteSource| {
        let range = Range::day(*date, &config.zone);
        let mut decisions = source.decisions(range).unwrap();
        for decision in &mut decisions {
            (decision.id, decision.created_at) = (None, None);
        }
        let energy = source.energy(range).unwrap();
        let mut sums = Sums::default();
        decisions.iter().for_each(|decision| sums.add_decision(decision));
        sums.add_import(&energy);
        let points = series(&energy).len();
        (decisions, energy, sums, points)
    };
    days.iter().map(|date| day(date, source)).collect()
}

fn state(source: &mut dyn SiteSource) -> StateRecord {
    let state = source.latest_state(NOW.parse().unwrap()).unwrap().unwrap();
    StateRecord { file_modified: None, trouble: None, ..state }
}

/// The days of both changes of the clock, one with everything odd, and whole files and lines on the same day.
fn odd_site() -> Site {
    let site = Site::new();
    for (day, hours) in [("2026-03-29", 0..24), ("2026-11-20", 0..24)] {
        let mut rows = Vec::new();
        for hour in hours.filter(|hour| day != "2026-03-29" || *hour != 2) {
            for minute in (0..60).step_by(5) {
                let meter = 100.0 + f64::from(hour) + f64::from(minute) / 60.0;
                let zone = if hour < 6 { "T2" } else { "T1" };
                rows.push(format!(
                    r#"{{"timestamp": "{day}T{hour:02}:{minute:02}:22.{minute:06}", "battery_soc": "{}", "pv_power": {},
                        "grid_import_total_kwh": {meter:.3}, "tariff_zone": "{zone}", "price_pln": 0.123456789012345678}}"#,
                    50 + hour,
                    if minute == 0 { "\"Unknown\"" } else { "1234.5" },
                ));
            }
        }
        // Older files lack keys, or hold what is not a number.
        rows[3] = format!(r#"{{"timestamp": "{day} 00:15:22", "grid_import_total_kwh": NaN, "battery_soc": null}}"#);
        site.write(&format!("energy_data/energy_data_{day}.json"), &format!("[{}]", rows.join(",\n")));
    }
    // The doubled hour: the order of the rows tells the passes apart, in one file with and in one without a hint.
    let fold = |created: bool| -> String {
        let mut rows = Vec::new();
        for (pass, utc) in [(0, 0), (1, 1)] {
            for minute in (0..60).step_by(5) {
                let created = if created {
                    format!(r#", "created_at": "2026-10-25 {utc:02}:{minute:02}:03""#)
                } else {
                    String::new()
                };
                rows.push(format!(
                    r#"{{"timestamp": "2026-10-25T02:{minute:02}:00.{pass}00000", "battery_soc": {}, "grid_import_total_kwh": {}{created}}}"#,
                    pass * 10 + minute,
                    pass * 60 + minute
                ));
            }
        }
        format!("[{}]", rows.join(","))
    };
    site.write("energy_data/energy_data_2026-10-25.json", &fold(false));
    site.write("energy_data/energy_data_2025-10-26.json", &fold(true).replace("2026-10-25", "2025-10-26"));
    let lines: Vec<String> = ["01:50", "02:05", "02:35", "02:05", "02:35", "03:10"]
        .iter()
        .enumerate()
        .map(|(index, time)| {
            format!(
                r#"{{"timestamp": "2026-10-25T{time}:0{index}", "action": "charge", "energy_kwh": "1.5", "estimated_cost_pln": 0.70000000000000007, "reason": "r{index} ⚡"}}"#
            )
        })
        .collect();
    site.write("charging_decision_20261025.json", &format!("{}\n{{\"timestamp\": \"2026-10-", lines.join("\n")));
    // A day of files of their own, and lines that hold one of them again, and more.
    let plain = r#"{
  "timestamp": "2026-11-20T10:15:00.123456",
  "action": "start_pv_charging", "source": "pv", "energy_kwh": 2.25, "estimated_cost_pln": 1.1,
  "confidence": NaN, "tariff_zone": "T2", "current_price": "0.61", "reason": "Słońce \" \\ "
}"#;
    site.decision("charging_decision_20261120_101500", plain);
    site.decision("charging_decision_20261120_103000", r#"{"action": null, "reason": "Start charging from grid"}"#);
    site.decision(
        "battery_selling_decision_20261120_180000",
        r#"{"timestamp": "2026-11-20T18:00:00", "action": "battery_selling", "decision": "start_selling",
            "energy_sold_kwh": 2.5, "expected_revenue_pln": 1.75, "reasoning": "peak"}"#,
    );
    site.decision(
        "battery_selling_decision_20261120_181500",
        r#"{"timestamp": "2026-11-20T18:15:00", "energy_kwh": 1}"#,
    );
    site.decision(
        "battery_selling_decision_20261120_190000",
        r#"{"session_id": "s1", "start_time": "2026-11-20T19:00:00", "end_time": null, "energy_sold_kwh": 9.5}"#,
    );
    site.decision(
        "battery_selling_decision_20261120_200000",
        r#"{"session_id": "s1", "start_time": "2026-11-20T19:00:00", "end_time": "2026-11-20T20:00:00", "revenue_pln": 7}"#,
    );
    let again = plain.replace('\n', " ");
    site.write(
        "charging_decision_20261120.json",
        &format!(
            "{again}\n{}\n\n{}\n",
            r#"{"timestamp": "2026-11-20T11:00:00", "action": "battery_selling", "expected_revenue_pln": 0.3}"#,
            r#"{"timestamp": "2026-11-20T12:00:00+01:00", "action": "wait", "reason": ""}"#
        ),
    );
    let data = |soc: &str, at: &str| {
        format!(
            r#"{{"timestamp": "{at}", "battery": {{"soc_percent": {soc}, "voltage": "Unknown"}}, "pv": {{"power": 1200}},
                "consumption": {{"power_w": "400"}}, "grid": {{"current_power_w": -5}}}}"#
        )
    };
    site.write(
        "coordinator_state_20261121_235500.json",
        &format!(
            r#"{{"timestamp": "2026-11-21T23:55:00.5", "state": "monitoring", "uptime_seconds": 12.5, "current_data": {}}}"#,
            data("70.10", "2026-11-21T23:54:59")
        ),
    );
    let line = |second: u32| {
        let data = data("\"71\"", &format!("2026-11-22T11:5{second}:00")).replace('\n', " ");
        format!(
            r#"{{"timestamp": "2026-11-22T11:5{second}:01", "state": "charging", "current_data": {data}, "decision_count": 3}}"#
        )
    };
    site.write("coordinator_state_20261122.json", &format!("{}\n{}\n{}", line(0), line(1), &line(2)[..60]));
    site
}

#[test]
fn the_server_reads_back_from_the_database_what_it_read_from_the_files() {
    let site = odd_site();
    let days: Vec<Date> =
        ["2025-10-26", "2026-03-29", "2026-10-25", "2026-11-20"].map(|day| day.parse().unwrap()).into();
    let config = &site.config;
    let files = || Files::new(config.out_dir.clone(), config.energy_data_dir.clone(), config.zone.clone());
    let (from_files, newest) = (seen(&mut files(), config, &days), state(&mut files()));
    let before = site.hashes();
    let (clean, text) = site.migrate();
    assert!(clean, "{text}");
    assert_eq!(site.hashes(), before, "source files are left as they are");
    let (_trigger, shutdown) = shutdown::channel();
    let mut database = Database::new(site.path().to_owned(), config.zone.clone(), shutdown, false);
    let from_database = seen(&mut database, config, &days);
    for ((date, expected), found) in days.iter().zip(&from_files).zip(&from_database) {
        for (a, b) in expected.0.iter().zip(&found.0) {
            // 12:00+01:00 stands as naive local time in the database, as all times there.
            let mut b = b.clone();
            b.timestamp.clone_from(&a.timestamp);
            assert_eq!(a, &b, "{date}");
        }
        assert_eq!(expected.0.len(), found.0.len(), "{date}");
        assert_eq!((&expected.1, &expected.2, expected.3), (&found.1, &found.2, found.3), "{date}");
    }
    assert_eq!(from_files[3].0.len(), 6);
    assert_eq!(from_files[2].1.len(), 24);
    assert_eq!(state(&mut database), newest);
    assert_eq!((newest.reading.battery.soc_pct, newest.stated.as_str()), (Ok(71.0), "2026-11-22T11:51:00"));
    // Once more, and nothing is added; not a row is another one.
    let all = |site: &Site| -> Vec<Vec<String>> {
        Table::ALL.map(|table| site.rows(&format!("SELECT * FROM {} ORDER BY rowid", table.name()))).into()
    };
    let rows = all(&site);
    let (clean, text) = site.migrate();
    assert!(clean && all(&site) == rows, "{text}");
    for line in text.lines().filter(|line| line.contains(" added")) {
        assert!(line.contains(" 0 added"), "{text}");
    }
}

#[test]
fn rows_are_what_the_schema_wants() {
    let site = odd_site();
    site.migrate();
    assert_eq!(site.rows("SELECT version, applied_at FROM schema_version").last().unwrap(), "4|2026-11-22 12:00:00");
    assert_eq!(
        site.rows("SELECT session_id, start_time, end_time, energy_sold_kwh, revenue_pln, created_at FROM battery_selling_sessions"),
        ["s1|2026-11-20T19:00:00|2026-11-20T20:00:00|9.5|7|2026-11-22 12:00:00"]
    );
    assert_eq!(
        site.rows("SELECT timestamp, state, uptime, metrics FROM system_state ORDER BY timestamp LIMIT 1"),
        [
            r#"2026-11-21T23:55:00.5|monitoring|12.5|{"current_data":{"timestamp":"2026-11-21T23:54:59","battery":{"soc_percent":70.10,"voltage":"Unknown"},"pv":{"power":1200},"consumption":{"power_w":"400"},"grid":{"current_power_w":-5}},"uptime_seconds":12.5}"#
        ]
    );
    let sale = "SELECT action, reason, parameters FROM coordinator_decisions WHERE timestamp LIKE '2026-11-20T18:15%'";
    assert_eq!(site.rows(sale), [r#"battery_selling|-|{"timestamp":"2026-11-20T18:15:00","energy_kwh":1}"#]);
    // Where the passes of the doubled hour have to be told apart, created_at tells them.
    assert_eq!(
        site.rows("SELECT created_at FROM energy_data WHERE timestamp IN ('2026-10-25T02:30:00.000000', '2026-10-25T02:30:00.100000', '2026-11-20T10:00:22.000000')"),
        ["2026-10-25 00:30:00", "2026-10-25 01:30:00", "2026-11-22 12:00:00"]
    );
    assert_eq!(site.rows("PRAGMA journal_mode"), ["wal"]);
    let indexed = site.rows(
        "SELECT DISTINCT tbl_name FROM sqlite_schema WHERE type = 'index' AND sql LIKE '%(timestamp)%' ORDER BY 1",
    );
    assert_eq!(
        indexed,
        ["coordinator_decisions", "energy_data", "price_forecasts", "pv_forecasts", "system_state", "weather_data"]
    );
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let site = odd_site();
    let dry = MigrateFlags { dry_run: true, ..MigrateFlags::default() };
    let (ended, planned) = site.run(&dry);
    assert!(ended.unwrap());
    assert!(fs::read_dir(site.dir.path().join("data")).unwrap().next().is_none(), "nothing is made");
    assert!(planned.contains("which would be made, schema version 4); nothing is written"), "{planned}");
    let (_, done) = site.migrate();
    let numbers = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.contains("already there") && !line.contains("sessions"));
        lines.map(|line| line.replace("to be added", "added")).collect()
    };
    assert_eq!(numbers(&planned), numbers(&done));
    let before = fs::metadata(site.path()).unwrap().modified().unwrap();
    let (_, again) = site.run(&dry);
    assert!(again.contains("decisions         0 to be added, 13 already there"), "{again}");
    assert_eq!(fs::metadata(site.path()).unwrap().modified().unwrap(), before);
    assert_eq!(fs::read_dir(site.dir.path().join("data")).unwrap().count(), 1);
}

#[test]
fn what_the_coordinator_wrote_itself_is_recognised() {
    let site = odd_site();
    site.migrate();
    // Its own rows: other words around the same decision, other text of the same time, the second pass by created_at.
    let connection = Connection::open(site.path()).unwrap();
    connection
        .execute_batch(
            "DELETE FROM coordinator_decisions WHERE timestamp > '2026-11-20' OR timestamp LIKE '2026-10-25T02:05%';
             DELETE FROM energy_data;
             INSERT INTO energy_data (timestamp, battery_soc) VALUES ('2026-11-20 00:05:22.000005', 1);
             INSERT INTO coordinator_decisions (timestamp, decision_type, action, reason, parameters, created_at) VALUES
             ('2026-11-20T10:15:00.123456', 'charging', 'start_pv_charging', 'x', '{}', '2026-11-20 09:15:01'),
             ('2026-11-20T10:30:00', 'charging', NULL, 'Start charging from grid', NULL, '2026-11-20 09:30:01'),
             ('2026-10-25T02:05:01', 'charging', 'charge', 'x', '{}', '2026-10-25 01:05:02');",
        )
        .unwrap();
    drop(connection);
    let (_, text) = site.migrate();
    assert!(text.contains("decisions         5 added, 8 already there"), "{text}");
    assert_eq!(site.rows("SELECT count(*) FROM energy_data WHERE timestamp LIKE '2026-11-20%00:05:22%'"), ["1"]);
}

#[test]
fn broken_files_are_named_and_skipped() {
    let site = Site::new();
    site.decision("charging_decision_20261120_101500", r#"{"timestamp": "2026-11-20T10:15:00", "action": "wait"}"#);
    site.decision("charging_decision_20261120_103000", r#"{"timestamp": "2026-11-20T10:"#);
    site.decision("charging_decision_20261120_104500", r#"{"timestamp": "soon", "action": "wait"}"#);
    site.decision("charging_decision_20261120_110000", "");
    site.decision("charging_decision_plan", "{}");
    site.write(
        "energy_data/energy_data_2026-11-20.json",
        r#"[{"timestamp": "2026-11-20T10:15:00"}, 7, {"pv_power": 1}]"#,
    );
    site.write("energy_data/energy_data_2026-11-21.json", r#"[{"timestamp": "2026-11-21T10:15:00"}"#);
    site.write(
        "charging_decision_20261121.json",
        "{\"timestamp\": \"2026-11-21T10:00:00\"}\nhalf\n{\"timestamp\": \"2026-1",
    );
    site.write("coordinator_state_20261121.json", "{\"timestamp\": \"2026-1");
    fs::create_dir(site.dir.path().join("out/coordinator_state_20261122.json")).unwrap();
    let (clean, text) = site.migrate();
    assert!(!clean);
    for expected in [
        "refused: ",
        "charging_decision_20261120_103000.json: not readable: EOF",
        "charging_decision_20261120_104500.json: \"soon\" is not a time from 2000 to 2100",
        "charging_decision_20261120_110000.json: not readable",
        "energy_data_2026-11-20.json: row 2: it has no timestamp (and 1 more); the rest of it was taken",
        "energy_data_2026-11-21.json: not readable",
        "charging_decision_20261121.json: line 2: not readable",
        "coordinator_state_20261122.json is not a file of at most",
        "left alone: ",
        "9 files read, 7 refused, 2 end in half a line, which is left out",
        "energy rows       1 added",
        "decisions         2 added",
        "states            0 added",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert_eq!(site.rows("SELECT count(*) FROM coordinator_decisions"), ["2"]);
}

#[test]
fn beside_the_coordinator_only_by_force() {
    let site = odd_site();
    let process = site.dir.path().join("proc/300");
    fs::create_dir_all(&process).unwrap();
    fs::write(process.join("cmdline"), "python3\0src/master_coordinator.py\0").unwrap();
    let (ended, _) = site.run(&MigrateFlags::default());
    let Err(Ended::NotStarted(fault)) = ended else { panic!("{ended:?}") };
    assert_eq!(
        fault.to_string(),
        "the coordinator runs (process 300): stop it first, or say --force to write beside it"
    );
    assert!(!site.path().exists());
    assert!(site.run(&MigrateFlags { dry_run: true, ..MigrateFlags::default() }).0.unwrap());
    assert!(site.run(&MigrateFlags { force: true, ..MigrateFlags::default() }).0.unwrap());
}

#[test]
fn older_versions_stay_what_they_are_and_others_are_refused() {
    let old = "CREATE TABLE schema_version(version INTEGER PRIMARY KEY, applied_at TEXT, description TEXT);
        INSERT INTO schema_version VALUES (1, '', '');
        CREATE TABLE energy_data(timestamp TEXT PRIMARY KEY, battery_soc REAL, pv_power INTEGER, created_at TEXT);
        CREATE TABLE system_state(id INTEGER PRIMARY KEY, timestamp TEXT, metrics TEXT, created_at TEXT);
        CREATE TABLE coordinator_decisions(id INTEGER PRIMARY KEY, timestamp TEXT, action TEXT, reason TEXT NOT NULL,
            parameters TEXT, created_at TEXT);";
    let site = odd_site();
    Connection::open(site.path()).unwrap().execute_batch(old).unwrap();
    let (clean, text) = site.migrate();
    assert!(!clean);
    for expected in [
        "(schema version 1)",
        "note: the database has no energy_data grid_power, house_consumption, ",
        "battery_selling_decision_20261120_190000.json: the database has no table battery_selling_sessions (it is of version 1)",
        "battery_selling_decision_20261120_180000.json: the database does not take it: NOT NULL constraint failed",
        "states            3 added",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert_eq!(site.rows("SELECT max(version) FROM schema_version"), ["1"]);
    assert_eq!(site.rows("PRAGMA journal_mode"), ["delete"]);
    for (sql, expected) in [
        (old.replace("(1, ''", "(5, ''"), "the database is of schema version 5; versions 1 to 4 are known here"),
        ("CREATE TABLE recipes(name TEXT)".to_owned(), "is a database, but not the coordinator's"),
    ] {
        let site = odd_site();
        Connection::open(site.path()).unwrap().execute_batch(&sql).unwrap();
        for dry_run in [true, false] {
            let (ended, _) = site.run(&MigrateFlags { dry_run, ..MigrateFlags::default() });
            let Err(Ended::NotStarted(fault)) = ended else { panic!("{ended:?}") };
            assert!(fault.to_string().contains(expected), "{fault}");
        }
    }
    let site = odd_site();
    fs::write(site.path(), "not a database, but long enough to be one ".repeat(50)).unwrap();
    let Err(Ended::NotStarted(fault)) = site.run(&MigrateFlags::default()).0 else { panic!() };
    assert!(fault.to_string().ends_with("the file is not an SQLite database"), "{fault}");
    let site = Site::with("data_storage: {database_storage: {enabled: false}}\n");
    let (ended, _) = site.run(&MigrateFlags::default());
    assert!(matches!(ended, Err(Ended::NotStarted(fault)) if fault.to_string().contains("enabled is false")));
}

#[test]
fn a_signal_ends_it_after_the_current_file_and_the_next_run_goes_on() {
    let site = odd_site();
    let (trigger, shutdown) = shutdown::channel();
    trigger.stop();
    let (ended, text) = site.run_until(&MigrateFlags::default(), &shutdown);
    assert!(matches!(ended, Err(Ended::Stopped)));
    assert!(text.contains("stopped after 1 of 14 files; what was taken over stays"), "{text}");
    assert_eq!(site.rows("SELECT count(*) FROM energy_data"), ["24"]);
    let (clean, text) = site.migrate();
    assert!(clean && text.contains("energy rows       588 added, 24 already there"), "{text}");
}

#[test]
fn without_files_there_is_nothing_to_do() {
    let site = Site::new();
    let (clean, text) = site.migrate();
    assert!(clean && text.starts_with("nothing to do"), "{text}");
    assert!(!site.path().exists());
}

#[test]
fn nothing_is_added_when_another_program_holds_the_database() {
    let site = odd_site();
    site.migrate();
    let connection = Connection::open(site.path()).unwrap();
    connection.execute_batch("DELETE FROM energy_data; BEGIN IMMEDIATE").unwrap();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| site.run(&MigrateFlags::default()));
        // It waits for its turn, and gets it.
        std::thread::sleep(Duration::from_millis(300));
        connection.execute_batch("COMMIT").unwrap();
        assert!(other.join().unwrap().0.unwrap());
    });
}
