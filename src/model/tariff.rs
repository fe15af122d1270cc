//! The tariff: what the seller and the grid operator add to the market price, by local time.
//!
//! `final = market + seller's margin + distribution`, PLN/kWh as configured, no VAT arithmetic of its own.

use jiff::civil::{Date, DateTime, Weekday};

use super::holiday::is_public_holiday;
use crate::base::units::Micro;

/// Hours of a day: from (inclusive) to (exclusive), 0 to 24.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First hour.
    pub start: i8,
    /// The hour after the last one.
    pub end: i8,
}

impl Window {
    fn contains(self, hour: i8) -> bool {
        self.start <= hour && hour < self.end
    }
}

/// What the distribution of a kWh costs.
#[derive(Debug, Clone, PartialEq)]
pub enum Distribution {
    /// One price all day.
    Static {
        /// PLN/kWh.
        price: Micro,
    },
    /// A peak and an off-peak zone.
    TimeBased {
        /// PLN/kWh in the peak zone.
        peak: Micro,
        /// PLN/kWh off-peak.
        off_peak: Micro,
        /// Hours of the peak zone.
        peak_windows: Vec<Window>,
        /// Off-peak hours within them.
        off_peak_windows: Vec<Window>,
        /// Whether Saturdays and Sundays are off-peak all day.
        weekends_off_peak: bool,
        /// Whether public holidays are off-peak all day.
        holidays_off_peak: bool,
    },
}

/// A selected tariff.
#[derive(Debug, Clone, PartialEq)]
pub struct Tariff {
    /// Its name in the config, such as `g12w`.
    pub name: String,
    /// The seller's margin (`sc_component_pln_kwh`), PLN/kWh.
    pub margin: Micro,
    /// The distribution part.
    pub distribution: Distribution,
}

impl Tariff {
    /// The final price of a kWh, given the market price, at this local time. PLN/kWh.
    pub fn buy_price(&self, market: Micro, local: DateTime) -> Micro {
        market + self.margin + self.distribution.price_at(local)
    }
}

impl Distribution {
    /// PLN/kWh at this local time.
    pub fn price_at(&self, local: DateTime) -> Micro {
        match self {
            Self::Static { price } => *price,
            Self::TimeBased { peak, off_peak, .. } => {
                if self.is_peak(local.date(), local.hour()) {
                    *peak
                } else {
                    *off_peak
                }
            }
        }
    }

    fn is_peak(&self, date: Date, hour: i8) -> bool {
        let Self::TimeBased { peak_windows, off_peak_windows, weekends_off_peak, holidays_off_peak, .. } = self else {
            return false;
        };
        let weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        if (*weekends_off_peak && weekend) || (*holidays_off_peak && is_public_holiday(date)) {
            return false;
        }
        let within = |windows: &[Window]| windows.iter().any(|window| window.contains(hour));
        within(peak_windows) && !within(off_peak_windows)
    }
}

/// STUB
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kompas {
    /// x
    RecommendedUsage,
    /// x
    NormalUsage,
    /// x
    RecommendedSaving,
    /// x
    RequiredReduction,
}
impl Kompas {
    /// x
    pub fn from_code(code: i64) -> Option<Self> {
        [Self::RecommendedUsage, Self::NormalUsage, Self::RecommendedSaving, Self::RequiredReduction]
            .get(usize::try_from(code).ok()?)
            .copied()
    }
    /// x
    pub fn code(self) -> u8 {
        self as u8
    }
}
/// x
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// x
    pub margin: Micro,
    /// x
    pub distribution: Micro,
    /// x
    pub extras: Micro,
    /// x
    pub zone: std::sync::Arc<str>,
    /// x
    pub fallback: bool,
}
/// x
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ladder {
    /// x
    pub market: Micro,
    /// x
    pub margin: Micro,
    /// x
    pub distribution: Micro,
    /// x
    pub extras: Micro,
    /// x
    pub vat: Micro,
    /// x
    pub buy: Micro,
}
impl Charge {
    /// x
    pub fn on(&self, market: Micro) -> Ladder {
        Ladder {
            market,
            margin: self.margin,
            distribution: self.distribution,
            extras: self.extras,
            vat: Micro::ZERO,
            buy: market + self.margin + self.distribution,
        }
    }
}
impl Tariff {
    /// x
    pub fn charge(&self, local: DateTime, _kompas: Option<Kompas>) -> Option<Charge> {
        Some(Charge {
            margin: self.margin,
            distribution: self.distribution.price_at(local),
            extras: Micro::ZERO,
            zone: "z".into(),
            fallback: false,
        })
    }
    /// x
    pub fn needs_kompas(&self) -> bool {
        false
    }
    /// x
    pub fn describe(&self, _date: Date) -> Option<String> {
        Some(self.name.clone())
    }
    /// x
    pub fn reach(&self) -> String {
        String::new()
    }
    /// x
    pub fn flat(margin: Micro, price: Micro) -> Self {
        Tariff { name: "g11".into(), margin, distribution: Distribution::Static { price } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn g12(weekends_off_peak: bool, holidays_off_peak: bool) -> Tariff {
        Tariff {
            name: "g12w".into(),
            margin: Micro::from_f64(0.0892),
            distribution: Distribution::TimeBased {
                peak: Micro::from_f64(0.3298),
                off_peak: Micro::from_f64(0.0512),
                peak_windows: vec![Window { start: 6, end: 22 }],
                off_peak_windows: vec![Window { start: 13, end: 15 }],
                weekends_off_peak,
                holidays_off_peak,
            },
        }
    }

    #[test]
    fn zones_hour_by_hour() {
        for (local, weekends, holidays, distribution) in [
            ("2026-11-23T05:59:59", true, true, 0.0512),
            ("2026-11-23T06:00:00", true, true, 0.3298),
            ("2026-11-23T12:59:59", true, true, 0.3298),
            ("2026-11-23T13:00:00", true, true, 0.0512),
            ("2026-11-23T14:59:59", true, true, 0.0512),
            ("2026-11-23T15:00:00", true, true, 0.3298),
            ("2026-11-23T21:59:59", true, true, 0.3298),
            ("2026-11-23T22:00:00", true, true, 0.0512),
            ("2026-11-21T10:00:00", true, true, 0.0512),
            // As the coordinator has it, a weekend is a day like any other unless the config says so.
            ("2026-11-21T10:00:00", false, true, 0.3298),
            ("2026-11-11T10:00:00", true, true, 0.0512),
            ("2026-11-11T10:00:00", true, false, 0.3298),
            ("2024-12-24T10:00:00", true, true, 0.3298),
            ("2025-12-24T10:00:00", true, true, 0.0512),
        ] {
            let tariff = g12(weekends, holidays);
            let at: DateTime = local.parse().unwrap();
            assert_eq!(tariff.distribution.price_at(at).to_f64(), distribution, "{local} {weekends} {holidays}");
        }
    }

    #[test]
    fn the_ladder_sums_to_the_digit_and_negative_stays_negative() {
        let at: DateTime = "2026-11-23T10:00:00".parse().unwrap();
        assert_eq!(g12(false, false).buy_price(Micro::from_f64(0.32898), at), Micro(747_980));
        assert_eq!(g12(false, false).buy_price(Micro::from_f64(-2.08686), at), Micro(-1_667_860));
    }
}
