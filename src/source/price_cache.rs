//! Wattboard's own price cache: `data/wattboard_price_cache.json`, PSE's rows of the days in hand, so that a start
//! without network shows prices at once. The replaced dashboard's `price_cache.json` is left alone: its hours are a
//! quarter late.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::pse::rows::{Row, published_day, rows_of};
use crate::base::atomic_file;
use crate::base::fault::{Fault, Kind, io_fault};
use crate::model::price::{Entity, PriceOrigin, PublishedDay};
use crate::model::time::SiteZone;

/// The file's name.
pub const FILE: &str = "wattboard_price_cache.json";
/// Three days of three entities have 80 KB.
const MAX_BYTES: u64 = 2 * 1024 * 1024;
/// The layout below.
const FORMAT: u32 = 2;

/// The file, with the wrapper keys of the replaced dashboard's.
#[derive(Debug, Serialize, Deserialize)]
struct Wrapper {
    price_data: PriceData,
    /// Epoch seconds of the newest fetch.
    cache_timestamp: f64,
    /// The first delivery day in it.
    business_date: String,
    /// Naive local time.
    created_at: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct PriceData {
    format: u32,
    days: Vec<Day>,
}

/// A day of an entity.
#[derive(Debug, Serialize, Deserialize)]
struct Day {
    entity: String,
    business_date: Date,
    fetched_at: Timestamp,
    value: Vec<Row>,
}

/// The cache file of a site.
pub struct PriceCache {
    path: PathBuf,
    zone: SiteZone,
    /// A print of what the file holds, as far as this process read or wrote it.
    held: Option<u64>,
}

impl PriceCache {
    /// In this folder.
    pub fn new(data_dir: &Path, zone: SiteZone) -> Self {
        let path = data_dir.join(FILE);
        atomic_file::sweep(&path);
        Self { path, zone, held: None }
    }

    /// Reads the days from `first` to `last` that the file has. A day's prices do not change, so its age alone does not
    /// make it useless.
    ///
    /// # Errors
    /// The reason why the file is not used; of kind [`Kind::Missing`] when there is none.
    pub fn load(&mut self, first: Date, last: Date, now: Timestamp) -> Result<Vec<PublishedDay>, Fault> {
        let meta = fs::metadata(&self.path).map_err(|error| io_fault("read the price cache", &self.path, &error))?;
        let refuse =
            |why: String| Fault::invalid(format!("the price cache {} is not used: {why}", self.path.display()));
        if !meta.is_file() || meta.len() > MAX_BYTES {
            return Err(refuse(format!("it is not a file of at most {MAX_BYTES} bytes")));
        }
        let bytes = fs::read(&self.path).map_err(|error| io_fault("read the price cache", &self.path, &error))?;
        let wrapper: Wrapper = serde_json::from_slice(&bytes).map_err(|error| {
            // Not JSON at all, or JSON of another layout.
            refuse(if error.is_data() { format!("its format is old or foreign ({error})") } else { error.to_string() })
        })?;
        if wrapper.price_data.format != FORMAT {
            return Err(refuse(format!("its format is {}, not {FORMAT}", wrapper.price_data.format)));
        }
        let newest = wrapper.price_data.days.iter().map(|day| day.fetched_at).max();
        let dated_s = wrapper.cache_timestamp.max(newest.map_or(0.0, |at| at.as_second() as f64));
        if dated_s > now.as_millisecond() as f64 / 1000.0 + 1.0 {
            return Err(refuse("it is dated in the future".to_owned()));
        }
        let wanted = |day: &&Day| (first..=last).contains(&day.business_date);
        let read = |day: &Day| {
            let entity = Entity::named(&day.entity)?;
            let published = published_day(entity, day.business_date, &day.value, day.fetched_at, &self.zone);
            Some(PublishedDay { origin: PriceOrigin::DiskCache, ..published })
        };
        let days: Vec<PublishedDay> = wrapper.price_data.days.iter().filter(wanted).filter_map(read).collect();
        if !days.iter().any(|day| !day.points.is_empty()) {
            return Err(refuse(format!("it is of {}, neither of today nor tomorrow", wrapper.business_date)));
        }
        self.held = Some(print(&days));
        Ok(days)
    }

    /// Replaces the file if `days` are not what it holds already.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn store(&mut self, days: &[&PublishedDay], now: Timestamp) -> Result<(), Fault> {
        let held = print(days.iter().copied());
        if self.held == Some(held) {
            return Ok(());
        }
        let write = |day: &&PublishedDay| Day {
            entity: day.entity.name().to_owned(),
            business_date: day.date,
            fetched_at: day.fetched_at,
            value: rows_of(day),
        };
        let newest = days.iter().map(|day| day.fetched_at).max().unwrap_or(now);
        let wrapper = Wrapper {
            price_data: PriceData { format: FORMAT, days: days.iter().map(write).collect() },
            cache_timestamp: newest.as_millisecond() as f64 / 1000.0,
            business_date: days.iter().map(|day| day.date).min().map_or(String::new(), |date| date.to_string()),
            created_at: self.zone.naive(now),
        };
        let bytes = serde_json::to_vec(&wrapper).map_err(|error| Fault::new(Kind::Invalid, error.to_string()))?;
        atomic_file::replace(&self.path, &bytes)?;
        self.held = Some(held);
        Ok(())
    }
}

