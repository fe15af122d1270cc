//! What is answered: one file a resource, all of them from one snapshot. Only here are answers serialised.

mod calendar;
mod current_state;
mod decisions;
mod download;
mod exposition;
mod follow;
mod history;
mod house;
mod lite;
mod log_files;
mod logs;
mod memo;
mod months;
mod openapi;
mod page;
mod prices;
mod recent;
mod status;
mod v1;
mod words;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;

use self::memo::{Memo, Question, Tick};
use self::page::Reader;
use self::recent::Recent;
use super::cors::Cors;
use super::counters::Counters;
use super::events::Lobby;
use super::limits::Limits;
use super::message::{Answer, Body, Bytes, Handler, Method, Request, Response, empty, header, ready};
use super::prepared::Prepared;
use super::query::Query;
use crate::base::audience::Audience;
use crate::base::clock::SharedClock;
use crate::base::fault::Fault;
use crate::base::units::Micro;
use crate::config::{Config, Interval};
use crate::export::Ledger;
use crate::inquiry::Desk;
use crate::model::price::Selling;
use crate::model::time::SiteZone;
use crate::snapshot::{Scribe, Snapshot, SnapshotCell};

pub(crate) use months::{Day, Summary};
pub use v1::events::Told;

/// How this layer writes what is prepared at publication.
pub const SCRIBE: Scribe = Scribe { decisions: decisions::feed, history: history::body };

const JSON: &str = "application/json";

/// Reasons for values that are not known, by the path of the value.
type Unknown = BTreeMap<String, String>;

/// Answers the site's requests.
pub struct Api {
    cell: Arc<SnapshotCell>,
    clock: SharedClock,
    desk: Desk,
    facts: Arc<Facts>,
    cors: Arc<Cors>,
    memo: Memo,
    recent: Arc<Recent>,
    /// Most who run it never ask for it: it is written when somebody does.
    description: LazyLock<Arc<Prepared>>,
    /// The edge's, once it is open.
    counters: OnceLock<(Arc<Counters>, Limits)>,
    lobby: Option<Lobby>,
    /// Who follows the logs.
    audience: Arc<Audience>,
    exports: Option<v1::export::Exports>,
}

/// What never changes while the program runs.
pub struct Facts {
    zone: SiteZone,
    zone_name: String,
    tariff: String,
    selling: Selling,
    /// The battery's, kWh.
    capacity: Micro,
    /// As it is configured.
    stated_capacity: Option<Micro>,
    demo: bool,
    /// What the site is called among others.
    site: String,
    started: Instant,
    started_at: Timestamp,
    live_interval: Interval,
    price_interval: Interval,
    metrics_interval: Interval,
    process_interval: Interval,
    staleness: std::time::Duration,
    database_configured: bool,
}

/// One request with everything that its answer is made of.
struct Ask<'a> {
    snapshot: Arc<Snapshot>,
    facts: &'a Arc<Facts>,
    desk: &'a Desk,
    recent: &'a Arc<Recent>,
    query: Query,
    now: Timestamp,
    instant: Instant,
}

/// An error as it is answered.
#[derive(Debug)]
struct Refusal {
    status: u16,
    code: &'static str,
    text: String,
    retry_after_s: Option<u32>,
}

type Reply = Result<Response<Body>, Refusal>;

impl Api {
    /// For the site of this config.
    pub fn new(cell: Arc<SnapshotCell>, clock: SharedClock, desk: Desk, config: &Config, demo: bool) -> Self {
        let facts = Facts {
            zone: config.zone.clone(),
            zone_name: config.zone_name.clone(),
            tariff: config.tariff.preset.clone().unwrap_or_else(|| config.tariff.name.clone()),
            selling: config.selling,
            capacity: config.capacity,
            stated_capacity: config.stated_capacity,
            demo,
            site: config.site_name(),
            started: clock.instant(),
            started_at: clock.now(),
            live_interval: config.live_interval,
            price_interval: config.price_interval,
            metrics_interval: config.metrics_interval,
            process_interval: config.process_interval,
            staleness: config.staleness,
            database_configured: config.database_expected,
        };
        let recent = Arc::new(Recent::new(clock.clone()));
        let cors = Cors::new(config.cors_enabled, config.cors_origins.clone());
        Self {
            cell,
            clock,
            desk,
            facts: Arc::new(facts),
            cors: Arc::new(cors),
            memo: Memo::default(),
            recent,
            description: LazyLock::new(openapi::prepared),
            counters: OnceLock::new(),
            lobby: None,
            audience: Arc::default(),
            exports: None,
        }
    }

