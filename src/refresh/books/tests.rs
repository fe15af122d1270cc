//! What is found of a site on disk: closed days, days that are not summed yet, rows, and a decade.

mod decisions;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::archive::{Footing, Rollup};
use crate::base::clock::SimulatedClock;
use crate::base::shutdown::{self, ShutdownTrigger};
use crate::model::balance::Flow;
use crate::model::balance::property::{Random, site};
use crate::model::day::Sums;
use crate::model::price::{Entity, Point, PriceOrigin};
use crate::model::time::SiteZone;

const NOW: &str = "2026-11-22T12:00:00Z";

struct Bench {
    dir: TempDir,
    library: Library,
    _trigger: ShutdownTrigger,
}

fn zone() -> SiteZone {
    SiteZone::named("Europe/Warsaw").unwrap()
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn days(first: &str, last: &str) -> Days {
    Days { first: date(first), last: date(last) }
}

/// Asks for balances; they come in order.
fn read(bench: &mut Bench, days: Days, with_hours: bool) -> (BTreeMap<Date, Balance>, PastDays) {
    let (wanted, mut known) = (WantedDays { days, with_hours, now: now(), prices: Vec::new() }, BTreeMap::new());
    let past = bench.library.balances(&wanted, &mut |balance| {
        assert!(known.keys().next_back().is_none_or(|last| *last < balance.date));
        known.insert(balance.date, balance);
    });
    (known, past.unwrap())
}

fn bench() -> Bench {
    let dir = TempDir::new().unwrap();
    fs::create_dir_all(dir.path().join("data")).unwrap();
    let text = "electricity_tariff: {tariff_type: g11, distribution_pricing: {g11: {type: static, price: 0.2}}}";
    let config = Arc::new(Config::parse(&dir.path().join("config/c.yaml"), text).unwrap());
    let (trigger, shutdown) = shutdown::channel();
    let clock = Arc::new(SimulatedClock::new(now()));
    let archive = Archive::new(config.own_database.clone(), zone(), clock, shutdown.clone());
    let library = Library::new(archive, Composite::open(&config, &shutdown, false), config);
    Bench { dir, library, _trigger: trigger }
}

/// Rows every five minutes from the beginning of a day on: 600 W from the grid.
fn fill(root: &Path, first: &str, count: i64) {
    let connection = Connection::open(root.join("data/goodwe_energy.db")).unwrap();
    let tables = "PRAGMA journal_mode = wal; BEGIN;
        CREATE TABLE IF NOT EXISTS energy_data(timestamp TEXT PRIMARY KEY, battery_soc REAL, grid_power INTEGER);
        CREATE TABLE IF NOT EXISTS coordinator_decisions(id INTEGER PRIMARY KEY, timestamp TEXT, action TEXT);";
    connection.execute_batch(tables).unwrap();
    let start = zone().day_start(date(first));
    for step in 0..count {
        let at = zone().naive(start + Duration::from_secs(step as u64 * 300));
        connection.execute("INSERT INTO energy_data VALUES (?, 50, -600)", [&at[..19]]).unwrap();
    }
    connection.execute_batch("COMMIT").unwrap();
}

fn close(bench: &mut Bench, text: &str) -> Balance {
    let rows = site(date(text), &zone(), &mut Random(5));
    let balance = Balance::of(date(text), &rows, None, &zone());
    let rollup = Rollup { footing: Footing::default(), sums: Sums::default(), balance };
    bench.library.archive.keep_rollup(&rollup).unwrap();
    rollup.balance
}

fn remember_prices(bench: &mut Bench, text: &str) {
    let zone = zone();
    let points = PublishedDay::axis(Entity::DayAhead, date(text), &zone);
    let points = points.map(|start| Point { start, value: 300_000 }).collect();
    let day = PublishedDay {
        entity: Entity::DayAhead,
        date: date(text),
        points,
        publication: None,
        fetched_at: now(),
        origin: PriceOrigin::Memory,
    };
    bench.library.archive.keep(&[day]).unwrap();
}

#[test]
fn where_closed_days_cannot_be_read_the_newest_are_still_made_of_rows() {
    let mut bench = bench();
    fill(bench.dir.path(), "2026-11-21", 288 + 13 * 12);
    fs::create_dir(bench.dir.path().join("data/wattboard.db")).unwrap();
    let (known, past) = read(&mut bench, days("2026-10-25", "2026-11-22"), false);
    assert_eq!(known.keys().copied().collect::<Vec<_>>(), [date("2026-11-21"), date("2026-11-22")]);
    let lost = past.lost.unwrap().to_string();
    assert!(lost.contains("wattboard.db: it is a folder"), "{lost}");
}

#[test]
fn closed_days_are_as_they_were_summed_and_the_newest_are_made_of_rows() {
    let mut bench = bench();
    let closed = close(&mut bench, "2026-11-20");
    let autumn = close(&mut bench, "2026-10-25");
    // Yesterday whole, today until 13:00.
    fill(bench.dir.path(), "2026-11-21", 288 + 13 * 12);
    remember_prices(&mut bench, "2026-11-22");
    let (known, past) = read(&mut bench, days("2026-10-25", "2026-11-22"), false);
    assert_eq!(
        known.keys().copied().collect::<Vec<_>>(),
        ["2026-10-25", "2026-11-20", "2026-11-21", "2026-11-22"].map(date)
    );
    assert_eq!(past.from_rows, ["2026-11-21", "2026-11-22"].map(date));
    assert_eq!(known[&closed.date], Balance { hours: Vec::new(), ..closed.clone() });
    let (yesterday, today) = (&known[&date("2026-11-21")].day, &known[&date("2026-11-22")].day);
    assert_eq!((yesterday.rows, yesterday.expected, yesterday.flow(Flow::Import).kwh.0), (288, 288, 14_400_000));
    assert_eq!((today.rows, today.expected), (156, 156), "as far as the day has come");
    // From midnight to the row at 12:55, at 0.3 + 0.2 + 0.0892 PLN/kWh.
    assert_eq!(today.flow(Flow::Import).kwh.0, 155 * 50_000);
    assert_eq!((today.cost.pln.0, today.cost.unpriced.0), (155 * 50_000 * 5_892 / 10_000, 0));
    assert_eq!((yesterday.cost.pln.0, yesterday.cost.unpriced.0, yesterday.prices.count), (0, 14_400_000, 0));

    let (known, past) = read(&mut bench, days("2026-10-20", "2026-10-25"), true);
    assert_eq!((&known[&autumn.date], known.len(), past.from_rows.len()), (&autumn, 1, 0));
}

#[test]
fn a_site_that_cannot_be_read_leaves_the_closed_days() {
    let mut bench = bench();
    close(&mut bench, "2026-11-20");
    fs::write(
        bench.dir.path().join("data/goodwe_energy.db"),
        "no database, but longer than a header of one is".repeat(9),
    )
    .unwrap();
    let (known, past) = read(&mut bench, days("2026-11-01", "2026-11-22"), false);
    assert_eq!((known.len(), past.from_rows.len()), (1, 0));
    assert!(past.trouble.is_some());
    let rows = WantedRows { range: Range::day(date("2026-11-21"), &zone()), priced: None, prices: Vec::new() };
    assert!(bench.library.rows(&rows).is_err());
}

#[test]
fn rows_and_prices_of_some_days() {
    let mut bench = bench();
    fill(bench.dir.path(), "2026-11-21", 400);
    remember_prices(&mut bench, "2026-11-22");
    let zone = zone();
    let range = Range { from: zone.day_start(date("2026-11-21")) + Duration::from_secs(3600), to: now() };
    let wanted = WantedRows { range, priced: Some(days("2026-11-21", "2026-11-22")), prices: Vec::new() };
    let past = bench.library.rows(&wanted).unwrap();
    assert_eq!((past.rows.len(), past.rows[0].at, past.trouble), (388, range.from, None));
    assert_eq!(past.prices.keys().copied().collect::<Vec<_>>(), [date("2026-11-22")]);
}

#[test]
fn ten_years_are_read_at_once() {
    let mut bench = bench();
    let day = close(&mut bench, "2016-11-23");
    let own = Connection::open(bench.dir.path().join("data/wattboard.db")).unwrap();
    own.execute_batch("BEGIN").unwrap();
    for date in days("2016-11-24", "2026-11-20").iter() {
        let key = -(i64::from(date.year()) * 10_000 + i64::from(date.month()) * 100 + i64::from(date.day()));
        for table in ["day_rollups", "hour_rollups"] {
            let columns = if table == "day_rollups" { "arithmetic, footing, sums, balance" } else { "hours" };
            let sql = format!("INSERT INTO {table} SELECT ?1, {columns} FROM {table} WHERE date = -20161123");
            own.execute(&sql, [key]).unwrap();
        }
    }
    own.execute_batch("COMMIT").unwrap();
    let began = Instant::now();
    let (known, _) = read(&mut bench, days("2016-11-23", "2026-11-20"), false);
    let took = began.elapsed();
    assert_eq!(known.len(), 3_650);
    assert!(known.values().all(|balance| balance.day.rows == day.day.rows && balance.hours.is_empty()));
    // Unoptimised; a deadline of 2 s is given to the question.
    assert!(took < Duration::from_secs(1), "{took:?}");
}
