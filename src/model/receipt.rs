//! What a decision was worth: what was done at real prices, against the best that could have been done in hindsight.
//!
//! The formula. Energy E flows evenly for a time T = E / power, so that a share t of T costs E × t / T × the price of
//! its quarter-hour. What was done begins at the session's start, else at the decision. The alternative spends the same
//! E in the same T within [`REACH`] of that beginning, in the cheapest quarter-hours (for a sale the dearest; of equals
//! the earliest), not necessarily in a row, each for no longer than it lasts. What was done is one of these choices, so
//! charging and selling differ from the best by nothing or by a loss. A decision to wait leaves the quarter-hours after
//! its own: the cheapest of these stand for it, and charging at once is what they are compared with, so waiting may have
//! been a gain or a loss. One that names no energy is reckoned with what the battery lacked then: capacity × (100 % −
//! state of charge), losses left out.
//!
//! Energy is counted at the meter on both sides of a comparison, so losses cancel out of the difference; they tell what
//! a kWh costs that comes out of the battery again ([`ROUND_TRIP_EFFICIENCY`]).
//!
//! Money is millionths of a PLN: each amount is summed exactly and rounded once to a millionth.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::decision::{Decision, Kind};
use super::energy::EnergyRow;
use super::price::{PricedDay, SLOT};
use super::session::Session;
use super::time::Range;
use crate::base::units::Micro;

/// How far ahead the alternatives lie.
pub const REACH: Duration = Duration::from_secs(12 * 3_600);
/// The part of a bought kWh that comes out of the battery again: an assumption, since nobody measures it. See [`SOURCE`].
/// Millionths.
pub const ROUND_TRIP_EFFICIENCY: Micro = Micro(850_000);
/// What takes longer is a mistake of whoever recorded it.
const LONGEST: Duration = Duration::from_secs(48 * 3_600);
/// Taken where neither a session nor the decision tells the power, W. See [`SOURCE`].
pub const ASSUMED_POWER_W: f64 = 5_000.0;
/// Where both assumptions come from. Its representative system is one of 5 kW and 12.5 kWh, and it adopts 85 % after Cole
/// and Karmakar (2023, NREL/TP-6A40-85332). Before 2026 the page was at atb.nrel.gov.
pub const SOURCE: &str = "assumed as in the NREL Annual Technology Baseline 2024, residential battery storage \
                          (https://atb.nlr.gov/electricity/2024/residential_battery_storage)";

const NANOS_AN_HOUR: f64 = 3.6e12;

/// The prices of quarter-hours by their beginning, PLN/kWh; what is not there is not known.
pub type Rates = BTreeMap<Timestamp, Micro>;

/// Who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// The session's row.
    Session,
    /// The decision.
    Decision,
    /// The battery's capacity and its state of charge then.
    Battery,
    /// Nobody: it is an assumption.
    Assumed,
}

impl Says {
    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Decision => "decision",
            Self::Battery => "battery",
            Self::Assumed => "assumed",
        }
    }
}

/// Why a figure is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// Of so many quarter-hours only some have a price.
    Prices {
        /// Those that have one.
        known: usize,
        /// All.
        expected: usize,
    },
    /// The quarter-hours of which the price is known are too few.
    Room {
        /// Those.
        known: usize,
        /// All within reach.
        expected: usize,
    },
    /// Nobody says how much energy it was.
    Energy,
    /// A decision to wait does not say it, nor the config how much the battery holds.
    Capacity,
    /// A decision to wait does not say it, and how full the battery was is not known.
    Charge,
    /// A decision to wait does not say it, and the battery was full.
    Full,
    /// It takes longer than [`LONGEST`].
    Length,
    /// It was not bought.
    FromPanels,
    /// Some of it was not bought.
    PartlyFromPanels,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prices { known, expected } => {
                write!(f, "the prices of {known} of its {expected} quarter-hours are known")
            }
            Self::Room { known, expected } => write!(
                f,
                "the prices of {known} of {expected} quarter-hours within 12 h are known, which does not suffice for this energy at this power"
            ),
            Self::Energy => f.write_str("neither a session nor the decision says how much energy it was"),
            Self::Capacity => f.write_str(
                "the decision does not say how much energy it was, and what would have filled the battery is not known: battery_management.capacity_kwh is not configured",
            ),
            Self::Charge => f.write_str(
                "the decision does not say how much energy it was, and what would have filled the battery is not known: neither the decision nor an energy row beside it says how full it was",
            ),
            Self::Full => f.write_str("the decision does not say how much energy it was, and the battery was full"),
            Self::Length => f.write_str("what was recorded of it would take longer than 48 h, which cannot be"),
            Self::FromPanels => f.write_str("the energy came from the panels: it was not bought"),
            Self::PartlyFromPanels => {
                f.write_str("some of the energy came from the panels, and how much of it was not recorded")
            }
        }
    }
}

