//! Day-ahead and settlement prices of the simulated market: quarter-hours by date and seed, and what the house pays.
//!
//! Plausible for Poland: dear in the evening, a dip at noon that grows with the season, cheaper weekends, and on
//! windy ones prices below zero. Days are cut out of UTC time, so they have 92, 96 or 100 quarters.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::noise::{Channel, smooth, unit};
use super::weather;

/// Length of a price slot.
pub const QUARTER: SignedDuration = SignedDuration::from_mins(15);
/// The seller's part of a bought kWh, as in the written configuration.
pub const SC_COMPONENT_PLN_KWH: f64 = 0.0892;
/// Distribution in the peak zone, as in the written configuration.
pub const PEAK_PLN_KWH: f64 = 0.3298;
/// Distribution outside it, as in the written configuration.
pub const OFF_PEAK_PLN_KWH: f64 = 0.0512;

/// A quarter-hour with its prices.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// Its first instant.
    pub start: Timestamp,
    /// The day-ahead price, PLN/MWh.
    pub day_ahead_pln_mwh: f64,
    /// The settlement price for prosumers, PLN/MWh.
    pub settlement_pln_mwh: f64,
    /// What the house pays for a kWh: market, seller and distribution.
    pub buy_pln_kwh: f64,
    /// Whether it lies in the tariff's peak zone (T1).
    pub peak: bool,
}

/// The market of one seed.
#[derive(Debug, Clone)]
pub struct Market {
    seed: u64,
    zone: TimeZone,
}

impl Market {
    /// The market whose days are those of `zone`.
    pub fn new(seed: u64, zone: TimeZone) -> Self {
        Self { seed, zone }
    }

    /// All quarters of a local day, in order: 92 to 100 of them. Empty beyond the ends of the calendar.
    pub fn day(&self, date: Date) -> Vec<Slot> {
        let bounds = (date.to_zoned(self.zone.clone()), date.tomorrow().map(|next| next.to_zoned(self.zone.clone())));
        let (Ok(first), Ok(Ok(end))) = bounds else { return Vec::new() };
        let mut slots = Vec::with_capacity(100);
        let mut start = first.timestamp();
        while start < end.timestamp() {
            slots.push(self.slot(start, date));
            start += QUARTER;
        }
        slots
    }

    fn slot(&self, start: Timestamp, date: Date) -> Slot {
        let local = start.to_zoned(self.zone.clone());
        let hour = f64::from(local.hour()) + f64::from(local.minute()) / 60.0;
        let day_ahead = round2(self.curve(start, date, hour));
        let apart = 50.0 * (smooth(self.seed, Channel::Settlement, weather::seconds(start), 5_400.0) - 0.5);
        let peak = is_peak(date, local.hour());
        let distribution = if peak { PEAK_PLN_KWH } else { OFF_PEAK_PLN_KWH };
        Slot {
            start,
            day_ahead_pln_mwh: day_ahead,
            settlement_pln_mwh: round2(day_ahead + apart),
            buy_pln_kwh: day_ahead / 1000.0 + SC_COMPONENT_PLN_KWH + distribution,
            peak,
        }
    }

    fn curve(&self, start: Timestamp, date: Date, hour: f64) -> f64 {
        let day = i64::from(date.year()) * 400 + i64::from(date.day_of_year());
        let summer = weather::summerness(start);
        let weekend = is_weekend(date);
        let windy = unit(self.seed, Channel::Wind, day) < 0.35;
        let bell = |centre: f64, width: f64| (-((hour - centre) / width).powi(2)).exp();

        let level = 430.0 + 160.0 * (unit(self.seed, Channel::PriceDay, day) - 0.5) - if weekend { 70.0 } else { 0.0 };
        // Solar power of the whole country, less under clouds.
        let clouds = weather::cloud_cover(self.seed, start);
        let dip = (210.0 + 120.0 * summer) * (1.15 - 0.6 * clouds) * if weekend { 1.35 } else { 1.0 };
        let storm = if weekend && windy { 330.0 } else { 0.0 };
        let noise = 34.0 * (unit(self.seed, Channel::PriceQuarter, start.as_second() / 900) - 0.5);
        // Within a morning hour prices fall from quarter to quarter, within an evening hour they climb.
        let ramp = (hour.fract() - 0.375) * if hour < 13.0 { -40.0 } else { 40.0 };

        let price = level + 110.0 * bell(7.5, 1.7) + (300.0 - 40.0 * summer) * bell(18.7 + summer, 2.3)
            - dip * bell(12.8, 2.8)
            - storm * bell(13.2, 2.2)
            - 70.0 * bell(3.0, 3.0)
            + noise
            + ramp * 0.5;
        // Industry takes what there is on working days.
        if weekend { price } else { price.max(0.0) }
    }
}

/// The written tariff: G12w, 6-13 and 15-22 on working days.
pub fn is_peak(date: Date, hour: i8) -> bool {
    !is_weekend(date) && (6..22).contains(&hour) && !(13..15).contains(&hour)
}

fn is_weekend(date: Date) -> bool {
    matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

fn round2(value: f64) -> f64 {
    crate::base::units::round_to(value, 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::zones;
    use jiff::civil::date;

    fn market(seed: u64) -> Market {
        Market::new(seed, zones::zone("Europe/Warsaw").unwrap())
    }

    #[test]
    fn days_of_the_clock_change_have_their_own_lengths() {
        for (day, quarters) in [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100), (date(2026, 11, 22), 96)] {
            let slots = market(7).day(day);
            assert_eq!(slots.len(), quarters, "{day}");
            assert!(slots.windows(2).all(|pair| pair[1].start.duration_since(pair[0].start) == QUARTER));
        }
    }

    #[test]
    fn prices_repeat_by_seed() {
        let day = date(2026, 11, 22);
        assert_eq!(market(7).day(day), market(7).day(day));
        assert_ne!(market(7).day(day), market(8).day(day));
    }

    #[test]
    fn noon_is_cheap_evening_dear_and_only_weekends_fall_below_zero() {
        for seed in [1, 7, 42] {
            let (mut noon, mut evening, mut negative_days) = (0.0, 0.0, 0);
            let mut day = date(2026, 5, 1);
            for _ in 0..200 {
                let slots = market(seed).day(day);
                noon += slots[52].day_ahead_pln_mwh;
                evening += slots[76].day_ahead_pln_mwh;
                let negative = slots.iter().any(|slot| slot.day_ahead_pln_mwh < 0.0);
                negative_days += i32::from(negative);
                assert!(!negative || is_weekend(day), "{seed}: {day}");
                day = day.tomorrow().unwrap();
            }
            assert!(noon / 200.0 < 250.0 && evening / 200.0 > 550.0, "{seed}: {noon} {evening}");
            assert!((5..60).contains(&negative_days), "{seed}: {negative_days}");
        }
    }

    #[test]
    fn the_tariff_has_two_zones() {
        let (sunday, monday) = (date(2026, 11, 22), date(2026, 11, 23));
        for (day, hour, peak) in [
            (monday, 5, false),
            (monday, 6, true),
            (monday, 13, false),
            (monday, 15, true),
            (monday, 22, false),
            (sunday, 8, false),
        ] {
            assert_eq!(is_peak(day, hour), peak, "{day} {hour}");
        }
        let slots = market(7).day(monday);
        let rest = slots[32].buy_pln_kwh - slots[32].day_ahead_pln_mwh / 1000.0;
        assert!((rest - SC_COMPONENT_PLN_KWH - PEAK_PLN_KWH).abs() < 1e-9);
    }
}
