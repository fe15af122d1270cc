//! What a kWh sold to the grid pays (net billing): the RCE of its hour.
//!
//! A prosumer is paid the mean RCE of the hour, a negative price counting as 0. Whether the quarters are set to 0
//! before or after the mean is disputed, so it is a setting, and answers say which one applies.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::{PublishedDay, SLOT, SLOTS_PER_HOUR, div_round};
use crate::base::units::Micro;

/// When a negative price becomes 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NegativeRule {
    /// Each quarter-hour, before the hour's mean is taken.
    PerQuarter,
    /// The hour's mean.
    PerHour,
}

impl NegativeRule {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::PerQuarter, Self::PerHour];

    /// Its name in the config.
    pub fn name(self) -> &'static str {
        match self {
            Self::PerQuarter => "per_quarter",
            Self::PerHour => "per_hour",
        }
    }
}

/// How selling is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selling {
    /// `prosumer.negative_rule`.
    pub rule: NegativeRule,
    /// `prosumer.deposit_factor`: 1.23 for those whose deposit is increased by 23 %, else 1.
    pub factor: Micro,
}

impl Default for Selling {
    fn default() -> Self {
        Self { rule: NegativeRule::PerQuarter, factor: Micro::from_f64(1.0) }
    }
}

impl Selling {
    /// What a kWh pays that is sold in the hour of `at`, PLN/kWh; `None` unless all of the hour's quarters are known.
    pub fn price_at(&self, settlement: &PublishedDay, at: Timestamp) -> Option<Micro> {
        // Poland's offsets are whole hours, so local hours are UTC hours.
        let into_hour = at.as_second().rem_euclid(3600) as u64;
        let hour = at - Duration::from_secs(into_hour);
        let mut sum = 0_i64;
        for quarter in 0..SLOTS_PER_HOUR as u32 {
            let price = settlement.value_at(hour + SLOT * quarter)?;
            sum += if self.rule == NegativeRule::PerQuarter { price.max(0) } else { price };
        }
        // Rounded once: mean and factor together.
        let scaled = i128::from(sum.max(0)) * i128::from(self.factor.0);
        let divisor = SLOTS_PER_HOUR as i128 * 1_000_000;
        Some(Micro(i64::try_from((scaled + divisor / 2) / divisor).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Selling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mean RCE of the hour, ")?;
        f.write_str(match self.rule {
            NegativeRule::PerQuarter => "each negative quarter-hour counted as 0 (per_quarter)",
            NegativeRule::PerHour => "a negative mean counted as 0 (per_hour)",
        })?;
        if self.factor.0 == 1_000_000 { Ok(()) } else { write!(f, ", times {}", self.factor.to_f64()) }
    }
}

/// The mean of prices, rounded half away from zero to a millionth; `None` without any.
pub fn mean(prices: impl IntoIterator<Item = Micro>) -> Option<Micro> {
    let (sum, count) = prices.into_iter().fold((0, 0), |(sum, count), price| (sum + price.0, count + 1));
    (count > 0).then(|| Micro(div_round(sum, count)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::price::{Entity, Point, PriceOrigin};

    fn hour(quarters: &[i64]) -> PublishedDay {
        let start: Timestamp = "2026-11-22T11:00:00Z".parse().unwrap();
        PublishedDay {
            entity: Entity::Settlement,
            date: "2026-11-22".parse().unwrap(),
            points: (0..).zip(quarters).map(|(i, value)| Point { start: start + SLOT * i, value: *value }).collect(),
            publication: None,
            fetched_at: start,
            origin: PriceOrigin::Network,
        }
    }

    #[test]
    fn negative_quarters_count_as_nothing_before_or_after_the_mean() {
        let at: Timestamp = "2026-11-22T11:59:59Z".parse().unwrap();
        for (quarters, rule, factor, expected) in [
            (vec![100, 200, 300, 400], NegativeRule::PerQuarter, 1.0, Some(250)),
            (vec![100, 200, 300, 400], NegativeRule::PerHour, 1.23, Some(308)),
            (vec![-400, 200, 300, 400], NegativeRule::PerQuarter, 1.0, Some(225)),
            (vec![-400, 200, 300, 400], NegativeRule::PerHour, 1.0, Some(125)),
            (vec![-400, 0, 0, 100], NegativeRule::PerHour, 1.0, Some(0)),
            (vec![-400, 0, 0, 100], NegativeRule::PerQuarter, 1.0, Some(25)),
            (vec![0, 0, 0, 2], NegativeRule::PerHour, 1.0, Some(1)),
            (vec![100, 200, 300], NegativeRule::PerQuarter, 1.0, None),
            (vec![], NegativeRule::PerQuarter, 1.0, None),
        ] {
            let selling = Selling { rule, factor: Micro::from_f64(factor) };
            assert_eq!(selling.price_at(&hour(&quarters), at), expected.map(Micro), "{quarters:?} {rule:?}");
        }
    }

    #[test]
    fn the_rule_is_told() {
        let selling = Selling { rule: NegativeRule::PerHour, factor: Micro::from_f64(1.23) };
        let words = "mean RCE of the hour, a negative mean counted as 0 (per_hour), times 1.23";
        assert_eq!(selling.to_string(), words);
    }
}
