//! `/health` and `/status`: the state of the server and of every source. Never 503, except where `/health` is asked to.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::{Ask, Refusal, Reply, Unknown, json};
use crate::base::units::round_to;
use crate::model::time::human_duration;
use crate::snapshot::{DatabaseState, Live, Origin, Section};
use crate::telemetry::freshness::{Age, FRESH, TOO_OLD, is_fresh, is_late};

/// The names that existing clients know.
const SERVICE: &str = "goodwe-log-server";

/// The origin and freshness of live data, in the names that existing clients know.
pub fn data_source(live: Option<&Live>, now: Timestamp) -> &'static str {
    match live.map(|live| (live.origin, is_fresh(live, now))) {
        Some((Origin::Database, true)) => "database_fresh",
        Some((Origin::Database, false)) => "database_stale",
        Some((Origin::Files, true)) => "background_cache",
        Some((Origin::Files, false)) => "background_cache_stale",
        Some((Origin::Nowhere, _)) | None => "none",
    }
}

/// What is wrong with live data: the last attempt's error, or that the reading is too old.
pub fn live_error(section: &Section<Live>, now: Timestamp) -> Option<String> {
    let too_old = || match Age::of(section.value.as_deref()?.reading.at, now) {
        Age::Known(age) if age > TOO_OLD => Some(format!("State data too old: {}s", age.as_secs())),
        Age::Known(_) => None,
        Age::Future => Some("State data is dated in the future: check the clocks".to_owned()),
    };
    let told: Vec<String> = [section.error.clone(), too_old()].into_iter().flatten().collect();
    (!told.is_empty()).then(|| told.join("; "))
}

#[derive(Serialize)]
struct Health<'a> {
    status: &'a str,
    timestamp: String,
    service: &'a str,
    version: &'a str,
    demo: bool,
    live: LiveAge,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
}

#[derive(Serialize)]
struct LiveAge {
    age_s: Option<f64>,
    stale: bool,
}

/// `/health`
pub fn health(ask: &Ask<'_>) -> Reply {
    let max_age = ask.integer("max_age_seconds", 0..=i64::from(u32::MAX))?;
    let live = ask.snapshot.live.value.as_deref();
    let age = live.map(|live| Age::of(live.reading.at, ask.now));
    let seconds = age.and_then(Age::seconds);
    let too_old = max_age.filter(|max| seconds.is_none_or(|seconds| seconds > *max as f64));
    let error = too_old.map(|max| match seconds {
        Some(seconds) => format!("live data is {seconds} s old, more than {max} s"),
        None => "the age of live data is not known".to_owned(),
    });
    let answer = Health {
        status: if error.is_some() { "stale" } else { "healthy" },
        timestamp: ask.naive(ask.now),
        service: SERVICE,
        version: env!("CARGO_PKG_VERSION"),
        demo: ask.facts.demo,
        live: LiveAge { age_s: seconds, stale: !live.is_some_and(|live| is_fresh(live, ask.now)) },
        code: error.is_some().then_some("stale"),
        error,
    };
    Ok(json(if answer.error.is_some() { 503 } else { 200 }, &answer))
}

#[derive(Serialize)]
struct Status<'a> {
    status: &'a str,
    timestamp: String,
    coordinator_running: bool,
    coordinator_pid: Option<i32>,
    data_source: &'a str,
    log_files: BTreeMap<&'a str, LogFile>,
    server_uptime: f64,
    server_uptime_human: String,
    storage: Storage<'a>,
    background_worker: Worker<'a>,
    version: &'a str,
    demo: bool,
    months: MonthsState<'a>,
    backfill: Option<BackfillState>,
    own_database: OwnDatabaseState<'a>,
    push: PushState<'a>,
    age_s: Option<f64>,
    stale: bool,
    as_of: Option<String>,
    stale_after: Option<String>,
    source: Option<&'a str>,
    unknown: Unknown,
}

#[derive(Serialize)]
struct LogFile {
    size: u64,
    modified: Option<String>,
}

#[derive(Serialize)]
struct Storage<'a> {
    connected: bool,
    has_data: bool,
    #[serde(rename = "type")]
    kind: Option<&'a str>,
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct Worker<'a> {
    alive: bool,
    health: &'a str,
    cache_ages: CacheAges,
    last_errors: LastErrors<'a>,
    failures: Failures,
    gone: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct CacheAges {
    inverter_s: Option<f64>,
    price_s: Option<f64>,
    metrics_s: Option<f64>,
    process_s: Option<f64>,
    logs_s: Option<f64>,
}

