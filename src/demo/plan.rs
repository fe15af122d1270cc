//! How the simulated coordinator decides, every quarter of an hour: charge when it is cheap, keep what is stored
//! for dear hours, sell when the evening pays well. Pure: a day's prices and a reading in, a decision out.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::house::{CAPACITY_KWH, MAX_BATTERY_W, PV_PEAK_W, Reading};
use super::prices::{Market, Slot};
use super::weather;
use crate::base::units::round_to;

/// What the battery does until the next decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Takes what the panels leave over, gives what the house lacks.
    SelfUse,
    /// Takes what the panels leave over, gives nothing.
    Hold,
    /// Charges with full power, from the grid where the panels do not suffice.
    GridCharge,
    /// Gives full power, the rest of it to the grid.
    Sell,
}

/// A decision as the coordinator records it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// When it was made.
    pub at: Timestamp,
    /// What the battery does now.
    pub mode: Mode,
    /// `decision_type`: null for selling.
    pub kind: Option<&'static str>,
    /// The recorded action.
    pub action: &'static str,
    /// Why, in a sentence; selling decisions come without one.
    pub reason: Option<String>,
    /// Everything that was known, as JSON.
    pub parameters: Value,
}

/// A local day's prices with their order.
#[derive(Debug, Clone)]
pub struct Day {
    /// The local day.
    pub date: Date,
    slots: Vec<Slot>,
    /// For each slot how many are cheaper.
    ranks: Vec<usize>,
    dear_mean: f64,
    mean: f64,
    pv_kwh: f64,
}

/// Quarters in which the house charges from the grid, and those for which it saves.
const CHEAP: usize = 10;
const DEAR: usize = 24;

impl Day {
    /// The day's prices, and what its sun will give.
    pub fn new(seed: u64, market: &Market, date: Date) -> Self {
        let slots = market.day(date);
        let mut order: Vec<usize> = (0..slots.len()).collect();
        order.sort_by(|&a, &b| slots[a].buy_pln_kwh.total_cmp(&slots[b].buy_pln_kwh));
        let mut ranks = vec![0; slots.len()];
        for (rank, &index) in order.iter().enumerate() {
            ranks[index] = rank;
        }
        let mean_of = |indices: &[usize]| {
            indices.iter().map(|&i| slots[i].buy_pln_kwh).sum::<f64>() / indices.len().max(1) as f64
        };
        let dear_mean = mean_of(&order[order.len().saturating_sub(DEAR)..]);
        let mean = mean_of(&order);
        let pv_kwh = slots.iter().map(|slot| weather::pv_share(seed, slot.start) * PV_PEAK_W / 4_000.0).sum();
        Self { date, slots, ranks, dear_mean, mean, pv_kwh }
    }

    /// The slot that contains `at`, with its rank; the nearest one when it lies outside the day.
    pub fn slot_at(&self, at: Timestamp) -> Option<(&Slot, usize)> {
        let first = self.slots.first()?.start;
        let index = ((at.as_second() - first.as_second()) / 900).clamp(0, self.slots.len() as i64 - 1) as usize;
        Some((&self.slots[index], self.ranks[index]))
    }

    fn cheapest(&self) -> Option<(&Slot, i64)> {
        let index = self.ranks.iter().position(|&rank| rank == 0)?;
        Some((&self.slots[index], index as i64 * 900))
    }

    fn dear_hour_ahead(&self, at: Timestamp) -> bool {
        let until = at + SignedDuration::from_hours(9);
        let dear = self.ranks.len().saturating_sub(DEAR);
        self.slots.iter().zip(&self.ranks).any(|(slot, &rank)| rank >= dear && slot.start > at && slot.start < until)
    }
}

