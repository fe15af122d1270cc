//! A site as the coordinator leaves it on disk, of any schema version, and beside it what was written, in plain memory.

use std::collections::BTreeMap;

use rusqlite::types::Value;
use serde_json::{Map, json};

use super::*;

/// Local days, reckoned without any time zone database: Warsaw's clocks change at these instants, 01:00 UTC.
const TO_SUMMER: [&str; 2] = ["2025-03-30T01:00:00Z", "2026-03-29T01:00:00Z"];
const TO_WINTER: [&str; 2] = ["2025-10-26T01:00:00Z", "2026-10-25T01:00:00Z"];

fn second(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_second()
}

/// How far local time is ahead, s.
pub fn ahead(at: i64) -> i64 {
    let is_summer = TO_SUMMER.iter().zip(TO_WINTER).any(|(from, to)| (second(from)..second(to)).contains(&at));
    if is_summer { 7_200 } else { 3_600 }
}

/// Where a local day begins.
pub fn midnight(date: Date) -> i64 {
    let utc = second(&format!("{date}T00:00:00Z"));
    utc - ahead(utc - 3_600)
}

/// A day's instants.
pub fn day(date: Date) -> Range {
    let instant = |date| Timestamp::from_second(midnight(date)).unwrap();
    Range { from: instant(date), to: instant(date.tomorrow().unwrap()) }
}

/// The hour that local clocks show.
pub fn local_hour(at: i64) -> i64 {
    (at + ahead(at)).rem_euclid(86_400) / 3_600
}

fn is_doubled(at: i64) -> bool {
    TO_WINTER.iter().any(|to| (second(to) - 3_600..second(to) + 3_600).contains(&at))
}

/// A decision as it is written.
#[derive(Debug, Clone)]
pub struct Said {
    pub at: i64,
    pub action: Option<&'static str>,
    pub reason: Option<&'static str>,
    pub parameters: Map<String, serde_json::Value>,
}

/// The database and what is in it.
pub struct Site {
    pub connection: Connection,
    /// 1 to 4.
    version: u8,
    /// By the text that is its key: when it was written, and what.
    rows: BTreeMap<String, (u64, EnergyRow)>,
    writes: u64,
    /// Whether the inverter now and then says that it does not know.
    pub garbles: bool,
    /// In the order in which they were written.
    pub said: Vec<Said>,
}

const VERSION_1: &str = "
    PRAGMA journal_mode = wal;
    CREATE TABLE schema_version(version INTEGER PRIMARY KEY, applied_at TEXT, description TEXT);
    INSERT INTO schema_version(version) VALUES (1);
    CREATE TABLE energy_data(timestamp TEXT PRIMARY KEY, battery_soc REAL, pv_power INTEGER, grid_power INTEGER,
        house_consumption INTEGER, battery_power INTEGER, grid_voltage REAL, grid_frequency REAL, battery_voltage REAL,
        battery_current REAL, battery_temperature REAL, price_pln REAL, created_at TEXT);
    CREATE TABLE coordinator_decisions(id INTEGER PRIMARY KEY, timestamp TEXT, decision_type TEXT, action TEXT,
        reason TEXT, parameters TEXT, source_module TEXT, created_at TEXT);
    CREATE INDEX idx_energy_timestamp ON energy_data(timestamp);
    CREATE INDEX idx_decisions_timestamp ON coordinator_decisions(timestamp);";
const STEPS: [&str; 3] = [
    "CREATE TABLE charging_sessions(session_id TEXT PRIMARY KEY, start_time TEXT, end_time TEXT);
     INSERT INTO schema_version(version) VALUES (2);",
    "CREATE TABLE price_forecasts(timestamp TEXT, forecast_date TEXT, hour INTEGER, price_pln REAL, source TEXT);
     INSERT INTO schema_version(version) VALUES (3);",
    "ALTER TABLE energy_data ADD COLUMN grid_import_total_kwh REAL;
     ALTER TABLE energy_data ADD COLUMN grid_export_total_kwh REAL;
     ALTER TABLE energy_data ADD COLUMN house_consumption_total_kwh REAL;
     ALTER TABLE energy_data ADD COLUMN pv_generation_total_kwh REAL;
     ALTER TABLE energy_data ADD COLUMN tariff_zone TEXT;
     INSERT INTO schema_version(version) VALUES (4);",
];

