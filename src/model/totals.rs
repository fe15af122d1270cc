//! Balances of days and hours added up: by the hour, day, month or year, and over a whole range.
//!
//! Everything that is added is an integer, so hours make their day, days their month and months their year exactly.
//! Shares and percentages are made of the sums, never added. What is compared (with a house without panels and battery,
//! with the day's mean price) is compared only over those days (or hours, by the hour) of which every price is known,
//! and it is counted how many these are.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

use super::balance::{Amount, Balance, Bucket, Flow, Gauge, HoleKind, How, Measured, Unpriced};
use super::energy::COLLECTION_INTERVAL;
use super::price::{SLOT, div_round};
use super::time::{Range, SiteZone, each_day};
use crate::base::units::{Micro, round_to};

/// A state of charge from which on a battery counts as full, hundredths of a percent: inverters stop a little below 100.
pub const FULL_SOC: i64 = 9_900;
/// An efficiency is told from this many half capacities on that were charged: of less, the steps of the state of charge
/// (1 %) would be most of it.
const HALVES_TO_TELL: i64 = 1;

/// What is added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Real hours.
    Hour,
    /// Local days.
    Day,
    /// Calendar months.
    Month,
    /// Calendar years.
    Year,
}

impl By {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Month, Self::Year];

    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The last day of the bucket that a day lies in.
    fn last_day(self, date: Date) -> Date {
        match self {
            Self::Hour | Self::Day => date,
            Self::Month => date.last_of_month(),
            Self::Year => date.last_of_year(),
        }
    }
}

/// The days of a stretch, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first one.
    pub first: Date,
    /// The last one.
    pub last: Date,
}

impl Days {
    /// How many there are.
    pub fn count(&self) -> i64 {
        let days = self.last.since(self.first).map_or(0, |span| i64::from(span.get_days()));
        (days + 1).max(0)
    }

    /// Whether a day is one of them.
    pub fn contains(&self, date: Date) -> bool {
        (self.first..=self.last).contains(&date)
    }

    /// One after the other.
    pub fn iter(self) -> impl Iterator<Item = Date> {
        each_day(self.first, self.last)
    }

    /// From the beginning of the first to the end of the last.
    pub fn range(&self, zone: &SiteZone) -> Range {
        Range { from: zone.day_start(self.first), to: Range::day(self.last, zone).to }
    }

    /// The days that begin the months, years or days of this stretch, each with the last one that is still in it.
    pub fn by(self, by: By) -> Vec<Self> {
        let (mut found, mut first) = (Vec::new(), self.first);
        while first <= self.last {
            let last = by.last_day(first).min(self.last);
            found.push(Self { first, last });
            match last.tomorrow() {
                Ok(next) => first = next,
                Err(_) => break,
            }
        }
        found
    }

    /// As many days just before these.
    pub fn before(self) -> Option<Self> {
        let back = jiff::Span::new().try_days(self.count()).ok()?;
        Some(Self { first: self.first.checked_sub(back).ok()?, last: self.first.yesterday().ok()? })
    }

    /// The same days a year ago; the 29th of February is the 28th.
    pub fn a_year_ago(self) -> Option<Self> {
        let year = jiff::Span::new().years(1);
        Some(Self { first: self.first.checked_sub(year).ok()?, last: self.last.checked_sub(year).ok()? })
    }
}

/// Energy of one flow, added up.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Flowing {
    kwh: Micro,
    /// How it was found, of parts with energy and of parts without.
    how: How,
    idle: How,
}

impl Flowing {
    fn add(&mut self, amount: Amount) {
        self.kwh += amount.kwh;
        match amount.kwh == Micro::ZERO {
            true => self.idle = self.idle.and(amount.how),
            false => self.how = self.how.and(amount.how),
        }
    }
}

/// What was lost sight of.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// How many stretches.
    pub count: u32,
    /// How long they are together, µs.
    pub us: i64,
}

/// Money beside what it is compared with, over those parts whose prices are all known.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    /// How many parts (days; hours where hours were added).
    pub parts: u32,
    /// What it was, PLN.
    pub real: Micro,
    /// What it would have been, PLN.
    pub other: Micro,
}

