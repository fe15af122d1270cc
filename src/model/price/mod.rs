//! Prices: what PSE publishes, quarter-hours on a UTC axis, the ladder from market to final price, what selling pays,
//! and what follows from them.

mod day;
mod outlook;
mod published;
mod recorded;
mod selling;
mod windows;

use std::time::Duration;

pub use day::{HourEntry, HourMean, PricedDay, PricedSlot, Provenance, Sheets};
pub use outlook::{Current, Outlook, Statistics, Trend};
pub use published::{Entity, Point, PriceOrigin, PublishedDay};
pub use selling::{NegativeRule, Selling};
pub use windows::{Stretch, Window, cheap_and_dear, negative, of_length};

/// Length of a slot.
pub const SLOT: Duration = Duration::from_secs(900);
/// Slots of an hour.
const SLOTS_PER_HOUR: usize = 4;

/// `value / divisor` rounded half away from zero; the divisor is positive.
pub fn div_round(value: i64, divisor: i64) -> i64 {
    (value + value.signum() * (divisor / 2)) / divisor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_rounds_half_away_from_zero() {
        for (value, divisor, expected) in [(5, 10, 1), (4, 10, 0), (-5, 10, -1), (-4, 10, 0), (15, 2, 8), (7, 3, 2)] {
            assert_eq!(div_round(value, divisor), expected, "{value}/{divisor}");
        }
    }
}
