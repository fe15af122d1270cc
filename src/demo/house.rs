//! The simulated house: panels, battery, grid meter and household, carried forward through time.
//!
//! The same [`House::advance`] makes the history and the live readings. Powers are whole watts and balance exactly:
//! PV + battery = household + grid, with the signs of [`crate::base::units`]. Meters are the integral of the powers.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use super::load::load_w;
use super::noise::{Channel, smooth};
use super::plan::{self, Day, Decision, Mode};
use super::prices::Market;
use super::weather;
use crate::base::units::round_to;

/// Nominal power of the panels, W.
pub const PV_PEAK_W: f64 = 7_500.0;
/// What the battery holds, kWh.
pub const CAPACITY_KWH: f64 = 10.0;
/// The battery's largest power either way, W.
pub const MAX_BATTERY_W: f64 = 3_000.0;
/// What is left of energy on its way into the battery, and again on its way out.
const EFFICIENCY: f64 = 0.96;
/// The battery gives nothing below this state of charge, %.
const RESERVE_PCT: f64 = 10.0;
/// The longest step over which a power counts as steady.
const STEP: SignedDuration = SignedDuration::from_mins(5);

/// A longer jump of the clock is no time in which anybody lived here.
const LONGEST_GAP: SignedDuration = SignedDuration::from_hours(72);

/// Energy that went through the meters, kWh.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Energy {
    /// Bought.
    pub import_kwh: f64,
    /// Sold.
    pub export_kwh: f64,
    /// Used in the house.
    pub load_kwh: f64,
    /// Given by the panels.
    pub pv_kwh: f64,
}

/// Everything the inverter tells at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// When.
    pub at: Timestamp,
    /// The same on the wall clock.
    pub local: Zoned,
    /// State of charge, %, one decimal.
    pub soc_pct: f64,
    /// PV power, W.
    pub pv_w: i64,
    /// Household, W.
    pub load_w: i64,
    /// Battery, W: positive when discharging.
    pub battery_w: i64,
    /// Grid, W: positive when exporting.
    pub grid_w: i64,
    /// Mains voltage, V.
    pub grid_v: f64,
    /// Battery voltage, V.
    pub battery_v: f64,
    /// Battery temperature, °C.
    pub battery_c: f64,
    /// Air temperature, °C.
    pub air_c: f64,
    /// Cloud cover, %.
    pub cloud_pct: f64,
    /// Whether the coordinator charges from the grid.
    pub grid_charging: bool,
    /// The meters since they were built in.
    pub total: Energy,
    /// The meters since midnight.
    pub today: Energy,
    /// Whether the tariff's peak zone applies.
    pub peak: bool,
}

impl Reading {
    /// The tariff zone's name.
    pub fn tariff_zone(&self) -> &'static str {
        if self.peak { "T1" } else { "T2" }
    }
}

/// A stretch of charging from the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// First instant.
    pub start: Timestamp,
    /// Last instant.
    pub end: Timestamp,
    /// Energy into the battery, kWh.
    pub energy_kwh: f64,
    /// What the bought part of it cost, PLN.
    pub cost_pln: f64,
}

/// The house and its coordinator's mind.
#[derive(Debug)]
pub struct House {
    seed: u64,
    zone: TimeZone,
    market: Market,
    day: Day,
    at: Timestamp,
    stored_kwh: f64,
    mode: Mode,
    total: Energy,
    today: Energy,
    session: Option<Session>,
}

impl House {
    /// A house as it is found at `from`, its meters already a few years old.
    pub fn new(seed: u64, zone: &TimeZone, from: Timestamp) -> Self {
        let market = Market::new(seed, zone.clone());
        let day = Day::new(seed, &market, from.to_zoned(zone.clone()).date());
        let total = Energy { import_kwh: 4_211.8, export_kwh: 6_035.2, load_kwh: 11_874.6, pv_kwh: 0.0 };
        Self {
            seed,
            zone: zone.clone(),
            market,
            day,
            at: from,
            stored_kwh: 0.46 * CAPACITY_KWH,
            mode: Mode::SelfUse,
            total,
            today: Energy::default(),
            session: None,
        }
    }

