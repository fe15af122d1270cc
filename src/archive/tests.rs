//! The price memory in real files that go wrong in real ways.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rusqlite::params;
use tempfile::TempDir;

use super::*;
use crate::base::clock::{Clock, SimulatedClock};
use crate::base::shutdown::{self, ShutdownTrigger};
use crate::model::price::{Point, PriceOrigin};

const NOW: &str = "2026-11-22T13:00:00Z";

struct Bench {
    dir: TempDir,
    clock: Arc<SimulatedClock>,
    shutdown: Shutdown,
    trigger: ShutdownTrigger,
}

fn bench() -> Bench {
    let (trigger, shutdown) = shutdown::channel();
    let clock = Arc::new(SimulatedClock::new(NOW.parse().unwrap()));
    Bench { dir: TempDir::new().unwrap(), clock, shutdown, trigger }
}

impl Bench {
    fn path(&self) -> PathBuf {
        self.dir.path().join("wattboard.db")
    }

    fn archive(&self) -> Archive {
        self.at(&self.path())
    }

    fn at(&self, path: &Path) -> Archive {
        Archive::new(path.to_owned(), zone(), self.clock.clone(), self.shutdown.clone())
    }

    fn reader(&self) -> PriceReader {
        PriceReader::new(&self.path(), zone())
    }

