//! How many lines each of the last hours has, by level.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Level;

/// Hours that are kept: 24 whole ones and the one that has begun.
pub const HOURS: i64 = 25;
const HOUR_S: i64 = 3600;

/// Counts of lines that tell their level, by the hour they were written in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rates {
    /// By the hour's beginning, seconds since 1970.
    hours: BTreeMap<i64, [u32; Level::ALL.len()]>,
}

impl Rates {
    /// Counts a line. What is older than the hours that are kept, before the newest one counted, is left out.
    pub fn count(&mut self, at: Timestamp, level: Level) {
        self.add(at.as_second().div_euclid(HOUR_S) * HOUR_S, level, 1);
    }

    /// Adds the counts of other lines.
    pub fn merge(&mut self, other: &Self) {
        for (hour, counts) in &other.hours {
            Level::ALL.into_iter().zip(counts).for_each(|(level, count)| self.add(*hour, level, *count));
        }
    }

    fn add(&mut self, hour: i64, level: Level, count: u32) {
        let newest = self.hours.keys().next_back().copied().unwrap_or(hour).max(hour);
        let oldest = newest - (HOURS - 1) * HOUR_S;
        if hour >= oldest {
            let counts = self.hours.entry(hour).or_default();
            counts[level as usize] = counts[level as usize].saturating_add(count);
            while self.hours.first_key_value().is_some_and(|(first, _)| *first < oldest) {
                self.hours.pop_first();
            }
        }
    }

    /// The counts of the hour that an instant lies in, in the order of [`Level::ALL`].
    pub fn of(&self, at: Timestamp) -> [u32; Level::ALL.len()] {
        let hour = at.as_second().div_euclid(HOUR_S) * HOUR_S;
        self.hours.get(&hour).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_by_hour_and_old_hours_go() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let mut rates = Rates::default();
        rates.count(at(7_199), Level::Info);
        rates.count(at(7_200), Level::Error);
        rates.count(at(7_201), Level::Error);
        assert_eq!((rates.of(at(3_600)), rates.of(at(10_000))), ([0, 1, 0, 0, 0], [0, 0, 0, 2, 0]));
        let mut other = Rates::default();
        other.count(at(10_799), Level::Error);
        rates.merge(&other);
        assert_eq!(rates.of(at(7_200)), [0, 0, 0, 3, 0]);
        rates.count(at(3_600 * 26), Level::Debug);
        assert_eq!((rates.of(at(3_600)), rates.of(at(7_200))[3]), ([0; 5], 3));
        rates.count(at(3_600), Level::Debug);
        assert_eq!(rates.of(at(3_600)), [0; 5], "too old");
        assert_eq!(rates.hours.len(), 2);
    }
}
