//! A house of which is known what really flowed: its days close, and where they do not, it is told what is missing.

use super::*;
use crate::model::totals::Total;

/// Rows of such a house, and the energy of each flow that had gone by at each of them, kWh.
struct House {
    rows: Vec<EnergyRow>,
    gone: Vec<[f64; 6]>,
}

/// The energy (kWh) above zero of a power (W) that goes evenly from `a` to `b`.
fn above_zero(a: f64, b: f64, seconds: f64) -> f64 {
    let share = match (a > 0.0, b > 0.0) {
        (true, true) => (a + b) / 2.0,
        (true, false) => a * a / (a - b) / 2.0,
        (false, true) => b * b / (b - a) / 2.0,
        (false, false) => 0.0,
    };
    share * seconds / 3.6e6
}

impl House {
    fn new(days: Days, random: &mut Random) -> Self {
        let (from, to) = (site::midnight(days.first), site::midnight(days.last.tomorrow().unwrap()));
        let mut house = Self { rows: Vec::new(), gone: Vec::new() };
        let mut before: Option<(i64, [f64; 6])> = None;
        let (mut gone, mut midnight) = ([0.0; 6], 0.0);
        for start in (from..to).step_by(300) {
            // Other seconds each hour, so that no row of the doubled one takes the place of another.
            let at = start + start / 3600 % 2 * 5 + random.below(5) as i64;
            let sun = std::f64::consts::PI * (site::local_hour(at) as f64 - 6.0) / 12.0;
            let pv = (sun.sin().max(0.0) * 5_000.0 * random.below(100) as f64 / 100.0).round();
            let load = (300 + random.below(3_000)) as f64;
            let battery = random.below(5_000) as f64 - 2_500.0;
            let grid = pv + battery - load;
            let powers = [pv, -grid, grid, load, -battery, battery];
            if let Some((since, last)) = before {
                let flowed: [f64; 6] =
                    std::array::from_fn(|flow| above_zero(last[flow], powers[flow], (at - since) as f64));
                (0..6).for_each(|flow| gone[flow] += flowed[flow]);
                let date = |at| zone().date(Timestamp::from_second(at).unwrap());
                midnight = if date(since) == date(at) { midnight } else { gone[0] };
            }
            before = Some((at, powers));
            // No meter is exact: half a percent.
            let mut told = |watts: f64| Some((watts * (0.995 + random.below(100) as f64 / 1e4)).round());
            let counter = |kwh: f64| Some((kwh * 1e3).round() / 1e3);
            house.rows.push(EnergyRow {
                at: Timestamp::from_second(at).unwrap(),
                soc_pct: Some(50.0),
                pv_power_w: told(pv),
                grid_power_w: told(grid),
                house_power_w: told(load),
                battery_power_w: told(battery),
                import_total_kwh: counter(8_000.0 + gone[1]),
                export_total_kwh: counter(2_000.0 + gone[2]),
                house_total_kwh: counter(100.0 + gone[3]),
                pv_day_kwh: counter(gone[0] - midnight),
                is_peak: site::local_hour(at) < 13,
                ..EnergyRow::default()
            });
            house.gone.push(gone);
        }
        house
    }

    /// What really flowed from one row to another.
    fn flowed(&self, flow: Flow, range: Range) -> f64 {
        let gone = |at: Timestamp| self.gone[self.rows.partition_point(|row| row.at < at).min(self.gone.len() - 1)];
        gone(range.to)[flow as usize] - gone(range.from)[flow as usize]
    }

    /// The closed days of a site that has these rows.
    fn summed(rows: &[EnergyRow], days: Days, version: u8) -> BTreeMap<Date, Balance> {
        let bench = Bench::new();
        let mut site = Site::new(&bench, version);
        site.garbles = false;
        let mut random = Random(7);
        site.at_once(|site| rows.iter().for_each(|row| site.write(row.clone(), &mut random)));
        let (mut archive, mut summing) = (bench.archive(), Summing::new(bench.context.clone()));
        assert_eq!(bench.work(&mut summing, &mut archive).len() as i64, days.count());
        super::read(&mut archive, days, true)
    }
}

/// What went through a house, of which 1 % may be missing.
fn through(total: &Total) -> f64 {
    [Flow::Pv, Flow::Import, Flow::Discharge].iter().map(|flow| total.flow(*flow).kwh.to_f64()).sum()
}

