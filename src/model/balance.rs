//! A closed day's energy balance, by the hour: what the panels gave, what crossed the meter, what the house took, what
//! went into and out of the battery, and what that cost.
//!
//! Energies are millionths of a kWh, money millionths of a PLN, both in integers: shares of a stretch always add up to
//! it, hours to their day, and days to the difference of two readings. A figure comes from the increments of its counter
//! (shared by time among the hours that lie between two readings), else from integrating power, and says which.
//! What neither tells is a [`Hole`] and is not filled.

mod pieces;
mod until;

use jiff::Timestamp;
use jiff::civil::Date;

use super::energy::{COLLECTION_INTERVAL, EnergyRow, one_an_instant};
use super::price::{PricedDay, SLOT, div_round};
use super::time::{Range, SiteZone};
use crate::base::units::Micro;

use pieces::Stretch;

/// The version of the arithmetic: one more with every change of what comes out, so that stored days are summed again.
pub const ARITHMETIC: u32 = 3;
/// No inverter for a home moves more, W: a counter that grew faster than this is not believed ([`HoleKind::Jump`]).
pub const INVERTER_MAX_W: i64 = 15_000;
/// What a counter may jump by however short the time was: its own step.
pub const COUNTER_STEP: Micro = Micro(100_000);

const HOUR_US: i64 = 3_600_000_000;
const SLOT_US: i64 = SLOT.as_micros() as i64;
const SLOTS_OF_HOUR: usize = (HOUR_US / SLOT_US) as usize;

/// What energy flows where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// From the panels.
    Pv,
    /// From the grid.
    Import,
    /// Into the grid.
    Export,
    /// Into the house.
    House,
    /// Into the battery.
    Charge,
    /// Out of the battery.
    Discharge,
}

impl Flow {
    /// All of them, in the order in which they are kept.
    pub const ALL: [Self; 6] = [Self::Pv, Self::Import, Self::Export, Self::House, Self::Charge, Self::Discharge];
}

/// How an amount of energy was found.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It was not: there are no rows that tell.
    #[default]
    Unknown,
    /// Increments of a counter.
    Counter,
    /// Integration of power.
    Power,
    /// Both, each for a part of the time.
    Mixed,
}

impl How {
    /// Its name in answers.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Unknown => None,
            Self::Counter => Some("counter"),
            Self::Power => Some("power"),
            Self::Mixed => Some("mixed"),
        }
    }

    /// Of two parts.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, how) | (how, Self::Unknown) => how,
            (a, b) if a == b => a,
            _ => Self::Mixed,
        }
    }
}

/// An amount of energy, kWh.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// How much; means nothing where it is not known.
    pub kwh: Micro,
    /// How it was found: of what brought energy, else of what says that there was none.
    pub how: How,
}

/// An amount of money, PLN.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    /// What the energy with a known price cost or brought.
    pub pln: Micro,
    /// kWh without a known price.
    pub unpriced: Micro,
}

impl Money {
    /// The whole amount; `None` where a part of the energy has no price.
    pub fn whole(&self) -> Option<Micro> {
        (self.unpriced == Micro::ZERO).then_some(self.pln)
    }

    /// Adds what another part cost or brought.
    pub fn add(&mut self, other: Self) {
        self.pln += other.pln;
        self.unpriced += other.unpriced;
    }
}

/// What was measured at a row, in hundredths of its unit.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Gauge {
    /// How many rows had a value; the rest means nothing at 0.
    pub count: u32,
    /// Sum.
    pub sum: i64,
    /// Least.
    pub min: i64,
    /// Greatest.
    pub max: i64,
}

/// What is measured, in the order of [`Gauge::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    /// PV power, W.
    Pv,
    /// Grid power, W; positive = export.
    Grid,
    /// What the house takes, W.
    House,
    /// Battery power, W; positive = discharging.
    Battery,
    /// State of charge, %.
    Soc,
    /// The battery's temperature, degrees C.
    Temperature,
}

