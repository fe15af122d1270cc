//! The stretches of time of which it is known how much energy flowed in them.

use jiff::Timestamp;

use super::{EnergyRow, Flow, Frame, HoleKind, How, most, trapezoid};
use crate::base::units::Micro;
use crate::model::energy::COLLECTION_INTERVAL;
use crate::model::time::Range;

/// Two readings of a counter further apart say nothing about the hours in between. Half a day: so both lie in the same
/// day or in neighbouring ones, and both days see both.
const BRIDGE_US: i64 = 12 * 3_600_000_000;
/// Power is integrated over gaps of two collection intervals at most.
const POWER_GAP_US: i64 = 2 * COLLECTION_INTERVAL.as_micros() as i64;
/// The inverter's own midnight may be this far from the real one.
const MIDNIGHT_SLACK_US: i64 = 2 * 3_600_000_000;
/// What is left of the daily counter after an early reset.
const ALMOST_NOTHING: Micro = Micro(200_000);

/// From (inclusive) to (exclusive), microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    pub from: i64,
    pub to: i64,
}

impl Stretch {
    fn clip(self, other: Self) -> Option<Self> {
        let both = Self { from: self.from.max(other.from), to: self.to.min(other.to) };
        (both.from < both.to).then_some(both)
    }

    pub fn range(self) -> Range {
        let instant = |us| Timestamp::from_microsecond(us).unwrap_or_default();
        Range { from: instant(self.from), to: instant(self.to) }
    }
}

/// Energy that flowed between two rows.
#[derive(Debug)]
pub struct Piece {
    /// Between the two rows.
    whole: Stretch,
    /// Where it counts.
    part: Stretch,
    energy: Micro,
    pub how: How,
    /// Whether the later row lies in the zone T1.
    pub is_peak: bool,
}

impl Piece {
    /// The part that flowed within a stretch, evenly by time: the shares of neighbouring stretches always add up.
    pub fn share(&self, within: Stretch) -> Micro {
        let Some(within) = self.part.clip(within) else { return Micro::ZERO };
        let until = |at: i64| {
            let product = i128::from(self.energy.0) * i128::from(at - self.whole.from);
            i64::try_from(product / i128::from(self.whole.to - self.whole.from)).unwrap_or_default()
        };
        Micro(until(within.to) - until(within.from))
    }
}

/// What is known of one flow.
#[derive(Default)]
pub struct Found {
    /// In order of time, none over another.
    pieces: Vec<Piece>,
    /// Within the day, in order of time.
    pub holes: Vec<(HoleKind, Stretch)>,
}

impl Found {
    /// The pieces that have a part in a stretch.
    pub fn within(&self, stretch: Stretch) -> impl Iterator<Item = &Piece> {
        let first = self.pieces.partition_point(|piece| piece.part.to <= stretch.from);
        self.pieces[first..].iter().take_while(move |piece| piece.part.from < stretch.to)
    }
}

struct Reading {
    at: i64,
    value: Micro,
    is_peak: bool,
}

/// Looks for a flow's energy: by its counter where it has one, else by power. `rows` have one row an instant.
pub fn find(flow: Flow, rows: &[&EnergyRow], frame: &Frame) -> Found {
    let day = Stretch { from: frame.from, to: frame.to };
    let mut found = Found::default();
    by_counter(&counter(flow, rows, frame), &mut found);
    let mut covered: Vec<Stretch> = found.pieces.iter().map(|piece| piece.part).collect();
    covered.extend(found.holes.iter().map(|(_, stretch)| *stretch));
    let powers: Vec<(i64, f64, bool)> = rows
        .iter()
        .filter_map(|row| Some((row.at.as_microsecond(), power(flow, row)?, row.is_peak)))
        .filter(|(at, ..)| frame.from - POWER_GAP_US <= *at && *at <= frame.to + POWER_GAP_US)
        .collect();
    let mut by_power = Vec::new();
    for gap in gaps(day, &mut covered) {
        let first = powers.partition_point(|(at, ..)| *at <= gap.from).saturating_sub(1);
        for pair in powers[first..].windows(2).take_while(|pair| pair[0].0 < gap.to) {
            let whole = Stretch { from: pair[0].0, to: pair[1].0 };
            if whole.to - whole.from <= POWER_GAP_US
                && let Some(part) = whole.clip(gap)
            {
                let energy = trapezoid(pair[0].1, pair[1].1, whole.to - whole.from);
                by_power.push(Piece { whole, part, energy, how: How::Power, is_peak: pair[1].2 });
            }
        }
    }
    covered.extend(by_power.iter().map(|piece| piece.part));
    found.pieces.extend(by_power);
    found.pieces.sort_by_key(|piece| piece.part.from);
    found.holes = found.holes.iter().filter_map(|(kind, stretch)| Some((*kind, stretch.clip(day)?))).collect();
    found.holes.extend(gaps(day, &mut covered).into_iter().map(|gap| (HoleKind::Silence, gap)));
    found.holes.sort_by_key(|(_, stretch)| stretch.from);
    found
}

