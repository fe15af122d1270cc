"""The coordinator's SQLite database, versions 1 to 4: its tables, and rows put into them in bulk."""

import json
import sqlite3

ENERGY_METERS = (
    "grid_import_total_kwh",
    "grid_export_total_kwh",
    "house_consumption_total_kwh",
    "pv_generation_total_kwh",
    "tariff_zone",
)
ENERGY_COLUMNS = (
    "timestamp",
    "battery_soc",
    "pv_power",
    "grid_power",
    "house_consumption",
    "battery_power",
    "grid_voltage",
    "grid_frequency",
    "battery_voltage",
    "battery_current",
    "battery_temperature",
    "price_pln",
    "created_at",
)
STATE_COLUMNS = ("timestamp", "state", "uptime", "active_modules", "last_error", "metrics", "created_at")
DECISION_COLUMNS = ("timestamp", "decision_type", "action", "reason", "parameters", "source_module", "created_at")

VERSION_1 = """
CREATE TABLE schema_version(version INTEGER PRIMARY KEY, applied_at TEXT, description TEXT);
CREATE TABLE energy_data(timestamp TEXT PRIMARY KEY, battery_soc REAL, pv_power INTEGER, grid_power INTEGER,
    house_consumption INTEGER, battery_power INTEGER, grid_voltage REAL, grid_frequency REAL, battery_voltage REAL,
    battery_current REAL, battery_temperature REAL, price_pln REAL, created_at TEXT DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE system_state(id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT, state TEXT, uptime REAL,
    active_modules TEXT, last_error TEXT, metrics TEXT, created_at TEXT DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE coordinator_decisions(id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT, decision_type TEXT, action TEXT,
    reason TEXT, parameters TEXT, source_module TEXT, created_at TEXT DEFAULT CURRENT_TIMESTAMP);
CREATE INDEX idx_energy_data_timestamp ON energy_data(timestamp);
CREATE INDEX idx_system_state_timestamp ON system_state(timestamp);
CREATE INDEX idx_coordinator_decisions_timestamp ON coordinator_decisions(timestamp);
"""
VERSION_2 = """
CREATE TABLE charging_sessions(session_id TEXT PRIMARY KEY, start_time TEXT, end_time TEXT, target_soc INTEGER,
    energy_kwh REAL, cost_pln REAL, status TEXT, avg_price REAL, created_at TEXT);
CREATE TABLE battery_selling_sessions(session_id TEXT PRIMARY KEY, start_time TEXT, end_time TEXT, energy_sold_kwh REAL,
    revenue_pln REAL, avg_price REAL, status TEXT, created_at TEXT);
"""
VERSION_3 = """
CREATE TABLE weather_data(timestamp TEXT PRIMARY KEY, source TEXT, temperature REAL, humidity REAL, pressure REAL,
    wind_speed REAL, wind_direction REAL, cloud_cover REAL, solar_irradiance REAL, precipitation REAL, created_at TEXT);
CREATE TABLE price_forecasts(timestamp TEXT, forecast_date TEXT, hour INTEGER, price_pln REAL, source TEXT,
    confidence REAL, created_at TEXT, PRIMARY KEY(forecast_date, hour, source));
CREATE TABLE pv_forecasts(timestamp TEXT, forecast_date TEXT, hour INTEGER, predicted_power_w REAL, source TEXT,
    confidence REAL, weather_conditions TEXT, created_at TEXT, PRIMARY KEY(forecast_date, hour, source));
CREATE INDEX idx_weather_data_timestamp ON weather_data(timestamp);
CREATE INDEX idx_price_forecasts_timestamp ON price_forecasts(timestamp);
CREATE INDEX idx_pv_forecasts_timestamp ON pv_forecasts(timestamp);
"""
VERSION_4 = """
ALTER TABLE energy_data ADD COLUMN grid_import_total_kwh REAL;
ALTER TABLE energy_data ADD COLUMN grid_export_total_kwh REAL;
ALTER TABLE energy_data ADD COLUMN house_consumption_total_kwh REAL;
ALTER TABLE energy_data ADD COLUMN pv_generation_total_kwh REAL;
ALTER TABLE energy_data ADD COLUMN tariff_zone TEXT;
"""


def create(path, schema=4, journal="wal", timeout=30.0):
    """A new database of that version; the connection stays open."""
    connection = sqlite3.connect(path, timeout=timeout, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode={journal}")
    connection.execute("PRAGMA synchronous=NORMAL")
    for version, script in enumerate((VERSION_1, VERSION_2, VERSION_3, VERSION_4), start=1):
        if version <= schema:
            connection.executescript(script)
            connection.execute(
                "INSERT INTO schema_version VALUES (?, ?, ?)",
                (version, f"2025-0{version}-01T10:00:00", f"version {version}"),
            )
    return connection


def insert_energy(connection, rows, schema=4):
    """Energy rows; a second row of the very same second replaces the first, as the coordinator does it."""
    columns = ENERGY_COLUMNS + (ENERGY_METERS if schema >= 4 else ())
    _insert(connection, "energy_data", columns, [[row[name] for name in columns] for row in rows], "OR REPLACE ")


def insert_states(connection, rows):
    """State rows, their metrics dumped to JSON unless they are a text already."""
    values = []
    for row in rows:
        metrics = row["metrics"] if isinstance(row["metrics"], (str, type(None))) else json.dumps(row["metrics"])
        values.append([metrics if name == "metrics" else row[name] for name in STATE_COLUMNS])
    _insert(connection, "system_state", STATE_COLUMNS, values)


def insert_decisions(connection, pairs):
    """Pairs of (row, parameters)."""
    values = []
    for row, parameters in pairs:
        text = None if parameters is None else json.dumps(parameters)
        values.append([text if name == "parameters" else row[name] for name in DECISION_COLUMNS])
    _insert(connection, "coordinator_decisions", DECISION_COLUMNS, values)


def insert_session(connection, start, end):
    """One charging session, as the coordinator leaves them."""
    connection.execute(
        "INSERT INTO charging_sessions VALUES (?, ?, ?, 80, 4.2, 1.93, 'completed', 0.4595, ?)",
        (f"session_{start}", start, end, start),
    )


def _insert(connection, table, columns, values, conflict=""):
    marks = ", ".join("?" * len(columns))
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(f"INSERT {conflict}INTO {table}({', '.join(columns)}) VALUES ({marks})", values)
        connection.execute("COMMIT")
    except sqlite3.Error:
        connection.execute("ROLLBACK")
        raise