    /// With event streams, whose subscribers are let in by `lobby`; what they are told is [`Told`].
    #[must_use]
    pub fn with_events(mut self, lobby: Lobby, audience: Arc<Audience>) -> Self {
        (self.lobby, self.audience) = (Some(lobby), audience);
        self
    }

    /// The answer to who wants an event stream; that there is none left is counted.
    fn counted(&self, answer: Result<Answer, Refusal>) -> Result<Answer, Refusal> {
        if let (Err(Refusal { status: 503, .. }), Some((counters, _))) = (&answer, self.counters.get()) {
            Counters::add(&counters.busy_streams);
        }
        answer
    }

    /// With exports, which read of ledgers that `open` opens.
    #[must_use]
    pub fn with_exports(mut self, open: impl Fn() -> Box<dyn Ledger> + Send + Sync + 'static) -> Self {
        self.exports = Some(v1::export::Exports::new(open));
        self
    }

    /// Tells it of the edge that it answers for.
    pub fn count_with(&self, counters: Arc<Counters>, limits: Limits) {
        let _ = self.counters.set((counters, limits));
    }

    /// What was composed a moment ago, else what is composed now.
    fn answer(&self, request: &Request) -> Result<Answer, Refusal> {
        let (snapshot, now) = (self.cell.load(), self.clock.now());
        let route = &ROUTES[class_of(&request.path)];
        let lasting = match route.keep {
            Keep::Not => return (route.answer)(self, &self.ask(request, snapshot, now), request),
            Keep::Tick => false,
            Keep::Publication => true,
        };
        let tick = Tick::of(now);
        let question = Question { path: &request.path, query: &request.query, snapshot: &snapshot, tick };
        if let Some(prepared) = self.memo.find(question) {
            return Ok(Answer::Prepared(prepared, Vec::new()));
        }
        match (route.answer)(self, &self.ask(request, Arc::clone(&snapshot), tick.start()), request)? {
            Answer::Ready(response) if response.status_code().0 == 200 => {
                Ok(Answer::Prepared(self.memo.keep(question, response, lasting), Vec::new()))
            }
            other => Ok(other),
        }
    }

    /// A page for its reader: it tells ages, so it is kept for a tick.
    fn page(
        &self,
        ask: &Ask<'_>,
        path: &str,
        reader: Reader,
        write: fn(&Ask<'_>, Reader) -> Response<Body>,
    ) -> Result<Answer, Refusal> {
        self.kept(ask, path, &reader.key(), false, |ask| Ok(write(ask, reader)))
    }

    /// What was composed a moment ago for the same kind of asker, else what is composed now and kept for a tick;
    /// `lasting` as [`Prepared::new`] has it.
    fn kept(
        &self,
        ask: &Ask<'_>,
        path: &str,
        asker: &str,
        lasting: bool,
        write: impl FnOnce(&Ask<'_>) -> Reply,
    ) -> Result<Answer, Refusal> {
        let tick = Tick::of(ask.now);
        let question = Question { path, query: asker, snapshot: &ask.snapshot, tick };
        let prepared = match self.memo.find(question) {
            Some(prepared) => prepared,
            None => {
                let snapshot = Arc::clone(&ask.snapshot);
                let response = write(&Ask { now: tick.start(), snapshot, query: Query::default(), ..*ask })?;
                self.memo.keep(question, response, lasting)
            }
        };
        Ok(Answer::Prepared(prepared, Vec::new()))
    }

    fn ask(&self, request: &Request, snapshot: Arc<Snapshot>, now: Timestamp) -> Ask<'_> {
        let query = Query::parse(&request.query);
        let instant = self.clock.instant();
        Ask { snapshot, facts: &self.facts, desk: &self.desk, recent: &self.recent, query, now, instant }
    }

    /// What is known now, without anybody asking.
    fn moment(&self) -> Ask<'_> {
        let (snapshot, query) = (self.cell.load(), Query::default());
        let (now, instant) = (self.clock.now(), self.clock.instant());
        Ask { snapshot, facts: &self.facts, desk: &self.desk, recent: &self.recent, query, now, instant }
    }
}

