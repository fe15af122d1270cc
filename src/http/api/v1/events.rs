//! `/api/v1/events`: what is told to subscribers, and when. How it reaches them is `http/events`.
//!
//! A topic is looked at when the snapshot changed or its time has come. Pointers and small values decide whether its text
//! is written anew; the text decides whether it is told: nothing is told twice. Ages are left out, since they would
//! freeze: clients count them from `as_of`.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::super::{Api, Ask, Refusal, Unknown};
use super::followed_log::FollowedLog;
use super::price_short::notice;
use super::sources::{Ages, Coordinator, Sources, coordinator, next_change, sources};
use super::state::{Live, Newest, decision, live, newest};
use crate::base::audience::Place;
use crate::http::api::logs::FOLLOWED;
use crate::http::cors::Cors;
use crate::http::events::{Lobby, News, Source, Topic, Topics, Wish, answer_head, head};
use crate::http::message::{Answer, Body, Bytes, Method, Request, Response, header, ready};
use crate::model::decision::Decision;
use crate::model::price::SLOT;
use crate::snapshot;
use crate::telemetry::freshness::is_fresh;

const STATE: Topic = 0;
const PRICES: Topic = 1;
const DECISION: Topic = 2;
const HEALTH: Topic = 3;
/// The names of the topics above.
const NAMES: [&str; 4] = ["state", "prices", "decision", "health"];
/// The logs follow, in the order of [`FOLLOWED`].
const FIRST_LOG: Topic = 4;
const LOG: &str = "log";
/// What is due is looked at a little later, so that it has really happened.
const A_LITTLE: Duration = Duration::from_millis(2);

/// `/api/v1/events`
pub fn answer(ask: &Ask<'_>, request: &Request, cors: &Cors, lobby: Option<&Lobby>) -> Result<Answer, Refusal> {
    let topics = wanted(ask)?;
    let head = head(&cors.allow(request, stream_response()));
    if request.method == Method::Head {
        return Ok(Answer::Give(Box::new(move |given| answer_head(&given, &head))));
    }
    let Some((lobby, seat)) = lobby.and_then(|lobby| Some((lobby.clone(), lobby.seat()?))) else {
        return Err(no_seat());
    };
    let wish = Wish { topics, last_id: request.header("last-event-id").map(str::to_owned), head, feed: None };
    Ok(Answer::Give(Box::new(move |given| lobby.admit(given, seat, wish))))
}

/// The head of every event stream.
pub fn stream_response() -> Response<Body> {
    ready(200, "text/event-stream", Bytes::Static(b""))
        .with_header(header("Cache-Control", "no-store"))
        // Proxies of the nginx kind hold answers back otherwise.
        .with_header(header("X-Accel-Buffering", "no"))
        .with_header(header("X-Content-Type-Options", "nosniff"))
        .with_header(header("Referrer-Policy", "no-referrer"))
        .with_header(header("Content-Security-Policy", "default-src 'none'"))
}

/// There are no more streams to be had.
pub fn no_seat() -> Refusal {
    let text = "all event streams are taken; close some or try again in a moment".to_owned();
    Refusal { status: 503, code: "busy", text, retry_after_s: Some(5) }
}

/// What the query asks for: all topics, or those of `topics`; and the logs of `log`.
fn wanted(ask: &Ask<'_>) -> Result<Topics, Refusal> {
    let mut topics = Topics::NONE;
    let logs = ask.query.get(LOG);
    for name in logs.iter().flat_map(|names| names.split(',')) {
        let found = FOLLOWED.iter().position(|known| *known == name);
        let index = found.ok_or_else(|| Refusal::bad_parameter(LOG, name, "master, data, fast_charge or journal"))?;
        topics = topics.with(FIRST_LOG + index as Topic);
    }
    for name in ask.query.get("topics").unwrap_or("state,prices,decision,health").split(',') {
        let found = NAMES.iter().position(|known| *known == name);
        topics = match found {
            Some(index) => topics.with(index as Topic),
            None if name == LOG && logs.is_some() => topics,
            None => {
                let allowed = "some of state, prices, decision and health, with commas (and log, where a log is named)";
                return Err(Refusal::bad_parameter("topics", name, allowed));
            }
        };
    }
    Ok(topics)
}

#[derive(Serialize)]
struct StateEvent<'a> {
    live: Live<'a>,
    decision_id: Option<i64>,
}

#[derive(Serialize)]
struct DecisionEvent<'a> {
    decision: Option<Newest<'a>>,
    unknown: Unknown,
}

#[derive(Serialize)]
struct HealthEvent<'a> {
    sources: Sources<'a>,
    coordinator: Coordinator,
    unknown: Unknown,
}

/// What a topic's text was written of. Equal ones make equal texts.
enum Stamp {
    State(Option<Arc<snapshot::Live>>, Option<String>, bool, Option<i64>),
    Prices(Option<Arc<snapshot::Prices>>, Option<String>, i64),
    Decision(Option<Arc<Decision>>, Option<String>),
    /// Of so many small things that it is written every time.
    Health,
}

