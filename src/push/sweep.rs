//! Reading: which days are looked at, oldest first, and what of them was not sent yet.

use std::time::Duration;

use jiff::civil::Date;

use super::batch::Mark;
use super::cursor::{KEPT_DAYS, Told, days_before};
use super::{Now, Pusher};
use crate::base::fault::{Fault, Kind};
use crate::base::fnv::Fnv;
use crate::export::{Ledger, What};
use crate::model::price::{PricedDay, Provenance};
use crate::series::{Lines, Point, Records, points};

/// How often the newest days are looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);
/// The same where some of it could not be read.
const LOOK_SOON: Duration = Duration::from_secs(300);

/// How often a day is read that is damaged, before those after it are sent.
const TRIES: u32 = 3;

/// Which day of which kind is looked at, oldest first.
#[derive(Debug)]
pub struct Sweep {
    date: Date,
    what: usize,
    last: Date,
    /// The first day of each kind; `None`: nothing of it.
    begin: [Option<Date>; What::ALL.len()],
}

/// What a look at a day came to.
enum Look {
    /// It is done with.
    Done,
    /// There is no room for the rest.
    Full,
    /// It is not there yet, and later ones must wait for it.
    NotYet,
}

impl Pusher {
    /// Puts lines into the batch until it is full or there are no more.
    pub(super) fn fill(&mut self, ledger: &mut dyn Ledger, now: &Now, go_on: &dyn Fn() -> bool) -> Result<(), Fault> {
        let mut sweep = match self.sweep.take() {
            Some(sweep) => sweep,
            None => match self.begin(ledger, now)? {
                Some(sweep) => sweep,
                None => {
                    self.is_over = true;
                    return Ok(());
                }
            },
        };
        let today = self.zone.date(now.wall);
        while sweep.date <= sweep.last {
            while let Some(what) = What::ALL.get(sweep.what).copied() {
                // Prices are known ahead; a closed day is over.
                let last = match what {
                    What::Energy | What::Decisions => today,
                    What::Prices => sweep.last,
                    What::Days => today.yesterday().unwrap_or(today),
                };
                let is_wanted = sweep.begin[sweep.what].is_some_and(|first| first <= sweep.date) && sweep.date <= last;
                if is_wanted && !go_on() {
                    self.sweep = Some(sweep);
                    return Ok(());
                }
                let read = if is_wanted { self.read(what, sweep.date, ledger, now) } else { Ok(Look::Done) };
                match read {
                    Ok(Look::Done) => {}
                    Ok(Look::Full) => {
                        self.sweep = Some(sweep);
                        return Ok(());
                    }
                    Ok(Look::NotYet) => {
                        self.lacks_days = true;
                        sweep.begin[sweep.what] = None;
                    }
                    Err(fault) if self.batch.is_empty() && self.is_given_up(what, sweep.date, &fault, ledger) => {
                        self.pass_over(format!("the day {} cannot be read and is passed over: {fault}", sweep.date));
                    }
                    Err(fault) => {
                        self.sweep = Some(sweep);
                        // What is there already is sent all the same.
                        return if self.batch.is_empty() { Err(fault) } else { Ok(()) };
                    }
                }
                sweep.what += 1;
            }
            sweep.what = 0;
            sweep.date = sweep.date.tomorrow().unwrap_or(Date::MAX);
        }
        self.is_over = true;
        Ok(())
    }

    /// Which days are to be looked at now.
    fn begin(&mut self, ledger: &mut dyn Ledger, now: &Now) -> Result<Option<Sweep>, Fault> {
        let today = self.zone.date(now.wall);
        // A day more: tomorrow's prices are known today.
        let last = today.tomorrow().unwrap_or(today);
        let is_whole = self.look_at.is_none_or(|at| now.instant >= at)
            || self.reached.is_none_or(|reached| reached > last)
            || (self.lacks_days && now.summed);
        self.lacks_days &= !is_whole;
        let said = if is_whole { self.passed_over.take() } else { None };
        let mut unknown = None;
        let mut begin = [None; What::ALL.len()];
        for (place, what) in begin.iter_mut().zip(What::ALL) {
            let known = self.keeper.cursor().table(what).through;
            if !is_whole && known.is_some() {
                // From yesterday: a row may be some minutes late. Longer where the machine slept meanwhile.
                *place = Some(days_before(self.reached.unwrap_or(today).min(today), 1));
                continue;
            }
            if what == What::Days && !now.summed && known.is_none() {
                // They are summed newest first, and sent oldest first.
                self.lacks_days = true;
                continue;
            }
            let span = match ledger.span(what) {
                Ok(span) => span,
                Err(fault) if fault.kind() == Kind::Stopping => return Err(fault),
                Err(fault) => {
                    let text = format!("a part of the rows cannot be read, the others are sent: {fault}");
                    // What stays the same is logged once.
                    if said.as_ref() == Some(&text) {
                        self.passed_over = Some(text);
                    } else {
                        self.pass_over(text);
                    }
                    unknown = Some(fault);
                    // What is known of them is no reason to stop sending.
                    *place = known.map(|through| days_before(through.min(today), 1));
                    continue;
                }
            };
            // A clock that is years behind says that everything is ahead.
            let Some((first, _)) = span.filter(|(first, _)| *first < last) else { continue };
            self.keeper.begin(what, first);
            let from = |through: Date| days_before(through.min(today), KEPT_DAYS).max(first);
            let from = self.keeper.cursor().table(what).through.map_or(first, from);
            // Of a long past the whole look takes care.
            *place = Some(from).filter(|from| is_whole || *from >= days_before(today, KEPT_DAYS));
        }
        if is_whole {
            self.look_at = Some(now.instant + if unknown.is_some() { LOOK_SOON } else { LOOK_AGAIN });
        }
        self.reached = Some(last);
        let first = begin.iter().flatten().min().copied();
        if let (None, Some(fault)) = (first, unknown) {
            self.look_at = None;
            return Err(fault);
        }
        Ok(first.map(|date| Sweep { date, what: 0, last, begin }))
    }