/// How long an answer is kept for whoever asks the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// It is made for one request, or was made at the start.
    Not,
    /// It tells ages and is gone in a moment.
    Tick,
    /// It stays the same until something is published or a quarter-hour ends: it has a tag.
    Publication,
}

/// A path and who answers it. Its place in the table is its class for the statistics.
struct Route {
    /// Where it ends with a slash, all that is below it too.
    path: &'static str,
    keep: Keep,
    answer: fn(&Api, &Ask<'_>, &Request) -> Result<Answer, Refusal>,
}

/// All that is answered. `openapi/` describes it, and its tests compare the two.
static ROUTES: [Route; 31] = [
    route("other", Keep::Not, |_, _, request| Err(Refusal::not_found(format!("there is nothing at {}", request.path)))),
    route("/", Keep::Not, |api, ask, request| api.page(ask, "/", Reader::of(request), page::index)),
    route("/assets/", Keep::Not, |_, _, request| page::asset(request)),
    route("/health", Keep::Tick, |_, ask, _| ready_now(status::health(ask))),
    route("/status", Keep::Tick, |_, ask, _| ready_now(status::status(ask))),
    route("/current-state", Keep::Tick, |_, ask, _| ready_now(current_state::answer(ask))),
    route("/metrics", Keep::Not, exposition::negotiated),
    route("/decisions", Keep::Publication, |_, ask, _| ready_now(decisions::answer(ask))),
    route("/historical-data", Keep::Publication, |_, ask, _| ready_now(history::answer(ask))),
    route("/monthly-summary", Keep::Publication, |_, ask, _| ready_now(months::summary(ask))),
    route("/monthly-comparison", Keep::Publication, |_, ask, _| ready_now(months::comparison(ask))),
    route("/prices", Keep::Publication, |_, ask, _| ready_now(prices::answer(ask))),
    route("/prices.ics", Keep::Publication, |_, ask, _| ready_now(calendar::answer(ask))),
    route("/logs", Keep::Not, |api, ask, request| {
        let asked = logs::Asked::read(ask)?;
        match asked.follow {
            true => api.counted(follow::answer(asked, request, api)),
            false => ready_now(logs::lines(ask, &asked)),
        }
    }),
    route("/logs/files", Keep::Not, |_, ask, _| ready_now(log_files::files(ask))),
    route("/logs/rates", Keep::Not, |_, ask, _| ready_now(log_files::rates(ask))),
    route("/logs/download/", Keep::Not, |api, ask, request| download::answer(ask, request, &api.cors)),
    route("/api/v1/prices", Keep::Publication, |_, ask, request| v1::prices::answer(ask, request)),
    route("/api/v1/energy", Keep::Not, |_, ask, request| v1::energy::answer(ask, request)),
    route("/api/v1/history", Keep::Not, |_, ask, request| v1::history::answer(ask, request)),
    route("/api/v1/decisions", Keep::Not, |_, ask, _| v1::decisions::answer(ask)),
    route("/api/v1/decisions/", Keep::Not, |_, ask, request| v1::receipt::answer(ask, &request.path)),
    route("/api/v1/at", Keep::Not, |_, ask, _| v1::at::answer(ask)),
    route("/api/v1/about", Keep::Not, |api, ask, _| {
        ready_now(v1::about::answer(ask, api.counters.get(), ROUTES.iter().map(|route| route.path)))
    }),
    route("/api/v1/state", Keep::Tick, |_, ask, _| ready_now(v1::state::answer(ask))),
    route("/api/v1/events", Keep::Not, |api, ask, request| {
        api.counted(v1::events::answer(ask, request, &api.cors, api.lobby.as_ref()))
    }),
    route("/api/v1/export", Keep::Not, |api, ask, request| {
        v1::export::answer(ask, request, &api.cors, api.exports.as_ref())
    }),
    route("/openapi.json", Keep::Not, |api, _, _| Ok(Answer::Prepared(Arc::clone(&api.description), Vec::new()))),
    route("/index.html", Keep::Not, |api, ask, request| api.page(ask, "/", Reader::of(request), page::index)),
    route("/lite", Keep::Not, |api, ask, request| api.page(ask, "/lite", Reader::asking(request), lite::page)),
    route("/metrics/prometheus", Keep::Not, exposition::text),
];

const fn route(
    path: &'static str,
    keep: Keep,
    answer: fn(&Api, &Ask<'_>, &Request) -> Result<Answer, Refusal>,
) -> Route {
    Route { path, keep, answer }
}

fn ready_now(reply: Reply) -> Result<Answer, Refusal> {
    reply.map(Answer::Ready)
}

/// The place of a path's route; 0 where there is none.
fn class_of(path: &str) -> usize {
    let is_of = |route: &Route| {
        let known = route.path;
        path == known || (known.len() > 1 && known.ends_with('/') && path.starts_with(known))
    };
    ROUTES.iter().position(is_of).unwrap_or(0)
}

impl Handler for Api {
    fn class(&self, request: &Request) -> usize {
        class_of(&request.path)
    }

    fn handle(&self, request: &Request) -> Answer {
        let answer = match request.method {
            Method::Options => {
                let nothing = empty(204);
                Answer::Ready(nothing.with_header(header("Allow", "GET, HEAD, OPTIONS")))
            }
            Method::Get | Method::Head => {
                self.answer(request).unwrap_or_else(|refusal| Answer::Ready(refusal.response()))
            }
        };
        match answer {
            Answer::Ready(response) => Answer::Ready(self.cors.allow(request, response)),
            Answer::Later(hand_over) => {
                let (cors, request) = (Arc::clone(&self.cors), request.clone());
                Answer::Later(Box::new(move |pending| {
                    hand_over(pending.finished_by(Box::new(move |response| cors.allow(&request, response))));
                }))
            }
            Answer::Prepared(prepared, mut extra) => {
                self.cors.write_lines(request, &mut extra);
                Answer::Prepared(prepared, extra)
            }
            detached @ (Answer::Detach(..) | Answer::Give(_)) => detached,
        }
    }
}

impl Ask<'_> {
    /// RFC 3339 with offset.
    fn rfc3339(&self, at: Timestamp) -> String {
        self.facts.zone.rfc3339(at)
    }

    /// Naive local time, as the inherited fields have it.
    fn naive(&self, at: Timestamp) -> String {
        self.facts.zone.naive(at)
    }

    /// A whole number in a range from the query.
    fn integer(&self, name: &str, range: std::ops::RangeInclusive<i64>) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.query.get(name) else { return Ok(None) };
        match text.parse::<i64>() {
            Ok(value) if range.contains(&value) => Ok(Some(value)),
            _ => Err(Refusal::bad_parameter(
                name,
                text,
                &format!("a whole number from {} to {}", range.start(), range.end()),
            )),
        }
    }
}

