//! Real databases, broken for real.

use std::fs;

use rusqlite::params;
use tempfile::TempDir;

use super::*;
use crate::base::shutdown::{self, ShutdownTrigger};
use crate::model::time::Range;
use crate::source::SiteSource;

const V4: &str = "
CREATE TABLE schema_version(version INTEGER PRIMARY KEY, applied_at TEXT, description TEXT);
INSERT INTO schema_version VALUES (4, '', '');
CREATE TABLE energy_data(timestamp TEXT PRIMARY KEY, battery_soc REAL, pv_power INTEGER, grid_import_total_kwh REAL, tariff_zone TEXT, created_at TEXT);
CREATE TABLE system_state(id INTEGER PRIMARY KEY, timestamp TEXT, metrics TEXT, created_at TEXT);
CREATE TABLE coordinator_decisions(id INTEGER PRIMARY KEY, timestamp TEXT, decision_type TEXT, action TEXT, reason TEXT, parameters TEXT, source_module TEXT, created_at TEXT);
";

struct Site {
    dir: TempDir,
    trigger: ShutdownTrigger,
    shutdown: Shutdown,
}

impl Site {
    fn new() -> Self {
        let (trigger, shutdown) = shutdown::channel();
        Self { dir: TempDir::new().unwrap(), trigger, shutdown }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("a%b #c.db")
    }

    fn writer(&self, journal: &str) -> Connection {
        let connection = Connection::open(self.path()).unwrap();
        connection.pragma_update(None, "journal_mode", journal).unwrap();
        connection.execute_batch(V4).unwrap();
        connection
    }

    fn reader(&self) -> Database {
        Database::new(self.path(), SiteZone::named("Europe/Warsaw").unwrap(), self.shutdown.clone(), false)
    }

