//! Units and signs, stated once.
//!
//! Names carry the unit: power `_w`, energy `_kwh`, money `_pln`, prices `_pln_kwh`, shares `_pct`, times `_s`.
//!
//! - grid power: positive = export, negative = import (the meter's convention)
//! - battery power: positive = discharging, negative = charging
//! - PV power and house consumption are never negative

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

/// A sum in millionths (of a kWh, of a PLN, of 1): adding is exact, whatever the order.
///
/// ```
/// use wattboard::base::units::Micro;
/// let sum: Micro = [0.1, 0.2].into_iter().map(Micro::from_f64).sum();
/// assert_eq!(sum, Micro::from_f64(0.3));
/// ```
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Micro(pub i64);

impl Micro {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The nearest millionth. A value that is not finite or beyond ±9.2 × 10¹² counts as nothing: no meter reads so.
    pub fn from_f64(value: f64) -> Self {
        let scaled = (value * 1e6).round();
        if scaled.is_finite() && scaled.abs() < 9.2e18 { Self(scaled as i64) } else { Self::ZERO }
    }

    /// The value, unrounded.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The value rounded half away from zero to `decimals` (0 to 6) places.
    pub fn rounded(self, decimals: u32) -> f64 {
        let step = 10_i64.pow(6 - decimals);
        let half = step / 2 * self.0.signum();
        ((self.0.saturating_add(half)) / step) as f64 / 10_f64.powi(decimals as i32)
    }
}

/// Every digit that it has, without an exponent and without zeros at the end.
impl fmt::Display for Micro {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, size) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let (whole, part) = (size / 1_000_000, size % 1_000_000);
        if part == 0 {
            return write!(out, "{sign}{whole}");
        }
        write!(out, "{sign}{whole}.{}", format!("{part:06}").trim_end_matches('0'))
    }
}

impl Add for Micro {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}
impl Sub for Micro {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}
impl AddAssign for Micro {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
impl Sum for Micro {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

/// `value` rounded half away from zero to `decimals` places.
pub fn round_to(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_half_away_from_zero() {
        for (micro, decimals, expected) in
            [(5_000, 2, 0.01), (4_999, 2, 0.0), (-5_000, 2, -0.01), (1_234_567, 6, 1.234567), (1_500_000, 0, 2.0)]
        {
            assert_eq!(Micro(micro).rounded(decimals), expected, "{micro} to {decimals}");
        }
    }

    #[test]
    fn a_sum_does_not_depend_on_order_and_never_overflows() {
        let values = [0.1, 0.7, -0.3, 1e-6, 123_456.789];
        let forward: Micro = values.into_iter().map(Micro::from_f64).sum();
        let backward: Micro = values.into_iter().rev().map(Micro::from_f64).sum();
        assert_eq!(forward, backward);
        assert_eq!(Micro::from_f64(f64::NAN), Micro::ZERO);
        assert_eq!(Micro(i64::MAX) + Micro(1), Micro(i64::MAX));
    }
}
