//! How the simulated coordinator tells what it knows: the JSON of a state, the lines of its logs.

use jiff::Zoned;
use serde_json::{Value, json};

use super::house::{MAX_BATTERY_W, Reading};
use super::plan::{Decision, Mode};
use crate::base::units::round_to;

/// The log files, under `logs/`.
pub const MASTER_LOG: &str = "master_coordinator.log";
/// The data collector's.
pub const DATA_LOG: &str = "enhanced_data_collector.log";
/// The charging controller's.
pub const CHARGE_LOG: &str = "fast_charge.log";

/// The coordinator's state in a word.
pub fn state_name(reading: &Reading) -> &'static str {
    if reading.grid_charging { "charging" } else { "monitoring" }
}

/// `system_state.metrics`: the reading with every leaf that the collector writes, its placeholders included.
pub fn metrics(reading: &Reading, uptime_s: f64, decisions: u64) -> Value {
    json!({
        "current_data": current_data(reading),
        "decision_count": decisions,
        "uptime_seconds": uptime_s,
        "pv_efficiency": reading.pv_w,
    })
}

fn current_data(reading: &Reading) -> Value {
    let now = super::database::naive(&reading.local);
    let kw = |watts: i64| watts as f64 / 1000.0;
    let kwh = |energy: f64| round_to(energy, 2);
    let (total, today) = (reading.total, reading.today);
    let [l1, l2, l3] = phases(reading.grid_w);
    let ampere = |watts: i64| round_to(watts as f64 / reading.grid_v, 1);
    let (pv1, pv2) = (reading.pv_w * 56 / 100, reading.pv_w - reading.pv_w * 56 / 100);
    let (pv1_v, pv2_v) = if reading.pv_w > 0 { (412.6, 356.4) } else { (0.0, 0.0) };
    let string_a = |watts: i64, volts: f64| if volts > 0.0 { round_to(watts as f64 / volts, 1) } else { 0.0 };
    let flow = match reading.grid_w {
        0 => "Neutral",
        w if w > 0 => "Export",
        _ => "Import",
    };
    json!({
        "timestamp": now,
        "date": reading.local.date().to_string(),
        "time": reading.local.strftime("%H:%M:%S").to_string(),
        "battery": {
            "soc_percent": reading.soc_pct,
            "voltage": reading.battery_v,
            "current": round_to(reading.battery_w as f64 / reading.battery_v, 2),
            "power_w": reading.battery_w,
            "power_kw": kw(reading.battery_w),
            "temperature": reading.battery_c,
            "charging_status": reading.grid_charging,
            "fast_charging_enabled": reading.grid_charging,
        },
        "photovoltaic": {
            "current_power_w": reading.pv_w,
            "current_power_kw": kw(reading.pv_w),
            "pv1_power_w": pv1,
            "pv2_power_w": pv2,
            "pv1_voltage": pv1_v,
            "pv1_current": string_a(pv1, pv1_v),
            "pv2_voltage": pv2_v,
            "pv2_current": string_a(pv2, pv2_v),
            "daily_production_kwh": kwh(today.pv_kwh),
            "efficiency_percent": 0.0,
        },
        "grid": {
            "power_w": reading.grid_w,
            "power_kw": kw(reading.grid_w),
            "voltage": reading.grid_v,
            "flow_direction": flow,
            // Swapped, as the collector has them.
            "import_rate": reading.grid_w.max(0),
            "export_rate": (-reading.grid_w).max(0),
            "l1_current_a": ampere(l1),
            "l2_current_a": ampere(l2),
            "l3_current_a": ampere(l3),
            "l1_power": l1,
            "l2_power": l2,
            "l3_power": l3,
            "total_exported_kwh": kwh(total.export_kwh),
            "total_imported_kwh": kwh(total.import_kwh),
            "today_exported_kwh": kwh(today.export_kwh),
            "today_imported_kwh": kwh(today.import_kwh),
        },
        "house_consumption": {
            "current_power_w": reading.load_w,
            "current_power_kw": kw(reading.load_w),
            "daily_total_kwh": kwh(today.load_kwh),
            "total_consumption_kwh": kwh(total.load_kwh),
            "calculated_power_w": 0.0,
            "calculated_power_kw": 0.0,
        },
        "system": {
            "inverter_model": "GW10K-ET (simulated)",
            "inverter_serial": "DEMO0000000001",
            "connection_status": "Connected",
            "last_update": now,
        },
        "weather": {
            "current_conditions": {
                "temperature": reading.air_c,
                "cloud_cover_estimated": reading.cloud_pct,
            },
        },
        "tariff_zone": reading.tariff_zone(),
    })
}