impl Gauge {
    /// How to find each [`Measured`] in a row.
    pub const ALL: [fn(&EnergyRow) -> Option<f64>; 6] = [
        |row| row.pv_power_w,
        |row| row.grid_power_w,
        |row| row.house_power_w,
        |row| row.battery_power_w,
        |row| row.soc_pct,
        |row| row.temperature_c,
    ];

    /// The mean; `None` without values.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / f64::from(self.count) / 100.0)
    }

    fn take(&mut self, value: i64) {
        self.merge(&Self { count: 1, sum: value, min: value, max: value });
    }

    fn merge(&mut self, other: &Self) {
        *self = match (self.count, other.count) {
            (_, 0) => *self,
            (0, _) => *other,
            _ => Self {
                count: self.count + other.count,
                sum: self.sum + other.sum,
                min: self.min.min(other.min),
                max: self.max.max(other.max),
            },
        };
    }
}

/// An hour, or a day.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Rows that are there, each instant counted once.
    pub rows: u32,
    /// Rows that there would be: one every five minutes.
    pub expected: u32,
    /// Energies, in the order of [`Flow::ALL`].
    pub flows: [Amount; 6],
    /// The part of the import that the later row of each pair has in the zone T1; the rest is T2.
    pub import_t1: Micro,
    /// The import at the buying price of its quarter-hours.
    pub cost: Money,
    /// The export at the selling price of its quarter-hours.
    pub income: Money,
    /// What the house took at the buying price of its quarter-hours: what it would have cost without panels and battery.
    pub house_cost: Money,
    /// Quarter-hours that it has.
    pub slots: u32,
    /// The buying prices of its quarter-hours that are known, in millionths of a PLN/kWh.
    pub prices: Gauge,
    /// The state of charge at its first and its last row that has one, in hundredths of a percent.
    pub soc_ends: Option<(i64, i64)>,
    /// What was measured, in the order of [`Gauge::ALL`].
    pub gauges: [Gauge; 6],
}

impl Bucket {
    /// One energy.
    pub fn flow(&self, flow: Flow) -> Amount {
        self.flows[flow as usize]
    }

    /// What was measured of something.
    pub fn gauge(&self, what: Measured) -> &Gauge {
        &self.gauges[what as usize]
    }

    /// The part of the import that is T2.
    pub fn import_t2(&self) -> Micro {
        self.flow(Flow::Import).kwh - self.import_t1
    }

    /// Adds a later one: all but the flows, whose origins are not to be told from a sum ([`super::totals`]).
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.expected += other.expected;
        self.import_t1 += other.import_t1;
        self.cost.add(other.cost);
        self.income.add(other.income);
        self.house_cost.add(other.house_cost);
        self.slots += other.slots;
        self.prices.merge(&other.prices);
        self.soc_ends = match (self.soc_ends, other.soc_ends) {
            (Some((first, _)), Some((_, last))) => Some((first, last)),
            (own, theirs) => own.or(theirs),
        };
        self.gauges.iter_mut().zip(&other.gauges).for_each(|(sum, part)| sum.merge(part));
    }
}

/// Why energy was not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HoleKind {
    /// The counter fell: a meter swap, a reading that was none.
    Reset,
    /// The counter grew by more than an inverter can move in the time.
    Jump,
    /// Neither counter nor power was recorded, or nothing at all.
    Silence,
}

impl HoleKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Reset, Self::Jump, Self::Silence];

    /// What it is, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Reset => "the counter fell",
            Self::Jump => "the counter grew by more than an inverter can move",
            Self::Silence => "nothing was recorded",
        }
    }
}

/// A stretch of the day whose energy is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// Of which energy.
    pub flow: Flow,
    /// Why.
    pub kind: HoleKind,
    /// Where in the day.
    pub range: Range,
}

/// Why energy has no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpriced {
    /// No prices of the day are known.
    NoPrices,
    /// Those of some quarter-hours are missing.
    Incomplete,
    /// No tariff is configured for the day.
    NoRates,
}

impl Unpriced {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::NoPrices, Self::Incomplete, Self::NoRates];

    /// The reason in words, as answers give it.
    pub fn words(self) -> &'static str {
        match self {
            Self::NoPrices => "no prices of the day are known",
            Self::Incomplete => "prices of some quarter-hours are missing",
            Self::NoRates => "no tariff is configured for the day",
        }
    }
}

