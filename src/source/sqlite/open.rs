//! Opening the database so that the coordinator never notices, for the length of a refresh: between two of them
//! nothing is open, so that the coordinator may clean up, change the journal mode or have its file replaced.
//!
//! A plain `mode=ro` connection that comes before the coordinator creates `-wal` and `-shm` under its own user and
//! locks the coordinator out for good. So:
//!
//! - `-wal` and `-shm` there: `mode=ro&readonly_shm=1`. It creates no `-shm`, but it would create a `-wal` that its writer
//!   removes in this very moment: so a first connection holds the shared lock, under which nobody removes them, and the
//!   files are looked at once more before the second one is opened;
//! - no `-wal`, or an empty one: everything is in the main file. It is opened `immutable` (no lock, nothing created), and
//!   the stat of both is compared before and after the read. A file in rollback-journal mode is then opened the ordinary
//!   way, with SQLite's own locks, since that mode has no shared memory to create;
//! - `-wal` without `-shm`: its writer was interrupted or works exclusively, and reading without it would miss rows.
//!
//! As root, SQLite sets the owner of the `-wal` and the `-shm` that it opens to the database's (`robustFchown`), which writes
//! their inodes even where it changes nothing: so neither is opened while the `-wal` is empty.
//!
//! The file is never opened by other means: closing any descriptor of it would drop SQLite's locks in this process.

use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parking_lot::{RwLock, RwLockReadGuard};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::query::{Deadlines, sql_fault};
use crate::base::fault::{Fault, Kind, io_fault};
use crate::base::file_uri::uri_path;
use crate::base::shutdown::Shutdown;

/// How connections that use SQLite's locks are opened.
const SHARED: &str = "mode=ro&readonly_shm=1";
const FLAGS: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_URI).union(OpenFlags::SQLITE_OPEN_NO_MUTEX);
/// SQLite's page cache for each connection, KiB.
const CACHE_KIB: i64 = 256;
/// How often a file that cannot be opened is looked at, and how long after one another.
const LOOKS: u32 = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// Prepared statements kept.
const STATEMENTS: usize = 16;

/// Held for reading while a session works with SQLite's locks, for writing while a file is probed without them.
pub static SESSIONS: RwLock<()> = RwLock::new(());

/// How a connection is linked to the file.
#[derive(Debug, PartialEq, Eq)]
pub enum Link {
    /// With SQLite's locks, until the refresh is over.
    Shared,
    /// Without locks, for one session on a file that nobody has open; valid while the file's mark stays the same.
    Frozen(FileMark),
}

/// An open connection.
pub struct Opened {
    /// The connection.
    pub connection: Connection,
    /// How it is linked.
    pub link: Link,
    /// The file it was opened on.
    pub mark: FileMark,
    /// Ends its statements in time.
    pub deadlines: Deadlines,
}

/// What stat says of the file and its rollback journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMark {
    identity: (u64, u64),
    version: (u64, i64, i64),
    journal: bool,
    /// Of a `-wal` that is not empty.
    wal: Option<(u64, i64, i64)>,
}

/// What a write to a file changes.
fn version(meta: &Metadata) -> (u64, i64, i64) {
    (meta.size(), meta.mtime(), meta.mtime_nsec())
}

