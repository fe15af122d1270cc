//! Chance that can be repeated: numbers that depend on a seed, a channel and a place, and on nothing else.
//!
//! There is no generator with a state to carry along: the same question has the same answer in any order, which
//! is what lets the history and the live house, and prices of any day, come from the same functions.

/// What a number is for; every use has its own, so that the clouds do not move with the kettle.
#[derive(Debug, Clone, Copy)]
pub enum Channel {
    /// The day's weather.
    CloudDay,
    /// Clouds over hours.
    CloudHours,
    /// Clouds over minutes.
    CloudMinutes,
    /// Air temperature.
    Temperature,
    /// The house's basic load.
    Load,
    /// When the kettle and the oven run.
    Cooking,
    /// When the washing machine runs.
    Washing,
    /// Small movements of meters.
    Meter,
    /// The level of a day's prices.
    PriceDay,
    /// The movement of a quarter-hour's price.
    PriceQuarter,
    /// Difference between day-ahead and settlement price.
    Settlement,
    /// A day of much wind.
    Wind,
    /// Fractions of seconds, thread of small accidents.
    Jitter,
}

/// A place's number, spread over all of `u64` (splitmix64's mixing function).
pub fn hash(seed: u64, channel: Channel, place: i64) -> u64 {
    mix(mix(seed ^ (channel as u64).wrapping_mul(0xA076_1D64_78BD_642F)).wrapping_add(place as u64))
}

fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A place's number in `0.0..1.0`.
pub fn unit(seed: u64, channel: Channel, place: i64) -> f64 {
    (hash(seed, channel, place) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A curve in `0.0..1.0` over time: a number every `period_s` seconds, eased in between.
pub fn smooth(seed: u64, channel: Channel, second: f64, period_s: f64) -> f64 {
    let position = second / period_s;
    let place = position.floor();
    let share = position - place;
    let eased = share * share * (3.0 - 2.0 * share);
    let (from, to) = (unit(seed, channel, place as i64), unit(seed, channel, place as i64 + 1));
    from + (to - from) * eased
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_repeat_and_differ_by_seed_channel_and_place() {
        let first = unit(7, Channel::Load, 100);
        assert_eq!(first, unit(7, Channel::Load, 100));
        for other in [unit(8, Channel::Load, 100), unit(7, Channel::Meter, 100), unit(7, Channel::Load, 101)] {
            assert_ne!(first, other);
        }
        let mean: f64 = (0..1000).map(|place| unit(7, Channel::Load, place)).sum::<f64>() / 1000.0;
        assert!((mean - 0.5).abs() < 0.05, "{mean}");
    }

    #[test]
    fn a_curve_has_no_steps() {
        for second in 0..5_000 {
            let at = f64::from(second);
            let step = smooth(7, Channel::CloudHours, at + 1.0, 600.0) - smooth(7, Channel::CloudHours, at, 600.0);
            assert!(step.abs() < 0.003, "{second}: {step}");
        }
    }
}
