//! `/api/v1/at`: the site at one instant: the nearest reading, the price of its quarter-hour, the decision in force, the
//! log around it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::super::{Ask, Facts, Refusal, Unknown, json};
use super::decisions::{Told, name_of};
use super::price_day::{Pen, Slot};
use super::when::When;
use crate::base::units::round_to;
use crate::http::message::{Answer, Body, Response};
use crate::inquiry::Moment;
use crate::model::energy::EnergyRow;
use crate::model::logs::Logs;
use crate::model::price::PricedDay;
use crate::model::search::Entry;

/// How much of the log is shown, before and after.
const LOG_REACH: Duration = Duration::from_secs(300);
/// At most so many lines of a file.
const LOG_LINES: usize = 500;

#[derive(Serialize)]
struct Answered<'a> {
    time: String,
    reading: Option<Reading>,
    reading_before: Option<String>,
    reading_after: Option<String>,
    price: Option<Slot<'a>>,
    price_source: Option<&'static str>,
    decision: Option<Told<'a>>,
    decision_age_s: Option<f64>,
    decision_before: Option<Brief>,
    decision_after: Option<Brief>,
    logs: Vec<Log<'a>>,
    as_of: String,
    stale_after: Option<String>,
    demo: bool,
    unknown: Unknown,
}

#[derive(Serialize)]
struct Reading {
    timestamp: String,
    off_by_s: f64,
    soc_pct: Option<f64>,
    pv_w: Option<f64>,
    grid_w: Option<f64>,
    load_w: Option<f64>,
    battery_w: Option<f64>,
    battery_temperature_c: Option<f64>,
    price_pln_kwh: Option<f64>,
    import_total_kwh: Option<f64>,
    export_total_kwh: Option<f64>,
    load_total_kwh: Option<f64>,
    pv_today_kwh: Option<f64>,
}

#[derive(Serialize)]
struct Brief {
    id: String,
    decided_at: String,
    kind: &'static str,
}

#[derive(Serialize)]
struct Log<'a> {
    name: &'a str,
    lines: Vec<&'a str>,
    complete: bool,
}

/// `/api/v1/at`
pub fn answer(ask: &Ask<'_>) -> Result<Answer, Refusal> {
    let time = When::asked(ask, "time")?.map_or(ask.now, |when| when.start(&ask.facts.zone));
    let published = ask.snapshot.prices.value.as_deref().and_then(|prices| {
        let day = prices.days.get(&ask.facts.zone.date(time))?;
        day.slots.iter().any(|slot| slot.market.or(slot.sell).is_some()).then(|| Arc::clone(day))
    });
    let (facts, now, desk) = (Arc::clone(ask.facts), ask.now, ask.desk.clone());
    let logs = ask.snapshot.logs.value.clone();
    let no_logs = ask.snapshot.logs.error.clone();
    Ok(Answer::Later(Box::new(move |pending| {
        desk.ask(move |books| {
            pending.complete(match books.moment(time) {
                Ok(moment) => {
                    let day = published.as_deref().or(moment.day.as_ref());
                    compose(&Scene { facts: &facts, time, now, moment: &moment, day, logs: logs.as_deref(), no_logs })
                }
                Err(fault) => Refusal::unreadable(&fault).response(),
            });
        });
    })))
}

/// What an answer is made of.
struct Scene<'a> {
    facts: &'a Facts,
    time: Timestamp,
    now: Timestamp,
    moment: &'a Moment,
    day: Option<&'a PricedDay>,
    logs: Option<&'a Logs>,
    no_logs: Option<String>,
}

fn compose(scene: &Scene<'_>) -> Response<Body> {
    let Scene { facts, time, moment, day, .. } = *scene;
    let pen = Pen { facts };
    let mut unknown = Unknown::new();
    let mut say = |path: &str, why: String| {
        unknown.entry(path.to_owned()).or_insert(why);
    };
    let trouble = |what: &str, otherwise: &str| match moment.troubles.get(what) {
        Some(why) => why.clone(),
        None => otherwise.to_owned(),
    };
    let reading = moment.row.as_ref().map(|row| reading(row, time, facts));
    match &reading {
        None => say("reading", trouble("row", "no energy row of that day or the days beside it is known")),
        Some(reading) => reading.gaps(&mut say),
    }
    for (path, row) in [("reading_before", moment.row_before), ("reading_after", moment.row_after)] {
        if row.is_none() {
            say(path, trouble("row", "no such row of that day or the days beside it is known"));
        }
    }
    let slot = day.and_then(|day| day.slot_at(time));
    match (day, slot) {
        (Some(day), Some(slot)) => {
            let mut lack = |leaf: &str, is_known: bool, why: &str| {
                if !is_known {
                    say(&format!("price.{leaf}"), why.to_owned());
                }
            };
            lack("market_pln_kwh", slot.market.is_some(), "PSE's price of this quarter-hour is not remembered");
            lack(
                "buy_pln_kwh",
                slot.buy.is_some(),
                if slot.market.is_some() { &day.rule } else { "no price of this quarter-hour is remembered" },
            );
            lack(
                "sell_pln_kwh",
                slot.sell.is_some(),
                "the settlement prices (rce-pln) of this hour are not remembered",
            );
            for leaf in ["margin_pln_kwh", "distribution_pln_kwh", "zone"] {
                lack(leaf, slot.charge.is_some(), &day.rule);
            }
            lack("kompas", slot.kompas.is_some(), "the Kompas of this hour is not known");
        }
        _ => say("price", trouble("prices", "no prices of that day are remembered")),
    }
    let no_decision = format!("no decision of the {} days before is known", Moment::DECISIONS_DAYS);
    if moment.decision.is_none() {
        say("decision", trouble("decision", &no_decision));
    }
    if moment.decision_before.is_none() {
        say("decision_before", trouble("decision", &no_decision));
    }
    if moment.decision_after.is_none() {
        say("decision_after", trouble("decision", "no decision of the rest of that day and the next one is known"));
    }
    let logs = logs(scene, &mut say);
    json(
        200,
        &Answered {
            time: pen.at(time),
            reading_before: moment.row_before.map(|at| pen.at(at)),
            reading_after: moment.row_after.map(|at| pen.at(at)),
            price: slot.map(|slot| pen.slot(slot, slot.end())),
            price_source: slot.and(day).and_then(|day| day.market.as_ref()).map(|market| market.origin.name()),
            decision: moment.decision.as_ref().map(|entry| Told::new(entry, facts)),
            decision_age_s: moment.decision.as_ref().map(|entry| seconds(time, entry.decision.at)),
            decision_before: moment.decision_before.as_ref().map(|entry| brief(entry, facts)),
            decision_after: moment.decision_after.as_ref().map(|entry| brief(entry, facts)),
            reading,
            logs,
            as_of: pen.at(scene.now),
            stale_after: None,
            demo: facts.demo,
            unknown,
        },
    )
}

