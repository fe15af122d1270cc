//! `/api/v1/state`: everything that the page's first view needs, in one answer from one snapshot. It is what the page
//! draws first, so it is never refused: before the first load it says so.

use std::sync::Arc;

use serde::Serialize;

use super::super::house::{self, House};
use super::super::{Ask, Reply, Unknown, json};
use super::price_short::{self, Short};
use super::sources::{self, Ages, Coordinator, Sources};
use crate::model::decision::{Decision, Kind};
use crate::model::measure::{Measured, Why};
use crate::snapshot::{DecisionFeed, Feed};

#[derive(Serialize)]
struct State<'a> {
    timestamp: String,
    version: &'static str,
    demo: bool,
    live: Live<'a>,
    prices: Short<'a>,
    decision: Option<Newest<'a>>,
    today: Today,
    sources: Sources<'a>,
    coordinator: Coordinator,
    unknown: Unknown,
}

/// The house now, with its own reasons.
#[derive(Serialize)]
pub struct Live<'a> {
    #[serde(flatten)]
    house: House<'a>,
    unknown: Unknown,
}

/// The newest decision, in force.
#[derive(Serialize)]
pub struct Newest<'a> {
    id: Option<i64>,
    timestamp: &'a str,
    action: &'a str,
    kind: &'static str,
    reason: &'a str,
    confidence: Option<f64>,
    decided_at: String,
}

/// Since midnight.
#[derive(Serialize)]
struct Today {
    imported_kwh: Option<f64>,
    exported_kwh: Option<f64>,
    produced_kwh: Option<f64>,
    consumed_kwh: Option<f64>,
    decisions: Option<Counts>,
}

#[derive(Serialize)]
struct Counts {
    total: usize,
    charging: usize,
    wait: usize,
    selling: usize,
}

/// `/api/v1/state`
pub fn answer(ask: &Ask<'_>) -> Reply {
    Ok(json(200, &state(ask)))
}

/// The same as text, for the page that shows it first.
pub fn text(ask: &Ask<'_>) -> String {
    serde_json::to_string(&state(ask)).expect("answers are maps with text keys")
}

fn state<'a>(ask: &'a Ask<'_>) -> State<'a> {
    let mut unknown = Unknown::new();
    let state = State {
        timestamp: ask.rfc3339(ask.now),
        version: env!("CARGO_PKG_VERSION"),
        demo: ask.facts.demo,
        live: live(ask, Ages::Told),
        prices: price_short::short(ask, &mut unknown),
        decision: decision(ask, &mut unknown),
        today: today(ask, &mut unknown),
        sources: sources::sources(ask, Ages::Told, &mut unknown),
        coordinator: sources::coordinator(ask, &mut unknown),
        unknown: Unknown::new(),
    };
    State { unknown, ..state }
}

/// The house now.
pub fn live<'a>(ask: &Ask<'_>, ages: Ages) -> Live<'a> {
    let (house, known) = house::now(ask);
    let mut unknown = known.unknown;
    if ages == Ages::LeftOut {
        return Live { house: house.ageless(), unknown };
    }
    if house.age_s().is_none() {
        let why = known.nothing_read.unwrap_or_else(|| "the reading is dated in the future".into());
        unknown.insert("age_s".into(), why);
    }
    Live { house, unknown }
}

fn feed<'a>(ask: &'a Ask<'_>) -> Option<&'a Feed<DecisionFeed>> {
    ask.snapshot.metrics.value.as_deref()?.decisions.as_deref()
}

/// The newest decision as the snapshot has it.
pub fn newest<'a>(ask: &'a Ask<'_>) -> Option<&'a Arc<Decision>> {
    feed(ask)?.content.newest.as_ref()
}

/// The newest decision.
pub fn decision<'a>(ask: &'a Ask<'_>, unknown: &mut Unknown) -> Option<Newest<'a>> {
    let Some(newest) = newest(ask) else {
        unknown.insert("decision".into(), why_no_decisions(ask));
        return None;
    };
    if newest.id.is_none() {
        unknown.insert("decision.id".into(), "it came from a file, not from the database".into());
    }
    if newest.confidence().is_none() {
        unknown.insert("decision.confidence".into(), Why::NotRecorded.words().into());
    }
    Some(Newest {
        id: newest.id,
        timestamp: &newest.timestamp,
        action: &newest.action,
        kind: match newest.kind {
            Kind::Charging => "charging",
            Kind::Wait => "wait",
            Kind::Selling => "selling",
        },
        reason: &newest.reason,
        confidence: newest.confidence(),
        decided_at: ask.rfc3339(newest.at),
    })
}

fn why_no_decisions(ask: &Ask<'_>) -> String {
    let section = &ask.snapshot.metrics;
    match (feed(ask), &section.error) {
        (Some(_), _) => "no decision of the last 7 days is known".into(),
        (None, Some(error)) => error.clone(),
        (None, None) => "decisions are still being loaded".into(),
    }
}

fn today(ask: &Ask<'_>, unknown: &mut Unknown) -> Today {
    let date = ask.facts.zone.date(ask.now);
    let reading = ask.snapshot.live.value.as_deref().map(|live| &live.reading);
    // A meter's "today" is the day on which it was read.
    let of_today = reading.filter(|reading| ask.facts.zone.date(reading.at) == date);
    let mut value = |leaf: &str, measured: Option<Measured>| {
        let why = match measured {
            Some(Ok(value)) => return Some(value),
            Some(Err(why)) => why.words().to_owned(),
            None => match reading {
                Some(reading) => format!("the newest reading is of {}", ask.facts.zone.date(reading.at)),
                None => "no reading of the house is known".to_owned(),
            },
        };
        unknown.insert(format!("today.{leaf}"), why);
        None
    };
    Today {
        imported_kwh: value("imported_kwh", of_today.map(|reading| reading.grid.import_today_kwh)),
        exported_kwh: value("exported_kwh", of_today.map(|reading| reading.grid.export_today_kwh)),
        produced_kwh: value("produced_kwh", of_today.map(|reading| reading.pv.today_kwh)),
        consumed_kwh: value("consumed_kwh", of_today.map(|reading| reading.house.today_kwh)),
        decisions: counts(ask, unknown),
    }
}

fn counts(ask: &Ask<'_>, unknown: &mut Unknown) -> Option<Counts> {
    let zone = &ask.facts.zone;
    let midnight = zone.day_start(zone.date(ask.now));
    let feed = match feed(ask) {
        Some(feed) if feed.published >= midnight => feed,
        found => {
            let why = match found {
                Some(feed) => format!("decisions were last read at {}", ask.rfc3339(feed.published)),
                None => why_no_decisions(ask),
            };
            unknown.insert("today.decisions".into(), why);
            return None;
        }
    };
    // Newest first; one that is dated ahead by clocks that differ counts, too.
    let end = zone.date(ask.now).tomorrow().map_or(midnight, |next| zone.day_start(next));
    let of_today = |at| at >= midnight && at < end;
    let count = |kind: Option<Kind>| {
        let marks = feed.content.marks.iter().filter(|mark| of_today(mark.at));
        marks.filter(|mark| kind.is_none_or(|kind| mark.kind == kind)).count()
    };
    Some(Counts {
        total: count(None),
        charging: count(Some(Kind::Charging)),
        wait: count(Some(Kind::Wait)),
        selling: count(Some(Kind::Selling)),
    })
}

#[cfg(test)]
mod tests;
