//! The coordinator's database, as schema version 4 has it: its tables, and one function for each row it gets.

use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use rusqlite::{Connection, OpenFlags, params};
use serde_json::Value;

use super::house::{Reading, Session};
use super::plan::Decision;
use crate::base::fault::{Fault, Kind};
use crate::base::units::round_to;

/// Everything that version 4 has.
const SCHEMA: &str = include_str!("../source/sqlite/schema.sql");

/// How long a write waits for its turn. Short, because nothing ends the wait at a shutdown; the player tries again.
const BUSY: Duration = Duration::from_secs(1);

/// Makes the database at `path` in WAL mode, with all tables and no rows.
///
/// # Errors
/// When the file cannot be written.
pub fn create(path: &Path) -> Result<Connection, Fault> {
    let doing = |error| sql_fault("create the demo's database", &error);
    let connection = Connection::open(path).map_err(doing)?;
    settle(&connection).and_then(|()| connection.execute_batch(SCHEMA)).map_err(doing)?;
    Ok(connection)
}

/// Opens the database at `path`, which must be there.
///
/// # Errors
/// When it is not there or not a database.
pub fn open(path: &Path) -> Result<Connection, Fault> {
    let doing = |error| sql_fault("open the demo's database", &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(doing)?;
    settle(&connection).map_err(doing)?;
    Ok(connection)
}

fn settle(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "NORMAL")
}

/// A five-minute row. What the coordinator never fills stays null.
///
/// # Errors
/// SQLite's.
pub fn insert_energy(to: &Connection, reading: &Reading, at: &Zoned) -> rusqlite::Result<()> {
    let total = reading.total;
    to.prepare_cached(
        "INSERT OR REPLACE INTO energy_data (timestamp, battery_soc, pv_power, grid_power, house_consumption, \
         battery_power, grid_voltage, battery_voltage, battery_current, battery_temperature, created_at, \
         grid_import_total_kwh, grid_export_total_kwh, house_consumption_total_kwh, pv_generation_total_kwh, \
         tariff_zone) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        naive(at),
        reading.soc_pct,
        reading.pv_w,
        reading.grid_w,
        reading.load_w,
        reading.battery_w,
        reading.grid_v,
        reading.battery_v,
        round_to(reading.battery_w as f64 / reading.battery_v, 2),
        reading.battery_c,
        created_at(reading.at),
        round_to(total.import_kwh, 3),
        round_to(total.export_kwh, 3),
        round_to(total.load_kwh, 3),
        // The column's name promises more than it holds: the day's generation.
        round_to(reading.today.pv_kwh, 3),
        reading.tariff_zone(),
    ])?;
    Ok(())
}

/// A state row.
///
/// # Errors
/// SQLite's.
pub fn insert_state(
    to: &Connection,
    reading: &Reading,
    state: &str,
    uptime_s: f64,
    metrics: &Value,
) -> rusqlite::Result<()> {
    to.prepare_cached(
        "INSERT INTO system_state (timestamp, state, uptime, active_modules, metrics, created_at) \
         VALUES (?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        naive(&reading.local),
        state,
        uptime_s,
        r#"["data_collector", "price_analyzer", "charging_controller", "polish_electricity_analyzer"]"#,
        metrics.to_string(),
        created_at(reading.at),
    ])?;
    Ok(())
}

/// A decision.
///
/// # Errors
/// SQLite's.
pub fn insert_decision(to: &Connection, decision: &Decision, at: &Zoned) -> rusqlite::Result<()> {
    to.prepare_cached(
        "INSERT INTO coordinator_decisions (timestamp, decision_type, action, reason, parameters, created_at) \
         VALUES (?, ?, ?, ?, ?, ?)",
    )?
    .execute(params![
        naive(at),
        decision.kind,
        decision.action,
        decision.reason,
        decision.parameters.to_string(),
        created_at(decision.at),
    ])?;
    Ok(())
}