    /// Lets time pass until `to` and reads every meter. Time that runs backwards changes the reading's date alone.
    pub fn advance(&mut self, to: Timestamp) -> Reading {
        if to.duration_since(self.at) > LONGEST_GAP {
            self.at = to - LONGEST_GAP;
        }
        while to.duration_since(self.at) > STEP {
            self.step(self.at + STEP);
        }
        self.step(to)
    }

    /// Decides what the battery does from `reading` on. Answers the charging session that ends with it, if one does.
    pub fn decide(&mut self, reading: &Reading) -> (Decision, Option<Session>) {
        let decision = plan::decide(&self.day, reading, reading.local.hour());
        self.mode = decision.mode;
        let ended = match (self.mode, &mut self.session) {
            (Mode::GridCharge, Some(_)) => None,
            (Mode::GridCharge, none) => {
                *none = Some(Session { start: reading.at, end: reading.at, energy_kwh: 0.0, cost_pln: 0.0 });
                None
            }
            (_, session) => session.take(),
        };
        (decision, ended)
    }

    /// What the battery does at present.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    fn step(&mut self, to: Timestamp) -> Reading {
        let local = to.to_zoned(self.zone.clone());
        let hours = to.duration_since(self.at).as_secs_f64().max(0.0) / 3600.0;
        self.at = to;

        let pv_w = (weather::pv_share(self.seed, to) * PV_PEAK_W).round();
        let load_w = load_w(self.seed, &local).round();
        let battery_w = self.battery_w(pv_w - load_w).round();
        let grid_w = pv_w + battery_w - load_w;
        self.integrate(hours, to, [pv_w, load_w, battery_w, grid_w]);
        self.begin_day(local.date());

