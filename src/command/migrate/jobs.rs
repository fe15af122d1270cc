//! Which files there are to take over: eight bytes a file, sorted so that a day's files follow each other.

use std::fmt;
use std::path::{Path, PathBuf};

use jiff::civil::{Date, DateTime, Time};

use crate::base::fault::{Fault, io_fault};
use crate::config::Config;
use crate::model::time::YEARS;

/// What a file holds. A day's files are taken in this order: a decision in a file of its own is the one that counts
/// where the day's lines hold it as well, as for the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// `energy_data_2026-11-22.json`
    Energy,
    /// `charging_decision_20261122_140733.json`, `battery_selling_decision_20261122_140733.json`
    Decision,
    /// `charging_decision_20261122.json`
    DecisionLines,
    /// `coordinator_state_20261122_140733.json`
    State,
    /// `coordinator_state_20261122.json`
    StateLines,
}

const CLASSES: [Class; 5] = [Class::Energy, Class::Decision, Class::DecisionLines, Class::State, Class::StateLines];

/// One file, by its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Job {
    /// Day, class, time of day and kind of decision, in this order of weight.
    packed: u64,
}

impl Job {
    /// The job of a file name, where it is one in the `out` folder or in the folder of energy data.
    pub fn parse(name: &str, in_out: bool) -> Option<Self> {
        let stem = name.strip_suffix(".json")?;
        if in_out {
            if let Some(stamp) = stem.strip_prefix("coordinator_state_") {
                return match stamp.split_once('_') {
                    Some((day, time)) => Self::new(Class::State, day, time, false),
                    None => Self::new(Class::StateLines, stamp, "000000", false),
                };
            }
            return Self::new(Class::DecisionLines, stem.strip_prefix("charging_decision_")?, "000000", false);
        }
        if let Some(day) = stem.strip_prefix("energy_data_") {
            let well_formed = day.len() == 10 && day.as_bytes()[4] == b'-' && day.as_bytes()[7] == b'-';
            return well_formed.then(|| Self::new(Class::Energy, &day.replace('-', ""), "000000", false)).flatten();
        }
        let (stamp, selling) = match stem.strip_prefix("charging_decision_") {
            Some(stamp) => (stamp, false),
            None => (stem.strip_prefix("battery_selling_decision_")?, true),
        };
        let (day, time) = stamp.split_once('_')?;
        Self::new(Class::Decision, day, time, selling)
    }

    fn new(class: Class, day: &str, time: &str, selling: bool) -> Option<Self> {
        let digits = |text: &str, length: usize| text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(day, 8) || !digits(time, 6) {
            return None;
        }
        let (day, time): (u64, u64) = (day.parse().ok()?, time.parse().ok()?);
        let job = Self { packed: ((day * 8 + class as u64) * 1_000_000 + time) * 2 + u64::from(selling) };
        job.named().filter(|named| YEARS.contains(&named.year())).map(|_| job)
    }

    fn day_number(self) -> u64 {
        self.packed / 2 / 1_000_000 / 8
    }

    fn time_number(self) -> u64 {
        self.packed / 2 % 1_000_000
    }

    /// What the file holds.
    pub fn class(self) -> Class {
        CLASSES[(self.packed / 2 / 1_000_000 % 8) as usize % CLASSES.len()]
    }

    /// Whether it is a selling decision's.
    pub fn is_selling(self) -> bool {
        self.packed % 2 == 1
    }

    /// The local time in the name; midnight where it has only a day.
    pub fn named(self) -> Option<DateTime> {
        let (day, time) = (self.day_number(), self.time_number());
        let date = Date::new((day / 10_000) as i16, (day / 100 % 100) as i8, (day % 100) as i8).ok()?;
        let time = Time::new((time / 10_000) as i8, (time / 100 % 100) as i8, (time % 100) as i8, 0).ok()?;
        Some(date.to_datetime(time))
    }

    /// Where it lies.
    pub fn path(self, folders: &Folders) -> PathBuf {
        let folder = match self.class() {
            Class::Energy | Class::Decision => &folders.energy_data,
            Class::DecisionLines | Class::State | Class::StateLines => &folders.out,
        };
        folder.join(self.to_string())
    }
}

