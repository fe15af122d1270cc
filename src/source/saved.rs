//! Summaries that the replaced dashboard saved: `out/daily_snapshots/snapshot_YYYYMMDD.json` and
//! `out/monthly_snapshots/monthly_snapshot_YYYYMM.json`. Days whose raw rows are gone live on only there.

use std::fs;
use std::path::PathBuf;

use jiff::civil::Date;
use serde_json::{Map, Value};

use super::json;
use crate::model::day::{DayOrigin, DaySummary, Sums};
use crate::model::month::MonthSummary;
use crate::model::time::Month;

/// No saved summary is larger.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The saved summaries of a site.
#[derive(Debug, Clone)]
pub struct Saved {
    daily: PathBuf,
    monthly: PathBuf,
}

impl Saved {
    /// Those under the `out` folder.
    pub fn new(out_dir: &std::path::Path) -> Self {
        Self { daily: out_dir.join("daily_snapshots"), monthly: out_dir.join("monthly_snapshots") }
    }

    /// The saved summary of a day.
    pub fn day(&self, date: Date) -> Option<DaySummary> {
        let object = read(&self.daily.join(format!("snapshot_{}.json", date.strftime("%Y%m%d"))))?;
        Some(day_summary(date, &object))
    }

    /// The saved summary of a month: its own days where it lists them, else its totals.
    pub fn month(&self, month: Month) -> Option<MonthSummary> {
        let object = read(&self.monthly.join(format!("monthly_snapshot_{:04}{:02}.json", month.year, month.month)))?;
        let days: Vec<DaySummary> = object
            .get("daily_summaries")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|day| {
                let day = day.as_object()?;
                let date: Date = day.get("date")?.as_str()?.get(..10)?.parse().ok()?;
                (Month::of(date) == month).then(|| day_summary(date, day))
            })
            .collect();
        if !days.is_empty() {
            return Some(MonthSummary::of_days(month, days));
        }
        let days_with_data = object.get("days_with_data").and_then(Value::as_u64).unwrap_or(0);
        Some(MonthSummary {
            sums: Sums::from_saved(&object),
            days_with_data: u32::try_from(days_with_data).unwrap_or(0),
            has_saved: true,
            ..MonthSummary::empty(month)
        })
    }

    /// The oldest month that has a saved summary.
    pub fn first_month(&self) -> Option<Month> {
        let names = |dir: &PathBuf| -> Vec<String> {
            let entries = fs::read_dir(dir).into_iter().flatten();
            entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
        };
        let month = |digits: &str| -> Option<Month> {
            let (year, month) = (digits.get(..4)?.parse().ok()?, digits.get(4..6)?.parse().ok()?);
            ((2000..=2100).contains(&year) && (1..=12).contains(&month)).then_some(Month { year, month })
        };
        let daily = names(&self.daily);
        let monthly = names(&self.monthly);
        let daily = daily.iter().filter_map(|name| month(name.strip_prefix("snapshot_")?));
        daily.chain(monthly.iter().filter_map(|name| month(name.strip_prefix("monthly_snapshot_")?))).min()
    }
}

fn day_summary(date: Date, object: &Map<String, Value>) -> DaySummary {
    let created_at = object.get("created_at").and_then(Value::as_str).unwrap_or_default().to_owned();
    DaySummary { date, sums: Sums::from_saved(object), origin: DayOrigin::Saved, created_at }
}

fn read(path: &std::path::Path) -> Option<Map<String, Value>> {
    let meta = fs::metadata(path).ok()?;
    if !meta.is_file() || meta.len() > MAX_BYTES {
        return None;
    }
    match json::parse_object(&String::from_utf8_lossy(&fs::read(path).ok()?)) {
        Ok(object) => Some(object),
        Err(error) => {
            log::warn!("FILES: {} is not readable: {error}", path.display());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_months_are_read_back() {
        let dir = tempfile::TempDir::new().unwrap();
        let saved = Saved::new(dir.path());
        assert_eq!(saved.first_month(), None);
        fs::create_dir_all(dir.path().join("daily_snapshots")).unwrap();
        fs::create_dir_all(dir.path().join("monthly_snapshots")).unwrap();
        let day = r#"{"date": "2025-06-03", "total_decisions": 4, "charging_count": 1, "total_cost_pln": 1.25, "created_at": "2025-06-04T00:10:00"}"#;
        fs::write(dir.path().join("daily_snapshots/snapshot_20250603.json"), day).unwrap();
        fs::write(dir.path().join("daily_snapshots/snapshot_20250604.json"), "{").unwrap();
        fs::write(
            dir.path().join("monthly_snapshots/monthly_snapshot_202505.json"),
            format!("{{\"daily_summaries\": [{}]}}", day.replace("06-03", "05-31")),
        )
        .unwrap();
        fs::write(
            dir.path().join("monthly_snapshots/monthly_snapshot_202504.json"),
            r#"{"total_decisions": 100, "days_with_data": 3, "total_cost_pln": 12.5}"#,
        )
        .unwrap();
        let read = saved.day("2025-06-03".parse().unwrap()).unwrap();
        assert_eq!(
            (read.sums.total(), read.sums.cost.rounded(2), read.created_at.as_str()),
            (4, 1.25, "2025-06-04T00:10:00")
        );
        assert_eq!(saved.day("2025-06-04".parse().unwrap()), None);
        assert_eq!(saved.day("2025-06-05".parse().unwrap()), None);
        let may = saved.month(Month { year: 2025, month: 5 }).unwrap();
        assert_eq!((may.days.len(), may.days_with_data, may.has_saved), (1, 1, true));
        let april = saved.month(Month { year: 2025, month: 4 }).unwrap();
        assert_eq!((april.sums.total(), april.days_with_data, april.days.len()), (100, 3, 0));
        assert_eq!(saved.first_month(), Some(Month { year: 2025, month: 4 }));
    }
}