impl Site {
    pub fn new(bench: &Bench, version: u8) -> Self {
        let connection = Connection::open(bench.dir.path().join("data/goodwe_energy.db")).unwrap();
        connection.execute_batch(VERSION_1).unwrap();
        let mut site =
            Self { connection, version: 1, rows: BTreeMap::new(), writes: 0, garbles: true, said: Vec::new() };
        site.upgrade(version);
        site
    }

    /// The coordinator was updated.
    pub fn upgrade(&mut self, version: u8) {
        for step in &STEPS[usize::from(self.version) - 1..usize::from(version) - 1] {
            self.connection.execute_batch(step).unwrap();
        }
        self.version = version;
    }

    /// Writes much at once.
    pub fn at_once(&mut self, work: impl FnOnce(&mut Self)) {
        self.connection.execute_batch("BEGIN").unwrap();
        work(self);
        self.connection.execute_batch("COMMIT").unwrap();
    }

    /// Writes a row in one of the ways in which rows are met; one of the same text takes another one's place.
    pub fn write(&mut self, mut row: EnergyRow, random: &mut Random) {
        let at = row.at.as_second();
        let local = Timestamp::from_second(at + ahead(at)).unwrap().strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let text = match random.below(60) {
            0 => local.replace('T', " "),
            1 => format!("{local}.000000"),
            _ => local,
        };
        let utc = |at: i64| Some(Timestamp::from_second(at).unwrap().strftime("%Y-%m-%d %H:%M:%S").to_string());
        let created_at = match random.below(9) {
            _ if is_doubled(at) => utc(at + random.below(40) as i64),
            0 => None,
            1 => utc(at + 86_400 * (1 + random.below(9) as i64)),
            _ => utc(at + random.below(40) as i64),
        };
        let garbles = self.garbles;
        let mut number = |value: &mut Option<f64>| match *value {
            // What the inverter does not say is null to whoever reads it.
            Some(_) if garbles && random.one_in(300) => {
                *value = None;
                Value::Text("Unknown".into())
            }
            Some(value) => Value::Real(value),
            None => Value::Null,
        };
        let mut values = vec![text.clone().into(), created_at.into()];
        let EnergyRow { soc_pct, pv_power_w, grid_power_w, house_power_w, battery_power_w, .. } = &mut row;
        values.extend([soc_pct, pv_power_w, grid_power_w, house_power_w, battery_power_w].map(&mut number));
        values.extend([&mut row.temperature_c, &mut row.price_pln].map(&mut number));
        let mut columns =
            "timestamp, created_at, battery_soc, pv_power, grid_power, house_consumption, battery_power, \
            battery_temperature, price_pln"
                .to_owned();
        if self.version == 4 {
            let EnergyRow { import_total_kwh, export_total_kwh, house_total_kwh, pv_day_kwh, .. } = &mut row;
            values.extend([import_total_kwh, export_total_kwh, house_total_kwh, pv_day_kwh].map(&mut number));
            let zone = match (row.is_peak, random.below(3)) {
                (true, _) => Some("T1"),
                (false, 0) => None,
                (false, _) => Some("T2"),
            };
            values.push(zone.map(str::to_owned).into());
            columns += ", grid_import_total_kwh, grid_export_total_kwh, house_consumption_total_kwh, \
                pv_generation_total_kwh, tariff_zone";
        } else {
            row = EnergyRow {
                import_total_kwh: None,
                export_total_kwh: None,
                house_total_kwh: None,
                pv_day_kwh: None,
                is_peak: false,
                ..row
            };
        }
        let places = vec!["?"; values.len()].join(", ");
        let sql = format!("INSERT OR REPLACE INTO energy_data({columns}) VALUES ({places})");
        self.connection.prepare_cached(&sql).unwrap().execute(rusqlite::params_from_iter(values)).unwrap();
        self.writes += 1;
        self.rows.insert(text, (self.writes, row));
    }

