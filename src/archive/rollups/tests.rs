//! Closed days in real files, whole and broken.

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use tempfile::TempDir;

use super::*;
use crate::archive::{Archive, RollupReader};
use crate::base::clock::SimulatedClock;
use crate::base::shutdown;
use crate::model::energy::EnergyRow;

fn zone() -> SiteZone {
    SiteZone::named("Europe/Warsaw").unwrap()
}

/// A day of the length that it has, with everything in it that a table keeps.
fn rollup(text: &str) -> Rollup {
    let date: Date = text.parse().unwrap();
    let start = zone().day_start(date).as_second();
    let rows: Vec<EnergyRow> = (-2..290)
        .filter(|index| !(40..44).contains(index))
        .map(|index| {
            let wave = (index as f64 / 20.0).sin();
            EnergyRow {
                at: Timestamp::from_second(start + 300 * index + 22).unwrap(),
                soc_pct: Some((50.0 + 40.0 * wave * 10.0).round() / 10.0),
                pv_power_w: Some((3_000.0 * wave.max(0.0)).round()),
                grid_power_w: Some((-2_000.0 * wave).round()),
                house_power_w: Some((700.0 + 400.0 * wave).round()),
                battery_power_w: (index % 50 != 0).then_some((-900.0 * wave).round()),
                temperature_c: Some(21.3),
                import_total_kwh: Some(if index < 200 { 8_000.0 + index as f64 * 0.07 } else { index as f64 * 0.07 }),
                export_total_kwh: Some(2_000.0 + index as f64 * 0.03),
                house_total_kwh: Some(100.0 + index as f64 * 0.06),
                is_peak: index % 3 == 0,
                ..EnergyRow::default()
            }
        })
        .collect();
    let mut sums = Sums { charging: 3, wait: 7, cost: Micro(-5), import_t2: Micro(1_234_567), ..Sums::default() };
    sums.sources.add("grid", 2);
    sums.sources.add("", 1);
    sums.price = PriceSums { min: Micro(-1), max: Micro(900_000), sum: Micro(1_100_000), count: 3 };
    sums.add_import(&rows);
    let balance = Balance::of(date, &rows, None, &zone());
    assert!(balance.holes.len() >= 3 && balance.cost_unpriced == Some(Unpriced::NoPrices));
    let own = DayPrint { decisions: (96, 350_000), energy: (288, -7) };
    Rollup { footing: Footing { own, beside: [(288, 1), (0, 0)], prices: [96, 100, 0] }, sums, balance }
}

struct Bench {
    dir: TempDir,
    archive: Archive,
    _trigger: shutdown::ShutdownTrigger,
}

fn bench() -> Bench {
    let dir = TempDir::new().unwrap();
    let (trigger, shutdown) = shutdown::channel();
    let clock = Arc::new(SimulatedClock::new("2026-11-22T13:00:00Z".parse().unwrap()));
    let archive = Archive::new(dir.path().join("wattboard.db"), zone(), clock, shutdown);
    Bench { dir, archive, _trigger: trigger }
}

impl Bench {
    fn found(&mut self, date: Date) -> Option<Rollup> {
        self.archive.rollup(date, Instant::now() + std::time::Duration::from_secs(5)).unwrap()
    }

    fn sql(&self, sql: &str) {
        Connection::open(self.dir.path().join("wattboard.db")).unwrap().execute_batch(sql).unwrap();
    }
}

#[test]
fn days_come_back_as_they_were() {
    let mut bench = bench();
    assert_eq!(bench.found("2026-11-20".parse().unwrap()), None);
    for text in ["2026-11-20", "2026-10-25", "2026-03-29"] {
        let made = rollup(text);
        bench.archive.keep_rollup(&made).unwrap();
        assert_eq!(bench.found(made.balance.date).as_ref(), Some(&made), "{text}");
        let (footings, prices) = bench.archive.footings().unwrap();
        assert_eq!(footings[&made.balance.date], made.footing);
        assert!(prices.is_empty());
        let sums = RollupReader::new(&bench.dir.path().join("wattboard.db")).sums().unwrap();
        assert_eq!(sums[&made.balance.date], (made.footing.own, made.sums.clone()));
    }
    let mut again = rollup("2026-11-20");
    again.footing.own.energy = (289, 400);
    bench.archive.keep_rollup(&again).unwrap();
    assert_eq!(bench.found(again.balance.date), Some(again));
    assert_eq!(bench.archive.footings().unwrap().0.len(), 3);
}

