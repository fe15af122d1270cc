//! What leaves in bulk: energy rows, decisions, prices and closed days, as CSV or as lines of JSON, for
//! `wattboard export` and `/api/v1/export`, which write the same bytes.
//!
//! It goes day by day: a day is read whole, then written, and nothing stays in memory or open in between. A day is
//! there whole or not at all. What is not known is an empty cell, or null; a day of which nothing is known has no lines.

mod rows;
mod tables;

use std::io::{self, Write};

use jiff::civil::Date;

use crate::base::fault::Fault;
use crate::model::balance::Balance;
use crate::model::day::Sums;
use crate::model::decision::Decision;
use crate::model::energy::EnergyRow;
use crate::model::price::PricedDay;
use crate::model::time::{SiteZone, each_day};

use rows::Pen;
use tables::Slot;

/// What is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The rows of `energy_data`, one every five minutes.
    Energy,
    /// Decisions.
    Decisions,
    /// Quarter-hours with every step of their price.
    Prices,
    /// Closed days, summed.
    Days,
}

impl What {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Energy, Self::Decisions, Self::Prices, Self::Days];
    /// Their names, for people.
    pub const NAMES: &'static str = "energy, decisions, prices or days";

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Energy => "energy",
            Self::Decisions => "decisions",
            Self::Prices => "prices",
            Self::Days => "days",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.name() == name)
    }
}

/// How it is written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180, with a header line.
    #[default]
    Csv,
    /// The same with semicolons, decimal commas and a mark of UTF-8, as spreadsheets in Polish read it.
    CsvPolish,
    /// A JSON object a line.
    JsonLines,
}

impl Format {
    /// Their names, for people.
    pub const NAMES: &'static str = "csv, csv-pl or jsonl";

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "csv" => Some(Self::Csv),
            "csv-pl" => Some(Self::CsvPolish),
            "jsonl" => Some(Self::JsonLines),
            _ => None,
        }
    }

    /// What the name of a file ends with.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Csv | Self::CsvPolish => "csv",
            Self::JsonLines => "jsonl",
        }
    }

    /// What it is called in HTTP.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv | Self::CsvPolish => "text/csv; charset=utf-8; header=present",
            Self::JsonLines => "application/jsonl",
        }
    }
}

/// What somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// What.
    pub what: What,
    /// The first local day; `None`: the first that is known.
    pub from: Option<Date>,
    /// The last local day, itself included; `None`: the last that is known.
    pub to: Option<Date>,
    /// How.
    pub format: Format,
}

/// A closed day.
#[derive(Debug, Clone, PartialEq)]
pub struct ClosedDay {
    /// Energy and money.
    pub balance: Balance,
    /// Decisions.
    pub sums: Sums,
}

/// Where days are read, one at a time. Nothing stays open between two questions.
pub trait Ledger {
    /// The days outside of which nothing is to be found; `None` where there is nothing at all.
    ///
    /// # Errors
    /// When what is asked for cannot be read.
    fn span(&mut self, what: What) -> Result<Option<(Date, Date)>, Fault>;

    /// A local day's energy rows, oldest first.
    ///
    /// # Errors
    /// As above.
    fn energy(&mut self, date: Date) -> Result<Vec<EnergyRow>, Fault>;

    /// A local day's decisions, oldest first.
    ///
    /// # Errors
    /// As above.
    fn decisions(&mut self, date: Date) -> Result<Vec<Decision>, Fault>;

    /// A delivery day's prices; `None` where none are remembered.
    ///
    /// # Errors
    /// As above.
    fn prices(&mut self, date: Date) -> Result<Option<PricedDay>, Fault>;

    /// A closed day; `None` where it is not summed.
    ///
    /// # Errors
    /// As above.
    fn closed_day(&mut self, date: Date) -> Result<Option<ClosedDay>, Fault>;
}

/// Where it goes.
pub trait Outlet: Write {
    /// Asked after each day.
    ///
    /// # Errors
    /// When nobody wants the rest.
    fn go_on(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Why an export ended early.
#[derive(Debug)]
pub enum Failure {
    /// This day could not be read; nothing of it was written.
    Read(Date, Fault),
    /// It could not be written, or nobody wants the rest.
    Write(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

/// The days that a wish comes down to; `None` where nothing is to be found.
///
/// # Errors
/// As [`Ledger::span`].
pub fn days(ledger: &mut dyn Ledger, wish: &Wish) -> Result<Option<(Date, Date)>, Fault> {
    let Some((first, last)) = ledger.span(wish.what)? else { return Ok(None) };
    let from = wish.from.map_or(first, |from| from.max(first));
    let to = wish.to.map_or(last, |to| to.min(last));
    Ok((from <= to).then_some((from, to)))
}

/// Writes all of it; `days` are those of [`days`].
///
/// # Errors
/// See [`Failure`]. What was written until then are whole days.
pub fn write(
    wish: &Wish,
    days: Option<(Date, Date)>,
    ledger: &mut dyn Ledger,
    zone: &SiteZone,
    out: &mut dyn Outlet,
) -> Result<(), Failure> {
    let mut pen = Pen::new(wish.format, zone);
    match wish.what {
        What::Energy => pen.begin(tables::ENERGY, out)?,
        What::Decisions => pen.begin(tables::DECISIONS, out)?,
        What::Prices => pen.begin(tables::PRICES, out)?,
        What::Days => pen.begin(tables::DAYS, out)?,
    }
    for date in days.into_iter().flat_map(|(from, to)| each_day(from, to)) {
        let broken = |fault| Failure::Read(date, fault);
        match wish.what {
            What::Energy => pen.rows(tables::ENERGY, &ledger.energy(date).map_err(broken)?, out)?,
            What::Decisions => pen.rows(tables::DECISIONS, &ledger.decisions(date).map_err(broken)?, out)?,
            What::Prices => {
                let slots = ledger.prices(date).map_err(broken)?.map(Slot::all_of);
                pen.rows(tables::PRICES, &slots.unwrap_or_default(), out)?;
            }
            What::Days => pen.rows(tables::DAYS, ledger.closed_day(date).map_err(broken)?.as_slice(), out)?,
        }
        out.go_on()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
