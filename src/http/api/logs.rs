//! `/logs` and `/logs/files`: the last lines of the log files, from memory.

use serde::Serialize;

use super::{Ask, Refusal, Reply, json};
use crate::model::logs::{LevelFilter, LogFile};

/// Names that clients use, and the files that they mean.
const FILES: [(&str, &str); 4] = [
    ("master", "master_coordinator.log"),
    ("data", "enhanced_data_collector.log"),
    ("enhanced_data_collector", "enhanced_data_collector.log"),
    ("fast_charge", "fast_charge.log"),
];
/// Those that can be followed.
pub const FOLLOWED: [&str; 3] = ["master", "data", "fast_charge"];
/// Names that are known but not answered yet.
const JOURNALS: [&str; 3] = ["systemd", "journal", "summary"];

#[derive(Serialize)]
struct Lines<'a> {
    log_file: &'a str,
    total_lines: usize,
    filtered_lines: usize,
    returned_lines: usize,
    level_filter: &'a str,
    lines: Vec<&'a str>,
    timestamp: String,
    as_of: Option<String>,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

/// `/logs`
pub fn lines(ask: &Ask<'_>) -> Reply {
    let name = ask.query.get("file").unwrap_or("master");
    let count = ask.integer("lines", 1..=1000)?.unwrap_or(100) as usize;
    let level = ask.query.get("level").unwrap_or("");
    let Some(filter) = LevelFilter::parse(level) else {
        let allowed = "DEBUG, INFO, WARNING, ERROR or CRITICAL, or one of these with a plus for it and above";
        return Err(Refusal::bad_parameter("level", level, allowed));
    };
    let follow = ask.query.get("follow").is_some_and(|follow| follow.eq_ignore_ascii_case("true"));
    if JOURNALS.contains(&name) {
        if follow && name == "summary" {
            return Err(Refusal::bad_parameter("follow", "true", "left out for file=summary"));
        }
        return Err(not_implemented(&format!("file={name}")));
    }
    let Some(file_name) = file_name(name) else {
        let allowed = "master, data, enhanced_data_collector, fast_charge, systemd, journal or summary";
        return Err(Refusal::bad_parameter("file", name, allowed));
    };
    if follow {
        return Err(not_implemented("follow=true"));
    }
    let section = &ask.snapshot.logs;
    let logs = section.value.as_deref();
    let file = logs.and_then(|logs| logs.files.iter().find(|file| file.name == file_name));
    if file.is_none() && section.attempted.is_some() {
        let why = section.error.as_deref().unwrap_or("there is no such file in the log folder");
        return Err(Refusal::not_found(format!("{file_name} is not known: {why}")));
    }
    let lines = file.map(|file| file.lines.as_ref()).unwrap_or_default();
    let filtered: Vec<&str> =
        lines.iter().filter(|line| filter.admits(line.level)).map(|line| line.text.as_ref()).collect();
    let returned = &filtered[filtered.len().saturating_sub(count)..];
    let note = match file {
        Some(file) => file.error.as_deref(),
        None => Some("the log files are still being read"),
    };
    Ok(json(
        200,
        &Lines {
            log_file: file_name,
            total_lines: lines.len(),
            filtered_lines: filtered.len(),
            returned_lines: returned.len(),
            level_filter: &level.replace(' ', "+"),
            lines: returned.to_vec(),
            timestamp: ask.naive(ask.now),
            as_of: file.and_then(|file| file.modified).map(|at| ask.rfc3339(at)),
            source: "the file's last lines, as far as they are kept in memory",
            note,
        },
    ))
}

/// The file that a name means.
pub fn file_name(name: &str) -> Option<&'static str> {
    FILES.iter().find(|(known, _)| *known == name).map(|(_, file)| *file)
}

fn not_implemented(what: &str) -> Refusal {
    let text = format!(
        "{what} is not answered by this version yet: the journal, its summary and following come with a later one"
    );
    Refusal { status: 501, code: "not_implemented", text, retry_after_s: None }
}

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
}

/// `/logs/files`
pub fn files(ask: &Ask<'_>) -> Reply {
    let files = ask.snapshot.logs.value.as_deref().map(|logs| logs.files.as_slice()).unwrap_or_default();
    let log_files = files
        .iter()
        .map(|file| Entry {
            name: &file.name,
            size: file.size,
            modified: file.modified.map(|at| ask.naive(at)),
            path: &file.path,
        })
        .collect();
    Ok(json(200, &Files { log_files }))
}

/// The file that a download's name means: a known file of the folder, or an alias.
pub fn known_file<'a>(ask: &'a Ask<'_>, name: &str) -> Option<&'a LogFile> {
    let stem = name.strip_suffix(".log")?;
    let name = FILES[..2].iter().find(|(alias, _)| *alias == stem).map_or(name, |(_, file)| file);
    ask.snapshot.logs.value.as_deref()?.files.iter().find(|file| file.name == name)
}
