//! A day counted anew from what was written, in floating point, by the letter of the contract. Nothing of it is shared
//! with what is to be proven.

use std::collections::BTreeMap;

use super::site::{Said, Site, day, local_hour};
use super::*;
use crate::model::balance::property::naive;
use crate::model::balance::{Bucket, Gauge, HoleKind, How};

/// What is paid in a year: distribution by local hours, and since when other rates hold.
pub struct Terms {
    pub margin: f64,
    /// Peak and off-peak, PLN/kWh.
    pub rates: [f64; 2],
    /// The first day of other rates.
    pub change: Option<(Date, [f64; 2])>,
    pub per_hour: bool,
    pub factor: f64,
}

impl Terms {
    fn charge(&self, date: Date, at: i64) -> f64 {
        let rates = self.change.filter(|(from, _)| date >= *from).map_or(self.rates, |(_, rates)| rates);
        let hour = local_hour(at);
        let is_peak = (6..22).contains(&hour) && !(13..15).contains(&hour);
        self.margin + if is_peak { rates[0] } else { rates[1] }
    }
}

/// A quarter-hour of one flow.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Quarter {
    kwh: f64,
    t1: f64,
    by_counter: f64,
    by_power: f64,
    /// Seconds of which something is believed.
    known: u32,
}

/// One flow of a day.
pub struct Flowing {
    quarters: Vec<Quarter>,
    /// Where nothing was told, and where a counter is not believed: seconds of the day, from and to.
    silent: Vec<(i64, i64)>,
    broken: Vec<(i64, i64)>,
}

/// What of these seconds is marked, in one piece each.
fn runs(marked: impl Iterator<Item = bool>) -> Vec<(i64, i64)> {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for (second, _) in (0..).zip(marked).filter(|(_, marked)| *marked) {
        match runs.last_mut().filter(|(_, to)| *to == second) {
            Some((_, to)) => *to += 1,
            None => runs.push((second, second + 1)),
        }
    }
    runs
}

/// The energy of a day, of these rows around it.
pub fn flows(rows: &[EnergyRow], date: Date) -> Vec<Flowing> {
    let flowing = |flow| {
        let naive = naive(flow, rows, day(date));
        let quarter = |first: usize| {
            let mut quarter = Quarter::default();
            for second in first..first + 900 {
                let kwh = naive.kwh[second];
                quarter.kwh += kwh;
                quarter.t1 += naive.t1[second];
                *(if naive.by_counter[second] { &mut quarter.by_counter } else { &mut quarter.by_power }) += kwh;
                quarter.known += u32::from(naive.told[second] && !naive.broken[second]);
            }
            quarter
        };
        Flowing {
            quarters: (0..naive.kwh.len()).step_by(900).map(quarter).collect(),
            silent: runs(naive.told.iter().map(|told| !told)),
            broken: runs(naive.broken.iter().copied()),
        }
    };
    Flow::ALL.into_iter().map(flowing).collect()
}

/// What a kWh costs, and what it pays.
type Rate = (Option<f64>, Option<f64>);
/// Those of a day's quarter-hours.
pub type Rates = Vec<Rate>;

/// The prices of a day, PLN/kWh, as published, else as recorded; `None` where there are none at all.
pub fn rates(site: &Site, date: Date, sheets: &BTreeMap<(Entity, Date), PublishedDay>, terms: &Terms) -> Option<Rates> {
    let Range { from, to } = day(date);
    let values = |entity| -> BTreeMap<i64, f64> {
        let points = sheets.get(&(entity, date)).map_or(&[][..], |sheet| &sheet.points);
        points.iter().map(|point| (point.start.as_second(), point.value as f64 / 1e6)).collect()
    };
    let (market, settlement) = (values(Entity::DayAhead), values(Entity::Settlement));
    let starts = (from.as_second()..to.as_second()).step_by(900);
    let sell = |start: i64| {
        let hour = start.div_euclid(3600) * 3600;
        let quarters: Vec<f64> =
            (0..4).map(|quarter| settlement.get(&(hour + 900 * quarter)).copied()).collect::<Option<_>>()?;
        let floor = if terms.per_hour { f64::NEG_INFINITY } else { 0.0 };
        let mean = quarters.iter().map(|price| price.max(floor)).sum::<f64>() / 4.0;
        Some(mean.max(0.0) * terms.factor)
    };
    let recorded = |prices: Vec<(i64, Option<f64>)>| -> Option<Rates> {
        let of_slot = |start: i64| {
            let within = |(at, price): &(i64, Option<f64>)| price.filter(|_| (start..start + 900).contains(at));
            let known: Vec<f64> = prices.iter().filter_map(within).filter(|price| *price != 0.0).collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        };
        let rates: Rates = starts.clone().map(|start| (of_slot(start), None)).collect();
        rates.iter().any(|(buy, _)| buy.is_some()).then_some(rates)
    };
    if market.is_empty() {
        let rows = site.rows(day(date)).iter().map(|row| (row.at.as_second(), row.price_pln)).collect();
        let said = site.said.iter().map(|said| (said.at, number(said, "current_price"))).collect();
        if let Some(rates) = recorded(rows).or_else(|| recorded(said)) {
            return Some(rates);
        }
    }
    let buy = |start: i64| market.get(&start).map(|price| price + terms.charge(date, start));
    (!market.is_empty() || !settlement.is_empty()).then(|| starts.clone().map(|at| (buy(at), sell(at))).collect())
}

