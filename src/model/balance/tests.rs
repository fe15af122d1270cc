//! Days made by hand, each with one thing in it that goes wrong.

use std::time::Duration;

use super::*;
use crate::model::price::{Entity, Point, PriceOrigin, PublishedDay, Selling, Sheets};
use crate::model::tariff::Tariff;

const DAY: &str = "2026-11-22";
const NOON: u32 = 12 * 3600;

fn zone() -> SiteZone {
    SiteZone::named("Europe/Warsaw").unwrap()
}

/// A row so many seconds after the day's midnight.
fn row(day: &str, second: i64) -> EnergyRow {
    let at = zone().day_start(day.parse().unwrap()).as_second() + second;
    EnergyRow { at: Timestamp::from_second(at).unwrap(), ..EnergyRow::default() }
}

/// Rows whose import counter reads so at so many seconds.
fn meter(readings: &[(i64, Option<f64>)]) -> Vec<EnergyRow> {
    readings.iter().map(|(second, kwh)| EnergyRow { import_total_kwh: *kwh, ..row(DAY, *second) }).collect()
}

fn of(rows: &[EnergyRow]) -> Balance {
    Balance::of(DAY.parse().unwrap(), rows, None, &zone())
}

/// The hours that have import, the day's, how it was found, and the holes of the import in minutes of the day.
type Imported = (Vec<(usize, f64)>, f64, How, Vec<(HoleKind, i64, i64)>);

fn import(balance: &Balance) -> Imported {
    let amount = |bucket: &Bucket| bucket.flow(Flow::Import).kwh.to_f64();
    let hours = balance.hours.iter().map(amount).enumerate().filter(|(_, kwh)| *kwh != 0.0).collect();
    let start = zone().day_start(balance.date);
    let minute = |at: Timestamp| at.duration_since(start).as_mins();
    let holes = balance.holes.iter().filter(|hole| hole.flow == Flow::Import);
    let holes = holes.map(|hole| (hole.kind, minute(hole.range.from), minute(hole.range.to))).collect();
    (hours, amount(&balance.day), balance.day.flow(Flow::Import).how, holes)
}

#[test]
fn import_by_the_counter() {
    use HoleKind::{Jump, Reset, Silence};
    use How::{Counter, Unknown};
    let h = 3600;
    type Case<'a> = (&'a str, &'a [(i64, Option<f64>)], &'a [(usize, f64)], f64, How, &'a [(HoleKind, i64, i64)]);
    let cases: [Case<'_>; 13] = [
        ("no rows", &[], &[], 0.0, Unknown, &[(Silence, 0, 1440)]),
        ("one row", &[(h, Some(8.0))], &[], 0.0, Unknown, &[(Silence, 0, 1440)]),
        (
            "within an hour",
            &[(h, Some(8.0)), (h + 300, Some(8.25))],
            &[(1, 0.25)],
            0.25,
            Counter,
            &[(Silence, 0, 60), (Silence, 65, 1440)],
        ),
        (
            "over two hours, by time",
            &[(h - 60, Some(8.0)), (h + 240, Some(9.0))],
            &[(0, 0.2), (1, 0.8)],
            1.0,
            Counter,
            &[(Silence, 0, 59), (Silence, 64, 1440)],
        ),
        (
            "over midnight: both days have their part",
            &[(-60, Some(8.0)), (240, Some(9.0)), (24 * h - 100, Some(9.0)), (24 * h + 100, Some(9.5))],
            &[(0, 0.8), (23, 0.25)],
            1.05,
            Unknown,
            &[(Silence, 4, 1438)],
        ),
        (
            "rows exactly at both midnights",
            &[(0, Some(8.0)), (h, Some(9.0)), (12 * h, Some(9.0)), (24 * h, Some(9.0)), (24 * h + 300, Some(10.0))],
            &[(0, 1.0)],
            1.0,
            Counter,
            &[],
        ),
        (
            "a reset is a hole",
            &[(0, Some(8.0)), (h, Some(9.0)), (h + 300, Some(0.0)), (12 * h, Some(1.0)), (24 * h, Some(2.0))],
            &[],
            3.0,
            Counter,
            &[(Reset, 60, 65)],
        ),
        (
            "a jump is a hole, and so is the way back",
            &[
                (0, Some(8.0)),
                (12 * h, Some(8.0)),
                (12 * h + 300, Some(5000.0)),
                (12 * h + 600, Some(8.5)),
                (24 * h, Some(8.5)),
            ],
            &[],
            0.0,
            Counter,
            &[(Jump, 720, 725), (Reset, 725, 730)],
        ),
        (
            "what the inverter can just do is none",
            &[(0, Some(8.0)), (300, Some(9.35)), (12 * h, Some(9.35)), (24 * h, Some(9.35))],
            &[(0, 1.35)],
            1.35,
            Counter,
            &[],
        ),
        (
            "rows without a reading are passed over",
            &[(0, Some(8.0)), (300, None), (600, Some(9.0)), (12 * h, Some(9.0)), (24 * h, Some(9.0))],
            &[(0, 1.0)],
            1.0,
            Counter,
            &[],
        ),
        (
            "a hole of hours is shared by time",
            &[(0, Some(8.0)), (4 * h, Some(10.0)), (12 * h, Some(10.0)), (24 * h, Some(10.0))],
            &[(0, 0.5), (1, 0.5), (2, 0.5), (3, 0.5)],
            2.0,
            Counter,
            &[],
        ),
        (
            "of more than half a day is not",
            &[(0, Some(8.0)), (13 * h, Some(10.0)), (24 * h, Some(11.0))],
            &[],
            1.0,
            Counter,
            &[(Silence, 0, 780)],
        ),
        (
            "of two rows of one instant the last counts",
            &[(0, Some(8.0)), (300, Some(8.75)), (300, Some(8.5)), (12 * h, Some(8.5)), (24 * h, Some(8.5))],
            &[(0, 0.5)],
            0.5,
            Counter,
            &[],
        ),
    ];
    for (name, rows, hours, whole, how, holes) in cases {
        let balance = of(&meter(rows));
        let found = import(&balance);
        if !hours.is_empty() {
            assert_eq!(found.0, hours, "{name}");
        }
        assert!((found.1 - whole).abs() < 1e-9, "{name}: {}", found.1);
        assert!(how == Unknown && whole != 0.0 || found.2 == how, "{name}: {:?}", found.2);
        assert_eq!(found.3, holes, "{name}");
        let sum: Micro = balance.hours.iter().map(|hour| hour.flow(Flow::Import).kwh).sum();
        assert_eq!(sum, balance.day.flow(Flow::Import).kwh, "{name}");
    }
}

