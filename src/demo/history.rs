//! The simulated site's past: folders, configuration, a database with days of rows, logs of the last two of them.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;

use super::coordinator::{Coordinator, Lines};
use super::{config_file, database};
use crate::base::fault::{Fault, io_fault};

/// Time between two rows of energy data.
pub const ROW_S: i64 = 300;
/// Time between two decisions.
pub const DECISION_S: i64 = 900;
/// How far back states are kept.
pub const STATES: SignedDuration = SignedDuration::from_hours(3);
const LOGS: SignedDuration = SignedDuration::from_hours(48);
/// How long the coordinator says that it has been running.
const UPTIME: SignedDuration = SignedDuration::from_hours(74);

/// Where everything lies.
#[derive(Debug, Clone)]
pub struct Paths {
    /// The configuration file.
    pub config: PathBuf,
    /// The database.
    pub database: PathBuf,
    /// The folder of the logs.
    pub logs: PathBuf,
}

impl Paths {
    /// The places of a site whose root is `root`.
    pub fn under(root: &Path) -> Self {
        Self {
            config: root.join("config/master_coordinator_config.yaml"),
            database: root.join("data/goodwe_energy.db"),
            logs: root.join("logs"),
        }
    }
}

/// Writes a site with `days` whole days before today and today until `now`; answers the coordinator to go on with.
///
/// # Errors
/// When something cannot be written.
pub fn write(
    root: &Path,
    (days, seed): (u32, u64),
    zone: &TimeZone,
    now: Timestamp,
    price_url: &str,
) -> Result<Coordinator, Fault> {
    for folder in ["config", "data", "logs", "out"] {
        let path = root.join(folder);
        fs::create_dir(&path).map_err(|error| io_fault("create", &path, &error))?;
    }
    let paths = Paths::under(root);
    write_file(&paths.config, &config_file::text(price_url))?;

    let from = first_instant(days, zone, now)?;
    let mut coordinator = Coordinator::new(seed, zone, from, now - UPTIME);
    let connection = database::create(&paths.database)?;
    let lines = fill(&connection, &mut coordinator, from, now)
        .map_err(|error| database::sql_fault("write the demo's history", &error))?;
    for (name, text) in lines.files() {
        write_file(&paths.logs.join(name), text)?;
    }
    Ok(coordinator)
}

/// All rows, in one transaction.
fn fill(
    connection: &Connection,
    coordinator: &mut Coordinator,
    from: Timestamp,
    now: Timestamp,
) -> rusqlite::Result<Lines> {
    let transaction = connection.unchecked_transaction()?;
    let mut lines = Lines::default();
    let mut at = from;
    while at <= now {
        let age = now.duration_since(at);
        let reading = coordinator.advance(at);
        let second = at.as_second();
        if second % ROW_S == 0 {
            coordinator.record_energy(&transaction, &reading)?;
            if age < LOGS {
                coordinator.tell_collected(&reading, &mut lines);
                coordinator.tell_status(&reading, &mut lines);
            }
        }
        if second % DECISION_S == 0 {
            coordinator.decide(&transaction, &reading, (age < LOGS).then_some(&mut lines))?;
        }
        if age < STATES {
            coordinator.record_state(&transaction, &reading)?;
        }
        // The last hours are told minute by minute.
        let step_s = if age <= STATES { 60 } else { ROW_S };
        at += SignedDuration::from_secs(step_s);
    }
    transaction.commit()?;
    Ok(lines)
}

/// Local midnight `days` days before `now`.
fn first_instant(days: u32, zone: &TimeZone, now: Timestamp) -> Result<Timestamp, Fault> {
    let today = now.to_zoned(zone.clone()).date();
    jiff::Span::new()
        .try_days(days)
        .and_then(|span| today.checked_sub(span))
        .and_then(|first| first.to_zoned(zone.clone()))
        .map(|midnight| midnight.timestamp())
        .map_err(|error| Fault::invalid(format!("cannot make a demo of {days} days: {error}")))
}

