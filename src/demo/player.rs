//! Thread `demo-player`: goes on living where the history ends, writing through a connection of its own.
//!
//! A database that is locked, gone or spoilt is told in the log and tried again at the next beat.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::Connection;

use super::coordinator::{Coordinator, Lines};
use super::history::{DECISION_S, Paths, ROW_S, STATES};
use super::{Stop, database};
use crate::base::clock::SharedClock;
use crate::base::fault::{Fault, io_fault};

/// Time between two states.
const BEAT: Duration = Duration::from_secs(3);
/// Beats between two status reports in the master log.
const STATUS_BEATS: u64 = 10;
/// The beat of the first decision, so that one is soon seen.
const FIRST_DECISION: u64 = 3;
/// A log that has grown beyond this is renamed and begun anew.
const LOG_BYTES: u64 = 4 * 1024 * 1024;

/// The simulated coordinator at work.
pub struct Player {
    coordinator: Coordinator,
    paths: Paths,
    zone: TimeZone,
    connection: Option<Connection>,
    last: Timestamp,
    row: i64,
    decision: i64,
    beats: u64,
}

impl Player {
    /// A player that goes on at `now` with what the history left.
    pub fn new(coordinator: Coordinator, paths: Paths, zone: TimeZone, now: Timestamp) -> Self {
        let (row, decision) = marks(now);
        Self { coordinator, paths, zone, connection: None, last: now, row, decision, beats: 0 }
    }

    /// Plays until it is stopped.
    ///
    /// # Errors
    /// None; the type is that of every thread.
    pub fn run(mut self, clock: &SharedClock, stop: &Stop) -> Result<(), Fault> {
        while stop.wait(BEAT) {
            if let Err(fault) = self.beat(clock.now()) {
                log::warn!("DEMO: {fault}; trying again in {} s", BEAT.as_secs());
            }
        }
        Ok(())
    }

    /// Records what is due at `now`: always a state, at their times a row and a decision, and log lines.
    ///
    /// # Errors
    /// When the database or a log cannot be written.
    pub fn beat(&mut self, now: Timestamp) -> Result<(), Fault> {
        self.beats += 1;
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => database::open(&self.paths.database)?,
        };
        let mut lines = Lines::default();
        let recorded = self.record(&connection, now, &mut lines);
        let logged = self.append(&lines);
        recorded.map_err(|error| database::sql_fault("write the demo's database", &error))?;
        self.connection = Some(connection);
        logged
    }

    fn record(&mut self, to: &Connection, now: Timestamp, lines: &mut Lines) -> rusqlite::Result<()> {
        let (row, decision) = marks(now);
        // One transaction for all that is due, as short as can be: nobody waits for it.
        let transaction = to.unchecked_transaction()?;
        let due = row != self.row;
        if due {
            // After a failed beat the row's own moment lies behind the house already.
            let on_time = Timestamp::from_second(row * ROW_S).ok().filter(|at| *at > self.last);
            let reading = self.coordinator.advance(on_time.unwrap_or(now));
            self.coordinator.record_energy(&transaction, &reading)?;
            if decision != self.decision {
                self.coordinator.decide(&transaction, &reading, Some(lines))?;
            }
            database::prune_states(&transaction, &(now - STATES * 2).to_zoned(self.zone.clone()))?;
        }
        let reading = self.coordinator.advance(now);
        self.last = now;
        if self.beats == FIRST_DECISION && !due {
            self.coordinator.decide(&transaction, &reading, Some(lines))?;
        }
        self.coordinator.record_state(&transaction, &reading)?;
        transaction.commit()?;
        (self.row, self.decision) = (row, decision);
        self.coordinator.tell_collected(&reading, lines);
        if self.beats % STATUS_BEATS == 1 {
            self.coordinator.tell_status(&reading, lines);
        }
        Ok(())
    }

    fn append(&self, lines: &Lines) -> Result<(), Fault> {
        for (name, text) in lines.files() {
            let path = self.paths.logs.join(name);
            append(&path, text).map_err(|error| io_fault("write", &path, &error))?;
        }
        Ok(())
    }
}

