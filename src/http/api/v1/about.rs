//! `/api/v1/about`: what this program is, what it takes, and how fast it answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::super::{Ask, Reply, Unknown, json};
use super::disk::{Disk, disk};
use crate::http::counters::{Counters, Snapshot as Counted};
use crate::http::limits::Limits;
use crate::model::time::human_duration;

#[derive(Serialize)]
struct About<'a> {
    service: &'a str,
    version: &'a str,
    build: Build,
    demo: bool,
    timestamp: String,
    uptime_s: f64,
    uptime_human: String,
    process: Option<Process>,
    disk: Option<Disk<'a>>,
    connections: Option<Connections>,
    requests: Option<Requests>,
    limits: Vec<Limit>,
    latency: Vec<Latency>,
    publications: u64,
    site: Site<'a>,
    unknown: Unknown,
}

#[derive(Serialize)]
struct Build {
    arch: &'static str,
    os: &'static str,
    profile: &'static str,
}

#[derive(Serialize)]
struct Process {
    as_of: Option<String>,
    rss_bytes: u64,
    cpu_s: f64,
    threads: u64,
    descriptors: u64,
    read_bytes: Option<u64>,
    written_bytes: Option<u64>,
}

#[derive(Serialize)]
struct Connections {
    open: u64,
    accepted: u64,
    turned_away: u64,
    accept_errors: u64,
    event_streams: u64,
    closed: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct Requests {
    total: u64,
    by_status: BTreeMap<&'static str, u64>,
    bad_heads: u64,
    overloads: u64,
    contained_panics: u64,
    slow_writes: u64,
    bytes_sent: u64,
}

/// A bound, and how often it was reached.
#[derive(Serialize)]
struct Limit {
    name: &'static str,
    value: u64,
    reached: u64,
    then: &'static str,
}

#[derive(Serialize)]
struct Latency {
    route: &'static str,
    count: u64,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

#[derive(Serialize)]
struct Site<'a> {
    timezone: &'a str,
    tariff: &'a str,
    database: Option<&'static str>,
}

/// `/api/v1/about`; `routes` are the names of the classes of requests.
pub fn answer(
    ask: &Ask<'_>,
    edge: Option<&(Arc<Counters>, Limits)>,
    routes: impl Iterator<Item = &'static str>,
) -> Reply {
    let counters = edge.map(|(counters, _)| &**counters);
    let uptime = ask.instant.saturating_duration_since(ask.facts.started);
    let footprint = &ask.snapshot.footprint;
    let mut unknown = Unknown::new();
    if footprint.value.is_none() {
        let why = footprint.error.clone().unwrap_or_else(|| "it was not looked at yet".to_owned());
        unknown.insert("process".into(), why);
    }
    let process = footprint.value.as_deref().map(|found| Process {
        as_of: footprint.as_of.map(|at| ask.rfc3339(at)),
        rss_bytes: found.resident_bytes,
        cpu_s: found.cpu_s,
        threads: found.threads,
        descriptors: found.descriptors,
        read_bytes: found.read_bytes,
        written_bytes: found.written_bytes,
    });
    if process.as_ref().is_some_and(|process| process.read_bytes.is_none()) {
        unknown.insert("process.read_bytes, process.written_bytes".into(), "the kernel does not tell".into());
    }
    let disk = disk(ask, &mut unknown);
    let counted = counters.map(Counters::snapshot);
    let latency = counters.map_or(Vec::new(), |counters| {
        let of_class = |(class, route): (usize, &'static str)| {
            let found = counters.latencies.of(class).quantiles()?;
            let ms = |time: Duration| time.as_micros() as f64 / 1000.0;
            let (p50_ms, p90_ms, p99_ms, max_ms) = (ms(found.p50), ms(found.p90), ms(found.p99), ms(found.max));
            Some(Latency { route, count: found.count, p50_ms, p90_ms, p99_ms, max_ms })
        };
        routes.enumerate().filter_map(of_class).collect()
    });
    Ok(json(
        200,
        &About {
            service: "wattboard",
            version: env!("CARGO_PKG_VERSION"),
            build: Build {
                arch: std::env::consts::ARCH,
                os: std::env::consts::OS,
                profile: if cfg!(debug_assertions) { "debug" } else { "release" },
            },
            demo: ask.facts.demo,
            timestamp: ask.rfc3339(ask.now),
            uptime_s: uptime.as_secs_f64().floor(),
            uptime_human: human_duration(uptime),
            process,
            disk,
            connections: counted.as_ref().map(connections),
            requests: counted.as_ref().map(requests),
            limits: counted.as_ref().zip(edge).map_or(Vec::new(), |(counted, (_, limits))| bounds(counted, limits)),
            latency,
            publications: ask.snapshot.publication,
            site: Site {
                timezone: &ask.facts.zone_name,
                tariff: &ask.facts.tariff,
                database: ask.snapshot.database.words(),
            },
            unknown,
        },
    ))
}

fn connections(counted: &Counted) -> Connections {
    Connections {
        open: counted.open(),
        accepted: counted.accepted,
        turned_away: counted.turned_away,
        accept_errors: counted.accept_errors,
        event_streams: counted.event_streams,
        closed: BTreeMap::from([
            ("by_client", counted.closed_by_client),
            ("answered", counted.closed_answered),
            ("idle", counted.closed_idle),
            ("slow_head", counted.closed_slow_head),
            ("slow_reader", counted.closed_slow_reader),
            ("slow_subscriber", counted.closed_slow_subscriber),
            ("evicted", counted.closed_evicted),
            ("refused", counted.closed_refused),
            ("broken", counted.closed_broken),
            ("left", counted.closed_left),
            ("slow_subscriber", counted.closed_slow_subscriber),
            ("shutdown", counted.closed_shutdown),
        ]),
    }
}

/// Every limit of `web_server.limits`, and its counter.
fn bounds(counted: &Counted, limits: &Limits) -> Vec<Limit> {
    let count = |value: usize| value as u64;
    let answered_503 = "503";
    let busy = counted.overloads.saturating_sub(counted.busy_downloads);
    [
        (
            "connections",
            count(limits.connections),
            counted.closed_evicted + counted.turned_away,
            "the longest idle one is closed, else 503",
        ),
        (
            "per_address",
            count(limits.per_address),
            counted.evicted_by_address,
            "the longest idle one of the address is closed, else 503",
        ),
        ("head_bytes", count(limits.head_bytes), counted.large_heads, "431 or 414; counted together with headers"),
        ("headers", count(limits.headers), counted.large_heads, "431; counted together with head_bytes"),
        ("head_seconds", limits.head_time.as_secs(), counted.closed_slow_head, "408"),
        ("idle_seconds", limits.idle_time.as_secs(), counted.closed_idle, "closed"),
        ("write_seconds", limits.write_time.as_secs(), counted.closed_slow_reader, "closed"),
        ("queue", count(limits.queue), busy, "503; counted together with in_flight"),
        ("in_flight", count(limits.in_flight), busy, "503; counted together with queue"),
        ("downloads", count(limits.detached), counted.busy_downloads, answered_503),
        ("event_streams", count(limits.event_streams), counted.busy_streams, answered_503),
    ]
    .into_iter()
    .map(|(name, value, reached, then)| Limit { name, value, reached, then })
    .collect()
}

fn requests(counted: &Counted) -> Requests {
    Requests {
        total: counted.requests,
        by_status: BTreeMap::from([
            ("2xx", counted.answers_2xx),
            ("3xx", counted.answers_3xx),
            ("4xx", counted.answers_4xx),
            ("5xx", counted.answers_5xx),
        ]),
        bad_heads: counted.bad_heads,
        overloads: counted.overloads,
        contained_panics: counted.panics,
        slow_writes: counted.slow_writes,
        bytes_sent: counted.bytes_sent,
    }
}
