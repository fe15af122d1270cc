//! The coordinator's JSON files, as older versions leave them: read only, one folder listing for many questions.
//!
//! [`index`] knows which decision files there are (tens of thousands in one folder on old sites), [`states`] finds the
//! newest state, [`records`] parses decisions and energy rows.

mod index;
mod records;
mod states;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::base::fault::{Fault, Kind, io_fault};
use crate::base::plain_file;
use crate::model::decision::Decision;
use crate::model::energy::EnergyRow;
use crate::model::time::{Range, SiteZone, YEARS, each_day};

use super::{DayPrint, SiteSource, StateRecord};
use index::DecisionIndex;
use states::StateFiles;

/// No record file of a site is larger; what is, is not read.
const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;

/// The site's JSON files.
pub struct Files {
    out_dir: PathBuf,
    energy_data_dir: PathBuf,
    zone: SiteZone,
    index: DecisionIndex,
    states: StateFiles,
}

impl Files {
    /// The files of the site with these folders.
    pub fn new(out_dir: PathBuf, energy_data_dir: PathBuf, zone: SiteZone) -> Self {
        Self {
            index: DecisionIndex::new(energy_data_dir.clone()),
            states: StateFiles::new(out_dir.clone()),
            out_dir,
            energy_data_dir,
            zone,
        }
    }

    fn decision_lines(&self, date: Date) -> PathBuf {
        self.out_dir.join(format!("charging_decision_{}.json", compact(date)))
    }

    fn energy_file(&self, date: Date) -> PathBuf {
        self.energy_data_dir.join(format!("energy_data_{date}.json"))
    }

    fn local_days(&self, range: Range) -> impl Iterator<Item = Date> + use<> {
        each_day(self.zone.date(range.from), self.zone.date(range.to - Duration::from_nanos(1)))
    }
}

impl SiteSource for Files {
    fn latest_state(&mut self, now: Timestamp) -> Result<Option<StateRecord>, Fault> {
        self.states.latest(&self.zone, now)
    }

    fn decisions(&mut self, range: Range) -> Result<Vec<Decision>, Fault> {
        self.index.refresh()?;
        let mut decisions = Vec::new();
        for name in self.index.files(range, &self.zone) {
            let path = self.energy_data_dir.join(name.file_name());
            match read_file(&path).and_then(|text| records::decision_file(&text, &name, &self.zone)) {
                Ok(decision) => decisions.extend(decision),
                Err(fault) => log::debug!("FILES: {}: {fault}", path.display()),
            }
        }
        for date in self.local_days(range) {
            if let Some(text) = read_if_there(&self.decision_lines(date)) {
                decisions.extend(records::decision_lines(&text, &self.zone));
            }
        }
        decisions.retain(|decision| range.contains(decision.at));
        decisions.sort_by_key(|decision| (decision.at, decision.kind));
        // The same decision may stand in a file of its own and in the day's lines.
        decisions.dedup_by(|a, b| a.at == b.at && a.kind == b.kind && a.action == b.action);
        Ok(decisions)
    }

    fn energy(&mut self, range: Range) -> Result<Vec<EnergyRow>, Fault> {
        let mut rows = Vec::new();
        for date in self.local_days(range) {
            if let Some(text) = read_if_there(&self.energy_file(date)) {
                match records::energy_file(&text, &self.zone) {
                    Ok(day) => rows.extend(day),
                    Err(fault) => log::warn!("FILES: {}: {fault}", self.energy_file(date).display()),
                }
            }
        }
        rows.retain(|row| range.contains(row.at));
        rows.sort_by_key(|row| row.at);
        Ok(rows)
    }

    fn days(&mut self, first: Date, last: Date) -> Result<BTreeMap<Date, DayPrint>, Fault> {
        self.index.refresh()?;
        let mut days: BTreeMap<Date, DayPrint> = BTreeMap::new();
        for (date, print) in self.index.days(first, last) {
            days.entry(date).or_default().decisions = print;
        }
        for date in each_day(first, last) {
            if let Some((size, modified)) = mark(&self.decision_lines(date)) {
                let decisions = &mut days.entry(date).or_default().decisions;
                *decisions = (decisions.0 + size, decisions.1.wrapping_add(modified));
            }
            if let Some(print) = mark(&self.energy_file(date)) {
                days.entry(date).or_default().energy = print;
            }
        }
        Ok(days)
    }

    fn first_day(&mut self) -> Result<Option<Date>, Fault> {
        self.index.refresh()?;
        let listed = |dir: &Path, prefix: &str, suffix: &str| -> Option<Date> {
            let names = std::fs::read_dir(dir).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            names.filter_map(|name| parse_day(name.strip_prefix(prefix)?.strip_suffix(suffix)?)).min()
        };
        let lines = listed(&self.out_dir, "charging_decision_", ".json");
        let energy = listed(&self.energy_data_dir, "energy_data_", ".json");
        Ok([self.index.first_day(), lines, energy].into_iter().flatten().min())
    }
}

/// A file's size and time of change, as a day's print.
fn mark(path: &Path) -> Option<(u32, i64)> {
    use std::os::unix::fs::MetadataExt;
    let meta = std::fs::metadata(path).ok()?;
    Some((
        u32::try_from(meta.len()).unwrap_or(u32::MAX),
        meta.mtime().wrapping_mul(1_000).wrapping_add(meta.mtime_nsec() / 1_000_000),
    ))
}

/// A whole file as text, broken UTF-8 replaced.
fn read_file(path: &Path) -> Result<String, Fault> {
    let file = plain_file::open_linked(path).map_err(|error| io_fault("read", path, &error))?;
    let meta = file.metadata().map_err(|error| io_fault("read", path, &error))?;
    if !meta.is_file() || meta.len() > MAX_FILE_BYTES {
        return Err(Fault::invalid(format!("{} is not a file of at most {MAX_FILE_BYTES} bytes", path.display())));
    }
    let mut bytes = Vec::with_capacity(meta.len() as usize);
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(|error| io_fault("read", path, &error))?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// A day's file; one that is there and cannot be read is told in the log and costs that day alone.
fn read_if_there(path: &Path) -> Option<String> {
    match read_file(path) {
        Ok(text) => Some(text),
        Err(fault) if fault.kind() == Kind::Missing => None,
        Err(fault) => {
            log::warn!("FILES: {fault}");
            None
        }
    }
}

/// `20261122`.
fn compact(date: Date) -> String {
    date.strftime("%Y%m%d").to_string()
}

/// `20261122` or `2026-11-22`.
fn parse_day(text: &str) -> Option<Date> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    if digits.len() != 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let date = Date::new(digits[..4].parse().ok()?, digits[4..6].parse().ok()?, digits[6..].parse().ok()?).ok()?;
    YEARS.contains(&date.year()).then_some(date)
}

#[cfg(test)]
mod tests;