/// A charging session that has ended.
///
/// # Errors
/// SQLite's.
pub fn insert_session(to: &Connection, session: &Session, zone: &TimeZone) -> rusqlite::Result<()> {
    let start = session.start.to_zoned(zone.clone());
    let average = if session.energy_kwh > 0.0 { session.cost_pln / session.energy_kwh } else { 0.0 };
    to.prepare_cached(
        "INSERT OR REPLACE INTO charging_sessions (session_id, start_time, end_time, target_soc, energy_kwh, \
         cost_pln, status, avg_price, created_at) VALUES (?, ?, ?, 90, ?, ?, 'completed', ?, ?)",
    )?
    .execute(params![
        format!("charge_{}", session.start.as_second()),
        naive(&start),
        naive(&session.end.to_zoned(zone.clone())),
        round_to(session.energy_kwh, 3),
        round_to(session.cost_pln, 4),
        round_to(average, 4),
        created_at(session.end),
    ])?;
    Ok(())
}

/// Forgets states older than `before`, so that a demo left running does not fill the disk.
///
/// # Errors
/// SQLite's.
pub fn prune_states(to: &Connection, before: &Zoned) -> rusqlite::Result<()> {
    to.prepare_cached("DELETE FROM system_state WHERE timestamp < ?")?.execute([naive(before)])?;
    Ok(())
}

/// A timestamp as Python's `isoformat` writes it: local, without offset, microseconds unless there are none.
pub fn naive(at: &Zoned) -> String {
    let whole = at.subsec_nanosecond() < 1_000;
    at.strftime(if whole { "%Y-%m-%dT%H:%M:%S" } else { "%Y-%m-%dT%H:%M:%S%.6f" }).to_string()
}

/// `created_at` as SQLite writes it: UTC, whole seconds.
pub fn created_at(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// SQLite's error as a fault: `cannot {doing}: ...`.
pub fn sql_fault(doing: &str, error: &rusqlite::Error) -> Fault {
    let kind = match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => Kind::Locked,
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => Kind::Invalid,
        _ => Kind::Io,
    };
    Fault::new(kind, format!("cannot {doing}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_those_of_version_4() {
        let folder = tempfile::tempdir().unwrap();
        let database = create(&folder.path().join("energy.db")).unwrap();
        let columns = |table: &str| -> String {
            let mut statement = database.prepare(&format!("SELECT name FROM pragma_table_info('{table}')")).unwrap();
            let names: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
            names.join(" ")
        };
        for (table, expected) in [
            ("schema_version", "version applied_at description"),
            (
                "energy_data",
                "timestamp battery_soc pv_power grid_power house_consumption battery_power grid_voltage grid_frequency \
                 battery_voltage battery_current battery_temperature price_pln created_at grid_import_total_kwh \
                 grid_export_total_kwh house_consumption_total_kwh pv_generation_total_kwh tariff_zone",
            ),
            ("system_state", "id timestamp state uptime active_modules last_error metrics created_at"),
            ("coordinator_decisions", "id timestamp decision_type action reason parameters source_module created_at"),
            (
                "charging_sessions",
                "session_id start_time end_time target_soc energy_kwh cost_pln status avg_price created_at",
            ),
            (
                "battery_selling_sessions",
                "session_id start_time end_time energy_sold_kwh revenue_pln avg_price status created_at",
            ),
            (
                "weather_data",
                "timestamp source temperature humidity pressure wind_speed wind_direction cloud_cover \
                 solar_irradiance precipitation created_at",
            ),
            ("price_forecasts", "timestamp forecast_date hour price_pln source confidence created_at"),
            (
                "pv_forecasts",
                "timestamp forecast_date hour predicted_power_w source confidence weather_conditions created_at",
            ),
        ] {
            assert_eq!(columns(table), expected, "{table}");
        }
        let version: i64 = database.query_row("SELECT max(version) FROM schema_version", [], |row| row.get(0)).unwrap();
        let mode: String = database.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
        assert_eq!((version, mode.as_str()), (4, "wal"));
    }

    #[test]
    fn timestamps_are_pythons() {
        for (fraction, expected) in [("", ""), (".9", ".900000"), (".1234567", ".123456"), (".0000004", "")] {
            let at: Timestamp = format!("2026-11-22T14:07:21{fraction}+01:00").parse().unwrap();
            let at = at.to_zoned(crate::base::zones::zone("Europe/Warsaw").unwrap());
            assert_eq!(naive(&at), format!("2026-11-22T14:07:21{expected}"));
            assert_eq!(created_at(at.timestamp()), "2026-11-22 13:07:21");
        }
    }

    #[test]
    fn opening_makes_no_database() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none.db");
        assert!(open(&path).is_err());
        assert!(!path.exists());
    }
}
