//! The sky above the simulated house: where the sun stands, how much cloud is before it, how warm it is.
//!
//! Pure functions of the instant and the seed. The house stands at 52.2° N, 21.0° E; its panels look south at 35°.

use std::f64::consts::TAU;

use jiff::Timestamp;

use super::noise::{Channel, smooth};

const LATITUDE: f64 = 52.2;
const LONGITUDE: f64 = 21.0;
const TILT: f64 = 35.0;
const DAY_S: f64 = 86_400.0;
const YEAR_S: f64 = 365.2425 * DAY_S;

/// Seconds since 1970 with their fraction.
pub fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

/// How far the year is from the summer solstice: 1.0 at midsummer, -1.0 at midwinter.
pub fn summerness(at: Timestamp) -> f64 {
    // 21 June is day 171.
    ((seconds(at) / YEAR_S).fract() * TAU - 171.5 / 365.2425 * TAU).cos()
}

/// What panels would give under a clear sky, as a share (0..1) of their nominal power.
pub fn clear_sky_share(at: Timestamp) -> f64 {
    let declination = 23.44_f64.to_radians() * summerness(at);
    // Mean solar time; the equation of time (up to 16 minutes) is left out.
    let hour_angle = (seconds(at) / DAY_S + LONGITUDE / 360.0).rem_euclid(1.0) * TAU - TAU / 2.0;
    let latitude = LATITUDE.to_radians();
    let height = declination.sin() * latitude.sin() + declination.cos() * latitude.cos() * hour_angle.cos();
    if height <= 0.0 {
        return 0.0;
    }
    let seen_from = (LATITUDE - TILT).to_radians();
    let facing = declination.sin() * seen_from.sin() + declination.cos() * seen_from.cos() * hour_angle.cos();
    // Light through the air mass (Meinel's formula), direct on the panel plus a little from the whole sky.
    let light = 1.35 * 0.7_f64.powf((1.0 / height.max(0.02)).powf(0.678));
    (light * (0.88 * facing.max(0.0) + 0.12 * height)).clamp(0.0, 1.0)
}

/// The share of the sky that is covered, 0..1.
pub fn cloud_cover(seed: u64, at: Timestamp) -> f64 {
    let second = seconds(at);
    let days = smooth(seed, Channel::CloudDay, second, 1.7 * DAY_S);
    let hours = smooth(seed, Channel::CloudHours, second, 9_000.0);
    // Winter skies are greyer.
    (0.75 * days + 0.45 * hours - 0.1 - 0.12 * summerness(at)).clamp(0.0, 1.0)
}

/// PV power as a share (0..1) of the nominal power, clouds and their quick movement included.
pub fn pv_share(seed: u64, at: Timestamp) -> f64 {
    let clear = clear_sky_share(at);
    if clear <= 0.0 {
        return 0.0;
    }
    let cover = cloud_cover(seed, at);
    // Broken clouds flicker; a clear or an overcast sky is steady.
    let flicker = 4.0 * cover * (1.0 - cover) * (smooth(seed, Channel::CloudMinutes, seconds(at), 240.0) - 0.5);
    let through = (1.0 - 0.8 * cover.powf(1.4) + 0.35 * flicker).clamp(0.06, 1.05);
    (clear * through).clamp(0.0, 1.0)
}

/// Air temperature, °C.
pub fn temperature_c(seed: u64, at: Timestamp) -> f64 {
    let second = seconds(at);
    let warmest_at = 14.5 / 24.0;
    let of_day = ((second / DAY_S + LONGITUDE / 360.0 - warmest_at) * TAU).cos();
    // Air follows the sun by a month.
    let season = ((second - 30.0 * DAY_S) / YEAR_S * TAU - 171.5 / 365.2425 * TAU).cos();
    let spell = smooth(seed, Channel::Temperature, second, 4.0 * DAY_S) - 0.5;
    8.5 + 11.0 * season + (4.5 - 2.5 * cloud_cover(seed, at)) * of_day + 8.0 * spell
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_sun_keeps_to_the_seasons() {
        assert_eq!(clear_sky_share(at("2026-06-21T23:00:00Z")), 0.0);
        assert_eq!(clear_sky_share(at("2026-11-22T16:30:00Z")), 0.0);
        let (june, december) =
            (clear_sky_share(at("2026-06-21T10:36:00Z")), clear_sky_share(at("2026-12-21T10:36:00Z")));
        assert!((0.75..1.0).contains(&june), "{june}");
        assert!((0.2..0.6).contains(&december), "{december}");
        for hour in 0..(366 * 24) {
            let share = clear_sky_share(at("2026-01-01T00:00:00Z") + jiff::SignedDuration::from_hours(hour));
            assert!((0.0..=1.0).contains(&share));
        }
    }

    #[test]
    fn clouds_only_take_away_or_little_more() {
        for hour in 0..2_000 {
            let instant = at("2026-04-01T00:30:00Z") + jiff::SignedDuration::from_hours(hour);
            assert!(pv_share(7, instant) <= clear_sky_share(instant) * 1.05 + 1e-9);
            assert!((-30.0..45.0).contains(&temperature_c(7, instant)));
        }
    }
}
