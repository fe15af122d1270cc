//! The thread `archive` at work on sites of its own.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::archive::RollupReader;
use crate::base::clock::SimulatedClock;
use crate::base::document::Document;
use crate::base::shutdown::{self, ShutdownTrigger};
use crate::inquiry::Desk;
use crate::model::balance::Flow;
use crate::model::price::{Point, PriceOrigin};
use crate::model::time::{Month, SiteZone};
use crate::refresh::{ArchiveLines, Refresher, months::Months};
use crate::snapshot::{DecisionFeed, Scene, Scribe};
use crate::source::pse::Roots;

mod property;

const NOW: &str = "2026-11-22T12:00:00Z";

struct Bench {
    dir: TempDir,
    clock: Arc<SimulatedClock>,
    context: Context,
    _trigger: ShutdownTrigger,
}

fn zone() -> SiteZone {
    SiteZone::named("Europe/Warsaw").unwrap()
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

impl Bench {
    fn new() -> Self {
        Self::with("")
    }

    fn with(extra: &str) -> Self {
        let dir = TempDir::new().unwrap();
        fs::create_dir_all(dir.path().join("config")).unwrap();
        fs::create_dir_all(dir.path().join("data")).unwrap();
        let tariff = "electricity_tariff: {tariff_type: g11, distribution_pricing: {g11: {type: static, price: 0.2}}}";
        let config = Config::parse(&dir.path().join("config/c.yaml"), &format!("{tariff}\n{extra}\n")).unwrap();
        let (trigger, shutdown) = shutdown::channel();
        let clock = Arc::new(SimulatedClock::new(NOW.parse().unwrap()));
        let decisions = |_: Vec<_>, _: &Scene<'_>| DecisionFeed {
            week: Arc::new(Document::new([])),
            day: Arc::new(Document::new([])),
            marks: Box::new([]),
            newest: None,
            mean_confidence_24h: None,
        };
        let context = Context {
            config: Arc::new(config),
            clock: clock.clone(),
            cell: Arc::default(),
            shutdown,
            scribe: Scribe { decisions, history: |_, _| Arc::new(Document::new([])) },
            price_roots: Roots::default(),
            archive: ArchiveLines::new(Desk::new().1),
            proc_root: dir.path().join("proc"),
            journalctl: None,
            audience: Arc::default(),
            beat: Default::default(),
        };
        Self { dir, clock, context, _trigger: trigger }
    }

    fn archive(&self) -> Archive {
        let context = &self.context;
        let path = context.config.own_database.clone();
        Archive::new(path, zone(), context.clock.clone(), context.shutdown.clone())
    }

    fn database(&self, version: u8) -> Connection {
        let connection = Connection::open(self.dir.path().join("data/goodwe_energy.db")).unwrap();
        let tables = "PRAGMA journal_mode = wal;
             CREATE TABLE IF NOT EXISTS energy_data(timestamp TEXT PRIMARY KEY, battery_soc REAL, pv_power INTEGER,
                grid_power INTEGER, house_consumption INTEGER, battery_power INTEGER, battery_temperature REAL,
                price_pln REAL, created_at TEXT);
             CREATE TABLE IF NOT EXISTS coordinator_decisions(id INTEGER PRIMARY KEY, timestamp TEXT, action TEXT,
                parameters TEXT, created_at TEXT);";
        connection.execute_batch(tables).unwrap();
        if version == 4 {
            for column in ["grid_import", "grid_export", "house_consumption", "pv_generation"] {
                let _ = connection.execute(&format!("ALTER TABLE energy_data ADD COLUMN {column}_total_kwh REAL"), []);
            }
            let _ = connection.execute("ALTER TABLE energy_data ADD COLUMN tariff_zone TEXT", []);
        }
        connection
    }

    /// A row every half hour of a day: 0.25 kWh of import each, or 500 W of it.
    fn rows(&self, version: u8, day: &str, decisions: u32) {
        let connection = self.database(version);
        connection.execute_batch("BEGIN").unwrap();
        for index in 0..48 {
            let at = format!("{day}T{:02}:{:02}:00", index / 2, index % 2 * 30);
            let sql = "INSERT OR REPLACE INTO energy_data(timestamp, battery_soc, grid_power) VALUES (?, 50, -500)";
            connection.execute(sql, [&at]).unwrap();
            if version == 4 {
                let days = date(day).since(date("2024-01-01")).unwrap().get_days();
                let total = f64::from(days) * 12.0 + f64::from(index) * 0.25;
                let sql = "UPDATE energy_data SET grid_import_total_kwh = ?, tariff_zone = 'T1' WHERE timestamp = ?";
                connection.execute(sql, rusqlite::params![total, at]).unwrap();
            }
        }
        for index in 0..decisions {
            let at = format!("{day}T{:02}:10:00", index % 24);
            let action = ["charge", "wait", "battery_selling"][index as usize % 3];
            let parameters = r#"{"energy_kwh": 1.25, "estimated_cost_pln": 0.5, "confidence": 0.7, "source": "grid"}"#;
            let sql = "INSERT INTO coordinator_decisions(timestamp, action, parameters) VALUES (?, ?, ?)";
            connection.execute(sql, [&at, action, parameters]).unwrap();
        }
        connection.execute_batch("COMMIT").unwrap();
    }

    /// Takes what comes until there is nothing to do; answers the days that were summed, in order.
    fn work(&self, summing: &mut Summing, archive: &mut Archive) -> Vec<String> {
        let mut days = Vec::new();
        summing.look(archive);
        while summing.due.is_none() {
            let read = summing.reads.recv_timeout(Duration::from_secs(20)).ok();
            if let Some(Ok(Read::Day(rows))) = &read {
                days.push(rows.date.to_string());
            }
            summing.take(read, archive);
        }
        days
    }

    fn backfill(&self) -> (u32, u32, Option<Duration>) {
        let backfill = self.context.cell.load().backfill.unwrap();
        (backfill.done_days, backfill.total_days, backfill.eta)
    }

    fn import(&self, archive: &mut Archive, day: &str) -> f64 {
        let rollup = archive.rollup(date(day), Instant::now() + Duration::from_secs(5)).unwrap().unwrap();
        rollup.balance.day.flow(Flow::Import).kwh.to_f64()
    }
}

