//! A day's sums, and the laws by which they are made (contract: the definitions of `/monthly-summary`).
//!
//! Sums are kept in millionths and rounded once, when they are answered.

use jiff::civil::Date;
use serde_json::{Map, Value};

use super::decision::{Decision, Kind, as_number};
use super::energy::{EnergyRow, one_an_instant};
use super::price::div_round;
use super::tally::Tally;
use crate::base::units::Micro;

/// What tells whether a day's rows changed: how many there are, and the newest one's mark (row id or file time).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct DayPrint {
    /// Decisions.
    pub decisions: (u32, i64),
    /// Energy rows.
    pub energy: (u32, i64),
}

/// Sums over a stretch of time: a day, a month.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Sums {
    /// Decisions to charge.
    pub charging: u32,
    /// Decisions to wait.
    pub wait: u32,
    /// Decisions to sell.
    pub selling: u32,
    /// Decisions that a saved summary counts without telling their kind.
    pub unclassified: u32,
    /// kWh charged.
    pub energy: Micro,
    /// kWh sold.
    pub energy_sold: Micro,
    /// Selling decisions that did not say how much energy they sold.
    pub sales_without_energy: u32,
    /// Selling decisions that did not say what they bring.
    pub sales_without_revenue: u32,
    /// Charging decisions that did not say how much energy they charge.
    pub charges_without_energy: u32,
    /// Charging decisions that did not say what they cost.
    pub charges_without_cost: u32,
    /// PLN spent on charging.
    pub cost: Micro,
    /// PLN saved by charging then.
    pub charging_savings: Micro,
    /// PLN from selling.
    pub revenue: Micro,
    /// Sum of confidences (0..1); a missing one counts 0.
    pub confidence: Micro,
    /// kWh charged in the peak zone; a missing zone counts as peak.
    pub energy_t1: Micro,
    /// kWh charged off-peak.
    pub energy_t2: Micro,
    /// kWh charged of which a saved summary does not tell the zone.
    pub energy_unzoned: Micro,
    /// kWh imported by the meter, last reading less first.
    pub import_real: Micro,
    /// kWh imported in the peak zone.
    pub import_t1: Micro,
    /// kWh imported off-peak.
    pub import_t2: Micro,
    /// Rows that carried a meter reading.
    pub import_readings: u32,
    /// Charging decisions by where the energy came from.
    pub sources: Tally,
    /// Prices at which charging was decided.
    pub price: PriceSums,
}

/// Prices seen: least, greatest, and what a mean needs. PLN/kWh.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct PriceSums {
    /// Least.
    pub min: Micro,
    /// Greatest.
    pub max: Micro,
    /// Sum.
    pub sum: Micro,
    /// How many; the rest means nothing at 0.
    pub count: u32,
}

impl PriceSums {
    fn add(&mut self, price: Micro) {
        self.merge(&Self { min: price, max: price, sum: price, count: 1 });
    }

    fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        self.count += other.count;
    }
}

impl Sums {
    /// All decisions.
    pub fn total(&self) -> u32 {
        self.charging.saturating_add(self.wait).saturating_add(self.selling).saturating_add(self.unclassified)
    }

    /// PLN saved and earned.
    pub fn savings(&self) -> Micro {
        self.charging_savings + self.revenue
    }

    /// Savings as a share of cost and savings, %; 0 unless that sum is positive.
    pub fn savings_pct(&self) -> f64 {
        let whole = self.cost + self.savings();
        if whole > Micro::ZERO { self.savings().to_f64() / whole.to_f64() * 100.0 } else { 0.0 }
    }

    /// PLN/kWh paid for charging; 0 without energy.
    pub fn cost_per_kwh(&self) -> f64 {
        if self.energy == Micro::ZERO { 0.0 } else { self.cost.to_f64() / self.energy.to_f64() }
    }

    /// Mean confidence, 0..1, in steps of so many decimals (6 at most), a half rounded up; 0 without decisions.
    pub fn mean_confidence(&self, decimals: u32) -> i64 {
        let step = i64::from(self.total()) * 10_i64.pow(6 - decimals);
        if step == 0 { 0 } else { div_round(self.confidence.0, step) }
    }

    /// kWh imported, both zones.
    pub fn import_total(&self) -> Micro {
        self.import_t1 + self.import_t2
    }

