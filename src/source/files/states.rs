//! The newest state file: `coordinator_state_YYYYMMDD_HHMMSS.json` (one object) or `coordinator_state_YYYYMMDD.json`
//! (a line an object, the newest last, the last one perhaps half written).

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::base::fault::{Fault, io_fault};
use crate::base::plain_file;
use crate::model::time::{FUTURE_ALLOWED, SiteZone, parse_local};
use crate::source::{StateRecord, json};

/// How much of a file's end is read: some thirty states; twice as much is tried when no whole line lies in it.
const TAIL_BYTES: u64 = 64 * 1024;
/// The longest tail that is tried.
const MAX_TAIL_BYTES: u64 = 4 * 1024 * 1024;
/// How many files, newest first, are looked into for a state that says something.
const FILES_LOOKED_AT: usize = 4;

/// The state files of the `out` folder.
pub struct StateFiles {
    dir: PathBuf,
    /// The folder's time when it was listed, and the newest names then, newest first.
    listed: Option<(SystemTime, Vec<String>)>,
}

impl StateFiles {
    /// Nothing listed yet.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, listed: None }
    }

    /// The newest state that says anything and is not dated in the future (as long as there is one).
    pub fn latest(&mut self, zone: &SiteZone, now: Timestamp) -> Result<Option<StateRecord>, Fault> {
        let mut newest: Option<StateRecord> = None;
        let mut fault = None;
        let rank = |record: &StateRecord| (record.reading.at <= now + FUTURE_ALLOWED, record.reading.at);
        for name in self.newest_names(zone, now)? {
            match read_state(&self.dir.join(&name), zone, now) {
                Ok(Some(record)) => {
                    if newest.as_ref().is_none_or(|known| rank(&record) > rank(known)) {
                        newest = Some(record);
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    fault.get_or_insert(error);
                }
            }
        }
        match (newest, fault) {
            (None, Some(fault)) => Err(fault),
            (newest, trouble) => Ok(newest.map(|record| StateRecord { trouble, ..record })),
        }
    }

    fn newest_names(&mut self, zone: &SiteZone, now: Timestamp) -> Result<Vec<String>, Fault> {
        let modified = match std::fs::metadata(&self.dir).and_then(|meta| meta.modified()) {
            Ok(modified) => modified,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io_fault("list", &self.dir, &error)),
        };
        if let Some((listed, names)) = &self.listed
            && *listed == modified
            && modified.elapsed().is_ok_and(|age| age.as_secs() >= 2)
        {
            return Ok(names.clone());
        }
        let entries = std::fs::read_dir(&self.dir).map_err(|error| io_fault("list", &self.dir, &error))?;
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| stamp(name).is_some())
            .collect();
        // By day and time; a day's lines (no time in the name) may hold that day's newest, so they come first. Names of
        // days to come were written under a wrong clock and come last.
        let tomorrow = zone.date(now).tomorrow().unwrap_or(zone.date(now)).strftime("%Y%m%d").to_string();
        let rank =
            |name: &str| stamp(name).map(|(day, time)| (day <= tomorrow.as_str(), day.to_owned(), time.to_owned()));
        names.sort_unstable_by_key(|name| std::cmp::Reverse(rank(name)));
        names.truncate(FILES_LOOKED_AT);
        self.listed = Some((modified, names.clone()));
        Ok(names)
    }
}

/// Day and time in a state file's name; the time of a day's lines counts as after every other one of the day.
fn stamp(name: &str) -> Option<(&str, &str)> {
    let stem = name.strip_prefix("coordinator_state_")?.strip_suffix(".json")?;
    let (day, time) = stem.split_once('_').unwrap_or((stem, "999999"));
    let digits = |text: &str, length: usize| text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
    (digits(day, 8) && digits(time, 6)).then_some((day, time))
}

fn read_state(path: &Path, zone: &SiteZone, now: Timestamp) -> Result<Option<StateRecord>, Fault> {
    let mut file = plain_file::open_linked(path).map_err(|error| io_fault("read", path, &error))?;
    let meta = file.metadata().map_err(|error| io_fault("read", path, &error))?;
    if !meta.is_file() {
        return Err(Fault::invalid(format!("{} is not a file", path.display())));
    }
    let modified = meta.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
    let mut tail = TAIL_BYTES;
    loop {
        let start = meta.len().saturating_sub(tail);
        file.seek(SeekFrom::Start(start)).map_err(|error| io_fault("read", path, &error))?;
        let mut bytes = Vec::new();
        (&mut file).take(tail).read_to_end(&mut bytes).map_err(|error| io_fault("read", path, &error))?;
        let text = String::from_utf8_lossy(&bytes);
        let found = newest_in(&text, start > 0, zone, now);
        if found.is_some() || start == 0 || tail >= MAX_TAIL_BYTES {
            return Ok(found.map(|record| StateRecord { file_modified: modified, ..record }));
        }
        tail *= 4;
    }
}

/// The last state in a file's text that parses and says anything; `cut` when the text begins in the middle.
fn newest_in(text: &str, cut: bool, zone: &SiteZone, now: Timestamp) -> Option<StateRecord> {
    if !cut && let Ok(object) = json::parse_object(text) {
        return state(&object, zone, now);
    }
    let lines = text.lines().skip(usize::from(cut));
    let parsed: Vec<&str> = lines.filter(|line| !line.trim().is_empty()).collect();
    parsed
        .into_iter()
        .rev()
        .filter_map(|line| json::parse_object(line).ok())
        .find_map(|object| state(&object, zone, now))
}

fn state(object: &Map<String, Value>, zone: &SiteZone, now: Timestamp) -> Option<StateRecord> {
    let data = object.get("current_data")?.as_object()?;
    let recorded = object.get("timestamp").and_then(Value::as_str).unwrap_or_default();
    let own = data.get("timestamp").and_then(Value::as_str);
    let local = own.and_then(|text| parse_local(text, zone)).or_else(|| parse_local(recorded, zone))?;
    let reading = json::reading(data, zone.newest_instant(local, now));
    reading.is_one().then(|| StateRecord {
        reading,
        stated: own.unwrap_or_default().to_owned(),
        recorded: recorded.to_owned(),
        file_modified: None,
        trouble: None,
    })
}
