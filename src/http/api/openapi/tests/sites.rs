//! Sites of every kind, made by hand.

use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::Clock;
use crate::base::fault::Fault;
use crate::http::api::SCRIBE;
use crate::http::api::tests::Bench;
use crate::http::api::tests::shelf::Shelf;
use crate::http::limits::Limits;
use crate::model::balance::Balance;
use crate::model::coordinator::Coordinator;
use crate::model::day::{DayOrigin, DaySummary, Sums};
use crate::model::disk::{Device, Disk, FileSize, Look, Space, Watch};
use crate::model::energy::{EnergyRow, Point};
use crate::model::footprint::Footprint;
use crate::model::logs::tail::Dialect;
use crate::model::logs::{Held, Journal, LogFile, Logs};
use crate::model::month::MonthSummary;
use crate::model::push::{Push, State};
use crate::model::time::Month;
use crate::snapshot::{DatabaseState, Feed, Metrics, Origin, Scene};

const READING: &str = r#"{"battery": {"soc_percent": 15.5, "voltage": 300, "current": -2, "temperature": 21.5,
    "charging_status": true, "power_w": 700}, "photovoltaic": {"current_power_w": 900, "pv1_power_w": 450,
    "daily_production_kwh": 7.25}, "house_consumption": {"current_power_w": 400, "daily_total_kwh": 3,
    "total_consumption_kwh": 9000},
    "grid": {"power_w": -250, "voltage": 230, "l1_current_a": 1.5, "l1_power": 300, "today_imported_kwh": 3.5,
    "total_imported_kwh": 8123.4, "total_exported_kwh": 412.5},
    "weather": {"current_conditions": {"temperature": 4.5, "cloud_cover_estimated": 80}}}"#;

/// Nothing was read yet.
pub fn empty() -> Bench {
    Bench::new("")
}

