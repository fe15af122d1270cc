//! Summing closed days, for the thread `archive`.
//!
//! A day is closed when it is over and its rows did not change for an hour. The thread `backfill` looks which rows there
//! are and then reads the days that are not summed yet, newest first, a day a step: waiting for the coordinator's
//! database is its business alone. `archive` takes one day at a time out of a channel with a single place, sums it and
//! writes it in a transaction of its own; that is some milliseconds, and then it is there for questions again. What a day
//! was made of is written with it, so whatever ends the work, the next start goes on where it ended.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, never};
use jiff::civil::Date;

use super::days::sums_of;
use super::prices::price_past_day;
use super::{Context, backfill};
use crate::archive::{Archive, Footing, Rollup, RollupReader};
use crate::base::fault::{Fault, Kind};
use crate::base::shutdown::Shutdown;
use crate::config::Config;
use crate::model::balance::Balance;
use crate::model::day::DayPrint;
use crate::model::decision::Decision;
use crate::model::energy::EnergyRow;
use crate::model::price::{Entity, PricedDay, PublishedDay};
use crate::model::time::Range;
use crate::snapshot::Backfill;
use crate::source::SiteSource;
use crate::source::composite::Composite;

/// How long a day's rows must have been the same.
const SETTLED_AFTER: Duration = Duration::from_secs(3600);
/// How often it is looked for days that are not summed, or changed.
const LOOK_EVERY: Duration = Duration::from_secs(3600);
/// After a failure, and after prices became known.
const LOOK_SOON: Duration = Duration::from_secs(60);
/// Between two days: a step back for whoever waits.
const BREATH: Duration = Duration::from_millis(8);
/// Progress is published this often at most.
const TELL_EVERY: Duration = Duration::from_millis(500);
/// How long finding a day's prices may take.
const PRICES_WITHIN: Duration = Duration::from_secs(2);

/// What comes from the thread `backfill`.
pub enum Read {
    /// Which days have rows.
    Prints(BTreeMap<Date, DayPrint>),
    /// The rows of one of them.
    Day(Box<DayRows>),
    /// Wattboard's own database is damaged.
    Damage,
}

/// What a day is summed from.
pub struct DayRows {
    date: Date,
    print: DayPrint,
    decisions: Vec<Decision>,
    /// Of the day before, the day itself and the day after.
    energy: [Arc<Vec<EnergyRow>>; 3],
}

/// The closed days, and what is to be done about them.
pub struct Summing {
    /// When to look again; `None` while `backfill` is at work.
    pub due: Option<Instant>,
    /// Where its answers come out.
    pub reads: Receiver<Result<Read, Fault>>,
    context: Context,
    /// Days whose rows changed, or that were never summed: since when their rows are the same.
    unsettled: BTreeMap<Date, (DayPrint, Instant)>,
    looked: bool,
    /// Whether Wattboard's own database was looked through.
    checked: bool,
    /// How soon to look again, after the days under way.
    again: Option<Duration>,
    /// The days to be summed, and what they stand on.
    pending: BTreeMap<Date, Footing>,
    total: u32,
    pass: Option<Progress>,
    told: Option<Instant>,
}

struct Progress {
    began: Instant,
    days: u32,
}

impl Summing {
    pub fn new(context: Context) -> Self {
        Self {
            due: Some(Instant::now()),
            reads: never(),
            context,
            unsettled: BTreeMap::new(),
            looked: false,
            checked: false,
            again: None,
            pending: BTreeMap::new(),
            total: 0,
            pass: None,
            told: None,
        }
    }

    /// Prices became known: days are to be priced again.
    pub fn prices_grew(&mut self) {
        self.look_within(LOOK_SOON);
    }

    /// What was summed may be gone: everything is looked at as at the start, at once.
    pub fn begin_anew(&mut self) {
        self.looked = false;
        self.look_within(Duration::ZERO);
    }

    /// There may be more to sum than was seen.
    fn look_within(&mut self, pause: Duration) {
        match &mut self.due {
            Some(due) => *due = (*due).min(Instant::now() + pause),
            // Days that were summed meanwhile are looked at again.
            None => self.again = Some(self.again.map_or(pause, |known| known.min(pause))),
        }
    }

    /// Looks which days have rows, unless they could not be remembered.
    pub fn look(&mut self, archive: &mut Archive) {
        if archive.out_until().is_some()
            && let Err(fault) = archive.prepare()
        {
            return self.put_off(&fault, archive);
        }
        (self.due, self.again) = (None, None);
        let (config, shutdown, now) =
            (Arc::clone(&self.context.config), self.context.shutdown.clone(), self.context.clock.now());
        self.reads = backfill::apart(move |sender| {
            let mut source = Composite::open(&config, &shutdown, false);
            let prints = source.first_day().and_then(|first| match first {
                Some(first) => source.days(first, config.zone.date(now)),
                None => Ok(BTreeMap::new()),
            });
            let _ = sender.send(prints.and_then(|prints| unbroken(&source, prints)).map(Read::Prints));
        });
    }

