//! The last lines of each `*.log` file, followed as the files grow, are rotated, truncated, deleted and made anew.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use crate::base::fault::{Fault, io_fault};
use crate::base::plain_file;
use crate::model::logs::{Level, LogFile, LogLine, Logs};

/// Memory for one file's lines.
const BYTES_A_FILE: usize = 384 * 1024;
/// Lines kept of one file: twice what one answer may carry.
const LINES_A_FILE: usize = 2_000;
/// A longer line is cut, with a mark.
const LINE_BYTES: usize = 8 * 1024;
/// Files followed; more are listed but not read.
const FILES_FOLLOWED: usize = 8;
/// The logs that the coordinator and its parts write.
const COORDINATORS: [&str; 3] = ["master_coordinator.log", "enhanced_data_collector.log", "fast_charge.log"];
/// What is read at once.
const CHUNK: usize = 64 * 1024;
/// How much of what was read is compared with the file before more is read.
const ANCHOR_BYTES: usize = 64;
const CUT_MARK: &str = " […]";

/// The log folder, followed.
pub struct LogFolder {
    dir: PathBuf,
    followed: BTreeMap<String, Follower>,
}

impl LogFolder {
    /// Nothing read yet.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, followed: BTreeMap::new() }
    }

    /// Reads what is new. A folder that does not exist holds no files.
    ///
    /// # Errors
    /// When the folder cannot be listed. Trouble with one file is that file's.
    pub fn poll(&mut self) -> Result<Logs, Fault> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.followed.clear();
                return Ok(Logs::default());
            }
            Err(error) => return Err(io_fault("list the logs in", &self.dir, &error)),
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.ends_with(".log"))
            .collect();
        // The coordinator's own logs are followed whatever else lies there.
        names.sort_by_key(|name| (!COORDINATORS.contains(&name.as_str()), name.clone()));
        self.followed.retain(|name, _| names.contains(name));
        let mut files: Vec<LogFile> = names.into_iter().filter_map(|name| self.poll_file(name)).collect();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Logs { files })
    }

    fn poll_file(&mut self, name: String) -> Option<LogFile> {
        let path = self.dir.join(&name);
        // Only plain files, and no links: what lies outside the folder is nobody's business here.
        let meta = fs::symlink_metadata(&path).ok().filter(Metadata::is_file)?;
        let room = self.followed.len() < FILES_FOLLOWED || self.followed.contains_key(&name);
        let (lines, error) = if room {
            let follower = self.followed.entry(name.clone()).or_default();
            let error = follower.poll(&path, &meta).err().map(|fault| fault.to_string());
            (follower.lines(), error)
        } else {
            (Arc::from([]), Some(format!("only {FILES_FOLLOWED} log files are followed")))
        };
        let modified = meta.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
        Some(LogFile { path: path.display().to_string(), name, size: meta.len(), modified, lines, error })
    }
}

/// One file's tail.
#[derive(Default)]
pub struct Follower {
    /// Device and inode: another one under the same name is a new file.
    identity: (u64, u64),
    position: u64,
    /// The last bytes before the position: if they changed, the file was truncated and written again meanwhile.
    anchor: Vec<u8>,
    /// The beginning of a line whose end is not written yet.
    partial: Vec<u8>,
    ring: VecDeque<LogLine>,
    ring_bytes: usize,
    shared: Option<Arc<[LogLine]>>,
}