#[test]
fn power_is_integrated_where_there_is_no_counter() {
    let rows: Vec<EnergyRow> = (0..=12)
        .map(|index| EnergyRow {
            grid_power_w: Some(if index < 6 { -1200.0 } else { 600.0 }),
            battery_power_w: (index != 3).then_some(-240.0),
            import_total_kwh: (index >= 9).then_some(5.0),
            ..row(DAY, 3600 + 300 * index)
        })
        .collect();
    let balance = of(&rows);
    // 25 minutes of 1.2 kW, and half of that in the five minutes of the change.
    let amount = |flow| (balance.day.flow(flow).kwh.to_f64(), balance.day.flow(flow).how);
    assert_eq!(amount(Flow::Import), (0.55, How::Power), "the counter's part brought nothing");
    assert_eq!(amount(Flow::Export), (0.325, How::Power));
    // One null is no hole: ten minutes are two intervals.
    assert_eq!(amount(Flow::Charge), (0.24, How::Power));
    assert_eq!(amount(Flow::Discharge), (0.0, How::Power));
    assert_eq!(amount(Flow::Pv), (0.0, How::Unknown));
    let mut with_hole = rows.clone();
    with_hole.drain(7..9);
    let balance = of(&with_hole);
    assert_eq!(balance.day.flow(Flow::Charge).kwh.to_f64(), 0.18, "15 minutes without a row are one");
    assert!(balance.holes.iter().any(|hole| hole.flow == Flow::Charge
        && hole.kind == HoleKind::Silence
        && hole.range.to.duration_since(hole.range.from).as_mins() == 15));
    let mut mixed = rows;
    mixed[12].import_total_kwh = Some(5.5);
    assert_eq!(of(&mixed).day.flow(Flow::Import), Amount { kwh: Micro(1_050_000), how: How::Mixed });
}

#[test]
fn the_panels_counter_begins_anew_at_midnight() {
    let pv = |readings: &[(i64, f64)]| -> (f64, usize) {
        let rows: Vec<EnergyRow> =
            readings.iter().map(|(second, kwh)| EnergyRow { pv_day_kwh: Some(*kwh), ..row(DAY, *second) }).collect();
        let balance = of(&rows);
        let holes = balance.holes.iter().filter(|h| h.flow == Flow::Pv && h.kind != HoleKind::Silence).count();
        (balance.day.flow(Flow::Pv).kwh.to_f64(), holes)
    };
    let (h, day) = (3600, 86_400);
    for (name, readings, expected) in [
        ("as it should be", vec![(-300, 20.0), (60, 0.0), (8 * h, 1.0), (14 * h, 12.0), (day + 60, 0.0)], 12.0),
        ("the first row at eight tells the morning", vec![(8 * h, 1.5), (14 * h, 12.0)], 12.0),
        ("reset late", vec![(-300, 20.0), (60, 20.0), (3600, 20.0), (3900, 0.0), (12 * h, 9.0)], 9.0),
        ("reset late, and the day before is not known", vec![(60, 20.0), (360, 0.0), (12 * h, 9.0)], 9.0),
        ("reset early", vec![(60, 0.0), (12 * h, 9.0), (23 * h, 9.5), (day - 300, 0.0), (day - 100, 0.0)], 9.5),
    ] {
        assert_eq!(pv(&readings), (expected, 0), "{name}");
    }
    assert_eq!(
        pv(&[(60, 0.0), (8 * h, 3.0), (10 * h, 0.0), (12 * h, 1.0)]),
        (4.0, 1),
        "a reset in the middle is a hole"
    );
}

