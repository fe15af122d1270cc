-- The coordinator's database, schema version 4: what the demo makes, and what `wattboard migrate` makes where there is none.
CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at TEXT, description TEXT);
CREATE TABLE energy_data (
    timestamp TEXT PRIMARY KEY, battery_soc REAL, pv_power INTEGER, grid_power INTEGER, house_consumption INTEGER,
    battery_power INTEGER, grid_voltage REAL, grid_frequency REAL, battery_voltage REAL, battery_current REAL,
    battery_temperature REAL, price_pln REAL, created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    grid_import_total_kwh REAL, grid_export_total_kwh REAL, house_consumption_total_kwh REAL,
    pv_generation_total_kwh REAL, tariff_zone TEXT);
CREATE TABLE system_state (
    id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT, state TEXT, uptime REAL, active_modules TEXT,
    last_error TEXT, metrics TEXT, created_at TEXT DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE coordinator_decisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT, decision_type TEXT, action TEXT, reason TEXT,
    parameters TEXT, source_module TEXT, created_at TEXT DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE charging_sessions (
    session_id TEXT PRIMARY KEY, start_time TEXT, end_time TEXT, target_soc INTEGER, energy_kwh REAL, cost_pln REAL,
    status TEXT, avg_price REAL, created_at TEXT DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE battery_selling_sessions (
    session_id TEXT PRIMARY KEY, start_time TEXT, end_time TEXT, energy_sold_kwh REAL, revenue_pln REAL,
    avg_price REAL, status TEXT, created_at TEXT DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE weather_data (
    timestamp TEXT PRIMARY KEY, source TEXT, temperature REAL, humidity REAL, pressure REAL, wind_speed REAL,
    wind_direction REAL, cloud_cover REAL, solar_irradiance REAL, precipitation REAL,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE price_forecasts (
    timestamp TEXT, forecast_date TEXT, hour INTEGER, price_pln REAL, source TEXT, confidence REAL,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (forecast_date, hour, source));
CREATE TABLE pv_forecasts (
    timestamp TEXT, forecast_date TEXT, hour INTEGER, predicted_power_w REAL, source TEXT, confidence REAL,
    weather_conditions TEXT, created_at TEXT DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (forecast_date, hour, source));
CREATE INDEX idx_energy_timestamp ON energy_data (timestamp);
CREATE INDEX idx_state_timestamp ON system_state (timestamp);
CREATE INDEX idx_decisions_timestamp ON coordinator_decisions (timestamp);
CREATE INDEX idx_charging_start ON charging_sessions (start_time);
CREATE INDEX idx_selling_start ON battery_selling_sessions (start_time);
CREATE INDEX idx_weather_timestamp ON weather_data (timestamp);
CREATE INDEX idx_price_timestamp ON price_forecasts (timestamp);
CREATE INDEX idx_pv_timestamp ON pv_forecasts (timestamp);
INSERT INTO schema_version (version, applied_at, description) VALUES
    (1, CURRENT_TIMESTAMP, 'Initial schema'), (2, CURRENT_TIMESTAMP, 'Add session tables'),
    (3, CURRENT_TIMESTAMP, 'Add forecast tables'), (4, CURRENT_TIMESTAMP, 'Add meter counters and tariff zone');
