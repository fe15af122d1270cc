//! Opening the price memory's file, and words for what is wrong with it.
//!
//! Nothing is kept open between two questions, and the journal is a rollback journal: so there is one file, nothing
//! beside it, and a reader never has to create one. Measured for a day of one entity (96 values) into a file of a year:
//! 51 KB are written this way, 46 KB with a write-ahead log that is closed likewise, 26 KB with one that is kept open
//! (and then lies beside the file for good). There are two such days a day.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Error, ErrorCode, OpenFlags};

use super::schema::{self, Standing};
use crate::base::fault::{Fault, Kind};
use crate::base::file_uri::uri_path;
use crate::base::shutdown::Shutdown;

/// How long another process that writes is waited for.
const BUSY: Duration = Duration::from_secs(2);
/// How long a busy wait sleeps between tries.
const BUSY_PAUSE: Duration = Duration::from_millis(20);
/// Virtual machine instructions between two looks at the clock.
const OPS_BETWEEN_LOOKS: i32 = 2_000;
/// SQLite's page cache, KiB.
const CACHE_KIB: i64 = 256;
/// What SQLite may leave beside a database.
const BESIDE: [&str; 4] = ["", "-journal", "-wal", "-shm"];
/// How many damaged files are kept: the newest ones.
const ASIDE: usize = 3;

/// How long statements and waits for locks may take.
#[derive(Clone)]
pub struct Patience {
    /// Until when.
    pub due: Instant,
    /// What ends them before.
    pub shutdown: Option<Shutdown>,
}

impl Patience {
    fn is_over(&self) -> bool {
        Instant::now() >= self.due || self.shutdown.as_ref().is_some_and(Shutdown::is_stopping)
    }

    /// Sleeps a moment. Answers whether to go on.
    fn pause(&self) -> bool {
        match &self.shutdown {
            Some(shutdown) => shutdown.wait(BUSY_PAUSE),
            None => {
                std::thread::sleep(BUSY_PAUSE);
                true
            }
        }
    }

    fn install(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let (progress, busy, busy_due) = (self.clone(), self.clone(), self.due.min(Instant::now() + BUSY));
        connection.progress_handler(OPS_BETWEEN_LOOKS, Some(move || progress.is_over()))?;
        connection.busy_handler(Some(move |_| Instant::now() < busy_due && busy.pause()))
    }
}

/// For reading only: creates nothing, a file of ours having no write-ahead log. `None` where there is nothing to be read.
pub fn open_to_read(path: &Path, patience: &Patience) -> Result<Option<Connection>, Fault> {
    if is_absent(path)? {
        return Ok(None);
    }
    let uri = format!("file:{}?mode=ro&readonly_shm=1", uri_path(path));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    ours(connect(Connection::open_with_flags(uri, flags), patience)?)
}

/// For reading by the owner, who also takes back what a killed writer left half done. `None` as above.
pub fn open_to_recover(path: &Path, patience: &Patience) -> Result<Option<Connection>, Fault> {
    if is_absent(path)? {
        return Ok(None);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    ours(connect(Connection::open_with_flags(path, flags), patience)?)
}

/// For writing: creates the file where there is none, and brings it to the newest version.
pub fn open_to_write(path: &Path, patience: &Patience) -> Result<Connection, Fault> {
    is_absent(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = connect(Connection::open_with_flags(path, flags), patience)?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}

/// Whether there is no file, or one that nothing was ever written to.
fn is_absent(path: &Path) -> Result<bool, Fault> {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    match std::fs::metadata(path) {
        // Whoever put it there has it back by its name.
        Ok(meta) if meta.is_dir() => Err(Fault::invalid("it is a folder; remove it, a file is made in its place")),
        Ok(meta) => Ok(meta.is_file() && meta.len() == 0),
        Err(error) => Ok(matches!(error.kind(), NotFound | NotADirectory)),
    }
}

fn connect(opened: rusqlite::Result<Connection>, patience: &Patience) -> Result<Connection, Fault> {
    let mut connection = opened.map_err(|error| sql_fault(&error))?;
    let prepared = patience
        .install(&mut connection)
        .and_then(|()| connection.pragma_update(None, "cache_size", -CACHE_KIB))
        .and_then(|()| connection.pragma_update(None, "temp_store", 2));
    prepared.map_err(|error| sql_fault(&error))?;
    Ok(connection)
}

fn ours(connection: Connection) -> Result<Option<Connection>, Fault> {
    Ok((schema::standing(&connection)? != Standing::Empty).then_some(connection))
}

/// Whether the whole file is sound. Reads all of it.
pub fn check(connection: &Connection) -> Result<(), Fault> {
    let said: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(|error| sql_fault(&error))?;
    match said.lines().last() {
        Some("ok") => Ok(()),
        found => {
            Err(Fault::new(Kind::Unreadable, format!("it is damaged: {}", found.unwrap_or("nothing is said of it"))))
        }
    }
}

/// Renames the file, with whatever lies beside it, so that a new one can be begun. Answers its new name. Of damaged files
/// the newest three are kept.
pub fn set_aside(path: &Path, now: jiff::Timestamp) -> std::io::Result<PathBuf> {
    let with = |path: &Path, suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let aside = with(path, &format!(".broken-{}", now.strftime("%Y%m%dT%H%M%SZ")));
    for suffix in BESIDE {
        match std::fs::rename(with(path, suffix), with(&aside, suffix)) {
            Err(error) if suffix.is_empty() || error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    forget_older(path);
    Ok(aside)
}

/// Removes the damaged files of `path` but the newest, so that a failing card is not filled with them.
fn forget_older(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
    let begin = format!("{}.broken-", name.to_string_lossy());
    let mut times: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(&begin)) else { continue };
        let (time, beside) = rest.split_at_checked("20261122T130000Z".len()).unwrap_or_default();
        if time.ends_with('Z') && BESIDE.contains(&beside) {
            times.entry(time.to_owned()).or_default().push(entry.path());
        }
    }
    for path in times.into_values().rev().skip(ASIDE).flatten() {
        match std::fs::remove_file(&path) {
            Ok(()) => log::info!("ARCHIVE: {} is removed, newer damaged files being there", path.display()),
            Err(error) => log::warn!("ARCHIVE: {} cannot be removed: {error}", path.display()),
        }
    }
}

/// SQLite's error in words, to stand after the file's name. [`Kind::Unreadable`] is damage, [`Kind::Invalid`] a file
/// that is not for us.
pub fn sql_fault(error: &Error) -> Fault {
    let (code, detail) = match error {
        Error::SqliteFailure(failure, detail) => {
            (Some(failure.code), detail.clone().unwrap_or_else(|| failure.to_string()))
        }
        other => (None, other.to_string()),
    };
    match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Fault::new(Kind::Locked, "another program is writing to it")
        }
        Some(ErrorCode::OperationInterrupted) => Fault::timeout("it did not answer in time"),
        Some(ErrorCode::NotADatabase) => Fault::new(Kind::Unreadable, "it is not an SQLite database"),
        Some(ErrorCode::DatabaseCorrupt) => Fault::new(Kind::Unreadable, format!("it is damaged: {detail}")),
        Some(ErrorCode::CannotOpen) => Fault::io(format!("it cannot be opened: {detail}")),
        Some(ErrorCode::ReadOnly) => Fault::io(format!("it cannot be written: {detail}")),
        Some(ErrorCode::DiskFull) => Fault::io("the disk is full"),
        _ => Fault::io(format!("it cannot be used: {detail}")),
    }
}
