//! Single rows around one instant: sessions, forecasts, a decision by its number. Tables that a schema version lacks, or
//! that nobody fills, are no error: there is nothing in them.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::Database;
use super::query::{Columns, number, sql_fault, text};
use crate::base::fault::{Fault, Kind};
use crate::base::units::Micro;
use crate::model::forecast::{Forecast, Foreseen};
use crate::model::session::{LONGEST, STARTS_WITHIN, Session};
use crate::model::time::{FoldResolver, SiteZone, parse_local, parse_utc};

const DEADLINE: Duration = Duration::from_secs(5);

impl Database {
    /// The sessions that may cover an instant, of charging or of selling.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn sessions(&mut self, at: Timestamp, selling: bool) -> Result<Vec<Session>, Fault> {
        self.session(DEADLINE, |connection, columns, zone| or_nothing(sessions(connection, columns, zone, at, selling)))
    }

    /// What had been foreseen, at an instant, of the hour that contains it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn forecasts(&mut self, at: Timestamp, what: Foreseen) -> Result<Vec<Forecast>, Fault> {
        self.session(DEADLINE, |connection, columns, zone| or_nothing(forecasts(connection, columns, zone, at, what)))
    }

    /// The timestamp of the decision of this number, as on disk; `None` where there is none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn decision_timestamp(&mut self, id: i64) -> Result<Option<String>, Fault> {
        self.session(DEADLINE, |connection, columns, _| {
            let list = columns.list(connection, "coordinator_decisions", &["timestamp", "id"])?;
            if list.ends_with("NULL") {
                return Ok(None);
            }
            let sql = "SELECT timestamp FROM coordinator_decisions WHERE id = ?1";
            let mut statement = connection.prepare_cached(sql).map_err(|error| sql_fault(&error))?;
            let mut rows = statement.query([id]).map_err(|error| sql_fault(&error))?;
            Ok(rows.next().map_err(|error| sql_fault(&error))?.and_then(|row| text(row, 0)))
        })
    }
}

/// A table that is not there has no rows.
fn or_nothing<T>(found: Result<Vec<T>, Fault>) -> Result<Vec<T>, Fault> {
    match found {
        Err(fault) if fault.kind() == Kind::Missing => Ok(Vec::new()),
        found => found,
    }
}

fn sessions(
    connection: &Connection,
    columns: &mut Columns,
    zone: &SiteZone,
    at: Timestamp,
    selling: bool,
) -> Result<Vec<Session>, Fault> {
    let (table, energy, money) = match selling {
        true => ("battery_selling_sessions", "energy_sold_kwh", "revenue_pln"),
        false => ("charging_sessions", "energy_kwh", "cost_pln"),
    };
    let wanted = ["session_id", "start_time", "end_time", energy, money, "avg_price", "status", "created_at"];
    let list = columns.list(connection, table, &wanted)?;
    let sql = format!("SELECT {list} FROM {table} WHERE start_time >= ?1 AND start_time < ?2 ORDER BY rowid");
    let mut statement = connection.prepare_cached(&sql).map_err(|error| sql_fault(&error))?;
    // Days, since times are written in more than one form.
    let last = zone.date(at + STARTS_WITHIN);
    let (first, after) = (zone.date(at - LONGEST).to_string(), last.tomorrow().unwrap_or(last).to_string());
    let mut rows = statement.query(params![first, after]).map_err(|error| sql_fault(&error))?;
    let mut sessions = Vec::new();
    while let Some(row) = rows.next().map_err(|error| sql_fault(&error))? {
        let local = |index| text(row, index).as_deref().and_then(|text| parse_local(text, zone));
        let Some(start) = local(1) else { continue };
        // An end that would lie before its beginning is that of the second pass through the doubled hour.
        let mut resolver = FoldResolver::default();
        let start = resolver.resolve(zone, start, None);
        let end = local(2).map(|end| resolver.resolve(zone, end, None)).filter(|end| *end >= start);
        let amount = |index| number(row, index).map(Micro::from_f64);
        sessions.push(Session {
            id: text(row, 0).unwrap_or_default(),
            start,
            end,
            energy: amount(3),
            money: amount(4),
            average: amount(5),
            status: text(row, 6),
        });
    }
    Ok(sessions)
}