    fn remove(&self) {
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{suffix}", self.path().display()));
        }
    }

    fn files(&self) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(self.dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn november() -> Range {
    Range { from: "2026-11-01T00:00:00Z".parse().unwrap(), to: "2026-12-01T00:00:00Z".parse().unwrap() }
}

fn insert_decision(connection: &Connection, timestamp: &str, created_at: &str, parameters: &str) {
    connection
        .execute(
            "INSERT INTO coordinator_decisions(timestamp, decision_type, action, reason, parameters, created_at) VALUES (?, 'charging', 'wait', 'r', ?, ?)",
            params![timestamp, parameters, created_at],
        )
        .unwrap();
}

fn insert_state(connection: &Connection, timestamp: &str, metrics: &str) {
    connection
        .execute("INSERT INTO system_state(timestamp, metrics) VALUES (?, ?)", params![timestamp, metrics])
        .unwrap();
}

fn soc(value: &str, at: &str) -> String {
    format!(r#"{{"current_data": {{"timestamp": "{at}", "battery": {{"soc_percent": {value}}}}}}}"#)
}

#[test]
fn both_journal_modes_are_read_while_they_are_written() {
    for journal in ["wal", "delete"] {
        let site = Site::new();
        let writer = site.writer(journal);
        let mut reader = site.reader();
        for count in 1..=3 {
            insert_decision(&writer, &format!("2026-11-22T10:0{count}:00"), "", "{}");
            assert_eq!(reader.decisions(november()).unwrap().len(), count, "{journal}");
        }
        assert!(matches!(reader.link.as_ref().unwrap().link, Link::Shared), "{journal}");
    }
}

#[test]
fn a_resting_wal_database_is_read_without_leaving_a_trace() {
    let site = Site::new();
    insert_decision(&site.writer("wal"), "2026-11-22T10:00:00", "", "{}");
    let before = site.files();
    assert_eq!(before.len(), 1, "the writer is gone and so are its files");
    let mut reader = site.reader();
    assert_eq!(reader.decisions(november()).unwrap().len(), 1);
    assert_eq!(site.files(), before);
    // The coordinator comes back: its rows are seen at once.
    let writer = Connection::open(site.path()).unwrap();
    insert_decision(&writer, "2026-11-22T10:15:00", "", "{}");
    assert_eq!(reader.decisions(november()).unwrap().len(), 2);
}

#[test]
fn an_empty_wal_is_not_opened() {
    use std::os::unix::fs::MetadataExt;
    let site = Site::new();
    insert_decision(&site.writer("wal"), "2026-11-22T10:00:00", "", "{}");
    // One that reads alone leaves both files behind.
    let uri = format!("file:{}?mode=ro", crate::base::file_uri::uri_path(&site.path()));
    let other = Connection::open(uri).unwrap();
    other.query_row("SELECT count(*) FROM energy_data", [], |_| Ok(())).unwrap();
    drop(other);
    let beside: Vec<_> = ["-wal", "-shm"].map(|suffix| format!("{}{suffix}", site.path().display())).into();
    let inodes = || beside.iter().map(|path| fs::metadata(path).unwrap()).map(|meta| (meta.ctime(), meta.ctime_nsec()));
    let before: Vec<_> = inodes().collect();
    let mut reader = site.reader();
    assert_eq!(reader.decisions(november()).unwrap().len(), 1);
    assert!(inodes().eq(before), "as root, SQLite would have set their owner");
    fs::remove_file(&beside[1]).unwrap();
    assert_eq!(reader.decisions(november()).unwrap().len(), 1, "without the -shm, too");
    let holder = Connection::open(site.path()).unwrap();
    holder
        .execute_batch("PRAGMA locking_mode = exclusive; BEGIN EXCLUSIVE; DELETE FROM coordinator_decisions")
        .unwrap();
    assert_eq!(reader.decisions(november()).unwrap().len(), 1, "whoever holds it");
    holder.execute_batch("COMMIT").unwrap();
    let fault = reader.decisions(november()).unwrap_err();
    assert!(fault.to_string().contains("keeps it to itself"), "{fault}");
    drop(holder);
    reader.outage = None; // a minute later
    assert_eq!(reader.decisions(november()).unwrap().len(), 0);
    insert_decision(&Connection::open(site.path()).unwrap(), "2026-11-22T10:00:00", "", "{}");
    // The coordinator comes back, and empties its -wal from time to time.
    let writer = Connection::open(site.path()).unwrap();
    for count in 2..=4 {
        insert_decision(&writer, &format!("2026-11-22T10:1{count}:00"), "", "{}");
        assert_eq!(reader.decisions(november()).unwrap().len(), count);
        reader.rest();
        writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        assert_eq!(reader.decisions(november()).unwrap().len(), count);
    }
}

#[test]
fn a_wal_without_shared_memory_is_a_fault_with_a_name() {
    let site = Site::new();
    let writer = site.writer("wal");
    insert_decision(&writer, "2026-11-22T10:00:00", "", "{}");
    fs::copy(site.path(), site.dir.path().join("copy.db")).unwrap();
    fs::write(site.dir.path().join("copy.db-wal"), b"x").unwrap();
    let mut reader = site.reader();
    reader.path = site.dir.path().join("copy.db");
    let fault = reader.decisions(november()).unwrap_err();
    assert!(fault.to_string().contains("a -wal file without a -shm file"), "{fault}");
    assert!(!fault.to_string().contains("waited"), "nothing was waited for: {fault}");
    assert_eq!(fault.kind(), Kind::Locked);
}

#[test]
fn missing_garbage_and_replaced_files() {
    let site = Site::new();
    let mut reader = site.reader();
    let fault = reader.decisions(november()).unwrap_err();
    assert_eq!(fault.kind(), Kind::Missing);
    assert!(fault.to_string().ends_with("does not exist"), "{fault}");

    let writer = site.writer("wal");
    insert_decision(&writer, "2026-11-22T10:00:00", "", "{}");
    assert_eq!(reader.decisions(november()).unwrap().len(), 1, "a file that appears is opened at once");

    drop(writer);
    // The rows still are in the -wal file, which would answer for the garbage.
    site.remove();
    fs::write(site.path(), "garbage ".repeat(1000)).unwrap();
    let fault = reader.decisions(november()).unwrap_err();
    assert_eq!(fault.to_string(), "the database file is not an SQLite database");

    site.remove();
    let writer = site.writer("wal");
    insert_decision(&writer, "2026-11-22T10:00:00", "", "{}");
    insert_decision(&writer, "2026-11-22T11:00:00", "", "{}");
    reader.outage = None; // a minute later
    assert_eq!(reader.decisions(november()).unwrap().len(), 2);
}

#[test]
fn a_damaged_page_is_met_by_who_needs_it() {
    let site = Site::new();
    let connection = site.writer("delete");
    connection.execute_batch("CREATE INDEX by_time ON energy_data(timestamp)").unwrap();
    for day in 1..=20 {
        for hour in 0..24 {
            let at = format!("2026-11-{day:02}T{hour:02}:30:00");
            let filler = "x".repeat(100);
            connection
                .execute("INSERT INTO energy_data(timestamp, tariff_zone) VALUES (?1, ?2)", params![at, filler])
                .unwrap();
        }
    }
    drop(connection);
    let mut bytes = fs::read(site.path()).unwrap();
    // A leaf of the table (13 is its first byte) with rows of the tenth.
    let has = |page: &[u8]| page.windows(13).filter(|words| words == b"2026-11-10T12").count() == 1;
    let page = bytes.chunks_exact(4096).position(|page| page[0] == 13 && has(page)).unwrap();
    bytes[page * 4096..(page + 1) * 4096].fill(0xff);
    fs::write(site.path(), bytes).unwrap();
    let mut reader = site.reader();
    let zone = SiteZone::named("Europe/Warsaw").unwrap();
    let mut rows = |day: i8| reader.energy(Range::day(jiff::civil::date(2026, 11, day), &zone)).map(|rows| rows.len());
    assert_eq!(rows(2), Ok(24));
    let fault = rows(10).unwrap_err();
    assert!(fault.to_string().starts_with("the database is damaged"), "{fault}");
    assert_eq!(rows(18), Ok(24), "at once");
    assert_eq!(reader.first_day(), Ok(Some(jiff::civil::date(2026, 11, 1))));
}

#[test]
fn reconnects_are_paced() {
    let site = Site::new();
    fs::write(site.path(), "garbage ".repeat(1000)).unwrap();
    let mut reader = site.reader();
    assert_eq!(reader.wants_retry(), None);
    reader.decisions(november()).unwrap_err();
    let first = reader.outage.as_ref().unwrap().last_try;
    reader.decisions(november()).unwrap_err();
    assert_eq!(reader.outage.as_ref().unwrap().last_try, first, "the second answer is the first one's fault");
    reader.eager = true;
    assert!(reader.wants_retry().is_some_and(|wait| wait <= RECONNECT_EAGERLY));
}

#[test]
fn a_missing_table_is_named_and_comes_back() {
    let site = Site::new();
    let writer = site.writer("wal");
    let mut reader = site.reader();
    assert_eq!(reader.decisions(november()).unwrap(), []);
    writer.execute_batch("ALTER TABLE coordinator_decisions RENAME TO gone").unwrap();
    let fault = reader.decisions(november()).unwrap_err();
    assert_eq!(fault.to_string(), "the database has no table coordinator_decisions");
    assert_eq!(reader.energy(november()).unwrap(), [], "the other tables still answer");
    writer.execute_batch("ALTER TABLE gone RENAME TO coordinator_decisions").unwrap();
    assert_eq!(reader.decisions(november()).unwrap(), []);
}

#[test]
fn older_schemas_lack_columns_not_rows() {
    let site = Site::new();
    let writer = Connection::open(site.path()).unwrap();
    writer
        .execute_batch(
            "CREATE TABLE energy_data(timestamp TEXT PRIMARY KEY, battery_soc REAL, pv_power INTEGER);
             INSERT INTO energy_data VALUES ('2026-11-22 10:00:00.5', '55.5', 1200);
             INSERT INTO energy_data VALUES ('no time at all', 1, 1);",
        )
        .unwrap();
    let rows = site.reader().energy(november()).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].soc_pct, rows[0].pv_power_w, rows[0].import_total_kwh), (Some(55.5), Some(1200.0), None));
    assert_eq!(rows[0].at, "2026-11-22T09:00:00.5Z".parse().unwrap());
}

