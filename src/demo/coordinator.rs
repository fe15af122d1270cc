//! The simulated coordinator: carries the house forward and records what the real one would record.
//!
//! The history and the live player drive the same one, each with a connection of its own.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use rusqlite::Connection;

use super::house::{House, Reading};
use super::noise::{Channel, hash, unit};
use super::{database, telling};

/// Log lines that wait to be written, one text for each file.
#[derive(Debug, Default)]
pub struct Lines {
    /// For [`telling::MASTER_LOG`].
    pub master: String,
    /// For [`telling::DATA_LOG`].
    pub data: String,
    /// For [`telling::CHARGE_LOG`].
    pub charge: String,
}

impl Lines {
    /// Each file's name with what waits for it.
    pub fn files(&self) -> [(&'static str, &str); 3] {
        [(telling::MASTER_LOG, &self.master), (telling::DATA_LOG, &self.data), (telling::CHARGE_LOG, &self.charge)]
    }
}

/// The house, and how long its coordinator has been at work.
#[derive(Debug)]
pub struct Coordinator {
    house: House,
    seed: u64,
    zone: TimeZone,
    started: Timestamp,
    decisions: u64,
}

impl Coordinator {
    /// A coordinator that takes over the house at `from` and says that it runs since `started`.
    pub fn new(seed: u64, zone: &TimeZone, from: Timestamp, started: Timestamp) -> Self {
        Self { house: House::new(seed, zone, from), seed, zone: zone.clone(), started, decisions: 0 }
    }

    /// Lets time pass until `at`.
    pub fn advance(&mut self, at: Timestamp) -> Reading {
        self.house.advance(at)
    }

    /// Records a five-minute row.
    ///
    /// # Errors
    /// SQLite's.
    pub fn record_energy(&self, to: &Connection, reading: &Reading) -> rusqlite::Result<()> {
        database::insert_energy(to, reading, &self.a_moment_after(reading.at, 0))
    }

    /// Records a state row.
    ///
    /// # Errors
    /// SQLite's.
    pub fn record_state(&self, to: &Connection, reading: &Reading) -> rusqlite::Result<()> {
        let uptime_s = self.uptime_s(reading);
        let metrics = telling::metrics(reading, uptime_s, self.decisions);
        database::insert_state(to, reading, telling::state_name(reading), uptime_s, &metrics)
    }

    /// Decides, records it, and tells it to the logs where `lines` are wanted.
    ///
    /// # Errors
    /// SQLite's.
    pub fn decide(&mut self, to: &Connection, reading: &Reading, lines: Option<&mut Lines>) -> rusqlite::Result<()> {
        let before = self.house.mode();
        let (decision, ended) = self.house.decide(reading);
        let local = self.a_moment_after(reading.at, 1_100_000);
        if reading.at >= self.started {
            self.decisions += 1;
        }
        if let Some(lines) = lines {
            lines.master.push_str(&telling::decision_lines(&decision, &local));
            lines.charge.extend(telling::charging_line(before, decision.mode, &local));
        }
        database::insert_decision(to, &decision, &local)?;
        ended.map_or(Ok(()), |session| database::insert_session(to, &session, &self.zone))
    }

    /// What the collector's log says of a reading: that it succeeded, or, seldom, what went wrong at first.
    pub fn tell_collected(&self, reading: &Reading, lines: &mut Lines) {
        if unit(self.seed, Channel::Jitter, -reading.at.as_second()) < 0.004 {
            lines.data.push_str(&telling::failure_lines(&reading.local));
        }
        lines.data.push_str(&telling::collected_line(reading));
    }

    /// What the master log says of a reading.
    pub fn tell_status(&self, reading: &Reading, lines: &mut Lines) {
        lines.master.push_str(&telling::status_lines(reading, self.uptime_s(reading), self.decisions));
    }

    fn uptime_s(&self, reading: &Reading) -> f64 {
        reading.at.duration_since(self.started).as_secs().max(0) as f64
    }

    /// `at` plus `micros` plus the fraction of a second that a write takes, the same one each time.
    fn a_moment_after(&self, at: Timestamp, micros: i64) -> Zoned {
        let late = 20_000 + (hash(self.seed, Channel::Jitter, at.as_second()) % 700_000) as i64;
        (at + SignedDuration::from_micros(micros + late)).to_zoned(self.zone.clone())
    }
}