/// From `b` to `a`, to the millisecond.
fn seconds(a: Timestamp, b: Timestamp) -> f64 {
    round_to(a.duration_since(b).as_secs_f64(), 3)
}

fn brief(entry: &Entry, facts: &Facts) -> Brief {
    let decided_at = facts.zone.rfc3339(entry.decision.at);
    Brief { id: entry.id.to_string(), decided_at, kind: name_of(entry.decision.kind) }
}

fn reading(row: &EnergyRow, time: Timestamp, facts: &Facts) -> Reading {
    Reading {
        timestamp: facts.zone.rfc3339(row.at),
        off_by_s: seconds(row.at, time),
        soc_pct: row.soc_pct,
        pv_w: row.pv_power_w,
        grid_w: row.grid_power_w,
        load_w: row.house_power_w,
        battery_w: row.battery_power_w,
        battery_temperature_c: row.temperature_c,
        // A recorded 0 means that the coordinator did not know it.
        price_pln_kwh: row.price_pln.filter(|price| *price != 0.0),
        import_total_kwh: row.import_total_kwh,
        export_total_kwh: row.export_total_kwh,
        load_total_kwh: row.house_total_kwh,
        pv_today_kwh: row.pv_day_kwh,
    }
}

impl Reading {
    fn gaps(&self, say: &mut impl FnMut(&str, String)) {
        for (leaf, value) in [
            ("soc_pct", self.soc_pct),
            ("pv_w", self.pv_w),
            ("grid_w", self.grid_w),
            ("load_w", self.load_w),
            ("battery_w", self.battery_w),
            ("battery_temperature_c", self.battery_temperature_c),
            ("price_pln_kwh", self.price_pln_kwh),
            ("import_total_kwh", self.import_total_kwh),
            ("export_total_kwh", self.export_total_kwh),
            ("load_total_kwh", self.load_total_kwh),
            ("pv_today_kwh", self.pv_today_kwh),
        ] {
            if value.is_none() {
                say(&format!("reading.{leaf}"), "the coordinator recorded none".to_owned());
            }
        }
    }
}

/// The lines of five minutes before and after, as far as memory holds them. A line without a time goes with the one
/// before it.
fn logs<'a>(scene: &Scene<'a>, say: &mut impl FnMut(&str, String)) -> Vec<Log<'a>> {
    let (from, to) = (scene.time - LOG_REACH, scene.time + LOG_REACH);
    let Some(logs) = scene.logs else {
        let why = scene.no_logs.clone().unwrap_or_else(|| "the log files are still being read".to_owned());
        say("logs", why);
        return Vec::new();
    };
    let mut found = Vec::new();
    for file in &logs.files {
        let (mut lines, mut oldest, mut cut) = (Vec::new(), None, false);
        for line in file.held.lines.iter() {
            oldest = oldest.or(line.at);
            if line.at.is_some_and(|at| from <= at && at <= to) {
                cut |= lines.len() == LOG_LINES;
                lines.extend((lines.len() < LOG_LINES).then_some(line.text));
            }
        }
        let held = oldest.is_some_and(|oldest| oldest <= from);
        if !held {
            let why = match (&file.error, oldest) {
                (Some(error), _) => error.clone(),
                (None, Some(oldest)) => {
                    format!("memory holds the lines from {} on", scene.facts.zone.rfc3339(oldest))
                }
                (None, None) => "none of the lines that memory holds begins with a time".to_owned(),
            };
            say(&format!("logs.{}", file.name), why);
        } else if cut {
            say(&format!("logs.{}", file.name), format!("the first {LOG_LINES} lines are shown"));
        }
        found.push(Log { name: &file.name, lines, complete: held && !cut });
    }
    if found.is_empty() {
        say("logs", "there are no log files".to_owned());
    }
    found
}
