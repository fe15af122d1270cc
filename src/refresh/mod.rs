//! One thread a source: each owns its connection, agent or file handles, polls, derives a section, publishes it.

mod archive;
pub mod backfill;
mod books;
mod days;
pub mod ledger;
mod live;
mod logs;
mod metrics;
mod months;
mod prices;
mod process;
mod push;
mod rollups;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use jiff::Timestamp;

use crate::base::audience::Audience;
use crate::base::clock::SharedClock;
use crate::base::fault::Fault;
use crate::base::pulse::Beat;
use crate::base::shutdown::Shutdown;
use crate::config::{Config, Interval};
use crate::inquiry::Inquiry;
use crate::model::price::PublishedDay;
use crate::snapshot::{Attempt, Scribe, SnapshotCell};
use crate::source::pse::Roots;

/// What every refresher is given.
#[derive(Clone)]
pub struct Context {
    /// The site's config.
    pub config: Arc<Config>,
    /// The time.
    pub clock: SharedClock,
    /// Where to publish.
    pub cell: Arc<SnapshotCell>,
    /// When to stop.
    pub shutdown: Shutdown,
    /// How answers are written at publication.
    pub scribe: Scribe,
    /// Who is trusted to be the price API, beside the built-in roots.
    pub price_roots: Roots,
    /// Complete price days on their way to the price memory, and questions for it.
    pub archive: ArchiveLines,
    /// `/proc`.
    pub proc_root: PathBuf,
    /// The program that reads the journal; `None` where none is to be read.
    pub journalctl: Option<PathBuf>,
    /// Who follows the logs.
    pub audience: Arc<Audience>,
    /// How the thread shows that it is alive.
    pub beat: Beat,
}

/// What leads to the thread `archive`; survives its restarts.
#[derive(Clone)]
pub struct ArchiveLines {
    /// Where complete price days are handed in.
    pub keep: Sender<PublishedDay>,
    /// Where they come out.
    pub kept: Receiver<PublishedDay>,
    /// Where questions come out.
    pub inquiries: Receiver<Inquiry>,
}

impl ArchiveLines {
    /// For questions that come out of `inquiries`.
    pub fn new(inquiries: Receiver<Inquiry>) -> Self {
        let (keep, kept) = unbounded();
        Self { keep, kept, inquiries }
    }
}

/// When to look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// At the configured interval.
    AtInterval,
    /// Sooner.
    After(Duration),
}

/// Polls one source.
trait Refresher {
    /// Looks once and publishes what it found.
    fn refresh(&mut self) -> Next;
}

/// The refreshers, as what starts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The house now.
    Live,
    /// Decisions, sums of this month, history.
    Metrics,
    /// Sums of past months.
    Months,
    /// Prices.
    Prices,
    /// The coordinator's process.
    Process,
    /// Log files.
    Logs,
    /// The price memory.
    Archive,
    /// Rows for a time series engine, where the config asks for it.
    Push,
}

/// How often past months are looked at again for late rows.
const MONTHS_INTERVAL: Duration = Duration::from_secs(3600);
/// The refreshers of what is shown first come first after the start, for half a second at most.
const HEAD_START_STEP: Duration = Duration::from_millis(5);
const HEAD_START_STEPS: u32 = 100;

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Live, Self::Process, Self::Prices, Self::Metrics, Self::Logs, Self::Months, Self::Archive, Self::Push];

    /// Whether there is anything to do for it.
    pub fn is_wanted(self, config: &Config) -> bool {
        self != Self::Push || config.push.is_some()
    }

    /// The thread's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Metrics => "metrics",
            Self::Months => "months",
            Self::Prices => "prices",
            Self::Process => "process",
            Self::Logs => "logs",
            Self::Archive => "archive",
            Self::Push => "push",
        }
    }

    /// How often it looks; `Archive` does when there is something to do.
    pub fn interval(self, config: &Config) -> Interval {
        match self {
            Self::Live => config.live_interval,
            Self::Metrics | Self::Push => config.metrics_interval,
            Self::Prices => config.price_interval,
            Self::Process => config.process_interval,
            Self::Logs => Interval::Every(logs::CALM),
            Self::Months => Interval::Every(MONTHS_INTERVAL),
            Self::Archive => Interval::Off,
        }
    }

    /// How long it may work without a sign of life: its questions to the database, files and the network together have
    /// deadlines of their own, and what has many of them beats in between.
    fn patience(self) -> Duration {
        Duration::from_secs(match self {
            Self::Process | Self::Logs => 30,
            Self::Live | Self::Prices | Self::Archive | Self::Push => 60,
            Self::Metrics | Self::Months => 180,
        })
    }

    /// The thread's body: opens what it owns and polls until the stop.
    ///
    /// # Errors
    /// None today: trouble with a source is published, not returned.
    pub fn run(self, context: Context) -> Result<(), Fault> {
        let interval = self.interval(&context.config);
        let (shutdown, beat) = (context.shutdown.clone(), context.beat.clone());
        let mut refresher: Box<dyn Refresher> = match self {
            Self::Live => Box::new(live::Live::new(context)),
            Self::Metrics => Box::new(metrics::Metrics::new(context)),
            Self::Months => Box::new(months::Months::new(context)),
            Self::Prices => Box::new(prices::Prices::new(context)),
            Self::Process => Box::new(process::Process::new(context)),
            Self::Logs => {
                logs::Reader::new(context).run();
                return Ok(());
            }
            Self::Archive => {
                archive::Archivist::new(context, archive::Pace::default()).run();
                return Ok(());
            }
            Self::Push => {
                push::run(&context);
                return Ok(());
            }
        };
        poll(self, interval, &shutdown, &beat, refresher.as_mut());
        Ok(())
    }
}

