//! The thread `archive`: keeps complete price days, answers questions about days that are over, fetches in the
//! background what the price memory lacks, and sums closed days. It sleeps until one of these is to be done.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, at, never, select};

use super::backfill::{self, Done, Found, Job, LONGEST_PAUSE, Pass};
use super::books::Library;
use super::rollups::Summing;
use super::{Context, Kind as Refresh};
use crate::archive::{API_BEGINS, Again, Archive, Request};
use crate::base::backoff::Backoff;
use crate::base::fault::{Fault, Kind};
use crate::base::memory;
use crate::config::Interval;
use crate::model::price::PublishedDay;
use crate::model::time::Month;
use crate::source::composite::Composite;
use crate::source::pse::Failure;

/// While there is much to do, what was freed goes back to the system so often.
const GIVE_BACK_EVERY: Duration = Duration::from_millis(250);

/// When the background work is done.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// From the start to the first request.
    pub first: Duration,
    /// At least this from one request to the next.
    pub between: Duration,
    /// How often the snapshot is looked at for a site that reaches further back than before.
    pub glance: Duration,
    /// How often the site is looked at.
    pub look: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(60),
            between: Duration::from_secs(60),
            glance: Duration::from_secs(3600),
            look: Duration::from_secs(86_400),
        }
    }
}

pub struct Archivist {
    context: Context,
    books: Library,
    pace: Pace,
    backoff: Backoff,
    /// When the background work goes on; `None` while a job is under way, and for good where prices are not refreshed.
    due: Option<Instant>,
    pass: Option<Pass>,
    looked: Option<Look>,
    /// The closed days.
    summing: Summing,
    /// Whether it was said that there is no background work without a file.
    told: bool,
}

/// A look at the site.
struct Look {
    at: Instant,
    /// Where the site began then.
    oldest: Option<Month>,
}

impl Archivist {
    pub fn new(context: Context, pace: Pace) -> Self {
        let config = &context.config;
        let archive = Archive::new(
            config.own_database.clone(),
            config.zone.clone(),
            context.clock.clone(),
            context.shutdown.clone(),
        );
        let books = Library::new(archive, Composite::open(config, &context.shutdown, false), Arc::clone(config));
        let due = (config.price_interval != Interval::Off).then(|| Instant::now() + pace.first);
        let backoff = Backoff::new(pace.between.saturating_mul(2), LONGEST_PAUSE);
        let summing = Summing::new(context.clone());
        Self { books, pace, backoff, due, pass: None, looked: None, summing, told: false, context }
    }

    pub fn run(&mut self) {
        self.context.wait_for_the_others();
        let stop = self.context.shutdown.clone();
        let kept = self.context.archive.kept.clone();
        let mut inquiries = self.context.archive.inquiries.clone();
        let mut job: Receiver<Done> = never();
        let mut gave_back = Instant::now();
        let beat = self.context.beat.clone();
        let begin = || beat.busy(Refresh::Archive.patience());
        loop {
            #[cfg(feature = "faults")]
            super::faults::panic_on_demand("archive");
            let timer = self.due.map_or_else(never, at);
            let look = self.summing.due.map_or_else(never, at);
            // Whoever asks, and prices on their way, go first: a closed day waits for them.
            let waiting = !inquiries.is_empty() || !kept.is_empty();
            let reads = if waiting { never() } else { self.summing.reads.clone() };
            beat.done();
            select! {
                recv(stop.channel()) -> _ => return,
                recv(beat.knocks()) -> _ => continue,
                recv(kept) -> day => if let Ok(day) = day {
                    begin();
                    // All that wait, in one transaction.
                    let days: Vec<PublishedDay> = std::iter::once(day).chain(kept.try_iter()).collect();
                    // What is wrong is said by the archive itself, once.
                    if self.books.archive.keep(&days).is_ok_and(|written| written > 0) {
                        self.summing.prices_grew();
                    }
                },
                recv(reads) -> read => {
                    begin();
                    self.summing.take(read.ok(), &mut self.books.archive);
                },
                recv(look) -> _ => {
                    begin();
                    self.summing.look(&mut self.books.archive);
                },
                recv(inquiries) -> inquiry => match inquiry {
                    Ok(inquiry) => {
                        begin();
                        inquiry(&mut self.books);
                        self.books.rest();
                    }
                    Err(_) => inquiries = never(),
                },
                recv(job) -> done => {
                    begin();
                    job = never();
                    self.take(done.unwrap_or_else(|_| Err(backfill::lost())));
                },
                recv(timer) -> _ => {
                    begin();
                    if let Some(next) = self.next_job() {
                        self.due = None;
                        job = backfill::start(next, &self.context.config, &self.context.price_roots, &stop, self.context.clock.now());
                    }
                },
            }
            self.notice();
            if gave_back.elapsed() >= GIVE_BACK_EVERY {
                memory::give_back();
                gave_back = Instant::now();
            }
        }
    }

