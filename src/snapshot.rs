//! Everything that requests may know, at one instant: an immutable [`Snapshot`], replaced as a whole.
//!
//! A refresher builds and serialises outside the lock and then swaps one pointer; a request calls [`SnapshotCell::load`]
//! once, so that all fields of its answer come from the same instant.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use parking_lot::{Mutex, RwLock};

use crate::base::document::Document;
use crate::base::fault::Fault;
use crate::model::coordinator::Coordinator;
use crate::model::decision::{Decision, Kind};
use crate::model::disk::Disk;
use crate::model::energy::Point;
use crate::model::footprint::Footprint;
use crate::model::logs::Logs;
use crate::model::month::Months;
use crate::model::price::PricedDay;
use crate::model::push::Push;
use crate::model::reading::Reading;
use crate::model::time::SiteZone;

/// Which way data came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The coordinator's database.
    Database,
    /// Its JSON files.
    Files,
    /// Nothing was ever read.
    Nowhere,
}

impl Origin {
    /// Its name in answers.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Database => Some("database"),
            Self::Files => Some("files"),
            Self::Nowhere => None,
        }
    }
}

/// What one refresher publishes: the last good value, and how the attempts since went.
#[derive(Debug)]
pub struct Section<T> {
    /// The last good value, `None` before the first one.
    pub value: Option<Arc<T>>,
    /// When the value was read, by the wall clock.
    pub as_of: Option<Timestamp>,
    /// When the source was last asked successfully (monotonic), also when it had nothing new.
    pub checked: Option<Instant>,
    /// When it was last asked at all.
    pub attempted: Option<Instant>,
    /// What was wrong at the last attempt; also a partial trouble that a second source made up for.
    pub error: Option<String>,
    /// Failed attempts in a row.
    pub failures: u32,
    /// How long the last attempt took.
    pub took: Duration,
    /// When an attempt last found the value still good without a publication; one for all snapshots.
    confirmed: Arc<Mutex<Option<Instant>>>,
}

impl<T> Clone for Section<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), error: self.error.clone(), confirmed: Arc::clone(&self.confirmed), ..*self }
    }
}

impl<T> Default for Section<T> {
    fn default() -> Self {
        Self {
            value: None,
            as_of: None,
            checked: None,
            attempted: None,
            error: None,
            failures: 0,
            took: Duration::ZERO,
            confirmed: Arc::default(),
        }
    }
}

/// When and how long an attempt was.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// Its end, by the wall clock.
    pub at: Timestamp,
    /// Its end, monotonic.
    pub instant: Instant,
    /// Its length.
    pub took: Duration,
}

impl<T> Section<T> {
    /// After an attempt that brought a value.
    pub fn succeed(&mut self, value: Arc<T>, attempt: Attempt) {
        self.value = Some(value);
        self.as_of = Some(attempt.at);
        self.confirm(attempt);
    }

    /// After an attempt that found the value still good.
    pub fn confirm(&mut self, attempt: Attempt) {
        self.checked = Some(attempt.instant);
        self.attempted = Some(attempt.instant);
        self.took = attempt.took;
        self.error = None;
        self.failures = 0;
    }

    /// After an attempt that found the value still good, too often to be published: ages count from it, nobody is told.
    pub fn confirm_quietly(&self, attempt: Attempt) {
        *self.confirmed.lock() = Some(attempt.instant);
    }

    /// After an attempt that failed: the last good value stays.
    pub fn fail(&mut self, fault: &Fault, attempt: Attempt) {
        self.attempted = Some(attempt.instant);
        self.took = attempt.took;
        self.error = Some(fault.to_string());
        self.failures = self.failures.saturating_add(1);
    }

    /// How long ago the source was last asked successfully.
    pub fn age(&self, now: Instant) -> Option<Duration> {
        self.checked.max(*self.confirmed.lock()).map(|checked| now.saturating_duration_since(checked))
    }
}