/// A day's balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// The local day.
    pub date: Date,
    /// Its real hours: 23, 24 or 25.
    pub hours: Vec<Bucket>,
    /// Their sum.
    pub day: Bucket,
    /// What is not known of it.
    pub holes: Vec<Hole>,
    /// Why import has no price, where it has none.
    pub cost_unpriced: Option<Unpriced>,
    /// Why export has no price, where it has none.
    pub income_unpriced: Option<Unpriced>,
}

/// A day's stretch and the quarter-hours in it, microseconds.
struct Frame {
    from: i64,
    to: i64,
}

impl Balance {
    /// The balance of a day. `rows` are the day's and those of the days before and after it, in order of time: what
    /// lies between two rows on both sides of midnight is shared between the two days. Of rows of the same instant the
    /// last one counts. `prices` are the day's, where any are known.
    pub fn of(date: Date, rows: &[EnergyRow], prices: Option<&PricedDay>, zone: &SiteZone) -> Self {
        let range = Range::day(date, zone);
        let frame = Frame { from: range.from.as_microsecond(), to: range.to.as_microsecond() };
        let rows: Vec<&EnergyRow> = one_an_instant(rows).collect();
        let count = usize::try_from((frame.to - frame.from + HOUR_US - 1) / HOUR_US).unwrap_or(0);
        let mut hours: Vec<Bucket> = (0..count).map(|hour| measured(&frame, hour, &rows)).collect();
        for (hour, bucket) in hours.iter_mut().enumerate() {
            let from = frame.from + HOUR_US * hour as i64;
            let starts = (from..frame.to.min(from + HOUR_US)).step_by(SLOT_US as usize);
            for start in starts.map(|start| Timestamp::from_microsecond(start).unwrap_or_default()) {
                bucket.slots += 1;
                let buy = prices.and_then(|day| day.slot_at(start)).and_then(|slot| slot.buy);
                buy.into_iter().for_each(|buy| bucket.prices.take(buy.0));
            }
        }
        let mut day = Bucket::default();
        let mut holes = Vec::new();
        // How much flowed in each quarter-hour; the import twice: all of it, and what of it is T1.
        for flow in Flow::ALL {
            let found = pieces::find(flow, &rows, &frame);
            holes.extend(found.holes.iter().map(|(kind, stretch)| Hole { flow, kind: *kind, range: stretch.range() }));
            let mut whole = Amount::default();
            for (hour, bucket) in hours.iter_mut().enumerate() {
                let mut amount = Amount::default();
                let (mut how, mut idle) = (How::Unknown, How::Unknown);
                for quarter in 0..SLOTS_OF_HOUR {
                    let from = frame.from + HOUR_US * hour as i64 + SLOT_US * quarter as i64;
                    let slot = Stretch { from, to: (from + SLOT_US).min(frame.to) };
                    let mut in_slot = Micro::ZERO;
                    for piece in found.within(slot) {
                        let share = piece.share(slot);
                        in_slot += share;
                        if share == Micro::ZERO {
                            idle = idle.and(piece.how)
                        } else {
                            how = how.and(piece.how)
                        }
                        if flow == Flow::Import && piece.is_peak {
                            bucket.import_t1 += share;
                        }
                    }
                    amount.kwh += in_slot;
                    let start = Timestamp::from_microsecond(from).unwrap_or_default();
                    let slot = prices.and_then(|day| day.slot_at(start));
                    let buy = slot.and_then(|slot| slot.buy);
                    match flow {
                        Flow::Import => bucket.cost.add(priced(in_slot, buy)),
                        Flow::House => bucket.house_cost.add(priced(in_slot, buy)),
                        Flow::Export => bucket.income.add(priced(in_slot, slot.and_then(|slot| slot.sell))),
                        _ => {}
                    }
                }
                amount.how = if how == How::Unknown { idle } else { how };
                whole.kwh += amount.kwh;
                bucket.flows[flow as usize] = amount;
            }
            let hows = |with_energy: bool| {
                let of_hours = hours.iter().map(|bucket| bucket.flow(flow));
                let wanted = of_hours.filter(|amount| (amount.kwh != Micro::ZERO) == with_energy);
                wanted.fold(How::Unknown, |how, amount| how.and(amount.how))
            };
            let how = hows(true);
            whole.how = if how == How::Unknown { hows(false) } else { how };
            day.flows[flow as usize] = whole;
        }
        hours.iter().for_each(|hour| day.merge(hour));
        let (cost, income) = (day.cost, day.income);
        let unpriced = |money: Money, why: fn(&PricedDay) -> Unpriced| match (money.unpriced == Micro::ZERO, prices) {
            (true, _) => None,
            (false, None) => Some(Unpriced::NoPrices),
            (false, Some(day)) => Some(why(day)),
        };
        Self {
            date,
            hours,
            day,
            holes,
            cost_unpriced: unpriced(cost, |day| match &day.market {
                None => Unpriced::NoPrices,
                // Recorded prices are final: they need no tariff.
                Some(market) if market.origin.is_recorded() => Unpriced::Incomplete,
                Some(_) if day.slots.iter().any(|slot| slot.charge.is_none()) => Unpriced::NoRates,
                Some(_) => Unpriced::Incomplete,
            }),
            income_unpriced: unpriced(income, |day| {
                if day.settlement.is_some() { Unpriced::Incomplete } else { Unpriced::NoPrices }
            }),
        }
    }
}

