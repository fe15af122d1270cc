//! One reading of the house: what the inverter said at one instant. Units and signs: [`crate::base::units`].

use jiff::Timestamp;

use super::measure::{Measured, Why};

/// The battery.
#[derive(Debug, Clone, PartialEq)]
pub struct Battery {
    /// State of charge, %.
    pub soc_pct: Measured,
    /// °C.
    pub temperature_c: Measured,
    /// W; positive = discharging.
    pub power_w: Measured,
    /// V.
    pub voltage_v: Measured,
    /// A.
    pub current_a: Measured,
    /// The stored `charging_status`: whether grid fast-charging is on (not the sign of the power).
    pub grid_charging: Result<bool, Why>,
}

/// The solar panels.
#[derive(Debug, Clone, PartialEq)]
pub struct Photovoltaic {
    /// W.
    pub power_w: Measured,
    /// kWh since midnight.
    pub today_kwh: Measured,
    /// W of each string.
    pub strings_w: [Measured; 2],
}

/// The house.
#[derive(Debug, Clone, PartialEq)]
pub struct House {
    /// W.
    pub power_w: Measured,
    /// The counter of what the house took, kWh.
    pub total_kwh: Measured,
    /// kWh since midnight.
    pub today_kwh: Measured,
}

/// The grid connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// W; positive = export.
    pub power_w: Measured,
    /// The meter's import counter, kWh.
    pub import_total_kwh: Measured,
    /// The meter's export counter, kWh.
    pub export_total_kwh: Measured,
    /// kWh imported since midnight.
    pub import_today_kwh: Measured,
    /// kWh exported since midnight.
    pub export_today_kwh: Measured,
    /// A of each phase.
    pub phases_a: [Measured; 3],
    /// W of each phase.
    pub phases_w: [Measured; 3],
    /// V.
    pub voltage_v: Measured,
}

/// What the weather collector found, where there is one.
#[derive(Debug, Clone, PartialEq)]
pub struct Weather {
    /// °C.
    pub temperature_c: Measured,
    /// Estimated cloud cover, %.
    pub cloud_cover_pct: Measured,
}

/// Everything that one row of the coordinator says about the house.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// When the inverter was read.
    pub at: Timestamp,
    /// The battery.
    pub battery: Battery,
    /// The solar panels.
    pub pv: Photovoltaic,
    /// The house.
    pub house: House,
    /// The grid connection.
    pub grid: Grid,
    /// `None` where the coordinator recorded no weather.
    pub weather: Option<Weather>,
}

/// Which way the energy flows at the meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowDirection {
    /// From the grid.
    Import,
    /// To the grid.
    Export,
    /// Neither.
    Neutral,
}

impl FlowDirection {
    /// From the meter's power: positive = export.
    pub fn of_grid_power(power_w: f64) -> Self {
        if power_w > 0.0 {
            Self::Export
        } else if power_w < 0.0 {
            Self::Import
        } else {
            Self::Neutral
        }
    }

    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Import => "Import",
            Self::Export => "Export",
            Self::Neutral => "Neutral",
        }
    }
}

impl Reading {
    /// Whether it says anything: one in which battery, PV and grid are all unknown is no reading.
    pub fn is_one(&self) -> bool {
        let battery = self.battery.soc_pct.is_ok() || self.battery.power_w.is_ok();
        battery || self.pv.power_w.is_ok() || self.grid.power_w.is_ok()
    }

    /// Whether all four main values are known.
    pub fn is_complete(&self) -> bool {
        self.battery.soc_pct.is_ok()
            && self.pv.power_w.is_ok()
            && self.house.power_w.is_ok()
            && self.grid.power_w.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn direction_follows_the_meters_sign() {
        for (power_w, name) in [(1500.0, "Export"), (-0.5, "Import"), (0.0, "Neutral"), (-0.0, "Neutral")] {
            assert_eq!(FlowDirection::of_grid_power(power_w).name(), name);
        }
    }
}