#[test]
fn a_lock_is_waited_for_until_the_deadline_and_no_longer() {
    let site = Site::new();
    let writer = site.writer("delete");
    let mut reader = site.reader();
    assert_eq!(reader.decisions(november()).unwrap(), []);
    writer.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let started = Instant::now();
    let fault = reader
        .session(Duration::from_millis(300), |connection, _, _| {
            connection.query_row("SELECT count(*) FROM energy_data", [], |_| Ok(())).map_err(|e| query::sql_fault(&e))
        })
        .unwrap_err();
    assert_eq!(fault.to_string(), "the database is held by another program (waited 0.3 s)");
    assert!(started.elapsed() >= Duration::from_millis(300) && started.elapsed() < Duration::from_secs(30));
    writer.execute_batch("COMMIT").unwrap();
    assert_eq!(reader.decisions(november()).unwrap(), []);
}

#[test]
fn a_long_statement_is_ended_by_the_deadline_and_by_the_stop() {
    let site = Site::new();
    let _writer = site.writer("wal");
    let mut reader = site.reader();
    let endless = |connection: &Connection, _: &mut query::Columns, _: &SiteZone| {
        let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        connection.query_row(sql, [], |_| Ok(())).map_err(|error| query::sql_fault(&error))
    };
    let fault = reader.session(Duration::from_millis(50), endless).unwrap_err();
    assert_eq!(fault.to_string(), "the database did not answer in time (waited 0.05 s)");
    site.trigger.stop();
    let fault = reader.session(Duration::from_secs(600), endless).unwrap_err();
    assert_eq!(fault.kind(), Kind::Stopping);
}

