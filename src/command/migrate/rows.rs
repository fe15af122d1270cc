//! Rows of the database out of the text of a file: pure, and understood as the server's own reader of files does.
//!
//! A decision's text is kept as it is on disk, but for the space between its words, so that every digit stays.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rusqlite::types::Value as Sql;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::compact::compact;
use super::jobs::{Class, Job};
use crate::model::decision::{Decision, Kind, RawDecision, as_number};
use crate::model::time::{FoldResolver, SiteZone, parse_local, parse_utc};
use crate::source::json;

/// A table that rows go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// `energy_data`
    Energy,
    /// `coordinator_decisions`
    Decisions,
    /// `system_state`
    States,
    /// `battery_selling_sessions`
    Sessions,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Energy, Self::Decisions, Self::States, Self::Sessions];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Energy => "energy_data",
            Self::Decisions => "coordinator_decisions",
            Self::States => "system_state",
            Self::Sessions => "battery_selling_sessions",
        }
    }

    /// What its rows are called.
    pub fn rows(self) -> &'static str {
        match self {
            Self::Energy => "energy rows",
            Self::Decisions => "decisions",
            Self::States => "states",
            Self::Sessions => "selling sessions",
        }
    }

    /// The columns that are written.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Energy => &ENERGY,
            Self::Decisions => {
                &["timestamp", "decision_type", "action", "reason", "parameters", "source_module", "created_at"]
            }
            Self::States => &["timestamp", "state", "uptime", "active_modules", "last_error", "metrics", "created_at"],
            Self::Sessions => &SESSIONS,
        }
    }
}

const ENERGY: [&str; 18] = [
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
    "grid_import_total_kwh",
    "grid_export_total_kwh",
    "house_consumption_total_kwh",
    "pv_generation_total_kwh",
    "tariff_zone",
    "created_at",
];
const SESSIONS: [&str; 8] =
    ["session_id", "start_time", "end_time", "energy_sold_kwh", "revenue_pln", "avg_price", "status", "created_at"];

/// What makes two rows the same one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identity {
    /// An energy row or a state: its local time.
    At(DateTime),
    /// A decision: its instant, its kind and its action, as the server understands them.
    Decision(Timestamp, Kind, String),
    /// A session.
    Session(String),
}

/// One row to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Where it goes.
    pub table: Table,
    /// Its time as it stands in the row; the beginning of a session.
    pub local: DateTime,
    /// What it is recognised by.
    pub identity: Identity,
    /// What it would be recognised by in the other pass of the doubled hour, for a decision: which pass it belongs to
    /// is a guess where a file says nothing of it.
    pub other: Option<Identity>,
    /// The values of [`Table::columns`]; `created_at` is null where it is now.
    pub values: Vec<Sql>,
}

/// What a file holds.
#[derive(Debug, Default, PartialEq)]
pub struct Parsed {
    /// Its rows, in its order.
    pub records: Vec<Record>,
    /// What of it cannot be taken over, and why.
    pub refused: Vec<String>,
    /// Whether its last line is half written.
    pub half_written: bool,
}

/// Reads a file's text. `now` settles which pass of the doubled hour a state belongs to.
///
/// # Errors
/// Why nothing of it can be taken over.
pub fn parse(job: Job, text: &str, zone: &SiteZone, now: Timestamp) -> Result<Parsed, String> {
    let mut reader = Reader { zone, now, resolver: FoldResolver::default(), parsed: Parsed::default() };
    match job.class() {
        Class::Energy => reader.energy_file(text)?,
        Class::Decision => {
            let record = reader.decision(text, job.named(), job.is_selling())?;
            reader.parsed.records.push(record);
        }
        Class::DecisionLines => reader.lines(text, |reader, line| reader.decision(line, None, false)),
        Class::State | Class::StateLines => match json::parse_object(text) {
            Ok(_) => {
                let record = reader.state(text, job.named().filter(|_| job.class() == Class::State), false)?;
                reader.parsed.records.push(record);
            }
            Err(error) if job.class() == Class::State && json::parse_object(first_line(text)).is_err() => {
                return Err(format!("not readable: {error}"));
            }
            Err(_) => reader.lines(text, |reader, line| reader.state(line, None, true)),
        },
    }
    if reader.parsed.records.is_empty() && !reader.parsed.refused.is_empty() {
        return Err(reader.parsed.refused.swap_remove(0));
    }
    Ok(reader.parsed)
}

fn first_line(text: &str) -> &str {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default()
}

struct Reader<'a> {
    zone: &'a SiteZone,
    now: Timestamp,
    resolver: FoldResolver,
    parsed: Parsed,
}