impl Refusal {
    fn bad_parameter(name: &str, value: &str, allowed: &str) -> Self {
        let text = format!("{name}={value} is not allowed; it must be {allowed}");
        Self { status: 400, code: "bad_request", text, retry_after_s: None }
    }

    fn not_found(text: String) -> Self {
        Self { status: 404, code: "not_found", text, retry_after_s: None }
    }

    /// Nothing is known yet; soon something will be.
    fn not_yet(what: &str, error: Option<&str>) -> Self {
        let why = error.map_or_else(|| "they are still being loaded".to_owned(), str::to_owned);
        let text = format!("{what} are not known yet: {why}");
        Self { status: 503, code: "not_yet", text, retry_after_s: Some(2) }
    }

    /// The past cannot be looked up now.
    fn unreadable(fault: &Fault) -> Self {
        let text = format!("the past cannot be looked up: {fault}");
        Self { status: 503, code: "busy", text, retry_after_s: Some(2) }
    }

    fn response(&self) -> Response<Body> {
        #[derive(Serialize)]
        struct Error<'a> {
            error: &'a str,
            code: &'a str,
        }
        let response = json(self.status, &Error { error: &self.text, code: self.code });
        match self.retry_after_s {
            Some(seconds) => response.with_header(header("Retry-After", &seconds.to_string())),
            None => response,
        }
    }
}

/// A value as a JSON answer.
fn json<T: Serialize>(status: u16, value: &T) -> Response<Body> {
    let bytes = serde_json::to_vec(value).expect("answers are maps with text keys");
    json_bytes(status, Bytes::Owned(bytes))
}

/// JSON that is ready.
fn json_bytes(status: u16, bytes: Bytes) -> Response<Body> {
    ready(status, JSON, bytes).with_header(header("Cache-Control", "no-cache"))
}

#[cfg(test)]
mod tests;
