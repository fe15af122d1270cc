//! Taking over a database of ours that lies in another folder. The source is only read.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::file::{self, Patience, sql_fault};
use crate::base::fault::{Fault, io_fault};

/// How long copying may take: ten years are 12 MB.
const WITHIN: Duration = Duration::from_secs(60);

/// Copies the database `from` to `to`, where nothing is yet. Answers whether there was something to copy.
///
/// What lies at `to` is whole or not there: it is copied beside it first. Another process may write to the source
/// meanwhile: the copy is what it was at one moment.
///
/// # Errors
/// When the source is not a database of ours of a version that is known, or cannot be read; when the copy cannot be written.
pub fn take_over(from: &Path, to: &Path) -> Result<bool, Fault> {
    if to.symlink_metadata().is_ok() {
        return Ok(false);
    }
    let patience = Patience { due: Instant::now() + WITHIN, shutdown: None };
    let Some(source) = file::open_to_read(from, &patience).map_err(|fault| fault.within(from.display()))? else {
        return Ok(false);
    };
    let beside = beside(to);
    let copied = copy(&source, from, &beside).and_then(|()| {
        // Unlike a rename, a link takes no other file's place.
        fs::hard_link(&beside, to).or_else(|_| fs::rename(&beside, to)).map_err(|error| io_fault("write", to, &error))
    });
    let _ = fs::remove_file(&beside);
    if let Some(folder) = to.parent().and_then(|folder| File::open(folder).ok()) {
        let _ = folder.sync_all();
    }
    copied.map(|()| true)
}

fn copy(source: &rusqlite::Connection, from: &Path, beside: &Path) -> Result<(), Fault> {
    let _ = fs::remove_file(beside);
    let name = beside.to_str().ok_or_else(|| Fault::invalid(format!("{}: its name is not UTF-8", beside.display())))?;
    source.execute("VACUUM INTO ?1", [name]).map_err(|error| sql_fault(&error).within(from.display()))?;
    let written = File::open(beside).and_then(|file| file.sync_all());
    written.map_err(|error| io_fault("write", beside, &error))
}

fn beside(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    to.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    fn patience() -> Patience {
        Patience { due: Instant::now() + WITHIN, shutdown: None }
    }

    fn with_a_day(path: &Path) {
        let connection = file::open_to_write(path, &patience()).unwrap();
        connection.execute("INSERT INTO price_slots VALUES (0, 1, 2)", []).unwrap();
    }

    #[test]
    fn the_copy_holds_the_same_and_the_source_is_as_it_was() {
        let dir = tempfile::TempDir::new().unwrap();
        let (from, to) = (dir.path().join("old.db"), dir.path().join("new.db"));
        assert_eq!(take_over(&from, &to), Ok(false), "nothing to copy");
        with_a_day(&from);
        let before = fs::read(&from).unwrap();
        assert_eq!(take_over(&from, &to), Ok(true));
        assert_eq!(fs::read(&from).unwrap(), before);
        let copy = file::open_to_read(&to, &patience()).unwrap().unwrap();
        let header = |name: &str| -> i64 { copy.pragma_query_value(None, name, |row| row.get(0)).unwrap() };
        assert_eq!(copy.query_row("SELECT value FROM price_slots", [], |row| row.get::<_, i64>(0)), Ok(2));
        let source = Connection::open(&from).unwrap();
        let version: i64 = source.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!((header("user_version"), header("application_id")), (version, 0x5761_7474));
        let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["new.db", "old.db"], "nothing is left beside them");
    }

    #[test]
    fn what_is_there_stays_and_what_is_not_ours_is_not_copied() {
        let dir = tempfile::TempDir::new().unwrap();
        let (from, to) = (dir.path().join("old.db"), dir.path().join("new.db"));
        with_a_day(&from);
        fs::write(&to, "mine").unwrap();
        assert_eq!(take_over(&from, &to), Ok(false));
        assert_eq!(fs::read(&to).unwrap(), b"mine");
        fs::remove_file(&to).unwrap();
        Connection::open(&from).unwrap().execute_batch("PRAGMA application_id = 7").unwrap();
        assert!(take_over(&from, &to).unwrap_err().to_string().contains("not Wattboard's database"));
        fs::write(&from, "rubbish".repeat(1000)).unwrap();
        assert!(take_over(&from, &to).is_err());
        assert!(!to.exists());
    }
}