    /// Counts one decision.
    pub fn add_decision(&mut self, decision: &Decision) {
        self.confidence += decision.amount("confidence");
        match decision.kind {
            Kind::Wait => self.wait += 1,
            Kind::Selling => {
                self.selling += 1;
                match decision.energy_sold_kwh() {
                    Some(kwh) => self.energy_sold += Micro::from_f64(kwh),
                    None => self.sales_without_energy += 1,
                }
                self.revenue += decision.revenue_pln().map_or(Micro::ZERO, Micro::from_f64);
                self.sales_without_revenue += u32::from(decision.revenue_pln().is_none());
            }
            Kind::Charging => {
                self.charging += 1;
                self.charges_without_energy += u32::from(decision.lifted("energy_kwh").is_none());
                self.charges_without_cost += u32::from(decision.lifted("estimated_cost_pln").is_none());
                let energy = decision.amount("energy_kwh");
                self.energy += energy;
                *(if decision.is_off_peak() { &mut self.energy_t2 } else { &mut self.energy_t1 }) += energy;
                self.cost += decision.amount("estimated_cost_pln");
                self.charging_savings += decision.amount("estimated_savings_pln");
                let source = decision.charging_source().unwrap_or("unknown");
                self.sources.add(source, 1);
                if let Some(price) = decision.lifted("current_price").filter(|price| *price > 0.0) {
                    self.price.add(Micro::from_f64(price));
                }
            }
        }
    }

    /// Counts the import of one day's rows, in order: the non-negative increments of the meter, each in the zone of
    /// the later row; rows without a reading are skipped, of rows of the same instant the last one counts.
    pub fn add_import(&mut self, rows: &[EnergyRow]) {
        let reading = |row: &EnergyRow| row.import_total_kwh.map(|kwh| (Micro::from_f64(kwh), row.is_peak));
        let readings: Vec<(Micro, bool)> = one_an_instant(rows).filter_map(reading).collect();
        self.import_readings += u32::try_from(readings.len()).unwrap_or(u32::MAX);
        let (Some(first), Some(last)) = (readings.first(), readings.last()) else { return };
        let mut reset = false;
        let mut increments = Micro::ZERO;
        for pair in readings.windows(2) {
            let increment = pair[1].0 - pair[0].0;
            if increment < Micro::ZERO {
                reset = true;
                continue;
            }
            increments += increment;
            *(if pair[1].1 { &mut self.import_t1 } else { &mut self.import_t2 }) += increment;
        }
        self.import_real += if reset { increments } else { last.0 - first.0 };
    }

    /// Adds another stretch's sums.
    pub fn merge(&mut self, other: &Self) {
        for (sum, part) in [
            (&mut self.charging, other.charging),
            (&mut self.wait, other.wait),
            (&mut self.selling, other.selling),
            (&mut self.unclassified, other.unclassified),
        ] {
            *sum = sum.saturating_add(part);
        }
        self.energy += other.energy;
        self.energy_sold += other.energy_sold;
        for (sum, part) in [
            (&mut self.sales_without_energy, other.sales_without_energy),
            (&mut self.sales_without_revenue, other.sales_without_revenue),
            (&mut self.charges_without_energy, other.charges_without_energy),
            (&mut self.charges_without_cost, other.charges_without_cost),
        ] {
            *sum = sum.saturating_add(part);
        }
        self.cost += other.cost;
        self.charging_savings += other.charging_savings;
        self.revenue += other.revenue;
        self.confidence += other.confidence;
        self.energy_t1 += other.energy_t1;
        self.energy_t2 += other.energy_t2;
        self.energy_unzoned += other.energy_unzoned;
        self.import_real += other.import_real;
        self.import_t1 += other.import_t1;
        self.import_t2 += other.import_t2;
        self.import_readings += other.import_readings;
        other.sources.iter().for_each(|(source, count)| self.sources.add(source, count));
        self.price.merge(&other.price);
    }