/// The five-minute row and the decision that `now` belongs to.
fn marks(now: Timestamp) -> (i64, i64) {
    (now.as_second().div_euclid(ROW_S), now.as_second().div_euclid(DECISION_S))
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    if fs::metadata(path).is_ok_and(|file| file.len() > LOG_BYTES) {
        let mut old = path.as_os_str().to_owned();
        old.push(".1");
        fs::rename(path, PathBuf::from(old))?;
    }
    OpenOptions::new().create(true).append(true).open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::{config_file, history};
    use super::*;
    use crate::base::zones;
    use jiff::SignedDuration;

    fn played(now: Timestamp) -> (tempfile::TempDir, Player, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let zone = zones::zone(config_file::ZONE).unwrap();
        let coordinator = history::write(folder.path(), (1, 7), &zone, now, "http://127.0.0.1:1/").unwrap();
        let paths = Paths::under(folder.path());
        let reader = database::open(&paths.database).unwrap();
        let player = Player::new(coordinator, paths, zone, now);
        (folder, player, reader)
    }

    fn counts(reader: &Connection) -> [i64; 3] {
        ["energy_data", "coordinator_decisions", "system_state"]
            .map(|table| reader.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap())
    }

    #[test]
    fn rows_decisions_and_states_come_at_their_times() {
        let start: Timestamp = "2026-11-22T13:07:22Z".parse().unwrap();
        let (folder, mut player, reader) = played(start);
        let before = counts(&reader);
        // Nine minutes: past 13:10 and the quarter at 13:15.
        for beat in 1..=180 {
            player.beat(start + SignedDuration::from_secs(3 * beat)).unwrap();
        }
        let after = counts(&reader);
        // The early decision and the one at the quarter; states older than six hours are none yet.
        assert_eq!([after[0] - before[0], after[1] - before[1], after[2] - before[2]], [2, 2, 180]);
        let unbalanced: i64 = reader
            .query_row(
                "SELECT count(*) FROM energy_data WHERE pv_power + battery_power <> house_consumption + grid_power",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(unbalanced, 0);
        let log = fs::read_to_string(folder.path().join("logs/master_coordinator.log")).unwrap();
        assert!(log.contains("2026-11-22 14:15:01,") && log.contains("Decision made:"));
    }

    #[test]
    fn a_lost_database_is_a_fault_and_found_again() {
        let start: Timestamp = "2026-11-22T13:07:22Z".parse().unwrap();
        let (_folder, mut player, _reader) = played(start);
        let (path, aside) = (player.paths.database.clone(), player.paths.database.with_extension("aside"));
        fs::rename(&path, &aside).unwrap();
        assert!(player.beat(start + SignedDuration::from_secs(3)).is_err());
        fs::rename(&aside, &path).unwrap();
        player.beat(start + SignedDuration::from_secs(6)).unwrap();
    }

    #[test]
    fn a_row_that_was_due_while_the_database_was_locked_comes_later() {
        let start: Timestamp = "2026-11-22T13:14:58Z".parse().unwrap();
        let (_folder, mut player, reader) = played(start);
        let before = counts(&reader);
        reader.execute_batch("BEGIN IMMEDIATE").unwrap();
        let fault = player.beat(start + SignedDuration::from_secs(3)).unwrap_err();
        assert_eq!(fault.kind(), crate::base::fault::Kind::Locked);
        reader.execute_batch("ROLLBACK").unwrap();
        player.beat(start + SignedDuration::from_secs(6)).unwrap();
        player.beat(start + SignedDuration::from_secs(9)).unwrap();
        let after = counts(&reader);
        // The third beat brings the early decision as well.
        assert_eq!([after[0] - before[0], after[1] - before[1], after[2] - before[2]], [1, 2, 2]);
    }

    #[test]
    fn a_large_log_is_renamed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master_coordinator.log");
        fs::write(&path, vec![b'x'; LOG_BYTES as usize + 1]).unwrap();
        append(&path, "new\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
        assert!(folder.path().join("master_coordinator.log.1").exists());
    }
}