    fn files(&self) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(self.dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn zone() -> SiteZone {
    SiteZone::named("Europe/Warsaw").unwrap()
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

/// A day of the market with its first `count` values.
fn day(text: &str, count: usize) -> PublishedDay {
    let points = PublishedDay::axis(Entity::DayAhead, date(text), &zone())
        .take(count)
        .enumerate()
        .map(|(index, start)| Point { start, value: index as i64 - 5 })
        .collect();
    PublishedDay {
        entity: Entity::DayAhead,
        date: date(text),
        points,
        publication: Some("2026-11-21 13:58:15.542".into()),
        fetched_at: NOW.parse().unwrap(),
        origin: PriceOrigin::Network,
    }
}

fn remembered(day: PublishedDay) -> PublishedDay {
    PublishedDay { origin: PriceOrigin::Memory, ..day }
}

#[test]
fn days_come_back_as_they_were_and_nothing_is_written_twice() {
    let bench = bench();
    let mut archive = bench.archive();
    let autumn = day("2025-10-26", 100);
    assert_eq!(archive.day(Entity::DayAhead, autumn.date, soon()), Ok(None));
    assert_eq!(bench.reader().day(Entity::DayAhead, autumn.date), Ok(None));
    assert_eq!(archive.known().unwrap().len(), 0);
    assert!(bench.files().is_empty(), "looking creates nothing");
    let kompas = PublishedDay { entity: Entity::Kompas, points: Vec::new(), publication: None, ..autumn.clone() };
    assert_eq!(archive.keep(&[autumn.clone(), kompas]), Ok(1));
    assert_eq!(bench.files(), ["wattboard.db"]);
    let bytes = fs::read(bench.path()).unwrap();
    let modified = fs::metadata(bench.path()).unwrap().modified().unwrap();
    let later = PublishedDay { fetched_at: "2026-11-23T00:00:00Z".parse().unwrap(), ..autumn.clone() };
    assert_eq!(archive.keep(&[later]), Ok(0));
    assert_eq!(fs::read(bench.path()).unwrap(), bytes);
    assert_eq!(fs::metadata(bench.path()).unwrap().modified().unwrap(), modified);
    let expected = Ok(Some(remembered(autumn.clone())));
    assert_eq!(archive.day(Entity::DayAhead, autumn.date, soon()), expected);
    assert_eq!(bench.reader().day(Entity::DayAhead, autumn.date), expected);
    assert_eq!(archive.day(Entity::Kompas, autumn.date, soon()), Ok(None), "an empty day is no day");
    assert_eq!(archive.known().unwrap().len(), 2, "but it is known");
    let holdings = Holdings { days: 1, first: Some(autumn.date), last: Some(autumn.date) };
    assert_eq!(bench.reader().check(), Ok(Some(holdings)));
    assert_eq!(bench.files(), ["wattboard.db"]);
}

#[test]
fn an_incomplete_day_is_kept_once_it_will_not_be_completed_and_grows_only() {
    let bench = bench();
    let mut archive = bench.archive();
    assert_eq!(archive.keep(&[day("2026-11-19", 95), day("2026-11-22", 4)]), Ok(0));
    assert!(bench.files().is_empty(), "PSE may still complete them");
    let received = |archive: &mut Archive| {
        let found = archive.day(Entity::DayAhead, date("2026-11-18"), soon()).unwrap().unwrap();
        (found.points.len(), found.fetched_at.to_string())
    };
    assert_eq!(archive.keep(&[day("2026-11-18", 90)]), Ok(1));
    let mut less = day("2026-11-18", 80);
    less.fetched_at = "2026-12-22T13:00:00Z".parse().unwrap();
    assert_eq!(archive.keep(&[less]), Ok(0));
    assert_eq!(received(&mut archive), (90, "2026-12-22T13:00:00Z".into()));
    assert_eq!(archive.keep(&[day("2026-11-18", 96)]), Ok(1));
    assert_eq!(received(&mut archive), (96, NOW.into()));
    assert!(archive.known().unwrap().values().all(|known| known.is_complete));
}

#[test]
fn a_writer_that_is_killed_leaves_whole_days_only() {
    let bench = bench();
    bench.archive().keep(&[day("2026-11-20", 96)]).unwrap();
    // Killed before the commit: what was written is in the file, how it was before in the journal.
    let copy = bench.dir.path().join("killed.db");
    let mut writer = Connection::open(bench.path()).unwrap();
    // A cache of one page, so that pages are written before the commit.
    writer.pragma_update(None, "cache_size", 1).unwrap();
    let transaction = writer.transaction().unwrap();
    for date in 0..30 {
        for slot in 0..96 {
            let values = params![date * 86_400 + slot * 900, slot];
            transaction.execute("INSERT INTO price_slots VALUES (0, ?1, ?2)", values).unwrap();
        }
    }
    transaction.execute("INSERT INTO price_days VALUES (0, '1970-01-01', 96, 96, NULL, 0)", []).unwrap();
    transaction.execute("UPDATE price_days SET received = 1", []).unwrap();
    assert!(bench.files().contains(&"wattboard.db-journal".to_owned()));
    fs::copy(bench.path(), &copy).unwrap();
    fs::copy(bench.dir.path().join("wattboard.db-journal"), bench.dir.path().join("killed.db-journal")).unwrap();
    drop(transaction);
    let mut archive = bench.at(&copy);
    let known = archive.known().unwrap();
    assert_eq!(known.keys().map(|(_, date)| date.to_string()).collect::<Vec<_>>(), ["2026-11-20"]);
    assert!(known.values().all(|known| known.is_complete));
    assert!(!bench.files().contains(&"killed.db-journal".to_owned()), "the journal was played back");
}

#[test]
fn a_broken_file_is_set_aside_and_a_new_one_begun() {
    let garbage = b"This is no database. ".repeat(300);
    let bench = bench();
    bench.archive().keep(&[day("2026-11-20", 96), day("2026-11-21", 96)]).unwrap();
    let mut torn = fs::read(bench.path()).unwrap();
    torn[4_096..].fill(0xA5);
    for (what, bytes) in [("garbage", garbage), ("torn", torn)] {
        for by_reading in [true, false] {
            for file in bench.files() {
                fs::remove_file(bench.dir.path().join(file)).unwrap();
            }
            fs::write(bench.path(), &bytes).unwrap();
            let mut archive = bench.archive();
            let fault = bench.reader().check().unwrap_err();
            assert_eq!(fault.kind(), Kind::Unreadable, "{fault}");
            assert_eq!(bench.files().len(), 1, "a reader leaves it alone");
            if by_reading {
                assert_eq!(archive.day(Entity::DayAhead, date("2026-11-20"), soon()), Ok(None), "{what}");
            }
            assert_eq!(archive.keep(&[day("2026-11-20", 96)]), Ok(1), "{what}");
            assert_eq!(bench.files(), ["wattboard.db", "wattboard.db.broken-20261122T130000Z"], "{what}");
            assert_eq!(fs::read(bench.dir.path().join("wattboard.db.broken-20261122T130000Z")).unwrap(), bytes);
            assert_eq!(archive.known().unwrap().len(), 1);
        }
    }
}

#[test]
fn a_full_disk_is_over_when_something_was_written() {
    let bench = bench();
    let mut archive = bench.archive();
    let full = || rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None);
    assert!(
        archive.write(|_| Err::<(), _>(full())).unwrap_err().to_string().ends_with("wattboard.db: the disk is full")
    );
    let told = archive.health().error.unwrap();
    assert!(told.ends_with("wattboard.db: the disk is full"), "{told}");
    bench.clock.advance(FIRST_PAUSE);
    // Looking needs no room: it does not show that there is some.
    archive.prepare().unwrap();
    assert_eq!(archive.health().error, Some(told));
    archive.try_again().unwrap();
    assert_eq!(archive.health(), OwnDatabase::default());
    assert!(archive.is_new());
}

#[test]
fn a_file_that_is_taken_away_is_missed() {
    let bench = bench();
    let mut archive = bench.archive();
    archive.keep(&[day("2026-11-20", 96)]).unwrap();
    assert_eq!(archive.known().unwrap().len(), 1);
    assert!(!archive.is_new());
    for emptied in [true, false] {
        if emptied {
            fs::write(bench.path(), "").unwrap();
        } else {
            fs::remove_file(bench.path()).unwrap();
        }
        assert_eq!(archive.known().unwrap().len(), 0);
        assert!(archive.is_new() && !archive.is_new());
        assert_eq!(archive.known().unwrap().len(), 0);
        assert!(!archive.is_new(), "said once");
        assert_eq!(archive.keep(&[day("2026-11-20", 96)]), Ok(1));
        assert_eq!(archive.known().unwrap().len(), 1);
    }
}

#[test]
fn of_damaged_files_the_newest_three_are_kept() {
    let bench = bench();
    let mut archive = bench.archive();
    let foreign =
        ["wattboard.db.broken-old", "wattboard.db.broken-20250101T000000Z.mine", "x.db.broken-20250101T000000Z"];
    foreign.iter().for_each(|name| fs::write(bench.dir.path().join(name), "").unwrap());
    for minute in 0..5 {
        fs::write(bench.path(), format!("No. {minute}")).unwrap();
        assert_eq!(archive.keep(&[day("2026-11-20", 96)]), Ok(1));
        let told = archive.health().set_aside.unwrap();
        let name = bench.clock.now().strftime("wattboard.db.broken-%Y%m%dT%H%M%SZ").to_string();
        let words = format!("it is not an SQLite database; it is now {}", bench.dir.path().join(name).display());
        assert!(told.contains(&words), "{told}");
        assert!(archive.is_new() && !archive.is_new(), "said once");
        bench.clock.advance(SOUND_FOR);
    }
    let files = bench.files();
    let kept: Vec<_> = files.iter().filter(|name| name.contains("db.broken-2026")).collect();
    assert_eq!(kept.len(), 3, "{files:?}");
    assert_eq!(fs::read_to_string(bench.dir.path().join(kept[0])).unwrap(), "No. 2");
    assert!(foreign.iter().all(|name| files.contains(&(*name).to_owned())), "{files:?}");
    // What is damaged again at once lies on something broken: it is not filled with damaged files.
    fs::write(bench.path(), "one more").unwrap();
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(archive.keep(&[day("2026-11-20", 96)]), Ok(1));
    fs::write(bench.path(), "and one more").unwrap();
    assert_eq!(archive.known().unwrap_err().kind(), Kind::Unreadable);
    assert_eq!(archive.keep(&[day("2026-11-20", 96)]).unwrap_err().kind(), Kind::Unreadable);
    assert_eq!(fs::read(bench.path()).unwrap(), b"and one more");
    bench.clock.advance(SOUND_FOR);
    assert_eq!(archive.keep(&[day("2026-11-20", 96)]), Ok(1));
}

#[test]
fn a_folder_in_its_place_is_named_and_left_alone() {
    let bench = bench();
    fs::create_dir(bench.path()).unwrap();
    let mut archive = bench.archive();
    for fault in [
        archive.keep(&[day("2026-11-20", 96)]).unwrap_err(),
        archive.known().unwrap_err(),
        bench.reader().check().unwrap_err(),
    ] {
        assert!(fault.to_string().ends_with("wattboard.db: it is a folder; remove it, a file is made in its place"));
    }
    assert_eq!(bench.files(), ["wattboard.db"]);
    fs::remove_dir(bench.path()).unwrap();
    bench.clock.advance(FIRST_PAUSE);
    assert_eq!(archive.keep(&[day("2026-11-20", 96)]), Ok(1));
}

#[test]
fn foreign_and_newer_files_are_left_alone() {
    for (sql, words) in [
        ("CREATE TABLE energy_data(timestamp TEXT)", "wattboard.db: it is not Wattboard's database"),
        ("PRAGMA journal_mode = wal; CREATE TABLE t(x)", "wattboard.db: it is not Wattboard's database"),
        (
            "PRAGMA application_id = 0x57617474; PRAGMA user_version = 9; CREATE TABLE t(x)",
            "it needs a Wattboard that knows version 9",
        ),
    ] {
        let bench = bench();
        Connection::open(bench.path()).unwrap().execute_batch(sql).unwrap();
        let bytes = fs::read(bench.path()).unwrap();
        let mut archive = bench.archive();
        for fault in [
            archive.keep(&[day("2026-11-20", 96)]).unwrap_err(),
            archive.day(Entity::DayAhead, date("2026-11-20"), soon()).unwrap_err(),
        ] {
            assert!(fault.to_string().contains(words), "{fault}");
            assert_eq!(fault.kind(), Kind::Invalid);
        }
        assert_eq!(bench.files(), ["wattboard.db"]);
        assert!(bench.reader().check().is_err());
        assert_eq!(fs::read(bench.path()).unwrap(), bytes, "{sql}");
    }
}

#[test]
fn the_coordinators_database_is_never_taken_for_ones_own() {
    let dir = TempDir::new().unwrap();
    let parse = |own: &str| {
        let text = format!(
            "electricity_tariff: {{tariff_type: g11, distribution_pricing: {{g11: {{type: static, price: 1}}}}}}\n\
             data_storage: {{wattboard_database: {own}}}\n"
        );
        crate::config::Config::parse(&dir.path().join("config/c.yaml"), &text)
    };
    fs::create_dir(dir.path().join("data")).unwrap();
    fs::write(dir.path().join("data/goodwe_energy.db"), "").unwrap();
    for own in ["data/goodwe_energy.db", "data/../data/goodwe_energy.db"] {
        let fault = parse(own).unwrap_err().to_string();
        assert!(fault.contains("a file of Wattboard's own, not the coordinator's database"), "{fault}");
    }
    assert_eq!(parse("memory/w.db").unwrap().own_database, dir.path().join("memory/w.db"));
}

#[test]
fn without_a_folder_nothing_is_kept_and_everything_goes_on() {
    let bench = bench();
    fs::write(bench.dir.path().join("file"), "x").unwrap();
    let path = bench.dir.path().join("file/wattboard.db");
    let mut archive = bench.at(&path);
    let fault = archive.keep(&[day("2026-11-20", 96)]).unwrap_err();
    assert_eq!(fault.kind(), Kind::Io);
    assert!(fault.to_string().contains("file/wattboard.db: it cannot be opened"), "{fault}");
    assert_eq!(archive.day(Entity::DayAhead, date("2026-11-20"), soon()), Ok(None));
    assert_eq!(archive.known().unwrap().len(), 0);
    assert_eq!(archive.health().error, Some(fault.to_string()));
    // The folder comes back; it is looked at a minute after the last try, then less and less often.
    for pause in [60, 120, 240, 480, 600, 600] {
        bench.clock.advance(Duration::from_secs(pause - 1));
        assert_eq!(archive.prepare(), Err(fault.clone()));
        let until = archive.out_until().unwrap();
        bench.clock.advance(Duration::from_secs(1));
        assert_eq!(archive.prepare(), Err(fault.clone()));
        assert!(archive.out_until().unwrap() > until, "it was tried after {pause} s");
    }
    fs::remove_file(bench.dir.path().join("file")).unwrap();
    fs::create_dir(bench.dir.path().join("file")).unwrap();
    bench.clock.advance(LONGEST_PAUSE);
    assert!(!archive.is_new());
    assert_eq!(archive.prepare(), Ok(()));
    assert_eq!(archive.health().error, Some(fault.to_string()), "nothing is remembered yet");
    assert_eq!(archive.keep(&[day("2026-11-20", 96)]), Ok(1));
    assert_eq!(archive.health(), OwnDatabase::default());
    assert!(archive.is_new() && !archive.is_new(), "said once");
}

#[test]
fn two_writers_at_once_wait_for_one_another() {
    let bench = bench();
    let days: Vec<PublishedDay> = (1..=28).map(|day_of| day(&format!("2026-02-{day_of:02}"), 96)).collect();
    std::thread::scope(|scope| {
        for part in [0, 1, 2] {
            let (bench, days) = (&bench, &days);
            scope.spawn(move || {
                let mut archive = bench.archive();
                days.iter().skip(part).for_each(|day| {
                    archive.keep(std::slice::from_ref(day)).unwrap();
                });
            });
        }
    });
    assert_eq!(bench.archive().known().unwrap().len(), 28);
    assert_eq!(bench.reader().check().unwrap().unwrap().days, 28);
}

#[test]
fn a_held_lock_is_no_outage_and_the_stop_ends_the_wait() {
    let bench = bench();
    let mut archive = bench.archive();
    archive.prepare().unwrap();
    let other = Connection::open(bench.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let started = Instant::now();
    let fault = archive.keep(&[day("2026-11-20", 96)]).unwrap_err();
    assert_eq!(fault.kind(), Kind::Locked, "{fault}");
    assert!(started.elapsed() < Duration::from_secs(10));
    let waiting = std::thread::scope(|scope| {
        let (archive, started) = (&mut archive, Instant::now());
        let waiter = scope.spawn(move || (archive.keep(&[day("2026-11-20", 96)]), started.elapsed()));
        std::thread::sleep(Duration::from_millis(100));
        bench.trigger.stop();
        waiter.join().unwrap()
    });
    assert_eq!(waiting.0.unwrap_err().kind(), Kind::Stopping);
    assert!(waiting.1 < Duration::from_millis(1_500), "{:?}", waiting.1);
}