/// The file's name.
impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (day, time) = (self.day_number(), self.time_number());
        match self.class() {
            Class::Energy => {
                write!(f, "energy_data_{:04}-{:02}-{:02}.json", day / 10_000, day / 100 % 100, day % 100)
            }
            Class::Decision if self.is_selling() => write!(f, "battery_selling_decision_{day:08}_{time:06}.json"),
            Class::Decision => write!(f, "charging_decision_{day:08}_{time:06}.json"),
            Class::DecisionLines => write!(f, "charging_decision_{day:08}.json"),
            Class::State => write!(f, "coordinator_state_{day:08}_{time:06}.json"),
            Class::StateLines => write!(f, "coordinator_state_{day:08}.json"),
        }
    }
}

/// Where the files lie.
pub struct Folders {
    /// `out`
    pub out: PathBuf,
    /// `out/energy_data`
    pub energy_data: PathBuf,
}

impl Folders {
    /// Those of a site.
    pub fn of(config: &Config) -> Self {
        Self { out: config.out_dir.clone(), energy_data: config.energy_data_dir.clone() }
    }

    /// All files to take over, by day, and those that are named almost like one.
    ///
    /// # Errors
    /// When a folder is there and cannot be listed.
    pub fn list(&self) -> Result<(Vec<Job>, Vec<PathBuf>), Fault> {
        let (mut jobs, mut strange) = (Vec::new(), Vec::new());
        for (folder, in_out) in [(&self.out, true), (&self.energy_data, false)] {
            scan(folder, in_out, &mut jobs, &mut strange)?;
        }
        jobs.sort_unstable();
        jobs.shrink_to_fit();
        strange.sort_unstable();
        Ok((jobs, strange))
    }
}

/// How many files with names of another form are named.
const STRANGE: usize = 100;

fn scan(folder: &Path, in_out: bool, jobs: &mut Vec<Job>, strange: &mut Vec<PathBuf>) -> Result<(), Fault> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_fault("list", folder, &error)),
    };
    for entry in entries {
        let name = entry.map_err(|error| io_fault("list", folder, &error))?.file_name();
        let Some(name) = name.to_str() else { continue };
        match Job::parse(name, in_out) {
            Some(job) => jobs.push(job),
            None if is_almost(name, in_out) && strange.len() < STRANGE => strange.push(folder.join(name)),
            None => {}
        }
    }
    Ok(())
}

fn is_almost(name: &str, in_out: bool) -> bool {
    let begins: &[&str] = if in_out {
        &["charging_decision_", "coordinator_state_"]
    } else {
        &["charging_decision_", "battery_selling_decision_", "energy_data_"]
    };
    name.ends_with(".json") && begins.iter().any(|begin| name.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back_in_the_order_of_a_day() {
        let names = [
            ("energy_data_2026-11-22.json", false),
            ("charging_decision_20261122_000000.json", false),
            ("battery_selling_decision_20261122_000000.json", false),
            ("charging_decision_20261122_140733.json", false),
            ("charging_decision_20261122.json", true),
            ("coordinator_state_20261122_235959.json", true),
            ("coordinator_state_20261122.json", true),
            ("energy_data_2026-11-23.json", false),
        ];
        let jobs: Vec<Job> = names.iter().map(|(name, in_out)| Job::parse(name, *in_out).unwrap()).collect();
        for (job, (name, _)) in jobs.iter().zip(names) {
            assert_eq!(job.to_string(), name);
        }
        assert!(jobs.is_sorted());
        assert_eq!(jobs[3].named().unwrap().to_string(), "2026-11-22T14:07:33");
        for (other, in_out) in [
            ("charging_decision_20261122.json", false),
            ("charging_decision_20261122_140733.json", true),
            ("charging_decision_20261332_140733.json", false),
            ("charging_decision_20261122_250000.json", false),
            ("charging_decision_20261122_140733.json.tmp", false),
            ("energy_data_20261122.json", false),
            ("energy_data_2026-1é-22.json", false),
            ("coordinator_state_19991231.json", true),
            ("coordinator_state_2026112_1407331.json", true),
        ] {
            assert!(Job::parse(other, in_out).is_none(), "{other}");
        }
        assert!(is_almost("charging_decision_plan.json", false) && !is_almost("price.json", true));
    }
}
