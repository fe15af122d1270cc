//! Asking PSE for the days that the price memory lacks: what the thread `archive` does in the background and
//! `wattboard prices backfill` in the foreground.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::archive::{API_BEGINS, Again, Archive, Request, plan};
use crate::base::fault::Fault;
use crate::base::shutdown::Shutdown;
use crate::base::thread;
use crate::config::Config;
use crate::model::price::{Entity, PublishedDay};
use crate::model::time::Month;
use crate::source::SiteSource;
use crate::source::composite::Composite;
use crate::source::pse::{Failure, PriceApi, Roots};

/// The longest pause after failures.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// What takes long and is done by a thread of its own, so that questions and the stop are heard meanwhile.
#[derive(Debug, Clone, Copy)]
pub enum Job {
    /// Look which days the site has rows of, from this one on.
    Look(Date),
    /// Ask PSE.
    Ask(Request),
}

/// What came of it.
#[derive(Debug)]
pub enum Found {
    /// The days that have rows.
    Rows(BTreeSet<Date>),
    /// What PSE answered.
    Prices(Request, Vec<PublishedDay>),
}

/// How a job ended.
pub type Done = Result<Found, Failure>;

/// Starts a job; its end comes out of the channel. At the stop it is left to itself.
pub fn start(job: Job, config: &Arc<Config>, roots: &Roots, shutdown: &Shutdown, now: Timestamp) -> Receiver<Done> {
    let (config, roots, shutdown) = (Arc::clone(config), roots.clone(), shutdown.clone());
    apart(move |sender| _ = sender.send(work(job, &config, &roots, &shutdown, now)))
}

/// Runs `work` on a thread of its own. What it sends comes out of the channel, which has room for one; when it is over,
/// or when there is no thread, the channel is disconnected.
pub(super) fn apart<T: Send + 'static>(work: impl FnOnce(Sender<T>) + Send + 'static) -> Receiver<T> {
    let (sender, done) = bounded(1);
    // Its panic is seen by its silence.
    let (exits, _) = unbounded();
    let spawned = thread::spawn("backfill", &exits, move || {
        thread::step_back();
        work(sender);
        Ok(())
    });
    if let Err(error) = spawned {
        log::warn!("ARCHIVE: cannot start the backfill thread: {error}");
    }
    done
}

/// What a job that gave no answer failed of.
pub fn lost() -> Failure {
    Fault::io("the backfill thread was lost").into()
}

fn work(job: Job, config: &Config, roots: &Roots, shutdown: &Shutdown, now: Timestamp) -> Done {
    match job {
        Job::Look(from) => {
            let mut source = Composite::open(config, shutdown, false);
            let yesterday = config.zone.date(now).yesterday().unwrap_or(API_BEGINS);
            let Some(first) = source.first_day()? else { return Ok(Found::Rows(BTreeSet::new())) };
            let first = first.max(from).max(API_BEGINS);
            let rows = if first <= yesterday { source.days(first, yesterday)? } else { Default::default() };
            Ok(Found::Rows(rows.into_keys().collect()))
        }
        Job::Ask(request) => {
            let api = PriceApi::new(config, roots, config.price_deadline);
            let label = |failure: Failure| Failure { fault: failure.fault.within(request.entity.label()), ..failure };
            let days = api.days(request.entity, request.first, request.last, now).map_err(label)?;
            Ok(Found::Prices(request, days))
        }
    }
}

/// One way through everything that is missing. Each month of an entity is asked for once, whatever PSE has of it.
#[derive(Debug)]
pub struct Pass {
    rows: BTreeSet<Date>,
    again: Again,
    asked: BTreeSet<(Entity, Month)>,
}

impl Pass {
    /// For a site that has rows of these days.
    pub fn new(rows: BTreeSet<Date>, again: Again) -> Self {
        Self { rows, again, asked: BTreeSet::new() }
    }

    /// What is still to be asked for, the next one first: another process may have asked meanwhile.
    ///
    /// # Errors
    /// When the price memory cannot be read.
    pub fn left(&self, archive: &mut Archive, config: &Config, now: Timestamp) -> Result<Vec<Request>, Fault> {
        let entities: Vec<Entity> = config.entities().collect();
        let mut requests = plan(&self.rows, &archive.known()?, &entities, (config.zone.date(now), now), self.again);
        requests.retain(|request| !self.asked.contains(&(request.entity, request.month())));
        Ok(requests)
    }

    /// PSE answered, and its answer is kept.
    pub fn asked(&mut self, request: &Request) {
        self.asked.insert((request.entity, request.month()));
    }
}
