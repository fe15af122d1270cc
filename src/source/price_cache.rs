//! Wattboard's own price cache: `data/wattboard_price_cache.json`, PSE's rows as they came, so that a start without
//! network shows prices at once. The replaced dashboard's `price_cache.json` is left alone: its hours are a quarter late.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::pse::Row;
use crate::base::atomic_file;
use crate::base::fault::{Fault, Kind, io_fault};
use crate::model::time::SiteZone;

const FILE: &str = "wattboard_price_cache.json";
/// A cache older than this is not shown.
const MAX_AGE: Duration = Duration::from_secs(86_400);
/// Two days have 20 KB.
const MAX_BYTES: u64 = 2 * 1024 * 1024;

/// The file, with the wrapper keys of the replaced dashboard's.
#[derive(Debug, Serialize, Deserialize)]
struct Wrapper {
    price_data: PriceData,
    /// Epoch seconds.
    cache_timestamp: f64,
    /// The first delivery day in it.
    business_date: String,
    /// Naive local time.
    created_at: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct PriceData {
    entity: String,
    value: Vec<Row>,
}

const ENTITY: &str = "csdac-pln";

/// Rows that were read back.
#[derive(Debug, Clone, PartialEq)]
pub struct Cached {
    /// Of today and perhaps tomorrow.
    pub rows: Vec<Row>,
    /// When they were fetched.
    pub fetched_at: Timestamp,
}

/// The cache file of a site.
pub struct PriceCache {
    path: PathBuf,
    zone: SiteZone,
    /// What the file holds, as far as this process read or wrote it.
    held: Option<Vec<Row>>,
}

impl PriceCache {
    /// In this folder.
    pub fn new(data_dir: &Path, zone: SiteZone) -> Self {
        Self { path: data_dir.join(FILE), zone, held: None }
    }

    /// Reads the file: rows of today or tomorrow, younger than 24 hours.
    ///
    /// # Errors
    /// The reason why it is not used; of kind [`Kind::Missing`] when there is none.
    pub fn load(&mut self, now: Timestamp) -> Result<Cached, Fault> {
        let meta = fs::metadata(&self.path).map_err(|error| io_fault("read the price cache", &self.path, &error))?;
        let refuse =
            |why: String| Fault::invalid(format!("the price cache {} is not used: {why}", self.path.display()));
        if !meta.is_file() || meta.len() > MAX_BYTES {
            return Err(refuse(format!("it is not a file of at most {MAX_BYTES} bytes")));
        }
        let bytes = fs::read(&self.path).map_err(|error| io_fault("read the price cache", &self.path, &error))?;
        let wrapper: Wrapper = serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))?;
        if wrapper.price_data.entity != ENTITY {
            return Err(refuse(format!("it holds {:?}", wrapper.price_data.entity)));
        }
        let fetched_at = Timestamp::from_millisecond((wrapper.cache_timestamp * 1000.0) as i64)
            .map_err(|_| refuse(format!("its time {} is none", wrapper.cache_timestamp)))?;
        let age = now.duration_since(fetched_at);
        if age.is_negative() {
            return Err(refuse("it is dated in the future".to_owned()));
        }
        if age.unsigned_abs() > MAX_AGE {
            return Err(refuse(format!("it is {} hours old", age.as_hours())));
        }
        let today = self.zone.date(now);
        let wanted = |row: &Row| {
            let day = row.business_date.as_deref().and_then(|day| day.parse::<Date>().ok());
            day.is_some_and(|day| day == today || today.tomorrow().is_ok_and(|next| day == next))
        };
        let rows: Vec<Row> = wrapper.price_data.value.into_iter().filter(wanted).collect();
        if rows.is_empty() {
            return Err(refuse(format!("it is of {}, neither today nor tomorrow", wrapper.business_date)));
        }
        self.held = Some(rows.clone());
        Ok(Cached { rows, fetched_at })
    }

    /// Replaces the file if `rows` are not what it holds already.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn store(&mut self, rows: &[Row], now: Timestamp) -> Result<(), Fault> {
        if self.held.as_deref() == Some(rows) {
            return Ok(());
        }
        let wrapper = Wrapper {
            price_data: PriceData { entity: ENTITY.to_owned(), value: rows.to_vec() },
            cache_timestamp: now.as_millisecond() as f64 / 1000.0,
            business_date: rows.first().and_then(|row| row.business_date.clone()).unwrap_or_default(),
            created_at: self.zone.naive(now),
        };
        let bytes = serde_json::to_vec(&wrapper).map_err(|error| Fault::new(Kind::Invalid, error.to_string()))?;
        atomic_file::replace(&self.path, &bytes)?;
        self.held = Some(rows.to_vec());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(date: &str) -> Vec<Row> {
        vec![Row {
            dtime_utc: Some("2026-11-21 23:15:00".into()),
            business_date: Some(date.into()),
            csdac_pln: Some(serde_json::json!(12.5)),
            publication_ts: None,
        }]
    }

    #[test]
    fn what_was_stored_is_read_back_until_it_is_too_old() {
        let dir = tempfile::TempDir::new().unwrap();
        let zone = SiteZone::named("Europe/Warsaw").unwrap();
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let cache = || PriceCache::new(dir.path(), zone.clone());
        assert_eq!(cache().load(now).unwrap_err().kind(), Kind::Missing);
        cache().store(&rows("2026-11-22"), now).unwrap();
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        assert_eq!(cache().load(now + hours(10)).unwrap(), Cached { rows: rows("2026-11-22"), fetched_at: now });
        for (at, reason) in [
            (now + hours(25), "it is 25 hours old"),
            (now + hours(14), "it is of 2026-11-22, neither today nor tomorrow"),
            (now - hours(1), "it is dated in the future"),
        ] {
            let text = cache().load(at).unwrap_err().to_string();
            assert!(text.ends_with(reason), "{text}");
        }
    }

    #[test]
    fn nothing_is_written_when_nothing_changed() {
        let dir = tempfile::TempDir::new().unwrap();
        let mut cache = PriceCache::new(dir.path(), SiteZone::named("Europe/Warsaw").unwrap());
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        cache.store(&rows("2026-11-22"), now).unwrap();
        fs::remove_file(dir.path().join(FILE)).unwrap();
        cache.store(&rows("2026-11-22"), now).unwrap();
        assert!(!dir.path().join(FILE).exists());
        cache.store(&rows("2026-11-23"), now).unwrap();
        assert!(dir.path().join(FILE).exists());
    }

    #[test]
    fn garbage_and_the_old_format_are_refused_with_the_reason() {
        let dir = tempfile::TempDir::new().unwrap();
        let mut cache = PriceCache::new(dir.path(), SiteZone::named("Europe/Warsaw").unwrap());
        for (text, reason) in [
            ("", "EOF while parsing"),
            ("garbage", "expected value"),
            (
                r#"{"price_data": {"current_price_pln_kwh": 0.5}, "cache_timestamp": 1, "business_date": "", "created_at": ""}"#,
                "missing field `entity`",
            ),
        ] {
            fs::write(dir.path().join(FILE), text).unwrap();
            let fault = cache.load("2026-11-22T10:00:00Z".parse().unwrap()).unwrap_err().to_string();
            assert!(fault.contains(reason), "{fault}");
        }
    }
}