impl Compared {
    fn add(&mut self, real: Micro, other: Micro) {
        self.parts += 1;
        self.real += real;
        self.other += other;
    }
}

/// Days or hours, added up.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Total {
    /// Days (or hours) that were added: of which there are rows.
    pub parts: u32,
    /// Days (or hours) that were to be added.
    pub expected_parts: u32,
    flows: [Flowing; 6],
    /// All else, its own flows empty.
    pub sum: Bucket,
    /// Import and export beside the house's consumption at the buying price: what it would have cost without panels
    /// and battery.
    pub without: Compared,
    /// The import's cost beside the same import at its day's mean buying price.
    pub at_mean: Compared,
    /// What was lost sight of, and why.
    pub holes: BTreeMap<(u8, HoleKind), Lost>,
}

/// Imports of a day at its mean price, a part after the other so that the parts add up to the day.
struct AtMean {
    prices: Gauge,
    is_whole: bool,
    imported: Micro,
}

impl AtMean {
    fn of(day: &Bucket) -> Self {
        let is_whole = day.prices.count == day.slots && day.slots > 0;
        Self { prices: day.prices, is_whole, imported: Micro::ZERO }
    }

    fn next(&mut self, import: Micro) -> Option<Micro> {
        let until = |kwh: Micro| {
            let product = i128::from(kwh.0) * i128::from(self.prices.sum);
            let divisor = i128::from(self.prices.count) * 1_000_000;
            i64::try_from((product + product.signum() * divisor / 2) / divisor).unwrap_or_default()
        };
        let before = self.imported;
        self.imported += import;
        self.is_whole.then(|| Micro(until(self.imported) - until(before)))
    }
}

impl Total {
    fn add(&mut self, part: &Bucket, at_mean: &mut AtMean) {
        self.parts += 1;
        self.expected_parts += 1;
        self.sum.merge(part);
        self.flows.iter_mut().zip(part.flows).for_each(|(sum, amount)| sum.add(amount));
        if let (Some(cost), Some(income), Some(house)) =
            (part.cost.whole(), part.income.whole(), part.house_cost.whole())
            && [Flow::Import, Flow::Export, Flow::House].iter().all(|flow| part.flow(*flow).how != How::Unknown)
        {
            self.without.add(cost - income, house);
        }
        let mean = at_mean.next(part.flow(Flow::Import).kwh);
        if let (Some(cost), Some(mean)) = (part.cost.whole(), mean)
            && part.flow(Flow::Import).how != How::Unknown
        {
            self.at_mean.add(cost, mean);
        }
    }

    fn lose(&mut self, balance: &Balance, within: Range) {
        for hole in &balance.holes {
            let (from, to) = (hole.range.from.max(within.from), hole.range.to.min(within.to));
            if from < to {
                let lost = self.holes.entry((hole.flow as u8, hole.kind)).or_default();
                lost.count += 1;
                lost.us += to.as_microsecond() - from.as_microsecond();
            }
        }
    }

    /// Rows and prices that there would be, of a day or hour without any: rows up to now, prices of all of it.
    fn miss(&mut self, part: Range, now: Timestamp) {
        let us = |to: Timestamp| to.as_microsecond() - part.from.as_microsecond();
        self.expected_parts += u32::from(part.from < now);
        self.sum.expected += (us(part.to.min(now)).max(0) / COLLECTION_INTERVAL.as_micros() as i64) as u32;
        self.sum.slots += (us(part.to) / SLOT.as_micros() as i64) as u32;
    }

    /// A day, of which there may be nothing.
    fn add_day(&mut self, date: Date, now: Timestamp, balance: Option<&Balance>, zone: &SiteZone) {
        match balance {
            Some(balance) => {
                self.add(&balance.day, &mut AtMean::of(&balance.day));
                self.lose(balance, Range::day(date, zone));
            }
            None => self.miss(Range::day(date, zone), now),
        }
    }

    /// One energy.
    pub fn flow(&self, flow: Flow) -> Amount {
        let Flowing { kwh, how, idle } = self.flows[flow as usize];
        Amount { kwh, how: if how == How::Unknown { idle } else { how } }
    }