/// What to do at `reading.at`, given the day it lies in. `local_hour` is the hour on the wall clock.
pub fn decide(day: &Day, reading: &Reading, local_hour: i8) -> Decision {
    let Some((slot, rank)) = day.slot_at(reading.at) else {
        return waiting(day, reading, None, Mode::SelfUse, "No prices known: the battery follows the house".to_owned());
    };
    let soc = reading.soc_pct;
    let price = slot.buy_pln_kwh;
    let surplus_w = (reading.pv_w - reading.load_w) as f64;
    // A sunny day fills the battery by itself.
    let target = if day.pv_kwh > 14.0 { 45.0 } else { 90.0 };
    let below_mean_pct = (1.0 - price / day.mean) * 100.0;

    if (rank < CHEAP && soc < target) || (slot.day_ahead_pln_mwh < 0.0 && soc < 97.0) {
        let hybrid = reading.pv_w > 400;
        let (action, source) =
            if hybrid { ("start_hybrid_charging", "hybrid") } else { ("start_grid_charging", "grid") };
        let words = if hybrid { "PV and grid charging" } else { "Grid charging" };
        let reason =
            format!("{words}: {price:.3} PLN/kWh is {below_mean_pct:.0} % below the day's mean, battery at {soc:.0} %");
        let energy = (MAX_BATTERY_W / 4_000.0).min((100.0 - soc) / 100.0 * CAPACITY_KWH);
        let from_grid = (energy - surplus_w.max(0.0) / 4_000.0).max(0.0);
        return charging(day, reading, slot, Mode::GridCharge, (action, source, reason), (energy, from_grid * price));
    }
    if rank + 5 > day.ranks.len() && (17..22).contains(&local_hour) && soc > 70.0 {
        return selling(reading, slot);
    }
    if surplus_w > 250.0 && soc < 98.0 {
        let energy = (surplus_w.min(MAX_BATTERY_W) / 4_000.0).min((100.0 - soc) / 100.0 * CAPACITY_KWH);
        let reason = format!("PV charging: {:.1} kW more than the house needs, battery at {soc:.0} %", surplus_w / 1e3);
        return charging(day, reading, slot, Mode::SelfUse, ("start_pv_charging", "pv", reason), (energy, 0.0));
    }
    if rank + DEAR >= day.ranks.len() {
        let rest = if soc > 12.0 { "the battery carries the house" } else { "but the battery is empty" };
        let reason = format!("Wait: {price:.3} PLN/kWh is among the dearest of the day, {rest}");
        return waiting(day, reading, Some(slot), Mode::SelfUse, reason);
    }
    if soc <= 12.0 {
        let reason = format!("Wait: the battery is empty, {price:.3} PLN/kWh is not cheap enough to fill it");
        return waiting(day, reading, Some(slot), Mode::Hold, reason);
    }
    if soc < 60.0 && day.dear_hour_ahead(reading.at) {
        let reason = format!("Wait: dearer hours are coming, the battery keeps its {soc:.0} % for them");
        return waiting(day, reading, Some(slot), Mode::Hold, reason);
    }
    let reason = format!("Wait: {price:.3} PLN/kWh is neither cheap nor dear today");
    waiting(day, reading, Some(slot), Mode::SelfUse, reason)
}

fn charging(
    day: &Day,
    reading: &Reading,
    slot: &Slot,
    mode: Mode,
    (action, source, reason): (&'static str, &'static str, String),
    (energy_kwh, cost_pln): (f64, f64),
) -> Decision {
    let savings = (energy_kwh * day.dear_mean - cost_pln).max(0.0);
    let confidence = (0.62 + savings * 0.4).min(0.97);
    let mut parameters = known(day, reading, Some(slot), confidence, true);
    parameters["energy_kwh"] = json!(round_to(energy_kwh, 4));
    parameters["estimated_cost_pln"] = json!(round_to(cost_pln, 4));
    parameters["estimated_savings_pln"] = json!(round_to(savings, 4));
    parameters["charging_source"] = json!(source);
    Decision { at: reading.at, mode, kind: Some("charging"), action, reason: Some(reason), parameters }
}

fn waiting(day: &Day, reading: &Reading, slot: Option<&Slot>, mode: Mode, reason: String) -> Decision {
    let confidence = 0.55 + 0.3 * (reading.soc_pct / 100.0);
    let mut parameters = known(day, reading, slot, confidence, false);
    for nothing in ["energy_kwh", "estimated_cost_pln", "estimated_savings_pln"] {
        parameters[nothing] = json!(0.0);
    }
    Decision { at: reading.at, mode, kind: Some("charging"), action: "wait", reason: Some(reason), parameters }
}

fn known(day: &Day, reading: &Reading, slot: Option<&Slot>, confidence: f64, charge: bool) -> Value {
    let price = slot.map(|slot| round_to(slot.buy_pln_kwh, 4));
    let cheapest = day.cheapest();
    json!({
        "should_charge": charge,
        "confidence": round_to(confidence, 4),
        "decision_score": round_to(confidence * 100.0, 1),
        "current_price": price,
        "current_price_pln": price,
        "cheapest_price": cheapest.map(|(slot, _)| round_to(slot.buy_pln_kwh, 4)),
        "cheapest_hour": cheapest.map(|(_, second)| second / 3600),
        "battery_soc": reading.soc_pct,
        "pv_power": reading.pv_w as f64 / 1000.0,
        "consumption": reading.load_w as f64 / 1000.0,
        "tariff_zone": reading.tariff_zone(),
    })
}

fn selling(reading: &Reading, slot: &Slot) -> Decision {
    let export_kwh = (MAX_BATTERY_W - reading.load_w as f64).max(0.0) / 4_000.0;
    let price = slot.settlement_pln_mwh / 1000.0;
    let parameters = json!({
        "confidence": round_to((0.6 + price * 0.25).clamp(0.5, 0.95), 4),
        "current_price_pln": round_to(price, 4),
        "battery_soc": reading.soc_pct,
        "pv_power": reading.pv_w,
        "consumption": reading.load_w,
        "expected_revenue_pln": round_to(export_kwh * price, 4),
        "tariff_zone": reading.tariff_zone(),
    });
    Decision { at: reading.at, mode: Mode::Sell, kind: None, action: "battery_selling", reason: None, parameters }
}