/// What of a day is not covered. Sorts what is.
fn gaps(day: Stretch, covered: &mut [Stretch]) -> Vec<Stretch> {
    covered.sort_by_key(|stretch| stretch.from);
    let (mut gaps, mut at) = (Vec::new(), day.from);
    for stretch in covered.iter() {
        gaps.extend(Stretch { from: at, to: stretch.from }.clip(day));
        at = at.max(stretch.to);
    }
    gaps.extend(Stretch { from: at, to: day.to }.clip(day));
    gaps
}

fn by_counter(readings: &[Reading], found: &mut Found) {
    for pair in readings.windows(2) {
        let [before, after] = pair else { continue };
        let whole = Stretch { from: before.at, to: after.at };
        let energy = after.value - before.value;
        if whole.to - whole.from > BRIDGE_US {
            continue;
        }
        if energy < Micro::ZERO {
            found.holes.push((HoleKind::Reset, whole));
        } else if energy > most(whole.to - whole.from) {
            found.holes.push((HoleKind::Jump, whole));
        } else {
            found.pieces.push(Piece { whole, part: whole, energy, how: How::Counter, is_peak: after.is_peak });
        }
    }
}

fn counter(flow: Flow, rows: &[&EnergyRow], frame: &Frame) -> Vec<Reading> {
    let read = |value: fn(&EnergyRow) -> Option<f64>| -> Vec<Reading> {
        let reading = |row: &&EnergyRow| {
            let value = Micro::from_f64(value(row)?);
            Some(Reading { at: row.at.as_microsecond(), value, is_peak: row.is_peak })
        };
        rows.iter().filter_map(reading).collect()
    };
    match flow {
        Flow::Import => read(|row| row.import_total_kwh),
        Flow::Export => read(|row| row.export_total_kwh),
        Flow::House => read(|row| row.house_total_kwh),
        Flow::Pv => of_the_day(read(|row| row.pv_day_kwh), frame),
        Flow::Charge | Flow::Discharge => Vec::new(),
    }
}

/// A counter that begins anew at midnight: the day's own readings after a 0 at its beginning. Readings of an inverter
/// whose clock is a little off count for the day that they belong to: not at all.
fn of_the_day(mut readings: Vec<Reading>, frame: &Frame) -> Vec<Reading> {
    let own = readings.partition_point(|reading| reading.at < frame.from);
    let yesterday = own.checked_sub(1).map(|last| readings[last].value).filter(|last| *last > Micro::ZERO);
    readings.drain(..own);
    readings.truncate(readings.partition_point(|reading| reading.at < frame.to));
    // Not reset yet.
    let stale = |reading: &Reading| {
        let since = reading.at - frame.from;
        let is_yesterdays = yesterday.is_some_and(|last| reading.value >= last);
        since < MIDNIGHT_SLACK_US && (is_yesterdays || reading.value > most(since))
    };
    let first = readings.iter().position(|reading| !stale(reading)).unwrap_or(readings.len());
    readings.drain(..first);
    // Reset already.
    let mut peak = Micro::ZERO;
    let early = readings.iter().position(|reading| {
        let fell = reading.value < peak && reading.value <= ALMOST_NOTHING;
        peak = peak.max(reading.value);
        fell && frame.to - reading.at < MIDNIGHT_SLACK_US
    });
    readings.truncate(early.unwrap_or(readings.len()));
    if readings.first().is_some_and(|first| first.at > frame.from) {
        readings.insert(0, Reading { at: frame.from, value: Micro::ZERO, is_peak: false });
    }
    readings
}

fn power(flow: Flow, row: &EnergyRow) -> Option<f64> {
    let value = match flow {
        Flow::Pv => row.pv_power_w,
        Flow::Import => row.grid_power_w.map(|watts| -watts),
        Flow::Export => row.grid_power_w,
        Flow::House => row.house_power_w,
        Flow::Charge => row.battery_power_w.map(|watts| -watts),
        Flow::Discharge => row.battery_power_w,
    };
    value.map(|watts| watts.max(0.0))
}