#[test]
fn a_day_is_small() {
    let made = rollup("2026-11-20");
    let hours = pack_hours(&made.balance.hours).len();
    let day = pack_footing(&made.footing).len() + pack_sums(&made.sums).len() + pack_day(&made.balance, &zone()).len();
    assert!(hours < 2_500 && day < 300, "{hours} and {day} bytes");
}

#[test]
fn what_cannot_be_read_back_or_is_of_another_arithmetic_is_no_day() {
    let mut bench = bench();
    let made = rollup("2026-11-20");
    for sql in [
        "UPDATE day_rollups SET footing = x'ff'",
        "UPDATE day_rollups SET footing = 'text'",
        "UPDATE day_rollups SET arithmetic = arithmetic + 1",
        "UPDATE day_rollups SET date = 99",
    ] {
        bench.archive.keep_rollup(&made).unwrap();
        bench.sql(sql);
        assert_eq!(bench.archive.footings().unwrap().0.len(), 0, "{sql}");
        bench.sql("DELETE FROM day_rollups");
    }
    for column in ["day_rollups SET sums", "day_rollups SET balance", "hour_rollups SET hours"] {
        bench.archive.keep_rollup(&made).unwrap();
        bench.sql(&format!("UPDATE {column} = x'0102ff'"));
        assert_eq!(bench.found(made.balance.date), None, "{column}");
    }
    // Cut anywhere, nothing panics.
    let whole = pack_day(&made.balance, &zone());
    for end in 0..whole.len() {
        let _ = unpack_day(&whole[..end], made.balance.date, &zone());
    }
    bench.sql("DELETE FROM day_rollups");
    bench.archive.keep_rollup(&made).unwrap();
    assert_eq!(bench.found(made.balance.date), Some(made));
}

#[test]
fn a_damaged_table_is_set_aside_and_days_are_kept_again() {
    let mut bench = bench();
    for day in 1..=30 {
        bench.archive.keep_rollup(&rollup(&format!("2026-09-{day:02}"))).unwrap();
    }
    let path = bench.dir.path().join("wattboard.db");
    let mut bytes = fs::read(&path).unwrap();
    let length = bytes.len();
    bytes[length / 2..].fill(0xA5);
    fs::write(&path, bytes).unwrap();
    let made = rollup("2026-09-15");
    let _ = bench.archive.footings();
    bench.archive.keep_rollup(&made).unwrap();
    assert_eq!(bench.found(made.balance.date), Some(made));
    let aside = bench.dir.path().join("wattboard.db.broken-20261122T130000Z");
    assert!(aside.exists(), "{:?}", fs::read_dir(bench.dir.path()).unwrap().collect::<Vec<_>>());
}

#[test]
fn killed_between_and_within_transactions_whole_days_are_left() {
    let mut bench = bench();
    bench.archive.keep_rollup(&rollup("2026-11-20")).unwrap();
    // Killed before the commit, with pages written already: how it was before is in the journal.
    let path = bench.dir.path().join("wattboard.db");
    let mut writer = Connection::open(&path).unwrap();
    writer.pragma_update(None, "cache_size", 1).unwrap();
    let transaction = writer.transaction().unwrap();
    for day in 1..=30 {
        keep(&transaction, &rollup(&format!("2026-09-{day:02}")), &zone()).unwrap();
    }
    let copy = TempDir::new().unwrap();
    for file in ["wattboard.db", "wattboard.db-journal"] {
        fs::copy(bench.dir.path().join(file), copy.path().join(file)).unwrap();
    }
    drop(transaction);
    let (_trigger, shutdown) = shutdown::channel();
    let clock = Arc::new(SimulatedClock::new("2026-11-22T13:00:00Z".parse().unwrap()));
    let mut archive = Archive::new(copy.path().join("wattboard.db"), zone(), clock, shutdown);
    let dates: Vec<String> = archive.footings().unwrap().0.keys().map(ToString::to_string).collect();
    assert_eq!(dates, ["2026-11-20"]);
}