    /// Takes what `backfill` read, or that it ended.
    pub fn take(&mut self, read: Option<Result<Read, Fault>>, archive: &mut Archive) {
        let done = match read {
            Some(Ok(Read::Prints(prints))) => self.plan(prints, archive),
            Some(Ok(Read::Day(rows))) => self.sum(&rows, archive),
            Some(Ok(Read::Damage)) => {
                archive.doubt();
                Ok(())
            }
            Some(Err(fault)) => Err(fault),
            None => {
                self.finish();
                self.tell();
                Ok(())
            }
        };
        if let Err(fault) = done {
            self.put_off(&fault, archive);
            self.tell();
        }
    }

    fn put_off(&mut self, fault: &Fault, archive: &Archive) {
        let now = self.context.clock.instant();
        self.rest(match (archive.out_until(), fault.kind()) {
            (Some(until), _) => until.saturating_duration_since(now).max(LOOK_SOON),
            (None, Kind::Locked | Kind::Timeout) => LOOK_SOON,
            (None, _) => LOOK_EVERY,
        });
        if fault.kind() != Kind::Stopping {
            log::debug!("ARCHIVE: closed days are not summed yet: {fault}");
        }
    }

    /// The days are summed. After the first time the whole file is looked through: a damaged page may be one that nobody
    /// asks for in years.
    fn finish(&mut self) {
        self.end_pass();
        if std::mem::replace(&mut self.checked, true) {
            return self.rest(LOOK_EVERY);
        }
        let reader = RollupReader::new(&self.context.config.own_database);
        self.reads = backfill::apart(move |sender| {
            if reader.check().is_err_and(|fault| fault.kind() == Kind::Unreadable) {
                let _ = sender.send(Ok(Read::Damage));
            }
        });
    }

    fn end_pass(&mut self) {
        if let Some(pass) = self.pass.take().filter(|pass| pass.days > 0) {
            let days = if pass.days == 1 { "day" } else { "days" };
            log::info!("ARCHIVE: summed {} closed {days} in {:.1} s", pass.days, pass.began.elapsed().as_secs_f64());
        }
    }

    fn rest(&mut self, pause: Duration) {
        self.end_pass();
        self.reads = never();
        self.due = Some(Instant::now() + self.again.take().map_or(pause, |again| again.min(pause)));
    }

    /// Finds out which days are to be summed, and has their rows read.
    fn plan(&mut self, prints: BTreeMap<Date, DayPrint>, archive: &mut Archive) -> Result<(), Fault> {
        let zone = self.context.config.zone.clone();
        let (now, instant) = (self.context.clock.now(), self.context.clock.instant());
        let today = zone.date(now);
        let (stored, prices) = match archive.footings() {
            // What cannot be read cannot be written either, and that is said once.
            Err(fault) if matches!(fault.kind(), Kind::Io | Kind::Invalid) => {
                archive.prepare()?;
                return Err(fault);
            }
            other => other?,
        };
        let wanted: BTreeSet<Entity> = self.context.config.entities().collect();
        let energy = |date: Option<Date>| {
            let print = date.filter(|date| *date < today).and_then(|date| prints.get(&date));
            print.map_or((0, 0), |print| print.energy)
        };
        let broken_off = std::mem::take(&mut self.pending);
        self.total = 0;
        let mut unsettled = BTreeMap::new();
        for (date, print) in prints.range(..today) {
            self.total += 1;
            let mut known = prices.get(date).copied().unwrap_or_default();
            for (count, entity) in known.iter_mut().zip(Entity::ALL) {
                if !wanted.contains(&entity) {
                    *count = 0;
                }
            }
            let beside = [energy(date.yesterday().ok()), energy(date.tomorrow().ok())];
            let footing = Footing { own: *print, beside, prices: known };
            let before = stored.get(date);
            if before == Some(&footing) {
                continue;
            }
            if before.is_none_or(|before| before.own != *print) {
                let since = match self.unsettled.get(date) {
                    Some((same, since)) if same == print => Some(*since),
                    // It had settled before, and was not summed for another reason.
                    _ if broken_off.get(date).is_some_and(|footing| footing.own == *print) => None,
                    // Nothing is known of the time before the start; what is long over is taken for settled.
                    None if !self.looked && now >= Range::day(*date, &zone).to + SETTLED_AFTER => None,
                    _ => Some(instant),
                };
                if let Some(since) = since
                    && instant.saturating_duration_since(since) < SETTLED_AFTER
                {
                    unsettled.insert(*date, (*print, since));
                    continue;
                }
            }
            self.pending.insert(*date, footing);
        }
        self.unsettled = unsettled;
        self.looked = true;
        if self.pending.is_empty() {
            if archive.out_until().is_some() {
                archive.try_again()?;
            }
            self.finish();
        } else {
            archive.prepare()?;
            self.pass = Some(Progress { began: Instant::now(), days: 0 });
            let days: Vec<(Date, DayPrint)> =
                self.pending.iter().rev().map(|(date, footing)| (*date, footing.own)).collect();
            let (config, shutdown) = (Arc::clone(&self.context.config), self.context.shutdown.clone());
            self.reads = backfill::apart(move |sender| read_days(&days, &config, &shutdown, &sender));
        }
        self.tell();
        Ok(())
    }

