//! `/logs/files` and `/logs/rates`: which logs there are, what memory holds of them, and how much was written each hour.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::logs::Log;
use super::{Ask, Reply, json};
use crate::model::logs::{Held, Level, LogFile};

/// How many hours are told; the last one has begun.
const RATE_HOURS: i32 = 24;

#[derive(Serialize)]
struct Files<'a> {
    log_files: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    size: u64,
    modified: Option<String>,
    path: &'a str,
    lines_in_memory: Counts,
    from: Option<String>,
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

/// Lines by level.
#[derive(Serialize)]
struct Counts {
    debug: u32,
    info: u32,
    warning: u32,
    error: u32,
    critical: u32,
    /// Before the first one that tells its level.
    none: u32,
}

/// `/logs/files`
pub fn files(ask: &Ask<'_>) -> Reply {
    let files = ask.snapshot.logs.value.as_deref().map(|logs| logs.files.as_slice()).unwrap_or_default();
    let log_files = files.iter().map(|file| Entry::of(ask, file)).collect();
    Ok(json(200, &Files { log_files }))
}

impl<'a> Entry<'a> {
    fn of(ask: &Ask<'_>, file: &'a LogFile) -> Self {
        let mut counts = [0; Level::ALL.len() + 1];
        file.held.all().for_each(|line| counts[line.level.map_or(Level::ALL.len(), |level| level as usize)] += 1);
        let [debug, info, warning, error, critical, none] = counts;
        let rfc3339 = |at| ask.rfc3339(at);
        Self {
            name: &file.name,
            size: file.size,
            modified: file.modified.map(|at| ask.naive(at)),
            path: &file.path,
            lines_in_memory: Counts { debug, info, warning, error, critical, none },
            from: file.held.lines.iter().find_map(|line| line.at).map(rfc3339),
            to: file.held.lines.iter().rev().find_map(|line| line.at).map(rfc3339),
            note: file.error.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct Rates<'a> {
    hours: Vec<String>,
    logs: Vec<Rate<'a>>,
    as_of: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

/// Lines of one log by the hour; null where not all lines of the hour were seen.
#[derive(Serialize)]
struct Rate<'a> {
    name: &'a str,
    counted_from: Option<String>,
    debug: Vec<Option<u32>>,
    info: Vec<Option<u32>>,
    warning: Vec<Option<u32>>,
    error: Vec<Option<u32>>,
    critical: Vec<Option<u32>>,
}

/// `/logs/rates`
pub fn rates(ask: &Ask<'_>) -> Reply {
    let section = &ask.snapshot.logs;
    let present = Timestamp::from_second(ask.now.as_second().div_euclid(3600) * 3600).unwrap_or(ask.now);
    let hours: Vec<Timestamp> =
        (0..RATE_HOURS).rev().map(|back| present - SignedDuration::from_hours(back.into())).collect();
    let rate = |name, held: &Held| {
        let counts = |level: Level| {
            let is_seen = |start: Timestamp| held.seen_from.is_some_and(|from| from <= start);
            hours.iter().map(|start| is_seen(*start).then(|| held.rates.of(*start)[level as usize])).collect()
        };
        let [debug, info, warning, error, critical] = Level::ALL.map(counts);
        let counted_from = held.seen_from.map(|at| ask.rfc3339(at));
        Rate { name, counted_from, debug, info, warning, error, critical }
    };
    let logs = section.value.as_deref();
    let files = logs.into_iter().flat_map(|logs| &logs.files).map(|file| rate(&*file.name, &file.held));
    let journal = logs.and_then(|logs| logs.journal.as_ref()).map(|journal| rate(Log::Journal.title(), &journal.held));
    let told = Rates {
        hours: hours.iter().map(|start| ask.rfc3339(*start)).collect(),
        logs: files.chain(journal).collect(),
        as_of: ask.rfc3339(ask.now),
        note: logs.is_none().then(|| section.error.as_deref().unwrap_or("the log files are still being read")),
    };
    Ok(json(200, &told))
}
