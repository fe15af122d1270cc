//! `wattboard migrate`: takes what older versions of the coordinator left in JSON files over into its database.
//!
//! [`jobs`] lists the files, [`rows`] reads one, [`store`] knows what is in the database and puts in what is not, this
//! file goes through them. Files share a transaction, which ends with a whole file; so whatever ends the command,
//! every file is in the database whole or not at all, and the next run goes on.

mod compact;
mod jobs;
mod progress;
mod rows;
mod store;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use log::LevelFilter;

use super::serve::config_path;
use crate::base::clock::{Clock, SystemClock};
use crate::base::fault::{Fault, Kind, io_fault};
use crate::base::plain_file;
use crate::base::shutdown::{self, Shutdown};
use crate::cli::{MigrateFlags, start_log};
use crate::config::Config;
use crate::source::process::ProcessTable;
use jobs::{Folders, Job};
use progress::Progress;
use rows::{Parsed, Table};
use store::{Put, Refusal, Store};

/// No file of a site is larger; what is, is refused. One file at a time is in memory.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;
/// A transaction ends after so many files, or so long.
const BATCH_FILES: usize = 256;
const BATCH_TIME: Duration = Duration::from_millis(500);

/// Why it ended before everything was looked at.
#[derive(Debug)]
pub enum Ended {
    /// Nothing was begun: bad config, the coordinator runs, no database to write to.
    NotStarted(Fault),
    /// The database failed on the way.
    Failed(Fault),
    /// A signal came.
    Stopped,
}

/// Takes over what is not in the database yet. Answers whether no file was refused.
///
/// # Errors
/// See [`Ended`].
pub fn migrate(flags: &MigrateFlags) -> Result<bool, Ended> {
    let config = Config::load(&config_path(flags.config.clone())).map_err(Ended::NotStarted)?;
    start_log(LevelFilter::Warn);
    let (trigger, shutdown) = shutdown::channel();
    let asked = shutdown.clone();
    ctrlc::set_handler(move || {
        if asked.is_stopping() {
            // The second signal: whoever sends it does not want to wait. The database undoes what was not committed.
            std::process::exit(130);
        }
        trigger.stop();
    })
    .map_err(|error| Ended::NotStarted(Fault::io(format!("cannot handle signals: {error}"))))?;
    let place = Place { config: &config, proc_root: Path::new("/proc"), shutdown: &shutdown, now: SystemClock.now() };
    run(flags, &place, &mut std::io::stdout(), &mut std::io::stderr())
}

/// Where it happens.
struct Place<'a> {
    config: &'a Config,
    proc_root: &'a Path,
    shutdown: &'a Shutdown,
    now: Timestamp,
}

fn run(flags: &MigrateFlags, place: &Place<'_>, out: &mut dyn Write, errors: &mut dyn Write) -> Result<bool, Ended> {
    let config = place.config;
    let Some(path) = &config.database else {
        let text = "data_storage.database_storage.enabled is false: neither the coordinator nor Wattboard would read the \
                    database; remove the key or set it to true, then migrate";
        return Err(Ended::NotStarted(Fault::invalid(text)));
    };
    if !flags.dry_run && !flags.force {
        refuse_beside_coordinator(place.proc_root).map_err(Ended::NotStarted)?;
    }
    let folders = Folders::of(config);
    let (jobs, strange) = folders.list().map_err(Ended::NotStarted)?;
    let mut say = |text: &dyn Display| {
        // Whoever closed standard output does not want to know.
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    };
    if jobs.is_empty() {
        strange.iter().for_each(|path| say(&strange_text(path)));
        say(&format_args!(
            "nothing to do: there are no files of the coordinator in {} and {}",
            folders.out.display(),
            folders.energy_data.display()
        ));
        return Ok(true);
    }
    let store = match flags.dry_run {
        true => Store::look(path, config.zone.clone(), place.shutdown.clone()),
        false => Store::open(path, config.zone.clone(), place.now),
    };
    let mut store = store.map_err(Ended::NotStarted)?;
    say(&opening(flags.dry_run, jobs.len(), path, &store));
    for (table, columns) in store.lacking() {
        say(&format_args!("note: the database has no {} {}: they stay in the files", table.name(), columns.join(", ")));
    }
    strange.iter().for_each(|path| say(&strange_text(path)));
    let mut work = Work {
        place,
        folders: &folders,
        store: &mut store,
        tally: Tally::default(),
        progress: Progress::new(errors, jobs.len()),
        say: &mut say,
    };
    let went = work.all(&jobs);
    work.progress.clear();
    let tally = work.tally;
    let closed = store.close();
    say(&tally.text(flags.dry_run));
    match went {
        Err(Ended::Failed(fault)) => {
            let text = format!(
                "{fault}; {} of {} files are in the database whole, nothing of the others is; run it again when that is mended",
                tally.committed,
                jobs.len()
            );
            Err(Ended::Failed(Fault::new(fault.kind(), text)))
        }
        Err(Ended::Stopped) => {
            say(&format_args!(
                "stopped after {} of {} files; what was taken over stays, and the next run goes on from there",
                tally.committed,
                jobs.len()
            ));
            Err(Ended::Stopped)
        }
        Err(ended) => Err(ended),
        Ok(()) => closed.map_err(Ended::Failed).map(|()| tally.refused == 0),
    }
}

fn refuse_beside_coordinator(proc_root: &Path) -> Result<(), Fault> {
    match ProcessTable::new(proc_root.to_owned()).find()?.pid {
        Some(pid) => Err(Fault::new(
            Kind::Locked,
            format!("the coordinator runs (process {pid}): stop it first, or say --force to write beside it"),
        )),
        None => Ok(()),
    }
}