/// The grid power of each phase; together all of it.
fn phases(grid_w: i64) -> [i64; 3] {
    let (first, second) = (grid_w * 38 / 100, grid_w * 33 / 100);
    [first, second, grid_w - first - second]
}

/// A line as Python's logging writes it: `2026-11-22 14:02:24,900 - module - INFO - message`, with its line end.
pub fn line(at: &Zoned, module: &str, level: &str, message: &str) -> String {
    let stamp = at.strftime("%Y-%m-%d %H:%M:%S");
    format!("{stamp},{:03} - {module} - {level} - {message}\n", at.millisecond())
}

/// What the master log says of a reading.
pub fn status_lines(reading: &Reading, uptime_s: f64, decisions: u64) -> String {
    let master = |message: &str| line(&reading.local, "master_coordinator", "INFO", message);
    let state = state_name(reading);
    let direction = if reading.grid_w > 0 { "export" } else { "import" };
    [
        master(&format!("📊 Status - State: {state}, Uptime: {uptime_s:.0}s, Decisions: {decisions}")),
        master(&format!("🔋 Battery: {:.1}%, Charging: {}", reading.soc_pct, python_bool(reading.grid_charging))),
        master(&format!(
            "☀️ PV: {}W, House: {}W, Grid {direction}: {}W",
            reading.pv_w,
            reading.load_w,
            reading.grid_w.abs()
        )),
    ]
    .concat()
}

/// What the collector's log says of a reading.
pub fn collected_line(reading: &Reading) -> String {
    let message = format!(
        "✅ Data collected successfully - SOC {:.1}%, PV {}W, load {}W",
        reading.soc_pct, reading.pv_w, reading.load_w
    );
    line(&reading.local, "enhanced_data_collector", "INFO", &message)
}

/// A failed reading, with the traceback that Python adds.
pub fn failure_lines(at: &Zoned) -> String {
    let mut text = line(at, "enhanced_data_collector", "ERROR", "Failed to read runtime data from the inverter");
    text.push_str(
        "Traceback (most recent call last):\n  \
         File \"enhanced_data_collector.py\", line 214, in collect\n    \
         runtime = await self.inverter.read_runtime_data()\n\
         goodwe.exceptions.RequestFailedException: No valid response received to 'read' command\n",
    );
    text.push_str(&line(at, "enhanced_data_collector", "WARNING", "Retrying in 10 seconds (attempt 1 of 3)"));
    text
}

/// What the master log says of a decision.
pub fn decision_lines(decision: &Decision, at: &Zoned) -> String {
    let why = decision.reason.as_deref().unwrap_or("the evening pays well for stored energy");
    let mut text = line(at, "master_coordinator", "INFO", &format!("🤔 Decision made: {} - {why}", decision.action));
    if decision.action != "wait" {
        text.push_str(&line(at, "master_coordinator", "INFO", &format!("⚡ Executing decision: {}", decision.action)));
    }
    text
}

/// What the charging controller's log says when grid charging begins or ends; nothing when neither.
pub fn charging_line(before: Mode, now: Mode, at: &Zoned) -> Option<String> {
    let message = match (before == Mode::GridCharge, now == Mode::GridCharge) {
        (false, true) => format!("🔌 Fast charging enabled, {MAX_BATTERY_W:.0}W, target 90%"),
        (true, false) => "🛑 Fast charging disabled".to_owned(),
        _ => return None,
    };
    Some(line(at, "fast_charge", "INFO", &message))
}

fn python_bool(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_pythons() {
        let at: jiff::Timestamp = "2026-11-22T14:02:24.9+01:00".parse().unwrap();
        let at = at.to_zoned(crate::base::zones::zone("Europe/Warsaw").unwrap());
        assert_eq!(
            line(&at, "module.name", "INFO", "message"),
            "2026-11-22 14:02:24,900 - module.name - INFO - message\n"
        );
        assert!(failure_lines(&at).lines().nth(1).unwrap().starts_with("Traceback"));
    }

    #[test]
    fn phases_sum_to_the_whole() {
        for watts in [-4321, -1, 0, 1, 7, 5000] {
            assert_eq!(phases(watts).iter().sum::<i64>(), watts);
        }
    }
}
