//! The layout of the price memory, and how a file of an older version gets there: one transaction a step.
//!
//! A file says which programs can use it. `PRAGMA user_version` is the oldest layout that a program must know to read and
//! write it; the table `layout` says which one it has. A step that only adds leaves the first as it is, so that who goes
//! back to an older Wattboard keeps what was remembered, and finds it again after the next upgrade.

use rusqlite::{Connection, TransactionBehavior};

use super::file::sql_fault;
use crate::base::fault::Fault;

/// `Watt`, in the file's header: other programs' databases are never touched.
pub const APPLICATION_ID: i32 = 0x5761_7474;
const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What makes version N + 1 of version N.
struct Step {
    /// The oldest layout that a program must know to read and write the file afterwards: of a step that only adds, that of
    /// the step before. Added is what older programs do not see and need not fill: tables, indexes, columns with a default.
    needs: usize,
    sql: &'static str,
}

/// From here on a file has the table `layout`.
const TOLD_SINCE: usize = 3;

/// Steps are added, never changed.
///
/// Entities are numbers, see [`super::days`]: with their names a year would have 1.9 MB in place of 1.2.
const STEPS: &[Step] = &[
    Step {
        needs: 1,
        sql: "
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
    },
    Step {
        needs: 2,
        sql: "
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
    },
    Step {
        needs: 2,
        sql: "
    CREATE TABLE layout(
        version INTEGER NOT NULL,    -- the steps that were done
        needs INTEGER NOT NULL,      -- the oldest version that can read and write it, as in user_version
        program TEXT NOT NULL        -- the Wattboard that did the last one
    );
    INSERT INTO layout VALUES (0, 0, '');
",
    },
];

/// What a file is, by its header.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing in it yet.
    Empty,
    /// Ours, of this version, which this program can read and write; it may be a newer one than it knows.
    Version(usize),
}

/// Looks at the header.
///
/// # Errors
/// When it is another program's database, or needs a newer Wattboard, or cannot be read.
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

fn standing_among(connection: &Connection, steps: &[Step]) -> Result<Standing, Fault> {
    // In one transaction: another process may be making the file right now.
    let _held = match connection.is_autocommit() {
        true => Some(connection.unchecked_transaction().map_err(|error| sql_fault(&error))?),
        false => None,
    };
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(|e| sql_fault(&e));
    let (id, needs) = (number("PRAGMA application_id")?, number("PRAGMA user_version")?);
    if id != i64::from(APPLICATION_ID) {
        if id == 0 && needs == 0 && number("SELECT count(*) FROM sqlite_schema")? == 0 {
            return Ok(Standing::Empty);
        }
        return Err(Fault::invalid(
            "it is not Wattboard's database; data_storage.wattboard_database names another file",
        ));
    }
    let told = match number("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'layout'")? {
        0 => None,
        _ => connection
            .query_row("SELECT version, program FROM layout", [], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))
            .map(Some)
            .map_err(|error| sql_fault(&error))?,
    };
    match usize::try_from(needs) {
        Ok(needs) if needs <= steps.len() => {
            let version = told.and_then(|(version, _): (i64, String)| usize::try_from(version).ok());
            Ok(Standing::Version(version.unwrap_or(needs).max(needs)))
        }
        _ => {
            let program =
                told.map_or_else(|| "a newer one".to_owned(), |(_, program)| format!("{program} or a newer one"));
            Err(Fault::invalid(format!(
                "it needs a Wattboard that knows version {needs} of it, and this one ({OWN_VERSION}) knows versions up \
                 to {}: use {program}",
                steps.len()
            )))
        }
    }
}

fn migrate_by(connection: &mut Connection, steps: &[Step]) -> Result<(), Fault> {
    loop {
        if matches!(standing_among(connection, steps)?, Standing::Version(version) if version >= steps.len()) {
            return Ok(());
        }
        // Looked at again inside: another process may have been faster.
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(|error| sql_fault(&error))?;
        let done = match standing_among(&transaction, steps)? {
            Standing::Empty => 0,
            Standing::Version(version) => version,
        };
        if let Some(step) = steps.get(done) {
            go(&transaction, step, done + 1).map_err(|error| sql_fault(&error))?;
        }
        transaction.commit().map_err(|error| sql_fault(&error))?;
    }
}

