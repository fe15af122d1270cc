//! The price cache's file: read or refused by its name, and the same after it was written again.

#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use wattboard::base::fault::Fault;
use wattboard::model::price::{PriceOrigin, PublishedDay};
use wattboard::model::time::SiteZone;
use wattboard::source::price_cache::PriceCache;

const FILE: &str = "wattboard_price_cache.json";
const NOW: &str = "2025-10-26T10:00:00Z";

struct Place {
    given: PathBuf,
    written: PathBuf,
    zone: SiteZone,
}

fn place() -> &'static Place {
    static PLACE: OnceLock<Place> = OnceLock::new();
    PLACE.get_or_init(|| {
        let root = std::env::temp_dir().join(format!("wattboard-fuzz-{}", std::process::id()));
        let folder = |name: &str| {
            let folder = root.join(name);
            fs::create_dir_all(&folder).expect("a folder");
            folder
        };
        let zone = SiteZone::named("Europe/Warsaw").expect("Warsaw is a zone");
        Place { given: folder("given"), written: folder("written"), zone }
    })
}

fn load(dir: &Path, zone: &SiteZone) -> Result<Vec<PublishedDay>, Fault> {
    let now: Timestamp = NOW.parse().expect("an instant");
    let today = zone.date(now);
    PriceCache::new(dir, zone.clone()).load(today, today.tomorrow().expect("a date"), now)
}

fuzz_target!(|data: &[u8]| {
    let Place { given, written, zone } = place();
    fs::write(given.join(FILE), data).expect("a file");
    let now: Timestamp = NOW.parse().expect("an instant");
    let today = zone.date(now);
    let days = match load(given, zone) {
        Ok(days) => days,
        Err(fault) => {
            let text = fault.to_string();
            assert!(text.contains(FILE), "{text}");
            return;
        }
    };
    assert!(days.iter().any(|day| !day.points.is_empty()), "what says nothing is refused");
    for day in &days {
        assert!(today <= day.date && day.date <= today.tomorrow().expect("a date"));
        assert_eq!(day.origin, PriceOrigin::DiskCache);
        let (start, end) = (zone.day_start(day.date), zone.day_start(day.date) + zone.day_length(day.date));
        assert!(day.points.iter().all(|point| start <= point.start && point.start < end));
        assert!(day.points.windows(2).all(|pair| pair[0].start < pair[1].start));
        assert!(day.fetched_at.as_second() <= now.as_second() + 1, "nothing is from the future");
    }
    let all: Vec<&PublishedDay> = days.iter().collect();
    PriceCache::new(written, zone.clone()).store(&all, now).expect("a file");
    let again = load(written, zone).expect("what was written is read");
    let told = |days: &[PublishedDay]| {
        days.iter().map(|day| (day.entity, day.date, day.points.clone(), day.fetched_at)).collect::<Vec<_>>()
    };
    assert_eq!(told(&again), told(&days));
});
