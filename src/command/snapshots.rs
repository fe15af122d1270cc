//! `wattboard snapshots`: saves summaries of days and months as the replaced dashboard did, so that they outlive their
//! rows.

use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::Date;
use log::LevelFilter;
use serde::Serialize;

use super::serve::config_path;
use crate::base::atomic_file;
use crate::base::fault::{Fault, io_fault};
use crate::base::shutdown;
use crate::cli::start_log;
use crate::config::Config;
use crate::http::api::{Day, Summary};
use crate::model::day::{DayOrigin, DaySummary, Sums};
use crate::model::month::MonthSummary;
use crate::model::time::{Month, Range};
use crate::source::SiteSource;
use crate::source::composite::Composite;
use crate::source::saved::Saved;

/// Which summaries are to be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Those of the last so many days that have none.
    Missing(i16),
    /// This day's, also in place of a saved one.
    Day(Date),
    /// This month's, also in place of a saved one.
    Month(Month),
}

/// Saves what is wanted, with a line for each. Answers whether nothing failed.
///
/// # Errors
/// When the config cannot be used, or what is wanted is not over yet.
pub fn snapshots(flag: Option<PathBuf>, wanted: Wanted, now: Timestamp, out: &mut dyn Write) -> Result<bool, Fault> {
    let config = Config::load(&config_path(flag))?;
    start_log(LevelFilter::Warn);
    run(&config, wanted, now, out)
}

fn run(config: &Config, wanted: Wanted, now: Timestamp, out: &mut dyn Write) -> Result<bool, Fault> {
    let (_trigger, shutdown) = shutdown::channel();
    let mut source = Composite::open(config, &shutdown, false);
    source.keep_to_database(true);
    let mut clerk = Clerk { config, source, saved: Saved::new(&config.out_dir), now, out, failed: false };
    let today = config.zone.date(now);
    match wanted {
        Wanted::Missing(days) => {
            let first = today.saturating_sub(jiff::Span::new().days(i64::from(days)));
            first
                .series(jiff::Span::new().days(1))
                .take_while(|date| *date < today)
                .for_each(|date| clerk.missing(date));
        }
        Wanted::Day(date) if date >= today => return Err(Fault::invalid(format!("{date} is not over yet"))),
        Wanted::Day(date) => clerk.day(date),
        Wanted::Month(month) if month >= Month::of(today) => {
            return Err(Fault::invalid(format!("{month} is not over yet")));
        }
        Wanted::Month(month) => clerk.month(month),
    }
    Ok(!clerk.failed)
}

struct Clerk<'a> {
    config: &'a Config,
    source: Composite,
    saved: Saved,
    now: Timestamp,
    out: &'a mut dyn Write,
    failed: bool,
}

impl Clerk<'_> {
    fn missing(&mut self, date: Date) {
        // One that is there and cannot be read is somebody's, too.
        if self.day_path(date).symlink_metadata().is_ok() {
            self.say(date, "there already");
        } else {
            self.day(date);
        }
    }

    fn day(&mut self, date: Date) {
        match self.summed(date) {
            Ok(Some(day)) => {
                let path = self.day_path(date);
                self.write(date, &path, &Day::of(&day), &decisions(&day.sums));
            }
            Ok(None) => self.say(date, "no decisions and no energy rows: nothing to save"),
            Err(fault) => self.fail(date, fault),
        }
    }

    /// A month of its rows, and of saved summaries where rows are gone.
    fn month(&mut self, month: Month) {
        let mut days: Vec<DaySummary> = Vec::new();
        let whole = self.saved.month(month);
        for date in month.days() {
            let kept = |whole: &MonthSummary| whole.days.iter().find(|day| day.date == date).cloned();
            match self.summed(date) {
                Ok(Some(day)) if day.sums.total() > 0 => days.push(day),
                Ok(day) => days.extend(self.saved.day(date).or_else(|| whole.as_ref().and_then(kept)).or(day)),
                Err(fault) => return self.fail(month, fault),
            }
        }
        if days.is_empty() {
            return self.say(month, "no day with rows or a saved summary: nothing to save");
        }
        let summary = MonthSummary::of_days(month, days);
        let path = self.config.out_dir.join("monthly_snapshots");
        let path = path.join(format!("monthly_snapshot_{:04}{:02}.json", month.year, month.month));
        let answer = Summary::of(&summary, self.config.zone.naive(self.now));
        self.write(month, &path, &answer, &format!("{} days, {}", summary.days.len(), decisions(&summary.sums)));
    }

    /// A day summed from its rows.
    fn summed(&mut self, date: Date) -> Result<Option<DaySummary>, Fault> {
        let range = Range::day(date, &self.config.zone);
        let (decided, energy) = (self.source.decisions(range)?, self.source.energy(range)?);
        if decided.is_empty() && energy.is_empty() {
            return Ok(None);
        }
        let mut sums = Sums::default();
        decided.iter().for_each(|decision| sums.add_decision(decision));
        sums.add_import(&energy);
        let created_at = self.config.zone.naive(self.now);
        Ok(Some(DaySummary { date, sums, origin: DayOrigin::Rows, created_at }))
    }

    fn day_path(&self, date: Date) -> PathBuf {
        self.config.out_dir.join("daily_snapshots").join(format!("snapshot_{}.json", date.strftime("%Y%m%d")))
    }

    fn write(&mut self, what: impl Display, path: &std::path::Path, summary: &impl Serialize, words: &str) {
        let replaced = if path.exists() { ", in place of the saved one" } else { "" };
        let folder = path.parent().unwrap_or(path);
        let written = std::fs::create_dir_all(folder)
            .map_err(|error| io_fault("make the folder", folder, &error))
            .and_then(|()| {
                serde_json::to_vec_pretty(summary).map_err(|error| Fault::io(format!("cannot be written: {error}")))
            })
            .and_then(|bytes| atomic_file::replace(path, &bytes));
        match written {
            Ok(()) => self.say(what, format_args!("saved ({words}){replaced}")),
            Err(fault) => self.fail(what, fault),
        }
    }

    fn fail(&mut self, what: impl Display, fault: Fault) {
        self.failed = true;
        self.say(what, fault);
    }

    fn say(&mut self, what: impl Display, text: impl Display) {
        // Whoever closed standard output does not want to know.
        let _ = writeln!(self.out, "{what}: {text}").and_then(|()| self.out.flush());
    }
}

fn decisions(sums: &Sums) -> String {
    match sums.total() {
        1 => "1 decision".to_owned(),
        total => format!("{total} decisions"),
    }
}
