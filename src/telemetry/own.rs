//! This program: what it takes from the machine, what it was asked, what it is.

use super::{Edge, Family, Kind, Moment, Sample, Value, counter, gauge, seconds};
use crate::model::disk::{Disk, Space};
use crate::model::footprint::Footprint;

/// The hundreds of an answer's status.
const CODES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];
/// A wall clock that was set by more than so much since the start makes the start's own time worthless.
const CLOCK_SET_S: f64 = 60.0;

pub const FAMILIES: &[Family] = &[
    Family {
        name: "wattboard_build",
        kind: Kind::Info,
        unit: "",
        labels: &["version", "arch", "os", "profile", "demo"],
        help: "What runs here.",
        read: |m, out| {
            let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
            let labels = vec![
                ("version", m.program.version.into()),
                ("arch", std::env::consts::ARCH.into()),
                ("os", std::env::consts::OS.into()),
                ("profile", profile.into()),
                ("demo", if m.program.is_demo { "true" } else { "false" }.into()),
            ];
            out.push(labels, Some(1.0));
        },
    },
    counter("process_cpu_seconds", "seconds", &[], "Processor time, user and system.", |m, out| {
        out.put(own(m).map(|own| own.cpu_s));
    }),
    gauge("process_resident_memory_bytes", "bytes", &[], "Resident memory.", |m, out| {
        out.put(own(m).map(|own| own.resident_bytes as f64));
    }),
    gauge("process_open_fds", "", &[], "Open file descriptors.", |m, out| {
        out.put(own(m).map(|own| own.descriptors as f64));
    }),
    gauge("process_threads", "", &[], "Threads.", |m, out| {
        out.put(own(m).map(|own| own.threads as f64));
    }),
    gauge("process_start_time_seconds", "seconds", &[], "When Wattboard was started.", |m, out| {
        let (stated, reckoned) =
            (seconds(m.program.started_at), m.back(m.instant.saturating_duration_since(m.program.started)));
        out.put(Some(if (stated - reckoned).abs() > CLOCK_SET_S { reckoned } else { stated }));
    }),
    counter(
        "wattboard_own_written_bytes",
        "bytes",
        &[],
        "What Wattboard had written to storage; nothing where the kernel does not tell.",
        |m, out| out.put(own(m).and_then(|own| own.written_bytes).map(|bytes| bytes as f64)),
    ),
    counter(
        "wattboard_own_read_bytes",
        "bytes",
        &[],
        "What Wattboard had read from storage; nothing where the kernel does not tell.",
        |m, out| out.put(own(m).and_then(|own| own.read_bytes).map(|bytes| bytes as f64)),
    ),
    counter(
        "wattboard_device_written_bytes",
        "bytes",
        &["device"],
        "What all programs had written to the disk that holds the site, since the machine's start.",
        |m, out| {
            let written = disk(m).and_then(|disk| disk.whole.as_ref().or(disk.device.as_ref()).ok());
            if let Some(device) = written {
                out.put_as("device", &*device.name, Some(device.boot_bytes as f64));
            }
        },
    ),
    gauge("wattboard_disk_size_bytes", "bytes", &[], "Size of the file system that holds the site.", |m, out| {
        out.put(room(m).map(|space| space.total_bytes as f64));
    }),
    gauge("wattboard_disk_free_bytes", "bytes", &[], "What is free of it for an ordinary user.", |m, out| {
        out.put(room(m).map(|space| space.free_bytes as f64));
    }),
    gauge(
        "wattboard_database_size_bytes",
        "bytes",
        &[],
        "Size of the coordinator's database with its write-ahead log.",
        |m, out| out.put(disk(m).and_then(|disk| Some(disk.database.as_ref().ok()?.bytes as f64))),
    ),
    counter("wattboard_publications", "", &[], "How often something new was put on show.", |m, out| {
        out.put(Some(m.snapshot.publication as f64));
    }),
    counter("wattboard_http_requests", "", &["code"], "Requests answered, by the hundreds of the status.", |m, out| {
        for (code, count) in CODES.into_iter().zip(m.edge.into_iter().flat_map(|edge| edge.answers)) {
            out.put_as("code", code, Some(count as f64));
        }
    }),
    Family {
        name: "wattboard_http_request_duration_seconds",
        kind: Kind::Histogram,
        unit: "seconds",
        labels: &[],
        help: "How long answers took.",
        read: |m, out| {
            let took = m.edge.map(|edge| Value::Distribution(edge.took.clone()));
            out.0.extend(took.map(|value| Sample { labels: Vec::new(), value }));
        },
    },
    counter("wattboard_http_overloads", "", &[], "Requests refused because too much was under way.", |m, out| {
        out.put(edge(m, |edge| edge.overloads));
    }),
    counter("wattboard_http_sent_bytes", "bytes", &[], "Bytes sent, heads included.", |m, out| {
        out.put(edge(m, |edge| edge.sent_bytes));
    }),
    gauge("wattboard_http_connections", "", &[], "Connections open now.", |m, out| {
        out.put(edge(m, |edge| edge.connections));
    }),
    gauge("wattboard_http_event_streams", "", &[], "Event streams open now.", |m, out| {
        out.put(edge(m, |edge| edge.event_streams));
    }),
    counter("wattboard_panics", "", &[], "Faults of the program that were contained.", |m, out| {
        out.put(edge(m, |edge| edge.panics));
    }),
];

/// What it takes, while that is as new as it should be.
fn own<'a>(moment: &Moment<'a>) -> Option<&'a Footprint> {
    moment.value(&moment.snapshot.footprint, moment.intervals.process)
}

/// The disk that holds the site, while that is as new as it should be.
fn disk<'a>(moment: &Moment<'a>) -> Option<&'a Disk> {
    moment.value(&moment.snapshot.disk, moment.intervals.process)
}

fn room(moment: &Moment<'_>) -> Option<Space> {
    Some(disk(moment)?.room.as_ref().ok()?.space)
}

fn edge(moment: &Moment<'_>, pick: fn(&Edge) -> u64) -> Option<f64> {
    moment.edge.map(|edge| pick(edge) as f64)
}
