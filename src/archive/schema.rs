//! The layout of the price memory, and how a file of an older version gets there: one transaction a step.

use rusqlite::{Connection, TransactionBehavior};

use super::file::sql_fault;
use crate::base::fault::Fault;

/// `Watt`, in the file's header: other programs' databases are never touched.
pub const APPLICATION_ID: i32 = 0x5761_7474;

/// What makes version N + 1 of version N. Steps are added, never changed.
///
/// Entities are numbers, see [`super::days`]: with their names a year would have 1.9 MB in place of 1.2.
const STEPS: &[&str] = &[
    "
    CREATE TABLE price_slots(
        entity INTEGER NOT NULL,
        start INTEGER NOT NULL,      -- epoch seconds
        value INTEGER NOT NULL,      -- prices: millionths of a PLN/kWh; the Kompas: its code
        PRIMARY KEY(entity, start)
    ) WITHOUT ROWID;
    CREATE TABLE price_days(
        entity INTEGER NOT NULL,
        date TEXT NOT NULL,          -- local delivery day
        received INTEGER NOT NULL,
        expected INTEGER NOT NULL,
        publication TEXT,            -- as PSE wrote it
        fetched_at INTEGER NOT NULL, -- epoch seconds
        PRIMARY KEY(entity, date)
    ) WITHOUT ROWID;
",
    "
    CREATE TABLE day_rollups(
        date INTEGER PRIMARY KEY,    -- local day: -yyyymmdd
        arithmetic INTEGER NOT NULL, -- of which version the sums are
        footing BLOB NOT NULL,       -- what tells whether they still hold
        sums BLOB NOT NULL,          -- decisions and import, for month summaries
        balance BLOB NOT NULL        -- energy and money of the day
    );
    CREATE TABLE hour_rollups(
        date INTEGER PRIMARY KEY,
        hours BLOB NOT NULL          -- energy and money of each hour
    );
",
];

/// What a file is, by its header.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing in it yet.
    Empty,
    /// Ours, of a version that this program knows.
    Version(usize),
}

/// Looks at the header.
///
/// # Errors
/// When it is another program's database, or of a version to come, or cannot be read.
pub fn standing(connection: &Connection) -> Result<Standing, Fault> {
    standing_among(connection, STEPS)
}

/// Brings a file that is empty or of an older version to the newest one.
///
/// # Errors
/// As [`standing`], or when it cannot be written; then it is as it was.
pub fn migrate(connection: &mut Connection) -> Result<(), Fault> {
    migrate_by(connection, STEPS)
}

fn standing_among(connection: &Connection, steps: &[&str]) -> Result<Standing, Fault> {
    // In one transaction: another process may be making the file right now.
    let _held = match connection.is_autocommit() {
        true => Some(connection.unchecked_transaction().map_err(|error| sql_fault(&error))?),
        false => None,
    };
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(|e| sql_fault(&e));
    let (id, version) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
    if id != i64::from(APPLICATION_ID) {
        if id == 0 && version == 0 && number("SELECT count(*) FROM sqlite_schema")? == 0 {
            return Ok(Standing::Empty);
        }
        return Err(Fault::invalid(
            "it is not Wattboard's database; data_storage.wattboard_database names another file",
        ));
    }
    match usize::try_from(version) {
        Ok(version) if version <= steps.len() => Ok(Standing::Version(version)),
        _ => Err(Fault::invalid(format!(
            "it has version {version}, and this Wattboard knows versions up to {}: use a newer Wattboard",
            steps.len()
        ))),
    }
}

fn migrate_by(connection: &mut Connection, steps: &[&str]) -> Result<(), Fault> {
    loop {
        if standing_among(connection, steps)? == Standing::Version(steps.len()) {
            return Ok(());
        }
        // Looked at again inside: another process may have been faster.
        let step =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(|error| sql_fault(&error))?;
        let done = match standing_among(&step, steps)? {
            Standing::Empty => 0,
            Standing::Version(version) => version,
        };
        if let Some(sql) = steps.get(done) {
            step.execute_batch(sql)
                .and_then(|()| step.pragma_update(None, "application_id", APPLICATION_ID))
                .and_then(|()| step.pragma_update(None, "user_version", done as i64 + 1))
                .map_err(|error| sql_fault(&error))?;
        }
        step.commit().map_err(|error| sql_fault(&error))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The real steps and two more, so that the way from version to version is tested before there is a next one.
    fn more() -> Vec<&'static str> {
        let mut steps = STEPS.to_vec();
        steps.push("ALTER TABLE price_days ADD COLUMN note TEXT;");
        steps.push("CREATE TABLE more(x); INSERT INTO more SELECT received FROM price_days;");
        steps
    }

    fn layout(connection: &Connection) -> Vec<String> {
        let mut statement = connection.prepare("SELECT sql FROM sqlite_schema ORDER BY name").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn after(steps: &[&str]) -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_by(&mut connection, steps).unwrap();
        connection
    }

    #[test]
    fn every_earlier_version_becomes_the_newest_one() {
        for steps in [STEPS.to_vec(), more()] {
            let newest = after(&steps);
            assert_eq!(standing_among(&newest, &steps), Ok(Standing::Version(steps.len())));
            for from in 1..=steps.len() {
                let mut connection = after(&steps[..from]);
                connection.execute("INSERT INTO price_slots VALUES (0, 1, 2)", []).unwrap();
                migrate_by(&mut connection, &steps).unwrap();
                assert_eq!(layout(&connection), layout(&newest), "from version {from}");
                let kept: i64 = connection.query_row("SELECT value FROM price_slots", [], |row| row.get(0)).unwrap();
                assert_eq!(kept, 2, "from version {from}");
            }
        }
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_before() {
        let steps = [STEPS[0], "CREATE TABLE more(x); CREATE TABLE price_slots(y);"];
        let mut connection = after(&steps[..1]);
        let before = layout(&connection);
        assert!(migrate_by(&mut connection, &steps).is_err());
        assert_eq!(standing_among(&connection, &steps), Ok(Standing::Version(1)));
        assert_eq!(layout(&connection), before);
    }

    #[test]
    fn foreign_and_newer_files_are_refused_untouched() {
        let foreign = "CREATE TABLE energy_data(timestamp TEXT)";
        let other = "PRAGMA application_id = 7; CREATE TABLE t(x)";
        let newer = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 99; CREATE TABLE t(x)");
        for (sql, words) in [
            (foreign, "it is not Wattboard's database"),
            (other, "it is not Wattboard's database"),
            (&newer, "it has version 99, and this Wattboard knows versions up to 2"),
        ] {
            let mut connection = Connection::open_in_memory().unwrap();
            connection.execute_batch(sql).unwrap();
            let before = layout(&connection);
            let fault = migrate(&mut connection).unwrap_err().to_string();
            assert!(fault.starts_with(words), "{fault}");
            assert_eq!(layout(&connection), before);
        }
        assert_eq!(standing(&Connection::open_in_memory().unwrap()), Ok(Standing::Empty));
    }
}
