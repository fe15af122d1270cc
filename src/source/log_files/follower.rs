//! One log file, followed: as it grows, is truncated, is renamed and made anew, however often between two looks.
//!
//! The file stays open. When another one lies under its name, it is read to its end first, then every file that took its
//! place meanwhile and was renamed as well (`x.log.2`, `x.log.1`), in the order in which they were written, and then the
//! present one: nothing is lost as long as it still lies in the folder.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::backwards::Backwards;
use crate::base::fault::{Fault, io_fault};
use crate::base::plain_file;
use crate::model::logs::tail::{LINE_BYTES, Tail};
use crate::model::time::SiteZone;

/// What is read at once: this share of what its lines may take of memory. Lines that are empty take 16 times as much there.
const CHUNK_SHARE: usize = 32;
/// How much of what was read is compared with the file before more is read.
const ANCHOR_BYTES: usize = 64;
/// How often the renamed files are listed at one look until two listings agree.
const LISTINGS: usize = 8;
/// Endings of files that are no plain text any more.
const PACKED: [&str; 4] = [".gz", ".bz2", ".xz", ".zst"];

/// Device and inode.
type Identity = (u64, u64);

fn identity(meta: &Metadata) -> Identity {
    (meta.dev(), meta.ino())
}

/// The file that is read.
struct Open {
    file: File,
    identity: Identity,
    position: u64,
    /// When it was changed last, as of the last look.
    changed: (i64, i64),
    /// The last bytes before the position: if they changed, the file was truncated and written again meanwhile.
    anchor: Vec<u8>,
}

/// A log file, followed.
pub struct Follower {
    path: PathBuf,
    zone: SiteZone,
    open: Option<Open>,
    /// Its lines.
    pub tail: Tail,
    /// The way back from where it was read first, while that is under way.
    pub before: Option<Backwards>,
}

impl Follower {
    /// Of the file at a path; nothing is read yet.
    pub fn new(path: PathBuf, zone: SiteZone, tail: Tail) -> Self {
        Self { path, zone, open: None, tail, before: None }
    }

    /// Reads what is new, `budget` bytes at most, as long as `may_read`. A file that is seen for the first time is read
    /// from its last `reach` bytes on. Answers whether there may be more.
    ///
    /// # Errors
    /// When a file cannot be read; it is tried again at the next look.
    pub fn poll(
        &mut self,
        now: Timestamp,
        reach: usize,
        budget: usize,
        may_read: impl Fn(&Tail) -> bool,
    ) -> Result<bool, Fault> {
        let mut left = budget;
        if self.open.is_none() {
            self.begin(reach as u64)?;
        }
        let mut chunk = vec![0; (reach / CHUNK_SHARE).max(1)];
        loop {
            if self.read(&mut chunk, &mut left, &may_read, now)? {
                return Ok(true);
            }
            let Some(next) = self.successor()? else { return Ok(false) };
            // Who renamed it may have written to it after it was read to its end.
            if self.read(&mut chunk, &mut left, &may_read, now)? {
                return Ok(true);
            }
            self.tail.end_line(now);
            self.open = Some(next);
        }
    }

    /// Opens the file for the first time.
    fn begin(&mut self, reach: u64) -> Result<(), Fault> {
        let fault = |error| io_fault("read", &self.path, &error);
        let file = plain_file::open(&self.path).map_err(fault)?;
        let meta = file.metadata().map_err(fault)?;
        if !meta.is_file() {
            return Err(Fault::io(format!("{} is no plain file", self.path.display())));
        }
        let mut position = meta.len().saturating_sub(reach);
        if position > 0 {
            // After a start in the middle: on to the next line's beginning.
            let mut chunk = vec![0; LINE_BYTES];
            let count = file.read_at(&mut chunk, position - 1).map_err(fault)?;
            position += chunk[..count].iter().position(|byte| *byte == b'\n').unwrap_or(0) as u64;
            let again = plain_file::open(&self.path).map_err(fault)?;
            let same = again.metadata().is_ok_and(|other| identity(&other) == identity(&meta));
            self.before = same.then(|| Backwards::new(again, position, self.zone.clone()));
        }
        self.open = Some(Open::new(file, &meta, position));
        Ok(())
    }

    /// Reads the open file to its end. Answers whether the budget was used up first, or it may not be read on.
    fn read(
        &mut self,
        chunk: &mut [u8],
        left: &mut usize,
        may_read: impl Fn(&Tail) -> bool,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let Some(open) = &mut self.open else { return Ok(false) };
        let fault = |error| io_fault("read", &self.path, &error);
        let meta = open.file.metadata().map_err(fault)?;
        let changed = (meta.mtime(), meta.mtime_nsec());
        if meta.len() == open.position && changed == open.changed {
            return Ok(false);
        }
        if meta.len() < open.position || !open.anchor_holds() {
            // Truncated. What was read stays.
            self.tail.end_line(now);
            open.position = 0;
            open.anchor.clear();
        }
        open.file.seek(SeekFrom::Start(open.position)).map_err(fault)?;
        loop {
            if *left == 0 || !may_read(&self.tail) {
                return Ok(true);
            }
            let most = chunk.len().min(*left);
            let count = open.file.read(&mut chunk[..most]).map_err(fault)?;
            if count == 0 {
                open.changed = changed;
                return Ok(false);
            }
            *left -= count;
            open.advance(&chunk[..count]);
            self.tail.take(&chunk[..count], now);
        }
    }

