//! The tails of the log files and of the journal. Published only when something changed; that it was looked at shows
//! without.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::select;
use jiff::Timestamp;

use super::{Context, Kind};
use crate::base::fault::Fault;
use crate::model::logs::tail::{Dialect, Tail};
use crate::model::logs::{self as model, Logs};
use crate::source::journal::Journal;
use crate::source::log_files::LogFolder;

/// How often is looked while nobody follows, and while somebody does.
pub const CALM: Duration = Duration::from_secs(2);
const FOLLOWED: Duration = Duration::from_millis(200);
/// Between two steps of reading on, so that who follows keeps up and others have their turn.
const BETWEEN_STEPS: Duration = Duration::from_millis(2);
/// Between two steps of looking back, which is in no hurry.
const BETWEEN_STEPS_BACK: Duration = Duration::from_millis(10);

/// While the journal's program starts or ends.
const SETTLING: Duration = Duration::from_millis(50);
const NO_JOURNAL: &str = "the journal is not read in a demo: it would be that of this machine";

pub struct Reader {
    context: Context,
    folder: LogFolder,
    /// `None` where there is none to be read.
    journal: Option<Journal>,
    journal_tail: Tail,
    /// When the journal's last line came.
    journal_read: Option<Timestamp>,
}

impl Reader {
    pub fn new(context: Context) -> Self {
        let config = &context.config;
        let folder = LogFolder::new(config.log_dir.clone(), config.zone.clone(), config.limits.log_file_bytes);
        let journal = context.journalctl.as_ref().map(Journal::new);
        let journal_tail = Tail::new(Dialect::Journal, config.zone.clone(), 1, true);
        Self { context, folder, journal, journal_tail, journal_read: None }
    }

    /// Looks until the stop.
    pub fn run(mut self) {
        let (shutdown, audience) = (self.context.shutdown.clone(), Arc::clone(&self.context.audience));
        while !shutdown.is_stopping() {
            #[cfg(feature = "faults")]
            super::faults::panic_on_demand("logs");
            self.context.beat.busy(Kind::Logs.patience());
            let began = Instant::now();
            let more = self.look();
            let pause = match (more, audience.is_empty()) {
                // However much is written, others have half of the processor.
                (true, _) => began.elapsed().max(BETWEEN_STEPS),
                (false, _) if self.journal.as_ref().is_some_and(Journal::settling) => SETTLING,
                (false, false) => FOLLOWED,
                (false, true) => CALM,
            };
            let due = Instant::now() + pause;
            if !more {
                self.context.wait_for_the_others();
                self.look_back(due);
            }
            self.context.beat.done();
            select! {
                recv(shutdown.channel()) -> _ => return,
                // Looks, and answers by that.
                recv(self.context.beat.knocks()) -> _ => {},
                recv(audience.arrivals) -> _ => {},
                default(due.saturating_duration_since(Instant::now())) => {},
            }
        }
    }

    /// Looks back as far as there is time for.
    fn look_back(&mut self, due: Instant) {
        let now = self.context.clock.now();
        while Instant::now() < due && self.folder.look_back(now) && self.context.shutdown.wait(BETWEEN_STEPS_BACK) {}
    }

    /// Looks once and publishes what it found. Answers whether there is more to be read at once.
    pub fn look(&mut self) -> bool {
        let started = self.context.start();
        let found = self.read();
        let attempt = self.context.finish(&started);
        let known = self.context.cell.load();
        match found {
            Ok((logs, more)) => {
                if known.logs.value.as_deref() != Some(&logs) || known.logs.error.is_some() {
                    self.context.cell.publish(|next| next.logs.succeed(Arc::new(logs), attempt));
                } else {
                    known.logs.confirm_quietly(attempt);
                }
                more
            }
            Err(fault) => {
                if known.logs.error.as_deref() != Some(fault.to_string().as_str()) {
                    log::warn!("LOGS: {fault}");
                    self.context.cell.publish(|next| next.logs.fail(&fault, attempt));
                }
                false
            }
        }
    }

    fn read(&mut self) -> Result<(Logs, bool), Fault> {
        let (audience, limits) = (&self.context.audience, &self.context.config.limits);
        // The file keeps what memory has no room for until the slowest has come nearer.
        let logs = self.folder.tails().count() + 1;
        let room = limits.log_file_bytes.min(limits.logs_bytes / logs) / 2;
        let may_read = |name: &str, tail: &Tail| {
            audience.slowest(name, tail.next() - 1).is_none_or(|reached| tail.bytes_after(reached) <= room)
        };
        let now = self.context.clock.now();
        let mut found = self.folder.poll(now, may_read)?;
        if let Some(journal) = &mut self.journal {
            let (tail, read) = (&mut self.journal_tail, &mut self.journal_read);
            found.more |= journal.poll(self.context.clock.instant(), &mut |bytes| {
                tail.take(bytes, now);
                *read = Some(now);
            });
            tail.shrink(limits.log_file_bytes);
        }
        shrink(self.folder.tails().chain([&mut self.journal_tail]).collect(), limits.logs_bytes);
        self.folder.fill(&mut found.files);
        let error = match &self.journal {
            Some(journal) => journal.trouble().map(str::to_owned),
            None => Some(NO_JOURNAL.to_owned()),
        };
        let journal = model::Journal { held: self.journal_tail.held(), read: self.journal_read, error };
        Ok((Logs { files: found.files, journal: Some(journal) }, found.more))
    }
}

/// Lets lines of the largest go until all together take no more than so much.
fn shrink(mut tails: Vec<&mut Tail>, most: usize) {
    while tails.iter().map(|tail| tail.bytes()).sum::<usize>() > most {
        let largest = tails.iter_mut().max_by_key(|tail| tail.bytes());
        if !largest.is_some_and(|tail| tail.shed()) {
            return;
        }
    }
}
