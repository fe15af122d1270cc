//! Where figures come from: how each source is doing and since when, the coordinator, its logs.

use std::borrow::Cow;
use std::time::Duration;

use super::freshness::{LOGS, State};
use super::{Family, Moment, counter, flag, gauge, seconds};
use crate::config::Interval;
use crate::model::logs::{Held, Level, LogFile};
use crate::snapshot::{DatabaseState, Section};

/// What the journal is called among the log files.
const JOURNAL: &str = "journal";

pub const FAMILIES: &[Family] = &[
    gauge(
        "wattboard_reading_timestamp_seconds",
        "seconds",
        &[],
        "When the inverter was read last, by the reading's own time; it stays when the reading is too old to be shown.",
        |m, out| out.put(m.snapshot.live.value.as_deref().map(|live| seconds(live.reading.at))),
    ),
    gauge(
        "wattboard_source_checked_timestamp_seconds",
        "seconds",
        &["source"],
        "When a source was last asked with success, also where it had nothing new.",
        |m, out| {
            for source in sources(m) {
                out.put_as("source", source.name, source.age.map(|age| m.back(age)));
            }
        },
    ),
    gauge(
        "wattboard_source_state",
        "",
        &["source", "state"],
        "1 for the state that a source is in, 0 for the others: ok, stale, failed, off (by the config), loading.",
        |m, out| {
            for source in sources(m) {
                for state in State::ALL {
                    let labels = vec![("source", source.name.into()), ("state", state.name().into())];
                    out.push(labels, flag(state == source.state));
                }
            }
        },
    ),
    gauge("wattboard_source_failures", "", &["source"], "Failed attempts in a row.", |m, out| {
        for source in sources(m) {
            out.put_as("source", source.name, source.failures.map(f64::from));
        }
    }),
    gauge(
        "wattboard_database_up",
        "",
        &[],
        "1 while the coordinator's database answers, 0 while it does not.",
        |m, out| {
            out.put(match m.snapshot.database {
                DatabaseState::Connected => flag(true),
                DatabaseState::Failing(_) => flag(false),
                DatabaseState::Disabled | DatabaseState::Unknown => None,
            });
        },
    ),
    gauge(
        "wattboard_own_database_up",
        "",
        &[],
        "1 while Wattboard can remember prices and sums in its own database, 0 while it cannot.",
        |m, out| out.put(flag(m.snapshot.own_database.error.is_none())),
    ),
    gauge(
        "wattboard_coordinator_running",
        "",
        &[],
        "1 while the coordinator's process runs, 0 while it does not.",
        |m, out| {
            let found = m.value(&m.snapshot.process, m.intervals.process);
            out.put(found.and_then(|coordinator| flag(coordinator.pid.is_some())));
        },
    ),
    counter(
        "wattboard_log_lines",
        "",
        &["log", "level"],
        "Lines of the coordinator's logs by level, of those written since Wattboard was started.",
        |m, out| {
            for (name, held) in logs(m) {
                for (level, count) in Level::ALL.into_iter().zip(held.counted) {
                    let labels = vec![("log", name.clone()), ("level", level.name().into())];
                    out.push(labels, Some(count as f64));
                }
            }
        },
    ),
    gauge("wattboard_log_size_bytes", "bytes", &["log"], "Size of each log file that is followed.", |m, out| {
        files(m).for_each(|file| out.put_as("log", &*file.name, Some(file.size as f64)));
    }),
];

/// How one source is doing.
struct Source {
    name: &'static str,
    state: State,
    age: Option<Duration>,
    /// `None` where nobody counts them.
    failures: Option<u32>,
}

fn sources(moment: &Moment<'_>) -> [Source; 6] {
    let (snapshot, of) = (moment.snapshot, moment.intervals);
    let mut live = source(moment, "live", &snapshot.live, of.live);
    live.state = live.state.with_reading(&snapshot.live, moment.now);
    [
        live,
        source(moment, "metrics", &snapshot.metrics, of.metrics),
        source(moment, "prices", &snapshot.prices, of.prices),
        source(moment, "process", &snapshot.process, of.process),
        source(moment, "logs", &snapshot.logs, LOGS),
        Source { name: "months", state: State::of_months(snapshot), age: None, failures: None },
    ]
}

fn source<T>(moment: &Moment<'_>, name: &'static str, section: &Section<T>, interval: Interval) -> Source {
    Source {
        name,
        state: State::of(section, moment.snapshot.gone.contains_key(name), interval, moment.instant),
        age: section.age(moment.instant),
        failures: Some(section.failures),
    }
}

/// Log files that are followed: few, however many lie in the folder.
fn files<'a>(moment: &Moment<'a>) -> impl Iterator<Item = &'a LogFile> {
    let known = moment.value(&moment.snapshot.logs, LOGS);
    known.into_iter().flat_map(|logs| &logs.files).filter(|file| file.error.is_none())
}

fn logs<'a>(moment: &Moment<'a>) -> impl Iterator<Item = (Cow<'a, str>, &'a Held)> {
    let files = files(moment).map(|file| (Cow::from(&*file.name), &file.held));
    let known = moment.value(&moment.snapshot.logs, LOGS);
    let journal = known.and_then(|logs| logs.journal.as_ref()).map(|journal| (Cow::from(JOURNAL), &journal.held));
    files.chain(journal)
}
