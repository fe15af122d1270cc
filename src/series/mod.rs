//! What a site recorded, as time series: energy rows, prices, decisions and closed days under the names of `/metrics`
//! (`telemetry`), the same for whoever pushes and for `wattboard export --format influx` and `openmetrics`.
//!
//! - A row is told at its own time, of rows of the same millisecond the one that was written last.
//! - A price is told at the start of its quarter-hour.
//! - A decision is told at its own time. Of several of the same millisecond each is a millisecond later than the one
//!   before, so that none takes the place of another.
//! - A closed day is told at its local noon: windows of 24 hours that end at a local midnight then hold each day once,
//!   on days of 23 and 25 hours too.
//!
//! Times are whole milliseconds, as engines keep them. What is not known has no value; that of which nothing is known
//! has no point. Pure.

mod lines;
mod open;
mod tables;
mod write;

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Time;

use crate::base::units::Micro;
use crate::export::{ClosedDay, What};
use crate::model::decision::Decision;
use crate::model::energy::EnergyRow;
use crate::model::price::PricedDay;
use crate::model::time::SiteZone;

pub use lines::Lines;
pub use write::{Format, Span, Wish, spans, write};

/// A number as it is written: every digit that it has, no exponent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// As it was recorded; finite.
    Float(f64),
    /// A sum or a price.
    Exact(Micro),
}

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // There is no negative zero on a meter.
            Self::Float(number) => write!(out, "{}", number + 0.0),
            Self::Exact(number) => write!(out, "{number}"),
        }
    }
}

/// What is known of one instant: one line.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// When, in milliseconds since 1970; never negative.
    pub at_ms: i64,
    /// The label beside `site`, where there is one.
    pub label: Option<(&'static str, &'static str)>,
    /// Names of samples, as in `/metrics`, and their values; at least one.
    pub values: Vec<(&'static str, Number)>,
}

impl Point {
    /// One that has anything to tell, at a time that can be told.
    fn new(
        at: Timestamp,
        label: Option<(&'static str, &'static str)>,
        values: Vec<(&'static str, Number)>,
    ) -> Option<Self> {
        let at_ms = at.as_nanosecond().div_euclid(1_000_000) as i64;
        (at_ms >= 0 && !values.is_empty()).then_some(Self { at_ms, label, values })
    }

    /// The same so many milliseconds later. Whoever tells a price or a day again with another value must tell it one
    /// later each time: engines keep either of two values of the same instant, and which is not said.
    #[must_use]
    pub fn later(mut self, milliseconds: u32) -> Self {
        self.at_ms = self.at_ms.saturating_add(milliseconds.into());
        self
    }
}

/// What is recorded of a day, or of a part of it.
#[derive(Debug, Clone, Copy)]
pub enum Records<'a> {
    /// Energy rows, oldest first.
    Energy(&'a [EnergyRow]),
    /// Decisions, oldest first; all of those of the same millisecond.
    Decisions(&'a [Decision]),
    /// A delivery day's prices.
    Prices(&'a PricedDay),
    /// A closed day.
    Day(&'a ClosedDay),
}

impl Records<'_> {
    /// What they are.
    pub fn what(&self) -> What {
        match self {
            Self::Energy(_) => What::Energy,
            Self::Decisions(_) => What::Decisions,
            Self::Prices(_) => What::Prices,
            Self::Day(_) => What::Days,
        }
    }
}

/// What they tell, oldest first.
pub fn points<'a>(records: Records<'a>, zone: &SiteZone) -> Box<dyn Iterator<Item = Point> + 'a> {
    match records {
        Records::Energy(rows) => Box::new(tables::energy(rows)),
        Records::Decisions(decisions) => Box::new(tables::decisions(decisions)),
        Records::Prices(day) => Box::new(tables::prices(day)),
        Records::Day(day) => {
            let noon = zone.instant(day.balance.date.to_datetime(Time::constant(12, 0, 0, 0)));
            Box::new(tables::day(day, noon))
        }
    }
}

#[cfg(test)]
mod tests;