/// A part of a choice: one quarter-hour, or as much of it as is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// When it begins.
    pub start: Timestamp,
    /// For how long energy flows in it.
    pub length: Duration,
    /// PLN/kWh.
    pub price: Micro,
}

/// When the energy flows, and at which prices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// In order of time; their lengths add up to the time that the energy takes.
    pub parts: Vec<Part>,
}

impl Choice {
    /// What this energy costs, or brings, PLN: exact, rounded once to a millionth, half away from zero.
    pub fn money(&self, energy: Micro) -> Micro {
        let nanos = |length: Duration| length.as_nanos() as i128;
        let whole: i128 = self.parts.iter().map(|part| nanos(part.length)).sum();
        let sum: i128 = self.parts.iter().map(|part| nanos(part.length) * i128::from(part.price.0)).sum();
        let divisor = whole * 1_000_000;
        if divisor == 0 {
            return Micro::ZERO;
        }
        let scaled = i128::from(energy.0) * sum;
        Micro(i64::try_from((scaled + scaled.signum() * (divisor / 2)) / divisor).unwrap_or(i64::MAX))
    }

    /// The mean price, PLN/kWh.
    pub fn mean(&self) -> Micro {
        self.money(Micro(1_000_000))
    }

    /// When the last of it ends.
    pub fn end(&self) -> Option<Timestamp> {
        self.parts.last().map(|part| part.start + part.length)
    }
}

/// The quarter-hours that a stretch touches, cut to it.
fn slots(range: Range) -> impl Iterator<Item = (Timestamp, Range)> {
    // Offsets of the site's zone are whole quarter-hours, so quarters of UTC are those of local time, on any day.
    let into = range.from.as_second().rem_euclid(SLOT.as_secs() as i64);
    let first = Timestamp::from_second(range.from.as_second() - into).unwrap_or(range.from);
    std::iter::successors(Some(first), |start| Some(*start + SLOT))
        .take_while(move |start| *start < range.to)
        .map(move |start| (start, Range { from: start.max(range.from), to: (start + SLOT).min(range.to) }))
}

fn length(range: Range) -> Duration {
    Duration::try_from(range.to.duration_since(range.from)).unwrap_or_default()
}

/// All of a stretch at its prices.
///
/// # Errors
/// When not all of them are known.
pub fn flowing(range: Range, rates: &Rates) -> Result<Choice, Lack> {
    let part = |(start, cut): (Timestamp, Range)| {
        rates.get(&start).map(|price| Part { start: cut.from, length: length(cut), price: *price })
    };
    let parts: Vec<Option<Part>> = slots(range).map(part).collect();
    let (known, expected) = (parts.iter().flatten().count(), parts.len());
    if known < expected {
        return Err(Lack::Prices { known, expected });
    }
    Ok(Choice { parts: parts.into_iter().flatten().collect() })
}

/// The best parts of a stretch that together last for `needed`: the cheapest ones, or the dearest.
///
/// # Errors
/// When those of which the price is known are shorter.
pub fn best(needed: Duration, within: Range, rates: &Rates, dearest: bool) -> Result<Choice, Lack> {
    let expected = slots(within).count();
    let mut known: Vec<Part> = slots(within)
        .filter_map(|(start, cut)| Some(Part { start: cut.from, length: length(cut), price: *rates.get(&start)? }))
        .collect();
    let lack = Lack::Room { known: known.len(), expected };
    known.sort_by_key(|part| (if dearest { -part.price.0 } else { part.price.0 }, part.start));
    let (mut left, mut parts) = (needed, Vec::new());
    for part in known {
        if left.is_zero() {
            break;
        }
        let length = part.length.min(left);
        left -= length;
        parts.push(Part { length, ..part });
    }
    if !left.is_zero() || parts.is_empty() {
        return Err(lack);
    }
    parts.sort_by_key(|part| part.start);
    Ok(Choice { parts })
}

/// How many quarter-hours of a stretch have a price, and how many there are.
pub fn completeness(range: Range, rates: &Rates) -> (usize, usize) {
    slots(range).fold((0, 0), |(known, all), (start, _)| (known + usize::from(rates.contains_key(&start)), all + 1))
}