        let slot = self.day.slot_at(to);
        let second = weather::seconds(to);
        let shake = |place: f64| smooth(self.seed, Channel::Meter, second + place, 180.0) - 0.5;
        let soc_pct = round_to(self.stored_kwh / CAPACITY_KWH * 100.0, 1);
        Reading {
            at: to,
            soc_pct,
            pv_w: pv_w as i64,
            load_w: load_w as i64,
            battery_w: battery_w as i64,
            grid_w: grid_w as i64,
            grid_v: round_to(236.0 + grid_w / 1500.0 + 4.0 * shake(0.0), 1),
            battery_v: round_to(372.0 + 0.45 * soc_pct - battery_w / 900.0 + 0.6 * shake(1e5), 1),
            battery_c: round_to(
                21.0 + 5.0 * smooth(self.seed, Channel::Meter, second + 3e5, 30_000.0) + battery_w.abs() / 1500.0,
                1,
            ),
            air_c: round_to(weather::temperature_c(self.seed, to), 1),
            cloud_pct: round_to(weather::cloud_cover(self.seed, to) * 100.0, 0),
            grid_charging: self.mode == Mode::GridCharge,
            total: self.total,
            today: self.today,
            peak: slot.is_some_and(|(slot, _)| slot.peak),
            local,
        }
    }

    /// What the battery gives (or, negative, takes) when the panels leave `surplus_w` over.
    fn battery_w(&self, surplus_w: f64) -> f64 {
        let soc = self.stored_kwh / CAPACITY_KWH * 100.0;
        let wanted = match self.mode {
            Mode::SelfUse => -surplus_w,
            Mode::Hold => -surplus_w.max(0.0),
            Mode::GridCharge => -MAX_BATTERY_W,
            Mode::Sell => MAX_BATTERY_W,
        };
        // Nearly full and nearly empty batteries are throttled, so a step never overshoots.
        let most_in = MAX_BATTERY_W * ((100.0 - soc) / 6.0).clamp(0.0, 1.0);
        let most_out = MAX_BATTERY_W * ((soc - RESERVE_PCT) / 3.0).clamp(0.0, 1.0);
        let power = wanted.clamp(-most_in, most_out);
        if power.abs() < 25.0 { 0.0 } else { power }
    }

    fn integrate(&mut self, hours: f64, to: Timestamp, [pv_w, load_w, battery_w, grid_w]: [f64; 4]) {
        let kwh = |watts: f64| watts * hours / 1000.0;
        for meters in [&mut self.total, &mut self.today] {
            meters.import_kwh += kwh((-grid_w).max(0.0));
            meters.export_kwh += kwh(grid_w.max(0.0));
            meters.load_kwh += kwh(load_w);
            meters.pv_kwh += kwh(pv_w);
        }
        let into = if battery_w < 0.0 { battery_w * EFFICIENCY } else { battery_w / EFFICIENCY };
        self.stored_kwh = (self.stored_kwh - kwh(into)).clamp(0.0, CAPACITY_KWH);
        if let Some(session) = &mut self.session {
            let price = self.day.slot_at(to).map_or(0.0, |(slot, _)| slot.buy_pln_kwh);
            let charged_w = (-battery_w).max(0.0);
            session.end = to;
            session.energy_kwh += kwh(charged_w);
            session.cost_pln += kwh(charged_w.min((-grid_w).max(0.0))) * price;
        }
    }

    /// At midnight: the day's meters start again, the new day's prices apply.
    fn begin_day(&mut self, date: Date) {
        if self.day.date != date {
            self.day = Day::new(self.seed, &self.market, date);
            self.today = Energy::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::zones;

    fn house(seed: u64, from: &str) -> House {
        House::new(seed, &zones::zone("Europe/Warsaw").unwrap(), from.parse().unwrap())
    }

    /// Days of five-minute readings with decisions in between.
    fn run(seed: u64, days: i64) -> Vec<Reading> {
        let mut house = house(seed, "2026-09-19T22:00:00Z");
        (1..=days * 288)
            .map(|_| {
                let reading = house.advance(house.at + STEP);
                if reading.at.as_second() % 900 == 0 {
                    house.decide(&reading);
                }
                reading
            })
            .collect()
    }

    #[test]
    fn powers_balance_and_meters_follow_them() {
        let readings = run(7, 60);
        for pair in readings.windows(2) {
            let (before, now) = (&pair[0], &pair[1]);
            let (discharge, charge) = (now.battery_w.max(0), (-now.battery_w).max(0));
            let (export, import) = (now.grid_w.max(0), (-now.grid_w).max(0));
            assert_eq!(now.pv_w + import + discharge, now.load_w + export + charge);
            assert!(now.pv_w >= 0 && now.load_w >= 0 && (9.0..=100.0).contains(&now.soc_pct), "{now:?}");
            let bought = now.total.import_kwh - before.total.import_kwh;
            assert!((bought - import as f64 / 12_000.0).abs() < 1e-6);
            let same_day = before.local.date() == now.local.date();
            assert_eq!(now.today.pv_kwh >= before.today.pv_kwh, same_day || before.today.pv_kwh == 0.0);
        }
        let (lowest, highest) = readings
            .iter()
            .fold((100.0_f64, 0.0_f64), |(low, high), reading| (low.min(reading.soc_pct), high.max(reading.soc_pct)));
        assert!(lowest < 25.0 && highest > 85.0, "the battery is used: {lowest} {highest}");
    }

    #[test]
    fn a_house_repeats_by_seed() {
        assert_eq!(run(7, 3), run(7, 3));
        assert_ne!(run(7, 3), run(8, 3));
    }

    #[test]
    fn every_kind_of_decision_and_sessions_occur() {
        let mut house = house(42, "2026-06-19T22:00:00Z");
        let (mut actions, mut sessions) = (std::collections::BTreeMap::new(), Vec::new());
        for _ in 0..(150 * 96) {
            let reading = house.advance(house.at + SignedDuration::from_mins(15));
            let (decision, ended) = house.decide(&reading);
            *actions.entry(decision.action).or_insert(0) += 1;
            sessions.extend(ended);
        }
        for action in ["wait", "battery_selling", "start_pv_charging", "start_grid_charging", "start_hybrid_charging"] {
            assert!(actions.get(action).is_some_and(|&count| count > 10), "{action}: {actions:?}");
        }
        assert!(sessions.len() > 20 && sessions.iter().all(|s| s.energy_kwh > 0.0 && s.end > s.start));
    }

    #[test]
    fn a_clock_set_back_does_not_run_the_meters_backwards() {
        let mut house = house(7, "2026-11-20T10:00:00Z");
        let before = house.advance("2026-11-22T10:00:00Z".parse().unwrap());
        let after = house.advance("2025-11-22T10:00:00Z".parse().unwrap());
        assert_eq!(before.total, after.total);
        let later = house.advance("2025-11-22T11:00:00Z".parse().unwrap());
        assert!(later.total.load_kwh > after.total.load_kwh && later.total.load_kwh < after.total.load_kwh + 8.0);
    }
}
