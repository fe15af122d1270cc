//! Day-ahead prices: quarter-hour slots on a UTC axis, and the hourly entries that `/prices` answers.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use super::tariff::Tariff;
use super::time::SiteZone;
use crate::base::units::Micro;

/// Length of a slot.
pub const SLOT: Duration = Duration::from_secs(900);

/// The market price of one quarter-hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarketSlot {
    /// When it begins.
    pub start: Timestamp,
    /// PLN/kWh; may be 0 or negative.
    pub market: Micro,
}

/// The market prices of one delivery day, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketDay {
    /// The local delivery day.
    pub date: Date,
    /// In order of time; a missing row is a hole, not a zero.
    pub slots: Vec<MarketSlot>,
    /// PSE's own publication time, as it wrote it.
    pub publication: Option<String>,
}

impl MarketDay {
    /// How many slots the day has: 92, 96 or 100.
    pub fn expected(&self, zone: &SiteZone) -> usize {
        (zone.day_length(self.date).as_secs() / SLOT.as_secs()) as usize
    }

    /// Whether no slot is missing.
    pub fn is_complete(&self, zone: &SiteZone) -> bool {
        self.slots.len() == self.expected(zone)
    }
}

/// An hour of the day as `/prices` shows it: the mean of its quarter-hours. Rounded to 4 decimals: these are
/// ten-thousandths of a PLN/kWh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourEntry {
    /// Local hour; the two autumn hours 02 form one entry.
    pub hour: i8,
    /// Final price, 10⁻⁴ PLN/kWh.
    pub buy_e4: i64,
    /// Market price, 10⁻⁴ PLN/kWh.
    pub market_e4: i64,
}

/// A day with the tariff applied.
#[derive(Debug, Clone, PartialEq)]
pub struct PricedDay {
    /// The local delivery day.
    pub date: Date,
    /// Start and final price (PLN/kWh) of each known slot.
    pub slots: Vec<(Timestamp, Micro)>,
    /// The known hours.
    pub hours: Vec<HourEntry>,
}

impl PricedDay {
    /// Applies `tariff` to a day's market prices.
    pub fn new(day: &MarketDay, tariff: &Tariff, zone: &SiteZone) -> Self {
        let mut sums: Vec<(i8, Micro, Micro, i64)> = Vec::with_capacity(24);
        let mut slots = Vec::with_capacity(day.slots.len());
        for slot in &day.slots {
            let local = zone.local(slot.start);
            // A day without rates has no price.
            let Some(charge) = tariff.charge(local, None) else { continue };
            let buy = charge.on(slot.market).buy;
            slots.push((slot.start, buy));
            match sums.last_mut().filter(|(hour, ..)| *hour == local.hour()) {
                Some((_, buys, markets, count)) => {
                    *buys += buy;
                    *markets += slot.market;
                    *count += 1;
                }
                None => sums.push((local.hour(), buy, slot.market, 1)),
            }
        }
        let hours = sums
            .into_iter()
            .map(|(hour, buys, markets, count)| HourEntry {
                hour,
                buy_e4: div_round(buys.0, 100 * count),
                market_e4: div_round(markets.0, 100 * count),
            })
            .collect();
        Self { date: day.date, slots, hours }
    }

    /// The slot that contains an instant: its start and final price.
    pub fn slot_at(&self, now: Timestamp) -> Option<(Timestamp, Micro)> {
        let index = self.slots.partition_point(|(start, _)| *start <= now).checked_sub(1)?;
        self.slots.get(index).copied().filter(|(start, _)| now < *start + SLOT)
    }

    /// The entry of a local hour.
    pub fn hour(&self, hour: i8) -> Option<HourEntry> {
        self.hours.iter().copied().find(|entry| entry.hour == hour)
    }

    /// The cheapest hour; the first of equals.
    pub fn cheapest(&self) -> Option<HourEntry> {
        self.hours.iter().copied().min_by_key(|entry| entry.buy_e4)
    }

    /// Mean of the hourly entries, 10⁻⁴ PLN/kWh.
    pub fn average_e4(&self) -> Option<i64> {
        let count = i64::try_from(self.hours.len()).ok().filter(|count| *count > 0)?;
        Some(div_round(self.hours.iter().map(|entry| entry.buy_e4).sum(), count))
    }
}