fn prices(day: &str, entity: Entity, value: i64) -> PublishedDay {
    let points = PublishedDay::axis(entity, date(day), &zone()).map(|start| Point { start, value }).collect();
    let fetched_at = NOW.parse().unwrap();
    PublishedDay { entity, date: date(day), points, publication: None, fetched_at, origin: PriceOrigin::Network }
}

#[test]
fn closed_days_newest_first_once_and_again_when_they_change() {
    let bench = Bench::new();
    for day in ["2026-11-18", "2026-11-20", "2026-11-21", "2026-11-22"] {
        bench.rows(4, day, 3);
    }
    let (mut archive, mut summing) = (bench.archive(), Summing::new(bench.context.clone()));
    assert_eq!(bench.context.cell.load().backfill, None);
    assert_eq!(bench.work(&mut summing, &mut archive), ["2026-11-21", "2026-11-20", "2026-11-18"]);
    assert_eq!(bench.backfill(), (3, 3, Some(Duration::ZERO)));
    // The half hour over midnight belongs half to each of two neighbours that both have it; here each has its own.
    assert_eq!(bench.import(&mut archive, "2026-11-21"), 12.0);
    let file = fs::read(&bench.context.config.own_database).unwrap();
    let mut again = Summing::new(bench.context.clone());
    assert!(bench.work(&mut again, &mut archive).is_empty(), "what is there is not summed again");
    assert_eq!(fs::read(&bench.context.config.own_database).unwrap(), file);
    // A late row: the day and its neighbours, once it has been the same for an hour.
    let late = "INSERT INTO energy_data(timestamp, grid_import_total_kwh) VALUES ('2026-11-20T12:10:00', 12708.2)";
    bench.database(4).execute_batch(late).unwrap();
    assert!(bench.work(&mut summing, &mut archive).contains(&"2026-11-21".to_owned()), "its neighbour looks at it");
    assert_eq!(bench.backfill().0, 2, "it is not settled");
    bench.clock.advance(Duration::from_secs(3_601));
    assert_eq!(bench.work(&mut summing, &mut archive), ["2026-11-20"]);
    assert_eq!(bench.backfill(), (3, 3, Some(Duration::ZERO)));
    // Another arithmetic, or one that cannot be read.
    let own = Connection::open(&bench.context.config.own_database).unwrap();
    own.execute_batch("UPDATE day_rollups SET arithmetic = 0 WHERE date = -20261118").unwrap();
    let mut summing = Summing::new(bench.context.clone());
    assert_eq!(bench.work(&mut summing, &mut archive), ["2026-11-18"]);
}

#[test]
fn a_day_that_has_just_ended_waits() {
    let bench = Bench::new();
    bench.rows(4, "2026-11-21", 0);
    bench.clock.set_wall("2026-11-21T23:30:00Z".parse().unwrap());
    let (mut archive, mut summing) = (bench.archive(), Summing::new(bench.context.clone()));
    assert!(bench.work(&mut summing, &mut archive).is_empty());
    assert_eq!(bench.backfill(), (0, 1, Some(Duration::ZERO)));
    assert!(!bench.context.config.own_database.exists());
    bench.clock.advance(Duration::from_secs(3_601));
    assert_eq!(bench.work(&mut summing, &mut archive), ["2026-11-21"]);
}