#[test]
fn days_have_23_24_or_25_hours_and_rows_are_counted_once() {
    for (day, hours) in [("2026-03-29", 23), ("2026-10-25", 25), (DAY, 24)] {
        let rows: Vec<EnergyRow> = (-12..=hours * 12 + 12)
            .map(|index| EnergyRow {
                house_total_kwh: Some(100.0 + index as f64 * 0.125),
                soc_pct: Some(50.0 + (index % 12) as f64),
                ..row(day, 300 * index + 22)
            })
            .flat_map(|row| [row.clone(), row])
            .collect();
        let balance = Balance::of(day.parse().unwrap(), &rows, None, &zone());
        assert_eq!(balance.hours.len(), hours as usize, "{day}");
        assert!(balance.hours.iter().all(|hour| (hour.rows, hour.expected) == (12, 12)));
        assert!(balance.hours.iter().all(|hour| (hour.flow(Flow::House).kwh.0 - 1_500_000).abs() <= 1));
        assert_eq!(balance.day.flow(Flow::House).kwh.0, hours * 1_500_000, "{day}");
        let soc = balance.day.gauges[4];
        assert_eq!((soc.min, soc.max, soc.mean()), (5_000, 6_100, Some(55.5)));
        assert_eq!(balance.day.gauges[0], Gauge::default());
        assert!(!balance.holes.iter().any(|hole| hole.flow == Flow::House));
    }
}

#[test]
fn the_zone_is_the_later_rows() {
    let mut rows = meter(&[(0, Some(1.0)), (3600, Some(2.0)), (7200, Some(4.0))]);
    rows[1].is_peak = true;
    let day = of(&rows).day;
    assert_eq!((day.import_t1.to_f64(), day.import_t2().to_f64()), (1.0, 2.0));
}

fn prices(entity: Entity, skip: usize) -> PublishedDay {
    let date: Date = DAY.parse().unwrap();
    let points = PublishedDay::axis(entity, date, &zone())
        .enumerate()
        .filter(|(slot, _)| *slot != skip)
        .map(|(slot, start)| Point { start, value: slot as i64 * 1_000 })
        .collect();
    let fetched_at = Timestamp::UNIX_EPOCH;
    PublishedDay { entity, date, points, publication: None, fetched_at, origin: PriceOrigin::Memory }
}

#[test]
fn money_is_each_quarter_hours_energy_at_its_price_or_a_reason() {
    let rows: Vec<EnergyRow> = (0..=4)
        .map(|quarter| EnergyRow {
            import_total_kwh: Some(quarter as f64),
            export_total_kwh: Some(quarter as f64 * 2.0),
            ..row(DAY, i64::from(NOON) + 900 * quarter)
        })
        .collect();
    let (market, settlement) = (prices(Entity::DayAhead, 96), prices(Entity::Settlement, 96));
    let hole = prices(Entity::DayAhead, 49);
    let tariff = Tariff::flat(Micro::ZERO, Micro::ZERO);
    let balance = |market, settlement| {
        let sheets = Sheets { market, settlement, kompas: None };
        let day = PricedDay::new(DAY.parse().unwrap(), sheets, &tariff, &Selling::default(), &zone());
        Balance::of(DAY.parse().unwrap(), &rows, Some(&day), &zone())
    };
    let found = balance(Some(&market), Some(&settlement));
    assert_eq!(found.day.cost.whole().unwrap().to_f64(), 0.048 + 0.049 + 0.05 + 0.051);
    assert_eq!(found.day.income.whole().unwrap().to_f64(), 8.0 * 0.0495);
    assert_eq!(found.hours[12].cost, found.day.cost);
    assert_eq!((found.cost_unpriced, found.income_unpriced), (None, None));
    let found = balance(Some(&hole), None);
    assert_eq!((found.day.cost.whole(), found.day.cost.unpriced.to_f64()), (None, 1.0));
    assert_eq!((found.cost_unpriced, found.income_unpriced), (Some(Unpriced::Incomplete), Some(Unpriced::NoPrices)));
    let found = of(&rows);
    assert_eq!((found.day.cost.whole(), found.cost_unpriced), (None, Some(Unpriced::NoPrices)));
    assert_eq!(found.hours[3].cost.whole(), Some(Micro::ZERO), "nothing costs nothing");
    assert_eq!(Duration::from_secs(900), SLOT);
}
