//! Five-minute rows of energy data, and the last day's series that is drawn from them.

use std::time::Duration;

use jiff::Timestamp;

/// How often the coordinator stores a row.
pub const COLLECTION_INTERVAL: Duration = Duration::from_secs(300);

/// One row of `energy_data`, as far as it is needed.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct EnergyRow {
    /// When it was taken.
    pub at: Timestamp,
    /// State of charge, %.
    pub soc_pct: Option<f64>,
    /// PV power, W.
    pub pv_power_w: Option<f64>,
    /// Grid power, W; positive = export.
    pub grid_power_w: Option<f64>,
    /// What the house takes, W.
    pub house_power_w: Option<f64>,
    /// Battery power, W; positive = discharging.
    pub battery_power_w: Option<f64>,
    /// The battery's temperature, degrees C.
    pub temperature_c: Option<f64>,
    /// The battery's voltage, V.
    pub battery_voltage_v: Option<f64>,
    /// The battery's current, A.
    pub battery_current_a: Option<f64>,
    /// The grid's voltage, V.
    pub grid_voltage_v: Option<f64>,
    /// The grid's frequency, Hz; today's coordinator records none.
    pub grid_frequency_hz: Option<f64>,
    /// The meter's import counter, kWh.
    pub import_total_kwh: Option<f64>,
    /// The meter's export counter, kWh.
    pub export_total_kwh: Option<f64>,
    /// The counter of what the house took, kWh.
    pub house_total_kwh: Option<f64>,
    /// What the panels gave since midnight, kWh: `pv_generation_total_kwh`, whatever its name says.
    pub pv_day_kwh: Option<f64>,
    /// The final price that was recorded with it, PLN/kWh; today's coordinator records none.
    pub price_pln: Option<f64>,
    /// The tariff zone as it was recorded.
    pub tariff_zone: Option<Box<str>>,
    /// Whether the row lies in the peak zone (`T1`); anything else counts as off-peak.
    pub is_peak: bool,
}

/// One row an instant, of rows in order of time: of those of the same instant the one that was written last counts.
pub fn one_an_instant(rows: &[EnergyRow]) -> impl Iterator<Item = &EnergyRow> {
    let is_last = |(index, row): &(usize, &EnergyRow)| rows.get(index + 1).is_none_or(|next| next.at != row.at);
    rows.iter().enumerate().filter(is_last).map(|(_, row)| row)
}

/// A point of the series; `None` where nothing was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When.
    pub at: Timestamp,
    /// State of charge, %.
    pub soc_pct: Option<f64>,
    /// PV power, W.
    pub pv_power_w: Option<f64>,
}

/// The rows as points, with one empty point for each missing interval of a hole (more than two intervals without a row).
pub fn series(rows: &[EnergyRow]) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(last) = points.last().map(|point| point.at) {
            let gap = Duration::try_from(row.at.duration_since(last)).unwrap_or_default();
            if gap > 2 * COLLECTION_INTERVAL {
                let missing = (gap.as_secs_f64() / COLLECTION_INTERVAL.as_secs_f64()).round() as u32 - 1;
                points.extend((1..=missing).map(|step| Point {
                    at: last + step * COLLECTION_INTERVAL,
                    soc_pct: None,
                    pv_power_w: None,
                }));
            }
        }
        points.push(Point { at: row.at, soc_pct: row.soc_pct, pv_power_w: row.pv_power_w });
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(minute: i64) -> EnergyRow {
        EnergyRow { at: Timestamp::from_second(minute * 60).unwrap(), soc_pct: Some(50.0), ..EnergyRow::default() }
    }

    #[test]
    fn holes_are_filled_with_nothing() {
        for (minutes, expected) in [
            (vec![], vec![]),
            (vec![0, 5, 10], vec![(0, true), (5, true), (10, true)]),
            // Ten minutes are two intervals: not a hole yet.
            (vec![0, 10], vec![(0, true), (10, true)]),
            (vec![0, 15], vec![(0, true), (5, false), (10, false), (15, true)]),
            (vec![0, 16], vec![(0, true), (5, false), (10, false), (16, true)]),
        ] {
            let rows: Vec<_> = minutes.iter().copied().map(row).collect();
            let points: Vec<_> = series(&rows).iter().map(|p| (p.at.as_second() / 60, p.soc_pct.is_some())).collect();
            assert_eq!(points, expected, "{minutes:?}");
        }
    }
}