#[derive(Serialize)]
struct LastErrors<'a> {
    inverter: Option<String>,
    price: Option<&'a str>,
    metrics: Option<&'a str>,
    process: Option<&'a str>,
    logs: Option<&'a str>,
}

#[derive(Serialize)]
struct Failures {
    inverter: u32,
    price: u32,
    metrics: u32,
}

#[derive(Serialize)]
struct MonthsState<'a> {
    summed: usize,
    complete: bool,
    oldest: Option<String>,
    error: Option<&'a str>,
}

/// How far the closed days are summed.
#[derive(Serialize)]
struct BackfillState {
    done_days: u32,
    total_days: u32,
    eta_s: Option<f64>,
}

/// Wattboard's own database.
#[derive(Serialize)]
struct OwnDatabaseState<'a> {
    error: Option<&'a str>,
    set_aside: Option<&'a str>,
}

/// The sending of rows to a time series engine.
#[derive(Serialize)]
struct PushState<'a> {
    enabled: bool,
    state: &'a str,
    destination: Option<&'a str>,
    last_success: Option<String>,
    newest_row: Option<String>,
    lag_s: Option<f64>,
    rows_sent: u64,
    rows_rejected: u64,
    failures: u32,
    error: Option<&'a str>,
}

fn push<'a>(ask: &'a Ask<'_>, unknown: &mut Unknown) -> PushState<'a> {
    let known = ask.snapshot.push.as_deref();
    if let Some(known) = known {
        let nothing = "nothing was sent since the start";
        let lag = if known.last_success.is_none() { nothing } else { "which rows wait is not known yet" };
        let missing = [
            ("push.last_success", known.last_success.is_none(), nothing),
            ("push.newest_row", known.newest.is_none(), nothing),
            ("push.lag_s", known.lag_s(ask.now).is_none(), lag),
        ];
        let missing = missing.into_iter().filter(|(_, is_missing, _)| *is_missing);
        unknown.extend(missing.map(|(name, _, why)| (name.into(), why.into())));
    }
    PushState {
        enabled: known.is_some(),
        state: known.map_or("off", |known| known.state.name()),
        destination: known.map(|known| known.destination.as_str()),
        last_success: known.and_then(|known| known.last_success).map(|at| ask.rfc3339(at)),
        newest_row: known.and_then(|known| known.newest).map(|at| ask.rfc3339(at)),
        lag_s: known.and_then(|known| known.lag_s(ask.now)).map(|lag| round_to(lag, 1)),
        rows_sent: known.map_or(0, |known| known.rows_sent),
        rows_rejected: known.map_or(0, |known| known.rows_rejected),
        failures: known.map_or(0, |known| known.failures),
        error: known.and_then(|known| known.error.as_deref()),
    }
}