/// The file itself: SQLite keeps `-wal` and `-shm` beside the target of a link, not beside the link.
fn target(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

impl FileMark {
    /// The mark of the file at `path`.
    pub fn of(path: &Path) -> Result<Self, Fault> {
        let path = &target(path);
        let meta = std::fs::metadata(path).map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                Fault::missing(format!("the database {} does not exist", path.display()))
            } else {
                io_fault("look at the database", path, &error)
            }
        })?;
        Ok(Self {
            identity: (meta.dev(), meta.ino()),
            version: version(&meta),
            journal: beside(path, "-journal").exists(),
            wal: wal(path).map(|meta| version(&meta)),
        })
    }

    /// Whether both are marks of one file (whatever was written to it since).
    pub fn same_file(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

/// The `-wal`, where there is one with something in it.
fn wal(path: &Path) -> Option<Metadata> {
    std::fs::metadata(beside(path, "-wal")).ok().filter(|meta| meta.size() > 0)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Opens the database at `path`; the first statement is tried within `deadline`.
///
/// A writer that closes it removes `-shm` and `-wal` one after the other, and one that opens it makes them so: what cannot
/// be opened is looked at again some times, within half a second, before it is a fault.
pub fn open(path: &Path, deadline: Duration, shutdown: &Shutdown) -> Result<Opened, Fault> {
    let path = &target(path);
    let started = Instant::now();
    let mut looks = 1;
    loop {
        let left = deadline.saturating_sub(started.elapsed());
        match open_as_it_is(path, left, shutdown) {
            Err(fault) if fault.kind() == Kind::Locked || fault.kind() == Kind::Io => {
                if looks == LOOKS || left <= BETWEEN_LOOKS || !shutdown.wait(BETWEEN_LOOKS) {
                    return Err(fault);
                }
                looks += 1;
            }
            opened_or_not => return opened_or_not,
        }
    }
}

fn open_as_it_is(path: &Path, deadline: Duration, shutdown: &Shutdown) -> Result<Opened, Fault> {
    let mark = FileMark::of(path)?;
    if mark.wal.is_some() {
        look_for_shm(path)?;
        let held = hold(path, deadline, shutdown)?;
        look_for_shm(path)?;
        if wal(path).is_none() {
            return Err(Fault::new(Kind::Locked, "the writer of the database emptied its -wal at this moment"));
        }
        let opened = connect(path, SHARED, deadline, shutdown, Link::Shared, mark);
        drop(held);
        return opened;
    }
    let is_rollback_file = is_rollback_file(path, deadline)?;
    let _reading = SESSIONS.read();
    if is_rollback_file {
        return connect(path, "mode=ro", deadline, shutdown, Link::Shared, mark);
    }
    connect(path, "mode=ro&immutable=1", deadline, shutdown, Link::Frozen(mark.clone()), mark)
}

fn look_for_shm(path: &Path) -> Result<(), Fault> {
    if beside(path, "-shm").exists() {
        return Ok(());
    }
    let text = format!(
        "the database {} has a -wal file without a -shm file: its writer was interrupted or keeps it to itself; it becomes \
         readable when the coordinator opens it again",
        path.display()
    );
    Err(Fault::new(Kind::Locked, text))
}

/// A connection that holds SQLite's shared lock until it is dropped: its writer can remove neither `-wal` nor `-shm`.
///
/// With `RESET_DATABASE` SQLite takes the lock and does not look at the file's content, which says that it is in WAL mode:
/// a `-wal` that is there is opened, one that is missing is not created. (The reset itself would take a `VACUUM`.)
struct Held {
    _connection: Connection,
    _reading: RwLockReadGuard<'static, ()>,
}

fn hold(path: &Path, deadline: Duration, shutdown: &Shutdown) -> Result<Held, Fault> {
    let reading = SESSIONS.read();
    let deadlines = Deadlines::new(shutdown.clone());
    let mut connection = Connection::open_with_flags(uri(path, SHARED), FLAGS).map_err(|error| sql_fault(&error))?;
    deadlines.install(&mut connection).map_err(|error| sql_fault(&error))?;
    deadlines.arm(deadline);
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_RESET_DATABASE, true)
        .and_then(|_| connection.execute_batch("BEGIN; PRAGMA user_version"))
        .map_err(|error| sql_fault(&error))?;
    Ok(Held { _connection: connection, _reading: reading })
}

/// Whether the file is in rollback-journal mode: opened `nolock`, SQLite reads such a file and refuses one in WAL mode
/// without creating anything (an immutable connection would call both `delete`).
///
/// Closing the probe's descriptor drops this process' own locks on the file, so it waits until no session holds any.
fn is_rollback_file(path: &Path, deadline: Duration) -> Result<bool, Fault> {
    let Some(_alone) = SESSIONS.try_write_for(deadline) else {
        return Err(Fault::timeout("the database is still being read by another thread"));
    };
    let readable = Connection::open_with_flags(uri(path, "mode=ro&nolock=1"), FLAGS)
        .and_then(|probe| probe.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())));
    Ok(readable.is_ok())
}

fn uri(path: &Path, parameters: &str) -> String {
    format!("file:{}?{parameters}", uri_path(path))
}

/// The connection, proved by its first statement. The caller holds `SESSIONS`.
fn connect(
    path: &Path,
    parameters: &str,
    deadline: Duration,
    shutdown: &Shutdown,
    link: Link,
    mark: FileMark,
) -> Result<Opened, Fault> {
    let deadlines = Deadlines::new(shutdown.clone());
    let mut connection =
        Connection::open_with_flags(uri(path, parameters), FLAGS).map_err(|error| sql_fault(&error))?;
    deadlines.install(&mut connection).map_err(|error| sql_fault(&error))?;
    deadlines.arm(deadline);
    let prepared = prepare(&connection);
    deadlines.disarm();
    prepared.map_err(|error| sql_fault(&error))?;
    Ok(Opened { connection, link, mark, deadlines })
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    // Sorting never spills to a temporary file: nothing is written.
    connection.pragma_update(None, "temp_store", 2)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
}