impl Follower {
    fn poll(&mut self, path: &Path, meta: &Metadata) -> Result<(), Fault> {
        let identity = (meta.dev(), meta.ino());
        let same = self.identity == identity && meta.len() >= self.position;
        if same && meta.len() == self.position {
            return Ok(());
        }
        if !same || !self.anchor_holds(path)? {
            // A new file, or one that was truncated. What was read of the old one stays in the ring.
            self.identity = identity;
            self.position = 0;
            self.partial.clear();
            self.anchor.clear();
        }
        // What is older than memory holds is not read at all.
        let tail = meta.len().saturating_sub(BYTES_A_FILE as u64);
        if tail > self.position {
            self.position = tail;
            self.partial.clear();
            self.anchor.clear();
            self.skip_to_line(path)?;
        }
        let mut file = open(path)?;
        file.seek(SeekFrom::Start(self.position)).map_err(|error| io_fault("read", path, &error))?;
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = file.read(&mut chunk).map_err(|error| io_fault("read", path, &error))?;
            if count == 0 {
                return Ok(());
            }
            self.position += count as u64;
            let kept = self.anchor.len().min(ANCHOR_BYTES.saturating_sub(count));
            self.anchor.drain(..self.anchor.len() - kept);
            self.anchor.extend_from_slice(&chunk[count.saturating_sub(ANCHOR_BYTES)..count]);
            self.take(&chunk[..count]);
        }
    }

    /// Whether what was read last still stands before the position.
    fn anchor_holds(&self, path: &Path) -> Result<bool, Fault> {
        let mut found = vec![0; self.anchor.len()];
        let start = self.position - self.anchor.len() as u64;
        let read = open(path)?.read_exact_at(&mut found, start);
        Ok(read.is_ok() && found == self.anchor)
    }

    /// After a start in the middle: on to the next line's beginning.
    fn skip_to_line(&mut self, path: &Path) -> Result<(), Fault> {
        let mut file = open(path)?;
        file.seek(SeekFrom::Start(self.position - 1)).map_err(|error| io_fault("read", path, &error))?;
        let mut chunk = vec![0; LINE_BYTES];
        let count = file.read(&mut chunk).map_err(|error| io_fault("read", path, &error))?;
        let skipped = chunk[..count].iter().position(|byte| *byte == b'\n').unwrap_or(0);
        self.position += skipped as u64;
        Ok(())
    }

    /// Takes what the file has more of, in pieces of any size.
    pub fn take(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end);
            rest = &after[1..];
            if self.partial.is_empty() {
                self.push(line);
            } else {
                self.extend_partial(line);
                let whole = std::mem::take(&mut self.partial);
                self.push(&whole);
            }
        }
        self.extend_partial(rest);
    }

    /// Keeps no more of an endless line than will be shown.
    fn extend_partial(&mut self, bytes: &[u8]) {
        // Two more: of what is too long, a carriage return alone does not count.
        let room = (LINE_BYTES + 2).saturating_sub(self.partial.len());
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn push(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut text = String::from_utf8_lossy(&line[..line.len().min(LINE_BYTES)]).into_owned();
        if line.len() > LINE_BYTES {
            text.push_str(CUT_MARK);
        }
        let level = Level::of_line(&text).or_else(|| self.ring.back().and_then(|line| line.level));
        self.ring_bytes += cost(&text);
        self.ring.push_back(LogLine { level, text: text.into() });
        while self.ring.len() > LINES_A_FILE || self.ring_bytes > BYTES_A_FILE {
            let Some(oldest) = self.ring.pop_front() else { break };
            self.ring_bytes -= cost(&oldest.text);
        }
        self.shared = None;
    }

    /// The last lines, oldest first; one without an end is not among them yet.
    pub fn lines(&mut self) -> Arc<[LogLine]> {
        let ring = &self.ring;
        Arc::clone(self.shared.get_or_insert_with(|| ring.iter().cloned().collect()))
    }
}

/// A line's text with what memory it takes besides.
fn cost(text: &str) -> usize {
    text.len() + 2 * std::mem::size_of::<LogLine>() + 16
}

