//! The outside world: the coordinator's database and files, its process and logs, the price API. Each source is owned
//! by one thread; reading is split from parsing, so that parsing is tested without files.

pub mod composite;
pub mod disk;
pub mod files;
pub mod footprint;
pub mod journal;
pub mod json;
pub mod log_files;
pub mod price_cache;
pub mod process;
pub mod pse;
pub mod saved;
pub mod sqlite;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::base::fault::Fault;
pub use crate::model::day::DayPrint;
use crate::model::decision::Decision;
use crate::model::energy::EnergyRow;
use crate::model::reading::Reading;
use crate::model::time::Range;

/// The newest thing that the coordinator said about the house.
#[derive(Debug, Clone, PartialEq)]
pub struct StateRecord {
    /// What it said.
    pub reading: Reading,
    /// The reading's own timestamp, as on disk; empty where it has none.
    pub stated: String,
    /// The row's or line's own timestamp, as on disk.
    pub recorded: String,
    /// When the file was written last, for a reading from a file.
    pub file_modified: Option<Timestamp>,
    /// What is wrong with newer rows that had to be passed over.
    pub trouble: Option<Fault>,
}

/// A way of reading a site. Two are real (SQLite, files), the third is their composition.
pub trait SiteSource {
    /// The newest reading of the house; `None` where there is none.
    ///
    /// # Errors
    /// When the source cannot be read.
    fn latest_state(&mut self, now: Timestamp) -> Result<Option<StateRecord>, Fault>;

    /// The decisions of a range, oldest first.
    ///
    /// # Errors
    /// When the source cannot be read.
    fn decisions(&mut self, range: Range) -> Result<Vec<Decision>, Fault>;

    /// The energy rows of a range, oldest first.
    ///
    /// # Errors
    /// When the source cannot be read.
    fn energy(&mut self, range: Range) -> Result<Vec<EnergyRow>, Fault>;

    /// Which days from `first` to `last` (inclusive) have rows, and what tells whether these changed.
    ///
    /// # Errors
    /// When the source cannot be read.
    fn days(&mut self, first: Date, last: Date) -> Result<BTreeMap<Date, DayPrint>, Fault>;

    /// The first day that has rows; `None` where there are none.
    ///
    /// # Errors
    /// When the source cannot be read.
    fn first_day(&mut self) -> Result<Option<Date>, Fault>;
}