/// Refreshes until the stop, on the monotonic clock: each time `interval` after the last one began, or sooner when the
/// refresher asks for it; once when the interval is off.
fn poll(kind: Kind, interval: Interval, shutdown: &Shutdown, beat: &Beat, refresher: &mut dyn Refresher) {
    #[cfg(feature = "faults")]
    let interval = faults::hurried(interval);
    loop {
        let started = Instant::now();
        #[cfg(feature = "faults")]
        faults::panic_on_demand(kind.name());
        beat.busy(kind.patience());
        let next = refresher.refresh();
        let go_on = match (interval, next) {
            (Interval::Off, _) => beat.wait(shutdown, None),
            (Interval::Every(interval), Next::AtInterval) => {
                beat.wait(shutdown, Some(interval.saturating_sub(started.elapsed())))
            }
            (Interval::Every(interval), Next::After(pause)) => beat.wait(shutdown, Some(pause.min(interval))),
        };
        if !go_on {
            return;
        }
    }
}

/// An attempt that is under way.
struct Started {
    wall: Timestamp,
    instant: Instant,
}

impl Context {
    fn start(&self) -> Started {
        Started { wall: self.clock.now(), instant: self.clock.instant() }
    }

    /// Lets the refreshers of what is shown first go first.
    fn wait_for_the_others(&self) {
        for _ in 0..HEAD_START_STEPS {
            let known = self.cell.load();
            let tried = known.live.attempted.is_some() && known.metrics.attempted.is_some();
            if tried || !self.shutdown.wait(HEAD_START_STEP) {
                return;
            }
        }
    }

    fn finish(&self, started: &Started) -> Attempt {
        let instant = self.clock.instant();
        Attempt { at: started.wall, instant, took: instant.saturating_duration_since(started.instant) }
    }
}

#[cfg(feature = "faults")]
mod faults {
    //! Trouble on demand, for tests of a running server.

    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};

    use crate::config::Interval;

    static BEGAN: OnceLock<Instant> = OnceLock::new();
    static DONE: AtomicBool = AtomicBool::new(false);

    /// `WATTBOARD_FAULT_HURRY=20` makes every interval that many times shorter.
    pub fn hurried(interval: Interval) -> Interval {
        let times = std::env::var("WATTBOARD_FAULT_HURRY").ok().and_then(|text| text.parse().ok()).unwrap_or(1_u32);
        match interval {
            Interval::Every(interval) => Interval::Every(interval / times.max(1)),
            Interval::Off => Interval::Off,
        }
    }

    /// `WATTBOARD_FAULT_PANIC=live` panics that refresher once, at its first refresh 3 s after the start or later.
    pub fn panic_on_demand(name: &str) {
        let began = BEGAN.get_or_init(Instant::now);
        let asked = std::env::var("WATTBOARD_FAULT_PANIC").is_ok_and(|wanted| wanted == name);
        if asked && began.elapsed() > Duration::from_secs(3) && !DONE.swap(true, Ordering::Relaxed) {
            panic!("on demand");
        }
    }
}

#[cfg(test)]
mod tests;