    fn read(&mut self, what: What, date: Date, ledger: &mut dyn Ledger, now: &Now) -> Result<Look, Fault> {
        match what {
            What::Energy => {
                let rows = ledger.energy(date)?;
                Ok(self.add(Records::Energy(&rows), date))
            }
            What::Decisions => {
                let decisions = ledger.decisions(date)?;
                Ok(self.add(Records::Decisions(&decisions), date))
            }
            What::Prices => {
                let day = ledger.prices(date)?;
                let today = self.zone.date(now.wall);
                Ok(match day.filter(|day| date < today || is_complete(day, date > today)) {
                    Some(day) => self.add(Records::Prices(&day), date),
                    None => Look::Done,
                })
            }
            What::Days => Ok(match ledger.closed_day(date)? {
                Some(day) => self.add(Records::Day(&day), date),
                None if now.summed => Look::Done,
                None => Look::NotYet,
            }),
        }
    }

    /// Whether a day is to be passed over: it failed some times, and it is not the file as a whole.
    fn is_given_up(&mut self, what: What, date: Date, fault: &Fault, ledger: &mut dyn Ledger) -> bool {
        if !matches!(fault.kind(), Kind::Invalid | Kind::Unreadable) || ledger.span(what).is_err() {
            return false;
        }
        let failures = self.damaged.entry(date).or_default();
        *failures += 1;
        *failures >= TRIES
    }

    /// Adds what was not sent yet of a day's lines.
    fn add(&mut self, records: Records<'_>, date: Date) -> Look {
        let what = records.what();
        let mut told = self.keeper.told(what, date);
        let mut line = String::new();
        let mut print = Fnv::default();
        let mut count = 0;
        let mut rest = points(records, &self.zone);
        while count < told.lines {
            let Some(point) = rest.next() else { break };
            written(&self.lines, &point, &mut line);
            print.add(line.as_bytes());
            count += 1;
        }
        if told.lines > 0 && (count < told.lines || print.number() != told.print) {
            if matches!(what, What::Prices | What::Days) {
                told.again += 1;
            }
            (print, count) = (Fnv::default(), 0);
            rest = points(records, &self.zone);
            told.lines = u32::MAX;
        }
        let mut look = Look::Done;
        for point in rest {
            written(&self.lines, &point, &mut line);
            let at_ms = matches!(what, What::Energy | What::Decisions).then_some(point.at_ms);
            let mut next = print;
            next.add(line.as_bytes());
            if told.again > 0 {
                written(&self.lines, &point.later(told.again), &mut line);
            }
            if !self.batch.add(&line, at_ms) {
                look = Look::Full;
                break;
            }
            (print, count) = (next, count + 1);
        }
        if count != told.lines {
            let told = Told { lines: count, print: print.number(), again: told.again };
            self.batch.marks.push(Mark { what, date, told });
        }
        look
    }
}

fn written(lines: &Lines, point: &Point, line: &mut String) {
    line.clear();
    lines.point(point, line);
}

/// Whether a day that is not over has the prices that it will have: PSE's, all of them. Tomorrow's settlement prices
/// come after the day-ahead ones and are waited for.
fn is_complete(day: &PricedDay, is_ahead: bool) -> bool {
    let market = day.market.as_ref().filter(|found| !found.origin.is_recorded());
    let is_whole = |found: &Provenance| found.received == found.expected;
    market.is_some_and(is_whole) && day.settlement.as_ref().map_or(!is_ahead, is_whole)
}