fn close(what: &str, found: f64, expected: f64) {
    assert!((found - expected).abs() <= 0.005, "{what}: {found} is not {expected}");
}

/// A gauge, in hundredths, against what was measured.
fn gauge(what: &str, found: &Gauge, scale: f64, values: &[f64]) {
    assert_eq!(found.count as usize, values.len(), "{what}: count");
    if !values.is_empty() {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        for (name, found, expected) in [
            ("least", found.min as f64, least),
            ("greatest", found.max as f64, greatest),
            ("mean", found.sum as f64 / f64::from(found.count), mean),
        ] {
            close(&format!("{name} {what}"), found / scale, expected);
        }
    }
}

/// A bucket of some quarter-hours against the same ones counted anew.
pub fn bucket(what: &str, found: &Bucket, quarters: std::ops::Range<usize>, date: Date, of: &Counted<'_>) {
    let Counted { flows, rates, rows } = of;
    let start = day(date).from.as_second();
    let seconds = start + 900 * quarters.start as i64..start + 900 * quarters.end as i64;
    let within: Vec<&EnergyRow> = rows.iter().filter(|row| seconds.contains(&row.at.as_second())).collect();
    assert_eq!(found.rows as usize, within.len(), "{what}: rows");
    assert_eq!(found.expected as usize, quarters.len() * 3, "{what}: rows expected");
    assert_eq!(found.slots as usize, quarters.len(), "{what}: quarter-hours");
    for (flow, flowing) in Flow::ALL.into_iter().zip(*flows) {
        let what = format!("{what}, {flow:?}");
        let own = &flowing.quarters[quarters.clone()];
        let sum = |of: fn(&Quarter) -> f64| own.iter().map(of).sum::<f64>();
        close(&what, found.flow(flow).kwh.to_f64(), sum(|quarter| quarter.kwh));
        let how = found.flow(flow).how;
        assert_eq!(how == How::Unknown, own.iter().all(|quarter| quarter.known == 0), "{what}: {how:?}");
        // Where it is not to be told from nothing, both names are right.
        match (sum(|quarter| quarter.by_counter), sum(|quarter| quarter.by_power)) {
            (counter, power) if counter > 1e-4 && power > 1e-4 => assert_eq!(how, How::Mixed, "{what}"),
            (counter, 0.0) if counter > 1e-4 => assert_eq!(how, How::Counter, "{what}"),
            (0.0, power) if power > 1e-4 => assert_eq!(how, How::Power, "{what}"),
            _ => {}
        }
        let money = |price: fn(&Rate) -> Option<f64>| {
            let mut money = (0.0, 0.0);
            for (index, quarter) in quarters.clone().zip(own) {
                match rates.as_ref().and_then(|rates| price(&rates[index])) {
                    Some(price) => money.0 += quarter.kwh * price,
                    None => money.1 += quarter.kwh,
                }
            }
            money
        };
        let (stored, expected) = match flow {
            Flow::Import => (found.cost, money(|(buy, _)| *buy)),
            Flow::House => (found.house_cost, money(|(buy, _)| *buy)),
            Flow::Export => (found.income, money(|(_, sell)| *sell)),
            _ => continue,
        };
        close(&format!("PLN of {what}"), stored.pln.to_f64(), expected.0);
        close(&format!("kWh without a price of {what}"), stored.unpriced.to_f64(), expected.1);
        if expected.1 > 1e-4 || expected.1 == 0.0 {
            assert_eq!(stored.whole().is_none(), expected.1 > 0.0, "{what}: whether all of it has a price");
        }
        if flow == Flow::Import {
            let t1 = sum(|quarter| quarter.t1);
            close(&format!("T1 of {what}"), found.import_t1.to_f64(), t1);
            close(&format!("T2 of {what}"), found.import_t2().to_f64(), sum(|quarter| quarter.kwh) - t1);
        }
    }
    let buys = quarters.clone().filter_map(|quarter| rates.as_ref().and_then(|rates| rates[quarter].0));
    gauge(&format!("{what}, prices"), &found.prices, 1e6, &buys.collect::<Vec<_>>());
    type Read = fn(&EnergyRow) -> Option<f64>;
    let read: [(&str, Read); 6] = [
        ("PV", |row| row.pv_power_w),
        ("grid", |row| row.grid_power_w),
        ("house", |row| row.house_power_w),
        ("battery", |row| row.battery_power_w),
        ("SOC", |row| row.soc_pct),
        ("temperature", |row| row.temperature_c),
    ];
    for ((name, read), found) in read.into_iter().zip(&found.gauges) {
        let values: Vec<f64> = within.iter().filter_map(|row| read(row)).collect();
        gauge(&format!("{what}, {name}"), found, 100.0, &values);
    }
    let socs: Vec<f64> = within.iter().filter_map(|row| row.soc_pct).collect();
    assert_eq!(found.soc_ends.is_some(), !socs.is_empty(), "{what}: SOC");
    if let Some((first, last)) = found.soc_ends {
        close(&format!("{what}, first SOC"), first as f64 / 100.0, socs[0]);
        close(&format!("{what}, last SOC"), last as f64 / 100.0, socs[socs.len() - 1]);
    }
}

