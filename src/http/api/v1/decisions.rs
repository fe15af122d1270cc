//! `/api/v1/decisions`: the decisions of any range, newest first, a page at a time.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::super::decisions::Written;
use super::super::{Ask, Facts, Refusal, Unknown, json};
use super::when::When;
use crate::base::fault::Fault;
use crate::http::message::{Answer, Body, Response};
use crate::model::decision::Kind;
use crate::model::search::{Entry, Id, Page, Place, Search};
use crate::model::time::{FUTURE_ALLOWED, Range};

/// How far back is looked where nobody says.
const BACK: Duration = Duration::from_secs(30 * 86_400);
/// Decisions of a page where nobody says.
const LIMIT: usize = 50;
/// Why fields of decisions are null.
pub const NULLS: &str = "a null was not recorded by the coordinator; where it wrote a price of 0 it knew none";

/// A decision with its instant and its kind.
#[derive(Serialize)]
pub struct Told<'a> {
    #[serde(flatten)]
    decision: Written<'a>,
    decided_at: String,
    kind: &'static str,
}

#[derive(Serialize)]
struct Answered<'a> {
    decisions: Vec<Told<'a>>,
    returned: usize,
    total: Option<usize>,
    limit: usize,
    next: Option<String>,
    complete: bool,
    searched_from: Option<String>,
    from: String,
    to: String,
    kind: Option<&'static str>,
    text: &'a str,
    as_of: String,
    stale_after: Option<String>,
    source: Option<&'static str>,
    demo: bool,
    unknown: Unknown,
}

/// A kind's name, as parameters and answers have it.
pub fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Charging => "charging",
        Kind::Wait => "wait",
        Kind::Selling => "battery_selling",
    }
}

impl<'a> Told<'a> {
    /// A decision as it is answered.
    pub fn new(entry: &'a Entry, facts: &Facts) -> Self {
        let decision = &entry.decision;
        Self {
            decision: Written(decision, Some(entry.id)),
            decided_at: facts.zone.rfc3339(decision.at),
            kind: name_of(decision.kind),
        }
    }
}

/// Where decisions came from.
pub fn source_of(entries: &[Entry]) -> Option<&'static str> {
    let is_row = |entry: &Entry| matches!(entry.id, Id::Row(_));
    let (rows, files) = (entries.iter().any(is_row), entries.iter().any(|entry| !is_row(entry)));
    match (rows, files) {
        (true, true) => Some("database and files"),
        (true, false) => Some("database"),
        (false, true) => Some("files"),
        (false, false) => None,
    }
}

/// `/api/v1/decisions`
pub fn answer(ask: &Ask<'_>) -> Result<Answer, Refusal> {
    let search = search(ask)?;
    let (facts, now, desk) = (Arc::clone(ask.facts), ask.now, ask.desk.clone());
    Ok(Answer::Later(Box::new(move |pending| {
        // A question that finds no room is dropped, and its request answered 503.
        desk.ask(move |books| {
            let found =
                if search.range.from < search.range.to { books.decisions(&search) } else { Ok(nothing(&search)) };
            pending.complete(compose(&facts, &search, now, found));
        });
    })))
}

fn nothing(search: &Search) -> Page {
    Page { searched_from: Some(search.range.from), ..Page::default() }
}

fn search(ask: &Ask<'_>) -> Result<Search, Refusal> {
    let zone = &ask.facts.zone;
    let (from, to) = (When::asked(ask, "from")?, When::asked(ask, "to")?);
    // What is dated later was not decided yet.
    let latest = ask.now + FUTURE_ALLOWED;
    let end = to.map_or(latest, |to| to.end(zone));
    let range = Range { from: from.map_or(end.min(latest) - BACK, |from| from.start(zone)), to: end.min(latest) };
    let kind = match ask.query.get("kind") {
        None => None,
        Some("charging") => Some(Kind::Charging),
        Some("wait") => Some(Kind::Wait),
        Some("battery_selling") => Some(Kind::Selling),
        Some(text) => return Err(Refusal::bad_parameter("kind", text, "charging, wait or battery_selling")),
    };
    let before = ask.query.get("before").map(|text| {
        Place::parse(text).ok_or_else(|| Refusal::bad_parameter("before", text, "the next of an earlier page"))
    });
    Ok(Search {
        range,
        kind,
        text: ask.query.get("text").unwrap_or_default().to_owned(),
        limit: ask.integer("limit", 1..=500)?.map_or(LIMIT, |limit| limit as usize),
        before: before.transpose()?,
    })
}

fn compose(facts: &Facts, search: &Search, now: Timestamp, found: Result<Page, Fault>) -> Response<Body> {
    let page = match found {
        Ok(page) => page,
        Err(fault) => return Refusal::unreadable(&fault).response(),
    };
    let at = |at: Timestamp| facts.zone.rfc3339(at);
    // Counted only where the page is all there is.
    let total = (search.before.is_none() && page.next.is_none()).then_some(page.entries.len());
    let mut unknown = Unknown::new();
    if !page.entries.is_empty() {
        unknown.insert("decisions".into(), NULLS.into());
    }
    if search.range.from >= search.range.to {
        unknown.insert("decisions".into(), "nothing lies in this range: it ends before it begins".into());
    }
    if total.is_none() {
        unknown.insert("total".into(), "counting would read the whole range".into());
    }
    if let Some(searched_from) = page.searched_from.filter(|_| page.out_of_time) {
        let text = format!("looking took 2 s and got back to {}: `next` goes on there", at(searched_from));
        unknown.insert("complete".into(), text);
    }
    json(
        200,
        &Answered {
            decisions: page.entries.iter().map(|entry| Told::new(entry, facts)).collect(),
            returned: page.entries.len(),
            total,
            limit: search.limit,
            next: page.next.map(|place| place.to_string()),
            complete: !page.out_of_time,
            searched_from: page.searched_from.map(at),
            from: at(search.range.from),
            to: at(search.range.to),
            kind: search.kind.map(name_of),
            text: &search.text,
            as_of: at(now),
            stale_after: None,
            source: source_of(&page.entries),
            demo: facts.demo,
            unknown,
        },
    )
}

#[cfg(test)]
mod tests;
