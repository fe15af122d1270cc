//! The coordinator's database, written: only by this command, only while the coordinator does not run.

use std::collections::{BTreeSet, HashMap};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, ErrorCode, OpenFlags, params, params_from_iter};

use super::rows::{Identity, Record, Table, utc_text};
use crate::base::fault::{Fault, Kind, io_fault};
use crate::base::shutdown::Shutdown;
use crate::model::decision::{Decision, RawDecision};
use crate::model::time::{FoldResolver, SiteZone, parse_local, parse_utc};
use crate::source::json;
use crate::source::sqlite::{Database, column_text};

/// Everything that schema version 4 has.
const SCHEMA: &str = include_str!("../../source/sqlite/schema.sql");
/// The newest version that is known here.
const NEWEST: i64 = 4;
/// How long a write waits for another program's.
const BUSY: Duration = Duration::from_secs(10);
/// Days whose rows are kept in mind: a file's content rarely spans more.
const DAYS_IN_MIND: usize = 8;

/// How the database is held.
enum Way {
    /// For writing.
    Write(Connection),
    /// For looking only, as the server does; `None` where there is no database.
    Look(Option<Box<Database>>),
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is new.
    Added,
    /// It was there.
    There,
}

/// Why a row was not put in.
#[derive(Debug)]
pub enum Refusal {
    /// The database does not take this row; the next one it may.
    Row(String),
    /// Nothing can be written any more.
    Stop(Fault),
}

/// The database and what is known of its rows.
pub struct Store {
    way: Way,
    zone: SiteZone,
    /// The schema's version as it was found; `None` where it was made now, or would be.
    pub version: Option<i64>,
    /// The columns of each table that are written.
    columns: HashMap<Table, Vec<&'static str>>,
    known: HashMap<(Table, Date), BTreeSet<Identity>>,
    order: Vec<(Table, Date)>,
    /// What the present file added.
    fresh: BTreeSet<Identity>,
}

impl Store {
    /// Opens the database at `path` for writing, and makes it where there is none.
    ///
    /// # Errors
    /// When it cannot be written, is of a newer version or none at all.
    pub fn open(path: &Path, zone: SiteZone, now: Timestamp) -> Result<Self, Fault> {
        let is_new = !path.exists();
        if is_new {
            make_folder(path)?;
        }
        let doing = |error: rusqlite::Error| write_fault("open", path, &error);
        let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        if is_new {
            flags |= OpenFlags::SQLITE_OPEN_CREATE;
        }
        let mut connection = Connection::open_with_flags(path, flags).map_err(doing)?;
        connection.busy_timeout(BUSY).map_err(doing)?;
        if connection.is_readonly("main").map_err(doing)? {
            return Err(Fault::io(format!("{} cannot be written by this user", path.display())));
        }
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(doing)?;
        let version = match version_of(&connection).map_err(doing)? {
            Found::Nothing => {
                make_schema(&mut connection, now).map_err(|error| write_fault("make", path, &error))?;
                give_to_owner(path);
                None
            }
            Found::Version(version) => Some(version),
            Found::Foreign => return Err(foreign(path)),
        };
        refuse_newer(version)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(doing)?;
        connection.set_prepared_statement_cache_capacity(32);
        let columns = columns_of(&connection).map_err(doing)?;
        Ok(Self::new(Way::Write(connection), zone, version, columns))
    }

    /// The same for looking only: nothing is made, nothing is written.
    ///
    /// # Errors
    /// When there is a database and it cannot be read.
    pub fn look(path: &Path, zone: SiteZone, shutdown: Shutdown) -> Result<Self, Fault> {
        if !path.exists() {
            return Ok(Self::as_new(zone));
        }
        let mut database = Database::new(path.to_owned(), zone.clone(), shutdown, false);
        let found = database.look(|connection| Ok((version_of(connection), columns_of(connection))))?;
        let doing = |error: rusqlite::Error| write_fault("read", path, &error);
        let version = match found.0.map_err(doing)? {
            Found::Nothing => return Ok(Self::as_new(zone)),
            Found::Version(version) => Some(version),
            Found::Foreign => return Err(foreign(path)),
        };
        refuse_newer(version)?;
        let columns = found.1.map_err(doing)?;
        Ok(Self::new(Way::Look(Some(Box::new(database))), zone, version, columns))
    }

    /// A database that is still to be made.
    fn as_new(zone: SiteZone) -> Self {
        let columns = Table::ALL.into_iter().map(|table| (table, table.columns().to_vec())).collect();
        Self::new(Way::Look(None), zone, None, columns)
    }

