//! The database's rows as the model has them.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

use super::query::{Columns, number, sql_fault, text};
use super::{Database, Health};
use crate::base::fault::{Fault, Kind};
use crate::base::fnv::Fnv;
use crate::model::decision::{Decision, RawDecision};
use crate::model::energy::EnergyRow;
use crate::model::time::{FUTURE_ALLOWED, FoldResolver, Range, SiteZone, each_day, parse_local, parse_utc};
use crate::source::{DayPrint, SiteSource, StateRecord, json};

const STATE_DEADLINE: Duration = Duration::from_secs(5);
const DECISIONS_DEADLINE: Duration = Duration::from_secs(10);
const SUMMARY_DEADLINE: Duration = Duration::from_secs(30);
/// How far back a reading that says anything is looked for: eight hours of minutely rows.
const STATES_LOOKED_AT: u32 = 480;

impl SiteSource for Database {
    /// The newest row by id and the newest one by its timestamp usually are one. Where they differ (imported rows, a
    /// clock that was set, the doubled hour), the later instant wins that does not lie in the future.
    fn latest_state(&mut self, now: Timestamp) -> Result<Option<StateRecord>, Fault> {
        self.session(STATE_DEADLINE, |connection, columns, zone| {
            let by_id = newest_state(connection, columns, zone, "id", now)?;
            let by_time = newest_state(connection, columns, zone, "timestamp", now)?;
            let past = |record: &StateRecord| record.reading.at <= now + FUTURE_ALLOWED;
            Ok(match (by_id, by_time) {
                (Some(a), Some(b)) if past(&a) && past(&b) => Some(if b.reading.at > a.reading.at { b } else { a }),
                (Some(a), Some(b)) => Some(if past(&b) { b } else { a }),
                (a, b) => a.or(b),
            })
        })
    }

    fn decisions(&mut self, range: Range) -> Result<Vec<Decision>, Fault> {
        self.session(DECISIONS_DEADLINE, |connection, columns, zone| decisions(connection, columns, zone, range))
    }

    fn energy(&mut self, range: Range) -> Result<Vec<EnergyRow>, Fault> {
        self.session(SUMMARY_DEADLINE, |connection, columns, zone| energy(connection, columns, zone, range))
    }

    fn days(&mut self, first: Date, last: Date) -> Result<BTreeMap<Date, DayPrint>, Fault> {
        self.session(SUMMARY_DEADLINE, |connection, columns, _| {
            let mut days = BTreeMap::new();
            for (date, print) in day_prints(connection, columns, "coordinator_decisions", first, last)? {
                days.entry(date).or_insert_with(DayPrint::default).decisions = print;
            }
            for (date, print) in day_prints(connection, columns, "energy_data", first, last)? {
                days.entry(date).or_insert_with(DayPrint::default).energy = print;
            }
            Ok(days)
        })
    }

    fn first_day(&mut self) -> Result<Option<Date>, Fault> {
        self.session(STATE_DEADLINE, |connection, columns, _| {
            let mut first: Option<Date> = None;
            for table in ["coordinator_decisions", "energy_data"] {
                columns.list(connection, table, &["timestamp"])?;
                // Not before 2000: a clock that was never set is no beginning.
                let sql = format!("SELECT min(timestamp) FROM {table} WHERE timestamp >= '2000'");
                let found = connection
                    .query_row(&sql, [], |row| Ok(text(row, 0)))
                    .map_err(|error| sql_fault(&error))?
                    .and_then(|text| text.get(..10)?.parse::<Date>().ok());
                first = match (first, found) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
            }
            Ok(first)
        })
    }
}

impl Database {
    /// What the database is like; asked for when it was just opened.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn health(&mut self, now: Timestamp) -> Result<Health, Fault> {
        self.session(STATE_DEADLINE, |connection, columns, zone| {
            let schema_version = connection
                .query_row("SELECT max(version) FROM schema_version", [], |row| row.get::<_, Option<i64>>(0))
                .unwrap_or(None);
            let yesterday = zone.naive(now - Duration::from_secs(86_400));
            columns.list(connection, "coordinator_decisions", &["timestamp"])?;
            let decisions_24h = connection
                .query_row("SELECT count(*) FROM coordinator_decisions WHERE timestamp >= ?1", [yesterday], |row| {
                    row.get::<_, i64>(0)
                })
                .map_err(|error| sql_fault(&error))?;
            Ok(Health { schema_version, decisions_24h: decisions_24h.unsigned_abs() })
        })
    }

    /// How many rows each table of interest has; `None` where it is missing. For `wattboard check`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn row_counts(&mut self) -> Result<Vec<(&'static str, Option<u64>)>, Fault> {
        self.session(SUMMARY_DEADLINE, |connection, columns, _| {
            let tables = ["energy_data", "system_state", "coordinator_decisions"];
            tables
                .into_iter()
                .map(|table| {
                    match columns.list(connection, table, &["timestamp"]) {
                        Err(fault) if fault.kind() == Kind::Missing => return Ok((table, None)),
                        Err(fault) => return Err(fault),
                        Ok(_) => {}
                    }
                    let count: i64 = connection
                        .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
                        .map_err(|error| sql_fault(&error))?;
                    Ok((table, Some(count.unsigned_abs())))
                })
                .collect()
        })
    }
}

