//! How the sources are doing, one word each, and the coordinator's process.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;

use super::super::{Ask, Unknown};
use crate::base::units::round_to;
use crate::config::Interval;
use crate::snapshot::Section;
use crate::telemetry::freshness::{FRESH, LOGS, State, cache_limit};

/// How one source is doing.
#[derive(Serialize)]
struct Source<'a> {
    /// `ok`, `stale` (older than it should be), `failed` (the last attempt, or its thread is gone), `off`, `loading`.
    #[serde(serialize_with = "name")]
    state: State,
    /// Why it is not `ok`: the last failure, else since when it is stale.
    error: Option<Cow<'a, str>>,
    #[serde(flatten)]
    times: Option<Times>,
}

#[derive(Serialize)]
struct Times {
    age_s: Option<f64>,
    as_of: Option<String>,
}

/// All of them.
#[derive(Serialize)]
pub struct Sources<'a> {
    live: Source<'a>,
    metrics: Source<'a>,
    prices: Source<'a>,
    process: Source<'a>,
    logs: Source<'a>,
    months: Source<'a>,
}

/// The coordinator's process; nulls while nobody has looked.
#[derive(Serialize)]
pub struct Coordinator {
    running: Option<bool>,
    pid: Option<i32>,
}

/// Whether ages are told: not where they would freeze.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ages {
    /// The answer is made for one request.
    Told,
    /// It is made for later.
    LeftOut,
}

fn name<S: serde::Serializer>(state: &State, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(state.name())
}

/// How all sources are doing.
pub fn sources<'a>(ask: &'a Ask<'_>, ages: Ages, unknown: &mut Unknown) -> Sources<'a> {
    let (snapshot, facts) = (&ask.snapshot, ask.facts);
    let mut live = section(ask, "live", &snapshot.live, facts.live_interval, ages, unknown);
    live.state = live.state.with_reading(&snapshot.live, ask.now);
    if live.state == State::Stale
        && snapshot.live.error.is_none()
        && let Some(found) = snapshot.live.value.as_deref()
    {
        live.error = Some(format!("the newest reading is of {}", ask.rfc3339(found.reading.at)).into());
    }
    Sources {
        live,
        metrics: section(ask, "metrics", &snapshot.metrics, facts.metrics_interval, ages, unknown),
        prices: section(ask, "prices", &snapshot.prices, facts.price_interval, ages, unknown),
        process: section(ask, "process", &snapshot.process, facts.process_interval, ages, unknown),
        logs: section(ask, "logs", &snapshot.logs, LOGS, ages, unknown),
        months: months(ask, ages, unknown),
    }
}

fn section<'a, T>(
    ask: &'a Ask<'_>,
    name: &str,
    section: &'a Section<T>,
    interval: Interval,
    ages: Ages,
    unknown: &mut Unknown,
) -> Source<'a> {
    let age = section.age(ask.instant);
    let gone = ask.snapshot.gone.get(name).map(String::as_str);
    let state = State::of(section, gone.is_some(), interval, ask.instant);
    let times = (ages == Ages::Told).then(|| {
        if age.is_none() {
            unknown.insert(format!("sources.{name}.age_s"), "it was never read successfully so far".into());
        }
        Times { age_s: age.map(|age| round_to(age.as_secs_f64(), 1)), as_of: section.as_of.map(|at| ask.rfc3339(at)) }
    });
    let error = gone.or(section.error.as_deref()).map(Cow::from);
    let late = || Some(format!("it was last read at {}", ask.rfc3339(section.as_of?)).into());
    Source { state, error: error.or_else(|| late().filter(|_| state == State::Stale)), times }
}

/// Past months have no section: they are summed once, then looked at for late rows.
fn months<'a>(ask: &'a Ask<'_>, ages: Ages, unknown: &mut Unknown) -> Source<'a> {
    let months = &ask.snapshot.months;
    let error = ask.snapshot.gone.get("months").or(months.error.as_ref()).map(String::as_str);
    let state = State::of_months(&ask.snapshot);
    let times = (ages == Ages::Told).then(|| {
        unknown.insert("sources.months.age_s".into(), "past months do not age".into());
        Times { age_s: None, as_of: None }
    });
    Source { state, error: error.map(Cow::from), times }
}

/// The coordinator's process.
pub fn coordinator(ask: &Ask<'_>, unknown: &mut Unknown) -> Coordinator {
    let section = &ask.snapshot.process;
    let Some(found) = section.value.as_deref() else {
        let why = section.error.clone().unwrap_or_else(|| "the processes were not looked at yet".into());
        unknown.insert("coordinator".into(), why);
        return Coordinator { running: None, pid: None };
    };
    Coordinator { running: Some(found.pid.is_some()), pid: found.pid }
}

/// After which time something becomes stale by itself, if nothing else happens.
pub fn next_change(ask: &Ask<'_>) -> Option<Duration> {
    let (snapshot, facts) = (&ask.snapshot, ask.facts);
    let caches = [
        (snapshot.live.age(ask.instant), facts.live_interval),
        (snapshot.metrics.age(ask.instant), facts.metrics_interval),
        (snapshot.prices.age(ask.instant), facts.price_interval),
        (snapshot.process.age(ask.instant), facts.process_interval),
        (snapshot.logs.age(ask.instant), LOGS),
    ];
    let caches = caches.into_iter().filter_map(|(age, interval)| cache_limit(interval)?.checked_sub(age?));
    let live = snapshot.live.value.as_deref();
    let dates = live.into_iter().flat_map(|live| [Some(live.reading.at), live.file_modified]).flatten();
    let ends = dates.filter_map(|at| Duration::try_from((at + FRESH).duration_since(ask.now)).ok());
    caches.chain(ends).min()
}