    fn known(&self, flow: Flow) -> Option<Micro> {
        let amount = self.flow(flow);
        (amount.how != How::Unknown).then_some(amount.kwh)
    }

    /// What went in and did not come out: PV + import + discharge - house - export - charge, kWh. The losses of the
    /// inverter and its own use, and what the meters differ by; `None` where one of them is not known at all.
    pub fn balance_error(&self) -> Option<Micro> {
        let of = |flows: [Flow; 3]| -> Option<Micro> { flows.into_iter().map(|flow| self.known(flow)).sum() };
        Some(of([Flow::Pv, Flow::Import, Flow::Discharge])? - of([Flow::House, Flow::Export, Flow::Charge])?)
    }

    /// How much of what the panels gave was used at home, %: (PV - export) / PV, 0 where more was exported.
    pub fn self_consumption(&self) -> Option<f64> {
        share(self.known(Flow::Pv)?, self.known(Flow::Export)?)
    }

    /// How much of what the house took did not come from the grid, %: (house - import) / house, 0 where more was
    /// imported (to charge the battery).
    pub fn self_sufficiency(&self) -> Option<f64> {
        share(self.known(Flow::House)?, self.known(Flow::Import)?)
    }

    /// Half of what went into and out of the battery, in capacities.
    pub fn full_cycles(&self, capacity: Micro) -> Option<f64> {
        let through = self.known(Flow::Charge)? + self.known(Flow::Discharge)?;
        (capacity > Micro::ZERO).then(|| round_to(through.0 as f64 / (2 * capacity.0) as f64, 3))
    }

    /// By how much the battery's charge changed from the first row to the last one, hundredths of a percent.
    pub fn soc_change(&self) -> Option<i64> {
        self.sum.soc_ends.map(|(first, last)| last - first)
    }

    /// What came out of the battery of what went in, %: discharge / (charge - what stayed in it). What stayed is the
    /// change of the state of charge times the capacity.
    ///
    /// # Errors
    /// Why it cannot be told.
    pub fn round_trip(&self, capacity: Micro) -> Result<f64, &'static str> {
        let (Some(charge), Some(discharge)) = (self.known(Flow::Charge), self.known(Flow::Discharge)) else {
            return Err("the battery's power is not known");
        };
        let Some(change) = self.soc_change() else { return Err("the battery's state of charge is not known") };
        if charge.0 * 2 < capacity.0 * HALVES_TO_TELL || capacity <= Micro::ZERO {
            return Err(
                "less than half a capacity was charged: the steps of the state of charge would tell most of it",
            );
        }
        let stayed = div_round(capacity.0.saturating_mul(change) / 100, 100);
        let used = charge.0 - stayed;
        if used <= 0 || discharge.0 > used {
            return Err(
                "what was charged and what stayed do not fit together: rows are missing, or the capacity is another",
            );
        }
        Ok(round_to(discharge.0 as f64 / used as f64 * 100.0, 1))
    }

    /// The mean buying price of the quarter-hours that are known, PLN/kWh.
    pub fn mean_price(&self) -> Option<Micro> {
        let prices = &self.sum.prices;
        (prices.count > 0).then(|| Micro(div_round(prices.sum, prices.count.into())))
    }
}

fn share(whole: Micro, part: Micro) -> Option<f64> {
    (whole > Micro::ZERO).then(|| round_to((whole.0 - part.0).max(0) as f64 / whole.0 as f64 * 100.0, 1))
}

/// A bucket of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Its days; the day that it lies in, by the hour.
    pub days: Days,
    /// From its beginning to its end.
    pub range: Range,
    /// What there was.
    pub total: Total,
}