/// Everything is known.
pub fn full(origin: Origin) -> Bench {
    let bench = Bench::new("web_server: {cors_enabled: true}");
    bench.show(READING, 30, origin);
    let hourly =
        |day: i64| move |quarter: usize| (day < 22 || quarter / 4 != 5).then_some(quarter as i64 * 700 - 9_000);
    bench.publish_prices((20..=23).map(|day| bench.priced_day(&format!("2026-11-{day}"), hourly(day))));
    bench.decide(&[
        (10, "wait", r#"{"confidence": 0.5, "cheapest_hour": {"from": [1]}, "tariff_zone": "T1"}"#),
        (100, "charge", r#"{"current_price": 0.4, "energy_kwh": "1.5", "should_charge": true, "note": {"a": [null]}}"#),
        (4_000, "battery_selling", r#"{"energy_sold_kwh": 2, "expected_revenue_pln": 1.5}"#),
        (90_000, "charge", "{}"),
    ]);
    let attempt = bench.attempt();
    let now = bench.clock.now();
    let text = "2026-11-22 13:00:00,000 - a - INFO - Decision made: wait\n2026-11-22 13:01:00,000 - a - ERROR - \u{1b}[31m\nTraceback\n";
    let file = |name: &str, modified| LogFile {
        name: name.into(),
        path: format!("/site/logs/{name}"),
        size: 7,
        modified,
        held: Held::of_text(Dialect::Python, text, now),
        error: None,
    };
    let files = vec![file("master_coordinator.log", Some(now)), file("other.log", None)];
    let footprint = Footprint {
        resident_bytes: 9 << 20,
        cpu_s: 1.5,
        threads: 12,
        descriptors: 30,
        read_bytes: None,
        written_bytes: Some(0),
    };
    let points = [Some(50.0), None].map(|soc_pct| Point { at: now, soc_pct, pv_power_w: soc_pct });
    bench.cell.publish(|next| {
        let zone = &bench.config.zone;
        let scene = Scene { now, zone, origin, stale_after: now };
        let history = Arc::new(Feed { origin, published: now, content: (SCRIBE.history)(&points, &scene) });
        let metrics = Metrics {
            history: Some(history),
            decisions: next.metrics.value.as_deref().and_then(|metrics| metrics.decisions.clone()),
        };
        next.metrics.succeed(Arc::new(metrics), attempt);
        next.process.succeed(Arc::new(Coordinator { pid: Some(42) }), attempt);
        let journal = "2026-11-22T13:00:00+01:00 pi python[1]: 2026-11-22 13:00:00,000 - a - WARNING - slow\n";
        let held = Held::of_text(Dialect::Journal, journal, now);
        let journal = Some(Journal { held, read: Some(now), error: None });
        next.logs.succeed(Arc::new(Logs { files, journal }), attempt);
        next.footprint.succeed(Arc::new(footprint), attempt);
        next.disk.succeed(Arc::new(watched()), attempt);
        let push = Push {
            state: State::UpToDate,
            last_success: Some(now),
            newest: Some(now),
            ..Push::new("http://db/api/v2/write".into())
        };
        next.push = Some(Arc::new(push));
        let months = Arc::make_mut(&mut next.months);
        months.complete = true;
        for month in [10, 11].map(|month| Month { year: 2026, month }) {
            let mut sums = Sums { charging: 2, selling: 1, ..Sums::default() };
            sums.sources.add("grid", 2);
            let day = |day, sums| DaySummary {
                date: jiff::civil::date(2026, month.month, day),
                sums,
                origin: DayOrigin::Rows,
                created_at: "2026-11-22T13:00:00".into(),
            };
            let days = vec![day(1, sums), day(2, Sums::default())];
            months.known.insert(month, Arc::new(MonthSummary::of_days(month, days)));
            months.oldest = Some(month);
        }
    });
    bench.api.count_with(Arc::default(), Limits::default());
    remember(&bench);
    bench.books.borrow_mut().fill(&bench);
    bench
}

/// A card that was watched for a day.
pub fn watched() -> Disk {
    let mut watch = Watch::default();
    let look = |hours: u64| {
        let device =
            |name: &str, minor| Device { number: (179, minor), name: name.into(), sectors_written: hours * 900 };
        Look {
            at: Duration::from_secs(hours * 3600),
            uptime: Ok(Duration::from_secs((hours + 30) * 3600)),
            own_written: Ok(hours * 4096),
            device: Ok(device("mmcblk0p2", 2)),
            whole: Ok(device("mmcblk0", 0)),
            database: Ok(FileSize { file: (1, 2), bytes: (100 + hours) << 20 }),
            space: Ok(Space {
                device: 1,
                total_bytes: 32 << 30,
                used_bytes: (9000 + hours) << 20,
                free_bytes: 20 << 30,
            }),
        }
    };
    watch.note(look(0));
    watch.note(look(24))
}

/// Three days of the past and a part of today: one with everything, one without prices and with holes, one with power only.
fn remember(bench: &Bench) {
    let zone = &bench.config.zone;
    let mut past = bench.books.borrow_mut();
    let counters = |day: i64| day != 21;
    for day in 18..=22_i64 {
        let date = jiff::civil::date(2026, 11, day as i8);
        let start = zone.day_start(date);
        let row = |step: i64| {
            let wave = (step as f64 / 40.0).sin();
            EnergyRow {
                at: start + Duration::from_secs(step as u64 * 300 + 20),
                soc_pct: Some((60.0 + 40.0 * wave).round()),
                pv_power_w: Some((3_000.0 * wave.max(0.0)).round()),
                grid_power_w: Some((-900.0 * wave).round()),
                house_power_w: Some(700.0),
                battery_power_w: Some((-2_500.0 * wave).round()),
                temperature_c: (step % 3 == 0).then_some(21.5),
                import_total_kwh: counters(day).then_some((day * 288 + step) as f64 * 0.05),
                export_total_kwh: counters(day).then_some((day * 288 + step) as f64 * 0.01),
                is_peak: step % 2 == 0,
                ..EnergyRow::default()
            }
        };
        let steps = if day == 22 { 0..168 } else { 0..288 };
        let rows: Vec<EnergyRow> = steps.filter(|step| day != 19 || !(90..120).contains(step)).map(row).collect();
        let priced = bench.priced_day(&date.to_string(), |quarter| Some(quarter as i64 * 5_000 - 50_000));
        let prices = (day != 19).then_some(&priced);
        past.balances.insert(date, Balance::of(date, &rows, prices, zone).until(bench.clock.now(), zone));
        past.rows.rows.extend(rows);
        past.rows.prices.extend(prices.map(|priced| (date, Arc::new(priced.clone()))));
    }
    past.balances.remove(&jiff::civil::date(2026, 11, 20));
    past.days.from_rows.push(jiff::civil::date(2026, 11, 22));
}

/// It was known once; now everything fails and the last values are old.
fn failing() -> Bench {
    let bench = full(Origin::Files);
    bench.clock.advance(Duration::from_secs(11 * 3600));
    let attempt = bench.attempt();
    let fault = Fault::io("no disk");
    bench.books.borrow_mut().days.trouble = Some(fault.clone());
    bench.books.borrow_mut().rows.trouble = Some(fault.clone());
    bench.cell.publish(|next| {
        next.live.fail(&fault, attempt);
        next.metrics.fail(&fault, attempt);
        next.prices.fail(&fault, attempt);
        next.process.fail(&fault, attempt);
        next.logs.fail(&fault, attempt);
        next.footprint.fail(&fault, attempt);
        next.database = DatabaseState::Failing("held".into());
        next.gone.insert("live".into(), "it panicked: boom".into());
        Arc::make_mut(&mut next.months).error = Some("held".into());
    });
    *bench.books.borrow_mut() =
        Shelf { fault: Some(Fault::timeout("the database did not answer in time")), ..Shelf::default() };
    bench
}

/// Nothing was ever known, and nobody will tell.
fn failed_at_once() -> Bench {
    let bench = Bench::new("");
    let attempt = bench.attempt();
    let fault = Fault::io("the database is damaged");
    bench.books.borrow_mut().fault = Some(fault.clone());
    bench.cell.publish(|next| {
        next.live.fail(&fault, attempt);
        next.metrics.fail(&fault, attempt);
        next.prices.fail(&fault, attempt);
        next.process.fail(&fault, attempt);
        next.logs.fail(&fault, attempt);
    });
    bench
}

/// The reading lacks everything, prices have holes, decisions nothing.
fn poor() -> Bench {
    let bench = Bench::new("");
    bench.show("{}", 0, Origin::Database);
    bench.price();
    bench.decide(&[]);
    let attempt = bench.attempt();
    let why = || "cannot read /proc/diskstats: permission denied".to_owned();
    let nothing = Look {
        at: Duration::ZERO,
        uptime: Err(why()),
        own_written: Err(why()),
        device: Err(why()),
        whole: Err(why()),
        database: Err(why()),
        space: Err(why()),
    };
    bench.cell.publish(|next| next.disk.succeed(Arc::new(Watch::default().note(nothing)), attempt));
    bench.books.borrow_mut().fill_poorly();
    bench.clock.set_wall("2026-11-22T04:30:00Z".parse().unwrap());
    bench
}

/// Sites of every kind.
pub fn benches() -> Vec<(&'static str, Bench)> {
    vec![
        ("empty", empty()),
        ("full", full(Origin::Database)),
        ("of files", full(Origin::Files)),
        ("failing", failing()),
        ("failed at once", failed_at_once()),
        ("poor", poor()),
    ]
}
