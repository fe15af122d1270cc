//! The simulated site's configuration: the coordinator's file with the keys that matter to a reader.

use super::house::CAPACITY_KWH;
use super::prices::{OFF_PEAK_PLN_KWH, PEAK_PLN_KWH, SC_COMPONENT_PLN_KWH};

/// The time zone in which the simulated site lives, wherever the demo runs.
pub const ZONE: &str = "Europe/Warsaw";

/// The file's text, with prices to be had at `price_url`.
pub fn text(price_url: &str) -> String {
    let kompas_url = price_url.replace("csdac-pln", "pdgsz");
    format!(
        r#"# A simulated site, made by `wattboard demo`. It goes away when the demo ends.

system:
  timezone: "{ZONE}"

web_server:
  host: "127.0.0.1"
  port: 8080
  cors_enabled: false
  # As often as is allowed, so that the numbers are seen to move.
  background_refresh_interval_seconds: 10
  metrics_refresh_interval_seconds: 30
  price_refresh_interval_seconds: 60
  coordinator_pid_check_interval_seconds: 30

# Day-ahead prices come from a stand-in for the price API that runs inside the demo.
price_analysis:
  api_url: "{price_url}"
  api_timeout_seconds: 10

# So does the grid operator's hourly advice, the Kompas.
pse_peak_hours:
  enabled: true
  api_url: "{kompas_url}"

# final price = market + sc_component + distribution
electricity_tariff:
  tariff_type: "g12w"
  sc_component_pln_kwh: {SC_COMPONENT_PLN_KWH}
  distribution_pricing:
    g12w:
      type: "time_based"
      # Peak 6-13 and 15-22 on working days; weekends are off-peak.
      peak_hours:
        start: 6
        end: 22
      off_peak_windows:
        - start: 13
          end: 15
      weekends_off_peak: true
      prices:
        peak: {PEAK_PLN_KWH}
        off_peak: {OFF_PEAK_PLN_KWH}

battery_management:
  capacity_kwh: {CAPACITY_KWH:.1}

data_storage:
  database_storage:
    enabled: true
    sqlite:
      path: "data/goodwe_energy.db"
      timeout: 30.0
  file_storage:
    enabled: false
    energy_data_dir: "out/energy_data"

logging:
  level: "INFO"
  file: "logs/master_coordinator.log"
"#
    )
}