    fn new(way: Way, zone: SiteZone, version: Option<i64>, columns: HashMap<Table, Vec<&'static str>>) -> Self {
        Self { way, zone, version, columns, known: HashMap::new(), order: Vec::new(), fresh: BTreeSet::new() }
    }

    /// Columns of version 4 that this database lacks, by table; a table that is missing lacks all.
    pub fn lacking(&self) -> Vec<(Table, Vec<&'static str>)> {
        let lacks = |table: Table| -> Vec<&'static str> {
            let has = self.columns.get(&table);
            table.columns().iter().copied().filter(|name| has.is_none_or(|has| !has.contains(name))).collect()
        };
        Table::ALL.into_iter().map(|table| (table, lacks(table))).filter(|(_, names)| !names.is_empty()).collect()
    }

    /// Begins a batch: what it writes comes in whole or not at all.
    ///
    /// # Errors
    /// When another program holds the database.
    pub fn begin(&mut self) -> Result<(), Fault> {
        // Another program may have written since; where nothing is written, only memory knows what would be there.
        if matches!(self.way, Way::Write(_)) {
            self.forget();
        }
        self.run("BEGIN IMMEDIATE")
    }

    /// Ends a batch: from now on it is there, whatever happens.
    ///
    /// # Errors
    /// When the disk is full or failing; the batch is not there then.
    pub fn commit(&mut self) -> Result<(), Fault> {
        self.run("COMMIT")
    }

    /// Before a file: what follows can be taken back.
    ///
    /// # Errors
    /// SQLite's.
    pub fn mark(&mut self) -> Result<(), Fault> {
        self.fresh.clear();
        self.run("SAVEPOINT file")
    }

    /// After a file: it stays in the batch, or is taken back.
    ///
    /// # Errors
    /// SQLite's.
    pub fn settle(&mut self, keep: bool) -> Result<(), Fault> {
        if !keep {
            self.forget();
            self.run("ROLLBACK TO file")?;
        }
        self.run("RELEASE file")
    }

    fn run(&mut self, sql: &str) -> Result<(), Fault> {
        match &self.way {
            Way::Write(connection) => connection
                .prepare_cached(sql)
                .and_then(|mut statement| statement.execute([]))
                .map(|_| ())
                .map_err(|error| sql_fault(&error)),
            Way::Look(_) => Ok(()),
        }
    }

    fn forget(&mut self) {
        self.known.clear();
        self.order.clear();
    }

    /// Puts a row in unless it is there.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn put(&mut self, record: Record, now: Timestamp) -> Result<Put, Refusal> {
        let table = record.table;
        if !self.columns.contains_key(&table) {
            let version = self.version.map_or(String::new(), |version| format!(" (it is of version {version})"));
            return Err(Refusal::Row(format!("the database has no table {}{version}", table.name())));
        }
        if table == Table::Sessions {
            return self.put_session(record, now);
        }
        let day = (table, record.local.date());
        if !self.known.contains_key(&day) {
            let known = self.rows_of(day).map_err(Refusal::Stop)?;
            if self.order.len() == DAYS_IN_MIND {
                self.known.remove(&self.order.remove(0));
            }
            self.order.push(day);
            self.known.insert(day, known);
        }
        let known = self.known.entry(day).or_default();
        let elsewhere = |other: &Identity| known.contains(other) && !self.fresh.contains(other);
        if known.contains(&record.identity) || record.other.as_ref().is_some_and(elsewhere) {
            return Ok(Put::There);
        }
        self.insert(&record, now)?;
        self.fresh.insert(record.identity.clone());
        self.known.entry(day).or_default().insert(record.identity);
        Ok(Put::Added)
    }

    /// A session that is there gets what it lacks: its end stands in a later file than its beginning.
    fn put_session(&mut self, record: Record, now: Timestamp) -> Result<Put, Refusal> {
        let columns = &self.columns[&Table::Sessions];
        let fill = |name: &&&str| !["session_id", "created_at"].contains(*name);
        let open: Vec<&str> = columns.iter().filter(fill).copied().collect();
        let Identity::Session(id) = &record.identity else { return Ok(Put::There) };
        let wanted = |name: &str| {
            let place = Table::Sessions.columns().iter().position(|column| *column == name);
            place.map_or(Sql::Null, |place| record.values[place].clone())
        };
        let day = (Table::Sessions, Date::ZERO);
        let list = open.join(", ");
        let found: Option<Vec<Sql>> = self
            .ask(|connection| {
                let sql = format!("SELECT {list} FROM battery_selling_sessions WHERE session_id = ?1");
                let mut statement = connection.prepare_cached(&sql)?;
                let mut rows = statement.query([id])?;
                match rows.next()? {
                    Some(row) => (0..open.len()).map(|index| row.get(index)).collect::<Result<_, _>>().map(Some),
                    None => Ok(None),
                }
            })
            .map_err(Refusal::Stop)?
            .flatten();
        let Some(found) = found else {
            // Where nothing is written, sessions of this very run are remembered.
            let known = self.known.entry(day).or_default();
            if !known.insert(record.identity.clone()) {
                return Ok(Put::There);
            }
            self.insert(&record, now)?;
            return Ok(Put::Added);
        };
        let lacking: Vec<&str> = open
            .iter()
            .zip(&found)
            .filter(|(name, value)| **value == Sql::Null && wanted(name) != Sql::Null)
            .map(|(name, _)| *name)
            .collect();
        if lacking.is_empty() {
            return Ok(Put::There);
        }
        let set: Vec<String> = lacking.iter().map(|name| format!("{name} = ?")).collect();
        let sql = format!("UPDATE battery_selling_sessions SET {} WHERE session_id = ?", set.join(", "));
        let values: Vec<Sql> = lacking.iter().map(|name| wanted(name)).chain([Sql::Text(id.clone())]).collect();
        self.write(&sql, values)?;
        Ok(Put::Added)
    }

    fn insert(&mut self, record: &Record, now: Timestamp) -> Result<(), Refusal> {
        let names = &self.columns[&record.table];
        let all = record.table.columns();
        let values: Vec<Sql> = all
            .iter()
            .zip(&record.values)
            .filter(|(name, _)| names.contains(name))
            .map(|(name, value)| match value {
                Sql::Null if *name == "created_at" => Sql::Text(utc_text(now)),
                value => value.clone(),
            })
            .collect();
        let marks = vec!["?"; names.len()].join(", ");
        let sql = format!("INSERT INTO {} ({}) VALUES ({marks})", record.table.name(), names.join(", "));
        self.write(&sql, values)
    }

    fn write(&mut self, sql: &str, values: Vec<Sql>) -> Result<(), Refusal> {
        let Way::Write(connection) = &self.way else { return Ok(()) };
        let written =
            connection.prepare_cached(sql).and_then(|mut statement| statement.execute(params_from_iter(values)));
        match written {
            Ok(_) => Ok(()),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Err(Refusal::Row(format!("the database does not take it: {error}")))
            }
            Err(error) => Err(Refusal::Stop(sql_fault(&error))),
        }
    }

    /// Asks the database; `None` where there is none yet.
    fn ask<T>(&mut self, question: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<Option<T>, Fault> {
        match &mut self.way {
            Way::Write(connection) => question(connection).map(Some).map_err(|error| sql_fault(&error)),
            Way::Look(None) => Ok(None),
            Way::Look(Some(database)) => {
                database.look(|connection| question(connection).map_err(|error| sql_fault(&error))).map(Some)
            }
        }
    }

    /// What is there of a day.
    fn rows_of(&mut self, (table, date): (Table, Date)) -> Result<BTreeSet<Identity>, Fault> {
        let zone = self.zone.clone();
        let known = self.ask(|connection| match table {
            Table::Decisions => decisions_of(connection, date, &zone),
            table => times_of(connection, table, date, &zone),
        })?;
        Ok(known.unwrap_or_default())
    }

    /// Closes the database: everything is in its one file then.
    ///
    /// # Errors
    /// When that cannot be written; what was committed is there all the same.
    pub fn close(self) -> Result<(), Fault> {
        let Way::Write(connection) = self.way else { return Ok(()) };
        // A reader may keep the rest of the log from being folded in; it is not lost then.
        let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        connection.close().map_err(|(_, error)| sql_fault(&error))
    }
}