/// The house now.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    /// The newest reading.
    pub reading: Reading,
    /// The reading's own timestamp, as on disk; empty where it has none.
    pub stated: String,
    /// Database or state file.
    pub origin: Origin,
    /// The row's own timestamp, as on disk.
    pub recorded: String,
    /// When the state file was written.
    pub file_modified: Option<Timestamp>,
}

/// Decisions of the last seven days, ready to be answered.
#[derive(Debug)]
pub struct DecisionFeed {
    /// The whole answer for 7 days.
    pub week: Arc<Document>,
    /// The whole answer for 24 hours.
    pub day: Arc<Document>,
    /// Each decision's instant, kind and end within the array in `week`, newest first.
    pub marks: Box<[FeedMark]>,
    /// The newest decision, in force.
    pub newest: Option<Arc<Decision>>,
    /// The mean confidence (0..1) of the last 24 hours; a missing one counts 0, `None` without decisions.
    pub mean_confidence_24h: Option<f64>,
}

/// Where a decision stands in the feed's array.
#[derive(Debug, Clone, Copy)]
pub struct FeedMark {
    /// When it was made.
    pub at: Timestamp,
    /// What was decided.
    pub kind: Kind,
    /// Where its text ends in [`DecisionFeed::week`].
    pub end: u32,
}

/// Content with the way it came.
#[derive(Debug)]
pub struct Feed<T> {
    /// Which way.
    pub origin: Origin,
    /// When.
    pub published: Timestamp,
    /// The content.
    pub content: T,
}

/// What the `metrics` refresher derives; a part that could not be read yet is `None`.
#[derive(Debug)]
pub struct Metrics {
    /// The decisions.
    pub decisions: Option<Arc<Feed<DecisionFeed>>>,
    /// The answer to `/historical-data`.
    pub history: Option<Arc<Feed<Arc<Document>>>>,
}

/// Prices with the tariff applied.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prices {
    /// Yesterday as far as it is known, today and, once published, tomorrow.
    pub days: BTreeMap<Date, Arc<PricedDay>>,
}

impl Prices {
    /// A day, where something of it is known.
    pub fn day(&self, date: Date) -> Option<&PricedDay> {
        self.days.get(&date).map(Arc::as_ref)
    }
}

/// Whether the database is to be had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum DatabaseState {
    /// Files-only mode.
    Disabled,
    /// It was not asked yet.
    #[default]
    Unknown,
    /// It answers.
    Connected,
    /// It does not, and why.
    Failing(String),
}

impl DatabaseState {
    /// Its name in answers; `None` while it is not known.
    pub fn words(&self) -> Option<&'static str> {
        match self {
            Self::Disabled => Some("files only"),
            Self::Unknown => None,
            Self::Connected => Some("connected"),
            Self::Failing(_) => Some("failing"),
        }
    }
}

/// How far the closed days are summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backfill {
    /// Days whose sums are there and still hold.
    pub done_days: u32,
    /// Days before today that have rows.
    pub total_days: u32,
    /// How much longer it takes; `None` while that cannot be told.
    pub eta: Option<Duration>,
}

/// How Wattboard's own database does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnDatabase {
    /// Why nothing is remembered, where that is so.
    pub error: Option<String>,
    /// What was wrong with the file that was set aside since the start, and where it is now.
    pub set_aside: Option<String>,
}

/// Everything, at one instant.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The house now.
    pub live: Section<Live>,
    /// Decisions and history.
    pub metrics: Section<Metrics>,
    /// Prices.
    pub prices: Section<Prices>,
    /// The coordinator's process.
    pub process: Section<Coordinator>,
    /// This program itself.
    pub footprint: Section<Footprint>,
    /// The disk that holds the site.
    pub disk: Section<Disk>,
    /// Log files.
    pub logs: Section<Logs>,
    /// Month summaries.
    pub months: Arc<Months>,
    /// How far the closed days are summed; `None` while that is not known.
    pub backfill: Option<Backfill>,
    /// Wattboard's own database.
    pub own_database: OwnDatabase,
    /// How the sending of rows goes; `None` where none are sent.
    pub push: Option<Arc<Push>>,
    /// The database, as the `live` thread finds it.
    pub database: DatabaseState,
    /// How many publications there were.
    pub publication: u64,
    /// Refresher threads that are gone, by name: why.
    pub gone: BTreeMap<String, String>,
}