    fn sum(&mut self, rows: &DayRows, archive: &mut Archive) -> Result<(), Fault> {
        let Some(footing) = self.pending.get(&rows.date) else { return Ok(()) };
        let config = &self.context.config;
        let own = &rows.energy[1];
        let due = Instant::now() + PRICES_WITHIN;
        let mut sheets: Vec<PublishedDay> = Vec::new();
        for entity in config.entities() {
            sheets.extend(archive.day(entity, rows.date, due)?);
        }
        let recorded = || Ok(PricedDay::recorded(rows.date, own, &rows.decisions, &config.zone));
        let priced = price_past_day(rows.date, config, &sheets, recorded)?;
        let all: Vec<EnergyRow> = rows.energy.iter().flat_map(|day| day.iter().cloned()).collect();
        let balance = Balance::of(rows.date, &all, priced.as_ref(), &config.zone);
        let count =
            |entity| sheets.iter().find(|sheet| sheet.entity == entity).map_or(0, |day| day.points.len() as u32);
        let prices = Entity::ALL.map(count);
        let footing = Footing { own: rows.print, prices, ..*footing };
        archive.keep_rollup(&Rollup { footing, sums: sums_of(&rows.decisions, own), balance })?;
        self.pending.remove(&rows.date);
        if let Some(pass) = &mut self.pass {
            pass.days += 1;
        }
        if self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            self.tell();
        }
        Ok(())
    }

    /// Publishes how far it is.
    fn tell(&mut self) {
        self.told = Some(Instant::now());
        if !self.looked {
            return;
        }
        let left = self.pending.len() as u32 + self.unsettled.len() as u32;
        let pace = self.pass.as_ref().filter(|pass| pass.days > 0);
        let eta = pace.map(|pass| pass.began.elapsed() / pass.days * self.pending.len() as u32);
        let eta = if self.pending.is_empty() { Some(Duration::ZERO) } else { eta };
        let progress = Backfill { done_days: self.total.saturating_sub(left), total_days: self.total, eta };
        if self.context.cell.load().backfill != Some(progress) {
            self.context.cell.publish(|next| next.backfill = Some(progress));
        }
    }
}

/// Reads days one after the other until nobody takes them any more. Neighbours are read once.
fn read_days(
    days: &[(Date, DayPrint)],
    config: &Arc<Config>,
    shutdown: &Shutdown,
    sender: &Sender<Result<Read, Fault>>,
) {
    let mut source = Composite::open(config, shutdown, false);
    source.keep_to_database(true);
    let mut at_hand: BTreeMap<Date, Arc<Vec<EnergyRow>>> = BTreeMap::new();
    for (date, print) in days {
        let read = read_day(*date, *print, &mut source, &mut at_hand, config);
        source.rest();
        let failed = read.is_err();
        if sender.send(read).is_err() || failed || !shutdown.wait(BREATH) {
            return;
        }
    }
}

/// What was read, unless files stood in for a database that fails: a day is not summed of these for a while.
fn unbroken<T>(source: &Composite, read: T) -> Result<T, Fault> {
    source.database_fault().map_or(Ok(read), |fault| Err(fault.clone()))
}

fn read_day(
    date: Date,
    print: DayPrint,
    source: &mut Composite,
    at_hand: &mut BTreeMap<Date, Arc<Vec<EnergyRow>>>,
    config: &Config,
) -> Result<Read, Fault> {
    let (before, after) = (date.yesterday().unwrap_or(date), date.tomorrow().unwrap_or(date));
    at_hand.retain(|known, _| (before..=after).contains(known));
    let mut rows = |date: Date| -> Result<Arc<Vec<EnergyRow>>, Fault> {
        if let Some(rows) = at_hand.get(&date) {
            return Ok(Arc::clone(rows));
        }
        let rows = source.energy(Range::day(date, &config.zone))?;
        let rows = Arc::new(unbroken(source, rows)?);
        at_hand.insert(date, Arc::clone(&rows));
        Ok(rows)
    };
    let energy = [rows(before)?, rows(date)?, rows(after)?];
    let decisions = match print.decisions.0 {
        0 => Vec::new(),
        _ => {
            let decisions = source.decisions(Range::day(date, &config.zone))?;
            unbroken(source, decisions)?
        }
    };
    Ok(Read::Day(Box::new(DayRows { date, print, decisions, energy })))
}

#[cfg(test)]
mod tests;