#[test]
fn prices_that_become_known_later_price_their_days() {
    let bench = Bench::new();
    for day in ["2026-11-19", "2026-11-20"] {
        bench.rows(4, day, 0);
    }
    let (mut archive, mut summing) = (bench.archive(), Summing::new(bench.context.clone()));
    assert_eq!(bench.work(&mut summing, &mut archive).len(), 2);
    let cost = |archive: &mut Archive| {
        let rollup = archive.rollup(date("2026-11-20"), Instant::now() + Duration::from_secs(5)).unwrap().unwrap();
        (rollup.balance.day.cost.whole().map(|cost| cost.to_f64()), rollup.balance.cost_unpriced.is_some())
    };
    assert_eq!(cost(&mut archive), (None, true));
    archive.keep(&[prices("2026-11-20", Entity::DayAhead, 300_000)]).unwrap();
    summing.prices_grew();
    assert!(summing.due.unwrap() <= Instant::now() + LOOK_SOON);
    assert_eq!(bench.work(&mut summing, &mut archive), ["2026-11-20"]);
    // Market, the usual margin of 0.0892 and 0.2 of distribution.
    let (found, unpriced) = cost(&mut archive);
    assert!((found.unwrap() - bench.import(&mut archive, "2026-11-20") * 0.5892).abs() < 0.0001 && !unpriced);
    // The Kompas is remembered and not wanted: nothing to do.
    archive.keep(&[prices("2026-11-20", Entity::Kompas, 1)]).unwrap();
    assert!(bench.work(&mut summing, &mut archive).is_empty());
}

#[test]
fn months_are_the_same_from_rollups_as_from_rows() {
    let bench = Bench::new();
    for (version, day) in
        [(1, "2026-09-30"), (1, "2026-10-01"), (4, "2026-10-02"), (4, "2026-10-25"), (4, "2026-10-31")]
    {
        bench.rows(version, day, 1 + date(day).day() as u32 % 5);
    }
    bench.rows(4, "2026-10-03", 0);
    let saved = bench.dir.path().join("out/daily_snapshots");
    fs::create_dir_all(&saved).unwrap();
    for day in ["20261003", "20261004"] {
        let text = r#"{"total_decisions": 9, "charging_count": 4, "total_energy_kwh": 5.5, "real_grid_import_kwh": 3}"#;
        fs::write(saved.join(format!("snapshot_{day}.json")), text).unwrap();
    }
    let months = |bench: &Bench| {
        let mut months = Months::new(bench.context.clone());
        months.refresh();
        bench.context.cell.load().months.known.clone()
    };
    let from_rows = months(&bench);
    let october = Month { year: 2026, month: 10 };
    assert_eq!(from_rows[&october].days.len(), 6);
    let (mut archive, mut summing) = (bench.archive(), Summing::new(bench.context.clone()));
    assert_eq!(bench.work(&mut summing, &mut archive).len(), 6);
    let from_rollups = months(&bench);
    assert_eq!(from_rollups, from_rows);
    // They do come from there.
    let own = RollupReader::new(&bench.context.config.own_database);
    let mut told = own.sums().unwrap();
    assert_eq!(told.len(), 6);
    let (print, mut sums) = told.remove(&date("2026-10-25")).unwrap();
    sums.wait += 100;
    let footing = archive.footings().unwrap().0[&date("2026-10-25")];
    let balance = archive.rollup(date("2026-10-25"), Instant::now() + Duration::from_secs(5)).unwrap().unwrap().balance;
    archive.keep_rollup(&Rollup { footing: Footing { own: print, ..footing }, sums, balance }).unwrap();
    assert_eq!(months(&bench)[&october].sums.wait, from_rows[&october].sums.wait + 100);
    // Not where the rows changed.
    bench.rows(4, "2026-10-25", 1);
    assert!(months(&bench)[&october].sums.wait < from_rows[&october].sums.wait + 100);
}

