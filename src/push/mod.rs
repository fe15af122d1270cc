//! Sends what a site recorded to an engine made for series of many sites: every row at least once, oldest first, from a
//! cursor that outlives the process. Nothing is held in memory but one batch of lines and the rows of one day.
//!
//! A day's lines are numbered. Of what was sent the cursor keeps how many they were and a number made of them, so a day
//! that grew goes on where it ended, and one whose rows came late, changed or were summed again is sent again whole.
//! An engine keeps either of two values of the same instant; prices and closed days that changed are therefore told a
//! millisecond later each time.
//!
//! - The newest 31 days are looked at again once an hour; older ones that change stay as they were sent.
//! - Another engine, organisation, bucket or name of the site: all is sent from the beginning. So it is where older rows
//!   come to light than were known, and where the cursor is lost.
//! - A clock that jumps: rows have their own time. One that was ahead sends nothing before its turn, and once it is right
//!   the newest days again; one that is behind sends less until it is right.
//! - A row is left out only where the engine refused it twice, and took another one before and after the second time.
//! - A day that cannot be read is passed over and said; it is tried again while it is among the newest.

pub mod batch;
pub mod cursor;
pub mod sender;
mod sweep;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;

use crate::base::backoff::Backoff;
use crate::base::fault::{Fault, Kind};
use crate::export::Ledger;
use crate::model::push::{Push as Told, State};
use crate::model::time::SiteZone;
use crate::series::Lines;
use batch::Batch;
use cursor::Keeper;
use sender::{Answer, Sender};
use sweep::Sweep;

/// How often the cursor is written while there is much to send, and while there is little.
const KEEP_BUSY: Duration = Duration::from_secs(60);
const KEEP_CALM: Duration = Duration::from_secs(15 * 60);
/// The first pause after a failure; it doubles up to the other.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// After rows could not be read.
const READ_AGAIN: Duration = Duration::from_secs(60);

/// So many single lines are tried before all are taken for refused.
const PROBES: usize = 8;

/// When it is, and what else is known of the moment.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// The wall clock.
    pub wall: Timestamp,
    /// The monotonic clock.
    pub instant: Instant,
    /// Whether all closed days are summed that can be: only then a day that is not there is passed over.
    pub summed: bool,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There is more to send.
    More,
    /// All is sent that there is.
    Idle,
    /// Nothing is to be had for so long.
    Pause(Duration),
}

/// Sends one site's rows.
pub struct Pusher {
    sender: Sender,
    keeper: Keeper,
    lines: Lines,
    zone: SiteZone,
    batch: Batch,
    sweep: Option<Sweep>,
    /// All that there was is in the batch.
    is_over: bool,
    /// Closed days are missing that are still to be summed.
    lacks_days: bool,
    /// When the newest days are to be looked at as a whole; `None`: now.
    look_at: Option<Instant>,
    /// The last day that a whole look ended with.
    reached: Option<Date>,
    backoff: Backoff,
    told: Told,
    is_caught_up: bool,
    keep_failed: bool,
    /// Rows wait because the engine did not take them.
    rows_failed: bool,
    /// Why rows could not be read.
    unread: Option<String>,
    /// Days that are damaged, and how often they were read.
    damaged: BTreeMap<Date, u32>,
    /// What the last whole look passed over.
    passed_over: Option<String>,
    /// Why the engine does not want to know how the site is.
    unwanted: Option<String>,
}

impl Pusher {
    /// Sends through `sender` what the site of this name recorded, from `keeper` on.
    pub fn new(sender: Sender, keeper: Keeper, site: &str, zone: SiteZone, destination: String) -> Self {
        Self {
            sender,
            keeper,
            lines: Lines::new(site),
            zone,
            batch: Batch::default(),
            sweep: None,
            is_over: false,
            lacks_days: false,
            look_at: None,
            reached: None,
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            told: Told::new(destination),
            is_caught_up: false,
            keep_failed: false,
            rows_failed: false,
            unread: None,
            damaged: BTreeMap::new(),
            passed_over: None,
            unwanted: None,
        }
    }

    /// How it goes.
    pub fn told(&self) -> &Told {
        &self.told
    }

    /// Writes the site's lines.
    pub fn lines(&self) -> &Lines {
        &self.lines
    }

    /// Reads and sends one batch. `go_on` is asked before each day that is read and
    /// each request: each takes a minute at most.
    pub fn step(&mut self, ledger: &mut dyn Ledger, now: &Now, go_on: &dyn Fn() -> bool) -> Step {
        if self.batch.is_empty() && !self.is_over {
            if let Err(fault) = self.fill(ledger, now, go_on) {
                return self.unread(&fault);
            }
            self.read_well();
            if self.batch.is_empty() {
                self.advance(now);
            }
        }
        let step = if !self.batch.is_empty() {
            self.deliver(now, go_on)
        } else if self.is_over {
            self.is_over = false;
            self.settle();
            Step::Idle
        } else {
            Step::More
        };
        self.rows_failed = matches!(step, Step::Pause(_));
        self.keep(now.instant, if self.is_caught_up { KEEP_CALM } else { KEEP_BUSY });
        step
    }