fn forecasts(
    connection: &Connection,
    columns: &mut Columns,
    zone: &SiteZone,
    at: Timestamp,
    what: Foreseen,
) -> Result<Vec<Forecast>, Fault> {
    let (table, value) = match what {
        Foreseen::Price => ("price_forecasts", "price_pln"),
        Foreseen::Solar => ("pv_forecasts", "predicted_power_w"),
    };
    let list = columns.list(connection, table, &["source", value, "confidence", "timestamp", "created_at"])?;
    let sql = format!("SELECT {list} FROM {table} WHERE forecast_date = ?1 AND hour = ?2 ORDER BY source");
    let mut statement = connection.prepare_cached(&sql).map_err(|error| sql_fault(&error))?;
    let local = zone.local(at);
    let mut rows =
        statement.query(params![local.date().to_string(), local.hour()]).map_err(|error| sql_fault(&error))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(|error| sql_fault(&error))? {
        let created_at = text(row, 4).as_deref().and_then(parse_utc);
        let stated = text(row, 3).as_deref().and_then(|text| parse_local(text, zone));
        let made_at = stated.map(|local| FoldResolver::default().resolve(zone, local, created_at)).or(created_at);
        // What was foreseen later, or nobody knows when, was not known then.
        let known = made_at.filter(|made_at| *made_at <= at).zip(number(row, 1));
        found.extend(known.map(|(made_at, value)| Forecast {
            source: text(row, 0).unwrap_or_default(),
            value,
            confidence: number(row, 2),
            made_at,
        }));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;
    use tempfile::TempDir;

    use super::*;
    use crate::base::shutdown;

    struct Site {
        dir: TempDir,
        database: Database,
        _trigger: shutdown::ShutdownTrigger,
    }

    impl Site {
        fn new(sql: &str) -> Self {
            let dir = TempDir::new().unwrap();
            let path = dir.path().join("goodwe_energy.db");
            Connection::open(&path).unwrap().execute_batch(sql).unwrap();
            let (trigger, shutdown) = shutdown::channel();
            let zone = SiteZone::named("Europe/Warsaw").unwrap();
            Self { database: Database::new(path, zone, shutdown, false), dir, _trigger: trigger }
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    const NEWEST: &str = include_str!("schema.sql");

    #[test]
    fn sessions_of_both_kinds_and_of_older_schemas() {
        let mut site = Site::new(NEWEST);
        let writer = Connection::open(site.dir.path().join("goodwe_energy.db")).unwrap();
        writer
            .execute_batch(
                "INSERT INTO charging_sessions(session_id, start_time, end_time, energy_kwh, cost_pln, status, avg_price)
                 VALUES ('old', '2026-11-20T10:00:00', NULL, 1, 1, 'x', 1),
                        ('a', '2026-11-22T02:00:00.5', '2026-11-22 03:30:00', '4.5', 0.9, 'completed', 0.2),
                        ('b', '2026-11-22T12:00:00', NULL, NULL, NULL, NULL, NULL),
                        ('c', 'no time', NULL, NULL, NULL, NULL, NULL);
                 INSERT INTO battery_selling_sessions(session_id, start_time, end_time, energy_sold_kwh, revenue_pln)
                 VALUES ('s', '2026-11-22T18:00:00', '2026-11-22T17:00:00', 3, 2.5);",
            )
            .unwrap();
        let found = site.database.sessions(at("2026-11-22T10:00:00Z"), false).unwrap();
        assert_eq!(found.iter().map(|session| &*session.id).collect::<Vec<_>>(), ["a", "b"]);
        let a = &found[0];
        assert_eq!((a.start, a.end), (at("2026-11-22T01:00:00.5Z"), Some(at("2026-11-22T02:30:00Z"))));
        assert_eq!(
            (a.energy, a.money, a.average),
            (Some(Micro(4_500_000)), Some(Micro(900_000)), Some(Micro(200_000)))
        );
        assert_eq!((a.status.as_deref(), found[1].energy), (Some("completed"), None));
        let sold = site.database.sessions(at("2026-11-22T17:00:00Z"), true).unwrap();
        assert_eq!((sold.len(), sold[0].end, sold[0].money), (1, None, Some(Micro(2_500_000))));
        // Before version 2 there were none; a table with fewer columns has nulls.
        for (sql, count) in [
            ("CREATE TABLE other(x)", 0),
            (
                "CREATE TABLE charging_sessions(session_id TEXT, start_time TEXT);
              INSERT INTO charging_sessions VALUES ('z', '2026-11-22T10:00:00')",
                1,
            ),
        ] {
            let mut site = Site::new(sql);
            let found = site.database.sessions(at("2026-11-22T10:00:00Z"), false).unwrap();
            assert_eq!(found.len(), count, "{sql}");
            assert!(found.iter().all(|session| session.energy.is_none() && session.end.is_none()));
            assert_eq!(site.database.sessions(at("2026-11-22T10:00:00Z"), true).unwrap(), []);
        }
    }

    #[test]
    fn a_session_through_the_doubled_hour() {
        let mut site = Site::new(NEWEST);
        let writer = Connection::open(site.dir.path().join("goodwe_energy.db")).unwrap();
        writer
            .execute_batch(
                "INSERT INTO charging_sessions(session_id, start_time, end_time)
                 VALUES ('a', '2026-10-25T02:45:00', '2026-10-25T02:15:00'),
                        ('b', '2026-10-25T01:30:00', '2026-10-25T03:30:00')",
            )
            .unwrap();
        let found = site.database.sessions(at("2026-10-25T01:00:00Z"), false).unwrap();
        let hours = |session: &Session| session.end.unwrap().duration_since(session.start).as_secs() / 60;
        assert_eq!(found.iter().map(hours).collect::<Vec<_>>(), [30, 180]);
    }

    #[test]
    fn forecasts_that_were_there_then() {
        let mut site = Site::new(NEWEST);
        let writer = Connection::open(site.dir.path().join("goodwe_energy.db")).unwrap();
        writer
            .execute_batch(
                "INSERT INTO price_forecasts(timestamp, forecast_date, hour, price_pln, source, confidence, created_at)
                 VALUES ('2026-11-21T14:00:00', '2026-11-22', 11, 0.42, 'a', 0.9, NULL),
                        ('2026-11-22T11:00:01', '2026-11-22', 11, 0.43, 'later', NULL, NULL),
                        (NULL, '2026-11-22', 11, 0.44, 'of no time', NULL, NULL),
                        (NULL, '2026-11-22', 11, 0.45, 'only created', NULL, '2026-11-22 09:00:00'),
                        ('2026-11-21T14:00:00', '2026-11-22', 11, 'x', 'no number', NULL, NULL),
                        ('2026-11-21T14:00:00', '2026-11-22', 10, 0.46, 'another hour', NULL, NULL)",
            )
            .unwrap();
        let found = site.database.forecasts(at("2026-11-22T10:00:00Z"), Foreseen::Price).unwrap();
        let told: Vec<_> = found.iter().map(|forecast| (&*forecast.source, forecast.value)).collect();
        assert_eq!(told, [("a", 0.42), ("only created", 0.45)]);
        assert_eq!((found[0].confidence, found[0].made_at), (Some(0.9), at("2026-11-21T13:00:00Z")));
        assert_eq!(site.database.forecasts(at("2026-11-22T10:00:00Z"), Foreseen::Solar).unwrap(), []);
        let mut old = Site::new("CREATE TABLE other(x)");
        assert_eq!(old.database.forecasts(at("2026-11-22T10:00:00Z"), Foreseen::Price).unwrap(), []);
    }

    #[test]
    fn a_decision_by_its_number() {
        let mut site = Site::new(NEWEST);
        let writer = Connection::open(site.dir.path().join("goodwe_energy.db")).unwrap();
        writer.execute_batch("INSERT INTO coordinator_decisions(id, timestamp) VALUES (7, 'then')").unwrap();
        assert_eq!(site.database.decision_timestamp(7).unwrap().as_deref(), Some("then"));
        assert_eq!(site.database.decision_timestamp(8).unwrap(), None);
        let mut old = Site::new("CREATE TABLE coordinator_decisions(timestamp TEXT)");
        assert_eq!(old.database.decision_timestamp(7).unwrap(), None);
    }
}