/// Does a step that leads to `version`, and says so in the file.
fn go(transaction: &Connection, step: &Step, version: usize) -> rusqlite::Result<()> {
    transaction.execute_batch(step.sql)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", step.needs as i64)?;
    if version >= TOLD_SINCE {
        let told = (version as i64, step.needs as i64, OWN_VERSION);
        transaction.execute("UPDATE layout SET version = ?1, needs = ?2, program = ?3", told)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The real steps and two more, so that the way from version to version is tested before there is a next one: one
    /// that only adds, and one that older programs cannot follow.
    fn more() -> Vec<Step> {
        let mut steps = real();
        steps.push(Step { needs: 2, sql: "ALTER TABLE price_days ADD COLUMN note TEXT;" });
        steps.push(Step { needs: 5, sql: "CREATE TABLE more(x); INSERT INTO more SELECT received FROM price_days;" });
        steps
    }

    fn real() -> Vec<Step> {
        STEPS.iter().map(|step| Step { ..*step }).collect()
    }

    fn layout(connection: &Connection) -> Vec<String> {
        let mut statement = connection.prepare("SELECT sql FROM sqlite_schema ORDER BY name").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn after(steps: &[Step]) -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_by(&mut connection, steps).unwrap();
        connection
    }

    fn told(connection: &Connection) -> (i64, i64, String) {
        let all = "SELECT version, needs, program FROM layout";
        connection.query_row(all, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap()
    }

    fn header(connection: &Connection) -> i64 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    const A_DAY: &str = "INSERT INTO price_slots VALUES (0, 1, 2);
        INSERT INTO price_days(entity, date, received, expected, fetched_at) VALUES (0, '2026-10-25', 100, 100, 3)";

    fn days(connection: &Connection) -> i64 {
        let both = "SELECT count(*) FROM price_slots, price_days WHERE value = 2 AND received = 100";
        connection.query_row(both, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn every_earlier_version_becomes_the_newest_one() {
        for steps in [real(), more()] {
            let newest = after(&steps);
            assert_eq!(standing_among(&newest, &steps), Ok(Standing::Version(steps.len())));
            for from in 1..=steps.len() {
                let mut connection = after(&steps[..from]);
                connection.execute_batch(A_DAY).unwrap();
                migrate_by(&mut connection, &steps).unwrap();
                assert_eq!(layout(&connection), layout(&newest), "from version {from}");
                assert_eq!(days(&connection), 1, "from version {from}");
                assert_eq!(told(&connection), told(&newest), "from version {from}");
            }
        }
    }

    #[test]
    fn a_file_says_what_it_needs_and_what_it_has() {
        let file = after(STEPS);
        assert_eq!((header(&file), told(&file)), (2, (3, 2, OWN_VERSION.to_owned())));
        let file = after(&more());
        assert_eq!((header(&file), told(&file)), (5, (5, 5, OWN_VERSION.to_owned())));
    }

    #[test]
    fn an_older_program_goes_on_with_a_file_to_which_was_only_added() {
        let all = more();
        let adding = &all[..4];
        let mut file = after(adding);
        file.execute_batch(A_DAY).unwrap();
        let before = layout(&file);
        // Also the programs of before there was a table `layout`, which looked at the header alone.
        for older in 2..4 {
            assert_eq!(standing_among(&file, &all[..older]), Ok(Standing::Version(4)), "{older}");
            migrate_by(&mut file, &all[..older]).unwrap();
            assert_eq!(layout(&file), before, "{older}");
            file.execute("INSERT INTO price_slots VALUES (0, ?1, 5)", [older as i64]).unwrap();
        }
        assert_eq!((header(&file), told(&file).0), (2, 4));
        // And back: nothing is done twice, nothing is lost.
        migrate_by(&mut file, adding).unwrap();
        assert_eq!((layout(&file), days(&file)), (before, 1));
        migrate_by(&mut file, &all).unwrap();
        assert_eq!((header(&file), days(&file)), (5, 1));
    }

    #[test]
    fn a_program_that_is_too_old_says_what_is_needed() {
        let all = more();
        let mut file = after(&all);
        let before = layout(&file);
        for older in 1..all.len() {
            let fault = migrate_by(&mut file, &all[..older]).unwrap_err().to_string();
            let words = format!("needs a Wattboard that knows version 5 of it, and this one ({OWN_VERSION}) knows");
            assert!(fault.contains(&words), "{fault}");
            assert!(fault.ends_with(&format!("up to {older}: use {OWN_VERSION} or a newer one")), "{fault}");
            assert_eq!(layout(&file), before);
        }
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_before() {
        let breaks = Step { needs: 2, sql: "CREATE TABLE more(x); CREATE TABLE price_slots(y);" };
        let steps = [Step { ..STEPS[0] }, breaks];
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
            (&newer, "it needs a Wattboard that knows version 99 of it"),
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
