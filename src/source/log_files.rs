//! The `*.log` files of the log folder, followed: their last lines, as the files grow, are rotated, truncated, deleted and
//! made anew.

mod backwards;
mod follower;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::base::fault::{Fault, io_fault};
use crate::model::logs::tail::{Dialect, Tail};
use crate::model::logs::{Held, LogFile};
use crate::model::time::SiteZone;
use follower::{Follower, is_plain};

/// Files followed; more are listed but not read.
const FILES_FOLLOWED: usize = 16;
/// The logs that the coordinator and its parts write.
const COORDINATORS: [&str; 3] = [COORDINATOR, "enhanced_data_collector.log", "fast_charge.log"];
/// The one whose key messages are told where there is no journal.
const COORDINATOR: &str = "master_coordinator.log";
/// How much of a file is read at one look; the rest comes at the next one, soon after.
pub const STEP: usize = 256 * 1024;
/// How long a file that is gone is waited for, as while it is rotated.
const GONE_FOR: Duration = Duration::from_secs(10);
/// Numbers between the last line of a file that went and the first one of another under its name.
const APART: u64 = 1_000_000;

struct Followed {
    follower: Follower,
    gone_since: Option<Instant>,
}

/// The log folder, followed.
pub struct LogFolder {
    dir: PathBuf,
    zone: SiteZone,
    /// How much memory one file's lines may take.
    file_bytes: usize,
    followed: BTreeMap<String, Followed>,
    /// Greater than the number of every line that was ever there.
    next_number: u64,
}

/// What one look found.
pub struct Found {
    /// By name.
    pub files: Vec<LogFile>,
    /// Whether there is more to be read at once.
    pub more: bool,
}

impl LogFolder {
    /// Nothing read yet. One file's lines may take so many bytes of memory.
    pub fn new(dir: PathBuf, zone: SiteZone, file_bytes: usize) -> Self {
        Self { dir, zone, file_bytes, followed: BTreeMap::new(), next_number: 1 }
    }

    /// Reads what is new of the files that `may_read` lets be read; what they hold is filled in by [`LogFolder::fill`]. A
    /// folder that does not exist holds no files.
    ///
    /// # Errors
    /// When the folder cannot be listed. Trouble with one file is that file's.
    pub fn poll(&mut self, now: Timestamp, may_read: impl Fn(&str, &Tail) -> bool) -> Result<Found, Fault> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => Some(entries),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(io_fault("list the logs in", &self.dir, &error)),
        };
        let mut names: Vec<String> = entries
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.ends_with(".log"))
            .collect();
        // The coordinator's own logs are followed whatever else lies there.
        names.sort_by_key(|name| (!COORDINATORS.contains(&name.as_str()), name.clone()));
        self.forget_gone(&names);
        let mut found = Found { files: Vec::new(), more: false };
        for name in names {
            self.poll_file(name, now, &may_read, &mut found);
        }
        found.files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Looks at a piece more of what lies before the last lines. Answers whether there is more of that.
    pub fn look_back(&mut self, now: Timestamp) -> bool {
        let Some(Followed { follower, .. }) = self.followed.values_mut().find(|one| one.follower.before.is_some())
        else {
            return false;
        };
        if let Some(before) = follower.before.as_mut().and_then(|before| before.step(now)) {
            follower.before = None;
            follower.tail.precede(before);
        }
        true
    }

    /// Fills in what memory holds of these files.
    pub fn fill(&mut self, files: &mut [LogFile]) {
        for file in files {
            if let Some(one) = self.followed.get_mut(&file.name) {
                file.held = one.follower.tail.held();
            }
        }
    }

    /// The lines in memory of all files.
    pub fn tails(&mut self) -> impl Iterator<Item = &mut Tail> {
        self.followed.values_mut().map(|one| &mut one.follower.tail)
    }

    fn forget_gone(&mut self, names: &[String]) {
        let next = &mut self.next_number;
        self.followed.retain(|name, one| {
            let there = names.contains(name);
            let since = one.gone_since.filter(|_| !there);
            one.gone_since = (!there).then(|| since.unwrap_or_else(Instant::now));
            let stays = since.is_none_or(|since| since.elapsed() < GONE_FOR);
            if !stays {
                *next = (*next).max(one.follower.tail.next() + APART);
            }
            stays
        });
    }

    fn poll_file(&mut self, name: String, now: Timestamp, may_read: impl Fn(&str, &Tail) -> bool, found: &mut Found) {
        let path = self.dir.join(&name);
        // Only plain files, and no links: what lies outside the folder is nobody's business here.
        let Some(meta) = is_plain(&path) else { return };
        let mut file = LogFile {
            path: path.display().to_string(),
            size: meta.len(),
            modified: meta.modified().ok().and_then(|time| Timestamp::try_from(time).ok()),
            held: Held::default(),
            error: None,
            name: name.clone(),
        };
        if self.followed.len() < FILES_FOLLOWED || self.followed.contains_key(&name) {
            let new = || {
                let tail = Tail::new(Dialect::Python, self.zone.clone(), self.next_number, name == COORDINATOR);
                Followed { follower: Follower::new(path, self.zone.clone(), tail), gone_since: None }
            };
            let Followed { follower, .. } = self.followed.entry(name.clone()).or_insert_with(new);
            match follower.poll(now, self.file_bytes, STEP, |tail| may_read(&name, tail)) {
                Ok(more) => found.more |= more,
                Err(fault) => file.error = Some(fault.to_string()),
            }
            follower.tail.shrink(self.file_bytes);
        } else {
            file.error = Some(format!("only {FILES_FOLLOWED} log files are followed"));
        }
        found.files.push(file);
    }
}

#[cfg(test)]
mod tests;