fn foreign(path: &Path) -> Fault {
    let text = "is a database, but not the coordinator's: it has no table schema_version and none of its tables";
    Fault::invalid(format!("{} {text}", path.display()))
}

fn refuse_newer(version: Option<i64>) -> Result<(), Fault> {
    match version {
        Some(version) if version > NEWEST => Err(Fault::invalid(format!(
            "the database is of schema version {version}; versions 1 to {NEWEST} are known here, and nothing is written to a newer one"
        ))),
        _ => Ok(()),
    }
}

/// What sort of database it is.
enum Found {
    /// Nothing is in it.
    Nothing,
    /// The coordinator's; version 0 where it does not say which.
    Version(i64),
    /// Somebody else's.
    Foreign,
}

fn version_of(connection: &Connection) -> rusqlite::Result<Found> {
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    if count("SELECT count(*) FROM sqlite_schema WHERE name = 'schema_version'")? > 0 {
        let version: Option<i64> =
            connection.query_row("SELECT max(version) FROM schema_version", [], |row| row.get(0))?;
        return Ok(Found::Version(version.unwrap_or(0)));
    }
    if count("SELECT count(*) FROM sqlite_schema")? == 0 {
        return Ok(Found::Nothing);
    }
    let ours =
        "SELECT count(*) FROM sqlite_schema WHERE name IN ('energy_data', 'coordinator_decisions', 'system_state')";
    Ok(if count(ours)? > 0 { Found::Version(0) } else { Found::Foreign })
}