/// The days of a range, added up as they come.
#[derive(Debug, Clone)]
pub struct Sums {
    /// The range.
    pub days: Days,
    by: By,
    now: Timestamp,
    zone: SiteZone,
    /// The next day to be added; `None` when all are.
    next: Option<Date>,
    /// The bucket of the day that was added last.
    part: usize,
    /// Those that are over or have begun, as a whole.
    pub whole: Total,
    /// The buckets, those to come among them.
    pub parts: Vec<Part>,
    /// The days up to today of which nothing is known.
    pub missing: BTreeSet<Date>,
    /// The first one of which something is known.
    pub first: Option<Date>,
    /// Those on which the battery was full.
    pub full: Vec<Date>,
    /// How many days have import without a price, and why.
    pub cost_unpriced: BTreeMap<&'static str, u32>,
    /// How many days have export without a price, and why.
    pub income_unpriced: BTreeMap<&'static str, u32>,
}

impl Sums {
    /// Nothing yet.
    pub fn new(days: Days, by: By, now: Timestamp, zone: &SiteZone) -> Self {
        let part = |days: Days| Part { days, range: days.range(zone), total: Total::default() };
        Self {
            days,
            by,
            now,
            zone: zone.clone(),
            next: Some(days.first),
            whole: Total::default(),
            part: 0,
            parts: if by == By::Hour { Vec::new() } else { days.by(by).into_iter().map(part).collect() },
            missing: BTreeSet::new(),
            first: None,
            full: Vec::new(),
            cost_unpriced: BTreeMap::new(),
            income_unpriced: BTreeMap::new(),
        }
    }

    /// Adds a day of the range; they come in order. By the hour, it needs its hours.
    pub fn take(&mut self, balance: &Balance) {
        while self.next.is_some_and(|next| next < balance.date) {
            self.add(None);
        }
        self.add(Some(balance));
        self.first = self.first.or(Some(balance.date));
        let soc = balance.day.gauge(Measured::Soc);
        if soc.count > 0 && soc.max >= FULL_SOC {
            self.full.push(balance.date);
        }
        let count = |counts: &mut BTreeMap<_, _>, why: Option<Unpriced>| {
            if let Some(why) = why {
                *counts.entry(why.words()).or_default() += 1;
            }
        };
        count(&mut self.cost_unpriced, balance.cost_unpriced);
        count(&mut self.income_unpriced, balance.income_unpriced);
    }

    /// All is added: nothing is known of what is left.
    pub fn finish(mut self) -> Self {
        while self.next.is_some() {
            self.add(None);
        }
        self
    }

    /// Adds the next day.
    fn add(&mut self, balance: Option<&Balance>) {
        let Some(date) = self.next else { return };
        self.next = date.tomorrow().ok().filter(|next| *next <= self.days.last);
        let (now, zone) = (self.now, &self.zone);
        if self.by == By::Hour {
            self.parts.extend(hours(date, now, balance, zone));
        }
        // Nothing is expected of days to come.
        if date > zone.date(now) {
            return;
        }
        self.whole.add_day(date, now, balance, zone);
        if balance.is_none() {
            self.missing.insert(date);
        }
        if self.by != By::Hour {
            self.part += self.parts[self.part..].iter().take_while(|part| part.days.last < date).count();
            if let Some(part) = self.parts.get_mut(self.part) {
                part.total.add_day(date, now, balance, zone);
            }
        }
    }
}

fn hours(date: Date, now: Timestamp, balance: Option<&Balance>, zone: &SiteZone) -> Vec<Part> {
    let day = Range::day(date, zone);
    let is_to_come = date > zone.date(now);
    let hour = std::time::Duration::from_secs(3600);
    let mut at_mean = balance.map(|balance| AtMean::of(&balance.day));
    let mut parts = Vec::with_capacity(25);
    let mut from = day.from;
    while from < day.to {
        let range = Range { from, to: (from + hour).min(day.to) };
        let mut total = Total::default();
        match (balance.and_then(|balance| Some((balance, balance.hours.get(parts.len())?))), &mut at_mean) {
            _ if is_to_come => {}
            // Prices of the rest of today may be known: they are a part of its mean.
            (Some((_, bucket)), _) if from >= now => total.sum.merge(bucket),
            (Some((balance, bucket)), Some(at_mean)) => {
                total.add(bucket, at_mean);
                total.lose(balance, range);
            }
            _ => total.miss(range, now),
        }
        parts.push(Part { days: Days { first: date, last: date }, range, total });
        from = range.to;
    }
    parts
}

#[cfg(test)]
pub mod tests;
