//! Deadlines for statements, words for SQLite's errors, and select lists that fit any schema version.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, ErrorCode, Row};

use crate::base::fault::{Fault, Kind};
use crate::base::shutdown::Shutdown;

/// Virtual machine instructions between two looks at the clock: well under a millisecond.
const OPS_BETWEEN_LOOKS: i32 = 2_000;
/// How long a busy wait sleeps between tries.
const BUSY_PAUSE: Duration = Duration::from_millis(20);
const DISARMED: u64 = u64::MAX;

/// Ends statements, and waits for locks, when their time is up or the program stops.
///
/// A progress handler ends a running statement but not a busy wait, so both handlers are installed.
#[derive(Clone)]
pub struct Deadlines {
    epoch: Instant,
    /// Milliseconds after the epoch; [`DISARMED`] is never.
    due: Arc<AtomicU64>,
    shutdown: Shutdown,
}

impl Deadlines {
    /// Not armed yet.
    pub fn new(shutdown: Shutdown) -> Self {
        Self { epoch: Instant::now(), due: Arc::new(AtomicU64::new(DISARMED)), shutdown }
    }

    /// Everything from now on must be done within `length`.
    pub fn arm(&self, length: Duration) {
        let due = (self.epoch.elapsed() + length).as_millis();
        self.due.store(u64::try_from(due).unwrap_or(DISARMED), Ordering::Relaxed);
    }

    /// No deadline.
    pub fn disarm(&self) {
        self.due.store(DISARMED, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.epoch.elapsed().as_millis() >= u128::from(self.due.load(Ordering::Relaxed)) || self.shutdown.is_stopping()
    }

    /// Makes a connection obey.
    pub fn install(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let (progress, busy) = (self.clone(), self.clone());
        connection.progress_handler(OPS_BETWEEN_LOOKS, Some(move || progress.is_over()))?;
        connection.busy_handler(Some(move |_| !busy.is_over() && busy.shutdown.wait(BUSY_PAUSE)))
    }
}

/// Whether the file as a whole can be read, though a part of it cannot.
pub fn is_readable(connection: &Connection) -> bool {
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).is_ok()
}

/// SQLite's error in words.
pub fn sql_fault(error: &Error) -> Fault {
    let (code, detail) = match error {
        Error::SqliteFailure(failure, detail) => {
            (Some(failure.code), detail.clone().unwrap_or_else(|| failure.to_string()))
        }
        other => (None, other.to_string()),
    };
    if let Some(table) = detail.split("no such table: ").nth(1).and_then(|rest| rest.split_whitespace().next()) {
        return missing_table(table);
    }
    match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Fault::new(Kind::Locked, "the database is held by another program")
        }
        // A reader may write nothing, and what is there cannot be read before its writer has set it right.
        Some(ErrorCode::ReadOnly) => Fault::new(Kind::Locked, "the database is being opened by its writer"),
        Some(ErrorCode::OperationInterrupted) => Fault::timeout("the database did not answer in time"),
        Some(ErrorCode::NotADatabase) => Fault::invalid("the database file is not an SQLite database"),
        Some(ErrorCode::DatabaseCorrupt) => Fault::invalid(format!("the database is damaged: {detail}")),
        Some(ErrorCode::CannotOpen) => Fault::io(format!("the database cannot be opened: {detail}")),
        _ => Fault::io(format!("the database cannot be read: {detail}")),
    }
}

fn missing_table(table: &str) -> Fault {
    Fault::missing(format!("the database has no table {table}"))
}

/// Which columns each table has, so that older schema versions are read with nulls for what they lack.
#[derive(Debug, Default)]
pub struct Columns {
    known: HashMap<&'static str, Vec<String>>,
}

impl Columns {
    /// Looks again next time.
    pub fn forget(&mut self) {
        self.known.clear();
    }

    /// `a, NULL, c`: the wanted columns of a table, null where it has none of this name.
    ///
    /// # Errors
    /// When there is no such table.
    pub fn list(&mut self, connection: &Connection, table: &'static str, wanted: &[&str]) -> Result<String, Fault> {
        if !self.known.contains_key(table) {
            let columns = columns_of(connection, table).map_err(|error| sql_fault(&error))?;
            if columns.is_empty() {
                return Err(missing_table(table));
            }
            self.known.insert(table, columns);
        }
        let known = &self.known[table];
        let list: Vec<&str> =
            wanted.iter().map(|name| if known.iter().any(|column| column == name) { *name } else { "NULL" }).collect();
        Ok(list.join(", "))
    }
}

fn columns_of(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare_cached("SELECT name FROM pragma_table_info(?1)")?;
    let names = statement.query_map([table], |row| row.get(0))?;
    names.collect()
}

/// A column as a finite number, whatever SQLite stored it as.
pub fn number(row: &Row<'_>, index: usize) -> Option<f64> {
    match row.get_ref(index).ok()? {
        ValueRef::Integer(value) => Some(value as f64),
        ValueRef::Real(value) => Some(value),
        ValueRef::Text(text) => std::str::from_utf8(text).ok()?.trim().parse().ok(),
        ValueRef::Null | ValueRef::Blob(_) => None,
    }
    .filter(|value: &f64| value.is_finite())
}

/// A column as text, broken UTF-8 replaced.
pub fn text(row: &Row<'_>, index: usize) -> Option<String> {
    match row.get_ref(index).ok()? {
        ValueRef::Text(text) | ValueRef::Blob(text) => Some(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Integer(value) => Some(value.to_string()),
        ValueRef::Real(value) => Some(value.to_string()),
        ValueRef::Null => None,
    }
}