    /// The decision sums that the replaced dashboard saved (a daily or monthly snapshot file); what is missing counts 0.
    pub fn from_saved(saved: &Map<String, Value>) -> Self {
        let number = |key: &str| saved.get(key).and_then(as_number).unwrap_or(0.0);
        let amount = |key: &str| Micro::from_f64(number(key));
        let count = |key: &str| number(key).clamp(0.0, f64::from(u32::MAX)) as u32;
        let (charging, wait, selling) = (count("charging_count"), count("wait_count"), count("selling_count"));
        let told = charging.saturating_add(wait).saturating_add(selling);
        let total = count("total_decisions").max(told);
        let revenue = amount("selling_revenue_pln");
        let price = saved.get("price_stats").and_then(Value::as_object);
        let price_of = |key: &str| Micro::from_f64(price.and_then(|p| p.get(key)).and_then(as_number).unwrap_or(0.0));
        let priced = if price_of("avg") > Micro::ZERO { charging.max(1) } else { 0 };
        Self {
            charging,
            wait,
            selling,
            unclassified: total - told,
            energy: amount("total_energy_kwh"),
            energy_sold: amount("total_energy_sold_kwh"),
            sales_without_energy: if saved.contains_key("total_energy_sold_kwh") { 0 } else { selling },
            sales_without_revenue: if saved.contains_key("selling_revenue_pln") { 0 } else { selling },
            charges_without_energy: if saved.contains_key("total_energy_kwh") { 0 } else { charging },
            charges_without_cost: if saved.contains_key("total_cost_pln") { 0 } else { charging },
            cost: amount("total_cost_pln"),
            charging_savings: amount("total_savings_pln") - revenue,
            revenue,
            confidence: Micro::from_f64(number("avg_confidence") * f64::from(total)),
            energy_t1: amount("energy_charged_t1_kwh"),
            energy_t2: amount("energy_charged_t2_kwh"),
            energy_unzoned: if saved.contains_key("energy_charged_t1_kwh") {
                Micro::ZERO
            } else {
                amount("total_energy_kwh")
            },
            import_real: amount("real_grid_import_kwh"),
            import_t1: amount("grid_import_t1_kwh"),
            import_t2: amount("grid_import_t2_kwh"),
            import_readings: u32::from(saved.contains_key("real_grid_import_kwh")),
            sources: saved_sources(saved),
            price: PriceSums {
                min: price_of("min"),
                max: price_of("max"),
                sum: Micro(price_of("avg").0.saturating_mul(i64::from(priced))),
                count: priced,
            },
        }
    }
}

/// Charging sources of a saved file; selling stands there beside them and is counted by itself here.
fn saved_sources(saved: &Map<String, Value>) -> Tally {
    let mut sources = Tally::default();
    for (source, count) in saved.get("source_breakdown").and_then(Value::as_object).into_iter().flatten() {
        if let Some(count) = count.as_u64().and_then(|count| u32::try_from(count).ok())
            && source != SELLING_SOURCE
        {
            sources.add(source, count);
        }
    }
    sources
}

/// The entry of `source_breakdown` that counts selling decisions.
pub const SELLING_SOURCE: &str = "battery_selling";

/// Where a day's decision sums come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayOrigin {
    /// Summed from rows of the database or the files.
    Rows,
    /// A snapshot file that the replaced dashboard saved.
    Saved,
}

/// One day, summed.
#[derive(Debug, Clone, PartialEq)]
pub struct DaySummary {
    /// Which.
    pub date: Date,
    /// The sums.
    pub sums: Sums,
    /// Where they come from.
    pub origin: DayOrigin,
    /// When they were made: naive local time, as answered.
    pub created_at: String,
}