#[test]
fn the_newest_state_is_the_last_one_written_unless_it_says_nothing() {
    let site = Site::new();
    let writer = site.writer("wal");
    let mut reader = site.reader();
    let now = "2026-11-22T13:00:00Z".parse().unwrap();
    let latest = |reader: &mut Database| reader.latest_state(now).unwrap().map(|s| s.reading.battery.soc_pct);
    assert_eq!(latest(&mut reader), None);
    insert_state(&writer, "2026-11-22T13:58:00", &soc("50", "2026-11-22T13:58:00"));
    assert_eq!(latest(&mut reader), Some(Ok(50.0)));
    // Imported later, but older.
    insert_state(&writer, "2026-11-01T10:00:00", &soc("10", "2026-11-01T10:00:00"));
    assert_eq!(latest(&mut reader), Some(Ok(50.0)));
    insert_state(&writer, "2026-11-22T13:59:00", &soc("\"Unknown\"", "2026-11-22T13:59:00"));
    insert_state(&writer, "2026-11-22T13:59:30", "not JSON");
    assert_eq!(latest(&mut reader), Some(Ok(50.0)));
    // A row of a clock that was a year ahead does not hide the present.
    insert_state(&writer, "2027-11-22T13:59:40", &soc("99", "2027-11-22T13:59:40"));
    insert_state(&writer, "2026-11-22T13:59:50", &soc("51", "2026-11-22T13:59:50"));
    assert_eq!(latest(&mut reader), Some(Ok(51.0)));
}