/// What was counted anew of a day.
pub struct Counted<'a> {
    pub flows: &'a [Flowing],
    pub rates: Option<Rates>,
    /// The day's own.
    pub rows: Vec<EnergyRow>,
}

/// A day's balance, its hours, and its holes, against what was counted anew.
pub fn balance(what: &str, found: &Balance, of: &Counted<'_>) {
    let quarters = of.flows[0].quarters.len();
    bucket(what, &found.day, 0..quarters, found.date, of);
    assert_eq!(found.hours.len() * 4, quarters, "{what}: hours");
    for (hour, own) in found.hours.iter().enumerate() {
        bucket(&format!("{what}, hour {hour}"), own, hour * 4..hour * 4 + 4, found.date, of);
    }
    let start = day(found.date).from.as_second();
    for (flow, flowing) in Flow::ALL.into_iter().zip(of.flows) {
        let named = |silent: bool| -> Vec<(i64, i64)> {
            let mut runs: Vec<(i64, i64)> = Vec::new();
            for hole in &found.holes {
                if hole.flow == flow && (hole.kind == HoleKind::Silence) == silent {
                    let (from, to) = (hole.range.from.as_second() - start, hole.range.to.as_second() - start);
                    match runs.last_mut().filter(|(_, last)| *last == from) {
                        Some((_, last)) => *last = to,
                        None => runs.push((from, to)),
                    }
                }
            }
            runs
        };
        assert_eq!(named(true), flowing.silent, "{what}, {flow:?}: silence");
        assert_eq!(named(false), flowing.broken, "{what}, {flow:?}: resets and jumps");
        let lost: i64 = flowing.silent.iter().chain(&flowing.broken).map(|(from, to)| to - from).sum();
        let days = crate::model::totals::Days { first: found.date, last: found.date };
        let known = BTreeMap::from([(found.date, found.clone())]);
        let total = crate::model::totals::tests::whole(days, NOW.parse().unwrap(), &known, &zone());
        let told = total.holes.iter().filter(|((of, _), _)| *of == flow as u8);
        assert_eq!(told.map(|(_, lost)| lost.us).sum::<i64>(), lost * 1_000_000, "{what}, {flow:?}: lost");
    }
    for (why, missing) in [(found.cost_unpriced, found.day.cost), (found.income_unpriced, found.day.income)] {
        assert_eq!(why.is_some(), missing.whole().is_none(), "{what}: a reason where there is no money");
    }
}

/// A decision's number; text counts where it is one.
fn number(said: &Said, key: &str) -> Option<f64> {
    match said.parameters.get(key)? {
        serde_json::Value::String(text) => text.parse().ok(),
        value => value.as_f64(),
    }
}

