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

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    const NOW: &str = "2026-11-22T12:00:00Z";

    fn site() -> (TempDir, Config) {
        let dir = TempDir::new().unwrap();
        fs::create_dir_all(dir.path().join("out/energy_data")).unwrap();
        let text = "electricity_tariff: {tariff_type: g11, distribution_pricing: {g11: {type: static, price: 0.2}}}";
        let config = Config::parse(&dir.path().join("config/c.yaml"), text).unwrap();
        for day in ["2026-10-30", "2026-11-20", "2026-11-21", "2026-11-22"] {
            let rows: Vec<String> = (0..3)
                .map(|hour| {
                    format!(r#"{{"timestamp": "{day}T0{hour}:00:00", "grid_import_total_kwh": {hour}, "tariff_zone": "T1"}}"#)
                })
                .collect();
            let out = dir.path().join("out");
            fs::write(out.join(format!("energy_data/energy_data_{day}.json")), format!("[{}]", rows.join(",")))
                .unwrap();
            let line = format!(
                r#"{{"timestamp": "{day}T10:00:00", "action": "charge", "energy_kwh": 1.5, "estimated_cost_pln": 0.9, "source": "pv"}}"#
            );
            fs::write(out.join(format!("charging_decision_{}.json", day.replace('-', ""))), line).unwrap();
        }
        (dir, config)
    }

    fn say(config: &Config, wanted: Wanted) -> (Result<bool, Fault>, String) {
        let mut out = Vec::new();
        let ended = run(config, wanted, NOW.parse().unwrap(), &mut out);
        (ended, String::from_utf8(out).unwrap())
    }

    #[test]
    fn missing_days_are_saved_and_read_back() {
        let (dir, config) = site();
        let daily = dir.path().join("out/daily_snapshots");
        fs::create_dir_all(&daily).unwrap();
        fs::write(daily.join("snapshot_20261120.json"), "somebody's").unwrap();
        let (ended, text) = say(&config, Wanted::Missing(3));
        assert!(ended.unwrap());
        assert_eq!(
            text,
            "2026-11-19: no decisions and no energy rows: nothing to save\n2026-11-20: there already\n\
             2026-11-21: saved (1 decision)\n"
        );
        assert_eq!(fs::read_to_string(daily.join("snapshot_20261120.json")).unwrap(), "somebody's");
        let saved = Saved::new(&config.out_dir).day("2026-11-21".parse().unwrap()).unwrap();
        assert_eq!((saved.sums.charging, saved.sums.cost.rounded(2), saved.sums.import_real.rounded(2)), (1, 0.9, 2.0));
        let text = fs::read_to_string(daily.join("snapshot_20261121.json")).unwrap();
        let object: serde_json::Value = serde_json::from_str(&text).unwrap();
        for key in ["date", "created_at", "avg_confidence", "price_stats", "file_count", "grid_import_t2_kwh"] {
            assert!(object.get(key).is_some(), "{key} in {text}");
        }
        // Named, it is replaced, and whole.
        let (_, text) = say(&config, Wanted::Day("2026-11-20".parse().unwrap()));
        assert_eq!(text, "2026-11-20: saved (1 decision), in place of the saved one\n");
        assert_eq!(fs::read_dir(&daily).unwrap().count(), 2, "no temporary file stays");
        let (ended, _) = say(&config, Wanted::Day("2026-11-22".parse().unwrap()));
        assert_eq!(ended.unwrap_err().to_string(), "2026-11-22 is not over yet");
    }

    #[test]
    fn a_month_keeps_what_only_a_summary_tells() {
        let (dir, config) = site();
        let monthly = dir.path().join("out/monthly_snapshots");
        fs::create_dir_all(&monthly).unwrap();
        let october = Month { year: 2026, month: 10 };
        let old = r#"{"daily_summaries": [{"date": "2026-10-02", "total_decisions": 4, "total_cost_pln": 2.5},
            {"date": "2026-10-30", "total_decisions": 9, "total_cost_pln": 100}]}"#;
        fs::write(monthly.join("monthly_snapshot_202610.json"), old).unwrap();
        let (ended, text) = say(&config, Wanted::Month(october));
        assert!(ended.unwrap());
        assert_eq!(text, "2026-10: saved (2 days, 5 decisions), in place of the saved one\n");
        let saved = Saved::new(&config.out_dir).month(october).unwrap();
        assert_eq!((saved.days_with_data, saved.sums.cost.rounded(2)), (2, 3.4));
        let (ended, _) = say(&config, Wanted::Month(Month { year: 2026, month: 11 }));
        assert_eq!(ended.unwrap_err().to_string(), "2026-11 is not over yet");
        let (ended, text) = say(&config, Wanted::Month(Month { year: 2026, month: 9 }));
        assert!(ended.unwrap() && text.ends_with("nothing to save\n"), "{text}");
        assert!(!monthly.join("monthly_snapshot_202609.json").exists());
    }
}