fn write_file(path: &Path, text: &str) -> Result<(), Fault> {
    fs::write(path, text).map_err(|error| io_fault("write", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::zones;

    fn site(days: u32, seed: u64, now: &str) -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let zone = zones::zone(config_file::ZONE).unwrap();
        write(folder.path(), (days, seed), &zone, now.parse().unwrap(), "http://127.0.0.1:1/api/csdac-pln").unwrap();
        let connection = database::open(&Paths::under(folder.path()).database).unwrap();
        (folder, connection)
    }

    fn count(database: &Connection, sql: &str) -> i64 {
        database.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn all_of(database: &Connection) -> Vec<String> {
        let mut statement = database
            .prepare(
                "SELECT timestamp || battery_soc || '|' || grid_power || '|' || grid_import_total_kwh FROM energy_data \
                 UNION ALL SELECT timestamp || action || parameters FROM coordinator_decisions \
                 UNION ALL SELECT timestamp || metrics FROM system_state",
            )
            .unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn the_same_seed_makes_the_same_site() {
        let now = "2026-11-22T13:07:22Z";
        assert_eq!(all_of(&site(3, 7, now).1), all_of(&site(3, 7, now).1));
        assert_ne!(all_of(&site(3, 7, now).1), all_of(&site(3, 8, now).1));
    }

    #[test]
    fn every_row_is_there_on_long_and_short_days_too() {
        for (now, rows) in [
            ("2026-11-22T23:00:00Z", 288),
            // The clock goes back: 25 hours. Both passes of the doubled hour are kept.
            ("2026-10-25T23:00:00Z", 300),
            ("2026-03-29T22:00:00Z", 276),
        ] {
            let (_folder, database) = site(1, 7, now);
            let day = &now[..10];
            let sql = format!("SELECT count(*) FROM energy_data WHERE timestamp LIKE '{day}%'");
            assert_eq!(count(&database, &sql), rows, "{now}");
            let decisions = sql.replace("energy_data", "coordinator_decisions");
            assert_eq!(count(&database, &decisions), rows / 3, "{now}");
        }
    }

    #[test]
    fn rows_balance_and_leave_empty_what_the_coordinator_leaves_empty() {
        let (_folder, database) = site(10, 7, "2026-11-22T13:07:22Z");
        let unbalanced =
            "SELECT count(*) FROM energy_data WHERE pv_power + battery_power <> house_consumption + grid_power";
        assert_eq!(count(&database, unbalanced), 0);
        let filled = "SELECT count(price_pln) + count(grid_frequency) FROM energy_data";
        assert_eq!(count(&database, filled), 0);
        assert_eq!(count(&database, "SELECT count(source_module) FROM coordinator_decisions"), 0);
        let selling =
            "SELECT count(*) FROM coordinator_decisions WHERE (action = 'battery_selling') <> (decision_type IS NULL)";
        assert_eq!(count(&database, selling), 0);
        assert!((175..=185).contains(&count(&database, "SELECT count(*) FROM system_state")));
        assert!(count(&database, "SELECT count(*) FROM charging_sessions") > 0);
        let newest: String =
            database.query_row("SELECT max(timestamp) FROM energy_data", [], |row| row.get(0)).unwrap();
        assert!(newest.starts_with("2026-11-22T14:05:00."), "{newest}");
    }

    #[test]
    fn parameters_and_metrics_are_json_with_the_keys_readers_look_for() {
        let (_folder, database) = site(5, 7, "2026-11-22T13:07:22Z");
        for sql in [
            "SELECT count(*) FROM coordinator_decisions WHERE parameters ->> '$.confidence' NOT BETWEEN 0 AND 1",
            "SELECT count(*) FROM coordinator_decisions WHERE parameters ->> '$.tariff_zone' NOT IN ('T1', 'T2')",
            "SELECT count(*) FROM coordinator_decisions WHERE decision_type = 'charging' \
             AND (parameters ->> '$.current_price' IS NULL OR parameters ->> '$.energy_kwh' IS NULL)",
            "SELECT count(*) FROM system_state WHERE metrics ->> '$.current_data.photovoltaic.current_power_w' IS NULL",
            "SELECT count(*) FROM system_state WHERE metrics ->> '$.current_data.timestamp' <> timestamp",
        ] {
            assert_eq!(count(&database, sql), 0, "{sql}");
        }
    }

    #[test]
    fn logs_are_in_order_and_in_the_coordinators_format() {
        let (folder, _database) = site(3, 7, "2026-11-22T13:07:22Z");
        for name in [super::super::telling::MASTER_LOG, super::super::telling::DATA_LOG] {
            let text = fs::read_to_string(folder.path().join("logs").join(name)).unwrap();
            let stamps: Vec<&str> =
                text.lines().filter(|line| line.starts_with("2026-")).map(|line| &line[..19]).collect();
            assert!(stamps.len() > 500 && stamps.is_sorted(), "{name}");
        }
    }

    #[test]
    fn sixty_days_are_quick() {
        let started = std::time::Instant::now();
        site(60, 7, "2026-11-22T13:07:22Z");
        // Generous: an unoptimised build on a busy machine.
        assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
    }
}