/// How answers are written at publication. The snapshot's layer does not serialise; who does is handed in.
#[derive(Clone, Copy)]
pub struct Scribe {
    /// Writes decisions (oldest first) as a feed.
    pub decisions: fn(Vec<Decision>, &Scene<'_>) -> DecisionFeed,
    /// Writes the last 24 hours' points as the answer to `/historical-data`.
    pub history: fn(&[Point], &Scene<'_>) -> Arc<Document>,
}

/// What a scribe knows of the publication.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The publication's instant.
    pub now: Timestamp,
    /// The site's zone.
    pub zone: &'a SiteZone,
    /// Which way the data came.
    pub origin: Origin,
    /// When it counts as stale.
    pub stale_after: Timestamp,
}

/// The one place where the current snapshot is.
#[derive(Default)]
pub struct SnapshotCell {
    current: RwLock<Arc<Snapshot>>,
    publishing: Mutex<()>,
    bell: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl SnapshotCell {
    /// The current snapshot.
    pub fn load(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.read())
    }

    /// From now on `bell` is rung after every publication, by its publisher: it must be quick and must not wait. There
    /// is one bell; a second one is not hung up.
    pub fn hang_up(&self, bell: impl Fn() + Send + Sync + 'static) {
        let _ = self.bell.set(Box::new(bell));
    }

    /// Publishes a changed copy. Publishers wait for one another, readers wait for the swap of one pointer at most.
    pub fn publish(&self, change: impl FnOnce(&mut Snapshot)) {
        let _turn = self.publishing.lock();
        let mut next = Snapshot::clone(&self.load());
        change(&mut next);
        next.publication += 1;
        let next = Arc::new(next);
        let old = std::mem::replace(&mut *self.current.write(), next);
        if let Some(bell) = self.bell.get() {
            bell();
        }
        // What nobody reads any more is freed here, outside the lock.
        drop(old);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_the_last_good_value() {
        let mut section = Section::<u32>::default();
        let start = Instant::now();
        let attempt = |s: u64| Attempt {
            at: Timestamp::UNIX_EPOCH,
            instant: start + Duration::from_secs(s),
            took: Duration::ZERO,
        };
        section.fail(&Fault::io("broken"), attempt(1));
        assert_eq!((section.value.clone(), section.age(start), section.failures), (None, None, 1));
        section.succeed(Arc::new(7), attempt(2));
        section.fail(&Fault::io("broken again"), attempt(5));
        section.fail(&Fault::io("broken again"), attempt(6));
        assert_eq!(section.value.as_deref(), Some(&7));
        assert_eq!(section.age(start + Duration::from_secs(10)), Some(Duration::from_secs(8)));
        assert_eq!((section.error.as_deref(), section.failures), (Some("broken again"), 2));
        section.confirm(attempt(9));
        assert_eq!((section.age(start + Duration::from_secs(10)), section.error), (Some(Duration::from_secs(1)), None));
    }

    #[test]
    fn readers_see_whole_snapshots_and_publishers_do_not_lose_each_other() {
        let cell = Arc::new(SnapshotCell::default());
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let cell = Arc::clone(&cell);
                std::thread::spawn(move || {
                    for _ in 0..100 {
                        cell.publish(|next| next.live.failures += 1);
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        assert_eq!(cell.load().live.failures, 400);
    }

    #[test]
    fn the_bell_rings_when_the_new_snapshot_is_there() {
        let cell = Arc::new(SnapshotCell::default());
        cell.publish(|next| next.live.failures = 1);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (weak, heard) = (Arc::downgrade(&cell), Arc::clone(&seen));
        cell.hang_up(move || heard.lock().push(weak.upgrade().unwrap().load().live.failures));
        cell.hang_up(|| panic!("a second bell"));
        (2..5).for_each(|count| cell.publish(|next| next.live.failures = count));
        assert_eq!(*seen.lock(), [2, 3, 4]);
    }
}