/// What tells whether the days are the same: entity, date and values.
fn print<'a>(days: impl IntoIterator<Item = &'a PublishedDay>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for day in days {
        (day.entity, day.date).hash(&mut hasher);
        day.points.iter().for_each(|point| (point.start, point.value).hash(&mut hasher));
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::price::Point;

    const NOW: &str = "2026-11-22T10:00:00Z";

    fn zone() -> SiteZone {
        SiteZone::named("Europe/Warsaw").unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn day(entity: Entity, date: &str, value: i64) -> PublishedDay {
        let date: Date = date.parse().unwrap();
        PublishedDay {
            entity,
            date,
            points: vec![Point { start: zone().day_start(date), value }],
            publication: Some("2026-11-21 13:58:15.542".into()),
            fetched_at: at(NOW),
            origin: PriceOrigin::DiskCache,
        }
    }

    fn load(cache: &mut PriceCache, now: Timestamp) -> Result<Vec<PublishedDay>, Fault> {
        let today = zone().date(now);
        cache.load(today, today.tomorrow().unwrap(), now)
    }

    #[test]
    fn what_was_stored_is_read_back_while_it_is_of_use() {
        let dir = tempfile::TempDir::new().unwrap();
        let cache = || PriceCache::new(dir.path(), zone());
        assert_eq!(load(&mut cache(), at(NOW)).unwrap_err().kind(), Kind::Missing);
        let days = [
            day(Entity::DayAhead, "2026-11-22", -103_170),
            day(Entity::Settlement, "2026-11-23", 412_355),
            day(Entity::Kompas, "2026-11-22", 2),
        ];
        cache().store(&days.each_ref(), at(NOW)).unwrap();
        assert_eq!(load(&mut cache(), at("2026-11-22T20:00:00Z")).unwrap(), days);
        // Tomorrow's prices serve tomorrow, however old they are then.
        assert_eq!(load(&mut cache(), at("2026-11-23T23:00:00Z")).unwrap_err().kind(), Kind::Invalid);
        assert_eq!(load(&mut cache(), at("2026-11-23T22:59:00Z")).unwrap(), [days[1].clone()]);
        for (now, reason) in [
            ("2026-11-24T10:00:00Z", "it is of 2026-11-22, neither of today nor tomorrow"),
            ("2026-11-22T09:00:00Z", "it is dated in the future"),
        ] {
            let text = load(&mut cache(), at(now)).unwrap_err().to_string();
            assert!(text.ends_with(reason), "{text}");
        }
    }

    #[test]
    fn nothing_is_written_when_nothing_changed() {
        let dir = tempfile::TempDir::new().unwrap();
        let mut cache = PriceCache::new(dir.path(), zone());
        let one = day(Entity::DayAhead, "2026-11-22", 1);
        cache.store(&[&one], at(NOW)).unwrap();
        fs::remove_file(dir.path().join(FILE)).unwrap();
        cache.store(&[&one], at(NOW)).unwrap();
        assert!(!dir.path().join(FILE).exists());
        cache.store(&[&one, &day(Entity::DayAhead, "2026-11-23", 1)], at(NOW)).unwrap();
        assert!(dir.path().join(FILE).exists());
    }

    #[test]
    fn garbage_and_other_formats_are_refused_with_the_reason() {
        let dir = tempfile::TempDir::new().unwrap();
        let mut cache = PriceCache::new(dir.path(), zone());
        let old = r#"{"price_data": {"entity": "csdac-pln", "value": []}, "cache_timestamp": 1, "business_date": "", "created_at": ""}"#;
        let newer =
            r#"{"price_data": {"format": 9, "days": []}, "cache_timestamp": 1, "business_date": "", "created_at": ""}"#;
        for (text, reason) in [
            ("", "EOF while parsing"),
            ("garbage", "expected value"),
            (old, "its format is old or foreign (missing field `format`"),
            (newer, "its format is 9, not 2"),
        ] {
            fs::write(dir.path().join(FILE), text).unwrap();
            let fault = load(&mut cache, at(NOW)).unwrap_err().to_string();
            assert!(fault.contains(reason), "{fault}");
        }
        fs::remove_file(dir.path().join(FILE)).unwrap();
        fs::create_dir(dir.path().join(FILE)).unwrap();
        assert!(load(&mut cache, at(NOW)).unwrap_err().to_string().contains("not a file"));
        let fault = cache.store(&[&day(Entity::DayAhead, "2026-11-22", 1)], at(NOW)).unwrap_err();
        assert!(fault.to_string().starts_with("cannot write "));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    }
}
