//! What the simulated household draws: a steady base, a fridge, a heat pump in the cold, people at morning and
//! evening, a kettle, an oven, a washing machine. A pure function of the instant, its local time and the seed.

use jiff::Zoned;
use jiff::civil::Weekday;

use super::noise::{Channel, smooth, unit};
use super::weather;

/// Consumption at `local`, W; never negative.
pub fn load_w(seed: u64, local: &Zoned) -> f64 {
    let second = weather::seconds(local.timestamp());
    let of_day = second_of_day(local);
    let hour = of_day / 3600.0;
    let weekend = matches!(local.weekday(), Weekday::Saturday | Weekday::Sunday);
    let bell = |centre: f64, width: f64| (-((hour - centre) / width).powi(2)).exp();

    let base = 170.0 + 70.0 * smooth(seed, Channel::Load, second, 3_600.0);
    let fridge = if (second / 2_700.0).fract() < 0.35 { 85.0 } else { 0.0 };
    let heating = 22.0 * (15.0 - weather::temperature_c(seed, local.timestamp())).max(0.0);
    let morning = if weekend { 260.0 * bell(9.0, 1.6) } else { 380.0 * bell(7.0, 1.0) };
    let at_home = if weekend { 280.0 * bell(13.5, 2.8) } else { 60.0 * bell(13.0, 4.0) };
    let evening = 620.0 * bell(19.3, 2.3);
    let people = (morning + at_home + evening) * (0.65 + 0.7 * smooth(seed, Channel::Load, second + 1e6, 1_300.0));
    base + fridge + heating + people + cooking_w(seed, second, hour) + washing_w(seed, local, of_day)
}

/// The kettle for four minutes now and then, the oven for half an hour on some evenings.
fn cooking_w(seed: u64, second: f64, hour: f64) -> f64 {
    let awake: f64 = match hour as u32 {
        6..=8 => 0.32,
        12..=13 => 0.16,
        9..=11 | 14..=16 => 0.07,
        17..=21 => 0.2,
        _ => 0.0,
    };
    let place = (second / 600.0).floor();
    let boiling = second - place * 600.0 - 360.0 * unit(seed, Channel::Jitter, place as i64);
    let kettle = unit(seed, Channel::Cooking, place as i64) < awake && (0.0..240.0).contains(&boiling);
    let half_hour = (second / 1_800.0).floor() as i64;
    let oven = (17.0..20.0).contains(&hour) && unit(seed, Channel::Cooking, -half_hour) < 0.16;
    // The oven's thermostat switches.
    let oven_on = oven && (second / 420.0).fract() < 0.6;
    (if kettle { 1_950.0 } else { 0.0 }) + if oven_on { 1_700.0 } else { 0.0 }
}

/// One wash of 90 minutes on some days, its water heated in the first 25.
fn washing_w(seed: u64, local: &Zoned, of_day: f64) -> f64 {
    let day = i64::from(local.year()) * 400 + i64::from(local.day_of_year());
    if unit(seed, Channel::Washing, day) > 0.45 {
        return 0.0;
    }
    let started = 3600.0 * (10.0 + 8.0 * unit(seed, Channel::Washing, -day));
    match of_day - started {
        running if (0.0..1_500.0).contains(&running) => 1_850.0,
        running if (1_500.0..5_400.0).contains(&running) => 190.0,
        _ => 0.0,
    }
}

/// Seconds on the wall clock since midnight.
fn second_of_day(local: &Zoned) -> f64 {
    let minutes = f64::from(local.hour()) * 60.0 + f64::from(local.minute());
    minutes * 60.0 + f64::from(local.second()) + f64::from(local.millisecond()) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::zones;
    use jiff::SignedDuration;
    use jiff::civil::date;

    #[test]
    fn a_day_has_its_peaks_and_a_plausible_sum() {
        let zone = zones::zone("Europe/Warsaw").unwrap();
        let midnight = date(2026, 10, 5).to_zoned(zone).unwrap();
        let (mut total, mut night, mut evening) = (0.0, 0.0, 0.0);
        for minute in 0..(14 * 1440) {
            let at = &midnight + SignedDuration::from_mins(minute);
            let load = load_w(7, &at);
            assert!((100.0..8_000.0).contains(&load), "{at}: {load}");
            total += load / 60_000.0;
            match at.hour() {
                2 => night += load,
                19 => evening += load,
                _ => {}
            }
        }
        assert!((8.0..22.0).contains(&(total / 14.0)), "{total}");
        assert!(evening > 2.0 * night);
    }
}