/// How the energy flows.
struct Plan {
    from: Timestamp,
    energy: Result<(Micro, Says), Lack>,
    power_w: (f64, Says),
    needed: Duration,
}

impl Plan {
    fn of(decision: &Decision, session: Option<&Session>, lacking: Result<Micro, Lack>) -> Self {
        // One that does not say how much energy it was tells nothing of this decision's.
        let says_energy = |session: &&Session| session.energy.is_some_and(|energy| energy > Micro::ZERO);
        let session = session.filter(says_energy).filter(|_| decision.kind != Kind::Wait);
        let from = session.map_or(decision.at, |session| session.start);
        let stated = energy(decision, session);
        let power_w = power_w(decision, session, stated);
        let energy = match decision.kind {
            Kind::Wait => stated.map_or_else(|| lacking.map(|kwh| (kwh, Says::Battery)), Ok),
            Kind::Charging | Kind::Selling => stated.ok_or(Lack::Energy),
        };
        let measured = session.and_then(|session| Some(length(Range { from, to: session.end? })));
        let needed = match (power_w.1, measured) {
            (Says::Session, Some(measured)) => measured,
            // A single kWh stands for the energy that is not known.
            _ => {
                let kwh = energy.map_or(1.0, |(energy, _)| energy.to_f64());
                Duration::from_nanos((kwh * 1000.0 / power_w.0 * NANOS_AN_HOUR).round() as u64)
            }
        };
        Self { from, energy, power_w, needed }
    }
}

/// The stretch of time whose prices a receipt needs.
pub fn span(decision: &Decision, session: Option<&Session>, lacking: Result<Micro, Lack>) -> Range {
    let plan = Plan::of(decision, session, lacking);
    Range { from: plan.from, to: plan.from + plan.needed.min(LONGEST).max(REACH) }
}

/// What a decision was worth. The choices are for the same energy.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// What was decided.
    pub kind: Kind,
    /// kWh, and who says so.
    pub energy: Result<(Micro, Says), Lack>,
    /// The power at which it flows, W, and who says so.
    pub power_w: (f64, Says),
    /// The beginning of the session that says how much energy it was, else the decision's instant.
    pub from: Timestamp,
    /// How many quarter-hours from there to [`REACH`] have a price, and how many there are.
    pub completeness: (usize, usize),
    /// What was done; for waiting, the cheapest that it left.
    pub done: Result<Choice, Lack>,
    /// The best in hindsight; for waiting, charging at once.
    pub alternative: Result<Choice, Lack>,
}

impl Receipt {
    /// Of a decision, the session that covers it, what the battery lacked (see [`lacking`]), and the prices of the
    /// quarter-hours around: what buying costs, or, for a sale, what selling brings.
    pub fn new(decision: &Decision, session: Option<&Session>, lacking: Result<Micro, Lack>, rates: &Rates) -> Self {
        let Plan { from, energy, power_w, needed } = Plan::of(decision, session, lacking);
        let (kind, selling) = (decision.kind, decision.kind == Kind::Selling);
        let reach = Range { from, to: from + REACH };
        let at_once = || flowing(Range { from, to: from + needed }, rates);
        let (done, alternative) = match (kind, source_of(decision)) {
            _ if needed > LONGEST => (Err(Lack::Length), Err(Lack::Length)),
            (Kind::Wait, _) => {
                let after_own = slots(reach).nth(1).map_or(reach.to, |(start, _)| start);
                (best(needed, Range { from: after_own, ..reach }, rates, false), at_once())
            }
            (Kind::Charging, Err(lack)) => (Err(lack), Err(lack)),
            _ => (at_once(), best(needed, reach, rates, selling)),
        };
        Self { kind, energy, power_w, from, completeness: completeness(reach, rates), done, alternative }
    }

    /// What a choice costs, or brings, PLN.
    ///
    /// # Errors
    /// When prices or the energy are not known.
    pub fn money(&self, choice: &Result<Choice, Lack>) -> Result<Micro, Lack> {
        let choice = choice.as_ref().map_err(|lack| *lack)?;
        self.energy.map(|(energy, _)| choice.money(energy))
    }

    /// By how much the decision was better than the alternative, PLN; negative where it was worse.
    pub fn difference(&self) -> Option<Micro> {
        let (done, alternative) = (self.money(&self.done).ok()?, self.money(&self.alternative).ok()?);
        Some(self.better(done, alternative))
    }