#[test]
fn what_was_broken_off_waits_for_no_hour() {
    let bench = Bench::new();
    for day in 1..=5 {
        bench.rows(4, &format!("2026-10-{day:02}"), 2);
    }
    let (mut archive, mut summing) = (bench.archive(), Summing::new(bench.context.clone()));
    summing.look(&mut archive);
    for _ in 0..3 {
        summing.take(summing.reads.recv().ok(), &mut archive);
    }
    assert_eq!(archive.footings().unwrap().0.len(), 2);
    summing.take(Some(Err(Fault::new(Kind::Locked, "another program is writing to it"))), &mut archive);
    let pause = summing.due.unwrap().saturating_duration_since(Instant::now());
    assert!(pause > LOOK_SOON / 2 && pause <= LOOK_SOON, "{pause:?}");
    bench.clock.advance(LOOK_SOON);
    assert_eq!(bench.work(&mut summing, &mut archive), ["2026-10-03", "2026-10-02", "2026-10-01"]);
}

#[test]
fn damage_that_nobody_met_is_found_and_the_days_are_summed_anew() {
    let bench = Bench::new();
    for day in 1..=20 {
        bench.rows(4, &format!("2026-10-{day:02}"), 2);
    }
    let path = bench.context.config.own_database.clone();
    assert_eq!(bench.work(&mut Summing::new(bench.context.clone()), &mut bench.archive()).len(), 20);
    let before = fs::read(&path).unwrap();
    // A page with hours of days, which a start has no reason to look at.
    let page: i64 = {
        let connection = Connection::open(&path).unwrap();
        let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'hour_rollups'";
        connection.query_row(root, [], |row| row.get(0)).unwrap()
    };
    let mut damaged = before.clone();
    damaged[(page as usize - 1) * 4096..page as usize * 4096].fill(0xA5);
    fs::write(&path, &damaged).unwrap();
    let (mut archive, mut summing) = (bench.archive(), Summing::new(bench.context.clone()));
    assert!(bench.work(&mut summing, &mut archive).is_empty());
    assert!(archive.is_new() && archive.health().set_aside.is_some());
    summing.begin_anew();
    assert!(summing.due.unwrap() <= Instant::now());
    assert_eq!(bench.work(&mut summing, &mut archive).len(), 20);
    assert_eq!(fs::read(&path).unwrap(), before);
    // Damage that is met on the way: the days that were lost are summed after those under way.
    for day in 21..=25 {
        bench.rows(4, &format!("2026-10-{day:02}"), 2);
    }
    bench.clock.advance(Duration::from_secs(7200));
    let mut summing = Summing::new(bench.context.clone());
    summing.look(&mut archive);
    summing.take(summing.reads.recv().ok(), &mut archive);
    fs::write(&path, "no database").unwrap();
    summing.take(summing.reads.recv().ok(), &mut archive);
    summing.begin_anew();
    while summing.due.is_none() {
        summing.take(summing.reads.recv().ok(), &mut archive);
    }
    assert!(summing.due.unwrap() <= Instant::now());
    bench.work(&mut summing, &mut archive);
    assert_eq!(archive.footings().unwrap().0.len(), 25);
}

#[test]
fn without_a_folder_nothing_is_stored_and_a_stop_is_taken_up_later() {
    let bench = Bench::with("data_storage: {wattboard_database: own/wattboard.db}");
    for day in ["2026-11-18", "2026-11-19", "2026-11-20"] {
        bench.rows(3, day, 2);
    }
    let folder = bench.context.config.own_database.parent().unwrap().to_owned();
    fs::write(&folder, "in the way").unwrap();
    let (mut archive, mut summing) = (bench.archive(), Summing::new(bench.context.clone()));
    assert!(bench.work(&mut summing, &mut archive).is_empty());
    assert_eq!(bench.backfill(), (0, 3, None));
    assert!(summing.due.unwrap() > Instant::now() + LOOK_SOON / 2, "not at once again");
    // As long as it is so, the site is not even looked at.
    summing.look(&mut archive);
    assert!(summing.due.is_some());
    fs::remove_file(&folder).unwrap();
    fs::create_dir(&folder).unwrap();
    // Ended after the first day: the next one goes on.
    let (mut archive, mut summing) = (bench.archive(), Summing::new(bench.context.clone()));
    summing.look(&mut archive);
    let taken = AtomicUsize::new(0);
    while taken.fetch_add(1, Ordering::Relaxed) < 2 {
        let read = summing.reads.recv_timeout(Duration::from_secs(20)).ok();
        summing.take(read, &mut archive);
    }
    assert_eq!(archive.footings().unwrap().0.len(), 1);
    drop(summing);
    let mut summing = Summing::new(bench.context.clone());
    assert_eq!(bench.work(&mut summing, &mut archive), ["2026-11-19", "2026-11-18"]);
    // Nothing at all is fine too.
    let empty = Bench::new();
    assert!(empty.work(&mut Summing::new(empty.context.clone()), &mut empty.archive()).is_empty());
    assert_eq!(empty.backfill(), (0, 0, Some(Duration::ZERO)));
}