impl Reader<'_> {
    /// A line an object; the last one may be half written.
    fn lines(&mut self, text: &str, read: impl Fn(&mut Self, &str) -> Result<Record, String>) {
        let ended = text.ends_with('\n');
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).peekable();
        while let Some((index, line)) = lines.next() {
            match read(self, line) {
                Ok(record) => self.parsed.records.push(record),
                Err(_) if !ended && lines.peek().is_none() && json::parse_object(line).is_err() => {
                    self.parsed.half_written = true;
                }
                Err(why) => self.parsed.refused.push(format!("line {}: {why}", index + 1)),
            }
        }
    }

    fn decision(&mut self, text: &str, named: Option<DateTime>, selling: bool) -> Result<Record, String> {
        let object = object(text)?;
        if !object.contains_key("timestamp") && object.contains_key("session_id") && object.contains_key("start_time") {
            return self.session(&object);
        }
        let field = |key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
        let stated = field("timestamp").or(named.map(|named| named.to_string()));
        let (stated, local) = self.time(stated)?;
        let at = self.resolver.resolve(self.zone, local, None);
        let raw = RawDecision {
            action: field("action"),
            decision_type: field("decision_type"),
            reason: field("reason"),
            source_module: field("source_module"),
            selling_file: selling,
            parameters: object.clone(),
            ..RawDecision::default()
        };
        let (decision_type, reason, source_module) =
            (raw.decision_type.clone(), raw.reason.clone(), raw.source_module.clone());
        let decision = Decision::new(at, raw);
        let (action, parameters) = words(&object, &decision, selling, text);
        let created = created_at(field("created_at").as_deref(), at, local, self.zone);
        Ok(Record {
            table: Table::Decisions,
            local,
            other: other_pass(at, local, self.zone)
                .map(|other| Identity::Decision(other, decision.kind, decision.action.clone())),
            identity: Identity::Decision(at, decision.kind, decision.action),
            values: vec![
                Sql::Text(stated),
                or_null(decision_type),
                or_null(action),
                or_null(reason),
                Sql::Text(parameters),
                or_null(source_module),
                or_null(created),
            ],
        })
    }

    fn session(&self, object: &Map<String, Value>) -> Result<Record, String> {
        let id = word(object.get("session_id")).filter(|id| !id.is_empty()).ok_or("its session_id says nothing")?;
        let (start, local) = self.time(word(object.get("start_time")))?;
        let own = object.get("created_at").and_then(Value::as_str);
        let created = created_at(own, self.zone.instant(local), local, self.zone);
        let values = Table::Sessions.columns().iter().map(|column| match *column {
            "session_id" => Sql::Text(id.clone()),
            "start_time" => Sql::Text(start.clone()),
            "end_time" | "status" => or_null(word(object.get(*column))),
            "created_at" => or_null(created.clone()),
            _ => figure(object.get(*column)),
        });
        Ok(Record {
            table: Table::Sessions,
            local,
            values: values.collect(),
            identity: Identity::Session(id),
            other: None,
        })
    }

    /// A state; `in_order` where it is a line of many, else it is the newest of its time, as for the server.
    fn state(&mut self, text: &str, named: Option<DateTime>, in_order: bool) -> Result<Record, String> {
        let object = object(text)?;
        let data = object.get("current_data").and_then(Value::as_object);
        if data.is_none() && !object.contains_key("state") {
            return Err("it holds neither a state nor readings".into());
        }
        let own = data.and_then(|data| data.get("timestamp")).and_then(Value::as_str);
        let field = object.get("timestamp").and_then(Value::as_str).or(own).map(str::to_owned);
        let (stated, local) = self.time(field.or(named.map(|named| named.to_string())))?;
        // The server takes the reading's own time where there is one.
        let taken = own.and_then(|own| parse_local(own, self.zone)).unwrap_or(local);
        let at = match in_order {
            true => self.resolver.resolve(self.zone, taken, None),
            false => self.zone.newest_instant(taken, self.now),
        };
        let created = created_at(object.get("created_at").and_then(Value::as_str), at, taken, self.zone);
        Ok(Record {
            table: Table::States,
            local,
            identity: Identity::At(local),
            other: None,
            values: vec![
                Sql::Text(stated),
                or_null(word(object.get("state"))),
                figure(object.get("uptime_seconds").or(object.get("uptime"))),
                or_null(word(object.get("active_modules"))),
                or_null(word(object.get("last_error"))),
                Sql::Text(metrics(text)?),
                or_null(created),
            ],
        })
    }

    fn energy_file(&mut self, text: &str) -> Result<(), String> {
        let mut wrapped = object(&format!("{{\"rows\":{text}}}"))?;
        let Some(Value::Array(rows)) = wrapped.remove("rows") else { return Err("not a JSON array".into()) };
        let mut places: HashMap<DateTime, usize> = HashMap::new();
        for (index, row) in rows.iter().enumerate() {
            match self.energy(row) {
                // A row of the very same time replaces the one before, as the coordinator does it.
                Ok(record) => match places.get(&record.local) {
                    Some(place) => self.parsed.records[*place] = record,
                    None => {
                        places.insert(record.local, self.parsed.records.len());
                        self.parsed.records.push(record);
                    }
                },
                Err(why) => self.parsed.refused.push(format!("row {}: {why}", index + 1)),
            }
        }
        Ok(())
    }

    fn energy(&mut self, row: &Value) -> Result<Record, String> {
        let field = |key: &str| row.get(key).and_then(Value::as_str);
        let (stated, local) = self.time(field("timestamp").map(str::to_owned))?;
        let own = field("created_at");
        let at = self.resolver.resolve(self.zone, local, own.and_then(parse_utc));
        let created = created_at(own, at, local, self.zone);
        let values = Table::Energy.columns().iter().map(|column| match *column {
            "timestamp" => Sql::Text(stated.clone()),
            "created_at" => or_null(created.clone()),
            "tariff_zone" => or_null(field("tariff_zone").map(str::to_owned)),
            column => figure(row.get(column)),
        });
        Ok(Record { table: Table::Energy, local, values: values.collect(), identity: Identity::At(local), other: None })
    }

    /// A time as it stands on disk, and what it means. With an offset it becomes local, since a row's day is looked for
    /// by its text.
    fn time(&self, stated: Option<String>) -> Result<(String, DateTime), String> {
        let stated = stated.ok_or("it has no timestamp")?;
        let local = parse_local(&stated, self.zone).ok_or_else(|| {
            format!("{:?} is not a time from 2000 to 2100", stated.chars().take(40).collect::<String>())
        })?;
        let text = stated.trim();
        let plain = text.get(..10) == Some(local.date().to_string().as_str())
            && !text.get(10..).is_some_and(|rest| rest.contains(['Z', 'z', '+', '-']));
        Ok((if plain { text.to_owned() } else { local.to_string() }, local))
    }
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    json::parse_object(text).map_err(|error| format!("not readable: {error}"))
}

