//! Opening the database so that the coordinator never notices, for the length of a refresh: between two of them
//! nothing is open, so that the coordinator may clean up, change the journal mode or have its file replaced.
//!
//! A plain `mode=ro` connection that comes before the coordinator creates `-wal` and `-shm` under its own user and
//! locks the coordinator out for good. So:
//!
//! - `-wal` and `-shm` there: `mode=ro&readonly_shm=1`, which creates nothing;
//! - no `-wal`: everything is in the main file. It is opened `immutable` (no lock, nothing created), and its stat is
//!   compared before and after the read. A file in rollback-journal mode is then opened the ordinary way, with
//!   SQLite's own locks, since that mode has no shared memory to create;
//! - `-wal` without `-shm`: its writer was interrupted or works exclusively, and reading without it would miss rows.
//!
//! The file is never opened by other means: closing any descriptor of it would drop SQLite's locks in this process.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::RwLock;
use rusqlite::{Connection, OpenFlags};

use super::query::{Deadlines, sql_fault};
use crate::base::fault::{Fault, Kind, io_fault};
use crate::base::file_uri::uri_path;
use crate::base::shutdown::Shutdown;

/// SQLite's page cache for each connection, KiB.
const CACHE_KIB: i64 = 256;
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
    wal: bool,
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
            version: (meta.size(), meta.mtime(), meta.mtime_nsec()),
            journal: beside(path, "-journal").exists(),
            wal: beside(path, "-wal").exists(),
        })
    }

    /// Whether both are marks of one file (whatever was written to it since).
    pub fn same_file(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// Opens the database at `path`; the first statement is tried within `deadline`.
pub fn open(path: &Path, deadline: Duration, shutdown: &Shutdown) -> Result<Opened, Fault> {
    let path = &target(path);
    let mark = FileMark::of(path)?;
    if mark.wal {
        if !beside(path, "-shm").exists() {
            return Err(Fault::new(
                Kind::Locked,
                format!(
                    "the database {} has a -wal file without a -shm file: its writer was interrupted or keeps it \
                     to itself; it becomes readable when the coordinator opens it again",
                    path.display()
                ),
            ));
        }
        return connect(path, "mode=ro&readonly_shm=1", deadline, shutdown, Link::Shared, mark);
    }
    if is_rollback_file(path, deadline)? {
        return connect(path, "mode=ro", deadline, shutdown, Link::Shared, mark);
    }
    connect(path, "mode=ro&immutable=1", deadline, shutdown, Link::Frozen(mark.clone()), mark)
}

/// Whether the file is in rollback-journal mode: opened `nolock`, SQLite reads such a file and refuses one in WAL mode
/// without creating anything (an immutable connection would call both `delete`).
///
/// Closing the probe's descriptor drops this process' own locks on the file, so it waits until no session holds any.
fn is_rollback_file(path: &Path, deadline: Duration) -> Result<bool, Fault> {
    let Some(_alone) = SESSIONS.try_write_for(deadline) else {
        return Err(Fault::timeout("the database is still being read by another thread"));
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let readable = Connection::open_with_flags(format!("file:{}?mode=ro&nolock=1", uri_path(path)), flags)
        .and_then(|probe| probe.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())));
    Ok(readable.is_ok())
}

fn connect(
    path: &Path,
    parameters: &str,
    deadline: Duration,
    shutdown: &Shutdown,
    link: Link,
    mark: FileMark,
) -> Result<Opened, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let _reading = SESSIONS.read();
    let uri = format!("file:{}?{parameters}", uri_path(path));
    let deadlines = Deadlines::new(shutdown.clone());
    let mut connection = Connection::open_with_flags(uri, flags).map_err(|error| sql_fault(&error))?;
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