impl DaySummary {
    /// Whether the day counts as one with data: it has decisions.
    pub fn has_data(&self) -> bool {
        self.sums.total() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::decision::RawDecision;
    use jiff::Timestamp;

    fn decision(action: &str, parameters: &str) -> Decision {
        let parameters = serde_json::from_str(parameters).unwrap();
        Decision::new(
            Timestamp::UNIX_EPOCH,
            RawDecision { action: Some(action.into()), parameters, ..RawDecision::default() },
        )
    }

    #[test]
    fn decisions_are_summed_by_the_contract() {
        let mut sums = Sums::default();
        for (action, parameters) in [
            (
                "charge",
                r#"{"energy_kwh": 1.5, "estimated_cost_pln": 0.9, "estimated_savings_pln": 0.3, "confidence": 0.8,
                "current_price": 0.6, "tariff_zone": "T2", "source": "grid"}"#,
            ),
            (
                "charging",
                r#"{"energy_kwh": 0.5, "estimated_cost_pln": 0.4, "current_price": 0.8, "charging_source": "pv"}"#,
            ),
            ("start_pv_charging", r#"{"current_price": 0}"#),
            ("wait", r#"{"energy_kwh": 99, "estimated_cost_pln": 99, "confidence": 0.4}"#),
            ("battery_selling", r#"{"energy_sold_kwh": 2, "expected_revenue_pln": 1.2, "confidence": 0.9}"#),
            ("battery_selling", r#"{"estimated_savings_pln": 0.1}"#),
        ] {
            sums.add_decision(&decision(action, parameters));
        }
        assert_eq!((sums.charging, sums.wait, sums.selling, sums.total()), (3, 1, 2, 6));
        assert_eq!(sums.energy.rounded(2), 2.0);
        assert_eq!((sums.energy_t1.rounded(2), sums.energy_t2.rounded(2)), (0.5, 1.5));
        assert_eq!((sums.cost.rounded(2), sums.savings().rounded(2), sums.revenue.rounded(2)), (1.3, 1.6, 1.3));
        assert_eq!((sums.energy_sold.rounded(2), sums.sales_without_energy), (2.0, 1));
        assert_eq!((sums.sales_without_revenue, sums.charges_without_energy, sums.charges_without_cost), (0, 1, 1));
        assert_eq!(
            sums.sources.iter().map(|(s, n)| format!("{s}:{n}")).collect::<Vec<_>>(),
            ["grid:1", "pv:1", "unknown:1"]
        );
        assert_eq!((sums.price.min.rounded(4), sums.price.max.rounded(4), sums.price.count), (0.6, 0.8, 2));
        assert_eq!((sums.mean_confidence(4), sums.mean_confidence(3)), (3_500, 350));
        // What is a tie in decimals is none in binary.
        let tie = Sums { wait: 4, confidence: Micro(2_329_000), ..Sums::default() };
        assert_eq!(tie.mean_confidence(4), 5_823);
        assert!((sums.savings_pct() - 1.6 / 2.9 * 100.0).abs() < 1e-9);
    }

    #[test]
    fn import_counts_increments_and_survives_a_reset() {
        let rows = |values: &[(Option<f64>, bool)]| -> Vec<EnergyRow> {
            values
                .iter()
                .zip(0..)
                .map(|((import_total_kwh, is_peak), second)| EnergyRow {
                    at: jiff::Timestamp::from_second(second).unwrap(),
                    import_total_kwh: *import_total_kwh,
                    is_peak: *is_peak,
                    ..EnergyRow::default()
                })
                .collect()
        };
        for (values, t1, t2, real) in [
            (vec![], 0.0, 0.0, 0.0),
            (vec![(Some(10.0), true)], 0.0, 0.0, 0.0),
            (vec![(Some(10.0), true), (None, true), (Some(12.0), true), (Some(12.5), false)], 2.0, 0.5, 2.5),
            (vec![(Some(10.0), true), (Some(11.0), true), (Some(0.25), true), (Some(1.0), false)], 1.0, 0.75, 1.75),
        ] {
            let mut sums = Sums::default();
            sums.add_import(&rows(&values));
            assert_eq!((sums.import_t1.to_f64(), sums.import_t2.to_f64(), sums.import_real.to_f64()), (t1, t2, real));
        }
        // A reading of the same instant was wrong.
        let mut twice = rows(&[(Some(10.0), true), (Some(0.0), true), (Some(10.5), true), (Some(11.0), false)]);
        twice[1].at = twice[2].at;
        let mut sums = Sums::default();
        sums.add_import(&twice);
        assert_eq!((sums.import_t1, sums.import_t2, sums.import_readings), (Micro(500_000), Micro(500_000), 3));
    }

    #[test]
    fn nothing_sums_to_zeros_without_dividing_by_them() {
        let sums = Sums::default();
        assert_eq!((sums.savings_pct(), sums.cost_per_kwh(), sums.mean_confidence(4)), (0.0, 0.0, 0));
        let saved = Sums::from_saved(&serde_json::from_str(r#"{"total_decisions": 5, "charging_count": 2}"#).unwrap());
        assert_eq!((saved.total(), saved.wait, saved.energy), (5, 0, Micro::ZERO));
        let huge = r#"{"total_decisions": 4e9, "charging_count": 4e9, "wait_count": 4e9}"#;
        let mut huge = Sums::from_saved(&serde_json::from_str(huge).unwrap());
        huge.merge(&huge.clone());
        assert_eq!(huge.total(), u32::MAX);
    }
}