    /// The file that was written after the open one; `None` while it is the present one, or the next one is still empty:
    /// then its lines may still go to this one.
    fn successor(&self) -> Result<Option<Open>, Fault> {
        let Some(open) = &self.open else { return Ok(None) };
        let present = fs::symlink_metadata(&self.path).ok().filter(Metadata::is_file);
        if present.as_ref().is_some_and(|meta| identity(meta) == open.identity) {
            return Ok(None);
        }
        let Some(mut renamed) = self.renamed_at_rest() else { return Ok(None) };
        renamed.sort_by_key(|one| (one.written, Reverse(one.number)));
        let own = renamed.iter().position(|one| one.identity == open.identity);
        let first = match own {
            Some(own) => own + 1,
            // It was deleted: those that were written later may still be there.
            None => {
                let meta = open.file.metadata().map_err(|error| io_fault("read", &self.path, &error))?;
                renamed.partition_point(|one| one.written <= (meta.mtime(), meta.mtime_nsec()))
            }
        };
        let next = renamed.get(first).map(|one| (one.path.as_path(), one.identity));
        let present = present.filter(|meta| meta.len() > 0).map(|meta| (self.path.as_path(), identity(&meta)));
        let Some((path, expected)) = next.or(present) else { return Ok(None) };
        let opened = plain_file::open(path).and_then(|file| file.metadata().map(|meta| (file, meta)));
        // Renamed once more meanwhile: the next look finds it.
        let found = opened.ok().filter(|(_, meta)| meta.is_file() && identity(meta) == expected);
        Ok(found.map(|(file, meta)| Open::new(file, &meta, 0)))
    }

    /// The files that were once under this name; `None` while they are being renamed: a listing may lack one of them then.
    fn renamed_at_rest(&self) -> Option<Vec<Renamed>> {
        let names = |found: &[Renamed]| found.iter().map(|one| (one.identity, one.number)).collect::<HashSet<_>>();
        let mut known = self.renamed();
        for _ in 0..LISTINGS {
            let again = self.renamed();
            if names(&known) == names(&again) {
                return Some(again);
            }
            known = again;
        }
        None
    }

    /// Those that one listing of the folder has.
    fn renamed(&self) -> Vec<Renamed> {
        let (Some(folder), Some(name)) = (self.path.parent(), self.path.file_name().and_then(|name| name.to_str()))
        else {
            return Vec::new();
        };
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let of_entry = |entry: fs::DirEntry| {
            let other = entry.file_name().into_string().ok()?;
            let suffix = other.strip_prefix(name)?.strip_prefix(['.', '-'])?;
            if PACKED.iter().any(|ending| other.ends_with(ending)) {
                return None;
            }
            let path = entry.path();
            let meta = fs::symlink_metadata(&path).ok().filter(Metadata::is_file)?;
            let written = (meta.mtime(), meta.mtime_nsec());
            Some(Renamed { written, number: suffix.parse().unwrap_or(0), identity: identity(&meta), path })
        };
        entries.filter_map(of_entry).collect()
    }
}

struct Renamed {
    written: (i64, i64),
    /// Greater ones are older.
    number: u64,
    identity: Identity,
    path: PathBuf,
}

impl Open {
    fn new(file: File, meta: &Metadata, position: u64) -> Self {
        // Nothing was read: whatever its time is, it changed.
        Self { file, identity: identity(meta), position, changed: (i64::MIN, 0), anchor: Vec::new() }
    }

    fn advance(&mut self, bytes: &[u8]) {
        self.position += bytes.len() as u64;
        let kept = self.anchor.len().min(ANCHOR_BYTES.saturating_sub(bytes.len()));
        self.anchor.drain(..self.anchor.len() - kept);
        self.anchor.extend_from_slice(&bytes[bytes.len().saturating_sub(ANCHOR_BYTES)..]);
    }

    /// Whether what was read last still stands before the position.
    fn anchor_holds(&self) -> bool {
        let mut found = vec![0; self.anchor.len()];
        let start = self.position - self.anchor.len() as u64;
        self.file.read_exact_at(&mut found, start).is_ok() && found == self.anchor
    }
}

/// Whether a name may be followed: that of a plain `*.log` file.
pub fn is_plain(path: &Path) -> Option<Metadata> {
    fs::symlink_metadata(path).ok().filter(Metadata::is_file)
}