    /// Tells how the file does. One that is new, or can be written again, lacks something.
    fn notice(&mut self) {
        let health = self.books.archive.health();
        if self.context.cell.load().own_database != health {
            self.context.cell.publish(|next| next.own_database = health);
        }
        if self.books.archive.is_new() {
            self.summing.begin_anew();
            (self.pass, self.looked, self.told) = (None, None, false);
            self.due = self.due.map(|due| due.min(Instant::now() + self.pace.between));
        }
    }

    /// What to do in the background now; with nothing to do, `due` is when to think again.
    fn next_job(&mut self) -> Option<Job> {
        let now = Instant::now();
        if let Some(pass) = &self.pass {
            match pass.left(&mut self.books.archive, &self.context.config, self.context.clock.now()) {
                Ok(requests) => {
                    if let Some(request) = requests.first() {
                        // Not without a file: the same would be asked for at every start.
                        return self.has_file().then_some(Job::Ask(*request));
                    }
                    self.pass = None;
                }
                Err(fault) => {
                    self.trouble(fault);
                    return None;
                }
            }
        }
        self.due = Some(now + self.pace.glance);
        let oldest = self.context.cell.load().months.oldest;
        let look = match &self.looked {
            Some(look) => look.oldest != oldest || now.saturating_duration_since(look.at) >= self.pace.look,
            None => true,
        };
        look.then(|| {
            self.looked = Some(Look { at: now, oldest });
            Job::Look(API_BEGINS)
        })
    }

    fn take(&mut self, done: Done) {
        match done {
            Ok(Found::Rows(rows)) => {
                self.backoff.reset();
                self.pass = Some(Pass::new(rows, Again::InTime));
                self.due = Some(Instant::now());
            }
            Ok(Found::Prices(request, days)) => match self.books.archive.keep(&days) {
                Ok(count) => {
                    if count > 0 {
                        self.summing.prices_grew();
                    }
                    self.kept(&request, count);
                }
                Err(fault) => self.trouble(fault),
            },
            Err(failure) => self.failed(&failure),
        }
    }

    fn kept(&mut self, request: &Request, count: usize) {
        let (month, label) = (request.month(), request.entity.label());
        log::info!("ARCHIVE: {label} of {month}: fetched {count} {}", if count == 1 { "day" } else { "days" });
        self.backoff.reset();
        self.due = Some(Instant::now() + self.pace.between);
        if let Some(pass) = &mut self.pass {
            pass.asked(request);
        }
    }

    fn failed(&mut self, failure: &Failure) {
        if failure.fault.kind() == Kind::Stopping {
            return;
        }
        log::warn!("ARCHIVE: past prices are not fetched yet: {}", failure.fault);
        if self.pass.is_none() {
            self.looked = None;
        }
        let pause = self.backoff.fail().max(self.pace.between).max(failure.pause.unwrap_or_default());
        self.due = Some(Instant::now() + pause);
    }

    fn has_file(&mut self) -> bool {
        match self.books.archive.prepare() {
            Ok(()) => {
                self.told = false;
                true
            }
            Err(fault) => {
                self.trouble(fault);
                false
            }
        }
    }

    /// When the price memory is not to be had: for a moment, or because it cannot be written.
    fn trouble(&mut self, fault: Fault) {
        if matches!(fault.kind(), Kind::Locked | Kind::Timeout | Kind::Stopping) {
            return self.failed(&fault.into());
        }
        if !std::mem::replace(&mut self.told, true) {
            log::warn!("ARCHIVE: past prices are not fetched, since they cannot be remembered: {fault}");
        }
        self.due = Some(Instant::now() + self.pace.glance);
    }
}

#[cfg(test)]
mod tests;
