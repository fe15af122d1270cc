//! A site's whole past as series.
//!
//! Line protocol goes day by day, with everything of a day together. OpenMetrics wants families in one piece, so days are
//! read again for each; nothing stays in memory but one day.

use jiff::civil::Date;

use super::lines::Lines;
use super::{Point, Records, open, points, tables};
use crate::base::fault::Fault;
use crate::export::{self, Failure, Ledger, Outlet, What};
use crate::model::time::{SiteZone, each_day};
use crate::telemetry;

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// InfluxDB's line protocol.
    Influx,
    /// OpenMetrics with times.
    OpenMetrics,
}

impl Format {
    /// Their names, for people.
    pub const NAMES: &'static str = "influx or openmetrics";

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "influx" => Some(Self::Influx),
            "openmetrics" => Some(Self::OpenMetrics),
            _ => None,
        }
    }
}

/// What somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// What; `None`: everything.
    pub what: Option<What>,
    /// The first local day; `None`: the first that is known.
    pub from: Option<Date>,
    /// The last local day, itself included; `None`: the last that is known.
    pub to: Option<Date>,
    /// How.
    pub format: Format,
}

/// What is written, from a day to a day.
pub type Span = (What, Date, Date);

/// What a wish comes down to; nothing of what is not to be found.
///
/// # Errors
/// As [`Ledger::span`].
pub fn spans(wish: &Wish, ledger: &mut dyn Ledger) -> Result<Vec<Span>, Fault> {
    let wanted = What::ALL.into_iter().filter(|what| wish.what.is_none_or(|only| only == *what));
    let mut spans = Vec::new();
    for what in wanted {
        let wish = export::Wish { what, from: wish.from, to: wish.to, format: export::Format::default() };
        spans.extend(export::days(ledger, &wish)?.map(|(from, to)| (what, from, to)));
    }
    Ok(spans)
}

/// Writes all of it; `spans` are those of [`spans`].
///
/// # Errors
/// See [`Failure`]. What was written until then are whole days; of OpenMetrics the last line is missing.
pub fn write(
    format: Format,
    spans: &[Span],
    site: &str,
    ledger: &mut dyn Ledger,
    zone: &SiteZone,
    out: &mut dyn Outlet,
) -> Result<(), Failure> {
    match format {
        Format::Influx => influx(spans, &Lines::new(site), ledger, zone, out),
        Format::OpenMetrics => openmetrics(spans, site, ledger, zone, out),
    }
}

fn influx(
    spans: &[Span],
    lines: &Lines,
    ledger: &mut dyn Ledger,
    zone: &SiteZone,
    out: &mut dyn Outlet,
) -> Result<(), Failure> {
    let first = spans.iter().map(|(_, from, _)| *from).min();
    let last = spans.iter().map(|(_, _, to)| *to).max();
    let mut text = String::new();
    for date in first.zip(last).into_iter().flat_map(|(from, to)| each_day(from, to)) {
        text.clear();
        for (what, from, to) in spans {
            if (*from..=*to).contains(&date) {
                each(*what, date, ledger, zone, &mut |point| lines.point(&point, &mut text))?;
            }
        }
        out.write_all(text.as_bytes())?;
        out.go_on()?;
    }
    Ok(())
}

fn openmetrics(
    spans: &[Span],
    site: &str,
    ledger: &mut dyn Ledger,
    zone: &SiteZone,
    out: &mut dyn Outlet,
) -> Result<(), Failure> {
    let mut told = "";
    let mut text = String::new();
    for (what, from, to) in spans {
        for (name, label) in tables::names(*what) {
            let labels = open::labels(site, label);
            let mut last_ms = -1;
            for date in each_day(*from, *to) {
                text.clear();
                each(*what, date, ledger, zone, &mut |point| {
                    let value = point.values.iter().find(|(known, _)| *known == name).filter(|_| point.label == label);
                    let Some((_, number)) = value else { return };
                    if told != name
                        && let Some(family) = telemetry::of_samples(name)
                    {
                        open::head(family, &mut text);
                        told = name;
                    }
                    last_ms = point.at_ms.max(last_ms + 1);
                    open::sample(name, &labels, *number, last_ms, &mut text);
                })?;
                out.write_all(text.as_bytes())?;
                out.go_on()?;
            }
        }
    }
    out.write_all(open::END.as_bytes())?;
    Ok(())
}

/// A day's points.
fn each(
    what: What,
    date: Date,
    ledger: &mut dyn Ledger,
    zone: &SiteZone,
    take: &mut dyn FnMut(Point),
) -> Result<(), Failure> {
    let broken = |fault| Failure::Read(date, fault);
    match what {
        What::Energy => points(Records::Energy(&ledger.energy(date).map_err(broken)?), zone).for_each(take),
        What::Decisions => points(Records::Decisions(&ledger.decisions(date).map_err(broken)?), zone).for_each(take),
        What::Prices => {
            let day = ledger.prices(date).map_err(broken)?;
            day.iter().flat_map(|day| points(Records::Prices(day), zone)).for_each(take);
        }
        What::Days => {
            let day = ledger.closed_day(date).map_err(broken)?;
            day.iter().flat_map(|day| points(Records::Day(day), zone)).for_each(take);
        }
    }
    Ok(())
}