    /// Sends lines that tell of the present and are worth nothing later.
    pub fn present(&mut self, lines: &str, now: &Now) -> Step {
        match self.sender.send(lines) {
            Answer::Taken | Answer::Dropped(..) => {
                self.unwanted = None;
                if self.rows_failed {
                    self.told.last_success = Some(now.wall);
                } else {
                    self.taken(now);
                }
                Step::Idle
            }
            Answer::TooLarge => self.unwanted("they are too many at once"),
            Answer::Refused(why) => self.unwanted(&why),
            Answer::Later(fault, pause) => self.later(fault, pause),
            Answer::Wrong(fault) => self.wrong(fault),
        }
    }

    /// Whether the engine took nothing at the last attempt.
    pub fn is_failing(&self) -> bool {
        self.told.failures > 0
    }

    /// Whether what tells of the present is worth an attempt: while an engine is not to be had rows find out when it is,
    /// where any wait; one that refuses rows may still take it.
    pub fn may_present(&self) -> bool {
        !self.is_failing() || !self.rows_failed || self.told.state == State::Refused
    }

    /// Writes the cursor, if it changed: at a stop.
    pub fn stop(&mut self) {
        self.keep(Instant::now(), Duration::ZERO);
    }

    /// What was in the batch is known to be there.
    fn advance(&mut self, now: &Now) {
        let today = self.zone.date(now.wall);
        for mark in self.batch.marks.drain(..) {
            self.keeper.advance(mark.what, mark.date, mark.told, today);
        }
        self.batch.clear();
    }

    fn deliver(&mut self, now: &Now, go_on: &dyn Fn() -> bool) -> Step {
        self.told.waiting_since = self.batch.oldest_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let mut sent = Sent::default();
        let posted = self.post(0..self.batch.len(), &mut sent, go_on);
        if let Err(step) = posted.and_then(|()| self.confirm(&mut sent, go_on)) {
            return step;
        }
        for (line, why) in &sent.bad {
            let text = self.batch.lines(*line..line + 1).trim_end();
            let end = text.char_indices().nth(120).map_or(text.len(), |(end, _)| end);
            log::warn!("PUSH: the engine refused a row, which is left out: {why}: {}", &text[..end]);
        }
        self.told.rows_rejected += sent.dropped + sent.bad.len() as u64;
        self.told.rows_sent += sent.taken;
        let newest = self.batch.newest_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        self.told.newest = self.told.newest.max(newest.filter(|newest| *newest <= now.wall));
        self.taken(now);
        self.advance(now);
        Step::More
    }

    /// Posts some of the batch's lines, in halves where they are too many or one of them is refused.
    fn post(&mut self, which: Range<usize>, sent: &mut Sent, go_on: &dyn Fn() -> bool) -> Result<(), Step> {
        let Some(why) = self.attempt(which.clone(), sent, go_on)? else { return Ok(()) };
        if which.len() <= 1 {
            sent.bad.push((which.start, why));
            return Ok(());
        }
        if which.len() == self.batch.len() {
            self.probe(go_on)?;
        }
        let middle = which.start + which.len() / 2;
        self.post(which.start..middle, sent, go_on)?;
        self.post(middle..which.end, sent, go_on)
    }

    /// Of a batch that is refused some lines, spread over it, are tried: whether any is taken.
    fn probe(&mut self, go_on: &dyn Fn() -> bool) -> Result<(), Step> {
        let (len, mut last) = (self.batch.len(), String::new());
        let probes = PROBES.min(len);
        for probe in 0..probes {
            let line = probe * (len - 1) / (probes - 1).max(1);
            match self.attempt(line..line + 1, &mut Sent::default(), go_on)? {
                None => return Ok(()),
                Some(why) => last = why,
            }
        }
        Err(self.all_refused(&last))
    }

    /// Lines that were refused are so for good only where they are again while another one is taken, before and after: an
    /// engine that refused all for a while, say for want of a token, loses none.
    fn confirm(&mut self, sent: &mut Sent, go_on: &dyn Fn() -> bool) -> Result<(), Step> {
        let Some((_, why)) = sent.bad.first().cloned() else { return Ok(()) };
        let Some(good) = sent.good else { return Err(self.all_refused(&why)) };
        let refused = std::mem::take(&mut sent.bad);
        for line in std::iter::once(good).chain(refused.iter().map(|(line, _)| *line)).chain([good]) {
            let mut again = Sent::default();
            match self.attempt(line..line + 1, &mut again, go_on)? {
                Some(why) if line == good => return Err(self.all_refused(&why)),
                Some(why) => sent.bad.push((line, why)),
                None if line == good => {}
                None => {
                    sent.taken += again.taken;
                    sent.dropped += again.dropped;
                }
            }
        }
        Ok(())
    }