/// `/status`
pub fn status(ask: &Ask<'_>) -> Reply {
    let snapshot = &ask.snapshot;
    let live = snapshot.live.value.as_deref();
    let uptime = ask.instant.saturating_duration_since(ask.facts.started);
    let mut unknown = Unknown::new();
    if snapshot.process.value.is_none() {
        let why = snapshot.process.error.clone().unwrap_or_else(|| "the processes were not looked at yet".into());
        unknown.insert("coordinator_running".into(), why);
    }
    let pid = snapshot.process.value.as_deref().and_then(|coordinator| coordinator.pid);
    let logs = snapshot.logs.value.as_deref();
    let log_files = logs.map_or_else(BTreeMap::new, |logs| {
        let entry = |file: &crate::model::logs::LogFile| LogFile {
            size: file.size,
            modified: file.modified.map(|at| ask.naive(at)),
        };
        logs.files.iter().map(|file| (file.name.as_str(), entry(file))).collect()
    });
    let age = live.map(|live| Age::of(live.reading.at, ask.now));
    let push = push(ask, &mut unknown);
    Ok(json(
        200,
        &Status {
            status: "running",
            timestamp: ask.naive(ask.now),
            coordinator_running: pid.is_some(),
            coordinator_pid: pid,
            data_source: data_source(live, ask.now),
            log_files,
            server_uptime: round_to(uptime.as_secs_f64(), 3),
            server_uptime_human: human_duration(uptime),
            storage: storage(ask),
            background_worker: worker(ask),
            version: env!("CARGO_PKG_VERSION"),
            demo: ask.facts.demo,
            months: MonthsState {
                summed: snapshot.months.known.len(),
                complete: snapshot.months.complete,
                oldest: snapshot.months.oldest.map(|month| month.to_string()),
                error: snapshot.months.error.as_deref(),
            },
            backfill: snapshot.backfill.map(|backfill| BackfillState {
                done_days: backfill.done_days,
                total_days: backfill.total_days,
                eta_s: backfill.eta.map(|eta| round_to(eta.as_secs_f64(), 1)),
            }),
            own_database: OwnDatabaseState {
                error: snapshot.own_database.error.as_deref(),
                set_aside: snapshot.own_database.set_aside.as_deref(),
            },
            push,
            age_s: age.and_then(Age::seconds),
            stale: !live.is_some_and(|live| is_fresh(live, ask.now)),
            as_of: live.map(|live| ask.rfc3339(live.reading.at)),
            stale_after: live.map(|live| ask.rfc3339(live.reading.at + FRESH)),
            source: live.and_then(|live| live.origin.name()),
            unknown,
        },
    ))
}

fn storage<'a>(ask: &'a Ask<'_>) -> Storage<'a> {
    let snapshot = &ask.snapshot;
    let decisions = snapshot.metrics.value.as_deref().and_then(|metrics| metrics.decisions.as_deref());
    let yesterday = ask.now - Duration::from_secs(86_400);
    let newest = decisions.and_then(|feed| feed.content.marks.first());
    let from_files = [snapshot.live.value.as_deref().map(|live| live.origin), decisions.map(|feed| feed.origin)]
        .contains(&Some(Origin::Files));
    let connected = snapshot.database == DatabaseState::Connected;
    let kind = match (connected, from_files, ask.facts.database_configured) {
        (true, ..) => Some("sqlite"),
        (false, true, _) => Some("file"),
        (false, false, true) => Some("sqlite"),
        (false, false, false) => None,
    };
    let error = match &snapshot.database {
        DatabaseState::Failing(why) => Some(why.as_str()),
        _ => None,
    };
    Storage { connected, has_data: newest.is_some_and(|mark| mark.at >= yesterday), kind, error }
}

fn worker<'a>(ask: &'a Ask<'_>) -> Worker<'a> {
    let snapshot = &ask.snapshot;
    let ages = [
        (snapshot.live.age(ask.instant), ask.facts.live_interval),
        (snapshot.prices.age(ask.instant), ask.facts.price_interval),
        (snapshot.metrics.age(ask.instant), ask.facts.metrics_interval),
    ];
    let alive = snapshot.gone.is_empty();
    let health = if !alive {
        "failed"
    } else if ages.iter().any(|(age, interval)| is_late(*age, *interval)) {
        "stale"
    } else {
        "healthy"
    };
    let seconds = |age: Option<Duration>| age.map(|age| round_to(age.as_secs_f64(), 1));
    Worker {
        alive,
        health,
        cache_ages: CacheAges {
            inverter_s: seconds(ages[0].0),
            price_s: seconds(ages[1].0),
            metrics_s: seconds(ages[2].0),
            process_s: seconds(snapshot.process.age(ask.instant)),
            logs_s: seconds(snapshot.logs.age(ask.instant)),
        },
        last_errors: LastErrors {
            inverter: live_error(&snapshot.live, ask.now),
            price: snapshot.prices.error.as_deref(),
            metrics: snapshot.metrics.error.as_deref(),
            process: snapshot.process.error.as_deref(),
            logs: snapshot.logs.error.as_deref(),
        },
        failures: Failures {
            inverter: snapshot.live.failures,
            price: snapshot.prices.failures,
            metrics: snapshot.metrics.failures,
        },
        gone: &snapshot.gone,
    }
}

/// Whether there was a first load: without one, and without a value, an answer must wait.
pub fn refuse_before_first<T>(section: &Section<T>, what: &str) -> Result<(), Refusal> {
    if section.value.is_none() && section.attempted.is_none() {
        return Err(Refusal::not_yet(what, None));
    }
    Ok(())
}