#[test]
fn states_that_all_are_broken_are_a_fault() {
    let site = Site::new();
    insert_state(&site.writer("wal"), "2026-11-22T13:58:00", "{half");
    let fault = site.reader().latest_state("2026-11-22T13:00:00Z".parse().unwrap()).unwrap_err();
    assert!(fault.to_string().starts_with("the state of 2026-11-22T13:58:00 is not readable: "), "{fault}");
}

#[test]
fn the_doubled_hour_is_told_apart_by_created_at() {
    let site = Site::new();
    let writer = site.writer("wal");
    insert_decision(&writer, "2026-10-25T02:45:00", "2026-10-25 00:45:00", "{}");
    insert_decision(&writer, "2026-10-25T02:15:00", "2026-10-25 01:15:00", "{}");
    let range = Range { from: "2026-10-25T00:00:00Z".parse().unwrap(), to: "2026-10-25T01:00:00Z".parse().unwrap() };
    let first_pass = site.reader().decisions(range).unwrap();
    assert_eq!(first_pass.len(), 1);
    assert_eq!(first_pass[0].at, "2026-10-25T00:45:00Z".parse().unwrap());
}

#[test]
fn days_tell_whether_they_changed() {
    let site = Site::new();
    let writer = site.writer("wal");
    insert_decision(&writer, "2026-11-21T10:00:00", "", "{}");
    insert_decision(&writer, "2026-11-22T10:00:00", "", "not JSON");
    let mut reader = site.reader();
    let day = |text: &str| text.parse::<jiff::civil::Date>().unwrap();
    let before = reader.days(day("2026-11-01"), day("2026-11-30")).unwrap();
    assert_eq!(before[&day("2026-11-21")].decisions, (1, 1));
    insert_decision(&writer, "2026-11-21T11:00:00", "", "{}");
    let after = reader.days(day("2026-11-01"), day("2026-11-30")).unwrap();
    assert_ne!(before[&day("2026-11-21")], after[&day("2026-11-21")]);
    assert_eq!(after[&day("2026-11-22")].decisions, (1, 2));
    // Deleted and written anew, the newest row has the same number again.
    let again = "DELETE FROM coordinator_decisions WHERE timestamp LIKE '2026-11-21T11%'";
    assert_eq!(reader.days(day("2026-11-01"), day("2026-11-30")).unwrap(), after);
    for (parameters, is_the_same) in [("{}", true), ("[]", false)] {
        writer.execute_batch(again).unwrap();
        insert_decision(&writer, "2026-11-21T11:00:00", "", parameters);
        let rewritten = reader.days(day("2026-11-01"), day("2026-11-30")).unwrap();
        assert_eq!(rewritten == after, is_the_same, "{parameters}");
    }
    assert_eq!(reader.first_day().unwrap(), Some(day("2026-11-21")));
    assert_eq!(
        reader.health("2026-11-22T13:00:00Z".parse().unwrap()).unwrap(),
        Health { schema_version: Some(4), decisions_24h: 1 }
    );
}

#[test]
fn a_database_behind_a_link_is_read_with_its_wal() {
    let site = Site::new();
    let writer = site.writer("wal");
    insert_decision(&writer, "2026-11-22T10:00:00", "", "{}");
    let elsewhere = TempDir::new().unwrap();
    let link = elsewhere.path().join("goodwe_energy.db");
    std::os::unix::fs::symlink(site.path(), &link).unwrap();
    let mut reader = site.reader();
    reader.path = link;
    assert_eq!(reader.decisions(november()).unwrap().len(), 1);
    insert_decision(&writer, "2026-11-22T10:15:00", "", "{}");
    assert_eq!(reader.decisions(november()).unwrap().len(), 2);
}