/// The `action` and `parameters` columns. A file's name says that its decision is a sale; where its words do not, the row
/// has to.
fn words(object: &Map<String, Value>, decision: &Decision, selling: bool, text: &str) -> (Option<String>, String) {
    const SELLING: &str = "battery_selling";
    let word = |key: &str| object.get(key).and_then(Value::as_str);
    let action = word("action");
    let own = action.filter(|action| !action.is_empty());
    let said = Kind::of(own, word("decision"), &decision.reason, false);
    match own {
        _ if !selling || said == Kind::Selling => (action.map(str::to_owned), compact(text)),
        None => (Some(SELLING.to_owned()), compact(text)),
        Some(own) => {
            let mut object = object.clone();
            if let Some(former) = object.insert("decision".into(), SELLING.into()) {
                object.insert("decision_in_file".into(), former);
            }
            (Some(own.to_owned()), Value::Object(object).to_string())
        }
    }
}

/// A state's `metrics`: the file's keys that have no column of their own.
fn metrics(text: &str) -> Result<String, String> {
    let text = compact(text);
    let mut keys: BTreeMap<&str, &RawValue> = match serde_json::from_str(&text) {
        Ok(keys) => keys,
        // Keys with escapes cannot be borrowed.
        Err(_) => return Ok(text),
    };
    for column in ["timestamp", "state", "active_modules", "last_error", "created_at"] {
        keys.remove(column);
    }
    serde_json::to_string(&keys).map_err(|error| error.to_string())
}

/// `created_at`: the file's own, else null, which stands for now. In the doubled hour of autumn it is what tells the
/// passes apart, so there it is the row's instant.
fn created_at(own: Option<&str>, at: Timestamp, local: DateTime, zone: &SiteZone) -> Option<String> {
    const NEAR: SignedDuration = SignedDuration::from_mins(30);
    let tells = |own: &&str| parse_utc(own).is_some_and(|created| created.duration_since(at).abs() <= NEAR);
    match own {
        _ if other_pass(at, local, zone).is_none() => own.map(str::to_owned),
        Some(own) if tells(&own) => Some(own.to_owned()),
        _ => Some(utc_text(at)),
    }
}

/// The other instant that `local` names, in the doubled hour.
fn other_pass(at: Timestamp, local: DateTime, zone: &SiteZone) -> Option<Timestamp> {
    let day_after = at + SignedDuration::from_hours(24);
    [zone.instant(local), zone.newest_instant(local, day_after)].into_iter().find(|pass| *pass != at)
}

/// An instant as `created_at` has it.
pub fn utc_text(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A value as text; what is not text as JSON.
fn word(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A value as a number, text that is one among them; null where it is none.
fn figure(value: Option<&Value>) -> Sql {
    match value.and_then(Value::as_i64) {
        Some(whole) => Sql::Integer(whole),
        None => value.and_then(as_number).map_or(Sql::Null, Sql::Real),
    }
}

fn or_null(text: Option<String>) -> Sql {
    text.map_or(Sql::Null, Sql::Text)
}
