//! Random days against a recomputation second by second, in floating point, that shares nothing with the real one.

use super::*;
use crate::model::price::{Entity, Point, PriceOrigin, PublishedDay, Selling, Sheets};
use crate::model::tariff::Tariff;

/// Xorshift: the same days at each run.
pub struct Random(pub u64);

impl Random {
    /// Below a limit.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    /// Once in so many times.
    pub fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

/// Three days of rows around a date, as a site might leave them.
pub fn site(date: Date, zone: &SiteZone, random: &mut Random) -> Vec<EnergyRow> {
    days((date.yesterday().unwrap(), date.tomorrow().unwrap()), zone, random)
}

/// The rows of the days from the first to the last one, as a site might leave them.
pub fn days((first, last): (Date, Date), zone: &SiteZone, random: &mut Random) -> Vec<EnergyRow> {
    let (from, to) = (Range::day(first, zone).from.as_second(), Range::day(last, zone).to.as_second());
    let has_counters = !random.one_in(4);
    let nulls = [2, 20, 200][random.below(3) as usize];
    let (mut import, mut export, mut house, mut pv) = (8_000.0, 2_000.0, 100.0, 0.0);
    let (mut at, mut day, mut rows) = (from + random.below(300) as i64, first, Vec::new());
    while at < to {
        let instant = Timestamp::from_second(at).unwrap();
        if zone.date(instant) != day {
            (day, pv) = (zone.date(instant), 0.0);
        }
        let step = match random.below(400) {
            0 => 300 * (2 + random.below(200)) as i64,
            1..20 => 600,
            20..40 => 300 + random.below(60) as i64,
            40..45 => 0,
            _ => 300,
        };
        let hours = step.max(1) as f64 / 3600.0;
        let power = |random: &mut Random, most: u64| random.below(most) as f64;
        let (grid, load) = (power(random, 9_000) - 5_000.0, power(random, 4_000));
        let sun = if (3..21).contains(&zone.local(instant).hour()) { power(random, 6_000) } else { 0.0 };
        import += f64::max(0.0, -grid) * hours / 1e3;
        export += f64::max(0.0, grid) * hours / 1e3;
        house += load * hours / 1e3;
        pv += sun * hours / 1e3;
        if random.one_in(500) {
            (import, export) = (0.0, random.below(9_000) as f64);
        }
        let mut told = |value: f64| (!random.one_in(nulls)).then_some((value * 100.0).round() / 100.0);
        let counter = |value: Option<f64>| value.filter(|_| has_counters);
        rows.push(EnergyRow {
            at: instant,
            soc_pct: told(sun / 60.0),
            pv_power_w: told(sun),
            grid_power_w: told(grid),
            house_power_w: told(load),
            battery_power_w: told(grid + load - sun),
            import_total_kwh: counter(told(import)),
            export_total_kwh: counter(told(export)),
            house_total_kwh: counter(told(house)),
            pv_day_kwh: counter(told(pv)),
            is_peak: rows.len() % 7 < 3,
            ..EnergyRow::default()
        });
        at += step;
    }
    rows
}

/// What is known of each second of the day.
pub struct Naive {
    /// The energy, kWh.
    pub kwh: Vec<f64>,
    /// The part of it that is T1.
    pub t1: Vec<f64>,
    /// Whether a counter or the power tells anything.
    pub told: Vec<bool>,
    /// Whether a counter tells it, believed or not.
    pub by_counter: Vec<bool>,
    /// Whether a counter fell there or grew by too much.
    pub broken: Vec<bool>,
}

/// Second by second.
pub fn naive(flow: Flow, rows: &[EnergyRow], range: Range) -> Naive {
    let (from, to) = (range.from.as_second(), range.to.as_second());
    let length = (to - from) as usize;
    let (none, no) = (vec![0.0; length], vec![false; length]);
    let mut naive = Naive { kwh: none.clone(), t1: none, told: no.clone(), by_counter: no.clone(), broken: no };
    let mut last_of_instant: Vec<&EnergyRow> = Vec::new();
    for row in rows {
        if last_of_instant.last().is_some_and(|last| last.at == row.at) {
            last_of_instant.pop();
        }
        last_of_instant.push(row);
    }
    type Read = fn(&EnergyRow) -> Option<f64>;
    let (counter, power): (Read, Read) = match flow {
        Flow::Pv => (|row| row.pv_day_kwh, |row| row.pv_power_w),
        Flow::Import => (|row| row.import_total_kwh, |row| row.grid_power_w.map(|w| -w)),
        Flow::Export => (|row| row.export_total_kwh, |row| row.grid_power_w),
        Flow::House => (|row| row.house_total_kwh, |row| row.house_power_w),
        Flow::Charge => (|_| None, |row| row.battery_power_w.map(|w| -w)),
        Flow::Discharge => (|_| None, |row| row.battery_power_w),
    };
    let seconds = |a: i64, b: i64| (a.clamp(from, to) - from) as usize..(b.clamp(from, to) - from) as usize;
    let of_day = |row: &&&EnergyRow| flow != Flow::Pv || range.contains(row.at);
    let mut readings: Vec<(i64, f64, bool)> = last_of_instant
        .iter()
        .filter(of_day)
        .filter_map(|row| Some((row.at.as_second(), counter(row)?, row.is_peak)))
        .collect();
    if flow == Flow::Pv && readings.first().is_some_and(|first| first.0 > from) {
        readings.insert(0, (from, 0.0, false));
    }
    for pair in readings.windows(2) {
        let (length, grown) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
        if length > 12 * 3600 {
            continue;
        }
        let (within, broken) =
            (seconds(pair[0].0, pair[1].0), grown < 0.0 || grown > 15.0 * length as f64 / 3600.0 + 0.1);
        naive.told[within.clone()].fill(true);
        naive.broken[within.clone()].fill(broken);
        if !broken {
            let kwh = grown / length as f64;
            naive.kwh[within.clone()].fill(kwh);
            naive.t1[within].fill(if pair[1].2 { kwh } else { 0.0 });
        }
    }
    naive.by_counter = naive.told.clone();
    let powers: Vec<(i64, f64, bool)> = last_of_instant
        .iter()
        .filter_map(|row| Some((row.at.as_second(), power(row)?.max(0.0), row.is_peak)))
        .collect();
    for pair in powers.windows(2).filter(|pair| pair[1].0 - pair[0].0 <= 600) {
        for second in seconds(pair[0].0, pair[1].0) {
            if !naive.by_counter[second] {
                naive.told[second] = true;
                naive.kwh[second] = (pair[0].1 + pair[1].1) / 2.0 / 3.6e6;
                naive.t1[second] = if pair[1].2 { naive.kwh[second] } else { 0.0 };
            }
        }
    }
    naive
}

fn sheet(entity: Entity, date: Date, zone: &SiteZone, random: &mut Random) -> PublishedDay {
    let mut points = Vec::new();
    for start in PublishedDay::axis(entity, date, zone) {
        points.push(Point { start, value: random.below(1_500_000) as i64 - 200_000 });
    }
    PublishedDay {
        entity,
        date,
        points,
        publication: None,
        fetched_at: Timestamp::UNIX_EPOCH,
        origin: PriceOrigin::Memory,
    }
}

#[test]
fn every_figure_is_that_of_a_naive_recomputation() {
    let zone = SiteZone::named("Europe/Warsaw").unwrap();
    let mut random = Random(0x5eed_cafe_f00d_d00d);
    for round in 0..120 {
        let date = [
            Date::new(2026, 3, 29).unwrap(),
            Date::new(2026, 10, 25).unwrap(),
            Date::new(2026, 3, 1 + (round % 28) as i8).unwrap(),
        ][round % 3];
        let rows = site(date, &zone, &mut random);
        let (market, settlement) =
            (sheet(Entity::DayAhead, date, &zone, &mut random), sheet(Entity::Settlement, date, &zone, &mut random));
        let sheets = Sheets { market: Some(&market), settlement: Some(&settlement), kompas: None };
        let tariff = Tariff::flat(Micro(92_000), Micro(310_000));
        let priced = PricedDay::new(date, sheets, &tariff, &Selling::default(), &zone);
        let balance = Balance::of(date, &rows, Some(&priced), &zone);
        let range = Range::day(date, &zone);
        let close = |what: &str, found: Micro, expected: f64| {
            let off = (found.to_f64() - expected).abs();
            assert!(off <= 0.005, "round {round}, {date}, {what}: {} is not {expected}", found.to_f64());
        };
        for flow in Flow::ALL {
            let expected = naive(flow, &rows, range);
            close(&format!("{flow:?}"), balance.day.flow(flow).kwh, expected.kwh.iter().sum());
            for (hour, bucket) in balance.hours.iter().enumerate() {
                let seconds = hour * 3600..(hour + 1) * 3600;
                let name = format!("{flow:?} of hour {hour}");
                close(&name, bucket.flow(flow).kwh, expected.kwh[seconds.clone()].iter().sum());
                assert_eq!(
                    bucket.flow(flow).how == How::Unknown,
                    {
                        let silent: usize = balance
                            .holes
                            .iter()
                            .filter(|hole| hole.flow == flow)
                            .map(|hole| {
                                let second = |at: Timestamp| at.as_second() - range.from.as_second();
                                let clip = |at: i64| (at.max(0) as usize).clamp(seconds.start, seconds.end);
                                clip(second(hole.range.to)) - clip(second(hole.range.from))
                            })
                            .sum();
                        silent == 3600
                    },
                    "{name}"
                );
                if flow == Flow::Import {
                    close(&format!("T1 of {name}"), bucket.import_t1, expected.t1[seconds].iter().sum());
                }
            }
            let told = expected.told.iter().filter(|told| !**told).count() as i64;
            let silence = balance.holes.iter().filter(|hole| hole.flow == flow && hole.kind == HoleKind::Silence);
            let silence: i64 = silence.map(|hole| hole.range.to.duration_since(hole.range.from).as_secs()).sum();
            assert_eq!(silence, told, "round {round}, {date}, {flow:?}: holes");
            let money = match flow {
                Flow::Import => balance.day.cost,
                Flow::Export => balance.day.income,
                _ => continue,
            };
            let price = |second: usize| {
                let slot = &priced.slots[second / 900];
                (if flow == Flow::Import { slot.buy } else { slot.sell }).unwrap().to_f64()
            };
            let naive_money: f64 = expected.kwh.iter().enumerate().map(|(second, kwh)| kwh * price(second)).sum();
            close(&format!("money of {flow:?}"), money.whole().unwrap(), naive_money);
        }
        let hours = balance.hours.iter();
        assert_eq!(hours.clone().map(|hour| hour.cost.pln).sum::<Micro>(), balance.day.cost.pln);
        assert_eq!(hours.clone().map(|hour| hour.rows).sum::<u32>(), balance.day.rows);
    }
}

#[test]
fn neighbouring_days_add_up_to_the_difference_of_two_readings() {
    let zone = SiteZone::named("Europe/Warsaw").unwrap();
    let mut random = Random(77);
    let date = Date::new(2026, 10, 25).unwrap();
    let mut rows: Vec<EnergyRow> = Vec::new();
    let from = zone.day_start(date.yesterday().unwrap()).as_second();
    let mut total = 100.0;
    for index in 0..73 * 12 {
        total += random.below(100) as f64 / 1e3;
        let at = Timestamp::from_second(from + index * 300 + random.below(200) as i64).unwrap();
        rows.push(EnergyRow { at, import_total_kwh: Some(total), ..EnergyRow::default() });
    }
    let days = [date.yesterday().unwrap(), date, date.tomorrow().unwrap()];
    let sum: Micro = days.iter().map(|day| Balance::of(*day, &rows, None, &zone).day.flow(Flow::Import).kwh).sum();
    let reading = |row: &EnergyRow| Micro::from_f64(row.import_total_kwh.unwrap());
    assert_eq!(sum, reading(&rows[rows.len() - 1]) - reading(&rows[0]));
}