/// Where prices go from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trend {
    /// More than 5 % dearer.
    Rising,
    /// More than 5 % cheaper.
    Falling,
    /// Neither, or nothing is known of the hours to come.
    Stable,
}

impl Trend {
    /// The mean of the next four hours' slots (after the current hour, as far as known) against the current hour.
    pub fn of(current_e4: i64, next: &[i64]) -> Self {
        let Some(count) = i64::try_from(next.len()).ok().filter(|count| *count > 0) else { return Self::Stable };
        // (mean - now) against 5 % of |now|, in integers: multiplied by 20 × count.
        let difference = 20 * (next.iter().sum::<i64>() - current_e4 * count);
        let band = current_e4.abs() * count;
        if difference > band {
            Self::Rising
        } else if difference < -band {
            Self::Falling
        } else {
            Self::Stable
        }
    }

    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rising => "rising",
            Self::Falling => "falling",
            Self::Stable => "stable",
        }
    }
}

/// `value / divisor` rounded half away from zero; the divisor is positive.
pub fn div_round(value: i64, divisor: i64) -> i64 {
    (value + value.signum() * (divisor / 2)) / divisor
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat() -> Tariff {
        Tariff::flat(Micro::ZERO, Micro::ZERO)
    }

    fn day(date: &str, zone: &SiteZone) -> MarketDay {
        let date: Date = date.parse().unwrap();
        let start = zone.day_start(date);
        let count = zone.day_length(date).as_secs() / 900;
        let slots = (0..count)
            .map(|i| MarketSlot { start: start + SLOT * i as u32, market: Micro(i64::try_from(i).unwrap() * 100) })
            .collect();
        MarketDay { date, slots, publication: None }
    }

    #[test]
    fn hours_on_dst_days() {
        let zone = SiteZone::named("Europe/Warsaw").unwrap();
        for (date, slots, hours) in [("2025-03-30", 92, 23), ("2025-10-26", 100, 24), ("2026-11-22", 96, 24)] {
            let market = day(date, &zone);
            assert!(market.is_complete(&zone));
            let priced = PricedDay::new(&market, &flat(), &zone);
            assert_eq!((priced.slots.len(), priced.hours.len()), (slots, hours), "{date}");
        }
        // The doubled hour is the mean of its eight quarters: slots 8 to 15, 100 micro each step.
        let autumn = PricedDay::new(&day("2025-10-26", &zone), &flat(), &zone);
        assert_eq!(autumn.hour(2).unwrap().buy_e4, 12);
        let spring = PricedDay::new(&day("2025-03-30", &zone), &flat(), &zone);
        assert_eq!(spring.hour(2), None);
    }

    #[test]
    fn the_slot_that_contains_an_instant() {
        let zone = SiteZone::named("Europe/Warsaw").unwrap();
        let mut market = day("2026-11-22", &zone);
        market.slots.remove(5);
        let priced = PricedDay::new(&market, &flat(), &zone);
        let start = zone.day_start(market.date);
        for (seconds, expected) in [
            (-1, None),
            (0, Some(0)),
            (899, Some(0)),
            (900, Some(100)),
            (4_500, None),
            (5_399, None),
            (5_400, Some(600)),
            (86_399, Some(9_500)),
            (86_400, None),
        ] {
            let at = Timestamp::from_second(start.as_second() + seconds).unwrap();
            assert_eq!(priced.slot_at(at).map(|(_, price)| price.0), expected, "second {seconds}");
        }
    }

    #[test]
    fn trends() {
        for (current, next, trend) in [
            (100, vec![105, 105], Trend::Stable),
            (100, vec![106, 105], Trend::Rising),
            (100, vec![94, 95], Trend::Falling),
            (-100, vec![-95], Trend::Stable),
            (-100, vec![-94], Trend::Rising),
            (0, vec![1], Trend::Rising),
            (0, vec![0], Trend::Stable),
            (100, vec![], Trend::Stable),
        ] {
            assert_eq!(Trend::of(current, &next), trend, "{current} {next:?}");
        }
    }

    #[test]
    fn division_rounds_half_away_from_zero() {
        for (value, divisor, expected) in [(5, 10, 1), (4, 10, 0), (-5, 10, -1), (-4, 10, 0), (15, 2, 8), (7, 3, 2)] {
            assert_eq!(div_round(value, divisor), expected, "{value}/{divisor}");
        }
    }
}