fn newest_state(
    connection: &Connection,
    columns: &mut Columns,
    zone: &SiteZone,
    order: &str,
    now: Timestamp,
) -> Result<Option<StateRecord>, Fault> {
    let list = columns.list(connection, "system_state", &["timestamp", "metrics", "created_at"])?;
    let sql = format!("SELECT {list} FROM system_state ORDER BY {order} DESC LIMIT ?1");
    let mut statement = connection.prepare_cached(&sql).map_err(|error| sql_fault(&error))?;
    let mut rows = statement.query([STATES_LOOKED_AT]).map_err(|error| sql_fault(&error))?;
    let mut broken = None;
    while let Some(row) = rows.next().map_err(|error| sql_fault(&error))? {
        match state(row, zone, now) {
            Ok(Some(record)) => return Ok(Some(StateRecord { trouble: broken, ..record })),
            Ok(None) => {}
            Err(fault) => {
                broken.get_or_insert(fault);
            }
        }
    }
    // Rows that all are broken are a fault; rows that say nothing are not.
    broken.map_or(Ok(None), Err)
}

fn state(row: &Row<'_>, zone: &SiteZone, now: Timestamp) -> Result<Option<StateRecord>, Fault> {
    let recorded = text(row, 0).unwrap_or_default();
    let created_at = text(row, 2).as_deref().and_then(parse_utc);
    let Some(metrics) = text(row, 1) else { return Ok(None) };
    let metrics = json::parse_object(&metrics)
        .map_err(|error| Fault::new(Kind::Unreadable, format!("the state of {recorded} is not readable: {error}")))?;
    let Some(data) = metrics.get("current_data").and_then(serde_json::Value::as_object) else { return Ok(None) };
    let own = data.get("timestamp").and_then(serde_json::Value::as_str);
    let Some(local) = own.and_then(|text| parse_local(text, zone)).or_else(|| parse_local(&recorded, zone)) else {
        return Ok(None);
    };
    let at = match created_at {
        Some(_) => FoldResolver::default().resolve(zone, local, created_at),
        None => zone.newest_instant(local, now),
    };
    let reading = json::reading(data, at);
    let stated = own.unwrap_or_default().to_owned();
    Ok(reading.is_one().then_some(StateRecord { reading, stated, recorded, file_modified: None, trouble: None }))
}

/// First and last local day of a range, the latter exclusive, as text bounds: whatever the time's format, a day's rows
/// lie between `2026-11-22` and `2026-11-23`.
fn bounds(range: Range, zone: &SiteZone) -> (String, String) {
    let last = zone.date(range.to - Duration::from_nanos(1));
    let after = last.tomorrow().unwrap_or(last);
    (zone.date(range.from).to_string(), after.to_string())
}

fn decisions(
    connection: &Connection,
    columns: &mut Columns,
    zone: &SiteZone,
    range: Range,
) -> Result<Vec<Decision>, Fault> {
    let wanted = ["id", "timestamp", "decision_type", "action", "reason", "parameters", "source_module", "created_at"];
    let list = columns.list(connection, "coordinator_decisions", &wanted)?;
    let sql =
        format!("SELECT {list} FROM coordinator_decisions WHERE timestamp >= ?1 AND timestamp < ?2 ORDER BY rowid");
    let mut statement = connection.prepare_cached(&sql).map_err(|error| sql_fault(&error))?;
    let (from, to) = bounds(range, zone);
    let mut rows = statement.query(params![from, to]).map_err(|error| sql_fault(&error))?;
    let mut resolver = FoldResolver::default();
    let mut decisions = Vec::new();
    while let Some(row) = rows.next().map_err(|error| sql_fault(&error))? {
        let timestamp = text(row, 1).unwrap_or_default();
        let created_at = text(row, 7);
        let Some(local) = parse_local(&timestamp, zone) else { continue };
        let at = resolver.resolve(zone, local, created_at.as_deref().and_then(parse_utc));
        if !range.contains(at) {
            continue;
        }
        let parameters = text(row, 5).and_then(|text| json::parse_object(&text).ok()).unwrap_or_default();
        decisions.push(Decision::new(
            at,
            RawDecision {
                id: number(row, 0).map(|id| id as i64),
                timestamp,
                decision_type: text(row, 2),
                action: text(row, 3),
                reason: text(row, 4),
                parameters,
                source_module: text(row, 6),
                created_at,
                selling_file: false,
            },
        ));
    }
    decisions.sort_by_key(|decision| decision.at);
    Ok(decisions)
}