    /// The same of a single kWh, PLN/kWh.
    pub fn difference_a_kwh(&self) -> Option<Micro> {
        let (done, alternative) = (self.done.as_ref().ok()?, self.alternative.as_ref().ok()?);
        Some(self.better(done.mean(), alternative.mean()))
    }

    fn better(&self, done: Micro, alternative: Micro) -> Micro {
        if self.kind == Kind::Selling { done - alternative } else { alternative - done }
    }

    /// kWh that come out of the battery: what is left of what was bought, or what was sold.
    pub fn usable(&self) -> Option<Micro> {
        let (energy, _) = self.energy.ok()?;
        let left = |energy: Micro| {
            let scaled = i128::from(energy.0) * i128::from(ROUND_TRIP_EFFICIENCY.0);
            Micro(i64::try_from((scaled + 500_000) / 1_000_000).unwrap_or(i64::MAX))
        };
        Some(if self.kind == Kind::Selling { energy } else { left(energy) })
    }
}

/// How full the battery was at a decision, %: as the decision says, else the energy row beside it.
pub fn charge_then(decision: &Decision, row: Option<&EnergyRow>) -> Option<f64> {
    decision.lifted("battery_soc").or(row.and_then(|row| row.soc_pct))
}

/// What would have filled a battery of this capacity (kWh) from this state of charge (%), kWh.
///
/// # Errors
/// When one of them is not known, or the battery was full.
pub fn lacking(capacity: Option<Micro>, charge_pct: Option<f64>) -> Result<Micro, Lack> {
    let capacity = capacity.ok_or(Lack::Capacity)?;
    let charge = charge_pct.filter(|charge| (0.0..=100.0).contains(charge)).map(Micro::from_f64).ok_or(Lack::Charge)?;
    let hundred = 100_000_000;
    let scaled = i128::from(capacity.0) * i128::from(hundred - charge.0);
    let kwh = (scaled + i128::from(hundred / 2)) / i128::from(hundred);
    if kwh > 0 { Ok(Micro(i64::try_from(kwh).unwrap_or(i64::MAX))) } else { Err(Lack::Full) }
}

fn energy(decision: &Decision, session: Option<&Session>) -> Option<(Micro, Says)> {
    let positive = |energy: &Micro| *energy > Micro::ZERO;
    let of_session = session.and_then(|session| session.energy).map(|energy| (energy, Says::Session));
    let of_decision = || {
        let energy = decision.lifted("energy_kwh").map(Micro::from_f64).filter(positive);
        energy.map(|energy| (energy, Says::Decision))
    };
    of_session.or_else(of_decision)
}

/// Energy by time of the session; else what the decision says; else an assumption.
fn power_w(decision: &Decision, session: Option<&Session>, energy: Option<(Micro, Says)>) -> (f64, Says) {
    if let Some(power) = session.and_then(Session::power_w) {
        return (power, Says::Session);
    }
    let positive = |value: &f64| *value > 0.0;
    let stated = decision.parameter("selling_power_w").filter(positive).filter(|_| decision.kind == Kind::Selling);
    let by_time = || {
        let hours = decision.parameter("estimated_duration_hours").filter(positive)?;
        energy.map(|(energy, _)| energy.to_f64() / hours * 1000.0)
    };
    match stated.or_else(by_time) {
        Some(power) => (power, Says::Decision),
        None => (ASSUMED_POWER_W, Says::Assumed),
    }
}

/// Whether a charge was bought; where nothing is said of it, it was.
fn source_of(decision: &Decision) -> Result<(), Lack> {
    let source = decision.charging_source().unwrap_or_default().to_lowercase();
    let says = |word: &str| source.contains(word);
    match decision.action.as_str() {
        "start_grid_charging" => Ok(()),
        "start_hybrid_charging" => Err(Lack::PartlyFromPanels),
        _ if says("hybrid") || (says("pv") && says("grid")) => Err(Lack::PartlyFromPanels),
        "start_pv_charging" => Err(Lack::FromPanels),
        _ if says("pv") || says("solar") => Err(Lack::FromPanels),
        _ => Ok(()),
    }
}

/// The known prices of these days: what buying costs, or what selling brings.
pub fn rates<'a>(days: impl IntoIterator<Item = &'a PricedDay>, selling: bool) -> Rates {
    let slots = days.into_iter().flat_map(|day| &day.slots);
    slots.filter_map(|slot| Some((slot.start, if selling { slot.sell } else { slot.buy }?))).collect()
}

#[cfg(test)]
mod tests;