#[test]
fn clean_days_close_within_a_percent_and_counters_agree_with_last_minus_first() {
    let mut random = Random(0xC1EA_4DA7);
    for (version, first, last) in
        [(1, "2026-03-28", "2026-03-30"), (4, "2026-10-24", "2026-10-26"), (4, "2025-12-30", "2026-01-02")]
    {
        let days = Days { first: date(first), last: date(last) };
        let house = House::new(days, &mut random);
        let known = House::summed(&house.rows, days, version);
        let now = NOW.parse().unwrap();
        for by in [By::Day, By::Month, By::Year] {
            for part in totals::tests::parts(days, by, now, &known, &zone()) {
                let (total, what) = (&part.total, format!("version {version}, {:?}", part.days));
                let error = total.balance_error().unwrap().to_f64();
                assert!(error.abs() <= through(total) / 100.0, "{what}: {error} of {}", through(total));
                // The stretch begins and ends with a row: some 5 minutes on either side are not known.
                let lost = |lost: &totals::Lost| lost.us <= 610_000_000;
                assert!(total.holes.values().all(lost), "{what}: {:?}", total.holes);
                for flow in Flow::ALL {
                    let (found, truth) = (total.flow(flow).kwh.to_f64(), house.flowed(flow, part.range));
                    // Where a power crosses zero between two rows, both directions take half of what crossed.
                    let counted = version == 4 && !matches!(flow, Flow::Charge | Flow::Discharge);
                    let most = if counted { 0.5 } else { 5.0 + truth * 0.3 };
                    assert!((found - truth).abs() <= most, "{what}, {flow:?}: {found} is not {truth}");
                }
            }
        }
        if version == 4 {
            let whole = totals::tests::whole(days, now, &known, &zone());
            type Read = fn(&EnergyRow) -> Option<f64>;
            let counters: [(Flow, Read); 3] = [
                (Flow::Import, |row| row.import_total_kwh),
                (Flow::Export, |row| row.export_total_kwh),
                (Flow::House, |row| row.house_total_kwh),
            ];
            for (flow, read) in counters {
                let reading = |row: &EnergyRow| Micro::from_f64(read(row).unwrap());
                let ends = (&house.rows[0], &house.rows[house.rows.len() - 1]);
                assert_eq!(whole.flow(flow).kwh, reading(ends.1) - reading(ends.0), "{flow:?}");
            }
        }
    }
}

#[test]
fn what_keeps_a_day_from_closing_is_named() {
    let mut random = Random(0x0DD_DA75);
    let days = Days { first: date("2026-10-24"), last: date("2026-10-26") };
    let mut open = 0;
    for round in 0..6 {
        let version = [4, 1, 4][round % 3];
        let house = House::new(days, &mut random);
        let mut rows = house.rows.clone();
        for day in days.iter() {
            // Within the day: what lies on both sides of midnight is shared by time, whatever it was.
            let from = site::midnight(day) + 1_800 + random.below(60_000) as i64;
            let to = from + 900 + random.below(18_000) as i64;
            let within = |row: &EnergyRow| (from..to).contains(&row.at.as_second());
            match random.below(3) {
                0 => rows.retain(|row| !within(row)),
                1 => rows.iter_mut().filter(|row| within(row)).for_each(|row| {
                    (row.grid_power_w, row.import_total_kwh, row.battery_power_w) = (None, None, None);
                }),
                // Another meter.
                _ => rows.iter_mut().filter(|row| row.at.as_second() >= from).for_each(|row| {
                    row.import_total_kwh = row.import_total_kwh.map(|kwh| (kwh % 7_000.0 * 1e3).round() / 1e3);
                    row.house_total_kwh = row.house_total_kwh.map(|kwh| kwh + 5e4);
                }),
            }
        }
        for (day, balance) in House::summed(&rows, days, version) {
            let known = BTreeMap::from([(day, balance)]);
            let total = totals::tests::whole(Days { first: day, last: day }, NOW.parse().unwrap(), &known, &zone());
            let what = format!("round {round}, version {version}, {day}");
            let error = total.balance_error().unwrap().to_f64();
            let most = through(&total) / 100.0;
            open += u32::from(error.abs() > most);
            // With what really flowed where it says that it knows nothing, it closes.
            let mut closed = error;
            for hole in &known[&day].holes {
                let sign = if matches!(hole.flow, Flow::Pv | Flow::Import | Flow::Discharge) { 1.0 } else { -1.0 };
                closed += sign * house.flowed(hole.flow, hole.range);
            }
            assert!(closed.abs() <= most + 0.05, "{what}: {closed} kWh are missing without a word, of {error}");
            assert!(error.abs() <= most || !total.holes.is_empty(), "{what}");
        }
    }
    assert!(open > 2, "some days do not close: {open}");
}
