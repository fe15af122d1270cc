//! Which decision files there are, by the time in their names. Eight bytes a file; listed again only when the folder changed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, date};

use crate::base::fault::{Fault, io_fault};
use crate::model::time::{Range, SiteZone};

/// A file's content may be dated this much apart from its name.
const NAME_SLACK: SignedDuration = SignedDuration::from_mins(10);

/// A decision file's name: `charging_decision_20261122_140733.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DecisionName {
    /// `yyyymmddhhmmss` as a number, times two, plus one for a selling decision.
    packed: u64,
}

impl DecisionName {
    fn parse(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(".json")?;
        let (stamp, selling) = match stem.strip_prefix("charging_decision_") {
            Some(stamp) => (stamp, 0),
            None => (stem.strip_prefix("battery_selling_decision_")?, 1),
        };
        let (day, time) = stamp.split_once('_')?;
        if day.len() != 8 || time.len() != 6 || !stamp.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
            return None;
        }
        let number: u64 = format!("{day}{time}").parse().ok()?;
        let name = Self { packed: number * 2 + selling };
        name.local().map(|_| name)
    }

    /// Whether it is a selling decision's.
    pub fn is_selling(self) -> bool {
        self.packed % 2 == 1
    }

    /// The local time in the name.
    pub fn local(self) -> Option<DateTime> {
        let part = |divisor: u64, modulus: u64| i16::try_from(self.packed / 2 / divisor % modulus).ok();
        let day = Date::new(part(10_000_000_000, 10_000)?, part(100_000_000, 100)? as i8, part(1_000_000, 100)? as i8)
            .ok()?;
        let (hour, minute, second) = (part(10_000, 100)? as i8, part(100, 100)? as i8, part(1, 100)? as i8);
        jiff::civil::Time::new(hour, minute, second, 0).ok().map(|time| day.to_datetime(time))
    }

    /// The name itself.
    pub fn file_name(self) -> String {
        let stamp = self.packed / 2;
        let kind = if self.is_selling() { "battery_selling" } else { "charging" };
        format!("{kind}_decision_{:08}_{:06}.json", stamp / 1_000_000, stamp % 1_000_000)
    }
}

/// The folder's decision files, sorted.
pub struct DecisionIndex {
    dir: PathBuf,
    listed: Option<SystemTime>,
    names: Vec<DecisionName>,
}

impl DecisionIndex {
    /// Nothing listed yet.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, listed: None, names: Vec::new() }
    }

    /// Lists the folder if it changed; one that does not exist is empty.
    pub fn refresh(&mut self) -> Result<(), Fault> {
        let modified = match std::fs::metadata(&self.dir).and_then(|meta| meta.modified()) {
            Ok(modified) => modified,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.names = Vec::new();
                self.listed = None;
                return Ok(());
            }
            Err(error) => return Err(io_fault("list", &self.dir, &error)),
        };
        // A folder's time is coarse: one that changed within the last moments is listed once more.
        let settled = modified.elapsed().is_ok_and(|age| age.as_secs() >= 2);
        if self.listed == Some(modified) && settled {
            return Ok(());
        }
        let entries = std::fs::read_dir(&self.dir).map_err(|error| io_fault("list", &self.dir, &error))?;
        self.names.clear();
        self.names.extend(entries.filter_map(|entry| DecisionName::parse(entry.ok()?.file_name().to_str()?)));
        self.names.sort_unstable_by_key(|name| (name.packed / 2, name.packed));
        self.names.shrink_to_fit();
        self.listed = settled.then_some(modified);
        Ok(())
    }

    /// The files whose decision may lie in a range.
    pub fn files(&self, range: Range, zone: &SiteZone) -> Vec<DecisionName> {
        let from = zone.local(range.from).saturating_sub(NAME_SLACK);
        let to = zone.local(range.to).saturating_add(NAME_SLACK);
        self.names
            .iter()
            .copied()
            .filter(|name| name.local().is_some_and(|local| from <= local && local <= to))
            .collect()
    }

    /// How many files each day has, and the newest one's mark.
    pub fn days(&self, first: Date, last: Date) -> BTreeMap<Date, (u32, i64)> {
        let mut days: BTreeMap<Date, (u32, i64)> = BTreeMap::new();
        for name in &self.names {
            if let Some(day) = name.local().map(DateTime::date).filter(|day| first <= *day && *day <= last) {
                let print = days.entry(day).or_default();
                *print = (print.0 + 1, print.1.max(name.packed as i64));
            }
        }
        days
    }

    /// The oldest file's day, not before 2000.
    pub fn first_day(&self) -> Option<Date> {
        self.names.iter().filter_map(|name| name.local()).map(DateTime::date).find(|day| *day >= date(2000, 1, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        for name in ["charging_decision_20261122_140733.json", "battery_selling_decision_20250101_000000.json"] {
            assert_eq!(DecisionName::parse(name).unwrap().file_name(), name);
        }
        for other in [
            "charging_decision_20261122.json",
            "charging_decision_20261332_140733.json",
            "charging_decision_20261122_250000.json",
            "charging_decision_20261122_140733.json.tmp",
            "energy_data_2026-11-22.json",
            "charging_decision_2026112_1407331.json",
        ] {
            assert_eq!(DecisionName::parse(other), None, "{other}");
        }
    }
}
