//! What is answered: one file a resource, all of them from one snapshot. Only here are answers serialised.

mod calendar;
mod current_state;
mod decisions;
mod download;
mod history;
mod house;
mod logs;
mod memo;
mod months;
mod page;
mod prices;
mod status;
mod v1;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;

use self::memo::{Memo, Question, Tick};
use self::page::Page;
use super::cors::Cors;
use super::counters::Counters;
use super::events::Lobby;
use super::message::{Answer, Body, Bytes, Handler, Method, Request, Response, header, ready};
use super::query::Query;
use crate::base::clock::SharedClock;
use crate::config::{Config, Interval};
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
    page: Page,
    /// The edge's, once it is open.
    counters: OnceLock<Arc<Counters>>,
    lobby: Option<Lobby>,
}

/// What never changes while the program runs.
pub struct Facts {
    zone: SiteZone,
    zone_name: String,
    tariff: String,
    selling: Selling,
    demo: bool,
    started: Instant,
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
            demo,
            started: clock.instant(),
            live_interval: config.live_interval,
            price_interval: config.price_interval,
            metrics_interval: config.metrics_interval,
            process_interval: config.process_interval,
            staleness: config.staleness,
            database_configured: config.database_expected,
        };
        let cors = Cors::new(config.cors_enabled, config.cors_origins.clone());
        Self {
            cell,
            clock,
            desk,
            facts: Arc::new(facts),
            cors: Arc::new(cors),
            memo: Memo::default(),
            page: Page::new(),
            counters: OnceLock::new(),
            lobby: None,
        }
    }

    /// With event streams, whose subscribers are let in by `lobby`; what they are told is [`Told`].
    #[must_use]
    pub fn with_events(mut self, lobby: Lobby) -> Self {
        self.lobby = Some(lobby);
        self
    }

    /// Tells it of the edge that it answers for.
    pub fn count_with(&self, counters: Arc<Counters>) {
        let _ = self.counters.set(counters);
    }

    /// What was composed a moment ago, else what is composed now.
    fn answer(&self, request: &Request) -> Result<Answer, Refusal> {
        let (snapshot, now) = (self.cell.load(), self.clock.now());
        let Some(lasting) = lasting(&request.path) else {
            return self.route(request, self.ask(request, snapshot, now));
        };
        let tick = Tick::of(now);
        let question = Question { path: &request.path, query: &request.query, snapshot: &snapshot, tick };
        if let Some(prepared) = self.memo.find(question) {
            return Ok(Answer::Prepared(prepared, Vec::new()));
        }
        match self.route(request, self.ask(request, Arc::clone(&snapshot), tick.start()))? {
            Answer::Ready(response) if response.status_code().0 == 200 => {
                Ok(Answer::Prepared(self.memo.keep(question, response, lasting), Vec::new()))
            }
            other => Ok(other),
        }
    }

    fn ask(&self, request: &Request, snapshot: Arc<Snapshot>, now: Timestamp) -> Ask<'_> {
        let query = Query::parse(&request.query);
        Ask { snapshot, facts: &self.facts, desk: &self.desk, query, now, instant: self.clock.instant() }
    }

    /// What is known now, without anybody asking.
    fn moment(&self) -> Ask<'_> {
        let (snapshot, query) = (self.cell.load(), Query::default());
        let (now, instant) = (self.clock.now(), self.clock.instant());
        Ask { snapshot, facts: &self.facts, desk: &self.desk, query, now, instant }
    }

    fn route(&self, request: &Request, ask: Ask<'_>) -> Result<Answer, Refusal> {
        let reply = match request.path.as_str() {
            "/" | "/index.html" => return Ok(self.page.index()),
            "/health" => status::health(&ask),
            "/status" => status::status(&ask),
            "/current-state" => current_state::answer(&ask),
            "/metrics" => months::metrics(&ask),
            "/decisions" => decisions::answer(&ask),
            "/historical-data" => history::answer(&ask),
            "/monthly-summary" => months::summary(&ask),
            "/monthly-comparison" => months::comparison(&ask),
            "/prices" => prices::answer(&ask),
            "/api/v1/state" => v1::state::answer(&ask),
            "/api/v1/events" => return v1::events::answer(&ask, request, &self.cors, self.lobby.as_ref()),
            "/api/v1/about" => v1::about::answer(&ask, self.counters.get().map(Arc::as_ref), &ROUTES),
            "/api/v1/prices" => return v1::prices::answer(&ask),
            "/prices.ics" => calendar::answer(&ask),
            "/logs" => logs::lines(&ask),
            "/logs/files" => logs::files(&ask),
            path => {
                if let Some(name) = path.strip_prefix("/logs/download/") {
                    return download::answer(&ask, name, request.method == Method::Head);
                }
                let asset = path.strip_prefix("/assets/").and_then(|name| self.page.asset(name));
                return asset.ok_or_else(|| Refusal::not_found(format!("there is nothing at {path}")));
            }
        };
        reply.map(Answer::Ready)
    }
}

/// Classes of requests, for the statistics: by path, downloads and parts of the page each as one.
const ROUTES: [&str; 21] = [
    "other",
    "/",
    "/assets/",
    "/health",
    "/status",
    "/current-state",
    "/metrics",
    "/decisions",
    "/historical-data",
    "/monthly-summary",
    "/monthly-comparison",
    "/prices",
    "/prices.ics",
    "/logs",
    "/logs/files",
    "/logs/download/",
    "/api/v1/prices",
    "/api/v1/about",
    "/api/v1/state",
    "/api/v1/events",
    "/openapi.json",
];

/// Which answers are prepared: `Some(false)` for those that tell ages and are gone in a moment, `Some(true)` for those
/// that stay the same until something is published or a quarter-hour ends.
fn lasting(path: &str) -> Option<bool> {
    match path {
        "/status" | "/health" | "/current-state" | "/api/v1/state" => Some(false),
        "/prices"
        | "/prices.ics"
        | "/api/v1/prices"
        | "/metrics"
        | "/decisions"
        | "/historical-data"
        | "/monthly-summary"
        | "/monthly-comparison" => Some(true),
        _ => None,
    }
}

impl Handler for Api {
    fn class(&self, request: &Request) -> usize {
        let path = request.path.as_str();
        let is_of = |route: &&str| {
            if route.len() > 1 && route.ends_with('/') { path.starts_with(*route) } else { path == *route }
        };
        ROUTES.iter().position(is_of).unwrap_or(0)
    }

    fn handle(&self, request: &Request) -> Answer {
        let answer = match request.method {
            Method::Options => {
                let nothing = ready(204, JSON, Bytes::Static(b""));
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
