//! The coordinator's database, read without ever disturbing it.
//!
//! [`open`] knows how to open it so that nothing is created or locked; this file keeps one connection for the length of
//! a refresh, copes with missing, locked, broken and replaced files, and has a deadline for every query; [`rows`] turns
//! rows into the model.

mod open;
mod query;
mod rows;
mod sessions;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::base::fault::{Fault, Kind};
use crate::base::shutdown::Shutdown;
use crate::model::time::SiteZone;

use open::{FileMark, Link, Opened, SESSIONS};
pub use query::{Deadlines, text as column_text};

/// Reconnects are at least this far apart.
const RECONNECT_EVERY: Duration = Duration::from_secs(60);
/// In the first minute of an outage, for a source whose loss is felt at once.
const RECONNECT_EAGERLY: Duration = Duration::from_secs(5);
/// How long a question of somebody's own may take.
const LOOK_DEADLINE: Duration = Duration::from_secs(30);
/// How often a read of a file that changes underneath is tried again.
const TRIES: u32 = 6;
/// What a writer needs to make its files ready.
const MOMENT: Duration = Duration::from_millis(50);

/// What the database is like, as found when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// `schema_version`'s greatest; `None` where there is no such table.
    pub schema_version: Option<i64>,
    /// Decisions in the last 24 hours (of local time, by text).
    pub decisions_24h: u64,
}

/// One thread's read-only way into the database.
pub struct Database {
    path: PathBuf,
    zone: SiteZone,
    shutdown: Shutdown,
    eager: bool,
    link: Option<Opened>,
    outage: Option<Outage>,
    /// The longest that a question may take, where that is less than its own deadline.
    patience: Duration,
    columns: query::Columns,
}

/// Since when the database is not to be had, and why.
struct Outage {
    since: Instant,
    last_try: Instant,
    fault: Fault,
}

impl Database {
    /// A way into the database at `path`; nothing is opened yet. `eager` reconnects every 5 s in an outage's first minute.
    pub fn new(path: PathBuf, zone: SiteZone, shutdown: Shutdown, eager: bool) -> Self {
        Self {
            path,
            zone,
            shutdown,
            eager,
            link: None,
            outage: None,
            patience: Duration::MAX,
            columns: query::Columns::default(),
        }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether an outage just began, so that another try soon makes sense.
    pub fn wants_retry(&self) -> Option<Duration> {
        let outage = self.outage.as_ref().filter(|outage| self.eager && outage.since.elapsed() < RECONNECT_EVERY)?;
        Some(RECONNECT_EAGERLY.saturating_sub(outage.last_try.elapsed()))
    }

    /// From now on no question takes longer than `patience`.
    pub fn hurry(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Closes the connection until the next question: the refresh is over. So a file that was replaced or restored, and
    /// columns that were added, are seen by the next one, and no lock is held in between.
    pub fn rest(&mut self) {
        self.link = None;
    }

    /// Asks a question of one's own, read only as all others.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn look<T>(&mut self, question: impl Fn(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        self.session(LOOK_DEADLINE, |connection, _, _| question(connection))
    }

    /// Runs `work` on the connection, all of it within `deadline` (which also ends a busy wait).
    fn session<T>(
        &mut self,
        deadline: Duration,
        work: impl Fn(&Connection, &mut query::Columns, &SiteZone) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let started = Instant::now();
        let deadline = deadline.min(self.patience);
        let mut tries = 0;
        loop {
            tries += 1;
            self.connect(deadline, started)?;
            let opened = self.link.as_ref().expect("connect leaves a link or an error");
            let result = {
                let _reading = SESSIONS.read();
                opened.deadlines.arm(deadline);
                let result = work(&opened.connection, &mut self.columns, &self.zone);
                opened.deadlines.disarm();
                result
            };
            let frozen = matches!(opened.link, Link::Frozen(_));
            let torn = match &opened.link {
                Link::Shared => false,
                Link::Frozen(mark) => FileMark::of(&self.path).ok().as_ref() != Some(mark),
            };
            if frozen {
                self.link = None;
            }
            match result {
                _ if torn && self.may_try_again(tries, deadline, started) => {}
                _ if torn => {
                    return Err(Fault::new(Kind::Locked, "the database changed while it was read"));
                }
                Ok(value) => {
                    self.outage = None;
                    return Ok(value);
                }
                Err(fault) if fault.kind() == Kind::Locked && self.may_try_again(tries, deadline, started) => {
                    self.link = None;
                }
                Err(fault) => {
                    let fault = self.explain(fault, deadline, started);
                    self.columns.forget();
                    // A broken file is left alone for a while; what one question met is that question's.
                    let is_broken = match fault.kind() {
                        Kind::Io => true,
                        // A damaged page is met by those who need it.
                        Kind::Invalid => {
                            !self.link.as_ref().is_some_and(|opened| query::is_readable(&opened.connection))
                        }
                        _ => false,
                    };
                    return Err(if is_broken { self.failed(fault) } else { fault });
                }
            }
        }
    }

    /// Whether what may pass in a moment is tried once more, after that moment.
    fn may_try_again(&self, tries: u32, deadline: Duration, started: Instant) -> bool {
        tries < TRIES && started.elapsed() + MOMENT < deadline && self.shutdown.wait(MOMENT)
    }

    /// A fault of waiting with how long was waited, or what it really is when the program stops.
    fn explain(&self, fault: Fault, deadline: Duration, started: Instant) -> Fault {
        match fault.kind() {
            Kind::Locked | Kind::Timeout if self.shutdown.is_stopping() => {
                Fault::new(Kind::Stopping, "stopped while reading the database")
            }
            // Only where it was waited for: some faults are seen at once.
            kind @ (Kind::Locked | Kind::Timeout) if started.elapsed() >= deadline => {
                Fault::new(kind, format!("{fault} (waited {} s)", deadline.as_secs_f64()))
            }
            _ => fault,
        }
    }

    /// Notes that the database is not to be had: the next try comes after a pause.
    fn failed(&mut self, fault: Fault) -> Fault {
        self.link = None;
        let now = Instant::now();
        let since = self.outage.as_ref().map_or(now, |outage| outage.since);
        self.outage = Some(Outage { since, last_try: now, fault: fault.clone() });
        fault
    }

    /// Makes sure that there is a connection to the file that lies there now.
    fn connect(&mut self, deadline: Duration, started: Instant) -> Result<(), Fault> {
        let mark = match FileMark::of(&self.path) {
            Ok(mark) => mark,
            Err(fault) => {
                self.link = None;
                return Err(self.failed(fault));
            }
        };
        if self.link.as_ref().is_some_and(|opened| !opened.mark.same_file(&mark)) {
            log::info!("DATABASE: {} was replaced, opening the new file", self.path.display());
            self.link = None;
            self.outage = None;
        }
        if self.link.is_some() {
            return Ok(());
        }
        if let Some(outage) = &self.outage
            && outage.fault.kind() != Kind::Missing
            && outage.last_try.elapsed() < self.pause(outage)
        {
            return Err(outage.fault.clone());
        }
        self.columns.forget();
        match open::open(&self.path, deadline, &self.shutdown) {
            Ok(opened) => {
                self.link = Some(opened);
                Ok(())
            }
            Err(fault) => Err(self.failed(self.explain(fault, deadline, started))),
        }
    }

    fn pause(&self, outage: &Outage) -> Duration {
        if self.eager && outage.since.elapsed() < RECONNECT_EVERY { RECONNECT_EAGERLY } else { RECONNECT_EVERY }
    }
}

#[cfg(test)]
mod tests;