/// A day's sums of decisions, and its import by the letter of `/monthly-summary`.
pub fn sums(what: &str, found: &crate::model::day::Sums, said: &[Said], rows: &[EnergyRow]) {
    let mut counts = [0_u32; 7];
    let mut sums = [0.0; 7];
    let (mut sources, mut prices) = (BTreeMap::<&str, u32>::new(), Vec::new());
    for said in said {
        let told = |keys: &[&str]| keys.iter().find_map(|key| number(said, key));
        let text =
            |key: &str| said.parameters.get(key).and_then(|value| value.as_str()).filter(|text| !text.is_empty());
        let reason = said.reason.unwrap_or("").to_lowercase();
        let phrases = ["start charging", "charging from", "pv charging", "grid charging", "charging started"];
        sums[0] += told(&["confidence"]).unwrap_or(0.0);
        if said.action == Some("battery_selling") || text("decision") == Some("battery_selling") {
            let (energy, revenue) =
                (told(&["energy_sold_kwh", "energy_kwh"]), told(&["expected_revenue_pln", "estimated_savings_pln"]));
            counts[0] += 1;
            counts[1] += u32::from(energy.is_none());
            counts[2] += u32::from(revenue.is_none());
            sums[1] += energy.unwrap_or(0.0);
            sums[2] += revenue.unwrap_or(0.0);
        } else if said.action != Some("wait")
            && (["charge", "charging", "start_grid_charging"].contains(&said.action.unwrap_or(""))
                || phrases.iter().any(|phrase| reason.contains(phrase)))
        {
            let (energy, cost) = (told(&["energy_kwh"]), told(&["estimated_cost_pln"]));
            counts[3] += 1;
            counts[4] += u32::from(energy.is_none());
            counts[5] += u32::from(cost.is_none());
            sums[if text("tariff_zone") == Some("T2") { 3 } else { 4 }] += energy.unwrap_or(0.0);
            sums[5] += cost.unwrap_or(0.0);
            sums[6] += told(&["estimated_savings_pln"]).unwrap_or(0.0);
            *sources.entry(text("charging_source").or(text("source")).unwrap_or("unknown")).or_default() += 1;
            prices.extend(told(&["current_price"]).filter(|price| *price > 0.0));
        } else {
            counts[6] += 1;
        }
    }
    let stored = [
        found.selling,
        found.sales_without_energy,
        found.sales_without_revenue,
        found.charging,
        found.charges_without_energy,
        found.charges_without_cost,
        found.wait,
    ];
    assert_eq!(stored, counts, "{what}: decisions");
    assert_eq!(found.sources.iter().collect::<BTreeMap<_, _>>(), sources, "{what}: sources");
    let readings: Vec<(f64, bool)> = rows.iter().filter_map(|row| Some((row.import_total_kwh?, row.is_peak))).collect();
    let mut import = [0.0; 2];
    let steps = readings.windows(2).map(|pair| (pair[1].0 - pair[0].0, pair[1].1));
    steps.clone().for_each(|(step, is_peak)| import[usize::from(!is_peak)] += step.max(0.0));
    let real = match steps.clone().any(|(step, _)| step < 0.0) {
        true => import[0] + import[1],
        false => readings.last().map_or(0.0, |last| last.0 - readings[0].0),
    };
    assert_eq!(found.import_readings as usize, readings.len(), "{what}: meter readings");
    for (name, found, expected) in [
        ("confidence", found.confidence, sums[0]),
        ("energy sold", found.energy_sold, sums[1]),
        ("revenue", found.revenue, sums[2]),
        ("energy", found.energy, sums[3] + sums[4]),
        ("energy T1", found.energy_t1, sums[4]),
        ("energy T2", found.energy_t2, sums[3]),
        ("cost", found.cost, sums[5]),
        ("savings", found.charging_savings, sums[6]),
        ("import", found.import_real, real),
        ("import T1", found.import_t1, import[0]),
        ("import T2", found.import_t2, import[1]),
    ] {
        close(&format!("{what}, {name}"), found.to_f64(), expected);
    }
    assert_eq!(found.price.count as usize, prices.len(), "{what}: prices of decisions");
    if !prices.is_empty() {
        close(&format!("{what}, least price"), found.price.min.to_f64(), prices.iter().copied().fold(9e9, f64::min));
        close(
            &format!("{what}, greatest price"),
            found.price.max.to_f64(),
            prices.iter().copied().fold(-9e9, f64::max),
        );
        close(&format!("{what}, prices"), found.price.sum.to_f64(), prices.iter().sum());
    }
}