#[test]
fn after_a_rest_a_restored_file_and_new_columns_are_seen() {
    let site = Site::new();
    let writer = site.writer("wal");
    insert_decision(&writer, "2026-11-22T10:00:00", "", "{}");
    writer.execute_batch("ALTER TABLE energy_data DROP COLUMN grid_import_total_kwh").unwrap();
    writer.execute_batch("INSERT INTO energy_data(timestamp) VALUES ('2026-11-22T10:00:00')").unwrap();
    let mut reader = site.reader();
    assert_eq!(reader.energy(november()).unwrap()[0].import_total_kwh, None);
    reader.rest();
    writer.execute_batch("ALTER TABLE energy_data ADD COLUMN grid_import_total_kwh REAL DEFAULT 7").unwrap();
    assert_eq!(reader.energy(november()).unwrap()[0].import_total_kwh, Some(7.0));
    reader.rest();
    // A backup is copied over the file while nobody has it open: the same inode, other rows.
    drop(writer);
    let backup = Site::new();
    let other = backup.writer("wal");
    (1..=5).for_each(|hour| insert_decision(&other, &format!("2026-11-22T1{hour}:00:00"), "", "{}"));
    drop(other);
    fs::copy(backup.path(), site.path()).unwrap();
    assert_eq!(reader.decisions(november()).unwrap().len(), 5);
}

#[test]
fn between_refreshes_nothing_is_held() {
    let site = Site::new();
    let writer = site.writer("wal");
    insert_decision(&writer, "2026-11-22T10:00:00", "", "{}");
    let mut reader = site.reader();
    assert_eq!(reader.decisions(november()).unwrap().len(), 1);
    reader.rest();
    let mode: String = writer.query_row("PRAGMA journal_mode = delete", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "delete", "the coordinator may change the mode, which needs the file for itself");
    assert_eq!(reader.decisions(november()).unwrap().len(), 1);
}

#[test]
fn content_that_makes_no_sense_does_not_cut_the_rest_off() {
    let site = Site::new();
    let writer = site.writer("wal");
    insert_state(&writer, "2026-11-22T13:58:00", "{half");
    let mut reader = site.reader();
    reader.latest_state("2026-11-22T13:00:00Z".parse().unwrap()).unwrap_err();
    assert_eq!(reader.decisions(november()).unwrap(), []);
    insert_state(&writer, "2026-11-22T13:59:00", &soc("51", "2026-11-22T13:59:00"));
    assert!(reader.latest_state("2026-11-22T13:00:00Z".parse().unwrap()).unwrap().is_some(), "without a pause");
}

/// Another process that writes: each row by a connection of its own, which cleans up when it closes.
#[test]
#[ignore = "the other process of the test below"]
fn a_writer_that_opens_and_closes() {
    let path = std::env::var_os("WATTBOARD_TEST_DATABASE").expect("set by the test below");
    for _ in 0..60 {
        let connection = Connection::open(&path).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        insert_state(&connection, "2026-11-22T14:00:00", "{}");
        drop(connection);
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_writer_that_comes_and_goes_is_no_outage() {
    let site = Site::new();
    drop(site.writer("wal"));
    let mut writer = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "source::sqlite::tests::a_writer_that_opens_and_closes"])
        .env("WATTBOARD_TEST_DATABASE", site.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut reader = site.reader();
    let (mut reads, mut newest) = (0, 0);
    while writer.try_wait().unwrap().is_none() {
        let count = "SELECT count(*) FROM system_state";
        let seen = reader.look(|connection| {
            connection.query_row(count, [], |row| row.get::<_, i64>(0)).map_err(|error| query::sql_fault(&error))
        });
        let seen = seen.unwrap();
        assert!(seen >= newest, "{seen} rows after {newest}");
        (reads, newest) = (reads + 1, seen);
        reader.rest();
    }
    assert!(writer.wait().unwrap().success());
    assert!(reads > 60, "{reads} reads");
    // The writer clears up, unless it was read at its end: then both files stay. The reader itself makes none.
    assert_ne!(site.files().len(), 2, "{:?}", site.files());
}