/// Those of version 4; what an earlier one lacks is null.
const ENERGY_COLUMNS: [&str; 18] = [
    "timestamp",
    "battery_soc",
    "pv_power",
    "grid_import_total_kwh",
    "tariff_zone",
    "created_at",
    "price_pln",
    "grid_power",
    "house_consumption",
    "battery_power",
    "battery_temperature",
    "grid_export_total_kwh",
    "house_consumption_total_kwh",
    "pv_generation_total_kwh",
    "battery_voltage",
    "battery_current",
    "grid_voltage",
    "grid_frequency",
];

fn energy(
    connection: &Connection,
    columns: &mut Columns,
    zone: &SiteZone,
    range: Range,
) -> Result<Vec<EnergyRow>, Fault> {
    let list = columns.list(connection, "energy_data", &ENERGY_COLUMNS)?;
    let sql = format!("SELECT {list} FROM energy_data WHERE timestamp >= ?1 AND timestamp < ?2 ORDER BY rowid");
    let mut statement = connection.prepare_cached(&sql).map_err(|error| sql_fault(&error))?;
    let (from, to) = bounds(range, zone);
    let mut rows = statement.query(params![from, to]).map_err(|error| sql_fault(&error))?;
    let mut resolver = FoldResolver::default();
    let mut energy = Vec::new();
    while let Some(row) = rows.next().map_err(|error| sql_fault(&error))? {
        let Some(local) = text(row, 0).and_then(|text| parse_local(&text, zone)) else { continue };
        let at = resolver.resolve(zone, local, text(row, 5).as_deref().and_then(parse_utc));
        if range.contains(at) {
            let tariff_zone = text(row, 4).map(String::into_boxed_str);
            energy.push(EnergyRow {
                at,
                soc_pct: number(row, 1),
                pv_power_w: number(row, 2),
                import_total_kwh: number(row, 3),
                price_pln: number(row, 6),
                is_peak: tariff_zone.as_deref() == Some("T1"),
                tariff_zone,
                grid_power_w: number(row, 7),
                house_power_w: number(row, 8),
                battery_power_w: number(row, 9),
                temperature_c: number(row, 10),
                export_total_kwh: number(row, 11),
                house_total_kwh: number(row, 12),
                pv_day_kwh: number(row, 13),
                battery_voltage_v: number(row, 14),
                battery_current_a: number(row, 15),
                grid_voltage_v: number(row, 16),
                grid_frequency_hz: number(row, 17),
            });
        }
    }
    energy.sort_by_key(|row| row.at);
    Ok(energy)
}

type Print = (u32, i64);

fn day_prints(
    connection: &Connection,
    columns: &mut Columns,
    table: &'static str,
    first: Date,
    last: Date,
) -> Result<Vec<(Date, Print)>, Fault> {
    columns.list(connection, table, &["timestamp"])?;
    // Day by day: an index alone answers that, and nothing is sorted.
    let sql = format!("SELECT count(*), max(rowid) FROM {table} WHERE timestamp >= ?1 AND timestamp < ?2");
    let mut statement = connection.prepare_cached(&sql).map_err(|error| sql_fault(&error))?;
    let mut prints = Vec::new();
    let mut day = first.to_string();
    for date in each_day(first, last) {
        let after = date.tomorrow().unwrap_or(date).to_string();
        let (count, newest) = statement
            .query_row(params![day, after], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, Option<i64>>(1)?)))
            .map_err(|error| sql_fault(&error))?;
        prints.extend(newest.map(|newest| (date, (count, newest))));
        day = after;
    }
    let newest: Option<i64> = connection
        .query_row(&format!("SELECT max(rowid) FROM {table}"), [], |row| row.get(0))
        .map_err(|error| sql_fault(&error))?;
    for (date, print) in prints.iter_mut().filter(|(_, print)| Some(print.1) == newest) {
        print.1 ^= content_mark(connection, table, *date)?;
    }
    Ok(prints)
}

/// What a day's rows say, as a number. The number of the table's newest row is given to another one when it is gone, so
/// the day that has it may be rewritten and still have as many rows and the same newest one.
fn content_mark(connection: &Connection, table: &'static str, date: Date) -> Result<i64, Fault> {
    let sql = format!("SELECT * FROM {table} WHERE timestamp >= ?1 AND timestamp < ?2 ORDER BY rowid");
    let mut statement = connection.prepare_cached(&sql).map_err(|error| sql_fault(&error))?;
    let width = statement.column_count();
    let bounds = params![date.to_string(), date.tomorrow().unwrap_or(date).to_string()];
    let mut rows = statement.query(bounds).map_err(|error| sql_fault(&error))?;
    let mut mark = Fnv::default();
    while let Some(row) = rows.next().map_err(|error| sql_fault(&error))? {
        for index in 0..width {
            match row.get_ref(index) {
                Ok(ValueRef::Integer(value)) => mark.add(&value.to_le_bytes()),
                Ok(ValueRef::Real(value)) => mark.add(&value.to_bits().to_le_bytes()),
                Ok(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => mark.add(bytes),
                Ok(ValueRef::Null) | Err(_) => {}
            }
            // No text has it: where a column ends.
            mark.add(&[0xff]);
        }
    }
    Ok(mark.number() as i64)
}