fn strange_text(path: &Path) -> String {
    format!("left alone: {}: its name has no date that is one", path.display())
}

fn opening(dry_run: bool, files: usize, path: &Path, store: &Store) -> String {
    let version = match store.version {
        None if dry_run => "which would be made, schema version 4".to_owned(),
        None => "made now, schema version 4".to_owned(),
        Some(0) => "which does not say its schema version".to_owned(),
        Some(version) => format!("schema version {version}"),
    };
    let nothing = if dry_run { "; nothing is written" } else { "" };
    format!("{files} files into {} ({version}){nothing}", path.display())
}

/// What became of the rows of a table.
#[derive(Default)]
struct Counts {
    added: u64,
    there: u64,
}

/// What became of everything.
#[derive(Default)]
struct Tally {
    read: u64,
    refused: u64,
    half_written: u64,
    /// Files that are in the database whole.
    committed: u64,
    tables: BTreeMap<Table, Counts>,
}

impl Tally {
    fn text(&self, dry_run: bool) -> String {
        let verb = if dry_run { "to be added" } else { "added" };
        let mut lines = vec![format!("{} files read, {} refused", self.read, self.refused)];
        if self.half_written > 0 {
            lines[0].push_str(&format!(", {} end in half a line, which is left out", self.half_written));
        }
        for table in Table::ALL {
            let none = Counts::default();
            let counts = self.tables.get(&table).unwrap_or(&none);
            lines.push(format!("  {:<17} {} {verb}, {} already there", table.rows(), counts.added, counts.there));
        }
        lines.join("\n")
    }
}

struct Work<'a> {
    place: &'a Place<'a>,
    folders: &'a Folders,
    store: &'a mut Store,
    tally: Tally,
    progress: Progress<'a>,
    say: &'a mut dyn FnMut(&dyn Display),
}

impl Work<'_> {
    fn all(&mut self, jobs: &[Job]) -> Result<(), Ended> {
        let mut left = jobs;
        while !left.is_empty() {
            let taken = self.batch(left).map_err(Ended::Failed)?;
            left = &left[taken..];
            self.tally.committed += taken as u64;
            if self.place.shutdown.is_stopping() && !left.is_empty() {
                return Err(Ended::Stopped);
            }
        }
        Ok(())
    }

    /// Takes over the first of these files in one transaction. Answers how many.
    fn batch(&mut self, jobs: &[Job]) -> Result<usize, Fault> {
        let began = Instant::now();
        let mut taken = 0;
        self.store.begin()?;
        for job in jobs.iter().take(BATCH_FILES) {
            self.file(*job)?;
            self.progress.step();
            taken += 1;
            if began.elapsed() > BATCH_TIME || self.place.shutdown.is_stopping() {
                break;
            }
        }
        self.store.commit()?;
        Ok(taken)
    }

    fn file(&mut self, job: Job) -> Result<(), Fault> {
        let path = job.path(self.folders);
        let read = read_file(&path).map_err(|fault| fault.to_string()).and_then(|text| {
            rows::parse(job, &text, &self.place.config.zone, self.place.now)
                .map_err(|why| format!("{}: {why}", path.display()))
        });
        self.tally.read += 1;
        let parsed = match read {
            Ok(parsed) => parsed,
            Err(why) => {
                self.refuse(&why);
                return Ok(());
            }
        };
        self.tally.half_written += u64::from(parsed.half_written);
        let broken = parsed.refused.clone();
        if let Some(why) = self.take_over(parsed)? {
            self.refuse(&format!("{}: {why}", path.display()));
        } else if let Some(first) = broken.first() {
            let more = if broken.len() > 1 { format!(" (and {} more)", broken.len() - 1) } else { String::new() };
            self.refuse(&format!("{}: {first}{more}; the rest of it was taken", path.display()));
        }
        Ok(())
    }

    /// Puts a file's rows in, all or none. Answers why none.
    fn take_over(&mut self, parsed: Parsed) -> Result<Option<String>, Fault> {
        self.store.mark()?;
        let mut counts: BTreeMap<Table, Counts> = BTreeMap::new();
        for record in parsed.records {
            let count = counts.entry(record.table).or_default();
            match self.store.put(record, self.place.now) {
                Ok(Put::Added) => count.added += 1,
                Ok(Put::There) => count.there += 1,
                Err(Refusal::Row(why)) => {
                    self.store.settle(false)?;
                    return Ok(Some(why));
                }
                Err(Refusal::Stop(fault)) => return Err(fault),
            }
        }
        self.store.settle(true)?;
        for (table, count) in counts {
            let sum = self.tally.tables.entry(table).or_default();
            sum.added += count.added;
            sum.there += count.there;
        }
        Ok(None)
    }

    fn refuse(&mut self, why: &str) {
        self.tally.refused += 1;
        self.progress.clear();
        (self.say)(&format_args!("refused: {why}"));
    }
}

/// A whole file as text, broken UTF-8 replaced.
fn read_file(path: &Path) -> Result<String, Fault> {
    let doing = |error: std::io::Error| io_fault("read", path, &error);
    let file = plain_file::open_linked(path).map_err(doing)?;
    let meta = file.metadata().map_err(doing)?;
    if !meta.is_file() || meta.len() > MAX_FILE_BYTES {
        return Err(Fault::invalid(format!("{} is not a file of at most {MAX_FILE_BYTES} bytes", path.display())));
    }
    let mut bytes = Vec::with_capacity(meta.len() as usize + 1);
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(doing)?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

#[cfg(test)]
mod tests;
