//! Sums that have to come out exactly, and what may not be summed.

use std::time::Duration;

use super::*;
use crate::model::balance::property::{Random, site};
use crate::model::balance::{Measured, Unpriced};
use crate::model::energy::EnergyRow;
use crate::model::price::{Entity, Point, PriceOrigin, PricedDay, PublishedDay, Selling, Sheets};
use crate::model::tariff::Tariff;

fn zone() -> SiteZone {
    SiteZone::named("Europe/Warsaw").unwrap()
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

/// Just before midnight.
fn end_of(text: &str) -> Timestamp {
    Range::day(date(text), &zone()).to - Duration::from_micros(1)
}

fn days(first: &str, last: &str) -> Days {
    Days { first: date(first), last: date(last) }
}

/// A day whose quarter-hours cost and bring so much, millionths of a PLN/kWh.
fn priced(date: Date, price: impl Fn(usize) -> Option<i64>) -> PricedDay {
    let zone = zone();
    let sheet = |entity| PublishedDay {
        entity,
        date,
        points: PublishedDay::axis(entity, date, &zone)
            .enumerate()
            .filter_map(|(index, start)| Some(Point { start, value: price(index)? }))
            .collect(),
        publication: None,
        fetched_at: Timestamp::UNIX_EPOCH,
        origin: PriceOrigin::Memory,
    };
    let (market, settlement) = (sheet(Entity::DayAhead), sheet(Entity::Settlement));
    let sheets = Sheets { market: Some(&market), settlement: Some(&settlement), kompas: None };
    PricedDay::new(date, sheets, &Tariff::flat(Micro::ZERO, Micro::ZERO), &Selling::default(), &zone)
}

/// A day with the same power in every row: PV, import, house, charge (W).
fn even(text: &str, power: [f64; 4], soc: (f64, f64), price: Option<i64>) -> Balance {
    let (zone, date) = (zone(), date(text));
    let range = Range::day(date, &zone);
    let steps = (range.to.as_second() - range.from.as_second()) / 300;
    let rows: Vec<EnergyRow> = (0..=steps)
        .map(|step| EnergyRow {
            at: range.from + Duration::from_secs(step as u64 * 300),
            soc_pct: Some(soc.0 + (soc.1 - soc.0) * (step.min(steps - 1)) as f64 / (steps - 1) as f64),
            pv_power_w: Some(power[0]),
            grid_power_w: Some(-power[1]),
            house_power_w: Some(power[2]),
            battery_power_w: Some(-power[3]),
            ..EnergyRow::default()
        })
        .collect();
    let prices = price.map(|price| priced(date, |_| Some(price)));
    Balance::of(date, &rows, prices.as_ref(), &zone)
}

fn known(balances: impl IntoIterator<Item = Balance>) -> BTreeMap<Date, Balance> {
    balances.into_iter().map(|balance| (balance.date, balance)).collect()
}

fn summed(days: Days, by: By, now: Timestamp, known: &BTreeMap<Date, Balance>, zone: &SiteZone) -> Sums {
    let mut sums = Sums::new(days, by, now, zone);
    known.range(days.first..=days.last).for_each(|(_, balance)| sums.take(balance));
    sums.finish()
}

/// The days of a range as a whole.
pub fn whole(days: Days, now: Timestamp, known: &BTreeMap<Date, Balance>, zone: &SiteZone) -> Total {
    summed(days, By::Year, now, known, zone).whole
}

/// Its buckets.
pub fn parts(days: Days, by: By, now: Timestamp, known: &BTreeMap<Date, Balance>, zone: &SiteZone) -> Vec<Part> {
    summed(days, by, now, known, zone).parts
}

/// All that is added, to be compared.
fn sums(total: &Total) -> Vec<i64> {
    let mut all: Vec<i64> = Flow::ALL.iter().map(|flow| total.flow(*flow).kwh.0).collect();
    let sum = &total.sum;
    for money in [sum.cost, sum.income, sum.house_cost] {
        all.extend([money.pln.0, money.unpriced.0]);
    }
    all.extend([sum.import_t1.0, sum.rows.into(), sum.expected.into(), sum.slots.into()]);
    all.extend([sum.prices.count.into(), sum.prices.sum, sum.gauge(Measured::Soc).sum]);
    all
}

fn added(parts: &[Part]) -> Vec<i64> {
    let lists = parts.iter().map(|part| sums(&part.total));
    lists.reduce(|a, b| a.iter().zip(b).map(|(a, b)| a + b).collect()).unwrap()
}

#[test]
fn hours_make_days_days_make_months_and_months_make_years_exactly() {
    let (zone, mut random) = (zone(), Random(11));
    let range = days("2025-12-28", "2026-11-03");
    let mut all = BTreeMap::new();
    // Both DST days of the year, the ends of months, and a day here and there.
    for date in range.iter().filter(|date| date.day() > 26 || date.day() == 1 || date.month() == 10) {
        if random.one_in(8) {
            continue;
        }
        let rows = site(date, &zone, &mut random);
        let gap = random.below(200) as usize;
        let prices = priced(date, |quarter| (quarter != gap).then_some(quarter as i64 * 7_919 - 90_000));
        all.insert(date, Balance::of(date, &rows, (!random.one_in(5)).then_some(&prices), &zone));
    }
    let now = zone.day_start(date("2027-01-01"));
    let of = |by| parts(range, by, now, &all, &zone);
    let whole = sums(&whole(range, now, &all, &zone));
    let by_hour = of(By::Hour);
    assert_eq!(
        (by_hour.len(), of(By::Day).len()),
        (range.count() as usize * 24, range.count() as usize),
        "-1 +1 hours"
    );
    for by in By::ALL {
        assert_eq!(added(&of(by)), whole, "{by:?}");
        assert!(of(by).windows(2).all(|pair| pair[0].range.to == pair[1].range.from), "{by:?}");
    }
    assert_eq!((of(By::Month).len(), of(By::Year).len()), (12, 2));
    for month in of(By::Month) {
        assert_eq!(added(&parts(month.days, By::Day, now, &all, &zone)), sums(&month.total), "{:?}", month.days);
    }
    for day in of(By::Day) {
        assert_eq!(added(&parts(day.days, By::Hour, now, &all, &zone)), sums(&day.total), "{:?}", day.days);
    }
    // What is compared at the day's mean price adds up as well, where all hours have prices.
    for day in of(By::Day).iter().filter(|day| day.total.at_mean.parts == 1) {
        let hours = parts(day.days, By::Hour, now, &all, &zone);
        let other: Micro = hours.iter().map(|hour| hour.total.at_mean.other).sum();
        if hours.iter().all(|hour| hour.total.at_mean.parts == 1) {
            assert_eq!(other, day.total.at_mean.other, "{:?}", day.days);
        }
    }
}

#[test]
fn a_month_is_cut_where_the_range_is() {
    for (range, by, expected) in [
        (
            days("2026-01-30", "2026-03-02"),
            By::Month,
            vec![("2026-01-30", "2026-01-31"), ("2026-02-01", "2026-02-28"), ("2026-03-01", "2026-03-02")],
        ),
        (
            days("2024-12-31", "2026-01-01"),
            By::Year,
            vec![("2024-12-31", "2024-12-31"), ("2025-01-01", "2025-12-31"), ("2026-01-01", "2026-01-01")],
        ),
        (
            days("2024-02-28", "2024-03-01"),
            By::Day,
            vec![("2024-02-28", "2024-02-28"), ("2024-02-29", "2024-02-29"), ("2024-03-01", "2024-03-01")],
        ),
    ] {
        let expected: Vec<Days> = expected.iter().map(|(first, last)| days(first, last)).collect();
        assert_eq!(range.by(by), expected);
    }
    assert_eq!(days("2026-03-01", "2026-03-31").before(), Some(days("2026-01-29", "2026-02-28")));
    assert_eq!(days("2024-02-29", "2024-03-01").a_year_ago(), Some(days("2023-02-28", "2023-03-01")));
}

#[test]
fn what_is_made_of_the_sums() {
    let zone = zone();
    for (name, hours, soc_step) in [("2026-11-20", 24.0, 1.0), ("2026-03-29", 23.0, 1.0), ("2026-10-25", 25.0, 1.0)] {
        // 1.2 kW from the sun, 600 W from the grid, 840 W into the house, 720 W into the battery; 0.50 PLN a kWh.
        let all = known([even(name, [1_200.0, 600.0, 840.0, 720.0], (20.0, 20.0 + 40.0 * soc_step), Some(500_000))]);
        let total = whole(days(name, name), end_of(name), &all, &zone);
        let kwh = |flow| total.flow(flow).kwh.to_f64();
        let expected = [1.2, 0.6, 0.84].map(|kw| Micro::from_f64(kw * hours).to_f64());
        assert_eq!([kwh(Flow::Pv), kwh(Flow::Import), kwh(Flow::House)], expected, "{name}");
        assert_eq!(total.balance_error(), Some(Micro::from_f64(0.24 * hours)), "{name}");
        assert_eq!((total.self_consumption(), total.self_sufficiency()), (Some(100.0), Some(28.6)), "{name}");
        assert_eq!((total.sum.rows, total.sum.expected), (12 * hours as u32, 12 * hours as u32));
        assert_eq!((total.sum.prices.count, total.sum.slots), (4 * hours as u32, 4 * hours as u32));
        assert_eq!(total.sum.cost.whole(), Some(Micro::from_f64(0.3 * hours)));
        assert_eq!(total.mean_price(), Some(Micro(500_000)));
        let compared = Compared { parts: 1, real: Micro::from_f64(0.3 * hours), other: Micro::from_f64(0.42 * hours) };
        assert_eq!(total.without, compared, "{name}");
        assert_eq!((total.at_mean.real, total.at_mean.other), (compared.real, compared.real), "{name}");
        // 0.72 kW went in all day, of 20 kWh: half of it is a cycle's half.
        assert_eq!(total.full_cycles(Micro::from_f64(20.0)), Some(round_to(0.72 * hours / 40.0, 3)));
        assert_eq!(total.soc_change(), Some(4_000));
        assert!(total.holes.is_empty());
    }
}

#[test]
fn what_came_out_of_what_went_in() {
    let zone = zone();
    let capacity = Micro::from_f64(10.0);
    let day = |name, charge, soc| even(name, [0.0, 0.0, 0.0, charge], soc, None);
    let (charged, drained) = (day("2026-11-20", 600.0, (10.0, 99.0)), day("2026-11-21", -540.0, (98.0, 10.0)));
    let range = days("2026-11-20", "2026-11-21");
    let of = |all: &BTreeMap<Date, Balance>, range| whole(range, end_of("2026-11-22"), all, &zone);
    let all = known([charged.clone(), drained.clone()]);
    // 14.4 kWh in, 12.96 kWh out, as full as before.
    assert_eq!(of(&all, range).round_trip(capacity), Ok(90.0));
    let full = summed(range, By::Day, end_of("2026-11-22"), &all, &zone).full;
    assert_eq!(full, [date("2026-11-20")], "99 % is full, 98 % is not");
    // 14.4 kWh in, 8.9 kWh stayed: nothing came out.
    assert_eq!(of(&all, days("2026-11-20", "2026-11-20")).round_trip(capacity), Ok(0.0));
    let too_much = known([charged, day("2026-11-21", -660.0, (99.0, 10.0))]);
    assert!(of(&too_much, range).round_trip(capacity).unwrap_err().contains("do not fit"));
    let little = known([day("2026-11-20", 120.0, (10.0, 50.0))]);
    assert!(of(&little, range).round_trip(capacity).unwrap_err().contains("less than half"));
    assert!(of(&BTreeMap::new(), range).round_trip(capacity).is_err());
}

#[test]
fn what_is_not_known_is_not_nothing() {
    let zone = zone();
    let all = known([
        even("2026-11-18", [120.0, 240.0, 360.0, 0.0], (50.0, 50.0), Some(1_000_000)),
        even("2026-11-19", [120.0, 240.0, 360.0, 0.0], (50.0, 50.0), None),
    ]);
    let range = days("2026-11-17", "2026-11-30");
    let sums = summed(range, By::Day, end_of("2026-11-20"), &all, &zone);
    let total = &sums.whole;
    assert_eq!((total.parts, total.expected_parts), (2, 4), "of what has begun");
    assert_eq!((total.sum.rows, total.sum.expected), (576, 3 * 288 + 287), "the last interval is not over");
    assert_eq!((total.sum.prices.count, total.sum.slots), (96, 4 * 96));
    assert_eq!((total.sum.cost.pln, total.sum.cost.unpriced), (Micro(5_760_000), Micro(5_760_000)));
    assert_eq!((total.without.parts, total.without.other, total.without.real), (1, Micro(8_640_000), Micro(5_760_000)));
    assert_eq!(sums.cost_unpriced, BTreeMap::from([(Unpriced::NoPrices.words(), 1)]));
    assert_eq!((sums.first, sums.parts.len()), (Some(date("2026-11-18")), 14));
    assert_eq!(sums.missing, BTreeSet::from([date("2026-11-17"), date("2026-11-20")]));
    let nothing = whole(days("2026-11-20", "2026-11-20"), end_of("2026-11-20"), &all, &zone);
    assert_eq!(nothing.flow(Flow::Pv).how, How::Unknown);
    assert_eq!((nothing.balance_error(), nothing.self_consumption(), nothing.mean_price()), (None, None, None));
    // By the hour nothing is expected of hours to come.
    let now = zone.day_start(date("2026-11-20")) + Duration::from_secs(6 * 3600 + 1);
    let hours = parts(days("2026-11-20", "2026-11-20"), By::Hour, now, &all, &zone);
    assert_eq!(hours.iter().map(|hour| hour.total.expected_parts).sum::<u32>(), 7);
    // What is left of a day that has begun has prices.
    let day = even("2026-11-20", [120.0, 240.0, 360.0, 0.0], (50.0, 50.0), Some(1_000_000));
    for all in [BTreeMap::new(), known([day.until(now, &zone)])] {
        let day = whole(days("2026-11-20", "2026-11-20"), now, &all, &zone);
        let hours = parts(days("2026-11-20", "2026-11-20"), By::Hour, now, &all, &zone);
        let count = |of: fn(&Total) -> u32| hours.iter().map(|hour| of(&hour.total)).sum::<u32>();
        assert_eq!((count(|total| total.sum.expected), day.sum.expected), (72, 72));
        assert_eq!((count(|total| total.sum.slots), day.sum.slots), (96, 96));
        assert_eq!(count(|total| total.sum.prices.count), day.sum.prices.count);
    }
    assert_eq!(parts(days("2026-10-25", "2026-10-25"), By::Hour, now, &all, &zone).len(), 25);
}

#[test]
fn how_it_was_found_is_told_of_what_brought_energy() {
    let mut total = Total::default();
    let amount = |kwh, how| Amount { kwh: Micro(kwh), how };
    for (kwh, how, expected) in [
        (0, How::Unknown, How::Unknown),
        (0, How::Power, How::Power),
        (5, How::Counter, How::Counter),
        (0, How::Power, How::Counter),
        (0, How::Unknown, How::Counter),
        (5, How::Power, How::Mixed),
    ] {
        total.flows[0].add(amount(kwh, how));
        assert_eq!(total.flow(Flow::Pv).how, expected);
    }
}