/// Whether both are the same object, or both nothing.
fn same<T>(one: &Option<Arc<T>>, other: &Option<Arc<T>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

impl PartialEq for Stamp {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::State(a, b, c, d), Self::State(e, f, g, h)) => same(a, e) && (b, c, d) == (f, g, h),
            (Self::Prices(a, b, c), Self::Prices(e, f, g)) => same(a, e) && (b, c) == (f, g),
            (Self::Decision(a, b), Self::Decision(e, f)) => same(a, e) && b == f,
            _ => false,
        }
    }
}

/// What was told of a topic last.
struct Last {
    stamp: Stamp,
    text: String,
}

/// Tells subscribers what is new.
pub struct Told {
    api: Arc<Api>,
    last: [Option<Last>; NAMES.len()],
    logs: [FollowedLog; FOLLOWED.len()],
    /// While somebody listens to a log.
    place: Option<Place>,
}

impl Told {
    /// What `api` knows; nothing of it was told yet.
    pub fn new(api: Arc<Api>) -> Self {
        Self { api, last: [const { None }; NAMES.len()], logs: FOLLOWED.map(FollowedLog::new), place: None }
    }

    /// The topic's text, if it is another one than before.
    fn news(&mut self, topic: Topic, ask: &Ask<'_>) -> Option<String> {
        let Some(last) = self.last.get_mut(usize::from(topic)) else {
            return self.logs.get_mut(usize::from(topic - FIRST_LOG))?.news(ask);
        };
        let stamp = stamp(topic, ask);
        if last.as_ref().is_some_and(|last| last.stamp == stamp) {
            return None;
        }
        let text = text(topic, ask);
        let is_new = last.as_ref().is_none_or(|last| last.text != text);
        *last = Some(Last { stamp, text: text.clone() });
        is_new.then_some(text)
    }
}

impl Source for Told {
    fn look(&mut self, wanted: Topics, news: &mut Vec<News>) -> Option<Duration> {
        let api = Arc::clone(&self.api);
        let ask = api.moment();
        if wanted.iter().any(|topic| topic >= FIRST_LOG) {
            self.place.get_or_insert_with(|| api.audience.join(None, 0));
        } else {
            self.place = None;
        }
        for topic in wanted.iter() {
            let name = NAMES.get(usize::from(topic)).copied().unwrap_or(LOG);
            news.extend(self.news(topic, &ask).map(|data| News { topic, name, data }));
        }
        let slot = SLOT.as_secs() as i64;
        let to_next_slot = slot - ask.now.as_second().rem_euclid(slot);
        let to_next_slot = wanted.has(PRICES).then(|| Duration::from_secs(to_next_slot.unsigned_abs()));
        let ages = wanted.has(STATE) || wanted.has(HEALTH);
        let to_next_change = if ages { next_change(&ask) } else { None };
        [to_next_slot, to_next_change].into_iter().flatten().min().map(|after| after + A_LITTLE)
    }

    fn rest(&mut self) {
        self.place = None;
    }

    fn whole(&mut self, topic: Topic) -> Option<News> {
        let log = self.logs.get(usize::from(topic.checked_sub(FIRST_LOG)?))?;
        Some(News { topic, name: LOG, data: log.whole(&self.api.moment()) })
    }
}

fn stamp(topic: Topic, ask: &Ask<'_>) -> Stamp {
    let snapshot = &ask.snapshot;
    match topic {
        STATE => {
            let live = &snapshot.live.value;
            let stale = live.as_deref().is_none_or(|live| !is_fresh(live, ask.now));
            // Without a reading, the error is the reason.
            let error = if live.is_none() { snapshot.live.error.clone() } else { None };
            Stamp::State(live.clone(), error, stale, newest(ask).and_then(|decision| decision.id))
        }
        PRICES => {
            let error = snapshot.prices.error.clone();
            Stamp::Prices(snapshot.prices.value.clone(), error, ask.now.as_second().div_euclid(SLOT.as_secs() as i64))
        }
        DECISION => Stamp::Decision(newest(ask).cloned(), snapshot.metrics.error.clone()),
        _ => Stamp::Health,
    }
}

fn text(topic: Topic, ask: &Ask<'_>) -> String {
    let mut unknown = Unknown::new();
    let text = match topic {
        STATE => {
            let decision_id = newest(ask).and_then(|decision| decision.id);
            serde_json::to_string(&StateEvent { live: live(ask, Ages::LeftOut), decision_id })
        }
        PRICES => serde_json::to_string(&notice(ask)),
        DECISION => {
            let decision = decision(ask, &mut unknown);
            serde_json::to_string(&DecisionEvent { decision, unknown })
        }
        _ => {
            let sources = sources(ask, Ages::LeftOut, &mut unknown);
            let coordinator = coordinator(ask, &mut unknown);
            serde_json::to_string(&HealthEvent { sources, coordinator, unknown })
        }
    };
    text.expect("events are maps with text keys")
}

#[cfg(test)]
mod tests;