fn columns_of(connection: &Connection) -> rusqlite::Result<HashMap<Table, Vec<&'static str>>> {
    let mut columns = HashMap::new();
    for table in Table::ALL {
        let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
        let has: Vec<String> = statement.query_map([table.name()], |row| row.get(0))?.collect::<Result<_, _>>()?;
        if !has.is_empty() {
            let names = table.columns().iter().copied().filter(|name| has.iter().any(|has| has == name));
            columns.insert(table, names.collect());
        }
    }
    Ok(columns)
}

fn make_schema(connection: &mut Connection, now: Timestamp) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    let making = connection.transaction()?;
    making.execute_batch(SCHEMA)?;
    making.execute("UPDATE schema_version SET applied_at = ?1", [utc_text(now)])?;
    making.commit()
}

fn make_folder(path: &Path) -> Result<(), Fault> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(|error| io_fault("make the folder", folder, &error))?;
    give_to_owner(folder);
    Ok(())
}

/// Gives what was just made to whoever owns the folder that it lies in, where this user may: the coordinator has to
/// write there, and this command may run as root.
fn give_to_owner(path: &Path) {
    let Some(Ok(folder)) = path.parent().map(std::fs::metadata) else { return };
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let file = PathBuf::from(name);
        if std::fs::metadata(&file).is_ok_and(|meta| meta.uid() != folder.uid())
            && let Err(error) = chown(&file, Some(folder.uid()), Some(folder.gid()))
        {
            log::warn!("MIGRATE: {} is not the folder's owner's: {error}", file.display());
        }
    }
}

fn times_of(
    connection: &Connection,
    table: Table,
    date: Date,
    zone: &SiteZone,
) -> rusqlite::Result<BTreeSet<Identity>> {
    let sql = format!("SELECT timestamp FROM {} WHERE timestamp >= ?1 AND timestamp < ?2", table.name());
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![date.to_string(), after(date)])?;
    let mut known = BTreeSet::new();
    while let Some(row) = rows.next()? {
        if let Some(local) = column_text(row, 0).and_then(|text| parse_local(&text, zone)) {
            known.insert(Identity::At(local));
        }
    }
    Ok(known)
}

fn decisions_of(connection: &Connection, date: Date, zone: &SiteZone) -> rusqlite::Result<BTreeSet<Identity>> {
    let sql = "SELECT timestamp, action, reason, parameters, created_at FROM coordinator_decisions \
               WHERE timestamp >= ?1 AND timestamp < ?2 ORDER BY rowid";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![date.to_string(), after(date)])?;
    let mut resolver = FoldResolver::default();
    let mut known = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let Some(local) = column_text(row, 0).and_then(|text| parse_local(&text, zone)) else { continue };
        let at = resolver.resolve(zone, local, column_text(row, 4).as_deref().and_then(parse_utc));
        let parameters = column_text(row, 3).and_then(|text| json::parse_object(&text).ok()).unwrap_or_default();
        let (action, reason) = (column_text(row, 1), column_text(row, 2));
        let raw = RawDecision { action, reason, parameters, ..RawDecision::default() };
        let decision = Decision::new(at, raw);
        known.insert(Identity::Decision(at, decision.kind, decision.action));
    }
    Ok(known)
}

fn after(date: Date) -> String {
    date.tomorrow().unwrap_or(date).to_string()
}

fn sql_fault(error: &rusqlite::Error) -> Fault {
    let text = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Fault::io("the disk is full".to_owned()),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Fault::new(
            Kind::Locked,
            format!("the database is held by another program (waited {} s); does the coordinator run?", BUSY.as_secs()),
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            Fault::io(format!("the database cannot be written by this user: {text}"))
        }
        Some(ErrorCode::NotADatabase) => Fault::invalid("the file is not an SQLite database"),
        Some(ErrorCode::DatabaseCorrupt) => Fault::invalid(format!("the database is damaged: {text}")),
        Some(ErrorCode::CannotOpen) => {
            Fault::io(format!("it cannot be opened, or its folder cannot be written: {text}"))
        }
        Some(ErrorCode::SystemIoFailure) => Fault::io(format!("the disk failed, or is full: {text}")),
        _ => Fault::io(text),
    }
}

fn write_fault(doing: &str, path: &Path, error: &rusqlite::Error) -> Fault {
    sql_fault(error).within(format!("cannot {doing} {}", path.display()))
}