fn open(path: &Path) -> Result<File, Fault> {
    plain_file::open(path).map_err(|error| io_fault("read", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    struct Folder {
        dir: tempfile::TempDir,
        logs: LogFolder,
    }

    impl Folder {
        fn new() -> Self {
            let dir = tempfile::TempDir::new().unwrap();
            let logs = LogFolder::new(dir.path().to_owned());
            Self { dir, logs }
        }
        fn append(&self, name: &str, bytes: &[u8]) {
            let path = self.dir.path().join(name);
            fs::OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(bytes).unwrap();
        }
        fn lines(&mut self, name: &str) -> Vec<String> {
            let logs = self.logs.poll().unwrap();
            let file = logs.files.iter().find(|file| file.name == name).unwrap();
            assert_eq!(file.error, None);
            file.lines.iter().map(|line| line.text.to_string()).collect()
        }
    }

    #[test]
    fn lines_are_followed_through_rotation_and_truncation() {
        let mut folder = Folder::new();
        assert_eq!(folder.logs.poll().unwrap(), Logs::default());
        folder.append("a.log", b"one\ntw");
        assert_eq!(folder.lines("a.log"), ["one"]);
        folder.append("a.log", b"o\r\nthree\n");
        assert_eq!(folder.lines("a.log"), ["one", "two", "three"]);
        fs::rename(folder.dir.path().join("a.log"), folder.dir.path().join("a.log.1")).unwrap();
        folder.append("a.log", b"four\n");
        assert_eq!(folder.lines("a.log"), ["one", "two", "three", "four"]);
        fs::OpenOptions::new().write(true).open(folder.dir.path().join("a.log")).unwrap().set_len(0).unwrap();
        folder.logs.poll().unwrap();
        folder.append("a.log", b"five\n");
        assert_eq!(folder.lines("a.log"), ["one", "two", "three", "four", "five"]);
        // Truncated and written beyond the old length between two looks.
        fs::OpenOptions::new().write(true).open(folder.dir.path().join("a.log")).unwrap().set_len(0).unwrap();
        folder.append("a.log", b"longer than five\nand more\n");
        assert_eq!(folder.lines("a.log")[5..], ["longer than five", "and more"]);
        fs::remove_file(folder.dir.path().join("a.log")).unwrap();
        assert_eq!(folder.logs.poll().unwrap(), Logs::default());
        folder.append("a.log", b"six\n");
        assert_eq!(folder.lines("a.log"), ["six"]);
    }

    #[test]
    fn odd_bytes_and_long_lines() {
        let mut folder = Folder::new();
        let long = "x".repeat(3 * LINE_BYTES);
        folder.append("a.log", format!("{long}\nłódź ⚡\n").as_bytes());
        folder.append("a.log", b"broken \xff byte\n\n");
        let lines = folder.lines("a.log");
        assert_eq!(lines[0], format!("{}{CUT_MARK}", &long[..LINE_BYTES]));
        assert_eq!(lines[1..], ["łódź ⚡", "broken \u{fffd} byte", ""]);
    }

    #[test]
    fn a_line_that_is_just_too_long_is_marked_however_it_comes() {
        for (end, marked) in [("\n", false), ("\r\n", false), ("y\n", true), ("y\r\n", true), ("\ry\n", true)] {
            let line = format!("{}{end}", "x".repeat(LINE_BYTES));
            for size in [1, 7, LINE_BYTES, LINE_BYTES + 1, LINE_BYTES + 2, line.len()] {
                let mut follower = Follower::default();
                line.as_bytes().chunks(size).for_each(|piece| follower.take(piece));
                let lines = follower.lines();
                assert_eq!(lines.len(), 1);
                assert_eq!(lines[0].text.ends_with(CUT_MARK), marked, "{end:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn continuation_lines_have_their_lines_level() {
        let mut folder = Folder::new();
        folder.append("a.log", b"2026-11-22 14:02:24,900 - m - ERROR - failed\nTraceback:\n  File x\n2026-11-22 14:02:25,900 - m - INFO - on\n");
        let logs = folder.logs.poll().unwrap();
        let levels: Vec<_> = logs.files[0].lines.iter().map(|line| line.level).collect();
        assert_eq!(levels, [Some(Level::Error), Some(Level::Error), Some(Level::Error), Some(Level::Info)]);
    }

    #[test]
    fn memory_is_bounded_and_a_large_file_begins_at_a_line() {
        let mut folder = Folder::new();
        let line = format!("{}\n", "y".repeat(999));
        folder.append("a.log", line.repeat(3_000).as_bytes());
        let lines = folder.lines("a.log");
        assert!(lines.iter().all(|text| text.len() == 999));
        assert!(lines.len() > 300 && lines.len() <= 390, "{}", lines.len());
        folder.append("b.log", "z\n".repeat(5_000).as_bytes());
        assert_eq!(folder.lines("b.log").len(), LINES_A_FILE);
    }

    #[test]
    fn the_coordinators_logs_are_followed_among_many() {
        let mut folder = Folder::new();
        for index in 0..2 * FILES_FOLLOWED {
            folder.append(&format!("battery_{index}.log"), b"x\n");
        }
        folder.append("master_coordinator.log", b"here\n");
        assert_eq!(folder.lines("master_coordinator.log"), ["here"]);
        let logs = folder.logs.poll().unwrap();
        assert_eq!(logs.files.iter().filter(|file| file.error.is_none()).count(), FILES_FOLLOWED);
    }

    #[test]
    fn only_plain_files_are_read() {
        let mut folder = Folder::new();
        std::os::unix::fs::symlink("/etc/passwd", folder.dir.path().join("link.log")).unwrap();
        fs::create_dir(folder.dir.path().join("dir.log")).unwrap();
        assert!(
            std::process::Command::new("mkfifo").arg(folder.dir.path().join("pipe.log")).status().unwrap().success()
        );
        assert_eq!(folder.logs.poll().unwrap(), Logs::default());
    }
}