/// What the rows of an hour say at their own instants.
fn measured(frame: &Frame, hour: usize, rows: &[&EnergyRow]) -> Bucket {
    let from = frame.from + HOUR_US * hour as i64;
    let to = (from + HOUR_US).min(frame.to);
    let first = rows.partition_point(|row| row.at.as_microsecond() < from);
    let after = rows.partition_point(|row| row.at.as_microsecond() < to);
    let mut bucket = Bucket {
        rows: (after - first) as u32,
        expected: ((to - from) / COLLECTION_INTERVAL.as_micros() as i64) as u32,
        ..Bucket::default()
    };
    for row in &rows[first..after] {
        for (gauge, value) in bucket.gauges.iter_mut().zip(Gauge::ALL) {
            if let Some(value) = value(row) {
                gauge.take(hundredths(value));
            }
        }
        if let Some(soc) = row.soc_pct.map(hundredths) {
            bucket.soc_ends = Some((bucket.soc_ends.map_or(soc, |(first, _)| first), soc));
        }
    }
    bucket
}

fn hundredths(value: f64) -> i64 {
    (value * 100.0).round().clamp(-1e12, 1e12) as i64
}

/// Energy at a price, rounded to a millionth.
fn priced(kwh: Micro, price: Option<Micro>) -> Money {
    match price {
        Some(price) => {
            let product = i128::from(kwh.0) * i128::from(price.0);
            let pln = (product + product.signum() * 500_000) / 1_000_000;
            Money { pln: Micro(i64::try_from(pln).unwrap_or_default()), unpriced: Micro::ZERO }
        }
        None => Money { pln: Micro::ZERO, unpriced: kwh },
    }
}

/// The mean of two powers (W) over a time (µs), as energy.
fn trapezoid(a: f64, b: f64, us: i64) -> Micro {
    let mw = |watts: f64| (watts * 1e3).round().clamp(-1e12, 1e12) as i128;
    // Milliwatts times hours are millionths of a kWh.
    let energy = (mw(a) + mw(b)) * i128::from(us);
    let divisor = 2 * i128::from(HOUR_US);
    Micro(i64::try_from((energy + energy.signum() * divisor / 2) / divisor).unwrap_or_default())
}

/// The most that a counter may grow by in a time (µs).
fn most(us: i64) -> Micro {
    // W times 1000 is mW.
    Micro(div_round(INVERTER_MAX_W * (us / 1_000), 3_600)) + COUNTER_STEP
}

#[cfg(test)]
pub mod property;
#[cfg(test)]
mod tests;
