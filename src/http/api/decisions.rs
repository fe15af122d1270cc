//! `/decisions`: the decisions of the last minute, hour, day or week.
//!
//! The week's answer is written once, at publication; the newest decisions come first, so that every shorter range is
//! the beginning of its array.

use std::sync::Arc;
use std::time::Duration;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::status::refuse_before_first;
use super::{Ask, Refusal, Reply, Unknown, json_bytes};
use crate::base::document::Document;
use crate::http::message::Bytes;
use crate::model::decision::{Decision, Kind, NUMERIC_KEYS};
use crate::model::search::Id;
use crate::snapshot::{DecisionFeed, FeedMark, Scene};

const OPENING: &[u8] = b"{\"decisions\":[";
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// Everything of an answer but the array.
#[derive(Serialize)]
struct Tail<'a> {
    total_count: usize,
    charging_count: usize,
    wait_count: usize,
    battery_selling_count: usize,
    time_range: &'a str,
    timestamp: String,
    data_source: &'a str,
    as_of: String,
    stale_after: String,
    source: Option<&'a str>,
    unknown: Unknown,
}

/// Why fields of decisions are null.
const NULLS: &str = "a null was not recorded by the coordinator; where it wrote a price of 0 it knew none";

/// `/decisions`
pub fn answer(ask: &Ask<'_>) -> Reply {
    let range = ask.query.get("time_range").unwrap_or("24h");
    if !["24h", "7d", "1h", "1m"].contains(&range) {
        return Err(Refusal::bad_parameter("time_range", range, "24h, 7d, 1h or 1m"));
    }
    let section = &ask.snapshot.metrics;
    refuse_before_first(section, "decisions")?;
    let feed = section.value.as_deref().and_then(|metrics| metrics.decisions.as_deref());
    let Some(feed) = feed else { return Err(Refusal::not_yet("decisions", section.error.as_deref())) };
    let body = match range {
        "7d" => Bytes::Document(Arc::clone(&feed.content.week)),
        "24h" => Bytes::Document(Arc::clone(&feed.content.day)),
        _ => {
            let length = if range == "1h" { HOUR } else { MINUTE };
            // As of the publication, like the longer ranges: what came since is not known here.
            let now = feed.published;
            let recent = feed.content.marks.partition_point(|mark| mark.at >= now - length);
            let stale_after = now + ask.facts.staleness;
            let scene = Scene { now, zone: &ask.facts.zone, origin: feed.origin, stale_after };
            Bytes::Owned(body(feed.content.week.plain(), &feed.content.marks[..recent], range, &scene))
        }
    };
    Ok(json_bytes(200, body))
}

/// Writes decisions (oldest first) as the feed of one publication.
pub fn feed(decisions: Vec<Decision>, scene: &Scene<'_>) -> DecisionFeed {
    let mut text = OPENING.to_vec();
    let mut marks = Vec::with_capacity(decisions.len());
    for decision in decisions.iter().rev() {
        if !marks.is_empty() {
            text.push(b',');
        }
        serde_json::to_writer(&mut text, &Written(decision, None)).expect("memory takes what is written");
        marks.push(FeedMark {
            at: decision.at,
            kind: decision.kind,
            end: u32::try_from(text.len()).unwrap_or(u32::MAX),
        });
    }
    let day = marks.partition_point(|mark| mark.at >= scene.now - DAY);
    let confidences: f64 = decisions[decisions.len() - day..].iter().filter_map(Decision::confidence).sum();
    let day_body = body(&text, &marks[..day], "24h", scene);
    close(&mut text, &marks, "7d", scene);
    DecisionFeed {
        week: Arc::new(Document::new(text).packed_now()),
        day: Arc::new(Document::new(day_body).packed_now()),
        marks: marks.into(),
        newest: decisions.into_iter().next_back().map(Arc::new),
        mean_confidence_24h: (day > 0).then(|| confidences / day as f64),
    }
}

/// An answer whose array is the beginning of `week`'s.
fn body(week: &[u8], marks: &[FeedMark], range: &str, scene: &Scene<'_>) -> Vec<u8> {
    let end = marks.last().map_or(OPENING.len(), |mark| mark.end as usize);
    let mut text = Vec::with_capacity(end + 512);
    text.extend_from_slice(&week[..end]);
    close(&mut text, marks, range, scene);
    text
}

/// Closes the array and adds the rest.
fn close(text: &mut Vec<u8>, marks: &[FeedMark], range: &str, scene: &Scene<'_>) {
    let count = |kind: Kind| marks.iter().filter(|mark| mark.kind == kind).count();
    let tail = Tail {
        total_count: marks.len(),
        charging_count: count(Kind::Charging),
        wait_count: count(Kind::Wait),
        battery_selling_count: count(Kind::Selling),
        time_range: range,
        timestamp: scene.zone.naive(scene.now),
        data_source: if marks.is_empty() { "none" } else { "real" },
        as_of: scene.zone.rfc3339(scene.now),
        stale_after: scene.zone.rfc3339(scene.stale_after),
        source: scene.origin.name(),
        unknown: Unknown::from([("decisions".to_owned(), NULLS.to_owned())]),
    };
    text.extend_from_slice(b"],");
    let tail = serde_json::to_vec(&tail).expect("a plain struct is JSON");
    text.extend_from_slice(&tail[1..]);
}

/// A decision as it is answered: its columns, its parameters, and the known keys of these at the top level.
/// With an identifier of its own where it is given one; else the row's number.
pub struct Written<'a>(pub &'a Decision, pub Option<Id>);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let decision = self.0;
        let mut map = serializer.serialize_map(None)?;
        match self.1 {
            Some(id @ Id::File(_)) => map.serialize_entry("id", &id.to_string())?,
            _ => map.serialize_entry("id", &decision.id)?,
        }
        map.serialize_entry("timestamp", &decision.timestamp)?;
        map.serialize_entry("action", &decision.action)?;
        map.serialize_entry("decision_type", &decision.decision_type)?;
        map.serialize_entry("reason", &decision.reason)?;
        map.serialize_entry("source_module", &decision.source_module)?;
        map.serialize_entry("created_at", &decision.created_at)?;
        let parameters: Option<&RawValue> = serde_json::from_str(&decision.parameters).ok();
        map.serialize_entry("parameters", &parameters)?;
        for key in NUMERIC_KEYS {
            map.serialize_entry(key, &decision.lifted(key))?;
        }
        for (key, value) in decision.others() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}
