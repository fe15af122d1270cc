//! What is written to the site's disk and how long it lasts, as `/api/v1/about` tells it.

use serde::Serialize;

use super::super::{Ask, Unknown};
use crate::model::disk::{Growth, Known, OwnWrites, Pace, Room, Writes};

/// The disk that holds the site.
#[derive(Serialize)]
pub struct Disk<'a> {
    as_of: Option<String>,
    own: Own,
    device: Option<Written<'a>>,
    whole: Option<Written<'a>>,
    database: Option<Grown>,
    room: Option<Left>,
}

#[derive(Serialize)]
struct Own {
    written_bytes: Option<u64>,
    bytes_a_day: Option<i64>,
    over_s: u64,
}

#[derive(Serialize)]
struct Written<'a> {
    name: &'a str,
    boot_bytes: u64,
    boot_bytes_a_day: Option<i64>,
    boot_s: u64,
    watched_bytes: u64,
    watched_s: u64,
    bytes_a_day: Option<i64>,
    over_s: u64,
}

#[derive(Serialize)]
struct Grown {
    bytes: u64,
    bytes_a_day: Option<i64>,
    over_s: u64,
}

#[derive(Serialize)]
struct Left {
    total_bytes: u64,
    used_bytes: u64,
    free_bytes: u64,
    bytes_a_day: Option<i64>,
    over_s: u64,
    days_until_full: Option<u64>,
}

/// `disk`; `unknown` takes the reasons for what is not known of it.
pub fn disk<'a>(ask: &'a Ask<'_>, unknown: &mut Unknown) -> Option<Disk<'a>> {
    let section = &ask.snapshot.disk;
    let Some(found) = section.value.as_deref() else {
        unknown.insert("disk".into(), section.error.clone().unwrap_or_else(|| "it was not looked at yet".to_owned()));
        return None;
    };
    let mut notes = Notes { unknown };
    let OwnWrites { written_bytes, pace } = &found.own;
    Some(Disk {
        as_of: section.as_of.map(|at| ask.rfc3339(at)),
        own: Own {
            written_bytes: notes.take("own.written_bytes", written_bytes).copied(),
            bytes_a_day: notes.pace("own.bytes_a_day", pace),
            over_s: pace.over.as_secs(),
        },
        device: notes.writes("device", &found.device),
        whole: notes.writes("whole", &found.whole),
        database: notes.take("database", &found.database).map(|Growth { bytes, pace }| Grown {
            bytes: *bytes,
            bytes_a_day: notes.pace("database.bytes_a_day", pace),
            over_s: pace.over.as_secs(),
        }),
        room: notes.take("room", &found.room).map(|Room { space, pace, days_until_full }| Left {
            total_bytes: space.total_bytes,
            used_bytes: space.used_bytes,
            free_bytes: space.free_bytes,
            bytes_a_day: notes.pace("room.bytes_a_day", pace),
            over_s: pace.over.as_secs(),
            days_until_full: notes.take("room.days_until_full", days_until_full).copied(),
        }),
    })
}

struct Notes<'u> {
    unknown: &'u mut Unknown,
}

impl Notes<'_> {
    /// The value, or its reason noted.
    fn take<'k, T>(&mut self, path: &str, known: &'k Known<T>) -> Option<&'k T> {
        known.as_ref().map_err(|why| self.unknown.insert(format!("disk.{path}"), why.clone())).ok()
    }

    fn pace(&mut self, path: &str, pace: &Pace) -> Option<i64> {
        self.take(path, &pace.bytes_a_day).copied()
    }

    fn writes<'k>(&mut self, name: &str, known: &'k Known<Writes>) -> Option<Written<'k>> {
        let found = self.take(name, known)?;
        Some(Written {
            name: &found.name,
            boot_bytes: found.boot_bytes,
            boot_bytes_a_day: self.pace(&format!("{name}.boot_bytes_a_day"), &found.boot_pace),
            boot_s: found.boot_pace.over.as_secs(),
            watched_bytes: found.watched_bytes,
            watched_s: found.watched.as_secs(),
            bytes_a_day: self.pace(&format!("{name}.bytes_a_day"), &found.pace),
            over_s: found.pace.over.as_secs(),
        })
    }
}