    /// Posts some of the batch's lines at once; answers why they are refused.
    fn attempt(
        &mut self,
        which: Range<usize>,
        sent: &mut Sent,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Option<String>, Step> {
        if !go_on() {
            return Err(Step::More);
        }
        let dropped = match self.sender.send(self.batch.lines(which.clone())) {
            Answer::Taken => 0,
            Answer::Dropped(count, why) => {
                log::warn!("PUSH: the engine left out {count} of {} rows: {why}", which.len());
                count.min(which.len() as u64)
            }
            Answer::TooLarge => return Ok(Some("it is too large".to_owned())),
            Answer::Refused(why) => return Ok(Some(why)),
            Answer::Later(fault, pause) => return Err(self.later(fault, pause)),
            Answer::Wrong(fault) => return Err(self.wrong(fault)),
        };
        sent.dropped += dropped;
        sent.taken += which.len() as u64 - dropped;
        sent.good = Some(which.start);
        Ok(None)
    }

    /// No line is accepted: more is wrong than a row. What is read next time may hold others.
    fn all_refused(&mut self, why: &str) -> Step {
        self.batch.clear();
        (self.sweep, self.look_at, self.is_over) = (None, None, false);
        self.wrong(Fault::invalid(format!("the engine refuses every line: {why}")))
    }

    fn taken(&mut self, now: &Now) {
        if self.told.failures > 0 {
            log::info!("PUSH: the engine takes rows again");
        }
        self.backoff.reset();
        self.told.failures = 0;
        self.told.error = self.trouble();
        self.told.last_success = Some(now.wall);
        self.told.state = if self.is_caught_up { State::UpToDate } else { State::CatchingUp };
    }

    /// All is sent.
    fn settle(&mut self) {
        self.told.waiting_since = None;
        if !std::mem::replace(&mut self.is_caught_up, true) {
            log::info!("PUSH: {} has all rows", self.told.destination);
        }
        if self.told.failures == 0 && self.told.last_success.is_some() {
            self.told.state = State::UpToDate;
        }
        self.batch.shrink();
    }

    fn later(&mut self, fault: Fault, pause: Option<Duration>) -> Step {
        let pause = self.backoff.fail().max(pause.unwrap_or_default());
        self.failed(State::Waiting, &fault);
        Step::Pause(pause)
    }

    fn wrong(&mut self, fault: Fault) -> Step {
        self.backoff.fail();
        self.failed(State::Refused, &fault);
        Step::Pause(LONGEST_PAUSE)
    }

    fn failed(&mut self, state: State, fault: &Fault) {
        let text = fault.to_string();
        if self.told.error.as_deref() != Some(&text) {
            log::warn!("PUSH: rows wait to be sent: {text}");
        }
        self.is_caught_up = false;
        self.told.state = state;
        self.told.failures = self.told.failures.saturating_add(1);
        self.told.error = Some(text);
    }

    fn unread(&mut self, fault: &Fault) -> Step {
        (self.rows_failed, self.told.waiting_since) = (false, None);
        if fault.kind() != Kind::Stopping {
            let text = format!("rows cannot be read: {fault}");
            note(&mut self.unread, text);
            if self.told.failures == 0 {
                self.told.error = self.trouble();
                self.told.state = State::CatchingUp;
            }
        }
        Step::Pause(READ_AGAIN)
    }

    fn read_well(&mut self) {
        self.unread = None;
        if self.told.failures == 0 {
            self.told.error = self.trouble();
        }
    }

    /// Rows that cannot be read do not keep others waiting.
    fn pass_over(&mut self, text: String) {
        note(&mut self.passed_over, text);
    }

    fn unwanted(&mut self, why: &str) -> Step {
        note(&mut self.unwanted, format!("the engine refused lines that tell how the site is: {why}"));
        if self.told.failures == 0 {
            self.told.error = self.trouble();
        }
        Step::Idle
    }

    /// What is wrong although the engine takes rows.
    fn trouble(&self) -> Option<String> {
        [&self.unread, &self.passed_over, &self.unwanted].into_iter().flatten().next().cloned()
    }

    fn keep(&mut self, now: Instant, pause: Duration) {
        match self.keeper.keep(now, pause) {
            Ok(true) => self.keep_failed = false,
            Ok(false) => {}
            Err(fault) => {
                if !std::mem::replace(&mut self.keep_failed, true) {
                    log::warn!("PUSH: how far it is cannot be remembered, and is sent again after a restart: {fault}");
                }
            }
        }
    }
}

/// Keeps what is wrong, and logs it unless that was known.
fn note(place: &mut Option<String>, text: String) {
    if place.as_ref() != Some(&text) {
        log::warn!("PUSH: {text}");
        *place = Some(text);
    }
}

/// What became of a batch.
#[derive(Default)]
struct Sent {
    taken: u64,
    dropped: u64,
    /// A line that was taken.
    good: Option<usize>,
    /// Lines that were refused, one by one, and why.
    bad: Vec<(usize, String)>,
}

#[cfg(test)]
mod tests;