    /// Takes a day's rows away, and answers them.
    pub fn clear(&mut self, date: Date) -> Vec<EnergyRow> {
        let sql = "DELETE FROM energy_data WHERE substr(timestamp, 1, 10) = ?";
        self.connection.execute(sql, [date.to_string()]).unwrap();
        let (gone, left) =
            std::mem::take(&mut self.rows).into_iter().partition(|(text, _)| text.starts_with(&date.to_string()));
        self.rows = left;
        let gone: BTreeMap<String, (u64, EnergyRow)> = gone;
        gone.into_values().map(|(_, row)| row).collect()
    }

    /// What is there in order of time; of rows of one instant the one that was written last.
    pub fn rows(&self, range: Range) -> Vec<EnergyRow> {
        let mut rows: Vec<&(u64, EnergyRow)> =
            self.rows.values().filter(|(_, row)| range.from <= row.at && row.at < range.to).collect();
        rows.sort_by_key(|(written, row)| (row.at, *written));
        let by_instant: BTreeMap<Timestamp, &EnergyRow> = rows.into_iter().map(|(_, row)| (row.at, row)).collect();
        by_instant.into_values().cloned().collect()
    }

    /// Writes a decision.
    pub fn say(&mut self, said: Said) {
        let at = Timestamp::from_second(said.at).unwrap();
        let local = Timestamp::from_second(said.at + ahead(said.at)).unwrap().strftime("%Y-%m-%dT%H:%M:%S.25");
        let created_at = at.strftime("%Y-%m-%d %H:%M:%S").to_string();
        let sql = "INSERT INTO coordinator_decisions(timestamp, decision_type, action, reason, parameters, created_at)
                   VALUES (?, 'charging', ?, ?, ?, ?)";
        let parameters = serde_json::Value::Object(said.parameters.clone()).to_string();
        let values = rusqlite::params![local.to_string(), said.action, said.reason, parameters, created_at];
        self.connection.execute(sql, values).unwrap();
        self.said.push(said);
    }
}

/// A decision of any kind, with some of what it may know.
pub fn decision(at: i64, random: &mut Random) -> Said {
    let actions = [
        Some("charge"),
        Some("charging"),
        Some("start_grid_charging"),
        Some("wait"),
        Some("wait"),
        Some("battery_selling"),
        Some("none"),
        None,
    ];
    let reasons = [None, Some(""), Some("PV Charging is cheap"), Some("too dear"), Some("charging started at 2 am")];
    let mut parameters = Map::new();
    for key in [
        "energy_kwh",
        "energy_sold_kwh",
        "estimated_cost_pln",
        "estimated_savings_pln",
        "expected_revenue_pln",
        "confidence",
        "current_price",
    ] {
        let value = random.below(2_000) as f64 / 1e3 - if key == "current_price" { 0.2 } else { 0.0 };
        match random.below(8) {
            0 => _ = parameters.insert(key.into(), json!("Unknown")),
            1 => _ = parameters.insert(key.into(), json!(value.to_string())),
            2 => _ = parameters.insert(key.into(), json!(null)),
            3 => {}
            4 if key == "current_price" => _ = parameters.insert(key.into(), json!(0)),
            _ => _ = parameters.insert(key.into(), json!(value)),
        }
    }
    if random.one_in(12) {
        parameters.insert("decision".into(), json!("battery_selling"));
    }
    for (key, values) in
        [("tariff_zone", ["T1", "T2"]), ("source", ["grid", "pv"]), ("charging_source", ["hybrid", ""])]
    {
        if !random.one_in(3) {
            parameters.insert(key.into(), json!(values[random.below(2) as usize]));
        }
    }
    let pick = |count: usize, random: &mut Random| random.below(count as u64) as usize;
    Said { at, action: actions[pick(8, random)], reason: reasons[pick(5, random)], parameters }
}
